//! A look at every file of an environment, and how that is told.

use std::{fmt::Write as _, path::Path};

use gpuenv_core::{
    Bytes, Code, Diagnostic,
    integrity::{self, ExtraKind, Findings},
};
use gpuenv_provision::{
    prefix,
    verify::{self, Look},
};
use rattler_conda_types::{RepoDataRecord, Subdir};

use crate::{Failure, Session, interrupt, origin::Origin, progress::counted, word::word};

/// How many lines of one kind are told.
const SHOWN: usize = 20;

/// Returns the packages that an environment's lock names for its platform.
///
/// # Errors
/// GE404 if the lock is damaged.
pub fn locked(prefix: &Path, origin: &Origin) -> Result<Vec<RepoDataRecord>, Failure> {
    let file = origin.lock(prefix)?;
    let named = origin.state.as_ref().map(|state| state.platform.as_str());
    let here = Subdir::current().map(|platform| platform.as_str());
    let solution = named.or(here).and_then(|name| file.lock.solution(name));
    Ok(solution.map(|found| found.packages()).unwrap_or_default())
}

/// Compares an environment with its packages and, if it has one, its lock.
///
/// # Errors
/// GE511 if there is none, GE504 and GE513 if it cannot be read.
pub fn look(
    prefix: &Path,
    locked: Option<&[RepoDataRecord]>,
    cache: bool,
    session: &Session,
) -> Result<Findings, Failure> {
    let access = match cache {
        true => Some(session.access()?),
        false => None,
    };
    let reporter = session.reporter();
    Ok(session.block_on(async {
        let cancel = interrupt::cancel_on_signal();
        let look = Look {
            prefix,
            locked,
            access: access.as_ref(),
            reporter,
            cancel: &cancel,
        };
        verify::verify(&look).await
    })??)
}

/// Tells that an environment is damaged; without a lock nothing mends it.
pub fn damaged(wanted: &str, findings: &Findings, has_lock: bool) -> Diagnostic {
    let message = match has_lock {
        true => format!("environment `{wanted}` is not what its lock says"),
        false => format!("environment `{wanted}` is not what its packages say"),
    };
    let error = Diagnostic::error(Code::VERIFY_DAMAGED, message)
        .cause(format!("damaged: {}", findings.summary()));
    match has_lock {
        true => error.help(format!("mend it: `gpuenv repair {}`", word(wanted))),
        false => error,
    }
}

/// Returns what was found, a line each.
pub fn text(findings: &Findings) -> String {
    let mut text = String::new();
    for found in &findings.environment {
        let _ = writeln!(text, "{found}");
    }
    list(&mut text, findings.packages.iter().map(ToString::to_string));
    for (package, files) in integrity::by_package(&findings.files) {
        let _ = match package {
            Some(package) => writeln!(text, "files of `{package}`:"),
            None => writeln!(text, "files of gpuenv:"),
        };
        let lines = files
            .iter()
            .map(|file| format!("  {} {}", file.path, file.fault));
        list(&mut text, lines);
    }
    if !findings.cache.is_empty() {
        text.push_str("in the package cache:\n");
        let lines = findings.cache.iter();
        list(
            &mut text,
            lines.map(|copy| format!("  {}, at {}", copy.reason, copy.directory)),
        );
    }
    text
}

/// Returns what was looked at, and what belongs to no package.
pub fn looked_text(findings: &Findings) -> String {
    let looked = &findings.looked;
    let mut text = format!(
        "compared: {}, {}, {} read",
        counted(looked.packages, "package", "packages"),
        counted(looked.files, "path", "paths"),
        Bytes(looked.bytes)
    );
    if looked.cached > 0 {
        let _ = write!(text, "; {} in the cache", looked.cached);
    }
    if looked.without_hash > 0 {
        let _ = write!(text, "; {} without a hash", looked.without_hash);
    }
    text.push('\n');
    if !findings.extra.is_empty() {
        text.push_str("of no package, which is no damage:\n");
        let lines = findings.extra.iter().map(|extra| match extra.kind {
            ExtraKind::Activation => format!("  {} (acts at activation)", extra.path),
            ExtraKind::Distribution => format!("  {} (installed by pip or the like)", extra.path),
            ExtraKind::Other => match extra.files {
                1 => format!("  {}", extra.path),
                files => format!("  {} ({files} files)", extra.path),
            },
        });
        list(&mut text, lines);
    }
    text
}

fn list(text: &mut String, lines: impl ExactSizeIterator<Item = String>) {
    let rest = lines.len().saturating_sub(SHOWN);
    for line in lines.take(SHOWN) {
        let _ = writeln!(text, "{line}");
    }
    if rest > 0 {
        let _ = writeln!(text, "  … and {rest} more; `--json` names all");
    }
}

/// Returns whether gpuenv made the environment at a prefix, whole or not.
pub fn is_ours(prefix: &Path) -> bool {
    prefix.join(prefix::STATE).exists()
}
