//! Unpacks a wheel into the form of a conda package, and holds it to its `RECORD`.

use std::{
    collections::BTreeMap,
    io::{self, Write as _},
    path::Path,
};

use bytes::BytesMut;
use gpuenv_core::wheels::Written;
use rattler_conda_types::{
    PackageRecord, RepoDataRecord,
    package::{PackageFile, ParseEntryPointError, PathsJson},
};
use rattler_package_streaming::{ExtractError, fs, wheel::WheelError};
use tempfile::TempPath;
use tokio::io::{AsyncRead, AsyncReadExt};
use zip::{ZipArchive, result::ZipError};

use super::{
    ByUv,
    convert::{compare, convert, written},
    limit::Limit,
};

/// How much of an archive is gathered before it is written down, in bytes.
const PIECE: usize = 1 << 20;

/// A wheel up to this size is unpacked from memory, in bytes.
const SMALL: u64 = 16 << 20;

/// Takes an archive as it arrives and writes it down in a file beside a directory.
///
/// A wheel has its list of files at the end, so it is unpacked later.
pub(super) async fn receive(
    mut reader: impl AsyncRead + Unpin,
    directory: &Path,
) -> io::Result<TempPath> {
    let beside = directory.parent().unwrap_or(directory);
    let (mut file, path) = tempfile::Builder::new()
        .prefix(".gpuenv-archive-")
        .tempfile_in(beside)?
        .into_parts();
    loop {
        let mut piece = BytesMut::with_capacity(PIECE);
        while piece.len() < PIECE && reader.read_buf(&mut piece).await? > 0 {}
        if piece.is_empty() {
            return Ok(path);
        }
        let written = tokio::task::spawn_blocking(move || file.write_all(&piece).map(|()| file));
        file = written.await.map_err(io::Error::other)??;
    }
}

/// Unpacks a wheel, whose hash is right, into a new directory.
pub(super) async fn unpack(
    archive: TempPath,
    directory: &Path,
    record: &RepoDataRecord,
    limit: &Limit,
    by_uv: Option<&ByUv>,
) -> Result<(), ExtractError> {
    let refused = {
        let (archive, limit) = (archive.to_path_buf(), limit.clone());
        let (directory, record) = (directory.to_path_buf(), record.package_record.clone());
        let unpack = move || {
            limit.check(declared(&archive)?)?;
            if quickly(&archive, &directory, &record)? {
                return Ok(Ok(()));
            }
            match fs::extract_wheel(&archive, &directory, &record) {
                Err(error) if is_refused(&error) => return Ok(Err(error)),
                result => result?,
            };
            verify(&archive, &directory, Scripts::OfWheel)?;
            Ok(Ok(()))
        };
        match tokio::task::spawn_blocking(unpack).await {
            Ok(Ok(Ok(()))) => return Ok(()),
            Ok(Ok(Err(refused))) => refused,
            Ok(Err(error)) => return Err(error),
            Err(_) => return Err(ExtractError::Cancelled),
        }
    };
    let Some(by_uv) = by_uv else {
        return Err(refused);
    };
    by_uv.unpack(&archive, directory, record).await?;
    let directory = directory.to_path_buf();
    let judge = move || verify(&archive, &directory, Scripts::Launchers);
    match tokio::task::spawn_blocking(judge).await {
        Ok(result) => result,
        Err(_) => Err(ExtractError::Cancelled),
    }
}

/// Unpacks an ordinary wheel; `false` if it is none.
fn quickly(archive: &Path, directory: &Path, record: &PackageRecord) -> Result<bool, ExtractError> {
    let file = fs_err::File::open(archive)?;
    match file.metadata()?.len() <= SMALL {
        true => {
            let bytes = io::Cursor::new(fs_err::read(archive)?);
            convert(&mut ZipArchive::new(bytes)?, directory, record)
        }
        false => {
            let reader = io::BufReader::new(file);
            convert(&mut ZipArchive::new(reader)?, directory, record)
        }
    }
}

/// Returns whether an honest wheel can be refused so: its form is one that has no
/// place among conda packages. What lies or wants to get out is no such wheel.
pub(super) fn is_refused(error: &ExtractError) -> bool {
    match error {
        ExtractError::WheelError(error) => match error {
            WheelError::Metadata(text) => !text.contains(RECORD),
            WheelError::DestinationCollision(_) => true,
            WheelError::EntryPoint(error) => !matches!(
                error,
                ParseEntryPointError::CommandContainsPathSeparator(_)
                    | ParseEntryPointError::CommandIsTraversal(_)
                    | ParseEntryPointError::CommandIsAbsolute(_)
            ),
            WheelError::IdentityMismatch { .. }
            | WheelError::GenericNoArch
            | WheelError::DuplicatePath(_)
            | WheelError::ReservedPath(_)
            | WheelError::UnsupportedScheme { .. } => false,
        },
        ExtractError::ZipError(ZipError::UnsupportedArchive(_))
        | ExtractError::ZipError(ZipError::CompressionMethodNotSupported(_)) => true,
        _ => false,
    }
}

/// How every complaint about a `RECORD` names it.
const RECORD: &str = "`RECORD`";

/// Returns how large the files are together, as the archive says. One that lies
/// becomes at most a thousand times its own size, which is what deflate can do.
///
/// Of two files of one name, readers of archives disagree which one counts.
fn declared(archive: &Path) -> Result<u64, ExtractError> {
    let mut archive = ZipArchive::new(io::BufReader::new(fs_err::File::open(archive)?))?;
    if archive.has_duplicate_names() {
        return Err(io::Error::other("it holds two files of one name").into());
    }
    let mut bytes = 0u64;
    for index in 0..archive.len() {
        bytes = bytes.saturating_add(archive.by_index_raw(index)?.size());
    }
    Ok(bytes)
}

/// Where the scripts of an unpacked wheel come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Scripts {
    /// All are files of the wheel; the launchers are made when it is linked.
    OfWheel,
    /// Launchers of uv are among them.
    Launchers,
}

/// Compares what was unpacked with the `RECORD` in the archive.
fn verify(archive: &Path, directory: &Path, scripts: Scripts) -> Result<(), ExtractError> {
    let mut archive = ZipArchive::new(io::BufReader::new(fs_err::File::open(archive)?))?;
    let (name, stem) =
        record_name(&archive).ok_or_else(|| WheelError::Metadata("no `RECORD`".to_string()))?;
    let paths = PathsJson::from_package_directory(directory)?;
    let is_launcher = |path: &str, written: &Written| {
        let script = path.strip_prefix("python-scripts/");
        let member = script.map(|name| format!("{stem}.data/scripts/{name}"));
        scripts == Scripts::Launchers
            && written.sha256.is_none()
            && member.is_some_and(|member| archive.index_for_name(&member).is_none())
    };
    let files: BTreeMap<String, Written> = paths
        .paths
        .iter()
        .map(written)
        .filter(|(path, written)| !is_launcher(path, written))
        .collect();
    compare(archive.by_name(&name)?, &stem, &files)
}

/// Returns the archive's `RECORD`, and the directory's name without `.dist-info`.
fn record_name(archive: &ZipArchive<io::BufReader<fs_err::File>>) -> Option<(String, String)> {
    let mut names = archive.file_names().filter_map(Result::ok);
    names.find_map(|name| {
        let stem = name.strip_suffix(".dist-info/RECORD")?;
        let is_top = !stem.contains('/');
        is_top.then(|| (name.to_string(), stem.to_string()))
    })
}
