//! What leaves: a lock, written for the tools of others.
//!
//! Every writer is a function from a lock to text. The same files and hashes go
//! out that the lock has; what a format cannot hold is told, never dropped in
//! silence.

mod conda_lock;
mod docker;
mod environment;
mod explicit;
mod pixi;
mod requirements;

use rattler_conda_types::{RepoDataRecord, Subdir};

use crate::{
    Code, Diagnostic, Lock, Wheel,
    channel::EMBEDDED_URL,
    lock::{PlatformLock, PlatformSettings},
};

/// A format that can be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// conda's `environment.yml`, every package exact.
    EnvironmentYml,
    /// What `conda list --explicit` prints.
    Explicit,
    /// `conda-lock.yml`, version 1.
    CondaLock,
    /// `pixi.toml` with `pixi.lock`.
    Pixi,
    /// pip's `requirements.txt`, with hashes.
    Requirements,
    /// A `Dockerfile` with the lists that it installs.
    Dockerfile,
}

impl Format {
    /// Returns the word for it on the command line.
    pub fn word(self) -> &'static str {
        match self {
            Format::EnvironmentYml => "environment-yml",
            Format::Explicit => "explicit",
            Format::CondaLock => "conda-lock",
            Format::Pixi => "pixi",
            Format::Requirements => "requirements",
            Format::Dockerfile => "dockerfile",
        }
    }

    /// Returns whether it holds several platforms.
    fn is_for_all_platforms(self) -> bool {
        matches!(self, Format::CondaLock | Format::Pixi)
    }
}

/// What was written: the file, those beside it, and what to tell.
#[derive(Debug, Clone)]
pub struct Exported {
    /// The text of the file.
    pub text: String,
    /// Files that belong beside it, by name.
    pub beside: Vec<(String, String)>,
    /// What to tell.
    pub notes: Vec<Diagnostic>,
}

/// How it is written.
#[derive(Debug, Clone, Copy, Default)]
pub struct Wishes {
    /// Only this platform.
    pub platform: Option<Subdir>,
    /// Hashes of explicit lists are sha256, which old conda does not read.
    pub sha256: bool,
}

/// What of a lock is written for one platform.
struct Part<'l> {
    name: &'l str,
    platform: Subdir,
    channels: &'l [String],
    locked: &'l PlatformLock,
    settings: Option<&'l PlatformSettings>,
}

/// Writes a lock for another tool.
///
/// # Errors
/// GE139 if the format cannot hold it, GE405 if the lock lacks the platform.
pub fn export(
    lock: &Lock,
    name: &str,
    format: Format,
    wishes: Wishes,
) -> Result<Exported, ExportError> {
    let parts = parts(lock, name, wishes.platform)?;
    if let Some(part) = parts.iter().find(|part| part.holds_embedded()) {
        return Err(ExportError::Embedded {
            name: part.name.to_string(),
        });
    }
    let one = || match parts.as_slice() {
        [part] => Ok(part),
        parts => Err(ExportError::SeveralPlatforms {
            format: format.word(),
            platforms: parts.iter().map(|part| part.platform.to_string()).collect(),
        }),
    };
    if !format.is_for_all_platforms() {
        one()?;
    }
    match format {
        Format::EnvironmentYml => Ok(environment::write(one()?)),
        Format::Explicit => Ok(explicit::write(one()?, wishes.sha256)),
        Format::CondaLock => Ok(conda_lock::write(&parts)),
        Format::Pixi => pixi::write(lock, &parts),
        Format::Requirements => requirements::write(one()?),
        Format::Dockerfile => Ok(docker::write(one()?)),
    }
}

fn parts<'l>(
    lock: &'l Lock,
    name: &'l str,
    wanted: Option<Subdir>,
) -> Result<Vec<Part<'l>>, ExportError> {
    let mut parts = Vec::new();
    for (called, locked) in &lock.platforms {
        let platform = locked.subdir;
        if wanted.is_none_or(|wanted| wanted == platform) {
            let settings = lock.settings_of(called);
            parts.push(Part {
                name,
                platform,
                channels: &lock.channels,
                locked,
                settings,
            });
        }
    }
    match (parts.is_empty(), wanted) {
        (false, _) => Ok(parts),
        (true, Some(platform)) => Err(ExportError::Platform {
            platform,
            known: lock.platforms.keys().cloned().collect(),
        }),
        (true, None) => Err(ExportError::Empty),
    }
}

impl Part<'_> {
    fn records(&self) -> &[RepoDataRecord] {
        &self.locked.records
    }

    fn wheels(&self) -> &[Wheel] {
        &self.locked.wheels
    }

    /// Packages of the channel inside of gpuenv exist nowhere else.
    fn holds_embedded(&self) -> bool {
        self.records()
            .iter()
            .any(|record| record.url.as_str().starts_with(EMBEDDED_URL))
    }

    fn variables(&self) -> Vec<(&str, &str)> {
        let settings = self.settings.into_iter();
        settings
            .flat_map(|settings| &settings.activation.env)
            .map(|(name, value)| (name.as_str(), value.as_str()))
            .collect()
    }
}

/// Quotes a text so that YAML, TOML and JSON read it alike.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text)
        .to_string()
        .replace('\u{7f}', "\\u007f")
}

/// A lock cannot be written for another tool.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ExportError {
    /// The format is for one platform.
    #[error("`{format}` is for one platform, and the lock has {}", platforms.join(", "))]
    SeveralPlatforms {
        /// The format.
        format: &'static str,
        /// The lock's platforms.
        platforms: Vec<String>,
    },
    /// The lock does not cover the platform.
    #[error("the lock does not cover `{platform}`")]
    Platform {
        /// The platform.
        platform: Subdir,
        /// Those that it covers.
        known: Vec<String>,
    },
    /// There is nothing in it.
    #[error("the lock holds no platform")]
    Empty,
    /// No wheels.
    #[error("the lock has no wheels for `{platform}`, and `requirements` holds nothing else")]
    NoWheels {
        /// The platform.
        platform: Subdir,
    },
    /// It needs the channel inside of gpuenv.
    #[error("`{name}` needs packages that are inside of gpuenv, which no other tool can fetch")]
    Embedded {
        /// The recipe.
        name: String,
    },
    /// The lock of pixi cannot be written.
    #[error("the lock cannot be written: {reason}")]
    Unwritable {
        /// Why not.
        reason: String,
    },
}

impl From<ExportError> for Diagnostic {
    fn from(error: ExportError) -> Self {
        let message = error.to_string();
        let diagnostic = match &error {
            ExportError::Platform { .. } => Diagnostic::error(Code::LOCK_PLATFORM, message),
            _ => Diagnostic::error(Code::EXPORT_IMPOSSIBLE, message),
        };
        match error {
            ExportError::SeveralPlatforms { platforms, .. } => {
                let first = platforms.first().cloned().unwrap_or_default();
                diagnostic.help(format!("name one with `--platform {first}`"))
            }
            ExportError::Platform { known, .. } => diagnostic.help(format!(
                "it covers {}; add the platform to the recipe, and `gpuenv lock`",
                known.join(", ")
            )),
            ExportError::NoWheels { .. } => {
                diagnostic.help("take `--format explicit`, or `environment-yml`")
            }
            ExportError::Embedded { .. } => diagnostic
                .help("export another environment; this one is made by `gpuenv create hello-gpu`"),
            ExportError::Empty | ExportError::Unwritable { .. } => {
                diagnostic.help("lock the recipe anew with `gpuenv lock`")
            }
        }
    }
}

#[cfg(test)]
mod tests;
