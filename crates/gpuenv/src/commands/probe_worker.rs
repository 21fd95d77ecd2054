//! `gpuenv __probe`: the child side of the probe, started by gpuenv itself.

use gpuenv_core::{Code, Diagnostic};

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
/// Returns that nobody listens.
pub fn run(_args: Args, _session: &Session) -> Result<Outcome, Failure> {
    gpuenv_cuda::worker(None, std::io::stdout()).map_err(|error| {
        Diagnostic::error(Code::PROBE_NOT_RUN, "the probe cannot write what it sees").cause(error)
    })?;
    Ok(Outcome::done())
}
