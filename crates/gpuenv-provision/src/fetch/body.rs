//! The bytes of one archive, from a server or a file.
//!
//! A connection that breaks is taken up again where it broke (RFC 9110, section
//! 14), while the unpacking behind it goes on and never notices.

use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use bytes::{Bytes, BytesMut};
use futures::{Stream, stream};
use gpuenv_core::{Event, Reporter};
use http::{HeaderMap, StatusCode, header};
use rattler_digest::{Sha256, Sha256Hash, digest::Digest};
use rattler_networking::LazyClient;
use reqwest::Response;
use tokio::io::AsyncReadExt;
use url::Url;

use crate::{
    client::OfWheel,
    install::{FetchTrouble, causes},
};

/// How many bytes pass between two reports.
const REPORT_EVERY: u64 = 256 << 10;

/// After how many new bytes earlier failures are forgotten.
const FORGIVE_AFTER: u64 = 1 << 20;

/// What to ask for, and how.
pub(super) struct Request {
    pub(super) client: LazyClient,
    pub(super) url: Url,
    /// The archive's file name, for reports.
    pub(super) package: String,
    /// Whether logins for wheels count.
    pub(super) is_wheel: bool,
    /// The size in the lock.
    pub(super) size: Option<u64>,
    /// How often to take up a broken connection.
    pub(super) retries: u32,
    /// Whether caches on the way must ask the server anew.
    pub(super) anew: bool,
    pub(super) reporter: Arc<dyn Reporter>,
}

/// The bytes of one archive as they come.
pub(super) struct Body {
    request: Request,
    connection: Connection,
    /// What is still to be skipped, after a server began from the start again.
    skip: u64,
    /// The version of the archive on the server, if it is a strong one.
    version: Option<http::HeaderValue>,
    received: u64,
    /// The same, for whoever watches what becomes of it.
    counter: Arc<AtomicU64>,
    reported: u64,
    failures: u32,
    failed_at: u64,
    tries: u32,
    hash: Sha256,
    is_page: bool,
    failure: Option<Failure>,
}

enum Connection {
    Closed,
    Http(Box<Response>),
    File(tokio::fs::File),
    Ended,
}

/// Why no more bytes come.
#[derive(Debug)]
pub(super) struct Failure {
    pub(super) trouble: FetchTrouble,
    pub(super) causes: Vec<String>,
    /// Whether it may work when tried again.
    may_pass: bool,
    /// Whether the client below has tried it again already.
    tried_again: bool,
}

impl Body {
    pub(super) fn new(request: Request) -> Self {
        Self {
            request,
            connection: Connection::Closed,
            skip: 0,
            version: None,
            received: 0,
            counter: Arc::default(),
            reported: 0,
            failures: 0,
            failed_at: 0,
            tries: 0,
            hash: Sha256::default(),
            is_page: false,
            failure: None,
        }
    }

