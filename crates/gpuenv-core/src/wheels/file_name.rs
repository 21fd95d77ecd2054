//! The names of wheel files, which say what a wheel is for.

use rattler_conda_types::{RepoDataRecord, package::DistArchiveType};
use url::Url;

use crate::percent;

/// What the name of a wheel file says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WheelFileName {
    /// The distribution's name, as written.
    pub name: String,
    /// Its version, as written.
    pub version: String,
    /// The build tag: a number and what follows it.
    pub build: Option<(u64, String)>,
    /// The tags of interpreters: `cp312`, `py3`.
    pub pythons: Vec<String>,
    /// The tags of interfaces: `cp312`, `abi3`, `none`.
    pub abis: Vec<String>,
    /// The tags of platforms: `manylinux_2_28_x86_64`, `any`.
    pub platforms: Vec<String>,
}

/// Reads the name of the wheel that a URL points to.
pub fn file_name(url: &Url) -> Option<WheelFileName> {
    let last = url.path_segments()?.next_back()?;
    WheelFileName::parse(&decoded(last)?)
}

/// Returns the name of a package's file as its server has it.
///
/// The cache has a name of its own for a wheel, which says nothing to a user.
pub fn shown_file_name(record: &RepoDataRecord) -> String {
    let is_wheel = matches!(record.identifier.archive_type, DistArchiveType::Wheel(_));
    let last = record.url.path_segments();
    let last = last.and_then(|mut segments| segments.next_back());
    match last.filter(|_| is_wheel) {
        // What cannot be shown as it is stays in its percent signs.
        Some(last) => decoded(last).unwrap_or_else(|| last.to_string()),
        None => record.identifier.to_string(),
    }
}

impl WheelFileName {
    /// Reads a file name: `name-version[-build]-python-abi-platform.whl`.
    pub fn parse(text: &str) -> Option<Self> {
        if text.len() > 1000 || text.contains(['/', '\\']) {
            return None;
        }
        let parts: Vec<&str> = text.strip_suffix(".whl")?.split('-').collect();
        let (name, version, build, tags) = match parts.as_slice() {
            [name, version, python, abi, platform] => {
                (*name, *version, None, [*python, *abi, *platform])
            }
            [name, version, build, python, abi, platform] => {
                let end = build.find(|c: char| !c.is_ascii_digit());
                let (number, rest) = build.split_at(end.unwrap_or(build.len()));
                let build = (number.parse().ok()?, rest.to_string());
                (*name, *version, Some(build), [*python, *abi, *platform])
            }
            _ => return None,
        };
        let [pythons, abis, platforms] = tags.map(|tag| {
            let tags = tag.split('.').map(str::to_ascii_lowercase);
            tags.collect::<Vec<String>>()
        });
        Some(Self {
            name: name.to_string(),
            version: version.to_string(),
            build,
            pythons,
            abis,
            platforms,
        })
    }
}

/// Takes percent signs out; `None` if what remains is not ASCII.
fn decoded(text: &str) -> Option<String> {
    let is_plain = |text: &String| text.bytes().all(|byte| byte.is_ascii_graphic());
    percent::decoded(text).filter(is_plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(url: &str) -> Option<WheelFileName> {
        file_name(&Url::parse(url).unwrap())
    }

    #[test]
    fn a_local_version_comes_out_of_its_percent_signs() {
        let file = of("https://x.example/torch-2.6.0%2Bcu126-cp312-cp312-linux_x86_64.whl#a");
        assert_eq!(file.unwrap().version, "2.6.0+cu126");
    }

    #[test]
    fn what_is_no_wheel_has_no_name() {
        for bad in [
            "https://x.example/docopt-0.6.2.tar.gz",
            "https://x.example/a-1-py3-none.whl",
            "https://x.example/a-1-x-py3-none-any.whl",
            "https://x.example/..%2Fa-1-py3-none-any.whl",
            "https://x.example/a-1-py3-none-any%ff.whl",
            "data:a",
        ] {
            assert_eq!(of(bad), None, "{bad}");
        }
        let build = of("https://x.example/a-1-2b-py2.py3-none-any.whl").unwrap();
        assert_eq!(build.build, Some((2, "b".to_string())));
        assert_eq!(build.pythons, ["py2", "py3"]);
    }
}
