//! What the observation of the CUDA libraries comes down to.

use std::path::Path;

use crate::probe::{
    End, FailedCall, Library, LibraryKind, LibraryObservation, VerdictKind,
    findings::{Finding, signal_name},
};

/// The number of `CUDA_ERROR_UNSUPPORTED_PTX_VERSION`.
const UNSUPPORTED_PTX: i32 = 222;

/// How Windows says that a file, or one that it needs, is not there.
const WINDOWS_NOT_FOUND: &str = "(os error 126)";

const NEEDS_ANOTHER: &str =
    "Windows says so also where the file is there and another one that it needs is not";

/// Finds what is wrong with the libraries, if anything is.
pub(crate) fn find(
    seen: &LibraryObservation,
    prefix: Option<&str>,
    gpu_computes: bool,
) -> Option<Finding> {
    if let Some(finding) = ended_early(seen) {
        return Some(finding);
    }
    let libraries = || seen.libraries.iter();
    if let Some(finding) = libraries().find_map(|library| foreign(seen, library, prefix?)) {
        return Some(finding);
    }
    if let Some(finding) = libraries().find_map(not_loaded) {
        return Some(finding);
    }
    let failed = libraries().find_map(|l| Some(failed(l, l.failures.first()?)));
    if failed.is_some() {
        return failed;
    }
    if let Some(finding) = libraries().find_map(wrong) {
        return Some(finding);
    }
    if let Some(call) = seen.failures.first().filter(|_| gpu_computes) {
        let summary = format!("the driver fails beside the CUDA libraries: {call}");
        return Some(Finding::new(VerdictKind::LibraryFailed, summary));
    }
    None
}

fn ended_early(seen: &LibraryObservation) -> Option<Finding> {
    let (how, step) = match &seen.end {
        End::Finished => return None,
        End::Crashed {
            signal,
            exit_code,
            last_step,
        } => match (signal, exit_code) {
            (Some(signal), _) => (
                format!("died of signal {}", signal_name(*signal)),
                last_step,
            ),
            (None, Some(code)) => (format!("ended with status {code}"), last_step),
            (None, None) => ("ended without an answer".to_string(), last_step),
        },
        End::Hung {
            after_ms,
            last_step,
            ..
        } => {
            let seconds = *after_ms as f64 / 1000.0;
            (format!("did not answer within {seconds:.1} s"), last_step)
        }
        End::Garbled { why } | End::NotStarted { why } => {
            let summary = "the probe of the CUDA libraries gave no answer";
            return Some(Finding::new(VerdictKind::LibraryFailed, summary).cause(why));
        }
    };
    let step = step.as_ref().map(|step| format!(", in {step}"));
    let step = step.unwrap_or_default();
    let summary = format!("the probe of the CUDA libraries {how}{step}");
    Some(Finding::new(VerdictKind::LibraryFailed, summary))
}

fn foreign(seen: &LibraryObservation, library: &Library, prefix: &str) -> Option<Finding> {
    let loaded = library.loaded.as_deref()?;
    if Path::new(loaded).starts_with(prefix) {
        return None;
    }
    let summary = format!(
        "`{}` is loaded from outside of the environment: `{loaded}`",
        library.name
    );
    let finding = Finding::new(VerdictKind::Polluted, summary).cause(format!(
        "the environment holds one of its own, `{}`",
        library.held
    ));
    Some(match seen.variables.get("LD_LIBRARY_PATH") {
        Some(path) => finding
            .cause(format!("`LD_LIBRARY_PATH` is `{path}`"))
            .help("`unset LD_LIBRARY_PATH`, then activate the environment"),
        None if in_system32(loaded) => finding
            .cause("Windows searches `System32` before `PATH`")
            .help(format!(
                "move `{loaded}` away: a driver does not need it there, a CUDA installer put it"
            )),
        None => finding,
    })
}

fn in_system32(file: &str) -> bool {
    file.to_ascii_lowercase().contains("\\system32\\")
}

fn not_loaded(library: &Library) -> Option<Finding> {
    let error = library.error.as_ref()?;
    let summary = format!("`{}` of the environment cannot be used", library.name);
    let finding = Finding::new(VerdictKind::LibraryFailed, summary)
        .cause(format!("`{}`", library.held))
        .cause(error);
    let needed = error.contains(WINDOWS_NOT_FOUND);
    Some(match library.kind {
        _ if !needed => finding,
        LibraryKind::Cudnn => finding.cause(NEEDS_ANOTHER).help(
            "cuDNN from 8.3 on needs `zlibwapi.dll`; `where zlibwapi.dll` tells whether \
             `PATH` has one",
        ),
        _ => finding.cause(NEEDS_ANOTHER),
    })
}

fn failed(library: &Library, call: &FailedCall) -> Finding {
    let kind = library.kind;
    let version = library.version.as_deref().map(|v| format!(" {v}"));
    let version = version.unwrap_or_default();
    let finding = match call.number {
        UNSUPPORTED_PTX if call.call.starts_with("cuModule") => Finding::new(
            VerdictKind::DriverTooOld,
            format!("{kind}{version} compiles to PTX that the driver is too old for: {call}"),
        )
        .cause("what the environment compiles while it runs does not start on this machine")
        .help(
            "update the NVIDIA driver, or lock an older CUDA: `target: { cuda: … }` in the recipe",
        ),
        _ => Finding::new(
            VerdictKind::LibraryFailed,
            format!("{kind}{version} does not work: {call}"),
        ),
    };
    let file = library.loaded.as_deref().unwrap_or(&library.held);
    let finding = finding.cause(format!("it was loaded from `{file}`"));
    let log = library.log.iter().map(|log| log.trim());
    log.filter(|log| !log.is_empty())
        .fold(finding, |finding, log| {
            finding.cause(format!("it said: {log}"))
        })
}

fn wrong(library: &Library) -> Option<Finding> {
    let comparison = library.comparison.as_ref()?;
    let element = comparison.first_wrong.as_ref()?;
    let summary = format!(
        "{} computed {} of {} numbers wrong",
        library.kind, comparison.wrong, comparison.elements
    );
    Some(
        Finding::new(VerdictKind::LibraryFailed, summary)
            .cause(format!(
                "element {} came back as {}, the CPU has {}",
                element.index, element.found, element.expected
            ))
            .cause("the driver's own kernel computes right on this GPU"),
    )
}
