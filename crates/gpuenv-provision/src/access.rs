//! How the network and the caches may be used: given once, read everywhere.

use std::{
    io,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use gpuenv_core::{
    channel::{self, Mirrors},
    neighbours::UvIndex,
};
use url::Url;

use crate::{
    embedded,
    keyring::{self, Keyring, Login},
};

/// How the network and the caches may be used.
#[derive(Debug, Clone)]
pub struct Access {
    /// Where to fetch channels from instead of their canonical places.
    pub mirrors: Mirrors,
    /// Nothing may leave this machine; `file://` and what is cached still work.
    pub offline: bool,
    /// rattler's cache directory, with `pkgs` and `repodata` below it.
    pub cache: PathBuf,
    /// Where to write instead of `cache` if that one can only be read.
    pub fallback: Option<PathBuf>,
    /// How long a server may be silent before a request is given up.
    pub silence: Duration,
    /// How often a request is tried again after a failure that may pass.
    pub retries: u32,
    /// What any archive may unpack to, in bytes; a large one may become more.
    pub unpacked_at_least: u64,
    /// What the configuration of conda or rattler says about the network.
    pub ways: Ways,
    /// What uv's settings say about indexes of wheels.
    pub wheels: WheelWays,
}

/// What uv's settings say about indexes of wheels, as far as downloads need it.
#[derive(Debug, Clone, Default)]
pub struct WheelWays {
    /// The indexes that they name, strongest first.
    pub indexes: Vec<UvIndex>,
    /// Whether one of them takes the place of PyPI.
    pub replaces_pypi: bool,
    /// The keyring, if it is to be asked.
    pub keyring: Option<Arc<Keyring>>,
}

impl WheelWays {
    /// Returns the login that uv's settings hold for the server of this address, that of
    /// the nearest index.
    pub(crate) fn login_for(&self, url: &Url) -> Option<Login> {
        let indexes = self.indexes.iter();
        let of_server = indexes.filter(|index| index.url.origin() == url.origin());
        let with_password = of_server.filter_map(|index| {
            let login = Login {
                name: index.user.clone().unwrap_or_default(),
                password: index.password.clone()?,
            };
            Some((keyring::shared(&index.url, url), login))
        });
        // Of two that are equally near the first one counts.
        let nearest = with_password.reduce(|best, next| match next.0 > best.0 {
            true => next,
            false => best,
        });
        nearest.map(|(_, login)| login)
    }
}

/// What the configuration of conda or rattler says about the network.
///
/// The environment's variables are stronger, and are read by the HTTP library itself.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Ways {
    /// The proxy for `https`.
    pub https_proxy: Option<String>,
    /// The proxy for `http`.
    pub http_proxy: Option<String>,
    /// Hosts without a proxy.
    pub no_proxy: Vec<String>,
    /// A file with certificates to trust beside the system's.
    pub certificates: Option<PathBuf>,
    /// A file with credentials, asked after the usual places.
    pub credentials: Option<PathBuf>,
}

/// Returns rattler's own cache directory, unless the user names another one.
pub fn default_cache() -> Option<PathBuf> {
    rattler::default_cache_dir().ok()
}

/// Returns whether files can be made in a directory, or it can be made itself.
pub fn is_writable(directory: &Path) -> bool {
    let existing = directory.ancestors().find(|path| path.is_dir());
    existing.is_some_and(|existing| tempfile::tempfile_in(existing).is_ok())
}

impl Access {
    /// Returns where to fetch what has this canonical URL: from the program
    /// itself, from a mirror, or from there.
    ///
    /// # Errors
    /// Fails if the channel inside the program cannot be unpacked into the cache.
    pub fn place(&self, canonical: &Url) -> io::Result<Url> {
        match canonical.as_str().strip_prefix(channel::EMBEDDED_URL) {
            None => Ok(self.mirrors.apply(canonical)),
            Some(rest) => embedded::unpack(&self.own_cache())?
                .join(rest)
                .map_err(io::Error::other),
        }
    }

    /// Returns the directory of unpacked packages, shared with pixi and rattler.
    pub fn package_cache(&self) -> PathBuf {
        self.cache.join("pkgs")
    }

    /// Returns the directory of channel indices, shared with pixi and rattler
    /// where it can be written: even to read one, rattler writes.
    pub fn repodata_cache(&self) -> PathBuf {
        self.written().join("repodata")
    }

    /// Returns the directory of what only gpuenv keeps.
    pub fn own_cache(&self) -> PathBuf {
        self.written().join("gpuenv")
    }

    fn written(&self) -> &Path {
        self.fallback.as_deref().unwrap_or(&self.cache)
    }
}
