//! Where channels are fetched from instead of their canonical place.

use std::{fmt, str::FromStr};

use gpuenv_core::{Code, Diagnostic};
use url::Url;

/// The base that a mirror without one stands in for.
pub const DEFAULT_BASE: &str = gpuenv_core::channel::CANONICAL_BASE;

/// Another place for all channels below one base.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mirror {
    /// The canonical base, ends with a slash.
    pub base: Url,
    /// The place that stands in for it, ends with a slash.
    pub place: Url,
}

/// The text is no mirror.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BadMirror {
    text: String,
    reason: String,
}

impl FromStr for Mirror {
    type Err = BadMirror;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let text = text.trim();
        let refuse = |reason: String| BadMirror {
            text: text.to_string(),
            reason,
        };
        let (base, place) = split(text);
        Ok(Self {
            base: directory(base.unwrap_or(DEFAULT_BASE)).map_err(refuse)?,
            place: directory(place).map_err(refuse)?,
        })
    }
}

impl fmt::Display for Mirror {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}={}", self.base, self.place)
    }
}

/// Reads several mirrors, as `$GPUENV_MIRROR` holds them: separated by spaces.
///
/// # Errors
/// Returns the first one that is none.
pub fn parse_all(text: &str) -> Result<Vec<Mirror>, BadMirror> {
    text.split_whitespace().map(str::parse).collect()
}

/// Splits `BASE=URL`; an `=` inside a URL does not count.
fn split(text: &str) -> (Option<&str>, &str) {
    let equals = text
        .match_indices('=')
        .map(|(index, _)| index)
        .find(|index| has_scheme(&text[index + 1..]));
    match equals {
        Some(index) => (Some(&text[..index]), &text[index + 1..]),
        None => (None, text),
    }
}

fn has_scheme(text: &str) -> bool {
    ["http://", "https://", "file://"].iter().any(|scheme| {
        text.get(..scheme.len())
            .is_some_and(|start| start.eq_ignore_ascii_case(scheme))
    })
}

/// Reads a URL below which files can be named.
fn directory(text: &str) -> Result<Url, String> {
    if !has_scheme(text) {
        return Err(format!(
            "`{text}` does not begin with `https://`, `http://` or `file://`"
        ));
    }
    let mut url = Url::parse(text).map_err(|error| format!("`{text}` is not a URL: {error}"))?;
    if url.query().is_some() || url.fragment().is_some() {
        return Err(format!("`{text}` has a part behind `?` or `#`"));
    }
    if !url.path().ends_with('/') {
        let path = format!("{}/", url.path());
        url.set_path(&path);
    }
    Ok(url)
}

impl From<BadMirror> for Diagnostic {
    fn from(error: BadMirror) -> Self {
        let message = format!("`{}` is not a mirror", error.text);
        let diagnostic = Self::error(Code::MIRROR_BAD, message).cause(error.reason);
        if error.text.starts_with('/') {
            return diagnostic.help(format!("write `file://{}`", error.text));
        }
        diagnostic
            .help("write `--mirror https://conda.example.org` or `--mirror file:///srv/channels`")
            .help("or name the base too: `--mirror https://prefix.dev=https://conda.example.org`")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> Option<String> {
        text.parse::<Mirror>().ok().map(|mirror| mirror.to_string())
    }

    #[test]
    fn a_mirror_is_a_url_or_a_base_and_a_url() {
        for (text, mirror) in [
            (
                "file:///srv/channels",
                "https://conda.anaconda.org/=file:///srv/channels/",
            ),
            (
                "HTTPS://prefix.dev=http://lab:8080/a=b",
                "https://prefix.dev/=http://lab:8080/a=b/",
            ),
            (
                "http://lab/a=b/",
                "https://conda.anaconda.org/=http://lab/a=b/",
            ),
        ] {
            assert_eq!(parsed(text).as_deref(), Some(mirror), "{text}");
        }
    }

    #[test]
    fn what_cannot_be_fetched_from_is_refused() {
        for bad in [
            "",
            "=",
            "/srv/channels",
            "ftp://lab",
            "lab",
            "https://",
            "https://lab?x=1",
            "https://lab#x",
            "x=https://lab",
            "é=https://lab",
            "http:/é",
        ] {
            assert!(parsed(bad).is_none(), "{bad}");
        }
    }

    #[test]
    fn a_path_gets_its_url_as_help() {
        let error = "/srv/channels".parse::<Mirror>().unwrap_err();
        assert_eq!(
            Diagnostic::from(error).help,
            ["write `file:///srv/channels`"]
        );
    }

    #[test]
    fn several_mirrors_are_separated_by_spaces() {
        let mirrors = parse_all(" file:///a  https://prefix.dev=file:///b ").unwrap();
        assert_eq!(mirrors.len(), 2);
        assert!(parse_all("file:///a,b c").is_err());
        assert!(parse_all("").unwrap().is_empty());
    }
}
