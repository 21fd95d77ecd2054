//! Bounded looks at files below a root.

use std::{
    io::Read as _,
    path::{Path, PathBuf},
};

use gpuenv_core::doctor::Access;

/// So many entries of a directory are looked at.
const MOST_NAMES: usize = 20_000;

/// So many links are followed.
const MOST_LINKS: usize = 16;

/// A directory that stands for `/`.
pub(super) struct Root<'a>(pub(super) &'a Path);

impl Root<'_> {
    /// Returns where an absolute path lies.
    pub(super) fn at(&self, path: &str) -> PathBuf {
        self.0.join(path.trim_start_matches('/'))
    }

    /// Reads a small text, what is no UTF-8 replaced.
    pub(super) fn text(&self, path: &str) -> Option<String> {
        text(&self.at(path), 1 << 20)
    }

    /// Reads a small text of one line.
    pub(super) fn line(&self, path: &str) -> Option<String> {
        let text = self.text(path)?;
        let line = text.lines().next()?.trim_matches(['\0', ' ', '\t']);
        (!line.is_empty()).then(|| line.to_string())
    }

    /// Returns the names in a directory, sorted.
    pub(super) fn names(&self, path: &str) -> Vec<String> {
        names(&self.at(path))
    }

    /// Tells whether something is there.
    pub(super) fn exists(&self, path: &str) -> bool {
        self.at(path).exists()
    }

    /// Returns the last part of what a link leads to.
    pub(super) fn link_name(&self, path: &str) -> Option<String> {
        let target = fs_err::read_link(self.at(path)).ok()?;
        Some(target.file_name()?.to_string_lossy().into_owned())
    }

    /// Follows links to the real file, as a path below the root.
    pub(super) fn real(&self, path: &str) -> Option<String> {
        let mut path = path.to_string();
        for _ in 0..MOST_LINKS {
            let Ok(target) = fs_err::read_link(self.at(&path)) else {
                return self.exists(&path).then_some(path);
            };
            let target = target.to_string_lossy().into_owned();
            path = match (target.starts_with('/'), path.rsplit_once('/')) {
                (false, Some((directory, _))) => format!("{directory}/{target}"),
                _ => target,
            };
        }
        None
    }

    /// Tells whether a device node may be opened; `None` where there is none.
    pub(super) fn access(&self, path: &str) -> Option<Access> {
        access(&self.at(path))
    }
}

/// Reads a text of at most so many bytes; a longer one is cut.
pub(crate) fn text(path: &Path, most: u64) -> Option<String> {
    bytes(path, most).map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
}

/// Reads at most so many bytes of a regular file.
pub(super) fn bytes(path: &Path, most: u64) -> Option<Vec<u8>> {
    // A pipe or a device would never end, or never begin.
    if !fs_err::metadata(path).ok()?.is_file() {
        return None;
    }
    let mut bytes = Vec::new();
    let file = fs_err::File::open(path).ok()?;
    file.take(most).read_to_end(&mut bytes).ok()?;
    Some(bytes)
}

/// Returns the names in a directory, sorted.
pub(crate) fn names(path: &Path) -> Vec<String> {
    let Ok(entries) = fs_err::read_dir(path) else {
        return Vec::new();
    };
    let names = entries.take(MOST_NAMES);
    let names = names.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    let mut names: Vec<String> = names.collect();
    names.sort_unstable();
    names
}

#[cfg(unix)]
fn access(path: &Path) -> Option<Access> {
    use rustix::{fs::Access as Mode, io::Errno};
    match rustix::fs::access(path, Mode::READ_OK | Mode::WRITE_OK) {
        Ok(()) => Some(Access::Allowed),
        Err(Errno::NOENT | Errno::NOTDIR) => None,
        // The rules of a container answer this, permission bits the other.
        Err(Errno::PERM) => Some(Access::Forbidden),
        Err(_) => Some(Access::Denied),
    }
}

#[cfg(not(unix))]
fn access(path: &Path) -> Option<Access> {
    path.exists().then_some(Access::Allowed)
}
