//! The judgement: expectation and observation in, verdict out.

use crate::{
    Diagnostic,
    plan::Gpu,
    probe::{
        Observation, Verdict, VerdictKind,
        evidence::evidence,
        findings::{Finding, find},
    },
};

/// Judges what the probe saw.
///
/// `gpu` is what the recipe says, `require_gpu` what the user said: with it a
/// machine without a GPU is not good enough even where the recipe allows it.
pub fn judge(gpu: Gpu, require_gpu: bool, observation: &Observation) -> Verdict {
    let required = require_gpu || gpu == Gpu::Required;
    if gpu == Gpu::None && !required {
        return Verdict::skipped("the recipe uses no GPU");
    }
    let finding = find(observation);
    let ok = match finding.kind {
        VerdictKind::Computes | VerdictKind::Skipped => true,
        VerdictKind::NoDriver | VerdictKind::NoDevice => !required,
        VerdictKind::WrongResult
        | VerdictKind::Crashed
        | VerdictKind::Hung
        | VerdictKind::DriverTooOld
        | VerdictKind::DriverError
        | VerdictKind::StubDriver
        | VerdictKind::Architecture
        | VerdictKind::NotStarted => false,
    };
    Verdict {
        kind: finding.kind,
        ok,
        summary: finding.summary.clone(),
        evidence: evidence(observation),
        diagnostic: diagnose(finding, ok),
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
mod tests;
