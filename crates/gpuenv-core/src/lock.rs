//! The lock: solutions of all platforms in the `rattler_lock` format, plus what
//! only gpuenv knows.
//!
//! pixi and every rattler-based tool read the file. Our own part is one more
//! top-level key, `gpuenv`, which they skip; with it a lock can be installed,
//! activated and probed without its recipe.

mod check;
mod comparison;
mod diff;
mod settings;
mod variants;
mod wheels;

use std::collections::BTreeMap;

use rattler_conda_types::{RepoDataRecord, Subdir};
use rattler_lock::{
    CondaPackageData, DEFAULT_ENVIRONMENT_NAME, LockFile, ParseCondaLockError, PlatformData,
    PlatformName,
};

use url::Url;

pub use check::{Difference, check, stale};
pub use comparison::{Change, Entry, Kind as ChangeKind, PlatformComparison, compare};
pub use diff::{PackageChange, changes};
pub use settings::{PlatformSettings, Settings};
pub use variants::{subdir_of, variant_in, variant_of};

use crate::{
    Code, Diagnostic, Place, Plan, Solution, Wheel,
    channel::{self, ChannelError},
    solution,
};

/// The name of a lock beside its recipe.
pub const FILE_NAME: &str = "gpuenv.lock";

/// The largest lock that is read, in bytes. Real ones stay below 5 MB.
pub const MAX_BYTES: usize = 64 << 20;

/// A lock.
#[derive(Clone)]
pub struct Lock {
    /// What only gpuenv knows; absent in a lock that another tool wrote.
    pub settings: Option<Settings>,
    /// The channels' canonical URLs, strongest first.
    pub channels: Vec<String>,
    /// What is locked, by the name of the platform: `linux-64`, or of one of its
    /// variants: `linux-64-cuda12`.
    pub platforms: BTreeMap<String, PlatformLock>,
}

/// What a lock holds for one platform.
#[derive(Debug, Clone, PartialEq)]
pub struct PlatformLock {
    /// The conda platform; its name in the lock differs where the recipe has variants.
    pub subdir: Subdir,
    /// The virtual packages that the solve saw, as `name=version=build`.
    pub virtual_packages: Vec<String>,
    /// The packages, by name.
    pub records: Vec<RepoDataRecord>,
    /// The wheels, by name.
    pub wheels: Vec<Wheel>,
}

/// Makes the lock of a recipe from its solved platforms.
///
/// # Errors
///
/// GE306 if a channel of a plan cannot be read, GE409 if one offers something
/// that could not be verified.
pub fn lock(solved: &[(Plan, Solution)]) -> Result<Lock, LockError> {
    let mut channels = Vec::new();
    let mut platforms = BTreeMap::new();
    for (plan, solution) in solved {
        for name in &plan.channels {
            let url = channel::canonical_url(name)?.to_string();
            if !channels.contains(&url) {
                channels.push(url);
            }
        }
        let mut records = solution.records.clone();
        sort(&mut records);
        for record in &records {
            if let Some(reason) = distrust(record) {
                return Err(LockError::UntrustedRecord {
                    channel: record.channel.clone().unwrap_or_default(),
                    package: solution::label(record),
                    reason,
                });
            }
        }
        let locked = PlatformLock {
            subdir: plan.platform(),
            virtual_packages: virtual_package_texts(plan),
            records,
            wheels: solution.wheels.clone(),
        };
        platforms.insert(plan.name(), locked);
    }
    Ok(Lock {
        settings: settings::from_solved(solved),
        channels,
        platforms,
    })
}

fn sort(records: &mut [RepoDataRecord]) {
    records.sort_by(|a, b| {
        let key = |r: &RepoDataRecord| (r.package_record.name.clone(), r.url.clone());
        key(a).cmp(&key(b))
    });
}

fn virtual_package_texts(plan: &Plan) -> Vec<String> {
    let packages = plan.target.virtual_packages();
    packages.iter().map(ToString::to_string).collect()
}

/// Writes a lock as text; the same lock always gives the same bytes.
///
/// # Errors
///
/// GE404 if the lock names a platform or package that the format cannot hold.
pub fn render(lock: &Lock) -> Result<String, LockError> {
    render_beside(lock, None)
}

