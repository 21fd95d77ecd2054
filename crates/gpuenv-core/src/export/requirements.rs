//! pip's `requirements.txt`: the wheels, each with its hash and the address of its file.

use std::fmt::Write as _;

use super::{ExportError, Exported, Part};
use crate::{Code, Diagnostic};

/// Writes it.
pub(super) fn write(part: &Part<'_>) -> Result<Exported, ExportError> {
    if part.wheels().is_empty() {
        return Err(ExportError::NoWheels {
            platform: part.platform,
        });
    }
    let mut notes = Vec::new();
    if !part.records().is_empty() {
        let message = format!(
            "{} conda packages are left out: requirements hold wheels only",
            part.records().len()
        );
        let note = Diagnostic::warning(Code::EXPORT_IMPOSSIBLE, message);
        notes.push(note.help("install with `--no-deps` into an environment that has them: `--format explicit` lists them"));
    }
    Ok(Exported {
        text: list(part),
        beside: Vec::new(),
        notes,
    })
}

/// Returns the list.
pub(super) fn list(part: &Part<'_>) -> String {
    let mut text = format!(
        "# The wheels of {} for {}:\n# $ pip install --no-deps --require-hashes -r <this file>\n",
        part.name, part.platform
    );
    for line in places(part) {
        let _ = writeln!(text, "{line}");
    }
    for wheel in part.wheels() {
        let hash = hex::encode(wheel.sha256);
        // The comment names the exact file, so that an import gets it back.
        let _ = writeln!(
            text,
            "{}=={} --hash=sha256:{hash}  # {}",
            wheel.name, wheel.version, wheel.url
        );
    }
    text
}

/// Returns where pip must look, as it wants to be told.
pub(super) fn places(part: &Part<'_>) -> Vec<String> {
    let Some(pypi) = part.settings.map(|settings| &settings.pypi_options) else {
        return Vec::new();
    };
    let main = pypi
        .index_url
        .iter()
        .map(|url| format!("--index-url {url}"));
    let mut extra: Vec<&String> = pypi.extra_index_urls.iter().collect();
    // pip has no index for a single package.
    extra.extend(pypi.package_indexes.values());
    extra.dedup();
    let extra = extra
        .into_iter()
        .map(|url| format!("--extra-index-url {url}"));
    let links = pypi
        .find_links
        .iter()
        .map(|place| format!("--find-links {place}"));
    main.chain(extra).chain(links).collect()
}
