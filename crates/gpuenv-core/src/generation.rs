//! One generation of an environment: everything that makes it again.
//!
//! Each `create`, `update` and `rollback` that changes what an environment is
//! made from leaves one. It holds the lock itself, so that going back depends on
//! nothing outside of the environment but the packages.

use std::fmt;

use jiff::Timestamp;
use rattler_digest::{Sha256, compute_bytes_digest};
use serde::{Deserialize, Serialize};

use crate::{Changes, Code, Diagnostic, Place, lock, plan::ActivationSettings, solution};

/// The form of a generation that this gpuenv writes, and the newest that it reads.
const SCHEMA: u32 = 1;

/// How many generations are kept.
pub const KEPT: usize = 20;

/// The largest generation that is read, in bytes: a lock, escaped, and a recipe.
pub const MAX_BYTES: u64 = 2 * lock::MAX_BYTES as u64 + (16 << 20);

/// How a generation came to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Action {
    /// From a recipe or a lock.
    Create,
    /// By newer packages.
    Update,
    /// By going back to an earlier generation.
    Rollback {
        /// Which one.
        to: u32,
    },
    /// It was there before gpuenv kept any.
    Found,
}

/// Everything that an environment was made from at one time.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Generation {
    /// The form of this text.
    pub schema: u32,
    /// Its number, counted from 1 for each environment.
    pub number: u32,
    /// When it was installed.
    pub at: Timestamp,
    /// How it came to be.
    pub action: Action,
    /// The command line, without secrets.
    pub command: String,
    /// The version of the gpuenv that installed it.
    pub gpuenv: String,
    /// The conda platform.
    pub platform: String,
    /// What activation does.
    pub activation: ActivationSettings,
    /// The recipe's name.
    pub recipe: Option<String>,
    /// The recipe's text, if there was one.
    pub recipe_text: Option<String>,
    /// Whether that text was nowhere but in the environment.
    #[serde(default)]
    pub is_only_text: bool,
    /// How many packages it has.
    pub packages: usize,
    /// The packages that it brought, changed and removed.
    pub changes: Vec<String>,
    /// The hash of the lock's text.
    pub lock_sha256: String,
    /// The lock's text.
    pub lock_text: String,
}

/// A generation cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum GenerationError {
    /// It is no generation, or not a whole one.
    #[error("it is damaged: {reason}")]
    Damaged {
        /// Where it is.
        file: String,
        /// What is wrong.
        reason: String,
    },
    /// A newer gpuenv wrote it.
    #[error("a newer gpuenv wrote it, in form {schema}; this one knows {SCHEMA}")]
    Newer {
        /// Where it is.
        file: String,
        /// Its form.
        schema: u32,
    },
}

impl From<GenerationError> for Diagnostic {
    fn from(error: GenerationError) -> Self {
        let (GenerationError::Damaged { file, .. } | GenerationError::Newer { file, .. }) = &error;
        let message = "a generation of the environment cannot be read";
        let diagnostic = Diagnostic::error(Code::HISTORY_BAD, message)
            .at(Place::file(file))
            .cause(&error);
        match error {
            GenerationError::Damaged { .. } => {
                diagnostic.help("go back to another one: `gpuenv history ENV` lists them")
            }
            GenerationError::Newer { .. } => diagnostic.help("take the gpuenv that wrote it"),
        }
    }
}

#[derive(Deserialize)]
struct AnySchema {
    schema: u32,
}

impl Generation {
    /// Reads a generation and holds it to its own hash.
    ///
    /// # Errors
    ///
    /// GE528 if it is damaged or from a newer gpuenv.
    pub fn parse(file: &str, bytes: &[u8]) -> Result<Self, GenerationError> {
        let damaged = |reason: String| GenerationError::Damaged {
            file: file.to_string(),
            reason,
        };
        let AnySchema { schema } =
            serde_json::from_slice(bytes).map_err(|error| damaged(error.to_string()))?;
        if schema > SCHEMA {
            let file = file.to_string();
            return Err(GenerationError::Newer { file, schema });
        }
        let generation: Self =
            serde_json::from_slice(bytes).map_err(|error| damaged(error.to_string()))?;
        match hash(&generation.lock_text) == generation.lock_sha256 {
            true => Ok(generation),
            false => Err(damaged("its lock does not have its hash".to_string())),
        }
    }

    /// Writes it as text.
    pub fn render(&self) -> String {
        // Texts, numbers and a map of texts: serialization cannot fail.
        let mut text = serde_json::to_string_pretty(self).unwrap_or_default();
        text.push('\n');
        text
    }

    /// Returns the generation that follows another one, or is the first.
    #[must_use]
    pub fn numbered(self, newest: Option<u32>) -> Self {
        let number = newest.unwrap_or(0).saturating_add(1);
        Self { number, ..self }
    }

    /// Returns a generation without a number yet, for a lock.
    pub fn new(lock_text: &str, action: Action, at: Timestamp) -> Self {
        Self {
            schema: SCHEMA,
            number: 0,
            at,
            action,
            command: String::new(),
            gpuenv: env!("CARGO_PKG_VERSION").to_string(),
            platform: String::new(),
            activation: ActivationSettings::default(),
            recipe: None,
            recipe_text: None,
            is_only_text: false,
            packages: 0,
            changes: Vec::new(),
            lock_sha256: hash(lock_text),
            lock_text: lock_text.to_string(),
        }
    }

