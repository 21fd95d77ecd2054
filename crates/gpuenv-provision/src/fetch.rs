//! Brings packages into the cache: downloaded, compared with the lock, unpacked.
//!
//! Everything is here before the first file is linked. An archive is unpacked
//! while it arrives; only when its hash is right does the result enter the cache.

mod body;

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use futures::{StreamExt, TryStreamExt, stream};
use gpuenv_core::{Event, Reporter};
use rattler::package_cache::PackageCacheLayerError;
use rattler_conda_types::{
    RepoDataRecord,
    package::{CondaArchiveType, DistArchiveType},
};
use rattler_digest::Sha256Hash;
use rattler_networking::LazyClient;
use rattler_package_streaming::{ExtractError, ExtractResult, tokio::async_read};
use tokio_util::io::StreamReader;
use url::Url;

use self::body::{Body, Request};
use crate::{
    Access,
    cancel::Cancel,
    install::{InstallError, causes, io_kind},
    package_cache::{self, Cache},
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
}

/// Packages that are in the cache, checked; they stay while this lives.
pub(crate) struct Fetched {
    pub(crate) packages: Vec<Unpacked>,
    pub(crate) cache: Cache,
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
    } = fetching;
    let cache = package_cache::open_shared(access, reporter.as_ref(), cancel).await?;
    let (packages, wanted) = look(&cache, records, cancel).await?;
    if wanted.is_empty() {
        return Ok(Fetched { packages, cache });
    }
    refuse_offline(access, &wanted)?;
    // Others may have brought some of them until the lock is ours alone.
    drop(cache);
    let cache =
        package_cache::open_exclusive(access, &scratch.join("pkgs"), reporter.as_ref(), cancel)
            .await?;
    let (mut packages, wanted) = look(&cache, records, cancel).await?;
    packages.extend(bring(&cache, &wanted, fetching).await?);
    Ok(Fetched { packages, cache })
}

