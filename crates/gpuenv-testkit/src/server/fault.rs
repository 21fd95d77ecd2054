//! What a server can do wrong, for which paths, and how often.

use super::request::Request;

/// One way to misbehave towards requests whose path matches.
///
/// A new fault is for every path and lasts for ever; [`Fault::on`], [`Fault::once`]
/// and [`Fault::times`] narrow it.
///
/// ```
/// # use gpuenv_testkit::Fault;
/// let fault = Fault::status(503).header("retry-after", "1").on("*/torch-*.conda").times(2);
/// ```
#[derive(Debug, Clone)]
#[must_use = "a fault does nothing until it is injected"]
pub struct Fault {
    pub(super) kind: Kind,
    pub(super) headers: Vec<(String, String)>,
    pattern: String,
    turns: Option<u32>,
    get_only: bool,
    head_only: bool,
}

/// The ways to misbehave.
#[derive(Debug, Clone)]
pub(super) enum Kind {
    Status(u16),
    Cut {
        after: u64,
    },
    Reset {
        after: Option<u64>,
    },
    Stall {
        after: Option<u64>,
    },
    Flip {
        offset: u64,
    },
    Length {
        difference: i64,
    },
    NoRanges,
    Redirect {
        location: String,
    },
    Slow {
        bytes_per_second: u64,
    },
    Html,
    Authorization {
        expected: String,
        scheme: &'static str,
    },
    BareNotModified,
}

impl Fault {
    /// Answers with that status and a short text.
    pub fn status(code: u16) -> Self {
        Self::new(Kind::Status(code))
    }

    /// Closes the connection in order after that many bytes of the body.
    pub fn cut(after: u64) -> Self {
        Self::new(Kind::Cut { after })
    }

    /// Resets the connection instead of answering.
    pub fn reset() -> Self {
        Self::new(Kind::Reset { after: None })
    }

    /// Resets the connection after that many bytes of the body.
    pub fn reset_after(after: u64) -> Self {
        Self::new(Kind::Reset { after: Some(after) })
    }

    /// Takes the request and never answers.
    pub fn stall() -> Self {
        Self::new(Kind::Stall { after: None })
    }

    /// Falls silent after that many bytes of the body.
    pub fn stall_after(after: u64) -> Self {
        Self::new(Kind::Stall { after: Some(after) })
    }

    /// Flips all bits of the byte at that offset of the file.
    pub fn flip(offset: u64) -> Self {
        Self::new(Kind::Flip { offset })
    }

    /// Announces that many bytes more than it sends, and closes.
    pub fn length_too_long(by: u32) -> Self {
        Self::new(Kind::Length {
            difference: i64::from(by),
        })
    }

    /// Announces that many bytes fewer than it sends, and closes.
    pub fn length_too_short(by: u32) -> Self {
        Self::new(Kind::Length {
            difference: -i64::from(by),
        })
    }

    /// Sends the whole file with status 200 whatever range was asked for.
    pub fn ignore_range() -> Self {
        Self::new(Kind::NoRanges)
    }

    /// Redirects (302) to another path or URL; to a path that matches as well, for ever.
    pub fn redirect(location: &str) -> Self {
        Self::new(Kind::Redirect {
            location: location.to_string(),
        })
    }

    /// Sends that many bytes in a second.
    pub fn slow(bytes_per_second: u64) -> Self {
        Self::new(Kind::Slow {
            bytes_per_second: bytes_per_second.max(1),
        })
    }

    /// Answers 200 with a page of HTML, as the login page of a hotel does.
    pub fn html() -> Self {
        Self::new(Kind::Html)
    }

    /// Answers 401 unless the request carries this name and password; such requests pass.
    pub fn require_basic(name: &str, password: &str) -> Self {
        let expected = format!("Basic {}", base64(format!("{name}:{password}").as_bytes()));
        Self::new(Kind::Authorization {
            expected,
            scheme: "Basic realm=\"test\"",
        })
    }

    /// Answers 401 unless the request carries this bearer token; such requests pass.
    pub fn require_bearer(token: &str) -> Self {
        Self::new(Kind::Authorization {
            expected: format!("Bearer {token}"),
            scheme: "Bearer",
        })
    }

    /// Answers any conditional request 304 without `ETag`, as simple file servers do.
    pub fn bare_not_modified() -> Self {
        Self::new(Kind::BareNotModified)
    }

