//! What activating an environment does: variable edits as a value, and the text
//! or the map that carries them out.
//!
//! Nothing here looks at a prefix: what was found in it arrives as
//! [`PrefixFacts`]. Nothing here knows which package brought what.
//!
//! The edits are in two layers. The *usual* ones are what every conda-like tool
//! does itself (`PATH`, `CONDA_PREFIX`, the packages' own variables). The *own*
//! ones are what only gpuenv does (the recipe's variables, the library path), so
//! only they go into scripts that `conda activate` finds in the prefix. Between
//! the two come the packages' scripts, as in conda.

mod batch;
mod cmd;
mod conflict;
mod cuda;
mod data;
mod environment;
mod fish;
mod list;
mod modulefile;
mod nushell;
mod posix;
mod powershell;
mod shell;
mod startup;
mod tcsh;
mod toggles;
mod variable;
mod xonsh;

use std::collections::BTreeMap;

use rattler_conda_types::Subdir;
use rattler_digest::{Sha256, compute_bytes_digest};

use crate::{
    Code, Diagnostic,
    plan::{ActivationSettings, LibraryPath},
    xla::{self, XlaFile},
};

pub use batch::{BATCH_VARIABLES, batch_script, listable, listed_variables};
pub use conflict::{Conflict, cleaned, conflicts};
pub use cuda::cuda_libraries;
pub use environment::{deactivated, environment, own_again};
pub use modulefile::{modulefile_gaps, modulefile_lua, modulefile_tcl};
pub use shell::{
    ScriptFile, Shell, UnknownShell, run_script, script_files, shell_hook, shell_hook_deactivate,
};
pub use startup::{direnv, prompt_mark, sh_startup, source_command, startup, tcsh_startup};
pub use toggles::{DLL_HOOK, DLL_HOOK_FILE};
pub use variable::check_variable;

/// Where the links to an environment's CUDA libraries live, below the prefix.
pub const CUDA_DIRECTORY: &str = "lib/gpuenv-cuda";

/// Where WSL keeps the driver's libraries.
pub const WSL_LIBRARIES: &str = "/usr/lib/wsl/lib";

/// Where XLA finds libdevice and `ptxas` by links, below the prefix.
pub const XLA_DIRECTORY: &str = "lib/gpuenv-xla";

/// Where packages and gpuenv leave scripts for activation, below the prefix.
pub const ACTIVATE_DIRECTORY: &str = "etc/conda/activate.d";

/// Where packages and gpuenv leave scripts for deactivation, below the prefix.
pub const DEACTIVATE_DIRECTORY: &str = "etc/conda/deactivate.d";

/// The name of gpuenv's own scripts, without their extension.
///
/// Tools run `activate.d` in the order of the names, and packages that must come
/// last begin with a tilde: two tildes come after those, so a recipe wins.
pub const SCRIPT_STEM: &str = "~~gpuenv";

/// The loader's search path on Linux.
const LIBRARY_PATH: &str = "LD_LIBRARY_PATH";

/// What activating one environment does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Activation {
    /// The environment's directory, absolute.
    pub prefix: String,
    /// The platform of the environment.
    pub platform: Subdir,
    /// Ten hexadecimal digits that tell this prefix from others.
    ///
    /// They are part of the names of the variables that remember earlier values.
    pub tag: String,
    /// What conda does too, in order, at most one edit for a variable.
    pub usual: Vec<Edit>,
    /// The packages' scripts, run between the two layers.
    pub scripts: PackageScripts,
    /// What only gpuenv does, in order, at most one edit for a variable.
    pub own: Vec<Edit>,
}

/// One change of one environment variable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Edit {
    /// The variable gets exactly this value.
    Set {
        /// The variable.
        name: String,
        /// The value, byte for byte.
        value: String,
    },
    /// The directories go to the front of a list of directories.
    PrependPath {
        /// The variable.
        name: String,
        /// The directories, first one first; never empty.
        dirs: Vec<String>,
        /// What stands between two of them: blanks where the list is one of flags.
        separator: char,
    },
}

