//! Contents of files: their hash, and which ones have been read already.
//!
//! The files of a prefix mostly are those of the cache, by hard links. Who looks
//! at both reads each content once.

use std::{
    collections::HashMap,
    fs::Metadata,
    io::{self, Read as _},
    path::Path,
    sync::{Mutex, PoisonError},
};

use rattler_digest::{Sha256, Sha256Hash, digest::Digest as _};

/// How much of a file is read at a time, in bytes.
const PIECE: usize = 128 << 10;

/// Hashes a file.
pub(crate) fn sha256(path: &Path) -> io::Result<Sha256Hash> {
    let mut file = fs_err::File::open(path)?;
    let mut piece = vec![0; PIECE];
    let mut hash = Sha256::new();
    loop {
        match file.read(&mut piece) {
            Ok(0) => return Ok(hash.finalize()),
            Ok(length) => hash.update(&piece[..length]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

/// Contents whose hash is known, by the number that the file system gives them.
#[derive(Debug, Default)]
pub(crate) struct Contents(Mutex<HashMap<(u64, u64), Sha256Hash>>);

impl Contents {
    /// Notes that a file has this hash.
    pub(crate) fn add(&self, metadata: &Metadata, hash: Sha256Hash) {
        if let Some(number) = number(metadata) {
            let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            known.insert(number, hash);
        }
    }

    /// Returns whether a file is known to have this hash.
    pub(crate) fn has(&self, metadata: &Metadata, hash: &Sha256Hash) -> bool {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        number(metadata).is_some_and(|number| known.get(&number) == Some(hash))
    }
}

#[cfg(unix)]
fn number(metadata: &Metadata) -> Option<(u64, u64)> {
    use std::os::unix::fs::MetadataExt;
    Some((metadata.dev(), metadata.ino()))
}

#[cfg(not(unix))]
fn number(_metadata: &Metadata) -> Option<(u64, u64)> {
    None
}
