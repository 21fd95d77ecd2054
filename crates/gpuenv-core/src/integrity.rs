//! What is wrong with an environment that is there, as values.
//!
//! Whoever looks at the files finds the facts; what counts as damage, which
//! packages have to be linked again and how it is told is decided here.

mod extra;

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

use rattler_conda_types::RepoDataRecord;
use serde::Serialize;

use crate::{changes, solution};

pub use extra::{Extra, ExtraKind, extras};

/// What is wrong with one file.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(tag = "fault", rename_all = "kebab-case")]
pub enum FileFault {
    /// It is not there.
    Missing,
    /// Something else has its name.
    OtherKind {
        /// What it should be.
        expected: Kind,
    },
    /// It is longer or shorter than it should be.
    OtherSize {
        /// Its size as installed, in bytes.
        expected: u64,
        /// Its size now, in bytes.
        actual: u64,
    },
    /// It was edited: its hash is another one.
    OtherContent,
    /// The link leads elsewhere.
    OtherTarget {
        /// Where it led when it was installed.
        expected: String,
        /// Where it leads now.
        actual: String,
    },
    /// The link leads to nothing.
    Dangling {
        /// Where it leads.
        target: String,
    },
    /// It has a name of gpuenv's own, and gpuenv has not written it.
    Stray,
    /// A link on the way to it leads out of the environment.
    LeadsOutside,
    /// It cannot be read.
    Unreadable {
        /// What the system says.
        reason: String,
    },
}

/// What a path is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// An ordinary file.
    File,
    /// A symbolic link.
    Link,
    /// A directory.
    Directory,
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Kind::File => "a file",
            Kind::Link => "a link",
            Kind::Directory => "a directory",
        })
    }
}

impl fmt::Display for FileFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            FileFault::Missing => write!(f, "is missing"),
            FileFault::OtherKind { expected } => write!(f, "is not {expected} any more"),
            FileFault::OtherSize { expected, actual } => {
                write!(f, "was changed: {actual} bytes instead of {expected}")
            }
            FileFault::OtherContent => write!(f, "was changed: its hash is another one"),
            FileFault::OtherTarget { expected, actual } => {
                write!(f, "leads to `{actual}` instead of `{expected}`")
            }
            FileFault::Dangling { target } => write!(f, "leads to `{target}`, which is not there"),
            FileFault::Stray => write!(f, "is named like a file of gpuenv, and is none"),
            FileFault::LeadsOutside => write!(f, "lies outside, behind a link"),
            FileFault::Unreadable { reason } => write!(f, "cannot be read: {reason}"),
        }
    }
}

/// A file that is not what it was when it was installed.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct DamagedFile {
    /// Where, below the prefix.
    pub path: String,
    /// The name of the package that brought it; `None` for what gpuenv wrote.
    pub package: Option<String>,
    /// What is wrong.
    #[serde(flatten)]
    pub fault: FileFault,
}

/// What is wrong with a package as a whole.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(tag = "fault", rename_all = "kebab-case")]
pub enum PackageFault {
    /// The lock names it, and it is not installed.
    Missing,
    /// It is installed, and the lock does not name it.
    Added,
    /// Another one of its name is installed.
    Replaced {
        /// What is installed.
        by: String,
    },
    /// Its record in `conda-meta` cannot be read or was edited.
    BadRecord {
        /// The record's file name.
        file: String,
    },
}

/// A package that is not what the lock says.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct DamagedPackage {
    /// Name, version and build.
    pub package: String,
    /// What is wrong.
    #[serde(flatten)]
    pub fault: PackageFault,
}

impl fmt::Display for DamagedPackage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let package = &self.package;
        match &self.fault {
            PackageFault::Missing => write!(f, "`{package}` is in the lock and not installed"),
            PackageFault::Added => write!(f, "`{package}` is installed and not in the lock"),
            PackageFault::Replaced { by } => {
                write!(f, "`{by}` is installed instead of `{package}`")
            }
            PackageFault::BadRecord { file } => {
                write!(
                    f,
                    "`conda-meta/{file}` is not the record that was installed"
                )
            }
        }
    }
}

/// A package in the cache that the environment is made of, and that is not whole.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct DamagedCopy {
    /// The package's name.
    pub name: String,
    /// Where it lies.
    pub directory: String,
    /// What is wrong.
    pub reason: String,
}

/// What was looked at.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Looked {
    /// Packages.
    pub packages: usize,
    /// Files, links and directories of packages, and what gpuenv wrote.
    pub files: usize,
    /// Bytes that were read and hashed, in the environment and in the cache.
    pub bytes: u64,
    /// Files of which no hash is known, so that only their size was compared.
    pub without_hash: usize,
    /// Packages whose copy in the cache was compared too.
    pub cached: usize,
}

