//! `conda-meta/history`, by which conda and mamba know what was asked for.

use std::{fmt::Write as _, path::Path};

use gpuenv_core::{Changes, channel};
use jiff::Timestamp;
use rattler_conda_types::RepoDataRecord;

use crate::{install::InstallError, prefix};

/// One entry of the history.
pub(crate) struct Entry<'a> {
    pub(crate) at: Timestamp,
    pub(crate) command_line: &'a str,
    pub(crate) changes: &'a Changes,
    pub(crate) specs: &'a [String],
}

impl Entry<'_> {
    /// Writes the history of `old` with this entry behind it into `stage`.
    pub(crate) fn append(&self, old: Option<&Path>, stage: &Path) -> Result<(), InstallError> {
        let path = |prefix: &Path| prefix.join("conda-meta/history");
        let bytes = old.and_then(|old| fs_err::read(path(old)).ok());
        let mut bytes = bytes.unwrap_or_default();
        if bytes.last().is_some_and(|last| *last != b'\n') {
            bytes.push(b'\n');
        }
        bytes.extend_from_slice(self.render().as_bytes());
        prefix::write_new(&path(stage), &bytes)
    }

    fn render(&self) -> String {
        let mut text = String::new();
        let _ = writeln!(text, "==> {} <==", self.at.strftime("%Y-%m-%d %H:%M:%S"));
        let _ = writeln!(text, "# cmd: {}", one_line(self.command_line));
        let _ = writeln!(text, "# gpuenv version: {}", env!("CARGO_PKG_VERSION"));
        let mut names: Vec<String> = self
            .changes
            .to_unlink()
            .map(|record| format!("-{}", dist(record)))
            .collect();
        names.extend(
            self.changes
                .to_link()
                .map(|record| format!("+{}", dist(record))),
        );
        names.sort_unstable();
        for name in names {
            let _ = writeln!(text, "{name}");
        }
        if !self.specs.is_empty() {
            // A JSON list of texts is what conda reads: a Python literal.
            let specs = serde_json::to_string(self.specs).unwrap_or_default();
            let _ = writeln!(text, "# update specs: {specs}");
        }
        text
    }
}

/// Returns `channel/subdir::name-version-build`, as conda writes a package.
fn dist(record: &RepoDataRecord) -> String {
    let package = &record.package_record;
    let channel = channel::short_name(record.channel.as_deref().unwrap_or_default());
    format!(
        "{channel}/{}::{}-{}-{}",
        package.subdir,
        package.name.as_normalized(),
        package.version,
        package.build
    )
}

fn one_line(text: &str) -> String {
    text.replace(['\n', '\r'], " ")
}
