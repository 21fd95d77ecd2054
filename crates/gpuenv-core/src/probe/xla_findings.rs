//! XLA compiles for the GPU while a program runs, and needs files of CUDA's
//! compiler for it. Where they are missing, its messages name a place and no remedy.

use crate::{
    plan::ProbeStep,
    probe::{
        FoundFile, FrameworkObservation, LibraryObservation, VerdictKind,
        findings::Finding,
        framework_findings::{is_cpu_build, named, one_line},
    },
    xla::{self, XlaFile},
};

/// Tells whether a framework is there and compiles by XLA.
fn uses_xla(seen: &FrameworkObservation) -> bool {
    let by_xla = matches!(seen.framework, ProbeStep::Tensorflow | ProbeStep::Jax);
    by_xla && !seen.is_absent()
}

/// Tells whether a framework would compile for a GPU, if it saw one.
pub(crate) fn compiles_for_gpu(seen: &FrameworkObservation) -> bool {
    uses_xla(seen) && !is_cpu_build(seen)
}

/// Returns, one fact per line, which files are nowhere.
pub(crate) fn missing_evidence(seen: &LibraryObservation) -> Vec<String> {
    let missing = seen.files.iter().filter(|file| file.file.is_none());
    missing
        .map(|file| format!("`{}`: nowhere in the environment", file.name))
        .collect()
}

/// Explains the failure of a framework by what XLA does not find, if that is it.
pub(crate) fn explain(
    finding: Finding,
    seen: &FrameworkObservation,
    library: Option<&LibraryObservation>,
) -> Finding {
    if !uses_xla(seen) || finding.kind != VerdictKind::FrameworkFailed {
        return finding;
    }
    let found = |file: XlaFile| {
        let mut files = library?.files.iter();
        files.find(|found| found.name == file.name())
    };
    match blamed(seen) {
        Some(file) => certain(finding, seen, file, found(file)),
        None => possible(finding, library),
    }
}

/// Returns the file that a framework's last words are about.
pub(crate) fn blamed(seen: &FrameworkObservation) -> Option<XlaFile> {
    if !uses_xla(seen) {
        return None;
    }
    let raised = seen.told.error.as_ref().map(|raised| &raised.text);
    // What XLA prints before it ends the process.
    let words = one_line(raised.or(seen.noise.as_ref())?).to_ascii_lowercase();
    XlaFile::ALL.into_iter().find(|file| {
        words.contains(match file {
            XlaFile::Libdevice => "libdevice",
            XlaFile::Ptxas => "ptxas",
        })
    })
}

fn certain(
    finding: Finding,
    seen: &FrameworkObservation,
    file: XlaFile,
    found: Option<&FoundFile>,
) -> Finding {
    let name = file.name();
    let mut explained = Finding::new(
        VerdictKind::FrameworkFailed,
        format!(
            "{} cannot compile for the GPU: XLA does not get along without `{name}`",
            named(seen)
        ),
    );
    explained.causes = finding.causes;
    match found.map(|found| found.file.as_deref()) {
        Some(Some(place)) => explained
            .cause(format!("`{name}` is at `{place}`, where XLA may not look"))
            .help("write `xla: true` under `activation` in the recipe, then `gpuenv create`"),
        Some(None) => explained
            .cause(format!("`{name}` is nowhere in the environment"))
            .help(xla::ADD),
        None => explained.help(xla::ADD),
    }
}

fn possible(finding: Finding, library: Option<&LibraryObservation>) -> Finding {
    let files = library.iter().flat_map(|seen| &seen.files);
    let missing: Vec<String> = files
        .filter(|file| file.file.is_none())
        .map(|file| format!("`{}`", file.name))
        .collect();
    match missing.is_empty() {
        true => finding,
        false => finding.cause(format!(
            "it may be that XLA misses {}, which the environment does not hold",
            missing.join(" and ")
        )),
    }
}
