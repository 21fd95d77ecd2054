//! What a request gets: status, headers, body, and the way in which it is delivered.

use std::{
    io::{Cursor, Read, Seek, SeekFrom},
    path::{Component, Path, PathBuf},
    time::UNIX_EPOCH,
};

use fs_err as fs;

use crate::noise;

use super::{
    fault::{Fault, Kind},
    request::Request,
};

/// Larger files are told apart by size and time.
const MAX_FINGERPRINT: u64 = 256 * 1024;

/// An answer that is ready to be sent.
pub(super) struct Reply {
    pub(super) status: u16,
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: Body,
    pub(super) delivery: Delivery,
}

/// The bytes behind the head.
pub(super) struct Body {
    pub(super) reader: Box<dyn Read>,
    /// Where in the file the first byte lies.
    pub(super) start: u64,
    pub(super) length: u64,
}

/// What goes wrong on the way.
#[derive(Default)]
pub(super) struct Delivery {
    pub(super) limit: Option<(u64, Ending)>,
    pub(super) flip: Option<u64>,
    pub(super) bytes_per_second: Option<u64>,
    /// What is added to the announced length.
    pub(super) difference: i64,
}

/// How a connection ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ending {
    Close,
    Reset,
    Stall,
}

impl Body {
    fn text(text: String) -> Self {
        Self {
            start: 0,
            length: text.len() as u64,
            reader: Box::new(Cursor::new(text)),
        }
    }
}

impl Reply {
    fn plain(status: u16, text: &str) -> Self {
        Self {
            status,
            headers: vec![("content-type".to_string(), "text/plain".to_string())],
            body: Body::text(text.to_string()),
            delivery: Delivery::default(),
        }
    }

    fn bodiless(status: u16) -> Self {
        Self {
            status,
            headers: Vec::new(),
            body: Body::text(String::new()),
            delivery: Delivery::default(),
        }
    }

    fn header(mut self, name: &str, value: impl ToString) -> Self {
        self.headers.push((name.to_string(), value.to_string()));
        self
    }
}

/// Decides what a request gets; an ending instead if it gets nothing at all.
pub(super) fn reply(
    root: &Path,
    request: &Request,
    fault: Option<&Fault>,
) -> Result<Reply, Ending> {
    let Some(fault) = fault else {
        return Ok(honest(root, request, true));
    };
    let mut reply = match &fault.kind {
        Kind::Status(status) => Reply::plain(*status, "the test server was told to say this\n"),
        Kind::Redirect { location } => Reply::bodiless(302).header("location", location),
        Kind::Authorization { scheme, .. } => {
            Reply::plain(401, "credentials are missing or wrong\n")
                .header("www-authenticate", scheme)
        }
        Kind::BareNotModified => Reply::bodiless(304),
        Kind::Html => {
            let page =
                "<!DOCTYPE html><html><body><h1>Welcome! Please log in.</h1></body></html>\n";
            let mut reply = Reply::plain(200, page);
            reply.headers[0].1 = "text/html; charset=utf-8".to_string();
            reply
        }
        Kind::Reset { after: None } => return Err(Ending::Reset),
        Kind::Stall { after: None } => return Err(Ending::Stall),
        Kind::NoRanges => honest(root, request, false),
        Kind::Cut { after } => limited(root, request, *after, Ending::Close),
        Kind::Reset { after: Some(after) } => limited(root, request, *after, Ending::Reset),
        Kind::Stall { after: Some(after) } => limited(root, request, *after, Ending::Stall),
        Kind::Flip { offset } => {
            let mut reply = honest(root, request, true);
            reply.delivery.flip = Some(*offset);
            reply
        }
        Kind::Length { difference } => {
            let mut reply = honest(root, request, true);
            reply.delivery.difference = *difference;
            reply
        }
        Kind::Slow { bytes_per_second } => {
            let mut reply = honest(root, request, true);
            reply.delivery.bytes_per_second = Some(*bytes_per_second);
            reply
        }
    };
    reply.headers.extend(fault.headers.iter().cloned());
    Ok(reply)
}

fn limited(root: &Path, request: &Request, after: u64, ending: Ending) -> Reply {
    let mut reply = honest(root, request, true);
    reply.delivery.limit = Some((after, ending));
    reply
}

