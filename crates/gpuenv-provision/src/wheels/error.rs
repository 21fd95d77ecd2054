//! Why wheels cannot be resolved, and what to do about it.

use std::{io, path::PathBuf, process::ExitStatus};

use gpuenv_core::{
    Code, Diagnostic,
    wheels::{BadPylock, WheelError},
};
use rattler_conda_types::Subdir;

use super::trouble::IndexTrouble;
use crate::Access;

/// Lines of uv that are shown at most.
const LINES: usize = 20;

/// Wheels cannot be resolved.
#[derive(Debug, thiserror::Error)]
pub enum WheelsError {
    /// The wheels cannot be part of the environment.
    #[error(transparent)]
    Refused(#[from] WheelError),
    /// The wheels of one of several variants cannot be resolved.
    #[error("variant `{variant}`: {error}")]
    OfVariant {
        /// The variant.
        variant: String,
        /// Why not.
        error: Box<WheelsError>,
    },
    /// A distribution that may be built was not.
    #[error("no wheel of `{distribution}` could be built")]
    NotBuilt {
        /// Its name and version.
        distribution: String,
        /// Why not.
        causes: Vec<String>,
    },
    /// uv is nowhere.
    #[error("the recipe has `pypi-dependencies`, and `uv`, which resolves them, is not installed")]
    NoUv {
        /// The channels that do not have it either.
        channels: Vec<String>,
    },
    /// uv is nowhere, and bringing it failed.
    #[error(
        "the recipe has `pypi-dependencies`, and `uv`, which resolves them, is neither installed nor can it be brought"
    )]
    NotInstalled {
        /// Why not.
        causes: Vec<String>,
        /// Whether the network must not be used.
        offline: bool,
    },
    /// uv is not where the user says.
    #[error("`GPUENV_UV` names `{}`, which is no file", .0.display())]
    NamedUv(PathBuf),
    /// uv cannot be started.
    #[error("`{}` cannot be started", program.display())]
    Start {
        /// The program.
        program: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// A temporary file cannot be written or read.
    #[error("the question to uv cannot be written")]
    Prepare(#[source] io::Error),
    /// uv knows no such platform.
    #[error("uv has no wheels for {platform}")]
    Platform {
        /// The platform.
        platform: Subdir,
    },
    /// A folder of wheels is not there.
    #[error("the folder of wheels `{place}` is not there")]
    LinksMissing {
        /// The folder, as the recipe writes it.
        place: String,
        /// Where it was looked for.
        path: PathBuf,
    },
    /// A folder has nothing that it could lie beside.
    #[error("the folder of wheels `{place}` lies beside the recipe, and the recipe is in no file")]
    LinksNowhere {
        /// The folder, as the recipe writes it.
        place: String,
    },
    /// An index does not do what it should.
    #[error("{trouble}")]
    Index {
        /// What is wrong with it.
        trouble: IndexTrouble,
        /// What uv says, line by line.
        told: Vec<String>,
    },
    /// uv found no solution.
    #[error("no set of wheels satisfies the recipe on {platform}")]
    Unsolvable {
        /// The platform.
        platform: Subdir,
        /// What uv says, line by line.
        told: Vec<String>,
    },
    /// uv needs an interpreter to compare with.
    #[error("uv finds no Python on this machine, and needs one of any version to resolve wheels")]
    NoPython,
    /// uv failed otherwise.
    #[error("uv failed to resolve the wheels for {platform}: {status}")]
    Failed {
        /// The platform.
        platform: Subdir,
        /// How it ended.
        status: ExitStatus,
        /// What it says, line by line.
        told: Vec<String>,
    },
    /// uv did not end.
    #[error("uv took too long to resolve the wheels for {platform}")]
    TimedOut {
        /// The platform.
        platform: Subdir,
    },
    /// The answer of uv is not as expected.
    #[error("the answer of uv for {platform} cannot be read")]
    Unreadable {
        /// The platform.
        platform: Subdir,
        /// What is wrong.
        error: BadPylock,
    },
}

impl WheelsError {
    /// Adds why the keyring did not help, where an index has refused.
    pub(super) fn with_complaint(mut self, access: &Access) -> Self {
        if let Self::Index {
            trouble: IndexTrouble::Denied { .. },
            told,
        } = &mut self
        {
            let keyring = access.wheels.keyring.as_ref();
            told.extend(keyring.and_then(|keyring| keyring.complaint()));
        }
        self
    }

    /// Makes sense of what uv wrote before it failed.
    pub(super) fn refused(platform: Subdir, stderr: &str, status: ExitStatus) -> Self {
        let clean = |line: &str| {
            let line = line.trim_matches(|c: char| c.is_whitespace() || "×╰─▶│├".contains(c));
            line.chars().take(1000).collect::<String>()
        };
        let lines = stderr.lines().map(clean);
        // What it notes by the way is not why it failed.
        let says = |line: &String| !line.is_empty() && !line.starts_with("warning: ");
        let told: Vec<String> = lines.filter(says).take(LINES).collect();
        let has = |text: &str| told.iter().any(|line| line.contains(text));
        if has("No interpreter found") || has("No Python interpreter") {
            return Self::NoPython;
        }
        if let Some(trouble) = IndexTrouble::read(&told) {
            return Self::Index { trouble, told };
        }
        match has("No solution found") || has("requirements are unsatisfiable") {
            true => Self::Unsolvable { platform, told },
            false => Self::Failed {
                platform,
                status,
                told,
            },
        }
    }
}

impl From<WheelsError> for Diagnostic {
    fn from(error: WheelsError) -> Self {
        let message = error.to_string();
        let failed = || Diagnostic::error(Code::WHEELS_FAILED, message.clone());
        match error {
            WheelsError::Refused(error) => error.into(),
            WheelsError::OfVariant { error, .. } => Diagnostic {
                message,
                ..Diagnostic::from(*error)
            },
            WheelsError::NoUv { channels } => {
                let error = Diagnostic::error(Code::WHEELS_NO_UV, message)
                    .cause("it was looked for on `PATH` and in the recipe's environment");
                let error = match channels.as_slice() {
                    [] => error,
                    some => error.cause(format!(
                        "the channels have none for this machine: `{}`",
                        some.join("`, `")
                    )),
                };
                how_to_get_it(error)
            }
            WheelsError::NotInstalled { causes, offline } => {
                let error = Diagnostic::error(Code::WHEELS_UV_NOT_INSTALLED, message)
                    .cause("it was looked for on `PATH`, in the recipe's environment, and in the recipe's channels");
                let error = causes.into_iter().fold(error, Diagnostic::cause);
                let error = match offline {
                    true => error.help("run it once without `--offline`, and gpuenv brings it"),
                    false => error,
                };
                how_to_get_it(error)
            }
            WheelsError::NotBuilt { causes, .. } => {
                let error = Diagnostic::error(Code::WHEELS_NOT_BUILT, message);
                causes
                    .into_iter()
                    .fold(error, Diagnostic::cause)
                    .help("install what its build needs, or build it yourself: `pip wheel --no-deps -w wheels NAME==VERSION`")
                    .help("or take the conda package under `dependencies`, and its name out of `build-from-source`")
            }
            WheelsError::NamedUv(_) => Diagnostic::error(Code::WHEELS_NO_UV, message)
                .help("name the program itself: `export GPUENV_UV=/path/to/uv`"),
            WheelsError::Start { source, .. } => {
                Diagnostic::error(Code::WHEELS_NO_UV, message).cause(source)
            }
            WheelsError::NoPython => Diagnostic::error(Code::WHEELS_NO_UV, message)
                .help("install any Python 3, for example with the system's package manager"),
            WheelsError::Prepare(source) => failed().cause(source),
            WheelsError::Platform { .. } => Diagnostic::error(Code::WHEELS_UNSOLVABLE, message)
                .help("put `pypi-dependencies` under an `if` that leaves out the platform"),
            WheelsError::LinksMissing { path, .. } => {
                Diagnostic::error(Code::WHEELS_NO_FOLDER, message)
                    .cause(format!("there is no directory `{}`", path.display()))
                    .help("`find-links` is relative to the recipe's file: make the folder, or correct `pypi-options`")
            }
            WheelsError::LinksNowhere { .. } => Diagnostic::error(Code::WHEELS_NO_FOLDER, message)
                .help("save the recipe first: `gpuenv recipe show NAME > gpuenv.yaml`"),
            WheelsError::Index { trouble, told } => said(trouble.diagnostic(), told),
            WheelsError::Unsolvable { told, .. } => {
                let sources = told.iter().any(|line| {
                    line.contains("no usable wheels") || line.contains("building from source")
                });
                let error = Diagnostic::error(Code::WHEELS_UNSOLVABLE, message);
                let error = said(error, told);
                match sources {
                    true => error
                        .help("gpuenv installs wheels only: take the conda package under `dependencies` instead")
                        .help("or let its own build run when the lock is made: `pypi-options: { build-from-source: [NAME] }`")
                        .help("or build the wheel yourself: `pip wheel --no-deps -w wheels NAME==VERSION`, and add `pypi-options: { find-links: [./wheels] }`"),
                    false => error.help(
                        "loosen a bound in `pypi-dependencies`, or the `python` in `dependencies`",
                    ),
                }
            }
            WheelsError::Failed { told, .. } => said(failed(), told)
                .help("look at the index settings of uv: `UV_DEFAULT_INDEX`, or its `uv.toml`"),
            WheelsError::TimedOut { .. } => failed(),
            WheelsError::Unreadable { error, .. } => failed()
                .cause(error)
                .help("update uv, or name another one with `GPUENV_UV`"),
        }
    }
}

fn how_to_get_it(diagnostic: Diagnostic) -> Diagnostic {
    diagnostic
        .help("install it: `pip install --user uv`, or `conda install -c conda-forge uv`")
        .help("or name it: `export GPUENV_UV=/path/to/uv`")
}

fn said(diagnostic: Diagnostic, told: Vec<String>) -> Diagnostic {
    // What uv says to be an error or a cause is a cause of ours.
    let plain = told.into_iter().map(|line| {
        let rest = ["error: ", "cause: "]
            .iter()
            .find_map(|start| line.strip_prefix(start));
        rest.map_or_else(|| line.clone(), str::to_string)
    });
    plain.fold(diagnostic, Diagnostic::cause)
}
