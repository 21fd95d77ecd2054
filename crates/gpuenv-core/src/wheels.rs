//! Wheels: exact files, for one machine, beside the conda packages.
//!
//! Which versions fit together is uv's to say; everything else is decided here:
//! which file of a version is for the target, what must not be combined, and
//! what a wheel looks like to the installer.

mod builds;
mod contents;
mod file_name;
mod installed_record;
mod names;
mod pylock;
mod rules;
mod tags;

use pep508_rs::{PackageName as DistributionName, pep440_rs};
use rattler_conda_types::{
    NoArchType, PackageName, PackageRecord, RepoDataRecord, Version,
    package::{ArchiveIdentifier, BuildString, DistArchiveIdentifier, WheelArchiveType},
};
use rattler_digest::Sha256Hash;
use url::Url;

pub use builds::{CpuOnly, check_builds, cpu_only, notes};
pub use contents::{MAX_RECORD_BYTES, Written, check_record};
pub use file_name::{WheelFileName, file_name, shown_file_name};
pub use installed_record::{Brought, installed_record, is_record};
pub use names::{Provided, distributions, provided};
pub use pylock::{BadPylock, Candidate, Distribution, parse as parse_pylock};
pub use rules::{
    Asked, WheelError, asked, bound_note, check_combination, check_installable, check_together,
    choose, numpy_bound, python,
};
pub use tags::{Machine, Rank};

/// The largest answer of uv that is read, in bytes.
pub const MAX_BYTES: usize = 64 << 20;

/// One wheel: an exact file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wheel {
    /// The distribution's name, normalised as PEP 503 has it.
    pub name: String,
    /// Its version, normalised as PEP 440 has it.
    pub version: String,
    /// Where the file is.
    pub url: Url,
    /// The index that it is from, where that is known and not PyPI.
    pub index: Option<Url>,
    /// The file's hash.
    pub sha256: Sha256Hash,
    /// The file's size in bytes, where the index says it.
    pub size: Option<u64>,
}

impl Wheel {
    /// Returns `name version`.
    pub fn label(&self) -> String {
        format!("{} {}", self.name, self.version)
    }

    /// Returns the version for comparisons.
    pub fn parsed_version(&self) -> Option<pep440_rs::Version> {
        self.version.parse().ok()
    }

    /// Returns the wheel as a package that the installer takes.
    ///
    /// The build names the file, since wheels of one version differ by platform
    /// and share one cache.
    pub fn record(&self) -> Option<RepoDataRecord> {
        let version: Version = self.version.parse().ok()?;
        let build = format!("pypi_{}", &hex::encode(self.sha256)[..8]);
        let name = PackageName::new_unchecked(self.name.as_str());
        let build_string = BuildString::new_unchecked(build.as_str());
        let mut package = PackageRecord::new(name, version, build_string);
        package.noarch = NoArchType::python();
        package.subdir = "noarch".to_string();
        package.depends = vec!["python".to_string()];
        package.sha256 = Some(self.sha256);
        package.size = self.size;
        let identifier = ArchiveIdentifier {
            name: self.name.clone(),
            version: self.version.clone(),
            build_string: build,
        };
        Some(RepoDataRecord {
            package_record: package,
            identifier: DistArchiveIdentifier::new(identifier, WheelArchiveType::Whl),
            url: self.url.clone(),
            channel: Some(CHANNEL.to_string()),
        })
    }

    /// Returns why the wheel must not be installed, if its file is not named
    /// safely and unmistakably.
    pub fn distrust(&self) -> Option<&'static str> {
        if !matches!(self.url.scheme(), "http" | "https" | "file") {
            return Some("its URL can only be http, https or file");
        }
        if !self.url.username().is_empty() || self.url.password().is_some() {
            return Some("its URL holds credentials");
        }
        let Some(file) = file_name(&self.url) else {
            return Some("it is no wheel");
        };
        let version = self.parsed_version();
        let is_normal = version.as_ref().map(ToString::to_string).as_ref() == Some(&self.version);
        if !is_normal || normalized(&self.name).as_ref() != Some(&self.name) {
            return Some("its name or version is not in the normal form");
        }
        if normalized(&file.name).as_ref() != Some(&self.name)
            || file.version.parse::<pep440_rs::Version>().ok() != version
        {
            return Some("its URL names another file");
        }
        None
    }
}

/// Returns whether two texts are one version, as PEP 440 compares them.
pub fn same_version(one: &str, other: &str) -> bool {
    let parsed = |text: &str| text.parse::<pep440_rs::Version>().ok();
    parsed(one).is_some_and(|version| Some(version) == parsed(other))
}

/// PyPI's own index, as uv writes it.
pub const PYPI: &str = "https://pypi.org/simple";

/// Returns whether an index is PyPI, which a lock does not name.
pub fn is_pypi(index: &Url) -> bool {
    index.as_str().trim_end_matches('/') == PYPI
}

/// The channel that packages made of wheels say they come from.
pub const CHANNEL: &str = "pypi";

/// Returns a distribution's name as PEP 503 normalises it, if it is one.
pub fn normalized(name: &str) -> Option<String> {
    // The parser panics at some characters beyond ASCII, and at open ends.
    let ends = |c: Option<char>| c.is_some_and(|c| c.is_ascii_alphanumeric());
    let plain = name
        .bytes()
        .all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b));
    if !plain || !ends(name.chars().next()) || !ends(name.chars().next_back()) {
        return None;
    }
    let name: DistributionName = name.parse().ok()?;
    Some(name.to_string())
}

#[cfg(test)]
pub(crate) mod tests;
