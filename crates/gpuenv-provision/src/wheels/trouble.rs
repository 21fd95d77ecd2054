//! What uv's words about an index come to, so that a user gets a code and help.
//!
//! uv has no exit status of its own for an index that fails, so its texts are
//! matched by fragments; what none of them fits stays what it is.

use gpuenv_core::{Code, Diagnostic};

/// An index, or a page of wheels, that does not do what it should.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IndexTrouble {
    /// It wants to know who asks.
    #[error("`{url}` wants other credentials (HTTP {status})")]
    Denied {
        /// The index.
        url: String,
        /// Its answer.
        status: u16,
    },
    /// It answers with an error, or not at all.
    #[error("`{url}` cannot be read: {why}")]
    Unreachable {
        /// The index, or a file of it.
        url: String,
        /// What happens.
        why: Unreachable,
    },
    /// Something answers that is no index.
    #[error("what `{url}` answers is no index of wheels")]
    NoIndex {
        /// Where.
        url: String,
    },
    /// It knows the name and lists nothing.
    #[error("what was found about `{name}` lists not one file of it")]
    Empty {
        /// The package.
        name: String,
    },
    /// No index knows the name.
    #[error("no index has a package of the name `{name}`")]
    Unknown {
        /// The package.
        name: String,
    },
    /// The network must not be used.
    #[error("offline, and what an index says about `{name}` is not in the cache of uv")]
    Offline {
        /// The package.
        name: String,
    },
}

/// Why an index cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unreachable {
    /// It answers with an error.
    #[error("it answers HTTP {0}")]
    Status(u16),
    /// It stopped answering.
    #[error("it stopped answering")]
    Silence,
    /// Nobody knows its name.
    #[error("the network knows no host of that name")]
    NoHost,
    /// Nobody vouches for it.
    #[error("its certificate is not trusted")]
    Certificate,
    /// There is no connection, or it breaks.
    #[error("the connection fails")]
    Connection,
}

impl IndexTrouble {
    /// Makes sense of what uv wrote, if it is about an index.
    pub(super) fn read(told: &[String]) -> Option<Self> {
        // Older versions of uv break their lines.
        let text = told.join(" ");
        let line_with = |part: &str| told.iter().find(|line| line.contains(part));
        for (part, status) in [("401 Unauthorized", 401), ("403 Forbidden", 403)] {
            if text.contains(part) {
                let url = line_with(part)
                    .and_then(|line| url(line))
                    .or_else(|| url(&text))?;
                return Some(Self::Denied { url, status });
            }
        }
        if ["Failed to fetch", "error sending request", "HTTP status"]
            .iter()
            .any(|part| text.contains(part))
        {
            let (url, why) = (url(&text)?, unreachable(&text));
            return Some(Self::Unreachable { url, why });
        }
        if [
            "unexpected JSON",
            "Unsupported `Content-Type`",
            "Missing `Content-Type`",
            "unexpected HTML",
        ]
        .iter()
        .any(|part| text.contains(part))
        {
            let url = url(&text)?;
            return Some(Self::NoIndex { url });
        }
        let unknown = [
            " was not found in the package registry",
            " was not found in the provided package locations",
        ];
        if let Some(name) = unknown.iter().find_map(|part| word_before(&text, part)) {
            return Some(Self::Unknown { name });
        }
        if let Some(name) = word_before(&text, " was not found in the cache") {
            return Some(Self::Offline { name });
        }
        let (_, behind) = text.split_once("there are no versions of ")?;
        // With a bound behind the name, others are there.
        let name = gpuenv_core::wheels::normalized(behind.split_whitespace().next()?)?;
        Some(Self::Empty { name })
    }

    fn code(&self) -> Code {
        match self {
            Self::Denied { .. } => Code::WHEELS_INDEX_DENIED,
            Self::Unreachable { .. } => Code::WHEELS_INDEX_UNREACHABLE,
            Self::NoIndex { .. } | Self::Empty { .. } => Code::WHEELS_NO_INDEX,
            Self::Unknown { .. } => Code::WHEELS_UNKNOWN_NAME,
            Self::Offline { .. } => Code::WHEELS_OFFLINE,
        }
    }

    /// Returns what the user is told, without what uv says.
    pub(super) fn diagnostic(&self) -> Diagnostic {
        let diagnostic = Diagnostic::error(self.code(), self.to_string());
        match self {
            Self::Denied { url, .. } => diagnostic
                .help(format!(
                    "put a line into `~/.netrc`: `machine {} login NAME password SECRET`",
                    host(url)
                ))
                .help("or ask the keyring: `export UV_KEYRING_PROVIDER=subprocess`"),
            Self::Unreachable { url, why } => match why {
                Unreachable::Status(404 | 410) => {
                    diagnostic.help("correct the address in `pypi-options`, or in uv's configuration")
                }
                Unreachable::Status(_) => diagnostic.help("try again later"),
                Unreachable::Silence => diagnostic
                    .help("allow more seconds: `export GPUENV_HTTP_TIMEOUT=120`, then try again"),
                Unreachable::Certificate => diagnostic.help(
                    "name the certificates of your network: `export SSL_CERT_FILE=/path/ca.pem`",
                ),
                Unreachable::NoHost | Unreachable::Connection => diagnostic
                    .help(format!("see whether this machine gets there: `curl -I {url}`"))
                    .help("behind a proxy: `export HTTPS_PROXY=http://proxy.example.org:3128`"),
            },
            Self::NoIndex { url } => diagnostic.help(format!(
                "open `{url}` in a browser: a login page may answer, or the address in `pypi-options` is another"
            )),
            Self::Empty { name } => diagnostic
                .cause("a login page answers like this as well")
                .help(format!(
                    "open the page of `{name}` in a browser, and correct the index in `pypi-options`"
                )),
            Self::Unknown { name } => diagnostic
                .help("correct the name in `pypi-dependencies`, or the index in `pypi-options`")
                .help(format!("look among conda's packages: `gpuenv search {name}`")),
            Self::Offline { .. } => diagnostic.help("run it once without `--offline`"),
        }
    }
}