/// Writes a lock that will lie in a folder: wheels of that folder, or of the one
/// around it, are named relative to it, so that both can be moved together.
///
/// # Errors
///
/// As [`render`].
pub fn render_beside(lock: &Lock, folder: Option<&Url>) -> Result<String, LockError> {
    let bad = |error: &dyn std::fmt::Display| LockError::Unwritable {
        reason: error.to_string(),
    };
    let mut platforms = Vec::new();
    for (name, locked) in &lock.platforms {
        platforms.push(PlatformData {
            name: PlatformName::try_from(name.as_str()).map_err(|error| bad(&error))?,
            subdir: locked.subdir,
            virtual_packages: locked.virtual_packages.clone(),
        });
    }
    let mut builder = LockFile::builder()
        .with_platforms(platforms)
        .map_err(|error| bad(&error))?;
    let channels = lock.channels.iter().map(String::as_str);
    builder.set_channels(DEFAULT_ENVIRONMENT_NAME, channels);
    for (name, locked) in &lock.platforms {
        builder
            .add_environment_platform(DEFAULT_ENVIRONMENT_NAME, name)
            .map_err(|error| bad(&error))?;
        for record in &locked.records {
            let package = CondaPackageData::from(record.clone());
            builder
                .add_conda_package(DEFAULT_ENVIRONMENT_NAME, name, package)
                .map_err(|error| bad(&error))?;
        }
        for wheel in &locked.wheels {
            let package = wheels::package(wheel, folder).ok_or_else(|| bad(&wheel.label()))?;
            builder
                .add_pypi_package(DEFAULT_ENVIRONMENT_NAME, name, package)
                .map_err(|error| bad(&error))?;
        }
    }
    let mut text = builder
        .finish()
        .render_to_string()
        .map_err(|error| bad(&error))?;
    if let Some(settings) = &lock.settings {
        text.push_str(&settings::render(settings).map_err(|error| bad(&error))?);
    }
    Ok(text)
}

/// Reads a lock.
///
/// # Errors
///
/// GE403 for a lock of a newer tool, GE404 for a damaged one, GE409 for one
/// that names something which must not be installed.
pub fn parse(file: &str, text: &str) -> Result<Lock, LockError> {
    parse_beside(file, text, None)
}

/// Reads a lock that lies in a folder.
///
/// # Errors
///
/// As [`parse`].
pub fn parse_beside(file: &str, text: &str, folder: Option<&Url>) -> Result<Lock, LockError> {
    let damaged = |reason: String, place: Option<Place>| LockError::Damaged {
        file: file.to_string(),
        reason,
        place: place.map(Box::new),
    };
    if text.len() > MAX_BYTES {
        return Err(damaged(
            format!("it is larger than {MAX_BYTES} bytes"),
            None,
        ));
    }
    if let Some(place) = merge_conflict(file, text) {
        return Err(LockError::MergeConflict {
            file: file.to_string(),
            place: Box::new(place),
        });
    }
    if nests_deeper_than(text, 256) {
        return Err(damaged("it is nested too deeply".to_string(), None));
    }
    let settings = settings::parse(file, text)?;
    let parsed = LockFile::from_str_with_base_directory(text, None)
        .map_err(|error| parse_error(file, text, error))?;
    let environment = parsed
        .default_environment()
        .ok_or_else(|| damaged("it has no environment named `default`".to_string(), None))?;
    let mut platforms = BTreeMap::new();
    for platform in environment.platforms() {
        let mut records = environment
            .conda_repodata_records(platform)
            .map_err(|error| damaged(error.to_string(), None))?
            .unwrap_or_default();
        sort(&mut records);
        for record in &records {
            if let Some(reason) = distrust(record) {
                return Err(LockError::Untrusted {
                    file: file.to_string(),
                    package: solution::label(record),
                    reason,
                });
            }
        }
        let name = platform.name().to_string();
        let sizes = settings.as_ref();
        let sizes = sizes.and_then(|known| known.platforms.get(&name));
        let packages = environment.pypi_packages(platform).into_iter().flatten();
        let wheels: Result<Vec<Wheel>, LockError> = packages
            .map(|package| {
                wheels::read(package, sizes, folder).map_err(|reason| LockError::Untrusted {
                    file: file.to_string(),
                    package: package.name().to_string(),
                    reason,
                })
            })
            .collect();
        let mut wheels = wheels?;
        wheels.sort_by(|a, b| a.name.cmp(&b.name));
        let virtual_packages = platform.virtual_packages().to_vec();
        let locked = PlatformLock {
            subdir: platform.subdir(),
            virtual_packages,
            records,
            wheels,
        };
        platforms.insert(name, locked);
    }
    let channels = environment.channels().iter();
    Ok(Lock {
        settings,
        channels: channels.map(|channel| channel.url.clone()).collect(),
        platforms,
    })
}

/// Reads only what a lock knows beyond the packages, which takes no time.
///
/// # Errors
///
/// GE403 and GE404 as [`parse`].
pub fn settings(file: &str, text: &str) -> Result<Option<Settings>, LockError> {
    settings::parse(file, text)
}

/// Returns why a record must not be installed, if its file could not be
/// verified, fetched or named safely.
pub(crate) fn distrust(record: &RepoDataRecord) -> Option<&'static str> {
    let package = &record.package_record;
    if package.sha256.is_none() && package.md5.is_none() {
        return Some("it has no hash, so a download could not be verified");
    }
    let plain = |text: &str| {
        let mut bytes = text.bytes();
        let first = bytes
            .next()
            .is_some_and(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
        first && bytes.all(|byte| byte.is_ascii_alphanumeric() || b"._+!-".contains(&byte))
    };
    let name = package.name.as_normalized();
    if !plain(name) || !plain(&package.version.as_str()) || !plain(package.build.as_str()) {
        return Some("its name, version or build could not name a file");
    }
    if !matches!(record.url.scheme(), "http" | "https" | "file") {
        return Some("its URL can only be http, https or file");
    }
    if !record.url.username().is_empty() || record.url.password().is_some() {
        return Some("its URL holds credentials");
    }
    None
}

