//! What an install would cost: bytes to download, room to take, the way to link.
//!
//! Looks at the package cache and the file systems, and asks nobody else.

use std::{fs::File, io, path::Path};

use gpuenv_core::{Code, Diagnostic, Reporter};
use rattler_conda_types::RepoDataRecord;
use serde::Serialize;

use crate::{Access, Cancel, install::InstallError, package_cache, space};

/// How much larger a package is unpacked, where nobody knows it: a rule of thumb,
/// and shown as an estimate.
const UNPACKED: u64 = 4;

/// How many bytes of a package are taken for one file: a rule of thumb too.
const PER_FILE: u64 = 40_000;

/// What an install would cost.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Outlook {
    /// Packages in all.
    pub packages: usize,
    /// Those that the package cache holds already.
    pub cached: usize,
    /// Bytes to download, as far as the lock says them.
    pub download_bytes: u64,
    /// Packages to download whose size the lock does not say.
    pub unknown_sizes: usize,
    /// Bytes of all files.
    pub bytes: u64,
    /// How many files.
    pub files: u64,
    /// Whether some of both is an estimate: what is not unpacked yet is not known.
    pub estimated: bool,
    /// Bytes that the install takes at the package cache.
    pub cache_bytes: u64,
    /// Bytes that the install takes at the prefix.
    pub prefix_bytes: u64,
    /// The package cache.
    pub cache: Room,
    /// The environment.
    pub prefix: Room,
    /// How files come from the one to the other.
    pub link: Link,
}

/// A place and what is free there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Room {
    /// The place.
    pub path: String,
    /// Bytes free for this user, where the file system tells.
    pub free_bytes: Option<u64>,
    /// Files that can still be made, where the file system tells.
    pub free_files: Option<u64>,
}

/// How a file comes from the package cache into an environment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Link {
    /// Both share the blocks until one of them changes.
    Reflink,
    /// Both are one file.
    Hardlink,
    /// Each has its own bytes.
    Copy,
    /// It could not be tried.
    Unknown,
}

impl Link {
    /// Returns whether an environment takes room of its own.
    fn takes_room(self) -> bool {
        matches!(self, Self::Copy | Self::Unknown)
    }
}

/// Returns what installing these packages at a prefix would cost.
///
/// # Errors
///
/// GE509 if another program keeps the package cache to itself.
pub async fn outlook(
    packages: &[RepoDataRecord],
    prefix: &Path,
    access: &Access,
    reporter: &dyn Reporter,
    cancel: &Cancel,
) -> Result<Outlook, InstallError> {
    let cache = package_cache::open_shared(access, reporter, cancel).await?;
    let place = access.package_cache();
    let link = link(&place, prefix);
    let mut outlook = Outlook {
        packages: packages.len(),
        cached: 0,
        download_bytes: 0,
        unknown_sizes: 0,
        bytes: 0,
        files: 0,
        estimated: false,
        cache_bytes: 0,
        prefix_bytes: 0,
        cache: room(&place),
        prefix: room(prefix),
        link,
    };
    for record in packages {
        match cache.find(record).await {
            Some(directory) => {
                let (files, bytes) = measure(&directory);
                outlook.cached += 1;
                outlook.files += files;
                outlook.bytes += bytes;
            }
            None => {
                let size = record.package_record.size;
                let unpacked = size.unwrap_or(0).saturating_mul(UNPACKED);
                outlook.estimated = true;
                outlook.unknown_sizes += usize::from(size.is_none());
                outlook.download_bytes += size.unwrap_or(0);
                outlook.cache_bytes = outlook.cache_bytes.saturating_add(unpacked);
                outlook.bytes = outlook.bytes.saturating_add(unpacked);
                outlook.files += unpacked / PER_FILE + 1;
            }
        }
    }
    outlook.prefix_bytes = match link.takes_room() {
        true => outlook.bytes,
        false => 0,
    };
    Ok(outlook)
}

