//! Runs the levels of the probe, each in a child process, and judges what they saw.

use std::{
    collections::BTreeMap,
    ffi::{OsStr, OsString},
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use gpuenv_core::{
    Code, Diagnostic, Event, Reporter,
    plan::{Gpu, ProbeStep},
    probe::{
        Expectation, FrameworkObservation, Level, Levels, LibraryObservation, Observation, Verdict,
        VerdictKind, judge, judge_levels,
    },
};
use jiff::Timestamp;
use serde::Serialize;

use crate::{Session, activating};

/// The name of the hidden command that is the child.
const WORKER: &str = "__probe";

/// What the probe saw, and what follows from it.
#[derive(Debug, Serialize)]
pub struct Probed {
    /// What follows.
    pub verdict: Verdict,
    /// What was seen of the driver.
    pub observation: Observation,
    /// What was seen of the CUDA libraries.
    pub library: Option<LibraryObservation>,
    /// What was seen of the frameworks.
    pub frameworks: Vec<FrameworkObservation>,
    /// What was asked for and not done, and why.
    pub skipped: Vec<Skipped>,
}

/// A step of the probe that was not done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Skipped {
    /// The step.
    pub step: ProbeStep,
    /// Why not.
    pub why: String,
}

/// What is to be probed.
#[derive(Debug, Clone, Copy)]
pub struct Question<'a> {
    /// The environment in which the children run; `None` for that of this process.
    pub prefix: Option<&'a Path>,
    /// What the recipe says of a GPU.
    pub gpu: Gpu,
    /// What the recipe wants to be probed.
    pub steps: &'a [ProbeStep],
    /// How far to go; `None` for as far as the recipe wants.
    pub level: Option<Level>,
    /// The one device that is to compute; `None` for all, and for frameworks the first.
    pub device: Option<u32>,
    /// Whether transfers and kernel are to be timed at several sizes.
    pub bench: bool,
    /// A machine where no GPU computes is a failure, whatever the recipe says.
    pub require_gpu: bool,
    /// Libraries and frameworks are asked only where a GPU computes.
    pub only_beside_gpu: bool,
    /// When a child is given up; `None` for what its level deserves.
    pub deadline: Option<Duration>,
}

impl<'a> Question<'a> {
    /// Returns the usual question about an environment: as far as its recipe wants.
    pub fn of(prefix: &'a Path, gpu: Gpu, steps: &'a [ProbeStep]) -> Self {
        Self {
            prefix: Some(prefix),
            gpu,
            steps,
            level: None,
            device: None,
            bench: false,
            require_gpu: false,
            only_beside_gpu: false,
            deadline: None,
        }
    }
}

impl<'a> Question<'a> {
    /// Asks the driver and nothing else; no GPU is an answer too.
    pub fn of_driver(prefix: Option<&'a Path>) -> Self {
        Self {
            prefix,
            gpu: Gpu::Optional,
            steps: &[],
            level: Some(Level::Driver),
            device: None,
            bench: false,
            require_gpu: false,
            only_beside_gpu: false,
            deadline: None,
        }
    }
}

