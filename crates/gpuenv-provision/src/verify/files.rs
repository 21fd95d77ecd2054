//! One file of an environment against what it should be.

use std::{
    collections::{HashMap, HashSet},
    io,
    path::{Path, PathBuf},
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use gpuenv_core::{
    Event, Reporter,
    integrity::{DamagedFile, FileFault, Findings, Kind},
};
use rattler_conda_types::prefix_record::{PathType, PathsEntry};
use rattler_digest::Sha256Hash;

use crate::{
    contents::{Contents, sha256},
    prefix::{Manifest, Own, Records, slashed},
    tree::Tree,
};

/// How many bytes are read until somebody is told.
const STEP: u64 = 64 << 20;

/// What one path should be.
pub(super) struct Item {
    /// Below the prefix, with slashes.
    pub(super) path: String,
    /// The package's name; `None` for what gpuenv wrote.
    package: Option<String>,
    expected: Expected,
}

enum Expected {
    File {
        size: Option<u64>,
        hash: Option<Sha256Hash>,
    },
    /// A link, and where it led, if somebody noted it.
    Link {
        target: Option<String>,
    },
    Directory,
}

impl Item {
    /// Returns how much is to be read for it.
    pub(super) fn size(&self) -> u64 {
        match self.expected {
            Expected::File { size, hash } => size.filter(|_| hash.is_some()).unwrap_or(0),
            Expected::Link { .. } | Expected::Directory => 0,
        }
    }
}

/// Returns everything that should be in a prefix, the largest files first: who
/// reads one of these last keeps the others waiting.
pub(super) fn items(records: &Records, manifest: Option<&Manifest>) -> Vec<Item> {
    let mut items = Vec::new();
    for record in &records.packages {
        let name = record.name().as_normalized();
        let links = manifest.and_then(|manifest| manifest.links.get(name));
        for entry in &record.paths_data.paths {
            // Python makes it again from its source.
            if entry.path_type == PathType::PycFile {
                continue;
            }
            let path = slashed(&entry.relative_path);
            let target = links.and_then(|links| links.get(&path)).cloned();
            items.push(Item {
                expected: expected(entry, target),
                path,
                package: Some(name.to_string()),
            });
        }
    }
    for (path, own) in manifest.iter().flat_map(|manifest| &manifest.own) {
        items.push(Item {
            path: path.clone(),
            package: None,
            expected: match own {
                Own::File(hash) => Expected::File {
                    size: None,
                    hash: rattler_digest::parse_digest_from_hex::<rattler_digest::Sha256>(hash),
                },
                Own::Link(target) => Expected::Link {
                    target: Some(target.clone()),
                },
            },
        });
    }
    items.sort_by_key(|item| std::cmp::Reverse(item.size()));
    items
}

fn expected(entry: &PathsEntry, target: Option<String>) -> Expected {
    match entry.path_type {
        PathType::Directory => Expected::Directory,
        PathType::SoftLink => Expected::Link { target },
        PathType::HardLink
        | PathType::PycFile
        | PathType::WindowsPythonEntryPointScript
        | PathType::WindowsPythonEntryPointExe
        | PathType::UnixPythonEntryPoint
        | PathType::LinkedPackageRecord => Expected::File {
            size: entry.size_in_bytes,
            hash: entry.sha256_in_prefix.or(entry.sha256),
        },
    }
}

/// Looks at items, from several threads at a time.
pub(super) struct Looker<'a> {
    prefix: &'a Path,
    real: Option<PathBuf>,
    links: HashMap<&'a Path, &'a Path>,
    files: HashSet<&'a Path>,
    known: &'a Contents,
    reporter: &'a dyn Reporter,
    bytes: AtomicU64,
    told: AtomicU64,
    damaged: Mutex<Vec<DamagedFile>>,
}

impl<'a> Looker<'a> {
    pub(super) fn new(
        prefix: &'a Path,
        found: &'a Tree,
        known: &'a Contents,
        reporter: &'a dyn Reporter,
    ) -> Self {
        let links = found.links.iter();
        let links = links.map(|(path, target)| (path.as_path(), target.as_path()));
        Self {
            prefix,
            real: fs_err::canonicalize(prefix).ok(),
            links: links.collect(),
            files: found.files.iter().map(|(path, _)| path.as_path()).collect(),
            known,
            reporter,
            bytes: AtomicU64::new(0),
            told: AtomicU64::new(0),
            damaged: Mutex::default(),
        }
    }

