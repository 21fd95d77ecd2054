//! The channel inside the program: unpacked into the cache, read like any other.

use std::{io, path::Path};

use fs_err as fs;
use include_dir::{Dir, include_dir};
use rattler_digest::{Sha256, compute_bytes_digest};
use url::Url;

static CHANNEL: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/../../recipes/channel");

/// Unpacks the channel into the cache, once per content, and returns its URL.
///
/// # Errors
///
/// Fails if the cache cannot be written.
pub fn unpack(cache: &Path) -> io::Result<Url> {
    let folder = cache.join("channel").join(content_key());
    if !folder.is_dir() {
        let parent = cache.join("channel");
        fs::create_dir_all(&parent)?;
        let stage = tempfile::tempdir_in(&parent)?;
        CHANNEL.extract(stage.path())?;
        match fs::rename(stage.path(), &folder) {
            Ok(()) => {
                // The folder is no longer the stage's to delete.
                let _ = stage.keep();
            }
            // Another gpuenv was quicker; its content is the same.
            Err(_) if folder.is_dir() => {}
            Err(error) => return Err(error),
        }
    }
    Url::from_directory_path(&folder)
        .map_err(|()| io::Error::new(io::ErrorKind::InvalidInput, "the cache path is relative"))
}

/// Returns a name for the channel's content: its indices hold every hash.
fn content_key() -> String {
    let indices = CHANNEL.dirs().flat_map(Dir::files);
    let indices = indices.filter(|file| file.path().ends_with("repodata.json"));
    let bytes: Vec<u8> = indices.flat_map(|file| file.contents().to_vec()).collect();
    hex::encode(&compute_bytes_digest::<Sha256>(&bytes)[..8])
}
