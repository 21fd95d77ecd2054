//! What `conda list --explicit` prints: the URL of each file, with its hash.

use std::fmt::Write as _;

use super::{Exported, Part};
use crate::{Code, Diagnostic};

/// Writes it; conda installs in that order and solves nothing.
pub(super) fn write(part: &Part<'_>, sha256: bool) -> Exported {
    let mut notes = Vec::new();
    if !part.wheels().is_empty() {
        let message = format!(
            "{} wheels are left out: an explicit list holds conda packages only",
            part.wheels().len()
        );
        let note = Diagnostic::warning(Code::EXPORT_IMPOSSIBLE, message);
        notes.push(note.help("write them too, with `--format requirements`, and install them with `pip install --no-deps --require-hashes`"));
    }
    Exported {
        text: list(part, sha256),
        beside: Vec::new(),
        notes,
    }
}

/// Returns the list.
pub(super) fn list(part: &Part<'_>, sha256: bool) -> String {
    let mut text = String::from(
        "# This file may be used to create an environment using:\n# $ conda create --name <env> --file <this file>\n",
    );
    let _ = writeln!(text, "# platform: {}\n@EXPLICIT", part.platform);
    for record in part.records() {
        let package = &record.package_record;
        let md5 = package.md5.map(hex::encode);
        let strong = package
            .sha256
            .map(|hash| format!("sha256:{}", hex::encode(hash)));
        let hash = match sha256 {
            true => strong.or(md5),
            false => md5.or(strong),
        };
        let _ = writeln!(text, "{}#{}", record.url, hash.unwrap_or_default());
    }
    text
}
