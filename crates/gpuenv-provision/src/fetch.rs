//! Brings packages into the cache: downloaded, compared with the lock, unpacked.
//!
//! Everything is here before the first file is linked. An archive is unpacked
//! while it arrives; only when its hash is right does the result enter the cache.

mod ahead;
mod body;
mod by_uv;
mod convert;
mod file;
mod limit;
mod source;
mod wheel;
mod whole;

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use futures::{StreamExt, TryStreamExt, stream};
use gpuenv_core::{Event, Reporter, layout, wheels::shown_file_name};
use rattler::package_cache::PackageCacheLayerError;
use rattler_conda_types::{RepoDataRecord, package::DistArchiveType};
use rattler_networking::LazyClient;

use self::source::{Refusal, Source};
pub(crate) use self::{by_uv::ByUv, file::file};
use crate::{
    Access,
    cancel::Cancel,
    install::{FetchTrouble, InstallError, causes, io_kind},
    package_cache::{self, Cache},
    prefix::Links,
    space, tree,
    unpacked::{self, Damage, Depth, Unpacked},
};

/// How many packages are brought at the same time.
const AT_ONCE: usize = 8;

/// How, and on whose behalf, packages are brought.
pub(crate) struct Fetching<'a> {
    pub(crate) access: &'a Access,
    /// A directory for what cannot be kept in the cache, near the prefix.
    pub(crate) scratch: &'a Path,
    pub(crate) reporter: &'a Arc<dyn Reporter>,
    pub(crate) cancel: &'a Cancel,
    /// Whether every file of what is in the cache is read, also those that look
    /// as if nobody had written them.
    pub(crate) thorough: bool,
    /// Who installs the wheels that the converter refuses.
    pub(crate) by_uv: Option<Arc<ByUv>>,
}

/// Packages that are in the cache, checked; they stay while this lives.
pub(crate) struct Fetched {
    pub(crate) packages: Vec<Unpacked>,
    pub(crate) cache: Cache,
}

impl Fetched {
    fn new(mut packages: Vec<Unpacked>, cache: Cache) -> Self {
        let name = |package: &Unpacked| package.record.package_record.name.clone();
        packages.sort_by_cached_key(name);
        Self { packages, cache }
    }

    /// Returns where the links of the packages lead; `layouts` are theirs, in order.
    pub(crate) fn links(&self, layouts: &[layout::Package]) -> Links {
        let mut links = Links::new();
        for (package, layout) in self.packages.iter().zip(layouts) {
            let entries = layout.entries.iter().zip(layout::final_paths(layout));
            let targets = entries.filter_map(|(entry, path)| match &entry.kind {
                layout::Kind::Link { target } => Some((path, target.clone())),
                layout::Kind::File | layout::Kind::Directory => None,
            });
            let targets: BTreeMap<String, String> = targets.collect();
            if !targets.is_empty() {
                let name = &package.record.package_record.name;
                links.insert(name.as_normalized().to_string(), targets);
            }
        }
        links
    }
}

/// A package that has to be brought, and why.
struct Wanted<'a> {
    record: &'a RepoDataRecord,
    damaged: Option<(PathBuf, Damage)>,
}

/// Brings all packages into the cache and checks them.
pub(crate) async fn fetch(
    records: &[&RepoDataRecord],
    fetching: &Fetching<'_>,
) -> Result<Fetched, InstallError> {
    let Fetching {
        access,
        scratch,
        reporter,
        cancel,
        thorough,
        ..
    } = fetching;
    if records.is_empty() {
        // Nobody has to be waited for.
        return Ok(Fetched::new(Vec::new(), Cache::none()));
    }
    let cache = package_cache::open_shared(access, reporter.as_ref(), cancel).await?;
    let (packages, wanted) = look(&cache, records, *thorough, cancel).await?;
    if wanted.is_empty() {
        return Ok(Fetched::new(packages, cache));
    }
    refuse_offline(access, &wanted)?;
    // Others may have brought some of them until the lock is ours alone.
    drop(cache);
    let cache =
        package_cache::open_exclusive(access, &scratch.join("pkgs"), reporter.as_ref(), cancel)
            .await?;
    let (mut packages, wanted) = look(&cache, records, *thorough, cancel).await?;
    packages.extend(bring(&cache, &wanted, fetching).await?);
    Ok(Fetched::new(packages, cache))
}

