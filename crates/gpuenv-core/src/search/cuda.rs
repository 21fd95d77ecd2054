//! Which CUDA a build was made for, as far as its record says.
//!
//! `cuda112py310h…`, `cuda11.7_cudnn8.5.0_0` and `py39_cu121` say it in the build
//! string; others by the versions of CUDA's own packages that they take.

use std::{fmt, str::FromStr};

use rattler_conda_types::{ParseStrictness, RepoDataRecord, Version, VersionSpec};
use serde_json::{Value, json};

use super::SearchError;
use crate::{
    builds::{Kind, Rules},
    fits::CUDA_ITSELF,
    solution,
};

/// Packages of CUDA's making that count their versions on their own.
const OWN_VERSIONS: [&str; 5] = [
    "cuda-bindings",
    "cuda-core",
    "cuda-pathfinder",
    "cuda-python",
    "cuda-cccl",
];

/// No CUDA that can be met is older or newer: a guard against other numbers.
const MAJORS: std::ops::Range<u64> = 6..50;

/// Which CUDA a build was made for.
#[derive(Debug, Clone, PartialEq)]
pub enum MadeFor {
    /// For CUDA.
    Cuda {
        /// As short as can be: `11.2`, `12`, `>=12.6,<13`; nothing if not told.
        text: Option<String>,
        /// The versions it takes, all of which must hold.
        takes: Vec<VersionSpec>,
        /// The one version that it names, where it says nothing of a range.
        exact: Option<(u64, Option<u64>)>,
    },
    /// For the CPU, and there may be others for CUDA.
    Cpu,
    /// It says nothing of CUDA.
    Nothing,
}

impl MadeFor {
    /// Returns the facts of it.
    pub(super) fn facts(&self) -> Value {
        match self {
            MadeFor::Cuda { text, .. } => json!({ "kind": "cuda", "version": text }),
            MadeFor::Cpu => json!({ "kind": "cpu", "version": null }),
            MadeFor::Nothing => Value::Null,
        }
    }
}

impl fmt::Display for MadeFor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            MadeFor::Cuda { text: None, .. } => f.write_str("yes"),
            MadeFor::Cuda {
                text: Some(text), ..
            } => f.write_str(text),
            MadeFor::Cpu => f.write_str("cpu"),
            MadeFor::Nothing => f.write_str("-"),
        }
    }
}

/// The version of CUDA that is asked for: `12.4`, or any `12`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CudaAsked {
    major: u64,
    minor: Option<u64>,
}

impl FromStr for CudaAsked {
    type Err = SearchError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let refuse = || SearchError::BadCuda {
            text: text.to_string(),
        };
        let mut numbers = text.trim().trim_end_matches(".*").split('.');
        let number = |word: Option<&str>| -> Result<Option<u64>, SearchError> {
            let Some(word) = word else { return Ok(None) };
            word.parse().map(Some).map_err(|_| refuse())
        };
        let major = number(numbers.next())?.filter(|major| MAJORS.contains(major));
        let minor = number(numbers.next())?.filter(|minor| *minor < 100);
        // `11.2.1` is CUDA 11.2.
        number(numbers.next())?;
        let major = major.ok_or_else(refuse)?;
        match numbers.next() {
            None => Ok(Self { major, minor }),
            Some(_) => Err(refuse()),
        }
    }
}

impl fmt::Display for CudaAsked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.minor {
            Some(minor) => write!(f, "{}.{minor}", self.major),
            None => write!(f, "{}", self.major),
        }
    }
}

impl CudaAsked {
    /// Returns whether a build can stand beside this CUDA.
    pub fn fits(&self, made_for: &MadeFor) -> bool {
        let MadeFor::Cuda { takes, exact, .. } = made_for else {
            return false;
        };
        if takes.is_empty() {
            let Some((major, minor)) = exact else {
                return false;
            };
            let same = |a: Option<u64>, b: Option<u64>| a.is_none() || b.is_none() || a == b;
            return *major == self.major && same(*minor, self.minor);
        }
        let minors = match self.minor {
            Some(minor) => minor..minor + 1,
            None => 0..30,
        };
        let versions =
            minors.filter_map(|minor| format!("{}.{minor}", self.major).parse::<Version>().ok());
        versions
            .into_iter()
            .any(|version| takes.iter().all(|spec| spec.matches(&version)))
    }
}

/// Returns which CUDA a build was made for.
pub fn made_for(record: &RepoDataRecord, rules: &Rules<'_>) -> MadeFor {
    let package = &record.package_record;
    let name = package.name.as_normalized();
    let own = package.version.as_major_minor();
    let is_itself = CUDA_ITSELF.contains(&name);
    if let Some((major, minor)) = own.filter(|_| is_itself || is_part(name))
        && MAJORS.contains(&major)
        && (is_itself || demands(&package.depends).is_empty())
    {
        return exactly(major, Some(minor), Vec::new());
    }
    let built = in_build(package.build.as_str());
    let mut texts = demands(&package.depends);
    if texts.is_empty() {
        texts = demands(&package.constrains);
    }
    let takes = specs(&texts);
    match built {
        Some((major, minor)) if minor.is_some() || texts.is_empty() => {
            return exactly(major, minor, takes);
        }
        _ => {}
    }
    if !texts.is_empty() {
        return MadeFor::Cuda {
            text: texts
                .iter()
                .map(|text| short(text))
                .max_by_key(|text| precision(text)),
            takes,
            exact: None,
        };
    }
    match rules.kind(record) {
        Kind::Cpu => MadeFor::Cpu,
        Kind::Cuda => {
            let all = package.depends.iter().chain(&package.constrains);
            let driver: Vec<String> = all.filter_map(|text| version_of(text, "__cuda")).collect();
            MadeFor::Cuda {
                text: driver.first().map(|text| short(text)),
                takes: specs(&driver),
                exact: None,
            }
        }
        Kind::Plain => MadeFor::Nothing,
    }
}

