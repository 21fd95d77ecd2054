//! Runs the probe in a child process and judges what it saw.

use std::{
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use gpuenv_core::{
    Code, Diagnostic, Event, Reporter,
    plan::{Gpu, ProbeStep},
    probe::{Observation, Verdict, judge},
};
use jiff::Timestamp;
use serde::Serialize;

use crate::activating;

/// The name of the hidden command that is the child.
const WORKER: &str = "__probe";

/// What the probe saw, and what follows from it.
#[derive(Debug, Serialize)]
pub struct Probed {
    /// What follows.
    pub verdict: Verdict,
    /// What was seen.
    pub observation: Observation,
    /// What was asked for and not done, and why.
    pub skipped: Vec<Skipped>,
}

/// A step of the probe that was not done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Skipped {
    /// The step.
    pub step: ProbeStep,
    /// Why not.
    pub why: &'static str,
}

/// What is to be probed.
#[derive(Debug, Clone, Copy)]
pub struct Question<'a> {
    /// The environment in which the child runs; `None` for that of this process.
    pub prefix: Option<&'a Path>,
    /// What the recipe says of a GPU.
    pub gpu: Gpu,
    /// What the recipe wants to be probed.
    pub steps: &'a [ProbeStep],
    /// A machine where no GPU computes is a failure, whatever the recipe says.
    pub require_gpu: bool,
    /// When the child is given up.
    pub deadline: Duration,
}

/// Probes.
///
/// # Errors
/// GE404 and its kin if the environment cannot be activated. Whatever becomes of
/// the child is an observation, not an error.
pub fn probe(question: &Question<'_>, reporter: &dyn Reporter) -> Result<Probed, Diagnostic> {
    let mut command = Command::new(own_program()?);
    command.arg(WORKER);
    if let Some(prefix) = question.prefix {
        let activation = activating::of(prefix)?;
        command.env_clear();
        command.envs(activating::environment(&activation));
    }
    reporter.report(Event::ProbeStarted);
    let observation = gpuenv_cuda::run_in_child(command, question.deadline);
    reporter.report(Event::ProbeFinished);
    Ok(Probed {
        verdict: judge(question.gpu, question.require_gpu, &observation),
        observation,
        skipped: skipped(question.steps),
    })
}

/// Notes the verdict in the environment's record; without permission it is not noted.
pub fn remember(prefix: &Path, probed: &Probed, now: Timestamp) {
    let verdict = serde_json::json!({
        "kind": probed.verdict.kind,
        "ok": probed.verdict.ok,
        "summary": probed.verdict.summary,
    });
    if let Err(error) = gpuenv_provision::prefix::write_verdict(prefix, verdict, now) {
        tracing::debug!("the verdict is not noted: {error}");
    }
}

fn skipped(steps: &[ProbeStep]) -> Vec<Skipped> {
    let later = steps.iter().filter(|step| **step != ProbeStep::Driver);
    let skip = |step: &ProbeStep| Skipped {
        step: *step,
        why: "this gpuenv probes the driver only",
    };
    later.map(skip).collect()
}

fn own_program() -> Result<PathBuf, Diagnostic> {
    std::env::current_exe().map_err(|error| {
        Diagnostic::error(
            Code::PROBE_NOT_RUN,
            "gpuenv's own program file is not known",
        )
        .cause(error)
    })
}

impl Probed {
    /// Returns the probe as lines of text.
    pub fn text(&self) -> String {
        let mut text = format!("probe: {}\n", self.verdict.summary);
        for fact in &self.verdict.evidence {
            text.push_str(&format!("  {fact}\n"));
        }
        for skipped in &self.skipped {
            let step = serde_json::to_value(skipped.step).unwrap_or_default();
            let step = step.as_str().unwrap_or_default();
            text.push_str(&format!("  {step}: skipped: {}\n", skipped.why));
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_probed_is_said() {
        let skipped = skipped(&[ProbeStep::Driver, ProbeStep::Pytorch]);
        assert_eq!(skipped.len(), 1);
        assert_eq!(skipped[0].step, ProbeStep::Pytorch);
    }
}