/// Probes: each level in a child of its own, and none above one that fails.
///
/// # Errors
/// GE404 and its kin if the environment cannot be activated. Whatever becomes of
/// a child is an observation, not an error.
pub fn probe(question: &Question<'_>, reporter: &dyn Reporter) -> Result<Probed, Diagnostic> {
    let surroundings = surroundings(question.prefix)?;
    let prefix = question
        .prefix
        .and_then(|prefix| prefix.canonicalize().ok());
    let prefix = prefix.as_ref().and_then(|prefix| prefix.to_str());
    let expectation = Expectation {
        gpu: question.gpu,
        require_gpu: question.require_gpu,
        prefix,
    };
    reporter.report(Event::ProbeStarted);
    let observation = driver(question, &surroundings)?;
    let first = judge(question.gpu, question.require_gpu, &observation);
    let mut steps = steps_above(question);
    let mut left_out = left_out(question, &steps);
    let computes = first.kind == VerdictKind::Computes;
    if !first.ok || question.only_beside_gpu && !computes {
        let why = match first.ok {
            true => "no GPU computes here",
            false => "the driver level failed",
        };
        left_out.extend(skip(steps.iter().map(|(step, _)| *step), why));
        steps.clear();
    }
    let (mut library, mut frameworks) = (None, Vec::new());
    for (step, named) in steps {
        match step {
            ProbeStep::Driver => {}
            ProbeStep::Library => match library_prefix(question) {
                Ok(prefix) => library = Some(libraries(question, prefix, &surroundings)?),
                Err(why) => left_out.extend(skip([step].into_iter(), why)),
            },
            _ if !named && !has_python(question) => {
                left_out.extend(skip([step].into_iter(), "the environment holds no Python"));
            }
            _ => frameworks.push(framework(question, &surroundings, (step, named))),
        }
    }
    reporter.report(Event::ProbeFinished);
    let levels = Levels {
        driver: &observation,
        library: library.as_ref(),
        frameworks: &frameworks,
    };
    Ok(Probed {
        verdict: judge_levels(&expectation, &levels),
        observation,
        library,
        frameworks,
        skipped: left_out,
    })
}

/// The variables of an activated environment; `None` for those of this process.
type Surroundings = Option<BTreeMap<OsString, OsString>>;

fn surroundings(prefix: Option<&Path>) -> Result<Surroundings, Diagnostic> {
    let Some(prefix) = prefix else {
        return Ok(None);
    };
    Ok(Some(activating::environment(&activating::of(prefix)?)))
}

fn command(program: impl AsRef<OsStr>, surroundings: &Surroundings) -> Command {
    let mut command = Command::new(program);
    if let Some(variables) = surroundings {
        command.env_clear();
        command.envs(variables);
    }
    command
}

fn worker(
    question: &Question<'_>,
    level: &str,
    surroundings: &Surroundings,
) -> Result<Command, Diagnostic> {
    let mut command = command(own_program()?, surroundings);
    command.args([WORKER, "--level", level]);
    if let Some(device) = question.device {
        command.args(["--device", &device.to_string()]);
    }
    Ok(command)
}

fn driver(question: &Question<'_>, surroundings: &Surroundings) -> Result<Observation, Diagnostic> {
    let mut command = worker(question, "driver", surroundings)?;
    if question.bench {
        command.arg("--bench");
    }
    let deadline = question.deadline.unwrap_or(gpuenv_cuda::DEADLINE);
    Ok(gpuenv_cuda::run_in_child(command, deadline))
}

fn libraries(
    question: &Question<'_>,
    prefix: &Path,
    surroundings: &Surroundings,
) -> Result<LibraryObservation, Diagnostic> {
    let mut command = worker(question, "library", surroundings)?;
    command.arg("--prefix").arg(prefix);
    let deadline = question.deadline.unwrap_or(gpuenv_cuda::DEADLINE);
    Ok(gpuenv_cuda::run_library(command, deadline))
}

fn framework(
    question: &Question<'_>,
    surroundings: &Surroundings,
    wanted: (ProbeStep, bool),
) -> FrameworkObservation {
    let deadline = question.deadline.unwrap_or(gpuenv_cuda::FRAMEWORK_DEADLINE);
    let mut command = command(python(question), surroundings);
    // Not where the user happens to be: a `torch.py` may lie there.
    if let Some(prefix) = question.prefix {
        command.current_dir(prefix);
    }
    let device = question.device.unwrap_or(0);
    gpuenv_cuda::run_framework(command, wanted, device, deadline)
}

/// Returns the environment's Python; without an environment, that of this process.
fn python(question: &Question<'_>) -> PathBuf {
    match question.prefix {
        Some(prefix) if cfg!(windows) => prefix.join("python.exe"),
        Some(prefix) => prefix.join("bin").join("python"),
        None => "python3".into(),
    }
}

fn has_python(question: &Question<'_>) -> bool {
    question.prefix.is_none() || python(question).exists()
}

/// Returns where to look for libraries, or why nowhere.
fn library_prefix<'a>(question: &Question<'a>) -> Result<&'a Path, &'static str> {
    if cfg!(target_os = "macos") {
        return Err("macOS has no CUDA libraries");
    }
    question
        .prefix
        .ok_or("no environment is named, so there is no telling which ones")
}

