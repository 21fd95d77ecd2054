//! Empty wheels that stand for what conda brings, so that uv counts with their
//! versions and asks nothing more of them.

use std::{
    io::{self, Write as _},
    path::Path,
};

use url::Url;
use zip::{CompressionMethod, ZipWriter, write::SimpleFileOptions};

/// Writes one, and returns the constraint that makes uv take it.
pub(super) fn write(directory: &Path, name: &str, version: &str) -> io::Result<String> {
    let file_name = name.replace('-', "_");
    let path = directory.join(format!("{file_name}-{version}-py3-none-any.whl"));
    let mut archive = ZipWriter::new(fs_err::File::create(&path)?);
    let info = format!("{file_name}-{version}.dist-info");
    let members = [
        (
            "METADATA",
            format!("Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"),
        ),
        (
            "WHEEL",
            "Wheel-Version: 1.0\nGenerator: gpuenv\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
                .to_string(),
        ),
        ("RECORD", String::new()),
    ];
    for (member, text) in members {
        let options = SimpleFileOptions::default().compression_method(CompressionMethod::Stored);
        archive.start_file(format!("{info}/{member}"), options)?;
        archive.write_all(text.as_bytes())?;
    }
    archive.finish()?;
    let url = Url::from_file_path(&path)
        .map_err(|()| io::Error::other("a temporary directory is not absolute"))?;
    Ok(format!("{name} @ {url}"))
}