    /// Returns whether two generations make the same environment.
    pub fn makes_the_same_as(&self, other: &Self) -> bool {
        self.lock_sha256 == other.lock_sha256
            && self.platform == other.platform
            && self.activation == other.activation
            && self.recipe == other.recipe
            && self.recipe_text == other.recipe_text
    }

    /// Returns the recipe's text, if it was nowhere but in the environment.
    pub fn only_text(&self) -> Option<&str> {
        self.recipe_text.as_deref().filter(|_| self.is_only_text)
    }

    /// Returns the file name of a generation.
    pub fn file_name(number: u32) -> String {
        format!("{number:06}.json")
    }

    /// Returns the number of the generation in a file of that name.
    pub fn number_of(file_name: &str) -> Option<u32> {
        let number: u32 = file_name.strip_suffix(".json")?.parse().ok()?;
        (Self::file_name(number) == file_name).then_some(number)
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Action::Create => write!(f, "create"),
            Action::Update => write!(f, "update"),
            Action::Rollback { to } => write!(f, "rollback to {to}"),
            Action::Found => write!(f, "found"),
        }
    }
}

/// Returns how many packages the changes bring, change and remove, in words.
pub fn summary(changes: &[String]) -> String {
    let count = |sign: char| changes.iter().filter(|line| line.starts_with(sign)).count();
    let parts = [('+', "added"), ('~', "changed"), ('-', "removed")];
    let parts = parts.map(|(sign, what)| (count(sign), what));
    let parts = parts.iter().filter(|(count, _)| *count > 0);
    let parts: Vec<String> = parts
        .map(|(count, what)| format!("{count} {what}"))
        .collect();
    match parts.is_empty() {
        true => "the same packages".to_string(),
        false => parts.join(", "),
    }
}

/// Returns which of these generations are given up when the newest is written.
pub fn outdated(numbers: &[u32]) -> &[u32] {
    &numbers[..numbers.len().saturating_sub(KEPT)]
}

/// Returns the changes of an installation, a line each.
pub fn lines(changes: &Changes) -> Vec<String> {
    let added = changes.add.iter();
    let added = added.map(|record| format!("+ {}", solution::label(record)));
    let removed = changes.remove.iter();
    let removed = removed.map(|record| format!("- {}", solution::label(record)));
    let changed = changes.change.iter().map(|change| {
        let (old, new) = (solution::label(&change.old), solution::label(&change.new));
        format!("~ {old} -> {new}")
    });
    added.chain(changed).chain(removed).collect()
}

fn hash(text: &str) -> String {
    hex::encode(compute_bytes_digest::<Sha256>(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn generation() -> Generation {
        Generation::new("lock", Action::Rollback { to: 3 }, Timestamp::UNIX_EPOCH).numbered(Some(6))
    }

    #[test]
    fn a_generation_survives_being_written() {
        let generation = generation();
        let text = generation.render();
        let read = Generation::parse("x", text.as_bytes()).unwrap();
        assert_eq!(read, generation);
        assert_eq!(read.number, 7);
    }

    #[test]
    fn what_was_edited_or_is_newer_is_refused() {
        let text = generation().render();
        for (from, to, wanted) in [
            ("\"lock\"", "\"other\"", "does not have its hash"),
            ("\"schema\": 1", "\"schema\": 2", "a newer gpuenv wrote it"),
            ("{", "", "it is damaged"),
        ] {
            let edited = text.replacen(from, to, 1);
            let error = Generation::parse("x", edited.as_bytes()).unwrap_err();
            assert!(error.to_string().contains(wanted), "{error}");
            assert_eq!(Diagnostic::from(error).code, Code::HISTORY_BAD);
        }
    }

    #[test]
    fn file_names_sort_like_numbers() {
        assert_eq!(Generation::file_name(7), "000007.json");
        assert_eq!(Generation::number_of("000007.json"), Some(7));
        for other in ["7.json", "000007.json.1.tmp", "x.json", "000007"] {
            assert_eq!(Generation::number_of(other), None, "{other}");
        }
    }

    #[test]
    fn changes_are_counted_by_kind() {
        let changes = ["+ a 1 0", "+ b 1 0", "~ c 1 0 -> c 2 0", "- d 1 0"].map(String::from);
        assert_eq!(summary(&changes), "2 added, 1 changed, 1 removed");
        assert_eq!(summary(&[]), "the same packages");
    }

    #[test]
    fn the_oldest_are_given_up() {
        let numbers: Vec<u32> = (1..=22).collect();
        assert_eq!(outdated(&numbers), [1, 2]);
        assert_eq!(outdated(&numbers[..20]), [] as [u32; 0]);
    }

    #[test]
    fn each_part_makes_another_environment() {
        let one = generation();
        let mut other = one.clone();
        other.number = 9;
        other.command = "x".to_string();
        assert!(one.makes_the_same_as(&other));
        other.recipe_text = Some("text".to_string());
        assert!(!one.makes_the_same_as(&other));
    }
}