/// Finds which packages are in the cache as they should be, and which are not.
async fn look<'a>(
    cache: &Cache,
    records: &[&'a RepoDataRecord],
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
            check(record, directory, Depth::Changed { since })
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

fn check(record: &RepoDataRecord, directory: &Path, depth: Depth) -> Result<Unpacked, Damage> {
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
        let name = wanted.record.identifier.to_string();
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
    space::preflight(bytes, &[cache_directory, fetching.scratch])?;
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
        .try_collect::<Vec<_>>();
    tokio::select! {
        packages = all => packages,
        () = fetching.cancel.asked() => Err(InstallError::Interrupted),
    }
}

async fn bring_one(
    cache: &Cache,
    wanted: &Wanted<'_>,
    client: &LazyClient,
    fetching: &Fetching<'_>,
) -> Result<Unpacked, InstallError> {
    let record = wanted.record;
    let package = record.identifier.to_string();
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
    });
    let unpack = move |directory: PathBuf| {
        let source = source.clone();
        async move { source.unpack(&directory).await }
    };
    let metadata = layer
        .validate_or_fetch(unpack, &package_cache::key(record), None)
        .await
        .map_err(|error| cache_error(&package, layer.path(), error))?;
    let directory = metadata.path().to_path_buf();
    let owned = record.clone();
    let checked = tokio::task::spawn_blocking(move || check(&owned, &directory, Depth::Full));
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
        && let Some(Refusal(refused)) = inner.downcast_ref::<Refusal>()
    {
        let taken = refused.lock().ok().and_then(|mut refused| refused.take());
        if let Some(error) = taken {
            return error;
        }
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

/// Carries our error through the cache of rattler, which shares it.
#[derive(Debug, thiserror::Error)]
#[error("the package cannot be brought")]
struct Refusal(std::sync::Mutex<Option<InstallError>>);

/// Where one archive comes from.
struct Source {
    record: RepoDataRecord,
    url: Url,
    client: LazyClient,
    retries: u32,
    reporter: Arc<dyn Reporter>,
}

/// What one try came to.
enum Outcome {
    Done(Option<Sha256Hash>),
    /// The archive cannot be unpacked as it comes, but perhaps as a whole.
    NeedsWhole,
    /// It may be another one when asked for past all caches.
    Again(InstallError),
    Failed(InstallError),
}

impl Source {
    /// Downloads the archive and unpacks it into a new directory.
    async fn unpack(&self, directory: &Path) -> Result<Option<Sha256Hash>, Refusal> {
        let refuse = |error| Refusal(std::sync::Mutex::new(Some(error)));
        let (mut whole, mut anew) = (false, false);
        loop {
            match self.try_unpack(directory, whole, anew).await {
                Outcome::Done(hash) => return Ok(hash),
                Outcome::NeedsWhole if !whole => whole = true,
                Outcome::Again(_) if !anew && self.url.scheme() != "file" => anew = true,
                Outcome::Again(error) | Outcome::Failed(error) => return Err(refuse(error)),
                Outcome::NeedsWhole => {
                    return Err(refuse(
                        self.bad("it cannot be read as a zip archive".to_string()),
                    ));
                }
            }
            let cleared = tree::remove(directory).and_then(|()| fs_err::create_dir_all(directory));
            if let Err(error) = cleared {
                return Err(refuse(InstallError::io("empty", directory, error)));
            }
        }
    }

    async fn try_unpack(&self, directory: &Path, whole: bool, anew: bool) -> Outcome {
        let mut body = Body::new(Request {
            client: self.client.clone(),
            url: self.url.clone(),
            package: self.record.identifier.to_string(),
            size: self.record.package_record.size,
            retries: self.retries,
            anew,
            reporter: self.reporter.clone(),
        });
        let extracted = self.extract(&mut body, directory, whole).await;
        if let Some(failure) = body.take_failure() {
            return Outcome::Failed(self.not_arrived(&body, failure));
        }
        match extracted {
            Ok(result) => self.judge(&body, &result),
            Err(ExtractError::ZipError(error)) if error.to_string().contains(NEEDS_WHOLE) => {
                Outcome::NeedsWhole
            }
            Err(error) => self.explain(&mut body, directory, error).await,
        }
    }

    async fn extract(
        &self,
        body: &mut Body,
        directory: &Path,
        whole: bool,
    ) -> Result<ExtractResult, ExtractError> {
        let reader = StreamReader::new(Box::pin(body.stream()));
        match self.record.identifier.archive_type {
            DistArchiveType::Conda(CondaArchiveType::TarBz2) => {
                async_read::extract_tar_bz2(reader, directory).await
            }
            DistArchiveType::Conda(CondaArchiveType::Conda) if whole => {
                async_read::extract_conda_via_buffering(reader, directory).await
            }
            DistArchiveType::Conda(CondaArchiveType::Conda) => {
                async_read::extract_conda(reader, directory).await
            }
            DistArchiveType::Wheel(_) => {
                async_read::extract_wheel(reader, directory, &self.record.package_record).await
            }
        }
    }

    /// Compares what arrived with the lock; the stronger of two hashes decides.
    fn judge(&self, body: &Body, result: &ExtractResult) -> Outcome {
        let package = &self.record.package_record;
        let wrong = match (&package.sha256, &package.md5) {
            (Some(expected), _) if *expected != result.sha256 => {
                Some((hex::encode(expected), hex::encode(result.sha256)))
            }
            (None, Some(expected)) if *expected != result.md5 => {
                Some((hex::encode(expected), hex::encode(result.md5)))
            }
            _ => None,
        };
        match wrong {
            Some((expected, actual)) => Outcome::Again(self.other_hash(body, expected, actual)),
            None => Outcome::Done(Some(result.sha256)),
        }
    }

    /// Finds out why an archive could not be unpacked although all of it came.
    async fn explain(&self, body: &mut Body, directory: &Path, error: ExtractError) -> Outcome {
        if let Some(kind) = io_kind(&error)
            && is_local(kind)
        {
            let source = std::io::Error::new(kind, error.to_string());
            return Outcome::Failed(InstallError::io("unpack into", directory, source));
        }
        body.drain().await;
        if let Some(failure) = body.take_failure() {
            return Outcome::Failed(self.not_arrived(body, failure));
        }
        let actual = body.sha256();
        match self.record.package_record.sha256 {
            Some(expected) if expected == actual => {
                Outcome::Failed(self.bad(causes(&error).join(": ")))
            }
            Some(expected) => {
                let (expected, actual) = (hex::encode(expected), hex::encode(actual));
                Outcome::Again(self.other_hash(body, expected, actual))
            }
            None => Outcome::Again(self.bad(causes(&error).join(": "))),
        }
    }

    fn not_arrived(&self, body: &Body, failure: body::Failure) -> InstallError {
        InstallError::Fetch {
            package: self.record.identifier.to_string(),
            url: shown(&self.url),
            trouble: failure.trouble,
            tries: body.tries(),
            causes: failure.causes,
        }
    }

    fn other_hash(&self, body: &Body, expected: String, actual: String) -> InstallError {
        InstallError::Hash {
            package: self.record.identifier.to_string(),
            url: shown(&self.url),
            expected,
            actual,
            expected_bytes: self.record.package_record.size,
            bytes: body.received(),
            is_page: body.is_page(),
        }
    }

    fn bad(&self, reason: String) -> InstallError {
        InstallError::BadPackage {
            package: self.record.identifier.to_string(),
            reason,
        }
    }
}

/// What the zip reader says of an archive that states sizes behind the data.
const NEEDS_WHOLE: &str = "The file length is not available in the local header";

/// Returns whether an error is about our own disk, not about the archive.
fn is_local(kind: std::io::ErrorKind) -> bool {
    use std::io::ErrorKind;
    matches!(
        kind,
        ErrorKind::StorageFull
            | ErrorKind::QuotaExceeded
            | ErrorKind::PermissionDenied
            | ErrorKind::ReadOnlyFilesystem
            | ErrorKind::NotFound
    )
}

/// Returns a URL without what must not be shown.
fn shown(url: &Url) -> String {
    let mut url = url.clone();
    let _ = url.set_username("");
    let _ = url.set_password(None);
    url.set_query(None);
    let path = url.path().to_string();
    if let Some((before, rest)) = path.split_once("/t/")
        && let Some((_, after)) = rest.split_once('/')
    {
        url.set_path(&format!("{before}/t/***/{after}"));
    }
    url.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_are_shown_without_secrets() {
        let show = |text: &str| shown(&Url::parse(text).unwrap());
        assert_eq!(
            show("https://me:pw@x.example/c/a.conda?sig=1"),
            "https://x.example/c/a.conda"
        );
        assert_eq!(
            show("https://x.example/t/abc/c/a.conda"),
            "https://x.example/t/***/c/a.conda"
        );
    }
}
