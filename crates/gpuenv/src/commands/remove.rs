//! `gpuenv remove`: deletes an environment.

use super::unfinished;
use crate::{Failure, Outcome, Session};

/// Delete an environment
#[derive(Debug, Clone, clap::Args)]
pub struct Args {
    /// The environment's name or prefix
    #[arg(value_name = "ENV")]
    pub environment: String,
    /// Do not ask
    #[arg(short, long)]
    pub yes: bool,
}

impl Args {
    /// Returns false: nothing to tell.
    pub fn json(&self) -> bool {
        false
    }
}

/// Deletes the environment.
///
/// # Errors
/// Returns what keeps it from being deleted.
pub fn run(_args: Args, _session: &Session) -> Result<Outcome, Failure> {
    Err(unfinished("remove"))
}
