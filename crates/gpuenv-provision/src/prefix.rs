//! What is at a prefix: whose it is, and what gpuenv knows of it.
//!
//! gpuenv's own record is `conda-meta/gpuenv`. It has no `.json` at its end,
//! because conda takes every such file there for a package.

pub mod generations;
mod history;
mod manifest;
mod state;

use std::{
    collections::{BTreeMap, BTreeSet, HashSet},
    fmt, io,
    path::{Path, PathBuf},
};

use gpuenv_core::layout;
use rattler_conda_types::{PrefixRecord, RepoDataRecord, Subdir, prefix_record::PathType};

pub(crate) use history::Entry as HistoryEntry;
pub(crate) use manifest::{Earlier, Links, MANIFEST, Manifest, Own, hash_of_record, slashed};
pub use state::{State, Wanted};

use crate::{activate, install::InstallError, tree};

/// gpuenv's record below a prefix.
pub const STATE: &str = "conda-meta/gpuenv";

/// The lock that an environment was installed from, below its prefix.
pub(crate) const LOCK: &str = "conda-meta/gpuenv.lock";

/// The recipe of an environment that was made of nothing but words, below its prefix.
pub(crate) const RECIPE: &str = "conda-meta/gpuenv.yaml";

/// What is at a path that is to become a prefix.
#[derive(Debug, Clone, PartialEq)]
pub enum Found {
    /// Nothing.
    Absent,
    /// An empty directory.
    Empty,
    /// An environment of gpuenv.
    Ours(Box<State>),
    /// An environment of gpuenv whose record cannot be read.
    Damaged,
    /// An environment of conda or another tool.
    Conda,
    /// A directory with something else in it.
    Foreign,
    /// A file, or anything else that is no directory.
    NotADirectory,
    /// A link to nothing.
    DanglingLink,
}

impl fmt::Display for Found {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Found::Absent => "does not exist",
            Found::Empty => "is an empty directory",
            Found::Ours(_) => "is an environment of gpuenv",
            Found::Damaged => "is a damaged environment of gpuenv",
            Found::Conda => "is an environment of another tool",
            Found::Foreign => "is a directory with other things in it",
            Found::NotADirectory => "is not a directory",
            Found::DanglingLink => "is a link to nothing",
        })
    }
}

/// Looks at a path that is to become a prefix.
///
/// # Errors
///
/// Fails where the path cannot be looked at.
pub fn classify(prefix: &Path) -> Result<Found, InstallError> {
    let failed = |error| InstallError::io("look at", prefix, error);
    let metadata = match fs_err::metadata(prefix) {
        Ok(metadata) => metadata,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let is_link = fs_err::symlink_metadata(prefix).is_ok();
            return Ok(if is_link {
                Found::DanglingLink
            } else {
                Found::Absent
            });
        }
        Err(error) if error.kind() == io::ErrorKind::NotADirectory => return Ok(Found::Absent),
        Err(error) => return Err(failed(error)),
    };
    if !metadata.is_dir() {
        return Ok(Found::NotADirectory);
    }
    if let Some(state) = read_state(prefix)? {
        return Ok(Found::Ours(Box::new(state)));
    }
    if prefix.join(STATE).exists() {
        return Ok(Found::Damaged);
    }
    if prefix.join("conda-meta").is_dir() {
        return Ok(Found::Conda);
    }
    let mut entries = fs_err::read_dir(prefix).map_err(failed)?;
    Ok(match entries.next() {
        None => Found::Empty,
        Some(_) => Found::Foreign,
    })
}

/// Reads gpuenv's record of a prefix; `None` if there is none that can be read.
///
/// # Errors
///
/// Fails where permission is missing.
pub fn read_state(prefix: &Path) -> Result<Option<State>, InstallError> {
    let path = prefix.join(STATE);
    match fs_err::read(&path) {
        Ok(bytes) => Ok(State::parse(&bytes)),
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
            Err(InstallError::io("read", &path, error))
        }
        Err(_) => Ok(None),
    }
}

/// Reads the lock that an environment was installed from, if it is there.
///
/// # Errors
///
/// Fails if it is there and cannot be read.
pub fn read_lock(prefix: &Path) -> Result<Option<String>, InstallError> {
    let path = prefix.join(LOCK);
    match fs_err::read_to_string(&path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(InstallError::io("read", &path, error)),
    }
}

/// Reads the lock of an environment if it is the one that was installed.
pub fn read_whole_lock(prefix: &Path, state: &State) -> Option<String> {
    let is_it = |text: &String| state::sha256(text) == state.lock_sha256;
    fs_err::read_to_string(prefix.join(LOCK)).ok().filter(is_it)
}