/// Finds which packages are in the cache as they should be, and which are not.
async fn look<'a>(
    cache: &Cache,
    records: &[&'a RepoDataRecord],
    thorough: bool,
    cancel: &Cancel,
) -> Result<(Vec<Unpacked>, Vec<Wanted<'a>>), InstallError> {
    let found = stream::iter(records.iter().copied())
        .map(|record| async move { (record, cache.find(record).await) })
        .buffered(AT_ONCE)
        .collect::<Vec<_>>()
        .await;
    let checked = std::sync::Mutex::new(Vec::new());
    tree::in_parallel(&found, |(record, directory)| {
        if cancel.is_asked() {
            return Err(InstallError::Interrupted);
        }
        let outcome = directory.as_ref().map(|directory| {
            let since = package_cache::unpacked_at(directory);
            let depth = match thorough {
                true => Depth::Full,
                false => Depth::Changed { since },
            };
            check(record, directory, depth)
        });
        let mut checked = checked
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        checked.push((*record, directory.clone(), outcome));
        Ok(())
    })?;
    let (mut packages, mut wanted) = (Vec::new(), Vec::new());
    let checked = checked.into_inner();
    for (record, directory, outcome) in checked.unwrap_or_else(std::sync::PoisonError::into_inner) {
        match (outcome, directory) {
            (Some(Ok(unpacked)), _) => packages.push(unpacked),
            (Some(Err(damage)), Some(directory)) => {
                tracing::debug!("`{}` in the cache is damaged: {damage}", record.identifier);
                let damaged = Some((directory, damage));
                wanted.push(Wanted { record, damaged });
            }
            _ => wanted.push(Wanted {
                record,
                damaged: None,
            }),
        }
    }
    Ok((packages, wanted))
}

fn check(record: &RepoDataRecord, directory: &Path, depth: Depth<'_>) -> Result<Unpacked, Damage> {
    let unpacked = unpacked::read(record, directory)?;
    unpacked.verify(depth)?;
    Ok(unpacked)
}

