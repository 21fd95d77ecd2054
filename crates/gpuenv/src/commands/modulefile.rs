//! `gpuenv modulefile`: prints a modulefile.

use clap::ValueEnum;
use gpuenv_core::{Diagnostic, activation};

use crate::{Failure, Outcome, Session, activating, environments::Environments};

/// The language of a modulefile.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// Lua, for Lmod
    Lmod,
    /// Tcl, for Environment Modules; Lmod reads it too
    Tcl,
}

/// Print a modulefile that activates an environment
///
/// Scripts of packages are not run: a modulefile knows no shell code.
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = "Example:\n  \
    gpuenv modulefile tf-gpu --format lmod >~/modulefiles/tf-gpu.lua\n  \
    module use ~/modulefiles && module load tf-gpu")]
pub struct Args {
    /// The environment's name or prefix
    #[arg(value_name = "ENV")]
    pub environment: String,
    /// The language
    #[arg(long, default_value = "lmod")]
    pub format: Format,
}

impl Args {
    /// Returns false: stdout is the modulefile.
    pub fn json(&self) -> bool {
        false
    }
}

/// Prints the modulefile.
///
/// # Errors
/// Returns what keeps it from being known.
pub fn run(args: Args, session: &Session) -> Result<Outcome, Failure> {
    let prefix = Environments::below(&session.home()?).find(&args.environment)?;
    let activation = activating::of(&prefix)?;
    let text = match args.format {
        Format::Lmod => activation::modulefile_lua(&activation),
        Format::Tcl => activation::modulefile_tcl(&activation),
    };
    let outcome = Outcome::done().text(text.map_err(Diagnostic::from)?);
    let gaps = activation::modulefile_gaps(&activation).into_iter();
    Ok(gaps.fold(outcome, Outcome::diagnostic))
}
