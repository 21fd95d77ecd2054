//! Channel names, their canonical URLs, and mirrors.
//!
//! A lock names canonical URLs only, so that it reads the same wherever it was
//! made. A mirror changes where bytes come from, never what a lock says.

use std::fmt;

use url::Url;

use crate::{Code, Diagnostic};

/// Where a channel lives that is named and not given as a URL (CEP 26).
pub const CANONICAL_BASE: &str = "https://conda.anaconda.org/";

/// The name of the channel that is inside the program.
pub const EMBEDDED_NAME: &str = "gpuenv";

/// The canonical URL of the channel inside the program.
///
/// `.invalid` never resolves (RFC 2606), so nobody can publish under it.
pub const EMBEDDED_URL: &str = "https://gpuenv.invalid/channel/";

/// Returns the canonical URL of a channel, with a slash at its end.
///
/// # Errors
///
/// GE306 if the text is neither a channel name nor a URL, or holds credentials.
pub fn canonical_url(channel: &str) -> Result<Url, ChannelError> {
    let refuse = |reason| ChannelError::Bad {
        channel: redact(channel),
        reason,
    };
    if channel == EMBEDDED_NAME {
        return Ok(known(EMBEDDED_URL));
    }
    if channel.contains("://") {
        let mut url = Url::parse(channel).map_err(|_| refuse("it is not a URL"))?;
        if !url.username().is_empty() || url.password().is_some() || has_token(&url) {
            return Err(refuse(
                "it holds credentials, which belong into the auth file",
            ));
        }
        if !matches!(url.scheme(), "http" | "https" | "file") {
            return Err(refuse("only http, https and file can be read"));
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err(refuse("a channel has no query"));
        }
        with_slash(&mut url);
        return Ok(url);
    }
    let is_name = |part: &str| {
        let mut bytes = part.bytes();
        bytes.next().is_some_and(|b| b.is_ascii_alphanumeric())
            && bytes.all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b))
    };
    if !channel.split('/').all(is_name) {
        return Err(refuse(
            "a name is made of letters, digits, `.`, `_`, `-` and `/`",
        ));
    }
    Url::parse(&format!("{CANONICAL_BASE}{channel}/")).map_err(|_| refuse("it is not a name"))
}

/// Returns the short name of a channel: `conda-forge` for its canonical URL.
pub fn short_name(url: &str) -> &str {
    if url == EMBEDDED_URL {
        return EMBEDDED_NAME;
    }
    let url = url.strip_prefix(CANONICAL_BASE).unwrap_or(url);
    url.strip_suffix('/').unwrap_or(url)
}

fn known(text: &str) -> Url {
    Url::parse(text).expect("the constants of this file are URLs")
}

fn with_slash(url: &mut Url) {
    if !url.path().ends_with('/') {
        url.set_path(&format!("{}/", url.path()));
    }
}

/// Returns whether the path holds a token as anaconda.org takes it: `/t/TOKEN/`.
fn has_token(url: &Url) -> bool {
    url.path().split('/').any(|part| part == "t")
}

/// Returns the token of `/t/TOKEN/` at the start of a path, as anaconda.org takes it.
pub fn token(url: &Url) -> Option<&str> {
    let rest = url.path().strip_prefix("/t/")?;
    let (token, _) = rest.split_once('/')?;
    Some(token).filter(|token| !token.is_empty())
}

/// Returns a URL without `user:password@` and without `/t/TOKEN`.
pub(crate) fn without_secrets(url: &Url) -> Url {
    let mut url = url.clone();
    // Only a URL without a host refuses, and that one has no user.
    let _ = url.set_username("");
    let _ = url.set_password(None);
    if let Some(token) = token(&url) {
        let path = url.path()["/t/".len() + token.len()..].to_string();
        url.set_path(&path);
    }
    url
}