/// Returns whether brackets or indentation nest deeper than any lock does.
///
/// The YAML reader stops at its own limit too, but only after a time that grows
/// with the square of the depth.
pub(crate) fn nests_deeper_than(text: &str, limit: usize) -> bool {
    let mut depth = 0usize;
    let brackets = text.bytes().any(|byte| {
        match byte {
            b'[' | b'{' => depth += 1,
            b']' | b'}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        depth > limit
    });
    let indent = |line: &str| line.len() - line.trim_start_matches([' ', '-']).len();
    brackets || text.lines().any(|line| indent(line) > 2 * limit)
}

/// Reads the record of a wheel as other tools lock it.
pub(crate) fn read_wheel(package: &rattler_lock::PypiPackageData) -> Result<Wheel, &'static str> {
    wheels::read(package, None, None)
}

fn merge_conflict(file: &str, text: &str) -> Option<Place> {
    let marker = |line: &str| line.starts_with("<<<<<<< ") || line.starts_with(">>>>>>> ");
    let line = text.lines().position(marker)?;
    Some(Place::span(file, text, line + 1, 1, 7))
}

fn parse_error(file: &str, text: &str, error: ParseCondaLockError) -> LockError {
    match &error {
        ParseCondaLockError::IncompatibleVersion {
            lock_file_version, ..
        } => LockError::NewerVersion {
            file: file.to_string(),
            version: lock_file_version.to_string(),
        },
        ParseCondaLockError::ParseError(yaml) => {
            let place = yaml
                .location()
                .map(|at| Box::new(Place::span(file, text, at.line(), at.column(), 1)));
            LockError::Damaged {
                file: file.to_string(),
                reason: yaml.to_string(),
                place,
            }
        }
        _ => LockError::Damaged {
            file: file.to_string(),
            reason: error.to_string(),
            place: None,
        },
    }
}

/// A lock cannot be read or written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LockError {
    /// Written by a newer tool.
    #[error("lock `{file}` has version {version}, which this gpuenv does not know")]
    NewerVersion {
        /// The file.
        file: String,
        /// Its version.
        version: String,
    },
    /// Not what a lock looks like.
    #[error("lock `{file}` is damaged: {reason}")]
    Damaged {
        /// The file.
        file: String,
        /// What is wrong.
        reason: String,
        /// Where, if known.
        place: Option<Box<Place>>,
    },
    /// An unfinished merge.
    #[error("lock `{file}` holds an unfinished merge")]
    MergeConflict {
        /// The file.
        file: String,
        /// The first marker.
        place: Box<Place>,
    },
    /// It names something that must not be installed.
    #[error("lock `{file}` names `{package}`, which must not be installed: {reason}")]
    Untrusted {
        /// The file.
        file: String,
        /// The package.
        package: String,
        /// Why not.
        reason: &'static str,
    },
    /// A channel offers something that must not be installed.
    #[error("channel `{channel}` offers `{package}`, which must not be installed: {reason}")]
    UntrustedRecord {
        /// The channel.
        channel: String,
        /// The package.
        package: String,
        /// Why not.
        reason: &'static str,
    },
    /// The format cannot hold it.
    #[error("the lock cannot be written: {reason}")]
    Unwritable {
        /// What is wrong.
        reason: String,
    },
    /// A channel cannot be read.
    #[error(transparent)]
    Channel(#[from] ChannelError),
}

impl From<LockError> for Diagnostic {
    fn from(error: LockError) -> Self {
        let message = error.to_string();
        match error {
            LockError::NewerVersion { file, .. } => {
                Diagnostic::error(Code::LOCK_NEWER_VERSION, message)
                    .at(Place::file(file))
                    .help("update gpuenv, or make the lock anew with `gpuenv lock`")
            }
            LockError::Damaged { file, place, .. } => Diagnostic::error(Code::LOCK_BAD, message)
                .at(place.map_or_else(|| Place::file(file), |place| *place))
                .help("restore the file from version control, or delete it and run `gpuenv lock`"),
            LockError::MergeConflict { place, .. } => Diagnostic::error(Code::LOCK_BAD, message)
                .at(*place)
                .help("take either side, for example `git checkout --ours gpuenv.lock`, then run `gpuenv lock`"),
            LockError::Untrusted { file, .. } => Diagnostic::error(Code::LOCK_UNTRUSTED, message)
                .at(Place::file(file))
                .help("make the lock anew with `gpuenv lock`"),
            LockError::UntrustedRecord { .. } => Diagnostic::error(Code::LOCK_UNTRUSTED, message)
                .help("ask whoever keeps the channel to index it anew"),
            LockError::Unwritable { .. } => Diagnostic::error(Code::LOCK_BAD, message),
            LockError::Channel(error) => error.into(),
        }
    }
}

#[cfg(test)]
mod tests;
