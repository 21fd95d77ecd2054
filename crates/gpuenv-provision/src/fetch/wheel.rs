//! Unpacks a wheel into the form of a conda package, and holds it to its `RECORD`.

use std::{
    collections::BTreeMap,
    io::{self, Read as _},
    path::Path,
};

use gpuenv_core::wheels::{MAX_RECORD_BYTES, Written, check_record};
use rattler_conda_types::{
    PackageRecord,
    package::{PackageFile, PathsJson},
};
use rattler_package_streaming::{ExtractError, ExtractResult, fs, wheel::WheelError};
use tokio::io::{AsyncRead, AsyncWriteExt};
use zip::ZipArchive;

/// Takes a wheel as it arrives and unpacks it into a new directory.
///
/// A zip archive has its list of files at the end, so all of it is written down
/// first, beside the directory.
pub(super) async fn extract(
    mut reader: impl AsyncRead + Unpin,
    directory: &Path,
    record: &PackageRecord,
) -> Result<ExtractResult, ExtractError> {
    let beside = directory.parent().unwrap_or(directory);
    let file = tempfile::Builder::new()
        .prefix(".gpuenv-wheel-")
        .tempfile_in(beside)?;
    let mut writer = tokio::fs::File::from_std(file.reopen()?);
    tokio::io::copy(&mut reader, &mut writer).await?;
    writer.flush().await?;
    drop(writer);
    let (directory, record) = (directory.to_path_buf(), record.clone());
    let unpack = move || {
        let result = fs::extract_wheel(file.path(), &directory, &record)?;
        verify(file.path(), &directory)?;
        Ok(result)
    };
    match tokio::task::spawn_blocking(unpack).await {
        Ok(result) => result,
        Err(_) => Err(ExtractError::Cancelled),
    }
}

/// Compares what was unpacked with the `RECORD` in the archive.
fn verify(archive: &Path, directory: &Path) -> Result<(), ExtractError> {
    let bad = |what: String| ExtractError::from(WheelError::Metadata(what));
    let mut archive = ZipArchive::new(io::BufReader::new(fs_err::File::open(archive)?))?;
    let (name, stem) = record_name(&archive).ok_or_else(|| bad("no `RECORD`".to_string()))?;
    let mut text = Vec::new();
    let member = archive.by_name(&name)?;
    member.take(MAX_RECORD_BYTES).read_to_end(&mut text)?;
    let text = String::from_utf8(text).map_err(|_| bad("`RECORD` is not UTF-8".to_string()))?;
    let paths = PathsJson::from_package_directory(directory)?;
    let written: BTreeMap<String, Written> = paths
        .paths
        .into_iter()
        .map(|entry| {
            let path = entry.relative_path.to_string_lossy();
            let path = path.replace(std::path::MAIN_SEPARATOR, "/");
            // A script of which the first line was changed is another file now.
            let is_same = entry.prefix_placeholder.is_none();
            let written = Written {
                sha256: entry.sha256.filter(|_| is_same),
                size: entry.size_in_bytes.filter(|_| is_same),
            };
            (path, written)
        })
        .collect();
    check_record(&text, &stem, &written).map_err(bad)
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