/// The scripts that packages brought, for all shells, absolute, in running order.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PackageScripts {
    activate: Vec<String>,
    deactivate: Vec<String>,
}

/// What was found in a prefix, as far as activation depends on it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PrefixFacts {
    /// The platform of the environment.
    pub platform: Subdir,
    /// The names in [`CUDA_DIRECTORY`].
    pub cuda_libraries: Vec<String>,
    /// Whether this is WSL and the loader must be told where the driver is.
    ///
    /// It is a fact of the machine on which the environment is activated, so it is
    /// no part of the scripts that stay in the prefix.
    pub needs_wsl_driver: bool,
    /// What of CUDA's compiler is in [`XLA_DIRECTORY`].
    pub xla: XlaFiles,
    /// The names of all files in [`ACTIVATE_DIRECTORY`], in any order.
    pub activate_scripts: Vec<String>,
    /// The names of all files in [`DEACTIVATE_DIRECTORY`], in any order.
    pub deactivate_scripts: Vec<String>,
    /// The variables of `etc/conda/env_vars.d/*.json` and `conda-meta/state`.
    pub variables: BTreeMap<String, String>,
}

/// What XLA needs of CUDA's compiler, as far as it was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct XlaFiles {
    /// `nvvm/libdevice/libdevice.10.bc`.
    pub libdevice: bool,
    /// `bin/ptxas`.
    pub ptxas: bool,
}

impl XlaFiles {
    /// Returns a warning about what is missing, for a recipe that wants it used.
    pub fn missing(self) -> Option<Diagnostic> {
        let there = |file: &XlaFile| match file {
            XlaFile::Libdevice => self.libdevice,
            XlaFile::Ptxas => self.ptxas,
        };
        let missing = XlaFile::ALL.into_iter().filter(|file| !there(file));
        let missing: Vec<String> = missing.map(|file| format!("`{}`", file.name())).collect();
        let message = format!(
            "the recipe says `xla: true`, and the environment holds no {}",
            missing.join(" and no ")
        );
        let warning = Diagnostic::warning(Code::XLA_FILES_MISSING, message)
            .cause("JAX and TensorFlow need it to compile for a GPU while a program runs")
            .help(xla::ADD);
        Some(warning).filter(|_| !missing.is_empty())
    }
}

impl PrefixFacts {
    /// Returns the facts of a prefix that holds nothing of interest.
    pub fn empty(platform: Subdir) -> Self {
        Self {
            platform,
            cuda_libraries: Vec::new(),
            needs_wsl_driver: false,
            xla: XlaFiles::default(),
            activate_scripts: Vec::new(),
            deactivate_scripts: Vec::new(),
            variables: BTreeMap::new(),
        }
    }
}

/// Returns what activating the environment at `prefix` does.
///
/// A variable of the recipe that cannot be set is an error; one of a package is
/// left out, as conda does with `PATH`, so that an odd package harms nobody.
pub fn activation(
    prefix: &str,
    settings: &ActivationSettings,
    facts: &PrefixFacts,
) -> Result<Activation, ActivationError> {
    let platform = facts.platform;
    check_prefix(prefix, platform)?;
    let mut own = toggles::variables(settings);
    for (name, value) in &settings.env {
        check_variable(name, value)?;
        own.push(Edit::set(name, value));
    }
    own.extend(library_path(prefix, settings.library_path, facts));
    if settings.xla {
        own.extend(toggles::xla(prefix, facts));
    }
    Ok(Activation {
        prefix: prefix.to_string(),
        platform,
        tag: hex::encode(&compute_bytes_digest::<Sha256>(prefix)[..5]),
        usual: usual_edits(prefix, facts),
        scripts: PackageScripts::of(prefix, facts),
        own,
    })
}

