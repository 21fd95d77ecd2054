//! `conda-lock.yml`, version 1.

use std::fmt::Write as _;

use rattler_digest::{Sha256, compute_bytes_digest};

use super::{Exported, Part, quoted};
use crate::{channel, solution};

/// Writes it.
pub(super) fn write(parts: &[Part<'_>]) -> Exported {
    let mut text = String::from("version: 1\nmetadata:\n  content_hash:\n");
    for part in parts {
        // conda-lock compares it with the hash of its own sources, and locks anew where they differ.
        let records = part.records().iter().map(|record| record.url.to_string());
        let wheels = part.wheels().iter().map(|wheel| wheel.url.to_string());
        let urls: Vec<String> = records.chain(wheels).collect();
        let hash = hex::encode(compute_bytes_digest::<Sha256>(urls.join("\n")));
        let _ = writeln!(text, "    {}: {hash}", part.platform);
    }
    text.push_str("  channels:\n");
    let channels = parts.first().map(|part| part.channels).unwrap_or_default();
    for url in channels {
        let _ = writeln!(
            text,
            "  - url: {}\n    used_env_vars: []",
            quoted(channel::short_name(url))
        );
    }
    text.push_str("  platforms:\n");
    for part in parts {
        let _ = writeln!(text, "  - {}", part.platform);
    }
    let name = parts.first().map_or("gpuenv", |part| part.name);
    let _ = writeln!(
        text,
        "  sources:\n  - {}\npackage:",
        quoted(&format!("{name}.yaml"))
    );
    for part in parts {
        for record in part.records() {
            conda(&mut text, part, record);
        }
        for wheel in part.wheels() {
            let _ = writeln!(
                text,
                "- name: {}\n  version: {}\n  manager: pip\n  platform: {}",
                quoted(&wheel.name),
                quoted(&wheel.version),
                part.platform
            );
            let _ = writeln!(
                text,
                "  dependencies: {{}}\n  url: {}\n  hash:\n    sha256: {}",
                quoted(wheel.url.as_str()),
                hex::encode(wheel.sha256)
            );
            text.push_str("  category: main\n  optional: false\n");
        }
    }
    Exported {
        text,
        beside: Vec::new(),
        notes: Vec::new(),
    }
}

fn conda(text: &mut String, part: &Part<'_>, record: &rattler_conda_types::RepoDataRecord) {
    let package = &record.package_record;
    let _ = writeln!(
        text,
        "- name: {}\n  version: {}\n  manager: conda\n  platform: {}",
        quoted(package.name.as_normalized()),
        quoted(&package.version.to_string()),
        part.platform
    );
    let mut depends: Vec<(String, String)> = Vec::new();
    for dependency in &package.depends {
        let name = solution::name_of(dependency);
        let rest = dependency[name.len()..].trim().to_string();
        // conda-lock keeps one spec for each name, and no virtual packages.
        if !name.starts_with("__") && depends.iter().all(|(known, _)| known != name) {
            depends.push((name.to_string(), rest));
        }
    }
    match depends.is_empty() {
        true => text.push_str("  dependencies: {}\n"),
        false => {
            text.push_str("  dependencies:\n");
            for (name, spec) in depends {
                let _ = writeln!(text, "    {}: {}", quoted(&name), quoted(&spec));
            }
        }
    }
    let _ = writeln!(text, "  url: {}\n  hash:", quoted(record.url.as_str()));
    if let Some(md5) = package.md5 {
        let _ = writeln!(text, "    md5: {}", quoted(&hex::encode(md5)));
    }
    if let Some(sha256) = package.sha256 {
        let _ = writeln!(text, "    sha256: {}", quoted(&hex::encode(sha256)));
    }
    text.push_str("  category: main\n  optional: false\n");
}
