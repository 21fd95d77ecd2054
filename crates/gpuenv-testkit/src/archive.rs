//! Turns a staged folder into the bytes of a `.conda` or `.tar.bz2` file.
//!
//! Honest packages go through rattler's writer with its fixed time, so equal
//! contents give equal bytes. It rightly refuses members that leave the
//! package, so those are written here.

use std::{
    io::{Cursor, Write},
    path::{Path, PathBuf},
};

use bzip2::{Compression, write::BzEncoder};
use fs_err as fs;
use rattler_conda_types::compression_level::CompressionLevel;
use rattler_package_streaming::write::{write_conda_package, write_tar_bz2_package};
use zip::{CompressionMethod, ZipWriter, write::SimpleFileOptions};

use crate::member::Member;

/// The time of every member: 2023-01-01, as rattler's writer has it.
pub(crate) const MTIME: u64 = 1_672_531_200;

/// The two archive formats of conda.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    Conda,
    TarBz2,
}

impl Format {
    pub(crate) fn extension(self) -> &'static str {
        match self {
            Self::Conda => ".conda",
            Self::TarBz2 => ".tar.bz2",
        }
    }
}

/// How hard to compress.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Effort {
    Usual,
    Low,
}

/// Returns the archive of a staged folder.
pub(crate) fn pack(
    root: &Path,
    stem: &str,
    format: Format,
    effort: Effort,
    members: &[Member],
) -> Vec<u8> {
    let paths = staged_paths(root);
    let packed = match members {
        [] => pack_honestly(root, &paths, stem, format, effort),
        members => pack_raw(root, &paths, stem, format, members),
    };
    packed.expect("staged files of our own go into memory")
}

fn pack_honestly(
    root: &Path,
    paths: &[PathBuf],
    stem: &str,
    format: Format,
    effort: Effort,
) -> std::io::Result<Vec<u8>> {
    let level = match effort {
        Effort::Usual => CompressionLevel::Default,
        Effort::Low => CompressionLevel::Lowest,
    };
    let mut bytes = Cursor::new(Vec::new());
    match format {
        // One thread: how many there are must not show in the bytes.
        Format::Conda => {
            write_conda_package(&mut bytes, root, paths, level, Some(1), stem, None, None)?
        }
        Format::TarBz2 => write_tar_bz2_package(&mut bytes, root, paths, level, None, None)?,
    }
    Ok(bytes.into_inner())
}

fn pack_raw(
    root: &Path,
    paths: &[PathBuf],
    stem: &str,
    format: Format,
    members: &[Member],
) -> std::io::Result<Vec<u8>> {
    let (info, payload): (Vec<_>, Vec<_>) = paths
        .iter()
        .map(|path| path.strip_prefix(root).expect("listed below the root"))
        .partition(|path| path.starts_with("info"));
    match format {
        Format::TarBz2 => {
            let all = [info, payload].concat();
            let mut encoder = BzEncoder::new(Vec::new(), Compression::fast());
            encoder.write_all(&tar(root, &all, members)?)?;
            encoder.finish()
        }
        Format::Conda => {
            let mut archive = ZipWriter::new(Cursor::new(Vec::new()));
            let mut add = |name: String, bytes: &[u8]| -> std::io::Result<()> {
                let options =
                    SimpleFileOptions::default().compression_method(CompressionMethod::Stored);
                archive.start_file(name, options)?;
                archive.write_all(bytes)
            };
            let payload = zstd::encode_all(tar(root, &payload, members)?.as_slice(), 3)?;
            let info = zstd::encode_all(tar(root, &info, &[])?.as_slice(), 3)?;
            add(
                "metadata.json".to_string(),
                br#"{"conda_pkg_format_version":2}"#,
            )?;
            add(format!("pkg-{stem}.tar.zst"), &payload)?;
            add(format!("info-{stem}.tar.zst"), &info)?;
            Ok(archive.finish()?.into_inner())
        }
    }
}

fn tar(root: &Path, paths: &[&Path], members: &[Member]) -> std::io::Result<Vec<u8>> {
    let mut archive = tar::Builder::new(Vec::new());
    archive.mode(tar::HeaderMode::Deterministic);
    archive.follow_symlinks(false);
    for path in paths {
        archive.append_path_with_name(root.join(path), path)?;
    }
    for member in members {
        member.append_to(&mut archive)?;
    }
    archive.into_inner()
}

/// Lists files, symlinks and empty folders below the root, sorted, with the root in front.
fn staged_paths(root: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![root.to_path_buf()];
    while let Some(folder) = folders.pop() {
        let before = found.len() + folders.len();
        for entry in fs::read_dir(&folder).expect("the staging folder is ours") {
            let entry = entry.expect("the staging folder is ours");
            let kind = entry.file_type().expect("the staging folder is ours");
            match kind.is_dir() {
                true => folders.push(entry.path()),
                false => found.push(entry.path()),
            }
        }
        if found.len() + folders.len() == before && folder != root {
            found.push(folder);
        }
    }
    found.sort();
    found
}