/// Returns the steps above the driver, and whether the recipe names them.
fn steps_above(question: &Question<'_>) -> Vec<(ProbeStep, bool)> {
    let wanted = |step: &ProbeStep| question.level.is_none_or(|level| step.level() <= level);
    let named = question.steps.iter().filter(|step| wanted(step));
    let mut steps: Vec<(ProbeStep, bool)> = named.map(|step| (*step, true)).collect();
    let has = |steps: &[(ProbeStep, bool)], level| steps.iter().any(|(s, _)| s.level() == level);
    if question.level >= Some(Level::Library) && !has(&steps, Level::Library) {
        steps.push((ProbeStep::Library, false));
    }
    if question.level == Some(Level::Framework) && !has(&steps, Level::Framework) {
        // Nobody says which ones there should be, so those that are there.
        steps.extend(ProbeStep::FRAMEWORKS.map(|framework| (framework, false)));
    }
    steps.retain(|(step, _)| *step != ProbeStep::Driver);
    steps.sort_by_key(|(step, _)| step.level());
    steps
}

/// Returns what the recipe names and the user does not want.
fn left_out(question: &Question<'_>, steps: &[(ProbeStep, bool)]) -> Vec<Skipped> {
    let kept = |step: &ProbeStep| steps.iter().any(|(kept, _)| kept == step);
    let missing = question.steps.iter().copied();
    let missing = missing.filter(|step| *step != ProbeStep::Driver && !kept(step));
    skip(missing, "`--level` leaves it out")
}

fn skip(steps: impl Iterator<Item = ProbeStep>, why: &str) -> Vec<Skipped> {
    let skip = |step| Skipped {
        step,
        why: why.to_string(),
    };
    steps.map(skip).collect()
}

/// Probes a fresh environment and notes what came of it, unless the recipe uses
/// no GPU and nobody insists on one.
///
/// # Errors
/// As [`probe`].
pub fn after_install(
    question: &Question<'_>,
    session: &Session,
) -> Result<Option<Probed>, Diagnostic> {
    if question.gpu == Gpu::None && !question.require_gpu {
        return Ok(None);
    }
    let probed = probe(question, &*session.reporter())?;
    if let Some(prefix) = question.prefix {
        remember(prefix, &probed, Timestamp::now());
    }
    Ok(Some(probed))
}

/// Notes the verdict in the environment's record; without permission it is not noted.
pub fn remember(prefix: &Path, probed: &Probed, now: Timestamp) {
    let verdict = serde_json::json!({
        "kind": probed.verdict.kind,
        "class": probed.verdict.class,
        "ok": probed.verdict.ok,
        "summary": probed.verdict.summary,
    });
    if let Err(error) = gpuenv_provision::prefix::write_verdict(prefix, verdict, now) {
        tracing::debug!("the verdict is not noted: {error}");
    }
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
            let step = skipped.step.name();
            text.push_str(&format!("  {step}: skipped: {}\n", skipped.why));
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn question(steps: &[ProbeStep], level: Option<Level>) -> Question<'_> {
        Question {
            steps,
            level,
            ..Question::of_driver(None)
        }
    }

    #[test]
    fn the_recipe_says_how_far_to_go_unless_the_user_does() {
        use ProbeStep::{Driver, Library, Pytorch};
        let recipe = [Pytorch, Driver];
        assert_eq!(steps_above(&question(&recipe, None)), [(Pytorch, true)]);
        assert_eq!(steps_above(&question(&recipe, Some(Level::Driver))), []);
        let library = question(&recipe, Some(Level::Library));
        assert_eq!(steps_above(&library), [(Library, false)]);
        let left = left_out(&library, &steps_above(&library));
        assert_eq!((left.len(), left[0].step), (1, Pytorch));
        let all = question(&recipe, Some(Level::Framework));
        assert_eq!(steps_above(&all), [(Library, false), (Pytorch, true)]);
        assert_eq!(steps_above(&question(&[], Some(Level::Framework))).len(), 7);
        assert_eq!(steps_above(&question(&[], None)), []);
    }
}
