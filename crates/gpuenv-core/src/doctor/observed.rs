//! What the probe saw of the environment's libraries and frameworks.
//!
//! The probe's own judgement says what is wrong; here it gets the number of its
//! failure mode. Only where a framework raises something that this cannot tell
//! apart are its words looked up like those of a pasted log, and then the doctor
//! says no more than `likely`.

use super::{Case, Finding, Rule, read_log};
use crate::{
    facts::ModeId,
    plan::ProbeStep,
    probe::{
        LibraryKind, LibraryObservation, VerdictKind,
        findings::Finding as Judged,
        framework_findings::{self, is_cpu_build, module_outside},
        library_findings, xla_findings,
    },
    xla::XlaFile,
};

/// There is no driver: in the table it lies with the solver, which meets it first.
const NO_DRIVER: u8 = 15;

/// The rules of the frameworks, one for each: several can be broken at once.
pub(super) const FRAMEWORKS: [Rule; 6] = [
    |case| framework(case, ProbeStep::Tensorflow),
    |case| framework(case, ProbeStep::Pytorch),
    |case| framework(case, ProbeStep::Cupy),
    |case| framework(case, ProbeStep::Numba),
    |case| framework(case, ProbeStep::CudaPython),
    |case| framework(case, ProbeStep::Jax),
];

/// A CUDA library of the environment that is not the environment's, cannot be
/// loaded or computes wrong.
pub(super) fn libraries(case: &Case<'_>) -> Option<Finding> {
    let seen = case.library?;
    let judged = library_findings::find(seen, seen.prefix.as_deref(), case.computes())?;
    let (mode, cause) = match judged.kind {
        VerdictKind::Polluted if concerns_cudnn(seen) => {
            (21, "a cuDNN that was not locked is found first")
        }
        VerdictKind::Polluted => (23, "a library that was not locked is found first"),
        VerdictKind::DriverTooOld => (
            32,
            "what is compiled while a program runs is newer than the driver's compiler",
        ),
        _ => return Some(by_words(case, judged, seen.noise.as_deref(), 52)),
    };
    Some(finding(mode, judged, cause))
}

/// Tells whether the library that comes from outside is cuDNN.
fn concerns_cudnn(seen: &LibraryObservation) -> bool {
    let prefix = seen.prefix.as_deref().unwrap_or_default();
    let outside = |file: &String| !std::path::Path::new(file).starts_with(prefix);
    let mut libraries = seen.libraries.iter();
    let first = libraries.find(|library| library.loaded.as_ref().is_some_and(outside));
    first.is_some_and(|library| library.kind == LibraryKind::Cudnn)
}

fn framework(case: &Case<'_>, which: ProbeStep) -> Option<Finding> {
    let mut frameworks = case.frameworks.iter();
    let seen = frameworks.find(|seen| seen.framework == which)?;
    // That something is not installed is no failure of a GPU.
    if seen.is_absent() {
        return None;
    }
    let prefix = case.library.and_then(|library| library.prefix.as_deref());
    let driver = case.observation?;
    let judged = framework_findings::find(seen, prefix, driver, case.computes())?;
    let judged = xla_findings::explain(judged, seen, case.library);
    let blames = |file| xla_findings::blamed(seen) == Some(file);
    let (mode, cause) = match judged.kind {
        VerdictKind::Mismatch if is_cpu_build(seen) => {
            (13, "a solver or pip took a build for the CPU")
        }
        VerdictKind::Mismatch => return Some(by_words(case, judged, seen.noise.as_deref(), 53)),
        VerdictKind::Architecture => (10, "its build has no code for this GPU"),
        VerdictKind::Polluted if module_outside(seen, prefix).is_some() => {
            (49, "Python finds another place before the environment's")
        }
        VerdictKind::Polluted => (23, "a library that was not locked is found first"),
        _ if blames(XlaFile::Libdevice) => (5, "XLA looks for it below one directory"),
        _ if blames(XlaFile::Ptxas) => (6, "XLA starts it to assemble what it compiles"),
        _ => return Some(by_words(case, judged, seen.noise.as_deref(), 52)),
    };
    Some(finding(mode, judged, cause))
}

/// Makes a finding of one whose cause the judgement knows.
fn finding(mode: u8, judged: Judged, cause: &str) -> Finding {
    let finding = Finding::doubtful(mode, judged.summary, cause);
    with(finding, judged.causes, judged.help)
}

/// Makes a finding of one whose cause only its words tell, or what was printed
/// besides, if they do.
fn by_words(case: &Case<'_>, judged: Judged, printed: Option<&str>, otherwise: u8) -> Finding {
    let words = judged.causes.iter().map(String::as_str).chain(printed);
    let words: Vec<&str> = words.collect();
    let reading = read_log(&words.join("\n"), &case.facts.modes);
    // That the driver computes clears all that lies below it, and that there is none.
    let below = |mode: &ModeId| {
        let row = case.facts.modes.modes.iter().find(|row| row.id == *mode);
        let host = row.is_some_and(|row| matches!(row.level.as_str(), "host" | "container"));
        host || *mode == ModeId(NO_DRIVER)
    };
    let mut matches = reading.matches.into_iter();
    let known = matches.find(|found| !(case.computes() && below(&found.mode)));
    let Some(known) = known else {
        let cause = match otherwise {
            53 => "it falls back to the CPU",
            _ => "that a GPU is listed does not mean that it computes",
        };
        let finding = Finding::doubtful(otherwise, judged.summary, cause);
        return with(finding, judged.causes, judged.help);
    };
    let fix = judged.help.into_iter().chain([known.fix]).collect();
    // The line that tells it, and not everything that was printed.
    let seen = known.lines.into_iter().map(|line| line.text).collect();
    let finding = Finding::doubtful(known.mode.0, judged.summary, known.cause).likely();
    let finding = match known.mode == ModeId(otherwise) {
        true => finding,
        false => finding.related(otherwise),
    };
    with(finding, seen, fix)
}

fn with(finding: Finding, seen: Vec<String>, fix: Vec<String>) -> Finding {
    let finding = seen.into_iter().fold(finding, Finding::seen);
    match fix.is_empty() {
        true => finding.fix("`gpuenv probe ENV` shows everything that was seen"),
        false => fix.into_iter().fold(finding, Finding::fix),
    }
}
