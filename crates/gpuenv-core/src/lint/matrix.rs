//! Which CUDA and cuDNN belong to a release of a framework, by the tables of facts.

use super::{Spot, Subject};
use crate::{
    facts::{Facts, FrameworkBuild},
    fits::SAYS_CUDA,
};

/// A release of TensorFlow with what it was built for.
pub(super) struct Tested<'f> {
    pub(super) build: &'f FrameworkBuild,
}

impl Tested<'_> {
    /// Returns the first two numbers of the release.
    pub(super) fn release(&self) -> (u32, u32) {
        numbers(&self.build.tensorflow.to_string())
    }

    pub(super) fn cuda(&self) -> (u32, u32) {
        numbers(&self.build.cuda.to_string())
    }

    pub(super) fn cudnn(&self) -> (u32, u32) {
        numbers(&self.build.cudnn.to_string())
    }
}

/// Returns the newest tested TensorFlow that a requirement takes.
pub(super) fn newest<'f>(facts: &'f Facts, asked: &Spot, is_wheel: bool) -> Option<Tested<'f>> {
    let takes = |build: &&FrameworkBuild| {
        let text = build.tensorflow.to_string();
        // A table names one patch release of each.
        let (major, minor) = numbers(&text);
        let patches = (0..4).map(|patch| format!("{major}.{minor}.{patch}"));
        patches.chain([text.clone()]).any(|version| match is_wheel {
            true => asked.takes_wheel(&version),
            false => version.parse().is_ok_and(|version| asked.takes(&version)),
        })
    };
    let builds = facts.tensorflow.linux.iter().filter(takes);
    let build = builds.max_by_key(|build| build.tensorflow.clone())?;
    Some(Tested { build })
}

/// Returns the newest tested TensorFlow that a requirement of PyPI takes, up to a release.
pub(super) fn newest_up_to<'f>(
    facts: &'f Facts,
    asked: &Spot,
    last: (u32, u32),
) -> Option<Tested<'f>> {
    let mut newest: Option<Tested<'f>> = None;
    for build in &facts.tensorflow.linux {
        let tested = Tested { build };
        let (major, minor) = tested.release();
        let is_taken = (0..4).any(|patch| asked.takes_wheel(&format!("{major}.{minor}.{patch}")));
        let is_newer = newest
            .as_ref()
            .is_none_or(|newest| newest.release() < (major, minor));
        if (major, minor) <= last && is_taken && is_newer {
            newest = Some(tested);
        }
    }
    newest
}

/// Returns the newest tested TensorFlow for a CUDA and a cuDNN.
pub(super) fn fitting(
    facts: &Facts,
    cuda: Option<(u32, u32)>,
    cudnn: Option<(u32, u32)>,
) -> Option<Tested<'_>> {
    let builds = facts.tensorflow.linux.iter().map(|build| Tested { build });
    let fits = |tested: &Tested<'_>| {
        cuda.is_none_or(|found| serves(found, tested.cuda()))
            && cudnn.is_none_or(|found| serves(found, tested.cudnn()))
    };
    builds.filter(fits).max_by_key(Tested::release)
}

/// Returns whether a library of one version serves a program built for another.
///
/// Within a major version newer libraries serve older programs; before CUDA 11 they did not.
pub(super) fn serves(found: (u32, u32), wanted: (u32, u32)) -> bool {
    match wanted.0 {
        9 | 10 => found == wanted,
        _ => found.0 == wanted.0 && found.1 >= wanted.1,
    }
}

/// Returns the first two numbers of a version.
pub(super) fn numbers(version: &str) -> (u32, u32) {
    let mut parts = version.split('.').map(|part| part.parse().unwrap_or(0));
    (parts.next().unwrap_or(0), parts.next().unwrap_or(0))
}

/// Returns the CUDA that the subject pins, by whichever package.
pub(super) fn pinned_cuda<'s>(subject: &'s Subject<'_>) -> Option<(&'s Spot, (u32, u32))> {
    SAYS_CUDA.iter().find_map(|name| {
        let spot = subject.package(name)?;
        Some((spot, spot.pin()?))
    })
}
