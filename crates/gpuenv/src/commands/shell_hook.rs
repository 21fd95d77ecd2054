//! `gpuenv shell-hook`: prints the text that activates an environment.

use super::unfinished;
use crate::{Failure, Outcome, Session};

/// Print the shell code that activates an environment
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = "Examples:\n  \
    eval \"$(gpuenv shell-hook tf-gpu)\"\n  \
    eval \"$(gpuenv shell-hook tf-gpu --deactivate)\"")]
pub struct Args {
    /// The environment's name or prefix
    #[arg(value_name = "ENV")]
    pub environment: String,
    /// The shell to write for [default: the one that `$SHELL` names]
    #[arg(long)]
    pub shell: Option<String>,
    /// Print the code that undoes the activation
    #[arg(long)]
    pub deactivate: bool,
}

impl Args {
    /// Returns false: stdout is shell code.
    pub fn json(&self) -> bool {
        false
    }
}

/// Prints the shell code.
///
/// # Errors
/// Returns what keeps it from being known.
pub fn run(_args: Args, _session: &Session) -> Result<Outcome, Failure> {
    Err(unfinished("shell-hook"))
}