    /// Returns the bytes as a stream; why it broke stays here.
    pub(super) fn stream(&mut self) -> impl Stream<Item = io::Result<Bytes>> + '_ {
        stream::try_unfold(self, |body| async move {
            Ok(body.next().await?.map(|bytes| (bytes, body)))
        })
    }

    /// Takes what is left, so that the hash is that of the whole.
    pub(super) async fn drain(&mut self) {
        while let Ok(Some(_)) = self.next().await {}
    }

    pub(super) fn take_failure(&mut self) -> Option<Failure> {
        self.failure.take()
    }

    pub(super) fn received(&self) -> u64 {
        self.received
    }

    /// Returns what always holds how much has arrived.
    pub(super) fn counter(&self) -> Arc<AtomicU64> {
        self.counter.clone()
    }

    pub(super) fn is_page(&self) -> bool {
        self.is_page
    }

    /// Returns how often the archive was asked for.
    pub(super) fn tries(&self) -> u32 {
        self.tries
    }

    pub(super) fn sha256(&self) -> Sha256Hash {
        self.hash.clone().finalize()
    }

    async fn next(&mut self) -> io::Result<Option<Bytes>> {
        loop {
            match self.read().await {
                Ok(Some(bytes)) => {
                    if let Some(bytes) = self.take(bytes) {
                        return Ok(Some(bytes));
                    }
                }
                Ok(None) => {
                    self.connection = Connection::Ended;
                    self.report(0);
                    return Ok(None);
                }
                Err(failure) => self.give_up_or_wait(failure).await?,
            }
        }
    }

    /// Waits before the next try, or ends with the failure.
    async fn give_up_or_wait(&mut self, failure: Failure) -> io::Result<()> {
        if self.received.saturating_sub(self.failed_at) >= FORGIVE_AFTER {
            self.failures = 0;
        }
        self.failed_at = self.received;
        if !failure.may_pass || self.failures >= self.request.retries {
            if failure.tried_again {
                self.tries = self.tries.saturating_add(self.request.retries);
            }
            let text = failure.trouble.to_string();
            self.failure = Some(failure);
            self.connection = Connection::Ended;
            return Err(io::Error::other(text));
        }
        tracing::debug!(
            "{}: {}, asking again",
            self.request.package,
            failure.trouble
        );
        self.connection = Connection::Closed;
        let pause = Duration::from_millis(250) * 2u32.saturating_pow(self.failures.min(6));
        self.failures += 1;
        tokio::time::sleep(pause).await;
        Ok(())
    }

    /// Takes bytes that came in; `None` if we have them already.
    fn take(&mut self, mut bytes: Bytes) -> Option<Bytes> {
        let known = self.skip.min(bytes.len() as u64);
        self.skip -= known;
        // At most the length of `bytes`, which is a `usize`.
        let bytes = bytes.split_off(known as usize);
        if bytes.is_empty() {
            return None;
        }
        self.received += bytes.len() as u64;
        self.counter.store(self.received, Ordering::Relaxed);
        self.hash.update(&bytes);
        self.report(REPORT_EVERY);
        Some(bytes)
    }

    fn report(&mut self, at_least: u64) {
        if self.received >= self.reported + at_least.max(1) {
            self.reported = self.received;
            self.request.reporter.report(Event::FetchBytes {
                package: self.request.package.clone(),
                bytes: self.received,
            });
        }
    }

    async fn read(&mut self) -> Result<Option<Bytes>, Failure> {
        if matches!(self.connection, Connection::Closed) {
            self.tries += 1;
            self.connection = match self.request.url.scheme() {
                "file" => self.open().await?,
                _ => self.ask().await?,
            };
        }
        let size = self.request.size.unwrap_or(u64::MAX);
        let limit = size.saturating_mul(2).saturating_add(1 << 20);
        if self.received > limit {
            // The hash cannot be right any more, so nobody needs the rest.
            return Ok(None);
        }
        match &mut self.connection {
            Connection::Http(response) => match response.chunk().await {
                Ok(bytes) => Ok(bytes),
                // The server announced more than there is; the hash decides.
                Err(_) if self.request.size == Some(self.received) => Ok(None),
                Err(error) => Err(self.cut(error)),
            },
            Connection::File(file) => {
                let mut buffer = BytesMut::with_capacity(128 << 10);
                match file.read_buf(&mut buffer).await {
                    Ok(0) => Ok(None),
                    Ok(_) => Ok(Some(buffer.freeze())),
                    Err(error) => Err(Failure::of_file(&error)),
                }
            }
            Connection::Closed | Connection::Ended => Ok(None),
        }
    }

    async fn open(&self) -> Result<Connection, Failure> {
        let path = self.request.url.to_file_path().map_err(|()| Failure {
            trouble: FetchTrouble::NoFile,
            causes: Vec::new(),
            may_pass: false,
            tried_again: false,
        })?;
        match tokio::fs::File::open(&path).await {
            Ok(file) => Ok(Connection::File(file)),
            Err(error) => Err(Failure::of_file(&error)),
        }
    }

    async fn ask(&mut self) -> Result<Connection, Failure> {
        let client = self.request.client.client();
        let mut request = client
            .get(self.request.url.clone())
            // Ranges count the bytes as they are sent.
            .header(header::ACCEPT_ENCODING, "identity");
        if self.request.is_wheel {
            request = request.with_extension(OfWheel);
        }
        if self.request.anew {
            request = request.header(header::CACHE_CONTROL, "no-cache");
        }
        if self.received > 0 {
            request = request.header(header::RANGE, format!("bytes={}-", self.received));
            if let Some(version) = &self.version {
                request = request.header(header::IF_RANGE, version);
            }
        }
        let response = request.send().await.map_err(Failure::of_request)?;
        self.skip = match response.status() {
            StatusCode::PARTIAL_CONTENT => {
                // Without knowing where it starts, it is worth nothing.
                match range_start(response.headers()) {
                    Some(start) if start <= self.received => self.received - start,
                    _ => return Err(Failure::of_status(StatusCode::PARTIAL_CONTENT)),
                }
            }
            status if status.is_success() => self.received,
            status => return Err(Failure::of_status(status)),
        };
        let headers = response.headers();
        self.version = strong_version(headers);
        self.is_page = is_page(headers);
        Ok(Connection::Http(Box::new(response)))
    }

    fn cut(&self, error: reqwest::Error) -> Failure {
        let trouble = match error.is_timeout() {
            true => FetchTrouble::Silence,
            false => FetchTrouble::Cut(self.received),
        };
        Failure {
            trouble,
            causes: last_cause(&error.without_url()),
            may_pass: true,
            tried_again: false,
        }
    }
}

