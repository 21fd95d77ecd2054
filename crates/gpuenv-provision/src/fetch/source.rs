//! Where one archive comes from, and what arriving and unpacking it comes to.

use std::{
    io,
    path::Path,
    sync::{Arc, Mutex},
};

use gpuenv_core::{Reporter, wheels::shown_file_name};
use rattler_conda_types::{
    RepoDataRecord,
    package::{CondaArchiveType, DistArchiveType},
};
use rattler_digest::{Md5Hash, Sha256Hash};
use rattler_networking::LazyClient;
use rattler_package_streaming::{ExtractError, ExtractResult, tokio::async_read};
use tokio::io::AsyncRead;
use tokio_util::io::StreamReader;
use url::Url;

use super::{
    ByUv,
    ahead::{Ahead, Opaque},
    body::{Body, Failure, Request},
    limit::{Limit, TooLarge},
    wheel, whole,
};
use crate::{
    install::{InstallError, causes, io_kind, is_about_place},
    tree,
};

/// Carries our error through the cache of rattler, which shares it.
#[derive(Debug, thiserror::Error)]
#[error("the package cannot be brought")]
pub(super) struct Refusal(Mutex<Option<InstallError>>);

impl Refusal {
    fn new(error: InstallError) -> Self {
        Self(Mutex::new(Some(error)))
    }

    /// Takes the error out; there is one the first time.
    pub(super) fn take(&self) -> Option<InstallError> {
        self.0.lock().ok()?.take()
    }
}

/// Where one archive comes from.
pub(super) struct Source {
    pub(super) record: RepoDataRecord,
    pub(super) url: Url,
    pub(super) client: LazyClient,
    pub(super) retries: u32,
    pub(super) reporter: Arc<dyn Reporter>,
    /// Who installs a wheel that the converter refuses.
    pub(super) by_uv: Option<Arc<ByUv>>,
    /// What any archive may become, in bytes.
    pub(super) least: u64,
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
    pub(super) async fn unpack(&self, directory: &Path) -> Result<Option<Sha256Hash>, Refusal> {
        let (mut whole, mut anew) = (false, false);
        loop {
            match self.try_unpack(directory, whole, anew).await {
                Outcome::Done(hash) => return Ok(hash),
                Outcome::NeedsWhole if !whole => whole = true,
                Outcome::Again(_) if !anew && self.url.scheme() != "file" => anew = true,
                Outcome::Again(error) | Outcome::Failed(error) => return Err(Refusal::new(error)),
                Outcome::NeedsWhole => {
                    return Err(Refusal::new(
                        self.bad("it cannot be read as a zip archive".to_string()),
                    ));
                }
            }
            let cleared = tree::remove(directory).and_then(|()| fs_err::create_dir_all(directory));
            if let Err(error) = cleared {
                return Err(Refusal::new(InstallError::io("empty", directory, error)));
            }
        }
    }

