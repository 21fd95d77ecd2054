//! How much an archive may become. A few bytes can stand for terabytes, and a hash
//! in a lock says only that they are the same bytes as ever.

use std::{
    io,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

/// How many times its own size an archive may become, beside what any may.
/// Real ones stay below 20.
const TIMES: u64 = 50;

/// How often a directory in the making is measured. Most are complete before.
const PAUSE: Duration = Duration::from_secs(1);

/// An archive becomes more than it may.
#[derive(Debug, thiserror::Error)]
#[error("it unpacks to more than {0} bytes")]
pub(super) struct TooLarge(pub(super) u64);

/// How much one archive may become.
#[derive(Debug, Clone)]
pub(super) struct Limit {
    /// What any archive may become, in bytes.
    pub(super) least: u64,
    /// How much of the archive has arrived, in bytes.
    pub(super) received: Arc<AtomicU64>,
}

impl Limit {
    /// Returns how many bytes are allowed for what has arrived so far.
    pub(super) fn allowed(&self) -> u64 {
        let received = self.received.load(Ordering::Relaxed);
        self.least.saturating_add(received.saturating_mul(TIMES))
    }

    /// Compares a number of bytes with what is allowed.
    pub(super) fn check(&self, bytes: u64) -> io::Result<()> {
        let allowed = self.allowed();
        match bytes > allowed {
            true => Err(io::Error::other(TooLarge(allowed))),
            false => Ok(()),
        }
    }

    /// Compares what lies in a directory with what is allowed.
    pub(super) async fn check_directory(&self, directory: &Path) -> io::Result<()> {
        let path = directory.to_path_buf();
        let measured = tokio::task::spawn_blocking(move || held(&path)).await;
        self.check(measured.unwrap_or_default())
    }

    /// Ends when a directory in the making holds more than is allowed.
    pub(super) async fn exceeded(&self, directory: &Path) -> io::Error {
        loop {
            tokio::time::sleep(PAUSE).await;
            if let Err(error) = self.check_directory(directory).await {
                return error;
            }
        }
    }
}

/// Returns the bytes of all files below a directory. What comes and goes meanwhile
/// does not count.
fn held(directory: &Path) -> u64 {
    let mut bytes = 0u64;
    let mut open = vec![directory.to_path_buf()];
    while let Some(directory) = open.pop() {
        let entries = fs_err::read_dir(directory).into_iter().flatten().flatten();
        for entry in entries {
            match entry.metadata() {
                Ok(found) if found.is_dir() => open.push(entry.path()),
                Ok(found) => bytes = bytes.saturating_add(found.len()),
                Err(_) => {}
            }
        }
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_is_allowed_grows_with_what_arrives() {
        let received = Arc::new(AtomicU64::new(0));
        let limit = Limit {
            least: 100,
            received: received.clone(),
        };
        let directory = tempfile::tempdir().unwrap();
        let below = directory.path().join("a/b");
        fs_err::create_dir_all(&below).unwrap();
        fs_err::write(below.join("c"), [0; 101]).unwrap();
        assert_eq!(held(directory.path()), 101);
        limit.check_directory(directory.path()).await.unwrap_err();
        received.store(1, Ordering::Relaxed);
        limit.check_directory(directory.path()).await.unwrap();
    }
}