fn usual_edits(prefix: &str, facts: &PrefixFacts) -> Vec<Edit> {
    let mut edits = vec![
        Edit::set("CONDA_PREFIX", prefix),
        Edit::set("CONDA_DEFAULT_ENV", default_environment(prefix)),
        Edit::PrependPath {
            name: "PATH".to_string(),
            dirs: program_directories(prefix, facts.platform),
            separator: list_separator(facts.platform),
        },
    ];
    let settable = facts
        .variables
        .iter()
        .filter(|(name, value)| check_variable(name, value).is_ok());
    edits.extend(settable.map(|(name, value)| Edit::set(name, value)));
    edits
}

/// Returns what conda calls the environment: its name below `envs`, else its path.
fn default_environment(prefix: &str) -> &str {
    let mut parts = prefix.rsplit(['/', '\\']);
    match (parts.next(), parts.next()) {
        (Some(name), Some("envs")) => name,
        _ => prefix,
    }
}

fn program_directories(prefix: &str, platform: Subdir) -> Vec<String> {
    if !platform.is_windows() {
        return vec![format!("{prefix}/bin")];
    }
    let below = [
        r"Library\mingw-w64\bin",
        r"Library\usr\bin",
        r"Library\bin",
        "Scripts",
        "bin",
    ];
    let below = below.iter().map(|name| format!(r"{prefix}\{name}"));
    std::iter::once(prefix.to_string()).chain(below).collect()
}

/// Returns the edit of the loader's path. Windows looks for libraries on `PATH`.
fn library_path(prefix: &str, wanted: LibraryPath, facts: &PrefixFacts) -> Option<Edit> {
    let directory = match wanted {
        LibraryPath::Cuda if facts.cuda_libraries.is_empty() => None,
        LibraryPath::Cuda => Some(CUDA_DIRECTORY),
        LibraryPath::Prefix => Some("lib"),
        LibraryPath::None => return None,
    };
    let own = directory.map(|directory| format!("{prefix}/{directory}"));
    let driver = facts.needs_wsl_driver.then(|| WSL_LIBRARIES.to_string());
    let dirs: Vec<String> = own.into_iter().chain(driver).collect();
    (facts.platform.is_linux() && !dirs.is_empty()).then(|| Edit::PrependPath {
        name: LIBRARY_PATH.to_string(),
        dirs,
        separator: list_separator(facts.platform),
    })
}

impl Activation {
    /// Refuses a way of activation that only Unix has.
    fn require_unix(&self, command: &'static str) -> Result<(), ActivationError> {
        let platform = self.platform;
        match platform.is_windows() {
            true => Err(ActivationError::OnWindows { command, platform }),
            false => Ok(()),
        }
    }

    /// Returns what separates directories in a list on this platform.
    fn separator(&self) -> char {
        list_separator(self.platform)
    }
}

impl Edit {
    fn set(name: impl Into<String>, value: impl Into<String>) -> Self {
        Self::Set {
            name: name.into(),
            value: value.into(),
        }
    }

    /// Returns the variable.
    pub fn name(&self) -> &str {
        match self {
            Self::Set { name, .. } | Self::PrependPath { name, .. } => name,
        }
    }
}

impl PackageScripts {
    fn of(prefix: &str, facts: &PrefixFacts) -> Self {
        let below = |directory: &str, names: &[String]| {
            let mut names: Vec<&String> = names
                .iter()
                .filter(|name| !name.starts_with(SCRIPT_STEM) && !name.contains('\0'))
                .collect();
            names.sort();
            let absolute = |name| format!("{prefix}/{directory}/{name}");
            names.into_iter().map(absolute).collect::<Vec<_>>()
        };
        let activate = below(ACTIVATE_DIRECTORY, &facts.activate_scripts);
        let mut deactivate = below(DEACTIVATE_DIRECTORY, &facts.deactivate_scripts);
        deactivate.reverse();
        Self {
            activate,
            deactivate,
        }
    }

    /// Returns the scripts that an activation sources in shells that read `extension`.
    pub fn activate(&self, extension: &str) -> impl Iterator<Item = &str> {
        let paths = self.activate.iter().map(String::as_str);
        paths.filter(move |path| path.ends_with(extension))
    }