    pub(super) fn look(&self, item: &Item) {
        if let Err(fault) = self.compare(item) {
            let mut damaged = self.damaged.lock().unwrap_or_else(PoisonError::into_inner);
            damaged.push(DamagedFile {
                path: item.path.clone(),
                package: item.package.clone(),
                fault,
            });
        }
    }

    pub(super) fn finish(self, items: &[Item], findings: &mut Findings) {
        findings.looked.files = items.len();
        findings.looked.bytes = self.bytes.into_inner();
        let no_hash = |item: &&Item| matches!(item.expected, Expected::File { hash: None, .. });
        findings.looked.without_hash = items.iter().filter(no_hash).count();
        let damaged = self.damaged.into_inner();
        findings.files = damaged.unwrap_or_else(PoisonError::into_inner);
    }

    fn compare(&self, item: &Item) -> Result<(), FileFault> {
        let path = self.prefix.join(&item.path);
        let metadata = fs_err::symlink_metadata(&path).map_err(|error| fault_of(&error))?;
        self.check_way(&item.path, &path)?;
        let is = |kind: Kind, is_it: bool| match is_it {
            true => Ok(()),
            false => Err(FileFault::OtherKind { expected: kind }),
        };
        match &item.expected {
            Expected::Directory => is(Kind::Directory, metadata.is_dir()),
            Expected::Link { target } => {
                is(Kind::Link, metadata.is_symlink())?;
                self.compare_link(&path, &item.path, target.as_deref())
            }
            Expected::File { size, hash } => {
                is(Kind::File, metadata.is_file())?;
                if let Some(expected) = size.filter(|size| *size != metadata.len()) {
                    let actual = metadata.len();
                    return Err(FileFault::OtherSize { expected, actual });
                }
                match hash {
                    Some(hash) => self.compare_content(&path, &metadata, *hash),
                    None => Ok(()),
                }
            }
        }
    }

    fn compare_content(
        &self,
        path: &Path,
        metadata: &std::fs::Metadata,
        expected: Sha256Hash,
    ) -> Result<(), FileFault> {
        let actual = sha256(path).map_err(|error| fault_of(&error))?;
        self.tell(metadata.len());
        self.known.add(metadata, actual);
        match actual == expected {
            true => Ok(()),
            false => Err(FileFault::OtherContent),
        }
    }

    fn compare_link(
        &self,
        path: &Path,
        relative: &str,
        expected: Option<&str>,
    ) -> Result<(), FileFault> {
        let actual = match self.links.get(Path::new(relative)) {
            Some(target) => target.to_path_buf(),
            None => fs_err::read_link(path).map_err(|error| fault_of(&error))?,
        };
        let actual = slashed(&actual);
        match expected {
            // One that leads to nothing may have been made so.
            Some(expected) if expected == actual => Ok(()),
            Some(expected) => Err(FileFault::OtherTarget {
                expected: expected.to_string(),
                actual,
            }),
            None if fs_err::metadata(path).is_err() => Err(FileFault::Dangling { target: actual }),
            None => Ok(()),
        }
    }

    /// Refuses what was only reached through a link that leaves the prefix.
    fn check_way(&self, relative: &str, path: &Path) -> Result<(), FileFault> {
        let relative = Path::new(relative);
        // The tree was read without following links, so what it knows is inside.
        if self.files.contains(relative) || self.links.contains_key(relative) {
            return Ok(());
        }
        let parent = path.parent().map(fs_err::canonicalize);
        let is_inside = match (parent, &self.real) {
            (Some(Ok(parent)), Some(real)) => parent.starts_with(real),
            _ => false,
        };
        match is_inside {
            true => Ok(()),
            false => Err(FileFault::LeadsOutside),
        }
    }

    fn tell(&self, length: u64) {
        let bytes = self.bytes.fetch_add(length, Ordering::Relaxed) + length;
        let told = self.told.load(Ordering::Relaxed);
        if bytes >= told + STEP
            && self
                .told
                .compare_exchange(told, bytes, Ordering::Relaxed, Ordering::Relaxed)
                .is_ok()
        {
            self.reporter.report(Event::VerifyBytes { bytes });
        }
    }
}

fn fault_of(error: &io::Error) -> FileFault {
    match error.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => FileFault::Missing,
        kind => FileFault::Unreadable {
            reason: kind.to_string(),
        },
    }
}