impl Failure {
    fn of_file(error: &io::Error) -> Self {
        let trouble = match error.kind() {
            io::ErrorKind::NotFound => FetchTrouble::NoFile,
            _ => FetchTrouble::Other,
        };
        Self {
            trouble,
            causes: vec![error.to_string()],
            may_pass: false,
            tried_again: false,
        }
    }

    fn of_status(status: StatusCode) -> Self {
        let number = status.as_u16();
        let trouble = match status {
            StatusCode::NOT_FOUND | StatusCode::GONE => FetchTrouble::Gone(number),
            StatusCode::UNAUTHORIZED
            | StatusCode::FORBIDDEN
            | StatusCode::PROXY_AUTHENTICATION_REQUIRED => FetchTrouble::Denied(number),
            _ => FetchTrouble::Status(number),
        };
        Self {
            trouble,
            causes: Vec::new(),
            may_pass: false,
            tried_again: crate::client::may_pass(status),
        }
    }

    fn of_request(error: reqwest_middleware::Error) -> Self {
        let error = match error {
            reqwest_middleware::Error::Reqwest(error) => error.without_url(),
            reqwest_middleware::Error::Middleware(error) => {
                return Self {
                    trouble: FetchTrouble::Other,
                    causes: error.chain().map(ToString::to_string).collect(),
                    may_pass: false,
                    tried_again: false,
                };
            }
        };
        let trouble = match () {
            () if error.is_timeout() => FetchTrouble::Silence,
            () if error.is_connect() => FetchTrouble::Connection,
            () if error.is_request() => FetchTrouble::Connection,
            () => FetchTrouble::Other,
        };
        Self {
            trouble,
            causes: last_cause(&error),
            may_pass: false,
            tried_again: trouble != FetchTrouble::Other,
        }
    }
}

/// Returns what lies at the bottom; the layers above say nothing to a user.
fn last_cause(error: &reqwest::Error) -> Vec<String> {
    causes(error).pop().into_iter().collect()
}

/// Returns the first byte of a partial answer: 5 of `bytes 5-9/10`.
fn range_start(headers: &HeaderMap) -> Option<u64> {
    let text = headers.get(header::CONTENT_RANGE)?.to_str().ok()?;
    let range = text.trim().strip_prefix("bytes")?.trim_start();
    range.split_once('-')?.0.parse().ok()
}

/// Returns the tag by which a server tells versions apart byte for byte.
fn strong_version(headers: &HeaderMap) -> Option<http::HeaderValue> {
    let tag = headers.get(header::ETAG)?;
    tag.as_bytes().starts_with(b"\"").then(|| tag.clone())
}

fn is_page(headers: &HeaderMap) -> bool {
    let kind = headers
        .get(header::CONTENT_TYPE)
        .map(|kind| kind.as_bytes());
    kind.is_some_and(|kind| kind.to_ascii_lowercase().starts_with(b"text/html"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(name: header::HeaderName, value: &'static str) -> HeaderMap {
        [(name, http::HeaderValue::from_static(value))]
            .into_iter()
            .collect()
    }

    #[test]
    fn a_partial_answer_says_where_it_starts() {
        let start = |text| range_start(&headers(header::CONTENT_RANGE, text));
        assert_eq!(start("bytes 5-9/10"), Some(5));
        assert_eq!(start("bytes 5-9/*"), Some(5));
        assert_eq!(start("bytes */10"), None);
        assert_eq!(start("lines 5-9/10"), None);
    }

    #[test]
    fn weak_tags_say_nothing_about_bytes() {
        let version = |text| strong_version(&headers(header::ETAG, text)).is_some();
        assert!(version("\"abc\""));
        assert!(!version("W/\"abc\""));
    }

    #[test]
    fn pages_are_known_by_their_type() {
        assert!(is_page(&headers(
            header::CONTENT_TYPE,
            "Text/HTML; charset=utf-8"
        )));
        assert!(!is_page(&headers(
            header::CONTENT_TYPE,
            "application/octet-stream"
        )));
    }
}
