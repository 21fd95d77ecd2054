//! The HTTP client: deadlines, bounded retries, credentials, offline.
//!
//! A silent server is given up after [`Access::silence`]; an answer that may
//! change is asked for again, and `Retry-After` is obeyed up to a minute.

mod of_wheels;

use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};

use async_trait::async_trait;
use gpuenv_core::channel;
use http::{
    Extensions, HeaderMap, HeaderValue, StatusCode,
    header::{AUTHORIZATION, RETRY_AFTER},
};
use rattler_networking::{
    AuthenticationMiddleware, AuthenticationStorage, AuthenticationStorageError, LazyClient,
    OfflineMiddleware, authentication_storage::backends::file::FileStorage,
};
use reqwest::{Certificate, NoProxy, Proxy, Request, Response};
use reqwest_middleware::{ClientBuilder, ClientWithMiddleware, Middleware, Next};

pub(crate) use self::of_wheels::OfWheel;
use self::of_wheels::{Asked, Known};
use crate::{Access, access::Ways};

/// The longest pause between two tries, whatever a server asks for.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// Returns a client that is built at its first use.
///
/// # Errors
///
/// Fails if the file with credentials cannot be read.
pub fn client(access: &Access) -> Result<LazyClient, AuthenticationStorageError> {
    let authentication = AuthenticationMiddleware::from_auth_storage(storage(access)?);
    let access = access.clone();
    Ok(LazyClient::new(move || build(&access, authentication)))
}

/// Returns the logins of this machine: rattler's file, netrc, and a file that the
/// configuration names.
///
/// # Errors
///
/// Fails if a file with credentials cannot be read.
pub(crate) fn storage(
    access: &Access,
) -> Result<AuthenticationStorage, AuthenticationStorageError> {
    let mut storage = AuthenticationStorage::from_env_and_defaults()?;
    if let Some(file) = &access.ways.credentials {
        storage.add_backend(Arc::new(FileStorage::from_path(file.clone())?));
    }
    Ok(storage)
}

fn build(access: &Access, authentication: AuthenticationMiddleware) -> ClientWithMiddleware {
    let plain = reqwest::Client::builder()
        .user_agent(concat!("gpuenv/", env!("CARGO_PKG_VERSION")))
        .connect_timeout(access.silence)
        .read_timeout(access.silence);
    let plain = with_ways(plain, &access.ways)
        .build()
        .unwrap_or_else(|error| {
            // Only a broken TLS set-up gets here; plain http may still work.
            tracing::warn!("using a client without deadlines: {error}");
            reqwest::Client::new()
        });
    let logins = logins(access, &plain);
    let mut builder = ClientBuilder::new(plain);
    if access.offline {
        builder = builder.with(OfflineMiddleware);
    }
    let builder = builder
        .with(Retry {
            retries: access.retries,
        })
        .with(Logins(logins))
        .with(Known(access.wheels.clone()))
        .with(authentication);
    match &access.wheels.keyring {
        Some(keyring) => builder.with(Asked(keyring.clone())).build(),
        None => builder.build(),
    }
}

/// Goes the ways that a neighbour's configuration names; what cannot be used is logged.
fn with_ways(mut builder: reqwest::ClientBuilder, ways: &Ways) -> reqwest::ClientBuilder {
    let unproxied = NoProxy::from_string(&ways.no_proxy.join(","));
    let proxies = [
        ways.https_proxy.as_deref().map(Proxy::https),
        ways.http_proxy.as_deref().map(Proxy::http),
    ];
    for proxy in proxies.into_iter().flatten() {
        match proxy {
            Ok(proxy) => builder = builder.proxy(proxy.no_proxy(unproxied.clone())),
            Err(error) => tracing::warn!("a configured proxy cannot be used: {error}"),
        }
    }
    let Some(file) = &ways.certificates else {
        return builder;
    };
    let bytes = fs_err::read(file).map_err(|error| error.to_string());
    let read =
        |bytes: Vec<u8>| Certificate::from_pem_bundle(&bytes).map_err(|error| error.to_string());
    match bytes.and_then(read) {
        Ok(certificates) => builder.tls_certs_merge(certificates),
        Err(error) => {
            tracing::warn!("configured certificates cannot be used: {error}");
            builder
        }
    }
}

/// What a mirror wants to see.
struct Login {
    place: String,
    header: Option<HeaderValue>,
    token: Option<String>,
}

