//! One requirement as pip takes it: a name, or the address of something.

use super::{At, WheelLine, reading::Reading};
use crate::wheels;

/// Takes a requirement, or says why a recipe cannot hold it.
pub(super) fn requirement(
    reading: &mut Reading<'_>,
    mut line: WheelLine,
    condition: Option<String>,
    at: At,
) {
    let text = line.text.clone();
    if text.contains('$') {
        let message = format!("`{text}` depends on an environment variable of the machine");
        return reading.lost(at, message, "write the value itself into the recipe");
    }
    let named = text.split_once('@');
    let named = named.filter(|(name, _)| !name.contains(['/', '+', ':']));
    let address = named.map_or(text.as_str(), |(_, address)| address).trim();
    if super::secret::holds_secret(address) {
        return reading.secret(at, "this address");
    }
    if ["git+", "hg+", "svn+", "bzr+"]
        .iter()
        .any(|scheme| address.starts_with(scheme))
    {
        let help = "take a release: write its name and version into `pypi-dependencies`";
        let message = format!("`{text}` is source code of a repository, and gpuenv locks files");
        return reading.lost(at, message, help);
    }
    let is_path = address.starts_with(['.', '/', '~']) || address.starts_with("file:");
    let is_path =
        is_path || (!text.contains("://") && (text.ends_with(".whl") || text.contains('\\')));
    if is_path {
        let message = format!("`{text}` is a path of this machine");
        return reading.lost(at, message, "publish the package, or install it afterwards");
    }
    if !text.contains("://") {
        return reading.wheel(line, condition, at);
    }
    let (address, marker) = match address
        .split_once(" ;")
        .or_else(|| address.split_once("; "))
    {
        Some((address, marker)) => (address.trim(), Some(marker.trim())),
        None => (address, None),
    };
    let (address, fragment) = address.split_once('#').unwrap_or((address, ""));
    let fragment = fragment.strip_prefix("sha256=");
    let file = url::Url::parse(address).ok();
    let file = file
        .filter(|url| url.scheme() == "https")
        .and_then(|url| wheels::file_name(&url));
    let Some(file) = file else {
        let is_source = [".tar.gz", ".zip", ".tar.bz2", ".tgz"]
            .iter()
            .any(|end| address.ends_with(end));
        return match is_source {
            true => reading.lost(
                at,
                format!("`{address}` is source code, which gpuenv does not build"),
                "write the name and version of a release that has wheels",
            ),
            false => reading.bad_entry(
                at,
                address,
                "its URL is not `https://…` with a wheel at its end",
                "write the name and version of a package of the index",
            ),
        };
    };
    let hash = fragment.map(|hash| format!("#sha256={}", hash.to_ascii_lowercase()));
    let hash = hash.unwrap_or_default();
    let name = named.map_or(file.name.as_str(), |(name, _)| name.trim());
    line.text = match marker {
        Some(marker) => format!("{name} @ {address}{hash} ; {marker}"),
        None => format!("{name} @ {address}{hash}"),
    };
    line.url = Some(address.to_string());
    reading.wheel(line, condition, at);
}
