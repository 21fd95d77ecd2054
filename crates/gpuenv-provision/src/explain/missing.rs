//! Names that no channel of the recipe has.

use std::collections::BTreeSet;

use gpuenv_core::{Plan, recipe};
use rattler_conda_types::{PackageName, Subdir};

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

/// Packages that are in a channel of their own, and in which.
const OWN_CHANNELS: &[(&str, &str)] = &[
    ("cucim", "rapidsai"),
    ("cudf", "rapidsai"),
    ("cugraph", "rapidsai"),
    ("cuml", "rapidsai"),
    ("cuspatial", "rapidsai"),
    ("cuvs", "rapidsai"),
    ("dask-cudf", "rapidsai"),
    ("rapids", "rapidsai"),
    ("faiss-gpu", "pytorch"),
    ("pytorch-cuda", "pytorch"),
];

/// Returns the channel that is known to have a package, if it is not among those searched.
pub(crate) fn channel_of(
    wanted: &str,
    platform: Subdir,
    searched: &[String],
) -> Option<&'static str> {
    let known = OWN_CHANNELS.iter().find(|(name, _)| *name == wanted);
    let (_, channel) = known?;
    let is_for = match *channel {
        "rapidsai" => platform.is_linux(),
        _ => platform == Subdir::Linux64,
    };
    let is_new = !searched.iter().any(|searched| searched == channel);
    (is_for && is_new).then_some(channel)
}

/// Returns the known name that the wanted one most likely means.
pub(crate) fn meant<'a>(wanted: &str, known: &BTreeSet<&'a str>) -> Option<&'a str> {
    // It is spelt right, and is elsewhere.
    if OWN_CHANNELS.iter().any(|(name, _)| *name == wanted) {
        return None;
    }
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
