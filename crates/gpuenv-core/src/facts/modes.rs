//! The failure modes: what users see, what is behind it, and who finds it.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use super::{Head, Table};

/// The number of a failure mode, printed as `P08`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ModeId(pub u8);

impl fmt::Display for ModeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "P{:02}", self.0)
    }
}

impl FromStr for ModeId {
    type Err = BadModeId;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let digits = text.strip_prefix('P').filter(|digits| digits.len() == 2);
        let number = digits.and_then(|digits| digits.parse().ok());
        number.map(Self).ok_or_else(|| BadModeId(text.to_string()))
    }
}

impl Serialize for ModeId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for ModeId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(de::Error::custom)
    }
}

/// The text is not of the form `P08`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a failure mode of the form `P08`")]
pub struct BadModeId(String);

/// Who finds a failure mode.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FoundBy {
    /// A rule of the doctor looks at machine and environment.
    Doctor,
    /// `gpuenv lock` tells before anything is downloaded.
    Lock,
    /// `gpuenv create` tells, or avoids it.
    Create,
    /// `gpuenv run` avoids it.
    Run,
    /// The probe sees it happen.
    Probe,
    /// Only a pasted log shows it.
    Text,
    /// Nothing can.
    None,
}

/// A failure mode.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Mode {
    /// Its number.
    pub id: ModeId,
    /// Where it lies: host, container, solve, env, shell, run.
    pub level: String,
    /// What it is, in a line.
    pub title: String,
    /// What users see.
    pub symptom: String,
    /// What is behind it.
    pub cause: String,
    /// What a log holds; `*` stands for anything within a line.
    pub patterns: Vec<String>,
    /// How to make sure.
    pub confirm: String,
    /// What to do.
    pub fix: String,
    /// Who finds it.
    pub found: FoundBy,
    /// Why no rule of the doctor does.
    #[serde(default)]
    pub why: Option<String>,
    /// Where it was seen.
    pub cites: Vec<String>,
}

/// Something in a log that looks bad and is not.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Suspect {
    /// What it is called.
    pub name: String,
    /// The failure mode that is about it.
    #[serde(default)]
    pub mode: Option<ModeId>,
    /// What a log holds.
    pub pattern: String,
    /// Why it is harmless.
    pub verdict: String,
}

/// The table of the failure modes.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Modes {
    schema: u32,
    date: String,
    source: String,
    #[serde(default)]
    warning: Option<String>,
    /// The failure modes, in order.
    pub modes: Vec<Mode>,
    /// What looks bad and is not.
    pub suspects: Vec<Suspect>,
}

impl Modes {
    /// Returns the failure mode of a number.
    pub fn get(&self, id: ModeId) -> Option<&Mode> {
        self.modes.iter().find(|mode| mode.id == id)
    }
}

impl Table for Modes {
    fn head(&self) -> Head {
        Head {
            schema: self.schema,
            date: self.date.clone(),
            source: self.source.clone(),
            warning: self.warning.clone(),
        }
    }

    fn fault(&self) -> Option<String> {
        let unordered = self.modes.windows(2).find(|pair| pair[0].id >= pair[1].id);
        if let Some(pair) = unordered {
            return Some(format!("`{}` stands behind `{}`", pair[1].id, pair[0].id));
        }
        let patterns = self.modes.iter().flat_map(|mode| &mode.patterns);
        let mut patterns = patterns.chain(self.suspects.iter().map(|suspect| &suspect.pattern));
        // Such a one would match every log.
        let empty = |pattern: &&String| pattern.chars().filter(|c| c.is_alphanumeric()).count() < 4;
        patterns
            .find(empty)
            .map(|pattern| format!("the pattern `{pattern}` is too short"))
    }
}