fn unreachable(text: &str) -> Unreachable {
    let has = |parts: &[&str]| parts.iter().any(|part| text.contains(part));
    let status = text.split("HTTP status").nth(1);
    let status = status.and_then(|rest| rest.split_once('('));
    let status = status.and_then(|(_, rest)| rest.get(..3)?.parse().ok());
    match status {
        Some(status) => Unreachable::Status(status),
        None if has(&["timed out", "timeout"]) => Unreachable::Silence,
        None if has(&["dns error", "failed to lookup"]) => Unreachable::NoHost,
        None if has(&["certificate", "UnknownIssuer"]) => Unreachable::Certificate,
        None => Unreachable::Connection,
    }
}

/// Returns the first address in a text, without what surrounds it and without secrets.
fn url(text: &str) -> Option<String> {
    let start = ["https://", "http://"]
        .iter()
        .filter_map(|scheme| text.find(scheme))
        .min()?;
    let rest = text.get(start..)?;
    let end = rest.find(|c: char| c.is_whitespace() || "`'\"()<>".contains(c));
    let found = rest.get(..end.unwrap_or(rest.len()))?;
    let mut url = url::Url::parse(found.trim_end_matches([',', '.', ';', ':'])).ok()?;
    let _ = url.set_username("");
    let _ = url.set_password(None);
    url.set_query(None);
    url.set_fragment(None);
    Some(url.to_string())
}

fn host(url: &str) -> String {
    let url = url::Url::parse(url).ok();
    let host = url.and_then(|url| url.host_str().map(ToString::to_string));
    host.unwrap_or_else(|| "HOST".to_string())
}

fn word_before(text: &str, part: &str) -> Option<String> {
    let (before, _) = text.split_once(part)?;
    named(before.split_whitespace().next_back()?)
}

/// Returns a package's name without its extras and bounds.
fn named(word: &str) -> Option<String> {
    let end = word.find(|c: char| !(c.is_ascii_alphanumeric() || "-_.".contains(c)));
    gpuenv_core::wheels::normalized(word.get(..end.unwrap_or(word.len()))?.trim_end_matches('.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> String {
        let lines: Vec<String> = text.lines().map(ToString::to_string).collect();
        match IndexTrouble::read(&lines) {
            Some(trouble) => format!("{} {trouble}", trouble.code()),
            None => "other".to_string(),
        }
    }

    /// As uv 0.13.9 writes it, and two lines as older ones break them.
    #[test]
    fn uv_is_understood() {
        let unsolvable = "error: No solution found when resolving dependencies\n\
            cause: Because leaf was not found in the package registry and you require leaf, we can conclude that your requirements are unsatisfiable.\n";
        let hint = |text: &str| format!("{unsolvable}hint: {text}");
        let fetch =
            |causes: &str| format!("error: Failed to fetch: http://x.example/s/leaf/\n{causes}");
        let told = [
            hint("An index URL (https://me:pw@x.example/s) could not be queried due to a lack of valid authentication credentials (401 Unauthorized)"),
            hint("An index (https://x.example/s) returned a 403 Forbidden error. Check that the index URL is correct."),
            fetch("cause: HTTP status server error (500 Internal Server Error) for url (http://x.example/s/leaf/)"),
            fetch("cause: error sending request for url (http://x.example/s/leaf/)\ncause: operation timed out"),
            fetch("cause: client error (Connect)\ncause: dns error\ncause: failed to lookup address information"),
            fetch("cause: invalid peer certificate: UnknownIssuer"),
            fetch("cause: error reading a body from connection\ncause: end of file before message length reached"),
            "error: Received some unexpected JSON from `http://x.example/s/leaf/`".to_string(),
            "error: Unsupported `Content-Type` \"application/octet-stream\" for `http://x.example/s/leaf/`. Expected JSON or HTML.".to_string(),
            unsolvable.to_string(),
            "No solution found when resolving dependencies:\nBecause odd-name[cli] was not found in\nthe package registry".to_string(),
            "Because leaf was not found in the cache and you require leaf".to_string(),
            "Because there are no versions of leaf and you require leaf".to_string(),
            "Because there are no versions of leaf>=2 and you require leaf>=2".to_string(),
            "Because only leaf<2 is available and you require leaf>=2, we can conclude".to_string(),
        ];
        let read: Vec<String> = told.iter().map(|text| read(text)).collect();
        insta::assert_snapshot!(read.join("\n"), @"
        GE326 `https://x.example/s` wants other credentials (HTTP 401)
        GE326 `https://x.example/s` wants other credentials (HTTP 403)
        GE327 `http://x.example/s/leaf/` cannot be read: it answers HTTP 500
        GE327 `http://x.example/s/leaf/` cannot be read: it stopped answering
        GE327 `http://x.example/s/leaf/` cannot be read: the network knows no host of that name
        GE327 `http://x.example/s/leaf/` cannot be read: its certificate is not trusted
        GE327 `http://x.example/s/leaf/` cannot be read: the connection fails
        GE328 what `http://x.example/s/leaf/` answers is no index of wheels
        GE328 what `http://x.example/s/leaf/` answers is no index of wheels
        GE329 no index has a package of the name `leaf`
        GE329 no index has a package of the name `odd-name`
        GE331 offline, and what an index says about `leaf` is not in the cache of uv
        GE328 what was found about `leaf` lists not one file of it
        other
        other
        ");
    }
}
