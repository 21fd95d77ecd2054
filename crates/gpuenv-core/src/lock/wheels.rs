//! Wheels as `rattler_lock` has them, so that pixi and its kin read them too.

use rattler_lock::{PackageHashes, PypiDistributionData, PypiPackageData, UrlOrPath, Verbatim};
use url::Url;

use crate::{Wheel, lock::PlatformSettings, wheels};

/// Returns the record of a wheel; the size is no part of it.
pub(super) fn package(wheel: &Wheel) -> Option<PypiPackageData> {
    let data = PypiDistributionData {
        name: wheel.name.parse().ok()?,
        version: wheel.version.parse().ok()?,
        location: Verbatim::new(UrlOrPath::Url(wheel.url.clone())),
        index_url: None,
        hash: Some(PackageHashes::Sha256(wheel.sha256)),
        requires_dist: Vec::new(),
        requires_python: None,
    };
    Some(PypiPackageData::Distribution(Box::new(data)))
}

/// Reads the record of a wheel, or says why it must not be installed.
pub(super) fn read(
    package: &PypiPackageData,
    settings: Option<&PlatformSettings>,
) -> Result<Wheel, &'static str> {
    let PypiPackageData::Distribution(data) = package else {
        return Err("it is source code, which gpuenv does not build");
    };
    let url = match data.location.inner() {
        UrlOrPath::Url(url) => url.clone(),
        UrlOrPath::Path(path) => {
            Url::from_file_path(path.as_str()).map_err(|()| "its path is not absolute")?
        }
    };
    let sha256 = data.hash.as_ref().and_then(PackageHashes::sha256);
    let name = data.name.to_string();
    let wheel = Wheel {
        version: data.version.to_string(),
        url,
        sha256: *sha256.ok_or("it has no sha256, so a download could not be verified")?,
        size: settings.and_then(|known| known.wheel_sizes.get(&name).copied()),
        name,
    };
    match wheel.distrust() {
        Some(reason) => Err(reason),
        None if wheel.record().is_none() => Err("conda cannot write its version"),
        None => Ok(wheel),
    }
}

/// Returns whether a requirement holds with what is locked, where that can be
/// told without a machine: one with a condition may not count there.
pub(super) fn satisfies(
    requirement: &pep508_rs::Requirement,
    locked: &[Wheel],
    provided: &std::collections::BTreeMap<String, wheels::Provided>,
) -> Result<(), Option<String>> {
    let name = match requirement.name.as_ref() {
        // As it was asked for.
        "tensorflow-gpu" => "tensorflow",
        name => name,
    };
    let wheel = locked.iter().find(|wheel| wheel.name == name);
    let found = match (wheel, provided.get(name)) {
        (Some(wheel), _) => wheel.parsed_version(),
        (None, Some(conda)) => conda.version.as_ref().and_then(|text| text.parse().ok()),
        (None, None) if requirement.marker.is_true() => return Err(None),
        (None, None) => return Ok(()),
    };
    let label = wheel.map(Wheel::label);
    match (&requirement.version_or_url, found) {
        (Some(pep508_rs::VersionOrUrl::VersionSpecifier(wanted)), Some(version))
            if !wanted.contains(&version) =>
        {
            Err(label)
        }
        (Some(pep508_rs::VersionOrUrl::Url(wanted)), _) => {
            let is_it = wheel.is_some_and(|wheel| wheel.url.as_str() == wanted.as_str());
            let without_fragment = wanted.as_str().split('#').next();
            let is_it = is_it || wheel.map(|wheel| wheel.url.as_str()) == without_fragment;
            is_it.then_some(()).ok_or(label)
        }
        _ => Ok(()),
    }
}