    /// Returns the scripts that a deactivation sources in shells that read `extension`.
    pub fn deactivate(&self, extension: &str) -> impl Iterator<Item = &str> {
        let paths = self.deactivate.iter().map(String::as_str);
        paths.filter(move |path| path.ends_with(extension))
    }
}

/// Returns the text of a script file without its comments, those of Lua too.
fn code_of(script: &str) -> String {
    let is_comment = |line: &str| line.starts_with('#') || line.starts_with("--");
    let code = script.lines().filter(|line| !is_comment(line));
    code.flat_map(|line| [line, "\n"]).collect()
}

fn list_separator(platform: Subdir) -> char {
    if platform.is_windows() { ';' } else { ':' }
}

/// Refuses a prefix that no list of directories can hold.
fn check_prefix(prefix: &str, platform: Subdir) -> Result<(), ActivationError> {
    let refuse = |why| {
        Err(ActivationError::Prefix {
            prefix: prefix.to_string(),
            why,
        })
    };
    if !platform.is_windows() && !prefix.starts_with('/') {
        return refuse("it is not absolute");
    }
    if prefix.contains('\0') {
        return refuse("it holds a NUL character");
    }
    match list_separator(platform) {
        ':' if prefix.contains(':') => refuse("`PATH` cannot name a directory with a `:`"),
        ';' if prefix.contains(';') => refuse("`PATH` cannot name a directory with a `;`"),
        _ => Ok(()),
    }
}

/// Why an environment cannot be activated.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ActivationError {
    /// No shell takes that name.
    #[error("`{name}` cannot name an environment variable")]
    Name {
        /// The name.
        name: String,
    },
    /// The variable belongs to the shell, to conda or to gpuenv.
    #[error("`{name}` cannot be set by a recipe: {why}")]
    Reserved {
        /// The name.
        name: String,
        /// Whose it is.
        why: &'static str,
    },
    /// No environment can hold the value.
    #[error("the value of `{name}` holds a NUL character")]
    Value {
        /// The variable.
        name: String,
    },
    /// The prefix cannot be put on a list of directories.
    #[error("the environment at `{prefix}` cannot be activated: {why}")]
    Prefix {
        /// The prefix.
        prefix: String,
        /// What is wrong with it.
        why: &'static str,
    },
    /// What activates by that way needs a shell or a module system of Unix.
    #[error("`gpuenv {command}` writes text for Linux, and the environment is for {platform}")]
    OnWindows {
        /// The command.
        command: &'static str,
        /// The platform of the environment.
        platform: Subdir,
    },
}

impl From<ActivationError> for Diagnostic {
    fn from(error: ActivationError) -> Self {
        let message = error.to_string();
        match error {
            ActivationError::Name { .. } => Self::error(Code::ACTIVATION_BAD_VARIABLE, message)
                .help(
                    "use letters, digits and `_`, and begin with a letter or `_`, \
                     under `activation.env`",
                ),
            ActivationError::Reserved { name, .. } if name == LIBRARY_PATH => {
                Self::error(Code::ACTIVATION_BAD_VARIABLE, message)
                    .help("write `library-path: cuda` or `library-path: prefix` under `activation`")
            }
            ActivationError::Reserved { name, .. } => {
                Self::error(Code::ACTIVATION_BAD_VARIABLE, message)
                    .help(format!("remove `{name}` from `activation.env`"))
            }
            ActivationError::OnWindows { .. } => {
                Self::error(Code::ACTIVATION_NOT_ON_WINDOWS, message)
                    .help("run a program in it: `gpuenv run ENV -- CMD`")
                    .help("or start a shell in it: `gpuenv shell ENV`")
            }
            ActivationError::Value { name } => Self::error(Code::ACTIVATION_BAD_VALUE, message)
                .help(format!("remove `\\0` from `activation.env.{name}`")),
            ActivationError::Prefix { .. } => Self::error(Code::ACTIVATION_BAD_VALUE, message)
                .help("choose another place: `gpuenv create -p PREFIX`"),
        }
    }
}

#[cfg(test)]
mod tests;
