//! How the network and the caches may be used: given once, read everywhere.

use std::{path::PathBuf, time::Duration};

use gpuenv_core::channel::Mirrors;

/// How the network and the caches may be used.
#[derive(Debug, Clone)]
pub struct Access {
    /// Where to fetch channels from instead of their canonical places.
    pub mirrors: Mirrors,
    /// Nothing may leave this machine; `file://` and what is cached still work.
    pub offline: bool,
    /// rattler's cache directory, with `pkgs` and `repodata` below it.
    pub cache: PathBuf,
    /// How long a server may be silent before a request is given up.
    pub silence: Duration,
    /// How often a request is tried again after a failure that may pass.
    pub retries: u32,
}

/// Returns rattler's own cache directory, unless the user names another one.
pub fn default_cache() -> Option<PathBuf> {
    rattler::default_cache_dir().ok()
}

impl Access {
    /// Returns the directory of unpacked packages, shared with pixi and rattler.
    pub fn package_cache(&self) -> PathBuf {
        self.cache.join("pkgs")
    }

    /// Returns the directory of channel indices, shared with pixi and rattler.
    pub fn repodata_cache(&self) -> PathBuf {
        self.cache.join("repodata")
    }

    /// Returns the directory of what only gpuenv keeps there.
    pub fn own_cache(&self) -> PathBuf {
        self.cache.join("gpuenv")
    }
}
