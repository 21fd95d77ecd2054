//! Locks between programs, on files.
//!
//! They are advisory `flock`s, as cargo, pixi and rattler use them: a killed
//! holder lets go. Waiting is done in steps, so that it can be cancelled and told.

use std::{
    fs::TryLockError,
    io,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use fs_err::File;
use gpuenv_core::{Code, Diagnostic, Event, Reporter};

use crate::{cancel::Cancel, install::InstallError};

/// How long to wait before saying so.
const PATIENCE: Duration = Duration::from_secs(1);

/// Who may hold a lock at the same time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    /// Everybody who only reads.
    Shared,
    /// Nobody else.
    Exclusive,
}

/// How to wait for a lock.
pub(crate) struct Waiting<'a> {
    /// When to give up.
    pub(crate) at_most: Duration,
    /// What the lock protects, to be told.
    pub(crate) what: &'a str,
    /// Who is told.
    pub(crate) reporter: &'a dyn Reporter,
    /// Whether to stop.
    pub(crate) cancel: &'a Cancel,
}

/// Locks an open file.
pub(crate) async fn lock(
    file: &File,
    mode: Mode,
    waiting: &Waiting<'_>,
) -> Result<(), InstallError> {
    let began = Instant::now();
    let mut told = false;
    let mut pause = Duration::from_millis(5);
    loop {
        let tried = match mode {
            Mode::Shared => file.file().try_lock_shared(),
            Mode::Exclusive => file.file().try_lock(),
        };
        match tried {
            Ok(()) => return Ok(()),
            Err(TryLockError::WouldBlock) => {}
            Err(TryLockError::Error(error)) if has_no_locks(&error) => {
                // Some network file systems have no locks at all.
                tracing::warn!("`{}` cannot be locked: {error}", file.path().display());
                return Ok(());
            }
            Err(TryLockError::Error(error)) => {
                return Err(InstallError::io("lock", file.path(), error));
            }
        }
        let waited = began.elapsed();
        if waited >= waiting.at_most {
            let path = file.path().to_path_buf();
            return Err(InstallError::Busy { path, waited });
        }
        if waited >= PATIENCE && !told {
            told = true;
            tell(waiting, file.path());
        }
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            () = waiting.cancel.asked() => return Err(InstallError::Interrupted),
        }
        pause = (pause * 2).min(Duration::from_millis(200));
    }
}

/// Returns whether the file system cannot lock at all.
fn has_no_locks(error: &io::Error) -> bool {
    #[cfg(unix)]
    if error.raw_os_error() == Some(libc::ENOLCK) {
        return true;
    }
    error.kind() == io::ErrorKind::Unsupported
}

fn tell(waiting: &Waiting<'_>, path: &Path) {
    let message = format!("waiting for another program that works on {}", waiting.what);
    let diagnostic = Diagnostic::note(Code::INSTALL_BUSY, message)
        .cause(format!("it holds `{}`", path.display()));
    waiting.reporter.report(Event::Diagnosed { diagnostic });
}

/// A lock file of our own, which is gone when nobody holds it.
#[derive(Debug)]
pub(crate) struct LockFile {
    path: PathBuf,
    // The lock lasts as long as the file is open.
    _file: File,
}

impl LockFile {
    /// Makes the file and locks it.
    pub(crate) async fn acquire(path: &Path, waiting: &Waiting<'_>) -> Result<Self, InstallError> {
        loop {
            let opened = fs_err::OpenOptions::new()
                .create(true)
                .truncate(false)
                .write(true)
                .open(path);
            let place = path.parent().unwrap_or(path);
            let file = opened.map_err(|error| InstallError::io("write into", place, error))?;
            lock(&file, Mode::Exclusive, waiting).await?;
            // The holder before us removed the file that we waited for.
            if is_at(&file, path) {
                return Ok(Self {
                    path: path.to_path_buf(),
                    _file: file,
                });
            }
        }
    }
}

impl Drop for LockFile {
    fn drop(&mut self) {
        // Removed while still locked: whoever waits finds out and makes a new one.
        if let Err(error) = fs_err::remove_file(&self.path) {
            tracing::debug!("the lock file stays: {error}");
        }
    }
}

#[cfg(unix)]
fn is_at(file: &File, path: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    match (file.metadata(), fs_err::metadata(path)) {
        (Ok(open), Ok(named)) => (open.dev(), open.ino()) == (named.dev(), named.ino()),
        _ => false,
    }
}

#[cfg(not(unix))]
fn is_at(_file: &File, path: &Path) -> bool {
    // An open file cannot be removed there.
    path.exists()
}

#[cfg(test)]
mod tests {
    use gpuenv_core::event::Silent;

    use super::*;

    fn waiting(cancel: &Cancel, at_most: Duration) -> Waiting<'_> {
        Waiting {
            at_most,
            what: "the test",
            reporter: &Silent,
            cancel,
        }
    }

    #[tokio::test]
    async fn one_waits_for_the_other_and_the_file_goes() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("lock");
        let never = Cancel::never();
        let long = waiting(&never, Duration::from_secs(20));
        let first = LockFile::acquire(&path, &long).await.unwrap();
        let second = LockFile::acquire(&path, &long);
        let release = async {
            tokio::time::sleep(Duration::from_millis(30)).await;
            drop(first);
        };
        let (second, ()) = tokio::join!(second, release);
        assert!(path.exists());
        drop(second.unwrap());
        assert!(!path.exists());
    }

    #[tokio::test]
    async fn waiting_ends_in_time_and_on_request() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("lock");
        let never = Cancel::never();
        let short = waiting(&never, Duration::from_millis(20));
        let _held = LockFile::acquire(&path, &short).await.unwrap();
        let busy = LockFile::acquire(&path, &short).await.unwrap_err();
        assert!(matches!(busy, InstallError::Busy { .. }), "{busy}");
        let (canceller, cancel) = Cancel::pair();
        canceller.cancel();
        let long = waiting(&cancel, Duration::from_secs(60));
        let asked = LockFile::acquire(&path, &long).await.unwrap_err();
        assert!(matches!(asked, InstallError::Interrupted), "{asked}");
    }
}
