//! Whether there is room for what is going to be written.

use std::path::{Path, PathBuf};

use crate::install::InstallError;

/// Refuses to start when what is to be downloaded cannot fit.
///
/// What it becomes unpacked is not known before, so this errs on the side of
/// trying: only the archives' own size counts.
pub(crate) fn preflight(bytes: u64, places: &[&Path]) -> Result<(), InstallError> {
    if bytes == 0 {
        return Ok(());
    }
    for place in places {
        let Some((path, free)) = free(place) else {
            continue;
        };
        if free < bytes {
            let room = Some((bytes, free));
            return Err(InstallError::DiskFull { path, room });
        }
    }
    Ok(())
}

/// Returns the nearest directory that exists and the bytes free there for us.
pub(crate) fn free(path: &Path) -> Option<(PathBuf, u64)> {
    let existing = path.ancestors().find(|path| path.is_dir())?;
    Some((existing.to_path_buf(), free_bytes(existing)?))
}

/// Returns how many files can still be made there.
#[cfg(unix)]
pub(crate) fn free_files(path: &Path) -> Option<u64> {
    let existing = path.ancestors().find(|path| path.is_dir())?;
    let found = rustix::fs::statvfs(existing).ok()?;
    // Some file systems make room for files as they go, and say 0 of 0.
    (found.f_files != 0).then_some(found.f_favail)
}

/// Returns how many files can still be made there.
#[cfg(not(unix))]
pub(crate) fn free_files(_path: &Path) -> Option<u64> {
    None
}

#[cfg(unix)]
fn free_bytes(path: &Path) -> Option<u64> {
    let found = rustix::fs::statvfs(path).ok()?;
    // File systems without a fixed size report no blocks at all.
    if found.f_blocks == 0 {
        return None;
    }
    Some(found.f_bavail.saturating_mul(found.f_frsize))
}

#[cfg(not(unix))]
fn free_bytes(_path: &Path) -> Option<u64> {
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_cannot_fit_is_refused() {
        let directory = tempfile::tempdir().unwrap();
        let below = directory.path().join("not/there/yet");
        assert!(preflight(1, &[&below]).is_ok());
        assert!(preflight(0, &[&below]).is_ok());
        let error = preflight(u64::MAX, &[&below]).unwrap_err();
        let InstallError::DiskFull { path, room } = error else {
            panic!("{error}");
        };
        assert_eq!(path, directory.path());
        assert!(room.is_some_and(|(needed, free)| needed > free));
    }
}
