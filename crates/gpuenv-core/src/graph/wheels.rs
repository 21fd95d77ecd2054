//! What wheels need, by the requirements in their metadata.
//!
//! A requirement counts where its condition holds for this Python, this platform
//! and the extras that somebody asked for: `tensorflow[and-cuda]` makes its
//! `nvidia-…` requirements count.

use std::collections::{BTreeMap, BTreeSet};

use pep508_rs::{ExtraName, MarkerEnvironment, MarkerEnvironmentBuilder, Requirement};
use rattler_conda_types::Subdir;

use super::{Graph, contents::Kind};
use crate::{recipe, wheels};

/// Returns which wheel needs what: from, to, and the requirement as written.
pub(super) fn edges(graph: &Graph) -> Vec<(usize, usize, String)> {
    let wheels: Vec<usize> = (0..graph.packages.len())
        .filter(|index| graph.packages[*index].kind == Kind::Wheel)
        .collect();
    let read = |text: &String| Some((text.clone(), recipe::wheel(text).ok()?));
    let requirements: BTreeMap<usize, Vec<(String, Requirement)>> = wheels
        .iter()
        .map(|index| {
            let texts = graph.packages[*index].needs.iter();
            (*index, texts.filter_map(read).collect())
        })
        .collect();
    let environment = environment(graph);
    let provided = provided(graph);
    // What is asked for, with the extras; grows until nothing new is asked for.
    let mut extras: BTreeMap<usize, BTreeSet<ExtraName>> = BTreeMap::new();
    for (line, index) in &graph.lines {
        if let (true, Some(index), Ok(asked)) = (line.wheel, index, recipe::wheel(&line.text)) {
            extras.entry(*index).or_default().extend(asked.extras);
        }
    }
    let mut edges: BTreeSet<(usize, usize, String)> = BTreeSet::new();
    let mut open = wheels;
    while let Some(from) = open.pop() {
        let of_wheel: Vec<ExtraName> = extras.get(&from).into_iter().flatten().cloned().collect();
        for (text, requirement) in requirements.get(&from).into_iter().flatten() {
            let counts = match &environment {
                Some(environment) => requirement.evaluate_markers(environment, &of_wheel),
                None => {
                    let marker = &requirement.marker;
                    marker.evaluate_optional_environment(None, &of_wheel)
                }
            };
            let name = requirement.name.to_string();
            let to = graph.wheel(&name).or_else(|| provided.get(&name).copied());
            let Some(to) = to.filter(|_| counts) else {
                continue;
            };
            edges.insert((from, to, text.clone()));
            let known = extras.entry(to).or_default();
            let before = known.len();
            known.extend(requirement.extras.iter().cloned());
            if known.len() > before && !open.contains(&to) {
                open.push(to);
            }
        }
    }
    edges.into_iter().collect()
}

/// Returns the conda packages that hold a distribution, by the distribution's name.
fn provided(graph: &Graph) -> BTreeMap<String, usize> {
    let mut provided = BTreeMap::new();
    for (index, package) in graph.packages.iter().enumerate() {
        if package.kind != Kind::Conda {
            continue;
        }
        let needs = package.needs.iter().map(String::as_str);
        for name in wheels::distributions(&package.name, needs) {
            provided.insert(name, index);
        }
    }
    provided
}

/// Returns the Python that conditions are about, where there is one.
fn environment(graph: &Graph) -> Option<MarkerEnvironment> {
    let python = &graph.packages[graph.conda("python")?];
    let short: Vec<&str> = python.version.split('.').take(2).collect();
    let short = short.join(".");
    let platform = graph.platform?;
    let (os, system, sys) = match platform {
        platform if platform.is_windows() => ("nt", "Windows", "win32"),
        platform if platform.is_osx() => ("posix", "Darwin", "darwin"),
        _ => ("posix", "Linux", "linux"),
    };
    let machine = match platform {
        Subdir::Linux64 | Subdir::Osx64 => "x86_64",
        Subdir::Win64 => "AMD64",
        Subdir::OsxArm64 => "arm64",
        Subdir::WinArm64 => "ARM64",
        Subdir::LinuxAarch64 => "aarch64",
        other => other.as_str().rsplit('-').next().unwrap_or_default(),
    };
    MarkerEnvironment::try_from(MarkerEnvironmentBuilder {
        implementation_name: "cpython",
        implementation_version: &python.version,
        os_name: os,
        platform_machine: machine,
        platform_python_implementation: "CPython",
        platform_release: "",
        platform_system: system,
        platform_version: "",
        python_full_version: &python.version,
        python_version: &short,
        sys_platform: sys,
    })
    .ok()
}
