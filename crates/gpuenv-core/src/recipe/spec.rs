//! Conda dependencies: match specs.
//!
//! Anything that would make a lock differ between machines is refused here:
//! files, addresses outside of the channels, secrets.

use rattler_conda_types::{MatchSpec, PackageNameMatcher, ParseMatchSpecOptions};

use super::scalar::{BadChannel, check_channel};

/// Specs longer than this are not read: the parser recurses over parentheses.
const LONGEST: usize = 400;

/// Why text is not a conda dependency.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadSpec {
    /// It is too long.
    #[error("a match spec has at most {LONGEST} characters")]
    Length,
    /// It cannot be read.
    #[error("`{text}` is not a match spec: {reason}")]
    Unreadable {
        /// What is written.
        text: String,
        /// What the parser says.
        reason: String,
        /// What was probably meant.
        better: Option<String>,
    },
    /// It names a file or an address instead of a package of a channel.
    #[error("a dependency must come from a channel, not from a file or an address")]
    Source,
    /// It names a property of the machine.
    #[error("`{0}` is a property of the machine and not a package")]
    Virtual(String),
    /// It names a channel, and that is wrong.
    #[error(transparent)]
    Channel(#[from] BadChannel),
    /// It names a channel that the recipe does not list.
    #[error("`{0}` is not one of the recipe's channels")]
    ForeignChannel(String),
}

impl BadSpec {
    pub(super) fn help(&self) -> String {
        match self {
            BadSpec::Length => "write one package per entry".to_string(),
            BadSpec::Unreadable {
                better: Some(better),
                ..
            } => {
                format!("did you mean `{better}`?")
            }
            BadSpec::Unreadable { text, .. } if text.starts_with(['<', '>', '=', '!', '~']) => {
                "inside `[…]` a comma begins a new entry: put the whole spec into quotes"
                    .to_string()
            }
            BadSpec::Unreadable { .. } => {
                "write `name`, `name 1.2.*`, `name >=1.2,<2` or `name 1.2.* build*`".to_string()
            }
            BadSpec::Source => {
                "add the channel that has the package to `channels`, and write its name here"
                    .to_string()
            }
            BadSpec::Virtual(name) => match name.as_str() {
                "__cuda" => "write `target: { cuda: \"12.4\" }` instead".to_string(),
                "__cuda_arch" => {
                    "write `target: { compute-capability: \"8.6\" }` instead".to_string()
                }
                "__glibc" => "write `target: { glibc: \"2.28\" }` instead".to_string(),
                _ => "delete it: `platforms` says which machines the recipe is for".to_string(),
            },
            BadSpec::Channel(bad) => bad.help(),
            BadSpec::ForeignChannel(channel) => format!("add `{channel}` to `channels`"),
        }
    }
}

/// Reads a conda dependency.
pub fn dependency(text: &str) -> Result<MatchSpec, BadSpec> {
    if text.chars().count() > LONGEST {
        return Err(BadSpec::Length);
    }
    refuse_sources(text)?;
    let spec = MatchSpec::from_str(text, ParseMatchSpecOptions::strict()).map_err(|error| {
        BadSpec::Unreadable {
            text: text.to_string(),
            reason: reason(&error.to_string()),
            better: better(text),
        }
    })?;
    if spec.url.is_some() || spec.file_name.is_some() {
        return Err(BadSpec::Source);
    }
    if let (Some(namespace), Some(channel)) = (&spec.namespace, &spec.channel) {
        return Err(BadSpec::Unreadable {
            text: text.to_string(),
            reason: format!("the namespace `{namespace}` means nothing"),
            better: Some(format!("{}::{}", channel.name(), spec.name)),
        });
    }
    match &spec.name {
        PackageNameMatcher::Exact(name) if name.as_normalized().starts_with("__") => {
            Err(BadSpec::Virtual(name.as_normalized().to_string()))
        }
        PackageNameMatcher::Exact(_) => Ok(spec),
        PackageNameMatcher::Glob(_) | PackageNameMatcher::Regex(_) => Err(BadSpec::Unreadable {
            text: text.to_string(),
            reason: "a dependency names one package".to_string(),
            better: None,
        }),
    }
}

/// Refuses what the parser would resolve against the current directory, and
/// secrets before any message can repeat them.
fn refuse_sources(text: &str) -> Result<(), BadSpec> {
    let text = text.trim();
    let name = text.split([' ', '[']).next().unwrap_or_default();
    if name.ends_with(".conda") || name.ends_with(".tar.bz2") || name.ends_with(".whl") {
        return Err(BadSpec::Source);
    }
    if let Some((channel, _)) = text.split_once("::") {
        return Ok(check_channel(without_subdir(channel))?);
    }
    if let Some((_, channel)) = text.split_once("channel=") {
        let end = channel.trim_start_matches(['"', '\'']);
        let channel = end.split(['"', '\'', ',', ']']).next().unwrap_or_default();
        return Ok(check_channel(without_subdir(channel))?);
    }
    match text.starts_with(['/', '.', '~']) || text.contains("://") {
        true => Err(BadSpec::Source),
        false => Ok(()),
    }
}

/// Cuts the platform off `conda-forge/linux-64` and `conda-forge[linux-64]`.
fn without_subdir(channel: &str) -> &str {
    let channel = channel.trim();
    match channel.split_once('[') {
        Some((channel, _)) => channel,
        None => channel,
    }
}

