//! `gpuenv probe`: does the GPU compute?

use std::time::Duration;

use gpuenv_core::{plan::Gpu, probe::Level};
use jiff::Timestamp;

use crate::{
    Failure, Outcome, Session, activating,
    environments::Environments,
    probing::{self, Question},
};

/// Run a kernel on every GPU and check what it computed
///
/// Goes as far as the environment's recipe says: the driver, the CUDA libraries,
/// the frameworks. Without an environment, only the driver is asked, unless
/// `--level` says otherwise. Each level runs in a child process, so that a
/// driver that hangs or crashes takes nothing with it.
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = "With `--exit-class`, a bad verdict ends with:\n  \
    21 no GPU\n  22 the driver or the GPU does not work\n  23 the driver is too old\n  \
    24 something was not built for this GPU\n  25 a CUDA library does not work\n  \
    26 a framework does not work\n  27 a framework computes on the CPU although there is a GPU\n  \
    28 something from outside of the environment was loaded\n  29 the probe could not be run")]
pub struct Args {
    /// The environment's name or prefix
    #[arg(value_name = "ENV")]
    pub environment: Option<String>,
    /// How far to go [default: as far as the recipe's `probe` says]
    #[arg(long, value_name = "LEVEL")]
    pub level: Option<LevelName>,
    /// Probe one GPU, counted from 0 [default: all, and frameworks on the first]
    #[arg(long, value_name = "INDEX")]
    pub device: Option<u32>,
    /// Time transfers and kernel at several sizes
    #[arg(long)]
    pub bench: bool,
    /// Fail where no GPU computes
    #[arg(long)]
    pub require_gpu: bool,
    /// Tell by the exit code what stands in the way: 21 to 29 instead of 1
    #[arg(long)]
    pub exit_class: bool,
    /// Give a level up after so many seconds [default: 60, a framework 300]
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    pub deadline: Option<Duration>,
    /// Print one JSON document
    #[arg(long)]
    pub json: bool,
}

/// A level of the probe, as the user types it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum LevelName {
    /// The driver and its compiler
    Driver,
    /// The CUDA libraries of the environment, too
    Library,
    /// The frameworks of the environment, too
    Framework,
}

impl From<LevelName> for Level {
    fn from(name: LevelName) -> Self {
        match name {
            LevelName::Driver => Self::Driver,
            LevelName::Library => Self::Library,
            LevelName::Framework => Self::Framework,
        }
    }
}

impl Args {
    /// Returns whether one JSON document is wanted on stdout.
    pub fn json(&self) -> bool {
        self.json
    }
}

/// Probes.
///
/// # Errors
/// Returns what keeps the probe from an answer.
pub fn run(args: Args, session: &Session) -> Result<Outcome, Failure> {
    let prefix = match &args.environment {
        Some(name) => Some(Environments::below(&session.home()?).find(name)?),
        None => None,
    };
    let kept = match &prefix {
        Some(prefix) => activating::kept(prefix)?,
        None => None,
    };
    let question = Question {
        prefix: prefix.as_deref(),
        // Who asks without an environment wants to know, and a machine without
        // a GPU is an answer.
        gpu: kept.as_ref().map_or(Gpu::Optional, |kept| kept.gpu),
        steps: kept.as_ref().map_or(&[], |kept| &kept.settings.probe),
        level: args.level.map(Level::from),
        device: args.device,
        bench: args.bench,
        require_gpu: args.require_gpu,
        only_beside_gpu: false,
        deadline: args.deadline,
    };
    let probed = probing::probe(&question, &*session.reporter())?;
    if let Some(prefix) = &prefix {
        probing::remember(prefix, &probed, Timestamp::now());
    }
    let class = probed.verdict.class.filter(|_| args.exit_class);
    let outcome = match (probed.verdict.ok, class) {
        (true, _) => Outcome::done(),
        (false, Some(class)) => Outcome::exit(class.exit_code()),
        (false, None) => Outcome::no(),
    };
    let outcome = outcome.text(probed.text()).facts(&probed);
    let diagnostics = probed.verdict.diagnostic.clone().into_iter();
    Ok(diagnostics.fold(outcome, Outcome::diagnostic))
}

/// Reads a deadline: more than nothing, at most a day.
fn seconds(text: &str) -> Result<Duration, String> {
    text.parse::<f64>()
        .ok()
        .filter(|seconds| *seconds >= 0.001 && *seconds <= 86_400.0)
        .map(Duration::from_secs_f64)
        .ok_or_else(|| "not a number of seconds between 0.001 and 86400".to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_deadline_is_a_sane_number_of_seconds() {
        assert_eq!(seconds("0.5"), Ok(Duration::from_millis(500)));
        for bad in ["", "0", "-1", "nan", "inf", "1e300", "soon", "86401"] {
            assert!(seconds(bad).is_err(), "{bad}");
        }
    }
}
