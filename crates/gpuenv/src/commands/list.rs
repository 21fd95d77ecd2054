//! `gpuenv list`: the environments that exist.

use super::unfinished;
use crate::{Failure, Outcome, Session};

/// List the environments
#[derive(Debug, Clone, clap::Args)]
pub struct Args {
    /// Print one JSON document
    #[arg(long)]
    pub json: bool,
}

impl Args {
    /// Returns whether one JSON document is wanted on stdout.
    pub fn json(&self) -> bool {
        self.json
    }
}

/// Lists the environments.
///
/// # Errors
/// Returns what keeps the list from being known.
pub fn run(_args: Args, _session: &Session) -> Result<Outcome, Failure> {
    Err(unfinished("list"))
}
