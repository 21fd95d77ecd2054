//! rattler's cache of unpacked packages, shared with pixi and rattler.
//!
//! Usually one directory. Where that one cannot be written, as on a cluster,
//! what is missing there goes into one of our own, which is looked at first.

use std::{
    io,
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

use fs_err::File;
use gpuenv_core::{Code, Diagnostic, Event, Reporter};
use rattler::package_cache::{CacheKey, PackageCache, PackageCacheLayer};
use rattler_conda_types::{RepoDataRecord, package::DistArchiveType};

use crate::{
    Access,
    cancel::Cancel,
    file_lock::{self, Mode, Waiting},
    install::InstallError,
    tree,
};

/// How long another program may keep the cache to itself.
const LONGEST_WAIT: Duration = Duration::from_secs(3600);

/// The name of the file by which rattler, pixi and gpuenv keep each other out.
const LOCK_NAME: &str = ".cache.lock";

/// The cache, locked.
pub(crate) struct Cache {
    /// In the order in which they are looked at.
    layers: Vec<PackageCacheLayer>,
    /// Where a new package goes.
    writable: Option<usize>,
    // The locks last as long as the files are open.
    _locks: Vec<File>,
}

/// Opens the cache to be read by any number of programs at a time.
pub(crate) async fn open_shared(
    access: &Access,
    reporter: &dyn Reporter,
    cancel: &Cancel,
) -> Result<Cache, InstallError> {
    let mut cache = Cache::none();
    for directory in [own(access), access.package_cache()] {
        if directory.is_dir() {
            if let Ok(file) = File::open(directory.join(LOCK_NAME)) {
                wait(&file, Mode::Shared, reporter, cancel).await?;
                cache._locks.push(file);
            }
            cache.layers.push(PackageCacheLayer::new(directory));
        }
    }
    Ok(cache)
}

/// Opens the cache to bring packages into it. `scratch` takes what can be kept
/// nowhere else.
pub(crate) async fn open_exclusive(
    access: &Access,
    scratch: &Path,
    reporter: &dyn Reporter,
    cancel: &Cancel,
) -> Result<Cache, InstallError> {
    let shared = access.package_cache();
    let mut cache = Cache::none();
    let reason = match lockable(&shared) {
        Ok(file) => {
            wait(&file, Mode::Exclusive, reporter, cancel).await?;
            let own = Some(own(access)).filter(|own| own.is_dir());
            cache.layers.extend(own.map(PackageCacheLayer::new));
            cache.writable = Some(cache.layers.len());
            cache.layers.push(PackageCacheLayer::new(shared));
            cache._locks.push(file);
            return Ok(cache);
        }
        Err(error) if is_forbidden(&error) => error,
        Err(error) => return Err(InstallError::io("open", &shared, error)),
    };
    let (kept, fallback) = match lockable(&own(access)) {
        Ok(file) => {
            wait(&file, Mode::Exclusive, reporter, cancel).await?;
            cache._locks.push(file);
            (true, own(access))
        }
        Err(_) => (false, scratch.to_path_buf()),
    };
    tell_fallback(&shared, &fallback, kept, &reason, reporter);
    cache.layers.push(PackageCacheLayer::new(fallback));
    cache.layers.push(PackageCacheLayer::new(shared));
    cache.writable = Some(0);
    Ok(cache)
}

fn tell_fallback(
    shared: &Path,
    fallback: &Path,
    kept: bool,
    reason: &io::Error,
    reporter: &dyn Reporter,
) {
    let message = format!("the package cache `{}` can only be read", shared.display());
    let diagnostic = Diagnostic::note(Code::INSTALL_PERMISSION, message).cause(reason);
    let diagnostic = match kept {
        true => diagnostic.cause(format!("what it lacks is kept in `{}`", fallback.display())),
        false => diagnostic
            .cause("what it lacks is downloaded and not kept")
            .help("set `RATTLER_CACHE_DIR` to a directory of yours"),
    };
    reporter.report(Event::Diagnosed { diagnostic });
}

/// Returns our own directory of packages.
fn own(access: &Access) -> PathBuf {
    access.own_cache().join("pkgs")
}

fn lockable(directory: &Path) -> io::Result<File> {
    fs_err::create_dir_all(directory)?;
    // A directory without write permission may hold a lock that has it.
    if fs_err::metadata(directory)?.permissions().readonly() {
        return Err(io::ErrorKind::PermissionDenied.into());
    }
    tempfile::Builder::new()
        .prefix(".gpuenv-")
        .tempfile_in(directory)?;
    fs_err::OpenOptions::new()
        .create(true)
        .truncate(false)
        .read(true)
        .write(true)
        .open(directory.join(LOCK_NAME))
}

fn is_forbidden(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem
    )
}

async fn wait(
    file: &File,
    mode: Mode,
    reporter: &dyn Reporter,
    cancel: &Cancel,
) -> Result<(), InstallError> {
    let waiting = Waiting {
        at_most: LONGEST_WAIT,
        what: "the package cache",
        reporter,
        cancel,
    };
    file_lock::lock(file, mode, &waiting).await
}

/// Returns the key under which rattler keeps a package.
pub(crate) fn key(record: &RepoDataRecord) -> CacheKey {
    match record.identifier.archive_type {
        DistArchiveType::Conda(_) => CacheKey::from(&record.package_record),
        DistArchiveType::Wheel(_) => CacheKey::from_wheel_record(&record.package_record),
    }
}

impl Cache {
    /// Returns a cache without anything in it.
    pub(crate) fn none() -> Self {
        Self {
            layers: Vec::new(),
            writable: None,
            _locks: Vec::new(),
        }
    }

    /// Looks for a package, and returns where it lies.
    pub(crate) async fn find(&self, record: &RepoDataRecord) -> Option<PathBuf> {
        for layer in &self.layers {
            if let Ok(metadata) = layer.try_validate(&key(record)).await {
                return Some(metadata.path().to_path_buf());
            }
        }
        None
    }

    /// Returns the layer into which new packages go.
    pub(crate) fn writable(&self) -> Option<&PackageCacheLayer> {
        self.layers.get(self.writable?)
    }

    /// Takes a damaged package out, where that is allowed. Where it is not, the
    /// new one goes into a layer that is looked at before.
    pub(crate) fn forget(&self, directory: &Path) -> Result<(), InstallError> {
        match tree::remove(directory) {
            Err(error) if !is_forbidden(&error) => {
                Err(InstallError::io("remove", directory, error))
            }
            _ => Ok(()),
        }
    }

    /// Returns the same cache for rattler's installer, which takes a lock of its
    /// own: that one is put into `scratch`, because we hold the real one.
    pub(crate) fn for_installer(&self, scratch: &Path) -> PackageCache {
        let first = PackageCacheLayer::new(scratch);
        let others = self
            .layers
            .iter()
            .map(|layer| PackageCacheLayer::new(layer.path()));
        PackageCache::from_layers(std::iter::once(first).chain(others), false)
    }
}

/// Returns when a package was unpacked: rattler writes a file beside it then.
pub(crate) fn unpacked_at(directory: &Path) -> SystemTime {
    let mut path = directory.as_os_str().to_owned();
    path.push(".lock");
    let modified = fs_err::metadata(PathBuf::from(path)).and_then(|metadata| metadata.modified());
    // Without it every file is read.
    modified.unwrap_or(SystemTime::UNIX_EPOCH)
}