fn logins(access: &Access, client: &reqwest::Client) -> Vec<Login> {
    let login = |login: &channel::Login| {
        // reqwest makes the header of a user in a URL.
        let request = client.get(login.secret.clone()).build().ok();
        Login {
            place: login.place.clone(),
            header: request.and_then(|request| request.headers().get(AUTHORIZATION).cloned()),
            token: channel::token(&login.secret).map(ToString::to_string),
        }
    };
    access.mirrors.logins().iter().map(login).collect()
}

/// Shows the secrets of mirrors to the mirrors alone: what is kept and what is
/// told has URLs without them.
struct Logins(Vec<Login>);

#[async_trait]
impl Middleware for Logins {
    async fn handle(
        &self,
        mut request: Request,
        extensions: &mut Extensions,
        next: Next<'_>,
    ) -> reqwest_middleware::Result<Response> {
        let matching = |login: &&Login| request.url().as_str().starts_with(&login.place);
        let nearest = self.0.iter().filter(matching).max_by_key(|l| l.place.len());
        if let Some(login) = nearest {
            if let Some(header) = &login.header {
                let mut header = header.clone();
                header.set_sensitive(true);
                request.headers_mut().insert(AUTHORIZATION, header);
            }
            if let Some(token) = &login.token {
                let path = format!("/t/{token}{}", request.url().path());
                request.url_mut().set_path(&path);
            }
        }
        next.run(request, extensions).await
    }
}

/// Asks again where the answer may change.
struct Retry {
    retries: u32,
}

#[async_trait]
impl Middleware for Retry {
    async fn handle(
        &self,
        request: Request,
        extensions: &mut Extensions,
        next: Next<'_>,
    ) -> reqwest_middleware::Result<Response> {
        let mut attempt = 0;
        loop {
            let Some(copy) = request.try_clone() else {
                return next.run(request, extensions).await;
            };
            let answer = next.clone().run(copy, extensions).await;
            let pause = match &answer {
                Ok(response) if may_pass(response.status()) => {
                    asked_pause(response.headers(), SystemTime::now())
                }
                Err(reqwest_middleware::Error::Reqwest(error))
                    if error.is_connect() || error.is_timeout() || error.is_request() =>
                {
                    None
                }
                _ => return answer,
            };
            if attempt >= self.retries {
                return answer;
            }
            let pause = pause.unwrap_or_else(|| backoff(attempt)).min(LONGEST_PAUSE);
            tracing::debug!(
                "{} answered badly, asking again in {pause:?}",
                request.url().host_str().unwrap_or("the server")
            );
            tokio::time::sleep(pause).await;
            attempt += 1;
        }
    }
}

pub(crate) fn may_pass(status: StatusCode) -> bool {
    status == StatusCode::TOO_MANY_REQUESTS
        || status == StatusCode::REQUEST_TIMEOUT
        || (status.is_server_error() && status != StatusCode::NOT_IMPLEMENTED)
}

/// Returns the pause before the next try: 0.25 s, doubled each time.
fn backoff(attempt: u32) -> Duration {
    Duration::from_millis(250).saturating_mul(2u32.saturating_pow(attempt))
}

/// Returns the pause that the server asks for (RFC 9110, section 10.2.3).
fn asked_pause(headers: &HeaderMap, now: SystemTime) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = text.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let at = jiff::fmt::rfc2822::parse(text).ok()?.timestamp();
    SystemTime::from(at).duration_since(now).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pause(value: &str) -> Option<Duration> {
        let mut headers = HeaderMap::new();
        headers.insert(RETRY_AFTER, value.parse().unwrap());
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000_000);
        asked_pause(&headers, now)
    }

    #[test]
    fn retry_after_is_read_in_both_forms() {
        assert_eq!(pause("7"), Some(Duration::from_secs(7)));
        assert_eq!(
            pause("Sun, 09 Sep 2001 01:46:50 GMT"),
            Some(Duration::from_secs(10))
        );
        assert_eq!(pause("soon"), None);
        assert_eq!(pause("Sun, 09 Sep 2000 01:46:50 GMT"), None);
    }

    #[test]
    fn only_answers_that_may_pass_are_asked_for_again() {
        for (status, again) in [
            (200, false),
            (404, false),
            (429, true),
            (503, true),
            (501, false),
        ] {
            assert_eq!(
                may_pass(StatusCode::from_u16(status).unwrap()),
                again,
                "{status}"
            );
        }
    }
}
