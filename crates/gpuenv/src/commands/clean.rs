//! `gpuenv clean`: gives back the room that caches take.

use super::unfinished;
use crate::{Failure, Outcome, Session};

/// Delete what no environment needs: half-made environments and channel indexes
#[derive(Debug, Clone, clap::Args)]
pub struct Args {
    /// Say what would be deleted, delete nothing
    #[arg(long)]
    pub dry_run: bool,
    /// Delete the package cache too, which pixi and other rattler tools share
    #[arg(long)]
    pub all: bool,
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

/// Cleans.
///
/// # Errors
/// Returns what keeps it from being clean.
pub fn run(_args: Args, _session: &Session) -> Result<Outcome, Failure> {
    Err(unfinished("clean"))
}
