//! `gpuenv run`: runs a command inside an environment.

use std::ffi::OsString;

use super::unfinished;
use crate::{Failure, Outcome, Session};

/// Run a command inside an environment
///
/// The command's exit code becomes gpuenv's own; 125, 126 and 127 say that it
/// could not be started, as env(1) does.
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = "Examples:\n  \
    gpuenv run tf-gpu -- python train.py --epochs 3\n  \
    gpuenv run ./env -- nvidia-smi")]
pub struct Args {
    /// The environment's name or prefix
    #[arg(value_name = "ENV")]
    pub environment: String,
    /// The command and its arguments
    #[arg(
        value_name = "CMD",
        required = true,
        trailing_var_arg = true,
        allow_hyphen_values = true
    )]
    pub command: Vec<OsString>,
}

impl Args {
    /// Returns false: stdout belongs to the command.
    pub fn json(&self) -> bool {
        false
    }
}

/// Runs the command.
///
/// # Errors
/// Returns what keeps it from being started.
pub fn run(_args: Args, _session: &Session) -> Result<Outcome, Failure> {
    Err(unfinished("run"))
}
