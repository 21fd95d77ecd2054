//! What a user searches for, as it is typed.

use rattler_conda_types::{MatchSpec, ParseMatchSpecOptions, Subdir};

use super::SearchError;
use crate::channel;

/// Specs longer than this are not read: the parser recurses over parentheses.
const LONGEST: usize = 400;

/// The setting of conda that stands for Anaconda's own channels.
const DEFAULTS: &str = "defaults";

/// What is searched for.
#[derive(Debug, Clone)]
pub struct Wanted {
    /// As it was typed.
    pub text: String,
    /// What a record must be; it names no channel.
    pub spec: MatchSpec,
    /// The channel that was named before `::`.
    pub channel: Option<String>,
    /// The platform that was named with the channel.
    pub platform: Option<Subdir>,
}

impl Wanted {
    /// Returns the name, if only one can match.
    pub fn name(&self) -> Option<&str> {
        self.spec.name.as_exact().map(|name| name.as_normalized())
    }
}

/// Reads what is searched for: a match spec, whose name may have `*` in it.
///
/// # Errors
/// GE341 if it is none.
pub fn wanted(text: &str) -> Result<Wanted, SearchError> {
    let text = text.trim();
    let refuse = |reason: &str| SearchError::BadSpec {
        text: text.chars().take(LONGEST).collect(),
        reason: reason.to_string(),
    };
    if text.is_empty() || text.chars().count() > LONGEST {
        return Err(refuse("a match spec has 1 to 400 characters"));
    }
    let (source, bare) = match text.split_once("::") {
        Some((channel, bare)) => (Some(channel), bare.trim()),
        None => (None, text),
    };
    let names_more = ["::", "://", "channel="]
        .iter()
        .any(|sign| bare.contains(sign));
    if bare.starts_with(['/', '.', '~']) || names_more {
        return Err(refuse(
            "name the channel with `-c`, and the package by its name",
        ));
    }
    if bare.starts_with("__") {
        return Err(SearchError::Virtual {
            name: bare.to_string(),
        });
    }
    let (channel, platform) = source.map_or((None, None), with_platform);
    if let Some(channel) = &channel {
        channel::canonical_url(channel)?;
    }
    let options = ParseMatchSpecOptions::lenient().with_exact_names_only(false);
    let spec = MatchSpec::from_str(bare, options).map_err(|error| refuse(&error.to_string()))?;
    if spec.url.is_some() || spec.file_name.is_some() {
        return Err(refuse("a file is no package of a channel"));
    }
    Ok(Wanted {
        text: text.to_string(),
        spec,
        channel,
        platform,
    })
}

/// Cuts the platform off `conda-forge/linux-64`.
fn with_platform(source: &str) -> (Option<String>, Option<Subdir>) {
    let source = source.trim();
    let cut = source.rsplit_once('/').and_then(|(channel, last)| {
        let platform: Subdir = last.parse().ok()?;
        Some((channel.to_string(), platform))
    });
    match cut {
        Some((channel, platform)) => (Some(channel), Some(platform)),
        None => (Some(source.to_string()), None),
    }
}

/// Returns the channels that are named: separated by commas or given one by one.
///
/// `defaults` is a setting of conda, and stands for `pkgs/main` here.
///
/// # Errors
/// GE306 if one can be no channel.
pub fn channels<'t>(named: impl IntoIterator<Item = &'t str>) -> Result<Vec<String>, SearchError> {
    let mut channels: Vec<String> = Vec::new();
    for name in named.into_iter().flat_map(|text| text.split(',')) {
        let name = match name.trim() {
            DEFAULTS => "pkgs/main",
            name => name,
        };
        channel::canonical_url(name)?;
        if !channels.iter().any(|known| known == name) {
            channels.push(name.to_string());
        }
    }
    Ok(channels)
}