/// Answers as a good file server does.
fn honest(root: &Path, request: &Request, ranges: bool) -> Reply {
    if !["GET", "HEAD"].contains(&request.method.as_str()) {
        return Reply::plain(405, "only GET and HEAD\n").header("allow", "GET, HEAD");
    }
    let opened = resolve(root, &request.path).and_then(|path| {
        let file = fs::File::open(&path).ok()?;
        let metadata = file.metadata().ok().filter(std::fs::Metadata::is_file)?;
        Some((path, file, metadata))
    });
    let Some((path, mut file, metadata)) = opened else {
        return Reply::plain(404, "no such file\n");
    };
    let size = metadata.len();
    let tag = entity_tag(&path, &metadata);
    if request
        .header("if-none-match")
        .is_some_and(|tags| lists(tags, &tag))
    {
        return Reply::bodiless(304).header("etag", tag);
    }
    // A range of what has changed since is worth nothing.
    let same = request.header("if-range").is_none_or(|known| known == tag);
    let range = request.range.as_deref().filter(|_| ranges && same);
    let (status, start, length) = match range.map(|range| parse_range(range, size)) {
        None | Some(Range::Unknown) => (200, 0, size),
        Some(Range::Part { start, length }) => (206, start, length),
        Some(Range::Outside) => {
            return Reply::plain(416, "no such range\n")
                .header("content-range", format!("bytes */{size}"));
        }
    };
    if file.seek(SeekFrom::Start(start)).is_err() {
        return Reply::plain(500, "cannot seek\n");
    }
    let mut reply = Reply {
        status,
        headers: Vec::new(),
        body: Body {
            reader: Box::new(file.take(length)),
            start,
            length,
        },
        delivery: Delivery::default(),
    }
    .header("content-type", content_type(&path))
    .header("etag", tag);
    if ranges {
        reply = reply.header("accept-ranges", "bytes");
    }
    if status == 206 {
        let last = start + length - 1;
        reply = reply.header("content-range", format!("bytes {start}-{last}/{size}"));
    }
    reply
}

/// Returns the file below the root that a path names, if it stays below.
fn resolve(root: &Path, path: &str) -> Option<PathBuf> {
    let relative = Path::new(path.strip_prefix('/')?);
    let stays = relative
        .components()
        .all(|part| matches!(part, Component::Normal(_)));
    let found = stays.then(|| root.join(relative))?;
    // As servers of indexes do.
    match path.ends_with('/') {
        true => Some(found.join("index.html")),
        false => Some(found),
    }
}

/// Makes an entity tag that changes with the file.
fn entity_tag(path: &Path, metadata: &std::fs::Metadata) -> String {
    // Two writes of one size may share a tick of the file system's clock, so
    // what is small enough, repodata above all, is told apart by its bytes.
    let small = (metadata.len() <= MAX_FINGERPRINT).then(|| fs::read(path).ok());
    if let Some(Some(bytes)) = small {
        return format!("\"{:x}-{:x}\"", bytes.len(), noise::fingerprint(&bytes));
    }
    let written = metadata
        .modified()
        .ok()
        .and_then(|time| time.duration_since(UNIX_EPOCH).ok())
        .unwrap_or_default();
    format!("\"{:x}-{:x}\"", metadata.len(), written.as_nanos())
}

fn lists(tags: &str, tag: &str) -> bool {
    tags.split(',')
        .map(|known| known.trim().trim_start_matches("W/"))
        .any(|known| known == tag || known == "*")
}

fn content_type(path: &Path) -> &'static str {
    match path.extension().and_then(|extension| extension.to_str()) {
        Some("html") => "text/html",
        Some("json") => "application/json",
        Some("zst") => "application/zstd",
        Some("bz2") => "application/x-bzip2",
        _ => "application/octet-stream",
    }
}

/// What a `Range` header means for a file of that size.
#[derive(Debug, PartialEq, Eq)]
enum Range {
    Part {
        start: u64,
        length: u64,
    },
    Outside,
    /// Several ranges, another unit, nonsense: the whole file, as RFC 9110 allows.
    Unknown,
}

fn parse_range(text: &str, size: u64) -> Range {
    let Some((first, last)) = text
        .strip_prefix("bytes=")
        .and_then(|range| range.trim().split_once('-'))
    else {
        return Range::Unknown;
    };
    let (start, end) = match (first.parse::<u64>(), last.parse::<u64>()) {
        (Ok(start), Ok(last)) if start <= last => (start, last.saturating_add(1).min(size)),
        (Ok(start), Err(_)) if last.is_empty() => (start, size),
        (Err(_), Ok(count)) if first.is_empty() => (size.saturating_sub(count), size),
        _ => return Range::Unknown,
    };
    match start < end {
        true => Range::Part {
            start,
            length: end - start,
        },
        false => Range::Outside,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_read_as_rfc_9110_says() {
        let part = |start, length| Range::Part { start, length };
        for (text, expected) in [
            ("bytes=0-0", part(0, 1)),
            ("bytes=2-", part(2, 8)),
            ("bytes=-3", part(7, 3)),
            ("bytes=-30", part(0, 10)),
            ("bytes=8-99", part(8, 2)),
            ("bytes=10-", Range::Outside),
            ("bytes=-0", Range::Outside),
            ("bytes=5-4", Range::Unknown),
            ("bytes=0-1,4-5", Range::Unknown),
            ("items=0-1", Range::Unknown),
            ("bytes=-", Range::Unknown),
        ] {
            assert_eq!(parse_range(text, 10), expected, "{text}");
        }
    }

    #[test]
    fn a_path_stays_below_the_root() {
        let root = Path::new("/srv");
        assert_eq!(resolve(root, "/a/b"), Some(PathBuf::from("/srv/a/b")));
        for path in ["a", "/../a", "/a/../../b", "//etc/passwd", "/./a/./.."] {
            assert_eq!(resolve(root, path), None, "{path}");
        }
    }
}