    /// Adds a header to the answer, for example `Retry-After`.
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_string(), value.to_string()));
        self
    }

    /// Limits it to paths that match the whole pattern; `*` stands for anything.
    pub fn on(mut self, pattern: &str) -> Self {
        self.pattern = pattern.to_string();
        self
    }

    /// Limits it to `GET`, so that a client's `HEAD` does not use a turn up.
    pub fn get_only(mut self) -> Self {
        self.get_only = true;
        self
    }

    /// Limits it to `HEAD`, as of a server that tells nothing of a file without sending it.
    pub fn head_only(mut self) -> Self {
        self.head_only = true;
        self
    }

    /// Limits it to the next request that matches.
    pub fn once(self) -> Self {
        self.times(1)
    }

    /// Limits it to the next requests that match.
    pub fn times(mut self, turns: u32) -> Self {
        self.turns = Some(turns);
        self
    }

    /// Lasts for ever, which is the default.
    pub fn always(mut self) -> Self {
        self.turns = None;
        self
    }

    fn new(kind: Kind) -> Self {
        Self {
            kind,
            headers: Vec::new(),
            pattern: "*".to_string(),
            turns: None,
            get_only: false,
            head_only: false,
        }
    }

    pub(super) fn applies(&self, request: &Request) -> bool {
        let passes = match &self.kind {
            Kind::Authorization { expected, .. } => {
                request.header("authorization") == Some(expected)
            }
            Kind::BareNotModified => !request.is_conditional(),
            Kind::NoRanges => request.range.is_none(),
            Kind::Status(_)
            | Kind::Cut { .. }
            | Kind::Reset { .. }
            | Kind::Stall { .. }
            | Kind::Flip { .. }
            | Kind::Length { .. }
            | Kind::Redirect { .. }
            | Kind::Slow { .. }
            | Kind::Html => false,
        };
        !passes
            && self.turns != Some(0)
            && (!self.get_only || request.method == "GET")
            && (!self.head_only || request.method == "HEAD")
            && matches(&self.pattern, &request.path)
    }

    pub(super) fn take_turn(&mut self) {
        if let Some(turns) = &mut self.turns {
            *turns = turns.saturating_sub(1);
        }
    }

    /// Returns the word for the log.
    pub(super) fn word(&self) -> &'static str {
        match self.kind {
            Kind::Status(_) => "status",
            Kind::Cut { .. } => "cut",
            Kind::Reset { .. } => "reset",
            Kind::Stall { .. } => "stall",
            Kind::Flip { .. } => "flip",
            Kind::Length { .. } => "length",
            Kind::NoRanges => "no-ranges",
            Kind::Redirect { .. } => "redirect",
            Kind::Slow { .. } => "slow",
            Kind::Html => "html",
            Kind::Authorization { .. } => "authorization",
            Kind::BareNotModified => "bare-304",
        }
    }
}

/// Tells whether the whole text matches; `*` stands for any number of any characters.
pub(super) fn matches(pattern: &str, text: &str) -> bool {
    let mut parts = pattern.split('*');
    let first = parts.next().unwrap_or_default();
    let Some(mut rest) = text.strip_prefix(first) else {
        return false;
    };
    let mut parts: Vec<&str> = parts.collect();
    let Some(last) = parts.pop() else {
        return rest.is_empty();
    };
    for part in parts {
        match rest.find(part) {
            Some(at) => rest = &rest[at + part.len()..],
            None => return false,
        }
    }
    rest.ends_with(last)
}

fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for chunk in bytes.chunks(3) {
        let number = (0..3).fold(0_u32, |number, index| {
            number << 8 | u32::from(chunk.get(index).copied().unwrap_or(0))
        });
        for index in 0..4 {
            match index <= chunk.len() {
                true => text.push(char::from(
                    DIGITS[(number >> (18 - 6 * index) & 63) as usize],
                )),
                false => text.push('='),
            }
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_matches_anything() {
        for (pattern, text, expected) in [
            ("*", "/a/b", true),
            ("/a/b", "/a/b", true),
            ("/a", "/a/b", false),
            ("*.conda", "/c/linux-64/x-1-0.conda", true),
            ("*.conda", "/c/x.conda.json", false),
            ("*/torch-*-*.conda", "/c/torch-2.6-h0_0.conda", true),
            ("/a*a", "/a", false),
            ("*a*a", "/aba", true),
        ] {
            assert_eq!(matches(pattern, text), expected, "{pattern} {text}");
        }
    }

    #[test]
    fn base64_is_that_of_rfc_4648() {
        let texts = ["", "f", "fo", "foo", "foob", "fooba", "foobar"];
        assert_eq!(
            texts.map(|text| base64(text.as_bytes())),
            [
                "", "Zg==", "Zm8=", "Zm9v", "Zm9vYg==", "Zm9vYmE=", "Zm9vYmFy"
            ]
        );
    }
}