    async fn try_unpack(&self, directory: &Path, whole: bool, anew: bool) -> Outcome {
        let mut body = Body::new(Request {
            client: self.client.clone(),
            url: self.url.clone(),
            package: shown_file_name(&self.record),
            is_wheel: self.is_wheel(),
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
            Err(error) if !whole && is_opaque(&error) => Outcome::NeedsWhole,
            Err(error) => self.explain(&mut body, directory, error).await,
        }
    }

    fn is_wheel(&self) -> bool {
        matches!(
            self.record.identifier.archive_type,
            DistArchiveType::Wheel(_)
        )
    }

    async fn extract(
        &self,
        body: &mut Body,
        directory: &Path,
        whole: bool,
    ) -> Result<ExtractResult, ExtractError> {
        let limit = Limit {
            least: self.least,
            received: body.counter(),
        };
        if self.is_wheel() {
            return self.extract_wheel(body, directory, &limit).await;
        }
        let reader = StreamReader::new(Box::pin(body.stream()));
        let unpacked = tokio::select! {
            unpacked = self.unpack_stream(reader, directory, whole, &limit) => unpacked?,
            error = limit.exceeded(directory) => return Err(error.into()),
        };
        limit.check_directory(directory).await?;
        Ok(unpacked)
    }

    /// A wheel that is not the one in the lock is not even opened.
    async fn extract_wheel(
        &self,
        body: &mut Body,
        directory: &Path,
        limit: &Limit,
    ) -> Result<ExtractResult, ExtractError> {
        let reader = StreamReader::new(Box::pin(body.stream()));
        let archive = wheel::receive(reader, directory).await?;
        let arrived = ExtractResult {
            sha256: body.sha256(),
            // No lock knows a wheel by it.
            md5: Md5Hash::default(),
            total_size: body.received(),
        };
        if self.record.package_record.sha256 == Some(arrived.sha256) {
            let by_uv = self.by_uv.as_deref();
            wheel::unpack(archive, directory, &self.record, limit, by_uv).await?;
        }
        Ok(arrived)
    }

    async fn unpack_stream(
        &self,
        reader: impl AsyncRead + Unpin,
        directory: &Path,
        whole: bool,
        limit: &Limit,
    ) -> Result<ExtractResult, ExtractError> {
        match self.record.identifier.archive_type {
            DistArchiveType::Conda(CondaArchiveType::TarBz2) => {
                whole::tar_bz2(reader, directory, limit).await
            }
            DistArchiveType::Conda(CondaArchiveType::Conda) if whole => {
                whole::conda(reader, directory, limit).await
            }
            DistArchiveType::Conda(CondaArchiveType::Conda) | DistArchiveType::Wheel(_) => {
                async_read::extract_conda(Ahead::new(reader, limit.clone()), directory).await
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
        if let ExtractError::IoError(inner) = &error
            && let Some(TooLarge(allowed)) = inner.get_ref().and_then(|inner| inner.downcast_ref())
        {
            let (package, allowed) = (shown_file_name(&self.record), *allowed);
            return Outcome::Failed(InstallError::TooLarge { package, allowed });
        }
        if let Some(kind) = io_kind(&error)
            && is_about_place(kind)
        {
            let source = io::Error::new(kind, error.to_string());
            let cache = directory.parent().unwrap_or(directory);
            return Outcome::Failed(InstallError::io("unpack into", cache, source));
        }
        body.drain().await;
        if let Some(failure) = body.take_failure() {
            return Outcome::Failed(self.not_arrived(body, failure));
        }
        let actual = body.sha256();
        match self.record.package_record.sha256 {
            Some(expected)
                if expected == actual && self.by_uv.is_none() && wheel::is_refused(&error) =>
            {
                let refused = (shown_file_name(&self.record), unpack_reason(&error));
                Outcome::Failed(InstallError::Unconvertible {
                    wheels: vec![refused],
                    because: None,
                })
            }
            Some(expected) if expected == actual => {
                Outcome::Failed(self.bad(unpack_reason(&error)))
            }
            Some(expected) => {
                let (expected, actual) = (hex::encode(expected), hex::encode(actual));
                Outcome::Again(self.other_hash(body, expected, actual))
            }
            None => Outcome::Again(self.bad(unpack_reason(&error))),
        }
    }

    fn not_arrived(&self, body: &Body, failure: Failure) -> InstallError {
        InstallError::Fetch {
            package: shown_file_name(&self.record),
            url: shown(&self.url),
            trouble: failure.trouble,
            tries: body.tries(),
            causes: failure.causes,
        }
    }

    fn other_hash(&self, body: &Body, expected: String, actual: String) -> InstallError {
        InstallError::Hash {
            package: shown_file_name(&self.record),
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
            package: shown_file_name(&self.record),
            reason,
        }
    }
}

/// What the zip reader says of an archive that states sizes behind the data.
const NEEDS_WHOLE: &str = "The file length is not available in the local header";

/// Returns whether nothing is wrong with an archive but that it tells too late what it becomes.
fn is_opaque(error: &ExtractError) -> bool {
    let ExtractError::IoError(error) = error else {
        return false;
    };
    error.get_ref().is_some_and(|error| error.is::<Opaque>())
}

fn unpack_reason(error: &ExtractError) -> String {
    let text = causes(error).join(": ");
    // What kind of error it is in the library says nothing.
    match text.strip_prefix("an io error occurred: ") {
        Some(rest) => rest.to_string(),
        None => text,
    }
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
