//! `gpuenv __probe`: the child side of the probe, started by gpuenv itself.

use std::path::PathBuf;

use gpuenv_core::{Code, Diagnostic};

use crate::{Failure, Outcome, Session, commands::probe::LevelName};

/// Ask the driver or the libraries; started by `gpuenv probe`
#[derive(Debug, Clone, clap::Args)]
pub struct Args {
    /// What to ask
    #[arg(long, default_value = "driver")]
    pub level: LevelName,
    /// The environment whose libraries to load
    #[arg(long, required_if_eq("level", "library"))]
    pub prefix: Option<PathBuf>,
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

/// Asks the driver or the libraries.
///
/// # Errors
/// Returns that nobody listens.
pub fn run(args: Args, _session: &Session) -> Result<Outcome, Failure> {
    let out = std::io::stdout();
    let order = gpuenv_cuda::Order {
        seed: None,
        device: args.device,
        bench: args.bench,
    };
    let told = match args.prefix {
        Some(prefix) if args.level == LevelName::Library => {
            gpuenv_cuda::library_worker(&prefix, args.device.unwrap_or(0), out)
        }
        _ => gpuenv_cuda::worker(order, out),
    };
    told.map_err(|error| {
        Diagnostic::error(Code::PROBE_NOT_RUN, "the probe cannot write what it sees").cause(error)
    })?;
    Ok(Outcome::done())
}