/// Returns the text with `user:password@` of a URL in it left out.
fn redact(text: &str) -> String {
    match Url::parse(text) {
        Ok(mut url) if url.has_authority() && !url.username().is_empty() => {
            let cleared = url.set_username("").is_ok() && url.set_password(None).is_ok();
            match cleared {
                true => url.to_string(),
                false => "a URL with credentials".to_string(),
            }
        }
        _ => text.to_string(),
    }
}

/// Where to fetch channels from instead of their canonical places.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Mirrors {
    /// Canonical prefix and what replaces it, longest prefix first.
    rules: Vec<(String, String)>,
    logins: Vec<Login>,
}

/// The secrets of a mirror, which stay out of every URL that is kept or shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Login {
    /// What the URLs of the mirror begin with, without secrets.
    pub place: String,
    /// The mirror as the user gave it.
    pub secret: Url,
}

impl fmt::Debug for Login {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Login({})", self.place)
    }
}

impl Mirrors {
    /// Adds a rule; the earlier of two rules for one base stays.
    ///
    /// # Errors
    ///
    /// GE307 if one of the two is no URL that can be fetched.
    pub fn add(&mut self, base: &str, to: &str) -> Result<(), ChannelError> {
        let read = |text: &str| {
            let refuse = || ChannelError::BadMirror {
                mirror: redact(text),
            };
            let mut url = Url::parse(text).map_err(|_| refuse())?;
            if !matches!(url.scheme(), "http" | "https" | "file") || url.cannot_be_a_base() {
                return Err(refuse());
            }
            with_slash(&mut url);
            Ok(url)
        };
        let (base, secret) = (read(base)?.to_string(), read(to)?);
        let to = without_secrets(&secret).to_string();
        if !self.rules.iter().any(|(known, _)| *known == base) {
            if to != secret.as_str() {
                let place = to.clone();
                self.logins.push(Login { place, secret });
            }
            self.rules.push((base, to));
            self.rules
                .sort_by_key(|(base, _)| std::cmp::Reverse(base.len()));
        }
        Ok(())
    }

    /// Returns where to fetch what has this canonical URL.
    pub fn apply(&self, canonical: &Url) -> Url {
        let found = self.rules.iter().find_map(|(base, to)| {
            let rest = canonical.as_str().strip_prefix(base.as_str())?;
            Url::parse(&format!("{to}{rest}")).ok()
        });
        found.unwrap_or_else(|| canonical.clone())
    }

    /// Returns the canonical URL of what a mirror has; only mirrors of a base that counts
    /// are looked at.
    pub fn restore(&self, place: &Url, counts: impl Fn(&str) -> bool) -> Url {
        let rules = self.rules.iter().filter(|(base, _)| counts(base));
        let found = rules.filter_map(|(base, to)| {
            let rest = place.as_str().strip_prefix(to.as_str())?;
            let canonical = Url::parse(&format!("{base}{rest}")).ok()?;
            Some((to.len(), canonical))
        });
        let nearest = found.max_by_key(|(length, _)| *length);
        nearest.map_or_else(|| place.clone(), |(_, canonical)| canonical)
    }

    /// Returns the secrets of the mirrors that have some.
    pub fn logins(&self) -> &[Login] {
        &self.logins
    }
}

/// A channel or mirror setting cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ChannelError {
    /// Neither a name nor a URL.
    #[error("`{channel}` is not a channel: {reason}")]
    Bad {
        /// As given, without credentials.
        channel: String,
        /// Why not.
        reason: &'static str,
    },
    /// A mirror that is no URL.
    #[error("`{mirror}` is not a mirror: expected `URL` or `BASE=URL` with http, https or file")]
    BadMirror {
        /// As given, without credentials.
        mirror: String,
    },
}

