//! An unpacked package in the cache: what it says of itself, and whether that is so.
//!
//! The archive's hash vouches for what was unpacked. What happened to the files
//! since then shows only in them: an edit in a prefix reaches the cache through
//! a hard link, and a crash can leave empty files.

use std::{
    collections::HashSet,
    fs::FileType,
    io,
    path::{Path, PathBuf},
    time::SystemTime,
};

use gpuenv_core::layout;
use rattler::install::PythonInfo;
use rattler_conda_types::{
    RepoDataRecord, Subdir,
    package::{IndexJson, LinkJson, NoArchLinks, PackageFile, PathType, PathsEntry, PathsJson},
};

use crate::contents::{Contents, sha256};

/// A package as it lies in the cache.
#[derive(Debug)]
pub(crate) struct Unpacked {
    /// What the lock says of it.
    pub(crate) record: RepoDataRecord,
    /// Where it lies.
    pub(crate) directory: PathBuf,
    entries: Vec<PathsEntry>,
    /// Where each entry points to that is a symbolic link.
    targets: Vec<Option<String>>,
    commands: Vec<String>,
    is_python: bool,
}

/// What is wrong with an unpacked package.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Damage(String);

impl std::fmt::Display for Damage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

/// Which files are read to be compared with their hashes.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Depth<'a> {
    /// All.
    Full,
    /// None: that each one is there, with its size, is enough.
    Present,
    /// Those that were written after the package was unpacked, and those into
    /// which the prefix is going to be written: nobody can tell afterwards.
    Changed {
        /// When that was.
        since: SystemTime,
    },
    /// All but contents that have been read already and are right.
    Beyond(&'a Contents),
}

/// Reads what a package says of itself.
pub(crate) fn read(record: &RepoDataRecord, directory: &Path) -> Result<Unpacked, Damage> {
    let index = IndexJson::from_package_directory(directory)
        .map_err(|error| Damage(format!("`info/index.json` cannot be read: {error}")))?;
    let package = &record.package_record;
    let same = index.name == package.name
        && index.version == package.version
        && index.build == package.build;
    if !same {
        return Err(Damage(format!(
            "it says that it is `{} {} {}`",
            index.name.as_normalized(),
            index.version,
            index.build
        )));
    }
    let paths = PathsJson::from_package_directory_with_deprecated_fallback(directory)
        .map_err(|error| Damage(format!("`info/paths.json` cannot be read: {error}")))?;
    let is_python = index.noarch.is_python();
    let mut unpacked = Unpacked {
        record: record.clone(),
        directory: directory.to_path_buf(),
        entries: paths.paths,
        targets: Vec::new(),
        commands: commands(directory, is_python)?,
        is_python,
    };
    unpacked.targets = unpacked.read_targets()?;
    Ok(unpacked)
}

/// Reads the commands for which an installer makes scripts.
fn commands(directory: &Path, is_python: bool) -> Result<Vec<String>, Damage> {
    if !is_python {
        return Ok(Vec::new());
    }
    let link = match LinkJson::from_package_directory(directory) {
        Ok(link) => link,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => {
            return Err(Damage(format!("`info/link.json` cannot be read: {error}")));
        }
    };
    match link.noarch {
        NoArchLinks::Python(points) => {
            let commands = points.entry_points.into_iter().map(|point| point.command);
            Ok(commands.collect())
        }
        // The linker takes this for impossible and would panic.
        NoArchLinks::Generic => Err(Damage(
            "`info/link.json` contradicts `info/index.json`".to_string(),
        )),
    }
}

impl Unpacked {
    fn read_targets(&self) -> Result<Vec<Option<String>>, Damage> {
        let target = |entry: &PathsEntry| {
            if entry.path_type != PathType::SoftLink || !is_sound(entry) {
                return Ok(None);
            }
            let path = self.directory.join(&entry.relative_path);
            let target = fs_err::read_link(&path).map_err(|_| {
                Damage(format!("`{}` is not a link", entry.relative_path.display()))
            })?;
            Ok(Some(target.to_string_lossy().into_owned()))
        };
        self.entries.iter().map(target).collect()
    }

    /// Returns whether the package lists directories, not only what is in them.
    pub(crate) fn lists_directories(&self) -> bool {
        let mut entries = self.entries.iter();
        entries.any(|entry| entry.path_type == PathType::Directory)
    }

