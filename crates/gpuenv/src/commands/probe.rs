//! `gpuenv probe`: does the GPU compute?

use std::time::Duration;

use gpuenv_core::plan::Gpu;
use jiff::Timestamp;

use crate::{
    Failure, Outcome, Session, activating,
    environments::Environments,
    probing::{self, Question},
};

/// Run a kernel on every GPU and check what it computed
///
/// Without an environment, only the driver is asked. The probe runs in a child
/// process, so that a driver that hangs or crashes takes nothing with it.
#[derive(Debug, Clone, clap::Args)]
pub struct Args {
    /// The environment's name or prefix
    #[arg(value_name = "ENV")]
    pub environment: Option<String>,
    /// Fail where no GPU computes
    #[arg(long)]
    pub require_gpu: bool,
    /// Give up after so many seconds
    #[arg(long, value_name = "SECONDS", default_value = "60", value_parser = seconds)]
    pub deadline: Duration,
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
        require_gpu: args.require_gpu,
        deadline: args.deadline,
    };
    let probed = probing::probe(&question, &*session.reporter())?;
    if let Some(prefix) = &prefix {
        probing::remember(prefix, &probed, Timestamp::now());
    }
    let outcome = match probed.verdict.ok {
        true => Outcome::done(),
        false => Outcome::no(),
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
