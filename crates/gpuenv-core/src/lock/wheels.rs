//! Wheels as `rattler_lock` has them, so that pixi and its kin read them too.

use std::path::Path;

use rattler_lock::{PackageHashes, PypiDistributionData, PypiPackageData, UrlOrPath, Verbatim};
use url::Url;

use crate::{Wheel, lock::PlatformSettings, wheels};

/// Returns the record of a wheel; the size is no part of it.
pub(super) fn package(wheel: &Wheel, folder: Option<&Url>) -> Option<PypiPackageData> {
    let location = match folder.and_then(|folder| relative(&wheel.url, folder)) {
        Some(path) => UrlOrPath::Path(path.as_str().into()),
        None => UrlOrPath::Url(wheel.url.clone()),
    };
    let data = PypiDistributionData {
        name: wheel.name.parse().ok()?,
        version: wheel.version.parse().ok()?,
        location: Verbatim::new(location),
        index_url: wheel.index.clone(),
        hash: Some(PackageHashes::Sha256(wheel.sha256)),
        requires_dist: Vec::new(),
        requires_python: None,
    };
    Some(PypiPackageData::Distribution(Box::new(data)))
}

/// Returns the path from a folder to a file in it, or in the folder around it.
fn relative(file: &Url, folder: &Url) -> Option<String> {
    if file.scheme() != "file" {
        return None;
    }
    let (file, folder) = (file.to_file_path().ok()?, folder.to_file_path().ok()?);
    let below = |folder: &Path, start: &str| {
        let rest = file.strip_prefix(folder).ok()?;
        let names: Option<Vec<&str>> = rest.iter().map(|name| name.to_str()).collect();
        Some(format!("{start}/{}", names?.join("/")))
    };
    // Below the root lies everything, which would say nothing.
    let around = folder.parent().filter(|around| around.parent().is_some());
    below(&folder, ".").or_else(|| below(around?, ".."))
}

/// Returns the URL of a path that a lock names.
fn absolute(path: &str, folder: Option<&Url>) -> Option<Url> {
    if let Ok(url) = Url::from_file_path(path) {
        return Some(url);
    }
    let mut url = folder?.clone();
    let mut segments = url.path_segments_mut().ok()?;
    segments.pop_if_empty();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(segments.pop()),
            name => drop(segments.push(name)),
        }
    }
    drop(segments);
    Some(url)
}

/// Reads the record of a wheel, or says why it must not be installed.
pub(super) fn read(
    package: &PypiPackageData,
    settings: Option<&PlatformSettings>,
    folder: Option<&Url>,
) -> Result<Wheel, &'static str> {
    let PypiPackageData::Distribution(data) = package else {
        return Err("it is source code, which gpuenv does not build");
    };
    let url = match data.location.inner() {
        UrlOrPath::Url(url) => url.clone(),
        UrlOrPath::Path(path) => {
            absolute(path.as_str(), folder).ok_or("its path is not absolute")?
        }
    };
    let sha256 = data.hash.as_ref().and_then(PackageHashes::sha256);
    let name = data.name.to_string();
    let wheel = Wheel {
        version: data.version.to_string(),
        url,
        sha256: *sha256.ok_or("it has no sha256, so a download could not be verified")?,
        index: data
            .index_url
            .clone()
            .filter(|index| !wheels::is_pypi(index)),
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wheel_beside_the_lock_moves_with_it() {
        let url = |text: &str| Url::parse(text).unwrap();
        let folder = url("file:///home/a%20b/project/");
        for (file, path) in [
            ("file:///home/a%20b/project/w/x%23.whl", Some("./w/x#.whl")),
            ("file:///home/a%20b/w/x.whl", Some("../w/x.whl")),
            ("file:///home/w/x.whl", None),
            ("https://x.example/x.whl", None),
        ] {
            assert_eq!(relative(&url(file), &folder).as_deref(), path);
            if let Some(path) = path {
                assert_eq!(absolute(path, Some(&folder)), Some(url(file)));
            }
        }
        assert_eq!(relative(&url("file:///w/x.whl"), &url("file:///p/")), None);
        assert_eq!(absolute("./x.whl", None), None);
        let moved = url("file:///other/");
        assert_eq!(
            absolute("./w/x.whl", Some(&moved)),
            Some(url("file:///other/w/x.whl"))
        );
    }
}