/// Makes the parser's reason fit behind a colon, in our quotes.
fn reason(text: &str) -> String {
    let first = text.split(". Did you mean").next().unwrap_or(text);
    // One of the parser's messages ends with a quote too many.
    let balanced = match first.matches('\'').count().is_multiple_of(2) {
        true => first,
        false => first.strip_suffix('\'').unwrap_or(first),
    };
    balanced.replace('\'', "`")
}

/// Returns what was probably meant, if that can be read.
fn better(text: &str) -> Option<String> {
    let text = text.trim();
    let at = text.find(|c: char| c.is_whitespace() || "=<>!~@[(:".contains(c))?;
    let (name, rest) = text.split_at(at);
    let rest = rest.trim_start_matches(|c: char| c.is_whitespace() || matches!(c, '@' | ':'));
    let version = rest.trim_start_matches(['=', ' ']);
    let build = version.replacen('=', " ", 1);
    let extras = rest
        .split_once(']')
        .filter(|(extras, _)| !extras.contains('='));
    let without_extras = extras.map_or("?", |(_, rest)| rest).trim();
    let candidates = [
        format!("{name} {version}.*"),
        format!("{name} {version}"),
        format!("{name} =={build}"),
        format!("{name} {build}"),
        format!("{name} {}", rest.replace(" <", ",<").replace(" >", ",>")),
        format!("{name} {without_extras}"),
    ];
    let fits = |spec: &String| {
        spec.chars().count() <= LONGEST
            && version.starts_with(|c: char| c.is_ascii_digit() || "<>!~[".contains(c))
            && MatchSpec::from_str(spec, ParseMatchSpecOptions::strict()).is_ok()
    };
    let found = candidates.into_iter().find(fits)?;
    Some(found.trim_end().to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn help(text: &str) -> String {
        dependency(text).unwrap_err().help()
    }

    #[test]
    fn match_specs_are_read_strictly() {
        for good in [
            "python",
            "python 3.10.*",
            "tensorflow * cuda*",
            "numpy >=1.2,<2",
            "conda-forge::cudnn 8.1.*",
            "cudnn[version='8.1.*', build='h0*']",
        ] {
            assert!(dependency(good).is_ok(), "{good}");
        }
    }

    #[test]
    fn an_unreadable_spec_is_answered_with_a_readable_one() {
        for (bad, good) in [
            ("cudnn 8.1", "cudnn 8.1.*"),
            ("python 3.10", "python 3.10.*"),
            ("cudnn==8.1.0.77=h0_0", "cudnn ==8.1.0.77 h0_0"),
            ("cudnn 8.1.0.77 h0_0", "cudnn ==8.1.0.77 h0_0"),
            ("numpy@1.26", "numpy 1.26.*"),
            ("numpy==1.26.*", "numpy 1.26.*"),
            ("numpy >1.2 <2", "numpy >1.2,<2"),
            ("jax[cuda12]>=0.4", "jax >=0.4"),
        ] {
            assert_eq!(help(bad), format!("did you mean `{good}`?"), "{bad}");
            assert!(dependency(good).is_ok(), "{good}");
        }
        assert!(help("<3.11").contains("a comma begins a new entry"));
        for bad in [
            "",
            "  ",
            "föö",
            "*",
            "foo*",
            "^foo$",
            "a b c d",
            "x[when='y']",
        ] {
            assert!(
                help(bad).starts_with("write `name`"),
                "{bad}: {}",
                help(bad)
            );
        }
    }

    #[test]
    fn a_dependency_comes_from_a_channel() {
        for bad in [
            "https://example.org/foo-1.0-0.conda",
            "/tmp/foo-1.0-0.conda",
            "./foo-1.0-0.tar.bz2",
            "foo-1.0-0.tar.bz2",
            "foo[url='https://example.org/foo-1.0-0.conda']",
            "file:///tmp/foo",
        ] {
            assert_eq!(dependency(bad), Err(BadSpec::Source), "{bad}");
        }
        for bad in [
            "./x::foo",
            "/x::foo",
            "foo[channel='./x']",
            "foo[channel=\"/x\"]",
        ] {
            let refused = dependency(bad).unwrap_err();
            assert!(
                matches!(refused, BadSpec::Channel(BadChannel::Path(_))),
                "{bad}"
            );
        }
        let secret = dependency("https://u:hunter2@example.org/c::foo").unwrap_err();
        assert_eq!(secret, BadSpec::Channel(BadChannel::Secret));
        assert_eq!(help("a:b:foo"), "did you mean `a::foo`?");
    }

    #[test]
    fn properties_of_the_machine_are_not_dependencies() {
        assert_eq!(
            dependency("__cuda >=12"),
            Err(BadSpec::Virtual("__cuda".to_string()))
        );
        assert!(help("__cuda >=12").contains("target"));
        assert!(help("__unix").contains("platforms"));
    }

    #[test]
    fn nesting_does_not_exhaust_the_stack() {
        for open in ["(", "[", "a (", "a[", "a[b=[", "a (>1|("] {
            let text: String = open.repeat(1000).chars().take(LONGEST).collect();
            assert!(dependency(&text).is_err());
        }
    }
}