    /// Returns where the package wants to put its files.
    pub(crate) fn layout(&self, python: Option<&PythonInfo>) -> layout::Package {
        let entries = self.entries.iter().zip(&self.targets);
        let entries = entries.map(|(entry, target)| layout::Entry {
            path: entry.relative_path.to_string_lossy().into_owned(),
            kind: match (entry.path_type, target) {
                (PathType::HardLink, _) => layout::Kind::File,
                (PathType::Directory, _) => layout::Kind::Directory,
                (PathType::SoftLink, target) => layout::Kind::Link {
                    target: target.clone().unwrap_or_default(),
                },
            },
        });
        let places = |python: &PythonInfo| layout::PythonPlaces {
            modules: python.site_packages_path.to_string_lossy().into_owned(),
            scripts: python.bin_dir.to_string_lossy().into_owned(),
        };
        layout::Package {
            label: gpuenv_core::solution::label(&self.record),
            entries: entries.collect(),
            python: python.filter(|_| self.is_python).map(places),
            commands: self.commands.clone(),
        }
    }

    /// Compares the files with what the package says of them.
    ///
    /// Returns how many bytes were read.
    pub(crate) fn verify(&self, depth: Depth<'_>) -> Result<u64, Damage> {
        let mut directories = HashSet::new();
        let mut bytes = 0;
        for entry in &self.entries {
            // What leads outside is not even looked at; the layout check refuses it.
            if !is_sound(entry) {
                continue;
            }
            let path = self.directory.join(&entry.relative_path);
            self.verify_way(&entry.relative_path, &mut directories)?;
            let damage =
                |what: String| Damage(format!("`{}` {what}", entry.relative_path.display()));
            let metadata = fs_err::symlink_metadata(&path).map_err(|error| {
                damage(match error.kind() {
                    io::ErrorKind::NotFound => "is missing".to_string(),
                    _ => format!("cannot be read: {error}"),
                })
            })?;
            if !has_kind(entry.path_type, metadata.file_type()) {
                return Err(damage("is of another kind".to_string()));
            }
            if entry.path_type != PathType::HardLink {
                continue;
            }
            if entry
                .size_in_bytes
                .is_some_and(|size| size != metadata.len())
            {
                return Err(damage("has another size".to_string()));
            }
            let modified = metadata.modified().unwrap_or(SystemTime::UNIX_EPOCH);
            let Some(expected) = entry.sha256 else {
                continue;
            };
            let is_read = match depth {
                Depth::Full => true,
                Depth::Present => false,
                Depth::Changed { since } => modified >= since || entry.prefix_placeholder.is_some(),
                Depth::Beyond(known) => !known.has(&metadata, &expected),
            };
            if is_read {
                let actual =
                    sha256(&path).map_err(|error| damage(format!("cannot be read: {error}")))?;
                bytes += metadata.len();
                if actual != expected {
                    return Err(damage("has another content".to_string()));
                }
            }
        }
        Ok(bytes)
    }

    /// Checks that a path below the package leads through real directories only:
    /// through a link, a file from anywhere could be taken for the package's.
    fn verify_way(&self, path: &Path, known: &mut HashSet<PathBuf>) -> Result<(), Damage> {
        let ancestors = path.ancestors().skip(1);
        for ancestor in ancestors.take_while(|path| !path.as_os_str().is_empty()) {
            if known.contains(ancestor) {
                break;
            }
            let metadata = fs_err::symlink_metadata(self.directory.join(ancestor));
            // What is missing as a whole is found missing in a moment.
            if metadata.is_ok_and(|metadata| !metadata.is_dir()) {
                return Err(Damage(format!(
                    "`{}` is not a directory",
                    ancestor.display()
                )));
            }
            known.insert(ancestor.to_path_buf());
        }
        Ok(())
    }
}

/// Returns whether a path can be looked at without leaving the package.
fn is_sound(entry: &PathsEntry) -> bool {
    let path = entry.relative_path.to_string_lossy();
    layout::path_fault(Subdir::NoArch, &path).is_none()
}

fn has_kind(expected: PathType, actual: FileType) -> bool {
    match expected {
        PathType::HardLink => actual.is_file(),
        PathType::SoftLink => actual.is_symlink(),
        PathType::Directory => actual.is_dir(),
    }
}
