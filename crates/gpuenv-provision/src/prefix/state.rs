//! gpuenv's record of an environment.

use std::path::{Path, PathBuf};

use gpuenv_core::plan::ActivationSettings;
use jiff::Timestamp;
use rattler_digest::{Sha256, compute_bytes_digest};
use serde::{Deserialize, Serialize};

/// The form of the record that this gpuenv writes and reads.
const SCHEMA: u32 = 1;

/// What gpuenv knows of an environment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct State {
    /// The form of this record.
    pub schema: u32,
    /// The environment's name; its prefix as text if it has none.
    pub name: String,
    /// The recipe's name.
    pub recipe: Option<String>,
    /// The conda platform, as the lock names it: `linux-64`, or `linux-64-cuda12`
    /// where the recipe has variants.
    pub platform: String,
    /// The prefix that its files were written for.
    pub prefix: PathBuf,
    /// The hash of the lock's text.
    pub lock_sha256: String,
    /// The hash of the recipe's text, if there was one.
    pub recipe_sha256: Option<String>,
    /// The hash of the activation settings.
    pub activation_sha256: String,
    /// The version of the gpuenv that installed it.
    pub gpuenv: String,
    /// When it was installed.
    pub installed_at: Timestamp,
    /// The names of its package records, sorted.
    pub packages: Vec<String>,
    /// The hash of what it notes of its files; earlier versions noted nothing.
    #[serde(default)]
    pub files_sha256: Option<String>,
    /// The recipe or lock file that it was made from; none for a recipe inside
    /// the program.
    #[serde(default)]
    pub source: Option<PathBuf>,
    /// What the last probe concluded.
    #[serde(default)]
    pub verdict: Option<serde_json::Value>,
    /// When the last probe ran.
    #[serde(default)]
    pub verdict_at: Option<Timestamp>,
}

/// What an environment is to be made from.
#[derive(Debug, Clone, Copy)]
pub struct Wanted<'a> {
    /// The lock.
    pub lock_text: &'a str,
    /// The recipe, if there is one.
    pub recipe_text: Option<&'a str>,
    /// The conda platform, as the lock names it.
    pub platform: &'a str,
    /// What activation does.
    pub activation: &'a ActivationSettings,
}

impl Wanted<'_> {
    pub(crate) fn lock_sha256(&self) -> String {
        sha256(self.lock_text)
    }

    pub(crate) fn recipe_sha256(&self) -> Option<String> {
        self.recipe_text.map(sha256)
    }

    pub(crate) fn activation_sha256(&self) -> String {
        // A map of texts and an enum: serialization cannot fail.
        sha256(&serde_json::to_string(self.activation).unwrap_or_default())
    }
}

pub(crate) fn sha256(text: &str) -> String {
    hex::encode(compute_bytes_digest::<Sha256>(text))
}

/// Returns the version of gpuenv that writes records.
pub(crate) fn own_version() -> &'static str {
    env!("CARGO_PKG_VERSION")
}

impl State {
    /// Reads a record; `None` if it is damaged or of another form.
    pub(crate) fn parse(bytes: &[u8]) -> Option<Self> {
        let state: Self = serde_json::from_slice(bytes).ok()?;
        (state.schema == SCHEMA).then_some(state)
    }

    pub(crate) fn render(&self) -> String {
        let mut text = serde_json::to_string_pretty(self).unwrap_or_default();
        text.push('\n');
        text
    }

    /// Returns the record of an environment that is being installed.
    pub(crate) fn new(
        name: &str,
        recipe: Option<&str>,
        prefix: &Path,
        wanted: &Wanted<'_>,
        packages: Vec<String>,
        now: Timestamp,
    ) -> Self {
        Self {
            schema: SCHEMA,
            name: name.to_string(),
            recipe: recipe.map(str::to_string),
            platform: wanted.platform.to_string(),
            prefix: prefix.to_path_buf(),
            lock_sha256: wanted.lock_sha256(),
            recipe_sha256: wanted.recipe_sha256(),
            activation_sha256: wanted.activation_sha256(),
            gpuenv: own_version().to_string(),
            installed_at: now,
            packages,
            files_sha256: None,
            source: None,
            verdict: None,
            verdict_at: None,
        }
    }

    /// Returns whether the environment was made there, from this, by this gpuenv.
    pub(crate) fn is_for(&self, prefix: &Path, wanted: &Wanted<'_>) -> bool {
        self.prefix == prefix
            && self.platform == wanted.platform
            && self.gpuenv == own_version()
            && self.lock_sha256 == wanted.lock_sha256()
            && self.recipe_sha256 == wanted.recipe_sha256()
            && self.activation_sha256 == wanted.activation_sha256()
    }
}

#[cfg(test)]
mod tests {
    use gpuenv_core::plan::LibraryPath;

    use super::*;

    #[test]
    fn a_record_survives_and_each_difference_counts() {
        let activation = ActivationSettings::default();
        let wanted = Wanted {
            lock_text: "lock",
            recipe_text: Some("recipe"),
            platform: "linux-64",
            activation: &activation,
        };
        let prefix = Path::new("/envs/x");
        let packages = vec!["a-1-0.json".to_string()];
        let now = Timestamp::UNIX_EPOCH;
        let state = State::new("x", Some("demo"), prefix, &wanted, packages, now);
        let read = State::parse(state.render().as_bytes()).unwrap();
        assert_eq!(read, state);
        assert!(read.is_for(prefix, &wanted));

        let other = ActivationSettings {
            library_path: LibraryPath::None,
            ..ActivationSettings::default()
        };
        assert!(!read.is_for(Path::new("/moved"), &wanted));
        for changed in [
            Wanted {
                lock_text: "other",
                ..wanted
            },
            Wanted {
                recipe_text: None,
                ..wanted
            },
            Wanted {
                platform: "win-64",
                ..wanted
            },
            Wanted {
                activation: &other,
                ..wanted
            },
        ] {
            assert!(!read.is_for(prefix, &changed), "{changed:?}");
        }
    }

    #[test]
    fn garbage_and_other_forms_are_no_record() {
        assert_eq!(State::parse(b""), None);
        assert_eq!(State::parse(b"{}"), None);
        assert_eq!(State::parse(&[0xff, 0]), None);
    }
}
