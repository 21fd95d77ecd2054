//! `gpuenv info`: what an environment is made of.

use super::unfinished;
use crate::{Failure, Outcome, Session};

/// Show what an environment is made of
#[derive(Debug, Clone, clap::Args)]
pub struct Args {
    /// The environment's name or prefix
    #[arg(value_name = "ENV")]
    pub environment: String,
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

/// Shows the environment.
///
/// # Errors
/// Returns what keeps it from being read.
pub fn run(_args: Args, _session: &Session) -> Result<Outcome, Failure> {
    Err(unfinished("info"))
}
