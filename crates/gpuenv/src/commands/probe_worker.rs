//! `gpuenv __probe`: the child side of the probe, started by gpuenv itself.

use gpuenv_core::{Code, Diagnostic};

use crate::{Failure, Outcome, Session, commands::probe::LevelName};

/// Ask the driver; started by `gpuenv probe`
#[derive(Debug, Clone, clap::Args)]
pub struct Args {
    /// What to ask
    #[arg(long, default_value = "driver")]
    pub level: LevelName,
    /// The one device to ask
    #[arg(long)]
    pub device: Option<u32>,
    /// Time transfers and kernel at several sizes
    #[arg(long)]
    pub bench: bool,
}

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
pub fn run(args: Args, _session: &Session) -> Result<Outcome, Failure> {
    let order = gpuenv_cuda::Order {
        seed: None,
        device: args.device,
        bench: args.bench,
    };
    gpuenv_cuda::worker(order, std::io::stdout()).map_err(|error| {
        Diagnostic::error(Code::PROBE_NOT_RUN, "the probe cannot write what it sees").cause(error)
    })?;
    Ok(Outcome::done())
}
