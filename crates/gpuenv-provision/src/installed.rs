//! What is installed at a prefix, whoever installed it: package records and wheels.

use std::path::{Path, PathBuf};

use gpuenv_core::graph::PlainWheel;
use rattler_conda_types::{RepoDataRecord, package::DistArchiveType};

use crate::{
    facts::root::{names, text},
    prefix,
};

/// No honest metadata of a wheel are longer.
const LONGEST: u64 = 1 << 20;

/// So many wheels are looked at.
const MOST_WHEELS: usize = 5_000;

/// What is installed at a prefix.
#[derive(Debug, Clone, Default)]
pub struct Installed {
    /// The conda packages.
    pub records: Vec<RepoDataRecord>,
    /// The wheels that were installed as packages of a lock.
    pub wheel_records: Vec<RepoDataRecord>,
    /// Every wheel in the site directory but those that belong to conda packages.
    pub wheels: Vec<PlainWheel>,
    /// The match specs that the user asked for, as conda and its kin remember them.
    pub requested: Vec<String>,
    /// Files below `conda-meta` that are no package record.
    pub damaged: Vec<String>,
}

/// Reads what is installed at a prefix.
pub fn read(prefix: &Path) -> Installed {
    let found = prefix::read_records(prefix);
    let mut installed = Installed {
        damaged: found.damaged,
        ..Installed::default()
    };
    let mut of_conda: Vec<PathBuf> = Vec::new();
    for record in found.packages {
        #[expect(deprecated, reason = "conda before 24.11 and pixi write only this one")]
        let single = record.requested_spec;
        let mut specs = record.requested_specs;
        specs.extend(single);
        let repodata = record.repodata_record;
        match repodata.identifier.archive_type {
            DistArchiveType::Conda(_) => {
                let paths = record.paths_data.paths.into_iter();
                let metadata = paths.map(|entry| entry.relative_path);
                of_conda.extend(metadata.filter(|path| is_metadata(path)));
                // `None` is what some tools write where nothing was asked for.
                specs.retain(|spec| !spec.is_empty() && spec != "None");
                installed.requested.append(&mut specs);
                installed.records.push(repodata);
            }
            DistArchiveType::Wheel(_) => installed.wheel_records.push(repodata),
        }
    }
    installed.requested.sort();
    installed.requested.dedup();
    for site in sites(prefix) {
        let names = names(&site);
        let directories = names.iter().filter(|name| name.ends_with(".dist-info"));
        for directory in directories.take(MOST_WHEELS) {
            let file = site.join(directory).join("METADATA");
            let relative = file.strip_prefix(prefix).unwrap_or(&file);
            if !of_conda.iter().any(|path| path == relative) {
                installed
                    .wheels
                    .extend(text(&file, LONGEST).map(|text| wheel(&text)));
            }
        }
    }
    installed.wheels.sort_by(|a, b| a.name.cmp(&b.name));
    installed
}

fn is_metadata(path: &Path) -> bool {
    let folder = path.parent().and_then(Path::file_name);
    path.ends_with("METADATA")
        && folder.is_some_and(|f| f.to_string_lossy().ends_with(".dist-info"))
}

/// Returns the directories with Python's packages.
fn sites(prefix: &Path) -> Vec<PathBuf> {
    let of_unix = names(&prefix.join("lib")).into_iter();
    let of_unix = of_unix
        .filter(|name| name.starts_with("python3."))
        .map(|name| prefix.join("lib").join(name).join("site-packages"));
    let of_windows = prefix.join("Lib").join("site-packages");
    let mut sites: Vec<PathBuf> = of_unix.collect();
    // Where letters have no case, `lib` is `Lib`.
    if sites.is_empty() {
        sites.push(of_windows);
    }
    sites
}

/// Reads the head of a wheel's metadata; its description comes behind an empty line.
fn wheel(text: &str) -> PlainWheel {
    let mut wheel = PlainWheel::default();
    for line in text.lines().take_while(|line| !line.trim().is_empty()) {
        let Some((key, value)) = line.split_once(':') else {
            continue;
        };
        let value = value.trim().to_string();
        match key {
            "Name" => wheel.name = value,
            "Version" => wheel.version = value,
            "Requires-Dist" => wheel.requires.push(value),
            _ => {}
        }
    }
    wheel
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_head_of_the_metadata_says_what_a_wheel_needs() {
        let text = "Metadata-Version: 2.1\nName: Demo_Tool\nVersion: 1.2\n\
                    Requires-Dist: numpy (<2,>=1.20) ; python_version >= \"3.9\"\n\
                    \nName: not this\nRequires-Dist: nor this\n";
        let wheel = wheel(text);
        assert_eq!(
            (wheel.name.as_str(), wheel.version.as_str()),
            ("Demo_Tool", "1.2")
        );
        assert_eq!(
            wheel.requires,
            ["numpy (<2,>=1.20) ; python_version >= \"3.9\""]
        );
    }
}
