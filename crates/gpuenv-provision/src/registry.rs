//! conda's list of environments, `~/.conda/environments.txt`.
//!
//! conda, editors and Jupyter find environments through it. Other tools write
//! it too, so what we did not put there stays byte for byte.

use std::{
    io::{self, Write as _},
    path::{Path, PathBuf},
};

use crate::{install::InstallError, prefix};

/// Returns the registered prefixes.
///
/// # Errors
///
/// Fails if the file exists and cannot be read.
pub fn list(file: &Path) -> Result<Vec<PathBuf>, InstallError> {
    let bytes = read(file)?;
    let lines = bytes.split(|byte| *byte == b'\n').map(trimmed);
    Ok(lines.filter(|line| !line.is_empty()).map(path).collect())
}

/// Adds a prefix, unless it is there.
///
/// # Errors
///
/// Fails if the file cannot be read or written.
pub fn register(file: &Path, prefix: &Path) -> Result<(), InstallError> {
    if list(file)?.iter().any(|known| known == prefix) {
        return Ok(());
    }
    let mut line = Vec::new();
    if read(file)?.last().is_some_and(|last| *last != b'\n') {
        line.push(b'\n');
    }
    line.extend_from_slice(prefix.as_os_str().as_encoded_bytes());
    line.push(b'\n');
    append(file, &line)
}

/// Appends in one write, so that of two programs none loses its line.
fn append(file: &Path, line: &[u8]) -> Result<(), InstallError> {
    make_parent(file)?;
    let opened = fs_err::OpenOptions::new()
        .create(true)
        .append(true)
        .open(file);
    let written = opened.and_then(|mut file| file.write_all(line));
    written.map_err(|error| InstallError::io("write", file, error))
}

/// Takes a prefix out, however often it is there.
///
/// # Errors
///
/// Fails if the file cannot be read or written.
pub fn unregister(file: &Path, prefix: &Path) -> Result<(), InstallError> {
    let bytes = read(file)?;
    let lines = bytes.split_inclusive(|byte| *byte == b'\n');
    let kept: Vec<u8> = lines
        .filter(|line| path(trimmed(line)) != prefix)
        .flatten()
        .copied()
        .collect();
    if kept == bytes {
        return Ok(());
    }
    write(file, &kept)
}

fn trimmed(line: &[u8]) -> &[u8] {
    line.trim_ascii()
}

#[cfg(unix)]
fn path(line: &[u8]) -> PathBuf {
    use std::os::unix::ffi::OsStrExt;
    PathBuf::from(std::ffi::OsStr::from_bytes(line))
}

#[cfg(not(unix))]
fn path(line: &[u8]) -> PathBuf {
    PathBuf::from(String::from_utf8_lossy(line).into_owned())
}

fn read(file: &Path) -> Result<Vec<u8>, InstallError> {
    match fs_err::read(file) {
        Ok(bytes) => Ok(bytes),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(InstallError::io("read", file, error)),
    }
}

fn write(file: &Path, bytes: &[u8]) -> Result<(), InstallError> {
    // Some people keep this file as a link into their dot-file repository.
    let real = fs_err::canonicalize(file).unwrap_or_else(|_| file.to_path_buf());
    prefix::write_new(&real, bytes)
}

fn make_parent(file: &Path) -> Result<(), InstallError> {
    let Some(parent) = file.parent() else {
        return Ok(());
    };
    fs_err::create_dir_all(parent).map_err(|error| InstallError::io("create", parent, error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_come_and_go_and_foreign_lines_stay() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join(".conda/environments.txt");
        assert_eq!(list(&file).unwrap(), [] as [&Path; 0]);
        register(&file, Path::new("/envs/a")).unwrap();
        let foreign = b"/opt/conda\r\n\n  /spaced out \n# \xff\xfe";
        fs_err::write(&file, [b"/envs/a\n".as_slice(), foreign].concat()).unwrap();
        register(&file, Path::new("/envs/a")).unwrap();
        register(&file, Path::new("/opt/conda")).unwrap();
        register(&file, Path::new("/envs/b")).unwrap();
        let expected = [b"/envs/a\n".as_slice(), foreign, b"\n/envs/b\n"].concat();
        assert_eq!(fs_err::read(&file).unwrap(), expected);
        unregister(&file, Path::new("/envs/a")).unwrap();
        unregister(&file, Path::new("/envs/never")).unwrap();
        let expected = [foreign.as_slice(), b"\n/envs/b\n"].concat();
        assert_eq!(fs_err::read(&file).unwrap(), expected);
    }
}
