//! Makes a local channel readable that holds only `repodata.json.zst`.
//!
//! The gateway reads `file://` channels from `repodata.json` alone. What is
//! unpacked goes into our own cache, in a folder whose name changes with the
//! channel, so that a mirror that was synchronised again is read again.

use std::{
    hash::{DefaultHasher, Hash, Hasher},
    io,
    path::{Path, PathBuf},
    time::UNIX_EPOCH,
};

use fs_err as fs;
use rattler_conda_types::Subdir;
use url::Url;

/// The largest index that is unpacked, in bytes. conda-forge's are near 300 MB.
const MAX_BYTES: u64 = 4 << 30;

const PLAIN: &str = "repodata.json";
const PACKED: &str = "repodata.json.zst";

/// A local index cannot be unpacked.
#[derive(Debug, thiserror::Error)]
pub(crate) enum UnpackError {
    /// Our cache cannot be used.
    #[error(transparent)]
    Cache(#[from] io::Error),
    /// The archive is damaged or cannot be read.
    #[error("`{}` cannot be unpacked", file.display())]
    Archive {
        /// The archive.
        file: PathBuf,
        /// What is wrong with it.
        source: io::Error,
    },
}

/// Returns where the subdirs of a local channel can be read, if not in place.
///
/// # Errors
///
/// Fails if an archive cannot be read or the cache cannot be written.
pub(crate) fn readable(
    channel: &Path,
    subdirs: &[Subdir],
    cache: &Path,
) -> Result<Option<Url>, UnpackError> {
    if !subdirs.iter().any(|subdir| is_packed(channel, *subdir)) {
        return Ok(None);
    }
    let all = cache.join("index").join(hashed(&channel));
    let shadow = all.join(hashed(&state(channel)?));
    for subdir in subdirs {
        unpack(channel, *subdir, &shadow)?;
    }
    remove_others(&all, &shadow);
    Ok(Url::from_directory_path(&shadow).ok())
}

fn is_packed(channel: &Path, subdir: Subdir) -> bool {
    let folder = channel.join(subdir.as_str());
    !folder.join(PLAIN).exists() && folder.join(PACKED).exists()
}

fn unpack(channel: &Path, subdir: Subdir, shadow: &Path) -> Result<(), UnpackError> {
    let source = channel.join(subdir.as_str());
    let folder = shadow.join(subdir.as_str());
    let target = folder.join(PLAIN);
    if target.exists() || !source.is_dir() {
        return Ok(());
    }
    fs::create_dir_all(&folder)?;
    let mut file = tempfile::NamedTempFile::new_in(&folder)?;
    if is_packed(channel, subdir) {
        let archive = source.join(PACKED);
        copy_unpacked(&archive, &mut file)?;
    } else if source.join(PLAIN).exists() {
        io::copy(&mut fs::File::open(source.join(PLAIN))?, &mut file)?;
    } else {
        return Ok(());
    }
    file.persist(&target).map_err(|error| error.error)?;
    Ok(())
}

fn copy_unpacked(archive: &Path, file: &mut dyn io::Write) -> Result<(), UnpackError> {
    let damaged = |source| UnpackError::Archive {
        file: archive.to_path_buf(),
        source,
    };
    let opened = fs::File::open(archive).map_err(damaged)?;
    let reader = zstd::Decoder::new(opened).map_err(damaged)?;
    let mut reader = Noted {
        reader: io::Read::take(reader, MAX_BYTES),
        failed: None,
    };
    let copied = io::copy(&mut reader, file);
    if let Some(source) = reader.failed {
        return Err(damaged(source));
    }
    if copied? == MAX_BYTES {
        let reason = format!("it unpacks to more than {MAX_BYTES} bytes");
        return Err(damaged(io::Error::new(io::ErrorKind::InvalidData, reason)));
    }
    Ok(())
}

/// Keeps the error of the reader apart from that of the writer in [`io::copy`].
struct Noted<R> {
    reader: R,
    failed: Option<io::Error>,
}

impl<R: io::Read> io::Read for Noted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.reader.read(buffer).map_err(|error| {
            let kind = error.kind();
            if kind != io::ErrorKind::Interrupted {
                self.failed = Some(error);
            }
            kind.into()
        })
    }
}

/// Returns the size and time of every index of the channel.
fn state(channel: &Path) -> io::Result<Vec<(String, u64, u128)>> {
    let mut state = Vec::new();
    for entry in fs::read_dir(channel)? {
        let folder = entry?.path();
        for name in [PLAIN, PACKED] {
            let path = folder.join(name);
            let Ok(metadata) = fs::metadata(&path) else {
                continue;
            };
            let modified = metadata.modified()?.duration_since(UNIX_EPOCH);
            let modified = modified.map_or(0, |since| since.as_nanos());
            state.push((path.display().to_string(), metadata.len(), modified));
        }
    }
    state.sort();
    Ok(state)
}

/// Removes what was unpacked from earlier states of the channel.
///
/// Who still reads it holds it open; who cannot remove it loses only space.
fn remove_others(all: &Path, current: &Path) {
    for entry in fs::read_dir(all).into_iter().flatten().flatten() {
        if entry.path() != current {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

fn hashed<T: Hash>(value: &T) -> String {
    let mut hasher = DefaultHasher::new();
    value.hash(&mut hasher);
    format!("{:016x}", hasher.finish())
}
