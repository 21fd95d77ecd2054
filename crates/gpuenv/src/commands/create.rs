//! `gpuenv create`: from a recipe or a lock to a verified environment.

use std::path::PathBuf;

use super::unfinished;
use crate::{Failure, Outcome, Session};

/// Create an environment from a recipe or a lock, activate and verify it
///
/// Uses the lock beside the recipe when there is one. An environment that is
/// already right is left alone. Nothing half-made is ever visible at the prefix.
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = "Examples:\n  \
    gpuenv create hello-gpu              needs no network, proves driver and kernel in a second\n  \
    gpuenv create tf-gpu -n work         into an environment called `work`\n  \
    gpuenv create gpuenv.lock -p ./env   exactly what the lock names, into a directory\n  \
    gpuenv create tf-gpu --locked        refuse to solve: the lock must be there and fit")]
pub struct Args {
    /// A recipe's name, a recipe file or a lock file [default: the recipe in this directory]
    #[arg(value_name = "RECIPE|LOCK")]
    pub source: Option<String>,
    /// The environment's name [default: the recipe's name]
    #[arg(short, long, conflicts_with = "prefix")]
    pub name: Option<String>,
    /// Put the environment into this directory instead
    #[arg(short, long, value_name = "PREFIX")]
    pub prefix: Option<PathBuf>,
    /// Refuse to solve: the lock must exist and satisfy the recipe
    #[arg(long)]
    pub locked: bool,
    /// Leave out the probe
    #[arg(long, conflicts_with = "require_gpu")]
    pub no_probe: bool,
    /// Fail where no GPU computes
    #[arg(long)]
    pub require_gpu: bool,
    /// Replace what is at the prefix, even if gpuenv did not make it
    #[arg(long)]
    pub force: bool,
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

/// Creates the environment.
///
/// # Errors
/// Returns what keeps it from being there.
pub fn run(_args: Args, _session: &Session) -> Result<Outcome, Failure> {
    Err(unfinished("create"))
}