/// What a look at an environment has found.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Findings {
    /// What was looked at.
    pub looked: Looked,
    /// What concerns the environment as a whole.
    pub environment: Vec<String>,
    /// Packages that are not what the lock says.
    pub packages: Vec<DamagedPackage>,
    /// Files that are not what they were.
    pub files: Vec<DamagedFile>,
    /// Packages in the cache that are not whole.
    pub cache: Vec<DamagedCopy>,
    /// What belongs to no package. That is no damage.
    pub extra: Vec<Extra>,
}

impl Findings {
    /// Returns whether everything is as it was installed.
    pub fn is_sound(&self) -> bool {
        self.environment.is_empty()
            && self.packages.is_empty()
            && self.files.is_empty()
            && self.cache.is_empty()
    }

    /// Returns the names of the packages that have to be linked again.
    pub fn to_relink(&self) -> BTreeSet<String> {
        let of_files = self.files.iter().filter_map(|file| file.package.clone());
        let of_cache = self.cache.iter().map(|copy| copy.name.clone());
        of_files.chain(of_cache).collect()
    }

    /// Returns the files of records that must not be believed.
    pub fn bad_records(&self) -> BTreeSet<String> {
        let records = self.packages.iter().filter_map(|found| match &found.fault {
            PackageFault::BadRecord { file } => Some(file.clone()),
            PackageFault::Missing | PackageFault::Added | PackageFault::Replaced { .. } => None,
        });
        records.collect()
    }

    /// Returns how much is wrong, in words.
    pub fn summary(&self) -> String {
        let counted = |count: usize, one: &str, many: &str| match count {
            0 => None,
            1 => Some(format!("1 {one}")),
            count => Some(format!("{count} {many}")),
        };
        let parts = [
            counted(self.packages.len(), "package", "packages"),
            counted(self.files.len(), "file", "files"),
            counted(
                self.cache.len(),
                "package in the cache",
                "packages in the cache",
            ),
            (!self.environment.is_empty()).then(|| "the environment as a whole".to_string()),
        ];
        let parts: Vec<String> = parts.into_iter().flatten().collect();
        parts.join(", ")
    }

    /// Sorts everything, because it was found by several threads.
    pub fn sort(&mut self) {
        self.packages.sort();
        self.files.sort();
        self.cache.sort();
        self.extra.sort();
    }
}

/// Returns how the installed packages differ from the locked ones.
pub fn packages(locked: &[RepoDataRecord], installed: &[RepoDataRecord]) -> Vec<DamagedPackage> {
    let changes = changes::diff(locked, installed);
    let found = |record: &RepoDataRecord, fault| DamagedPackage {
        package: solution::label(record),
        fault,
    };
    let missing = changes.add.iter().map(|r| found(r, PackageFault::Missing));
    let added = changes.remove.iter().map(|r| found(r, PackageFault::Added));
    let replaced = changes.change.iter().map(|change| {
        let by = by(&change.old, &change.new);
        found(&change.new, PackageFault::Replaced { by })
    });
    missing.chain(added).chain(replaced).collect()
}

/// Names what is installed so that it can be told from what should be.
fn by(old: &RepoDataRecord, new: &RepoDataRecord) -> String {
    match solution::label(old) == solution::label(new) {
        true => old.url.to_string(),
        false => solution::label(old),
    }
}

/// Returns the damaged files, by package; those of gpuenv itself come first.
pub fn by_package(files: &[DamagedFile]) -> BTreeMap<Option<&str>, Vec<&DamagedFile>> {
    let mut grouped: BTreeMap<Option<&str>, Vec<&DamagedFile>> = BTreeMap::new();
    for file in files {
        grouped
            .entry(file.package.as_deref())
            .or_default()
            .push(file);
    }
    grouped
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::solution::tests::record;

    #[test]
    fn packages_that_another_tool_changed_are_named() {
        let locked = [record("a", "1", &[]), record("b", "1", &[])];
        let installed = [record("b", "2", &[]), record("c", "1", &[])];
        let found = packages(&locked, &installed);
        let told: Vec<String> = found.iter().map(ToString::to_string).collect();
        insta::assert_snapshot!(told.join("\n"), @"
        `a 1 0` is in the lock and not installed
        `c 1 0` is installed and not in the lock
        `b 2 0` is installed instead of `b 1 0`
        ");
        assert!(packages(&locked, &locked).is_empty());
    }

    #[test]
    fn what_is_linked_again_follows_from_files_and_cache() {
        let mut findings = Findings::default();
        assert!(findings.is_sound());
        for (path, package) in [("lib/x", Some("a")), ("etc/own", None)] {
            findings.files.push(DamagedFile {
                path: path.to_string(),
                package: package.map(str::to_string),
                fault: FileFault::Missing,
            });
        }
        findings.cache.push(DamagedCopy {
            name: "b".to_string(),
            directory: "pkgs/b-1-0".to_string(),
            reason: "odd".to_string(),
        });
        assert!(!findings.is_sound());
        assert_eq!(Vec::from_iter(findings.to_relink()), ["a", "b"]);
        assert_eq!(findings.summary(), "2 files, 1 package in the cache");
    }
}
