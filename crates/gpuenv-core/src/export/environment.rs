//! conda's `environment.yml`: every package with version and build, wheels below `pip:`.

use std::fmt::Write as _;

use super::{Exported, Part, quoted, requirements};
use crate::channel;

/// Writes it.
pub(super) fn write(part: &Part<'_>) -> Exported {
    let mut text = format!("name: {}\nchannels:\n", quoted(part.name));
    for url in part.channels {
        let _ = writeln!(text, "  - {}", channel::short_name(url));
    }
    // Without it conda adds what is configured on each machine.
    text.push_str("  - nodefaults\ndependencies:\n");
    for record in part.records() {
        let package = &record.package_record;
        let name = package.name.as_normalized();
        let _ = writeln!(text, "  - {name}={}={}", package.version, package.build);
    }
    let has_pip = part
        .records()
        .iter()
        .any(|record| record.package_record.name.as_normalized() == "pip");
    if !part.wheels().is_empty() {
        if !has_pip {
            text.push_str("  - pip\n");
        }
        text.push_str("  - pip:\n");
        for line in requirements::places(part) {
            let _ = writeln!(text, "      - {line}");
        }
        for wheel in part.wheels() {
            let _ = writeln!(text, "      - {}=={}", wheel.name, wheel.version);
        }
    }
    let variables = part.variables();
    if !variables.is_empty() {
        text.push_str("variables:\n");
        for (name, value) in variables {
            let _ = writeln!(text, "  {name}: {}", quoted(value));
        }
    }
    Exported {
        text,
        beside: Vec::new(),
        notes: Vec::new(),
    }
}