fn exactly(major: u64, minor: Option<u64>, takes: Vec<VersionSpec>) -> MadeFor {
    let text = match minor {
        Some(minor) => format!("{major}.{minor}"),
        None => major.to_string(),
    };
    MadeFor::Cuda {
        text: Some(text),
        takes,
        exact: Some((major, minor)),
    }
}

/// Returns whether a package is a part of CUDA that has CUDA's version.
fn is_part(name: &str) -> bool {
    name == "cuda" || (name.starts_with("cuda-") && !OWN_VERSIONS.contains(&name))
}

/// Returns what is said of the versions of CUDA.
fn demands(texts: &[String]) -> Vec<String> {
    let of_cuda = texts.iter().filter_map(|text| {
        let name = CUDA_ITSELF
            .into_iter()
            .find(|name| solution::name_of(text) == *name)?;
        version_of(text, name)
    });
    of_cuda.collect()
}

/// Returns the version part of `NAME VERSION BUILD`, where there is one.
fn version_of(text: &str, name: &str) -> Option<String> {
    if solution::name_of(text) != name {
        return None;
    }
    let version = text[name.len()..].split_whitespace().next()?;
    (version != "*").then(|| version.to_string())
}

fn specs(texts: &[String]) -> Vec<VersionSpec> {
    let specs = texts
        .iter()
        .filter_map(|text| VersionSpec::from_str(text, ParseStrictness::Lenient).ok());
    specs.collect()
}

/// The shortest text says the most, but for one that names a minor version.
fn precision(text: &str) -> (bool, std::cmp::Reverse<usize>) {
    (text.contains('.'), std::cmp::Reverse(text.len()))
}

/// Returns a version spec as short as can be.
fn short(text: &str) -> String {
    let parts: Vec<&str> = text.split([',', '|']).map(str::trim).collect();
    let bound = |sign: &str| {
        let part = parts.iter().find_map(|part| part.strip_prefix(sign))?;
        numbers(part.trim_start_matches('='))
    };
    let is_range = text.contains(',') && !text.contains('|');
    if is_range && let (Some(low), Some(high)) = (bound(">"), bound("<")) {
        match (low, high) {
            ((major, 0 | u64::MAX), (above, 0 | u64::MAX)) if above == major + 1 => {
                return major.to_string();
            }
            ((major, minor), (above, 0 | u64::MAX)) if above == major + 1 => {
                return format!(">={major}.{minor},<{above}");
            }
            ((major, minor), (same, above))
                if same == major && minor.checked_add(1) == Some(above) =>
            {
                return format!("{major}.{minor}");
            }
            _ => {}
        }
    }
    // `11.2|11.2.*` and `=11.2` are one version.
    let versions: Vec<_> = parts
        .iter()
        .map(|part| numbers(part.trim_start_matches('=')))
        .collect();
    match versions.first() {
        Some(Some(first)) if versions.iter().all(|other| *other == Some(*first)) => match first {
            (major, u64::MAX) => major.to_string(),
            (major, minor) => format!("{major}.{minor}"),
        },
        _ => text.to_string(),
    }
}

/// Reads `11.2`, `11.2.*`, `11.*` and `13.0a0`; a missing second number is the largest.
fn numbers(text: &str) -> Option<(u64, u64)> {
    let mut words = text.split('.');
    let major = words.next()?.parse().ok()?;
    let minor = match words.next() {
        None | Some("*") => u64::MAX,
        Some(word) => {
            let digits = word
                .find(|c: char| !c.is_ascii_digit())
                .unwrap_or(word.len());
            word[..digits].parse().ok()?
        }
    };
    Some((major, minor))
}

/// Returns the version of CUDA in a build string.
fn in_build(build: &str) -> Option<(u64, Option<u64>)> {
    let mut words = build.split(['_', '-']).peekable();
    while let Some(word) = words.next() {
        let rest = match word
            .strip_prefix("cuda")
            .or_else(|| word.strip_prefix("cu"))
        {
            Some("") => words.peek().copied().unwrap_or_default(),
            Some(rest) => rest,
            None => continue,
        };
        let end = rest
            .find(|c: char| !c.is_ascii_digit() && c != '.')
            .unwrap_or(rest.len());
        if let Some(found) = version_in(rest[..end].trim_end_matches('.')) {
            return Some(found);
        }
    }
    None
}

/// Reads `11.2`, `112`, `92` and `12`.
fn version_in(text: &str) -> Option<(u64, Option<u64>)> {
    let (major, minor): (u64, Option<u64>) = match text.split_once('.') {
        Some((major, rest)) => {
            let minor = rest.split('.').next()?;
            (major.parse().ok()?, minor.parse().ok())
        }
        None => match text.parse::<u64>().ok()? {
            // Two digits were enough before CUDA 10.
            number @ (75 | 80..=92) => (number / 10, Some(number % 10)),
            number @ 10..=49 => (number, None),
            number @ 100..=499 => (number / 10, Some(number % 10)),
            _ => return None,
        },
    };
    MAJORS.contains(&major).then_some((major, minor))
}