impl From<ChannelError> for Diagnostic {
    fn from(error: ChannelError) -> Self {
        match &error {
            ChannelError::Bad { .. } => {
                Diagnostic::error(Code::CHANNEL_BAD_NAME, error.to_string())
                    .help("write a name such as `conda-forge`, or a URL")
            }
            ChannelError::BadMirror { .. } => {
                Diagnostic::error(Code::MIRROR_BAD, error.to_string())
                    .help("for example `--mirror https://mirror.example.org/conda`")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_urls_become_canonical() {
        let url = |text| canonical_url(text).unwrap().to_string();
        assert_eq!(
            url("conda-forge"),
            "https://conda.anaconda.org/conda-forge/"
        );
        assert_eq!(
            url("nvidia/label/cuda-11.8.0"),
            "https://conda.anaconda.org/nvidia/label/cuda-11.8.0/"
        );
        assert_eq!(url("https://x.example/y"), "https://x.example/y/");
        assert_eq!(url("gpuenv"), EMBEDDED_URL);
        assert_eq!(short_name(&url("conda-forge")), "conda-forge");
        assert_eq!(short_name(EMBEDDED_URL), "gpuenv");
    }

    #[test]
    fn bad_channels_are_refused_without_their_secrets() {
        for bad in [
            "",
            "..",
            "a/../b",
            "a b",
            "ftp://x/y",
            "https://x/y?z",
            "-x",
            "a//b",
        ] {
            assert!(canonical_url(bad).is_err(), "{bad}");
        }
        let error = canonical_url("https://me:secret@x.example/y").unwrap_err();
        assert!(!error.to_string().contains("secret"), "{error}");
        assert!(canonical_url("https://x.example/t/abc/y").is_err());
    }

    #[test]
    fn the_longest_mirror_wins_and_the_rest_stays() {
        let mut mirrors = Mirrors::default();
        for (base, to) in [
            (CANONICAL_BASE, "file:///mirror"),
            ("https://conda.anaconda.org/nvidia", "http://lab.example/nv"),
            ("https://other.example/", "http://lab.example/other"),
            (CANONICAL_BASE, "file:///too/late"),
        ] {
            mirrors.add(base, to).unwrap();
        }
        let apply = |text: &str| mirrors.apply(&canonical_url(text).unwrap()).to_string();
        assert_eq!(apply("conda-forge"), "file:///mirror/conda-forge/");
        assert_eq!(
            apply("https://other.example/a"),
            "http://lab.example/other/a/"
        );
        assert_eq!(apply("https://third.example/a"), "https://third.example/a/");
        assert_eq!(apply("nvidia"), "http://lab.example/nv/");
        let restore = |text: &str| {
            let place = Url::parse(text).unwrap();
            let restored = mirrors.restore(&place, |base| base != CANONICAL_BASE);
            restored.to_string()
        };
        assert_eq!(
            restore("http://lab.example/other/a/b.whl"),
            "https://other.example/a/b.whl"
        );
        assert_eq!(restore("file:///mirror/a"), "file:///mirror/a");
        assert!(mirrors.add(CANONICAL_BASE, "nonsense").is_err());
        assert!(mirrors.add(CANONICAL_BASE, "ftp://x.example/").is_err());
        assert_eq!(mirrors.logins(), []);
    }

    #[test]
    fn no_url_of_a_mirror_holds_its_secrets() {
        for (given, place) in [
            ("https://me:secret@x.example/y", "https://x.example/y/"),
            ("https://secret@x.example/y", "https://x.example/y/"),
            ("https://x.example/t/secret/y", "https://x.example/y/"),
            ("https://me:x@x.example/t/secret", "https://x.example/"),
        ] {
            let mut mirrors = Mirrors::default();
            mirrors.add(CANONICAL_BASE, given).unwrap();
            assert_eq!(mirrors.logins()[0].place, place);
            let url = mirrors.apply(&canonical_url("c").unwrap());
            assert_eq!(url.as_str(), format!("{place}c/"));
            assert!(!format!("{mirrors:?}").contains("me:"), "{mirrors:?}");
        }
    }
}
