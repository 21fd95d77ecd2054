//! The judgement: expectation and observations in, verdict out.

use crate::{
    Diagnostic,
    plan::Gpu,
    probe::{
        FrameworkObservation, LibraryObservation, Observation, Verdict, VerdictKind,
        evidence::{evidence, framework_evidence, library_evidence},
        findings::{Finding, find},
        framework_findings::{self, after_computing, without_gpu},
        library_findings, xla_findings,
    },
};

/// What was asked for.
#[derive(Debug, Clone, Copy)]
pub struct Expectation<'a> {
    /// What the recipe says of a GPU.
    pub gpu: Gpu,
    /// A machine where no GPU computes is a failure, whatever the recipe says.
    pub require_gpu: bool,
    /// The real path of the environment; `None` where there is no telling what
    /// belongs to it.
    pub prefix: Option<&'a str>,
}

/// What was seen, level by level.
#[derive(Debug, Clone, Copy)]
pub struct Levels<'a> {
    /// The driver.
    pub driver: &'a Observation,
    /// The CUDA libraries, if that level was run.
    pub library: Option<&'a LibraryObservation>,
    /// The frameworks that were tried.
    pub frameworks: &'a [FrameworkObservation],
}

/// Judges what the driver level saw.
///
/// `gpu` is what the recipe says, `require_gpu` what the user said: with it a
/// machine without a GPU is not good enough even where the recipe allows it.
pub fn judge(gpu: Gpu, require_gpu: bool, observation: &Observation) -> Verdict {
    let expectation = Expectation {
        gpu,
        require_gpu,
        prefix: None,
    };
    let levels = Levels {
        driver: observation,
        library: None,
        frameworks: &[],
    };
    judge_levels(&expectation, &levels)
}

/// Judges what all levels saw: the first level that is not good enough decides.
pub fn judge_levels(expectation: &Expectation<'_>, levels: &Levels<'_>) -> Verdict {
    let required = expectation.require_gpu || expectation.gpu == Gpu::Required;
    if expectation.gpu == Gpu::None && !required {
        return Verdict::skipped("the recipe uses no GPU");
    }
    let finding = find(levels.driver);
    let computes = finding.kind == VerdictKind::Computes;
    let driver_ok = good_enough(finding.kind, required, levels.driver);
    let found = match driver_ok {
        true => above(expectation, levels, computes),
        false => None,
    };
    let finding = match (found, computes) {
        (Some(found), _) => found,
        (None, true) => after_computing(finding, levels.frameworks),
        (None, false) => without_gpu(finding, levels.frameworks),
    };
    let ok = good_enough(finding.kind, required, levels.driver);
    let mut lines = evidence(levels.driver);
    lines.extend(
        levels
            .library
            .iter()
            .flat_map(|seen| library_evidence(seen)),
    );
    if levels.frameworks.iter().any(xla_findings::compiles_for_gpu) {
        let library = levels.library.iter();
        lines.extend(library.flat_map(|seen| xla_findings::missing_evidence(seen)));
    }
    lines.extend(levels.frameworks.iter().flat_map(framework_evidence));
    Verdict {
        kind: finding.kind,
        class: finding.kind.class(),
        ok,
        summary: finding.summary.clone(),
        evidence: lines,
        diagnostic: diagnose(finding, ok),
    }
}

/// Looks at the levels above the driver.
fn above(expectation: &Expectation<'_>, levels: &Levels<'_>, computes: bool) -> Option<Finding> {
    let prefix = expectation.prefix;
    let library = levels.library.into_iter();
    let mut libraries = library.filter_map(|seen| library_findings::find(seen, prefix, computes));
    let driver = levels.driver;
    let mut frameworks = levels.frameworks.iter().filter_map(|seen| {
        let finding = framework_findings::find(seen, prefix, driver, computes)?;
        Some(xla_findings::explain(finding, seen, levels.library))
    });
    libraries.next().or_else(|| frameworks.next())
}

fn good_enough(kind: VerdictKind, required: bool, driver: &Observation) -> bool {
    match kind {
        VerdictKind::Computes | VerdictKind::Skipped => true,
        // Who names a device wants that one.
        VerdictKind::NoDriver | VerdictKind::NoDevice => !required && driver.wanted.is_none(),
        VerdictKind::WrongResult
        | VerdictKind::Crashed
        | VerdictKind::Hung
        | VerdictKind::DriverTooOld
        | VerdictKind::DriverError
        | VerdictKind::StubDriver
        | VerdictKind::Architecture
        | VerdictKind::LibraryFailed
        | VerdictKind::FrameworkFailed
        | VerdictKind::Mismatch
        | VerdictKind::Polluted
        | VerdictKind::NotStarted => false,
    }
}

fn diagnose(finding: Finding, ok: bool) -> Option<Diagnostic> {
    let code = finding.kind.code()?;
    let mut diagnostic = if ok {
        Diagnostic::warning(code, finding.summary)
            .cause("so nothing is proved about a GPU; the recipe works without one")
    } else {
        Diagnostic::error(code, finding.summary)
    };
    diagnostic.causes.extend(finding.causes);
    diagnostic.help.extend(finding.help);
    let without_gpu = matches!(finding.kind, VerdictKind::NoDriver | VerdictKind::NoDevice);
    if without_gpu && !ok {
        diagnostic.help.push(
            "`--no-probe` installs on a machine without a GPU, such as a login node".to_string(),
        );
    }
    Some(diagnostic)
}

#[cfg(test)]
mod levels;
#[cfg(test)]
mod libraries;
#[cfg(test)]
mod tests;
