//! How large the wheels are of which the index does not say it.
//!
//! A size makes a lock able to tell how much will be downloaded, and nothing
//! depends on it: whoever does not answer is left out.

use std::{collections::BTreeMap, time::Duration};

use futures::{StreamExt, stream};
use gpuenv_core::{Lock, Wheel};
use http::{
    HeaderMap, StatusCode,
    header::{ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_LENGTH},
};
use rattler_networking::LazyClient;
use url::Url;

use crate::{Access, client};

/// How many servers are asked at the same time.
const AT_ONCE: usize = 8;

/// How long one answer may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// How long all answers together may take.
const DEADLINE: Duration = Duration::from_secs(60);

/// Fills in the sizes that are missing, as far as they can be had: from what was
/// known before about the same file, else from its server.
pub(super) async fn complete<'a>(
    wheels: impl Iterator<Item = &'a mut Wheel>,
    before: Option<&Lock>,
    access: &Access,
) {
    let known = before.iter().flat_map(|lock| lock.platforms.values());
    let known = known.flat_map(|locked| &locked.wheels);
    let known: BTreeMap<&[u8], u64> = known
        .filter_map(|wheel| Some((wheel.sha256.as_slice(), wheel.size?)))
        .collect();
    let mut unknown: Vec<&mut Wheel> = wheels.filter(|wheel| wheel.size.is_none()).collect();
    for wheel in &mut unknown {
        wheel.size = known.get(wheel.sha256.as_slice()).copied();
    }
    unknown.retain(|wheel| wheel.size.is_none());
    if unknown.is_empty() {
        return;
    }
    // Nobody waits for a second try.
    let hasty = Access {
        retries: 0,
        silence: access.silence.min(PATIENCE),
        ..access.clone()
    };
    let client = match client::client(&hasty) {
        Ok(client) => client,
        Err(error) => return tracing::debug!("sizes of wheels stay unknown: {error}"),
    };
    let asking = stream::iter(unknown).for_each_concurrent(AT_ONCE, |wheel| {
        let (client, hasty) = (client.clone(), &hasty);
        async move { wheel.size = size(&client, hasty, &wheel.url).await }
    });
    if tokio::time::timeout(DEADLINE, asking).await.is_err() {
        tracing::debug!("some sizes of wheels stay unknown: the servers are too slow");
    }
}

async fn size(client: &LazyClient, access: &Access, canonical: &Url) -> Option<u64> {
    let place = access.place(canonical).ok()?;
    if place.scheme() == "file" {
        let path = place.to_file_path().ok()?;
        return fs_err::metadata(path).ok().map(|found| found.len());
    }
    let request = client
        .client()
        .head(place)
        .with_extension(client::OfWheel)
        .header(ACCEPT_ENCODING, "identity");
    let answer = tokio::time::timeout(PATIENCE, request.send()).await.ok()?;
    let answer = answer.ok()?;
    told(answer.status(), answer.headers())
}

/// Returns the size that an answer tells, if it is that of the file itself.
///
/// A wrong one would make the lock useless, so a doubtful one does not count.
fn told(status: StatusCode, headers: &HeaderMap) -> Option<u64> {
    let encoding = headers.get(CONTENT_ENCODING);
    if status != StatusCode::OK || encoding.is_some_and(|encoding| encoding != "identity") {
        return None;
    }
    let kind = headers.get(http::header::CONTENT_TYPE);
    let kind = kind.and_then(|kind| kind.to_str().ok()).unwrap_or("");
    if kind.starts_with("text/html") {
        return None;
    }
    let length = headers.get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()?;
    // Some servers answer so where they do not know.
    (length > 0).then_some(length)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(status: u16, headers: &[(&'static str, &str)]) -> Option<u64> {
        let pairs = headers.iter().map(|(name, value)| {
            let name = http::HeaderName::from_static(name);
            (name, value.parse().unwrap())
        });
        told(StatusCode::from_u16(status).unwrap(), &pairs.collect())
    }

    #[test]
    fn only_the_length_of_the_file_itself_counts() {
        let length = ("content-length", "120");
        assert_eq!(of(200, &[length]), Some(120));
        assert_eq!(
            of(200, &[length, ("content-encoding", "identity")]),
            Some(120)
        );
        assert_eq!(of(200, &[length, ("content-encoding", "gzip")]), None);
        assert_eq!(of(200, &[length, ("content-type", "text/html")]), None);
        assert_eq!(of(200, &[("content-length", "0")]), None);
        assert_eq!(of(200, &[("content-length", "-1")]), None);
        assert_eq!(of(200, &[]), None);
        assert_eq!(of(206, &[length]), None);
        assert_eq!(of(404, &[length]), None);
    }
}