/// Fails if something is only to be had from a server, and that is not allowed.
fn refuse_offline(access: &Access, wanted: &[Wanted<'_>]) -> Result<(), InstallError> {
    if !access.offline {
        return Ok(());
    }
    let remote: Vec<&Wanted<'_>> = wanted
        .iter()
        .filter(|wanted| {
            let place = access.place(&wanted.record.url);
            place.is_ok_and(|url| url.scheme() != "file")
        })
        .collect();
    if remote.is_empty() {
        return Ok(());
    }
    let (mut packages, mut damaged) = (Vec::new(), Vec::new());
    for wanted in remote {
        let name = shown_file_name(wanted.record);
        match &wanted.damaged {
            Some((_, damage)) => damaged.push(format!("{name}: {damage}")),
            None => packages.push(name),
        }
    }
    Err(InstallError::Offline { packages, damaged })
}

/// Downloads and checks what is wanted, the largest first.
async fn bring(
    cache: &Cache,
    wanted: &[Wanted<'_>],
    fetching: &Fetching<'_>,
) -> Result<Vec<Unpacked>, InstallError> {
    if wanted.is_empty() {
        return Ok(Vec::new());
    }
    let size = |wanted: &&Wanted<'_>| wanted.record.package_record.size.unwrap_or(0);
    let bytes = wanted.iter().map(|wanted| size(&wanted)).sum();
    let cache_directory = cache
        .writable()
        .map_or(fetching.scratch, |layer| layer.path());
    // The scratch itself is gone before anybody can look at it.
    let place = fetching.scratch.parent().unwrap_or(fetching.scratch);
    space::preflight(bytes, &[cache_directory, place])?;
    fetching.reporter.report(Event::FetchStarted {
        packages: wanted.len(),
        bytes,
    });
    let client = crate::client::client(fetching.access)?;
    let mut order: Vec<&Wanted<'_>> = wanted.iter().collect();
    order.sort_by_key(|wanted| std::cmp::Reverse(size(wanted)));
    let all = stream::iter(order)
        .map(|wanted| bring_one(cache, wanted, &client, fetching))
        .buffer_unordered(AT_ONCE)
        .map(|brought| match brought {
            // The others are brought nevertheless.
            Err(InstallError::Unconvertible { wheels, .. }) => Ok(Err(wheels)),
            brought => brought.map(Ok),
        })
        .try_collect::<Vec<_>>();
    let brought = tokio::select! {
        brought = all => brought.map_err(|error| with_complaint(error, fetching.access))?,
        () = fetching.cancel.asked() => return Err(InstallError::Interrupted),
    };
    let (mut packages, mut wheels) = (Vec::new(), Vec::new());
    for one in brought {
        match one {
            Ok(package) => packages.push(package),
            Err(refused) => wheels.extend(refused),
        }
    }
    wheels.sort();
    let because = None;
    match wheels.is_empty() {
        true => Ok(packages),
        false => Err(InstallError::Unconvertible { wheels, because }),
    }
}

/// Says why the keyring did not help, where a server of wheels has refused.
fn with_complaint(mut error: InstallError, access: &Access) -> InstallError {
    if let InstallError::Fetch {
        trouble: FetchTrouble::Denied(_) | FetchTrouble::Gone(_),
        causes,
        ..
    } = &mut error
    {
        let keyring = access.wheels.keyring.as_ref();
        causes.extend(keyring.and_then(|keyring| keyring.complaint()));
    }
    error
}

async fn bring_one(
    cache: &Cache,
    wanted: &Wanted<'_>,
    client: &LazyClient,
    fetching: &Fetching<'_>,
) -> Result<Unpacked, InstallError> {
    let record = wanted.record;
    let package = shown_file_name(record);
    let Some(layer) = cache.writable() else {
        let path = fetching.access.package_cache();
        return Err(InstallError::io(
            "write",
            path,
            std::io::ErrorKind::PermissionDenied.into(),
        ));
    };
    if let Some((directory, _)) = &wanted.damaged {
        cache.forget(directory)?;
    }
    let url = fetching
        .access
        .place(&record.url)
        .map_err(|error| InstallError::io("write", fetching.access.own_cache(), error))?;
    let source = Arc::new(Source {
        record: record.clone(),
        url,
        client: client.clone(),
        retries: fetching.access.retries,
        reporter: fetching.reporter.clone(),
        by_uv: fetching.by_uv.clone(),
        least: fetching.access.unpacked_at_least,
    });
    let brought = Arc::new(AtomicBool::new(false));
    let told = brought.clone();
    let unpack = move |directory: PathBuf| {
        let (source, told) = (source.clone(), told.clone());
        async move {
            let unpacked = source.unpack(&directory).await;
            told.store(unpacked.is_ok(), Ordering::Relaxed);
            unpacked
        }
    };
    let metadata = layer
        .validate_or_fetch(unpack, &package_cache::key(record), None)
        .await
        .map_err(|error| cache_error(&package, layer.path(), error))?;
    let directory = metadata.path().to_path_buf();
    let owned = record.clone();
    // What a wheel's files should be was noted while they were written.
    let depth = match record.identifier.archive_type {
        DistArchiveType::Wheel(_) if brought.load(Ordering::Relaxed) => Depth::Present,
        DistArchiveType::Wheel(_) | DistArchiveType::Conda(_) => Depth::Full,
    };
    let checked = tokio::task::spawn_blocking(move || check(&owned, &directory, depth));
    let checked = checked.await.map_err(|_| InstallError::Interrupted)?;
    match checked {
        Ok(unpacked) => {
            fetching.reporter.report(Event::FetchFinished { package });
            Ok(unpacked)
        }
        Err(damage) => {
            // Later only its sizes would be looked at.
            cache.forget(metadata.path())?;
            let reason = damage.to_string();
            Err(InstallError::BadPackage { package, reason })
        }
    }
}

fn cache_error(package: &str, cache: &Path, error: PackageCacheLayerError) -> InstallError {
    if let PackageCacheLayerError::FetchError(inner) = &error
        && let Some(refusal) = inner.downcast_ref::<Refusal>()
        && let Some(error) = refusal.take()
    {
        return error;
    }
    match (&error, io_kind(&error)) {
        (PackageCacheLayerError::Cancelled, _) => InstallError::Interrupted,
        (_, Some(kind)) => {
            let text = causes(&error).join(": ");
            InstallError::io("write", cache, std::io::Error::new(kind, text))
        }
        _ => InstallError::BadPackage {
            package: package.to_string(),
            reason: causes(&error).join(": "),
        },
    }
}
