//! `gpuenv __probe`: the child side of the probe, started by gpuenv itself.

use super::unfinished;
use crate::{Failure, Outcome, Session};

/// Ask the driver; started by `gpuenv probe`
#[derive(Debug, Clone, clap::Args)]
pub struct Args {}

impl Args {
    /// Returns false: the worker writes its own document.
    pub fn json(&self) -> bool {
        false
    }
}

/// Asks the driver.
///
/// # Errors
/// Returns what keeps it from asking.
pub fn run(_args: Args, _session: &Session) -> Result<Outcome, Failure> {
    Err(unfinished("__probe"))
}
