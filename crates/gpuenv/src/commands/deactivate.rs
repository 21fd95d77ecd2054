//! `gpuenv deactivate`: what the program itself says to that.

use crate::{Failure, Outcome, Session};

/// Undo the last activation in this shell, once `gpuenv init SHELL` has been run
#[derive(Debug, Clone, clap::Args)]
pub struct Args {}

impl Args {
    /// Returns false: there is nothing to tell.
    pub fn json(&self) -> bool {
        false
    }
}

/// Says what is missing: no program can change the shell that has started it.
///
/// # Errors
/// Always.
pub fn run(_args: Args, _session: &Session) -> Result<Outcome, Failure> {
    Err(Failure::usage("this shell does not know `gpuenv deactivate` yet")
        .help("after `shell-hook`: `gpuenv_deactivate`")
        .help("in a shell that has inherited the activation: `eval \"$(gpuenv shell-hook ENV --deactivate)\"`"))
}