/// Returns whether the environment is what is wanted, without reading a package.
///
/// Files that were changed by hand are not noticed; packages that another tool
/// added or removed are.
pub fn is_right(prefix: &Path, wanted: &Wanted<'_>) -> bool {
    let Ok(Some(state)) = read_state(prefix) else {
        return false;
    };
    state.is_for(prefix, wanted) && record_names(prefix).is_ok_and(|names| names == state.packages)
}

/// Returns the names of the package records of a prefix, sorted.
pub(crate) fn record_names(prefix: &Path) -> io::Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in fs_err::read_dir(prefix.join("conda-meta"))? {
        if let Ok(name) = entry?.file_name().into_string()
            && name.ends_with(".json")
        {
            names.push(name);
        }
    }
    names.sort_unstable();
    Ok(names)
}

/// The packages of a prefix, as their records say.
#[derive(Debug, Default)]
pub(crate) struct Records {
    /// One record for each name.
    pub(crate) packages: Vec<PrefixRecord>,
    /// Files that are no record, or one of several of a name: below `conda-meta`.
    pub(crate) damaged: Vec<String>,
}

/// Returns what an environment has noted of its files, if that can be believed.
pub(crate) fn manifest_of(prefix: &Path, found: &Found) -> Option<Manifest> {
    match found {
        Found::Ours(state) => Manifest::read(prefix, state.files_sha256.as_deref()?),
        _ => None,
    }
}

/// Reads the records of a prefix.
pub(crate) fn read_records(prefix: &Path) -> Records {
    let directory = prefix.join("conda-meta");
    let names = record_names(prefix).unwrap_or_default();
    let mut by_name: BTreeMap<String, Vec<(String, PrefixRecord)>> = BTreeMap::new();
    let mut records = Records::default();
    let parsed = std::sync::Mutex::new(Vec::new());
    let _ = tree::in_parallel(&names, |name| {
        let record = PrefixRecord::from_path(directory.join(name)).ok();
        let mut parsed = parsed
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        parsed.push((name.clone(), record));
        Ok(())
    });
    let parsed = parsed
        .into_inner()
        .unwrap_or_else(std::sync::PoisonError::into_inner);
    for (file, record) in parsed {
        match record {
            // A record under a wrong name is not found by whoever removes it.
            Some(record) if record.file_name() == file && is_sound(&record) => {
                let name = record.name().as_normalized().to_string();
                by_name.entry(name).or_default().push((file, record));
            }
            _ => records.damaged.push(file),
        }
    }
    for mut same in by_name.into_values() {
        match (same.len(), same.pop()) {
            (1, Some((_, record))) => records.packages.push(record),
            (_, last) => {
                let rest = same.into_iter().chain(last);
                records.damaged.extend(rest.map(|(file, _)| file));
            }
        }
    }
    records
}

/// Returns whether a record names paths of its prefix only, so that removing
/// them removes nothing else.
fn is_sound(record: &PrefixRecord) -> bool {
    let entries = record.paths_data.paths.iter();
    let mut paths = entries.flat_map(|entry| {
        let original = entry.original_path.iter();
        original.chain(std::iter::once(&entry.relative_path))
    });
    paths.all(|path| layout::path_fault(Subdir::NoArch, &path.to_string_lossy()).is_none())
}

impl Records {
    /// Returns the packages as a lock describes them.
    pub(crate) fn repodata(&self) -> Vec<RepoDataRecord> {
        let records = self.packages.iter();
        records
            .map(|record| record.repodata_record.clone())
            .collect()
    }

    /// Takes records for damaged, whatever they say.
    pub(crate) fn distrust(&mut self, files: &BTreeSet<String>) {
        self.packages.retain(|record| {
            let file = record.file_name();
            let is_trusted = !files.contains(&file);
            if !is_trusted {
                self.damaged.push(file);
            }
            is_trusted
        });
    }

    /// Returns what the packages of these names have put into the prefix.
    pub(crate) fn layouts(&self, names: &HashSet<&str>) -> Vec<layout::Package> {
        let wanted = |record: &&PrefixRecord| names.contains(record.name().as_normalized());
        let packages = self.packages.iter().filter(wanted);
        packages.map(installed_layout).collect()
    }
}

fn installed_layout(record: &PrefixRecord) -> layout::Package {
    let entries = record.paths_data.paths.iter().map(|entry| layout::Entry {
        path: entry.relative_path.to_string_lossy().into_owned(),
        kind: match entry.path_type {
            PathType::Directory => layout::Kind::Directory,
            _ => layout::Kind::File,
        },
    });
    layout::Package {
        label: gpuenv_core::solution::label(&record.repodata_record),
        entries: entries.collect(),
        ..layout::Package::default()
    }
}

/// Reads what is in a prefix, without what gpuenv writes anew each time.
pub(crate) fn read_tree(prefix: &Path) -> Result<tree::Tree, InstallError> {
    let mut tree = tree::read(prefix, &is_own)?;
    tree.links
        .retain(|(path, target)| !activate::is_own_link(path, target));
    Ok(tree)
}