impl Outlook {
    /// Says what keeps the install from finding room: an error where it surely
    /// does not fit, a warning where only the estimate says so.
    pub fn shortages(&self) -> Vec<Diagnostic> {
        let mut found = Vec::new();
        let places = [
            (&self.cache, self.cache_bytes, self.download_bytes),
            (&self.prefix, self.prefix_bytes, 0),
        ];
        for (room, estimate, sure) in places {
            let Some(free) = room.free_bytes else {
                continue;
            };
            let sure = match self.estimated {
                true => sure,
                false => estimate,
            };
            let (needed, diagnostic): (u64, fn(Code, String) -> Diagnostic) = match free {
                free if free < sure => (sure, |code, text| Diagnostic::error(code, text)),
                free if free < estimate => (estimate, |code, text| Diagnostic::warning(code, text)),
                _ => continue,
            };
            let message = format!("there is not enough room at `{}`", room.path);
            found.push(
                diagnostic(Code::INSTALL_DISK_FULL, message)
                    .cause(format!("about {needed} bytes are needed, {free} are free"))
                    .help("make room: `gpuenv clean`")
                    .help("or use another disk: `RATTLER_CACHE_DIR` for the cache, `--prefix` for the environment"),
            );
        }
        found
    }
}

fn room(path: &Path) -> Room {
    Room {
        path: path.display().to_string(),
        free_bytes: space::free(path).map(|(_, free)| free),
        free_files: space::free_files(path),
    }
}

/// Counts files and their bytes below a directory; what cannot be read is not there.
fn measure(directory: &Path) -> (u64, u64) {
    let mut waiting = vec![directory.to_path_buf()];
    let (mut files, mut bytes) = (0, 0);
    while let Some(directory) = waiting.pop() {
        let Ok(entries) = fs_err::read_dir(&directory) else {
            continue;
        };
        for entry in entries.flatten() {
            match entry.metadata() {
                Ok(metadata) if metadata.is_dir() => waiting.push(entry.path()),
                Ok(metadata) => {
                    files += 1;
                    bytes += metadata.len();
                }
                Err(_) => {}
            }
        }
    }
    (files, bytes)
}

/// Finds out how files come from one place to another, by trying with a small one.
fn link(from: &Path, to: &Path) -> Link {
    try_link(from, to).unwrap_or(Link::Unknown)
}

fn try_link(from: &Path, to: &Path) -> io::Result<Link> {
    let existing = |path: &Path| {
        let found = path.ancestors().find(|path| path.is_dir());
        found.map(Path::to_path_buf).ok_or(io::ErrorKind::NotFound)
    };
    let file = tempfile::NamedTempFile::new_in(existing(from)?)?;
    let there = tempfile::tempdir_in(existing(to)?)?;
    let target = there.path().join("file");
    let copy = fs_err::File::create(&target)?;
    if reflink(file.as_file(), copy.file()) {
        return Ok(Link::Reflink);
    }
    let second = there.path().join("link");
    Ok(match fs_err::hard_link(file.path(), second) {
        Ok(()) => Link::Hardlink,
        Err(_) => Link::Copy,
    })
}

#[cfg(target_os = "linux")]
fn reflink(from: &File, to: &File) -> bool {
    rustix::fs::ioctl_ficlone(to, from).is_ok()
}

#[cfg(not(target_os = "linux"))]
fn reflink(_from: &File, _to: &File) -> bool {
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(free: u64, estimated: bool) -> Outlook {
        let room = Room {
            path: "/cache".to_string(),
            free_bytes: Some(free),
            free_files: None,
        };
        Outlook {
            packages: 1,
            cached: 0,
            download_bytes: 100,
            unknown_sizes: 0,
            bytes: 400,
            files: 1,
            estimated,
            cache_bytes: 400,
            prefix_bytes: 0,
            cache: room.clone(),
            prefix: room,
            link: Link::Hardlink,
        }
    }

    #[test]
    fn what_surely_does_not_fit_is_an_error_and_what_likely_does_not_a_warning() {
        let severities = |outlook: Outlook| {
            let found = outlook.shortages();
            found.iter().map(|d| d.severity).collect::<Vec<_>>()
        };
        use gpuenv_core::Severity::{Error, Warning};
        assert_eq!(severities(of(99, true)), [Error]);
        assert_eq!(severities(of(399, true)), [Warning]);
        assert_eq!(severities(of(399, false)), [Error]);
        assert_eq!(severities(of(400, true)), []);
    }

    #[test]
    fn the_way_to_link_is_tried_and_leaves_nothing_behind() {
        let directory = tempfile::tempdir().unwrap();
        let below = directory.path().join("not/there");
        assert!(matches!(
            link(directory.path(), &below),
            Link::Reflink | Link::Hardlink
        ));
        assert_eq!(fs_err::read_dir(directory.path()).unwrap().count(), 0);
        fs_err::write(directory.path().join("a"), "abc").unwrap();
        assert_eq!(measure(directory.path()), (1, 3));
    }
}
