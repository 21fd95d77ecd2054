//! Names that no channel of the recipe has.

use std::collections::BTreeSet;

use gpuenv_core::{Plan, recipe};
use rattler_conda_types::PackageName;

use crate::{
    index::{ChannelPlace, Index},
    solve::SolveError,
};

/// Names that packages have elsewhere, and what conda-forge calls them.
const ELSEWHERE: &[(&str, &str)] = &[
    ("cupy-cuda11x", "cupy"),
    ("cupy-cuda12x", "cupy"),
    ("cupy-cuda13x", "cupy"),
    ("nvidia-cudnn-cu11", "cudnn"),
    ("nvidia-cudnn-cu12", "cudnn"),
    ("nvidia-nccl-cu12", "nccl"),
    ("opencv-python", "py-opencv"),
    ("torch", "pytorch"),
];

/// Returns the known name that the wanted one most likely means.
pub(crate) fn meant<'a>(wanted: &str, known: &BTreeSet<&'a str>) -> Option<&'a str> {
    let elsewhere = ELSEWHERE.iter().find(|(name, _)| *name == wanted);
    elsewhere
        .and_then(|(_, here)| known.get(here).copied())
        .or_else(|| recipe::suggest(wanted, known.iter().copied()))
}

/// Refuses a plan that names a package which no channel has.
pub(crate) fn require_packages(plan: &Plan, index: &Index) -> Result<(), SolveError> {
    let known: BTreeSet<&PackageName> = index.records().map(|r| &r.package_record.name).collect();
    for dependency in &plan.dependencies {
        let Some(name) = dependency.spec.name.as_exact() else {
            continue;
        };
        // A virtual package that the target lacks is no misspelt name.
        if !known.contains(name) && !name.as_normalized().starts_with("__") {
            let channels = index.places.iter().map(ChannelPlace::short_name);
            return Err(SolveError::NoSuchPackage {
                name: name.as_normalized().to_string(),
                channels: channels.map(str::to_string).collect(),
                platform: plan.platform(),
                place: dependency.place.clone(),
                meant: None,
                elsewhere: Vec::new(),
            });
        }
    }
    Ok(())
}
