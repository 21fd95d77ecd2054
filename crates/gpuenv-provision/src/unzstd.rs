//! Makes a local channel readable that holds only `repodata.json.zst`.
//!
//! The gateway reads `file://` channels from `repodata.json` alone. What is
//! unpacked goes into our own cache, under a name that changes with the archive.

use std::{
    hash::{DefaultHasher, Hash, Hasher},
    io,
    path::Path,
    time::UNIX_EPOCH,
};

use fs_err as fs;
use rattler_conda_types::Subdir;
use url::Url;

/// The largest index that is unpacked, in bytes. conda-forge's are near 300 MB.
const MAX_BYTES: u64 = 4 << 30;

/// Returns where the subdirs of a local channel can be read, if not in place.
///
/// # Errors
///
/// Fails if an archive cannot be read or the cache cannot be written.
pub(crate) fn readable(
    channel: &Path,
    subdirs: &[Subdir],
    cache: &Path,
) -> io::Result<Option<Url>> {
    let packed = |subdir: &&Subdir| {
        let folder = channel.join(subdir.as_str());
        !folder.join("repodata.json").exists() && folder.join("repodata.json.zst").exists()
    };
    if !subdirs.iter().any(|subdir| packed(&subdir)) {
        return Ok(None);
    }
    let shadow = cache.join("index").join(key(channel, subdirs)?);
    for subdir in subdirs {
        let folder = shadow.join(subdir.as_str());
        let target = folder.join("repodata.json");
        if target.exists() {
            continue;
        }
        let source = channel.join(subdir.as_str());
        fs::create_dir_all(&folder)?;
        let mut file = tempfile::NamedTempFile::new_in(&folder)?;
        if packed(&subdir) {
            let archive = fs::File::open(source.join("repodata.json.zst"))?;
            let reader = zstd::Decoder::new(archive)?;
            let written = io::copy(&mut io::Read::take(reader, MAX_BYTES), &mut file)?;
            if written == MAX_BYTES {
                return Err(io::Error::new(
                    io::ErrorKind::InvalidData,
                    format!(
                        "{} unpacks to more than {MAX_BYTES} bytes",
                        source.display()
                    ),
                ));
            }
        } else if source.join("repodata.json").exists() {
            io::copy(
                &mut fs::File::open(source.join("repodata.json"))?,
                &mut file,
            )?;
        } else {
            continue;
        }
        file.persist(&target).map_err(|error| error.error)?;
    }
    Ok(Url::from_directory_path(&shadow).ok())
}

/// Returns a name for the channel's present state.
fn key(channel: &Path, subdirs: &[Subdir]) -> io::Result<String> {
    let mut hasher = DefaultHasher::new();
    channel.hash(&mut hasher);
    for subdir in subdirs {
        for name in ["repodata.json", "repodata.json.zst"] {
            let path = channel.join(subdir.as_str()).join(name);
            match fs::metadata(path) {
                Ok(metadata) => {
                    let modified = metadata.modified()?.duration_since(UNIX_EPOCH);
                    (metadata.len(), modified.ok()).hash(&mut hasher);
                }
                Err(error) if error.kind() == io::ErrorKind::NotFound => 0.hash(&mut hasher),
                Err(error) => return Err(error),
            }
        }
    }
    Ok(format!("{:016x}", hasher.finish()))
}