/// Returns whether a path of the prefix is written by gpuenv anew each time.
pub(crate) fn is_own(path: &Path) -> bool {
    let mut parts = path.iter();
    let first_three = [parts.next(), parts.next(), parts.next()];
    let text = first_three.map(|part| part.and_then(|part| part.to_str()).unwrap_or(""));
    match text {
        ["conda-meta", name, ""] => {
            name == "history" || name == "gpuenv" || name.starts_with("gpuenv.")
        }
        ["lib", "gpuenv-cuda", _] => true,
        ["etc", "conda", "activate.d" | "deactivate.d"] => {
            let name = parts
                .next()
                .map(|name| name.to_string_lossy().to_lowercase());
            name.is_some_and(|name| name.contains("gpuenv"))
        }
        _ => false,
    }
}

/// Notes the outcome of a probe in an environment's record.
///
/// # Errors
///
/// Fails if there is no record or it cannot be written.
pub fn write_verdict(
    prefix: &Path,
    verdict: serde_json::Value,
    at: jiff::Timestamp,
) -> Result<(), InstallError> {
    let mut state = read_state(prefix)?.ok_or_else(|| InstallError::NotFound {
        prefix: prefix.to_path_buf(),
    })?;
    state.verdict = Some(verdict);
    state.verdict_at = Some(at);
    write_state(prefix, &state)
}

pub(crate) fn write_state(prefix: &Path, state: &State) -> Result<(), InstallError> {
    write_new(&prefix.join(STATE), state.render().as_bytes())
}

/// Gives package records the permissions that a new file gets. rattler keeps
/// them private, so on a shared machine conda would not find the packages of
/// somebody else's environment.
pub(crate) fn share_records(prefix: &Path, names: &[String]) -> Result<(), InstallError> {
    let lock = prefix.join(LOCK);
    let usual = fs_err::metadata(&lock).map_err(|error| InstallError::io("read", &lock, error))?;
    for name in names {
        let record = prefix.join("conda-meta").join(name);
        fs_err::set_permissions(&record, usual.permissions())
            .map_err(|error| InstallError::io("write", &record, error))?;
    }
    Ok(())
}

/// Writes a file as a whole: nobody ever reads half of it, and a file that
/// another tree shares stays as it is.
pub(crate) fn write_new(path: &Path, bytes: &[u8]) -> Result<(), InstallError> {
    let temporary = temporary_beside(path);
    let written = fs_err::write(&temporary, bytes).and_then(|()| fs_err::rename(&temporary, path));
    written.map_err(|error| {
        let _ = fs_err::remove_file(&temporary);
        InstallError::io("write", path, error)
    })
}

fn temporary_beside(path: &Path) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_os_string();
    name.push(format!(".{}.tmp", std::process::id()));
    path.with_file_name(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_at_a_path_is_told_apart() {
        let directory = tempfile::tempdir().unwrap();
        let at = |name: &str| directory.path().join(name);
        let found = |name: &str| classify(&at(name)).unwrap();
        fs_err::write(at("file"), "x").unwrap();
        for name in [
            "empty",
            "conda/conda-meta",
            "foreign/x",
            "damaged/conda-meta",
        ] {
            fs_err::create_dir_all(at(name)).unwrap();
        }
        fs_err::write(at("damaged/conda-meta/gpuenv"), "\0garbage").unwrap();
        assert_eq!(found("absent"), Found::Absent);
        assert_eq!(found("file/below"), Found::Absent);
        assert_eq!(found("empty"), Found::Empty);
        assert_eq!(found("file"), Found::NotADirectory);
        assert_eq!(found("conda"), Found::Conda);
        assert_eq!(found("foreign"), Found::Foreign);
        assert_eq!(found("damaged"), Found::Damaged);
        #[cfg(unix)]
        {
            tree::make_link(Path::new("nowhere"), &at("dangling")).unwrap();
            tree::make_link(Path::new("foreign"), &at("link")).unwrap();
            assert_eq!(found("dangling"), Found::DanglingLink);
            assert_eq!(found("link"), Found::Foreign);
        }
    }

    #[test]
    fn own_files_are_those_that_are_written_anew() {
        for own in [
            "conda-meta/gpuenv",
            "conda-meta/gpuenv.lock",
            "conda-meta/history",
            "lib/gpuenv-cuda",
            "lib/gpuenv-cuda/libcudart.so.12",
            "etc/conda/activate.d/~gpuenv.sh",
        ] {
            assert!(is_own(Path::new(own)), "{own}");
        }
        for other in [
            "conda-meta/state",
            "lib/x",
            "etc/conda/activate.d/x.sh",
            "gpuenv",
        ] {
            assert!(!is_own(Path::new(other)), "{other}");
        }
    }
}
