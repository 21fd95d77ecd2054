//! What gpuenv notes of an installation, so that damage shows which no package
//! can tell: edited package records, links, its own files.

use std::{
    collections::{BTreeMap, HashSet},
    io,
    path::{Path, PathBuf},
};

use gpuenv_core::activation::{
    ACTIVATE_DIRECTORY, CUDA_DIRECTORY, DEACTIVATE_DIRECTORY, DLL_HOOK_FILE, XLA_DIRECTORY,
};
use serde::{Deserialize, Serialize};

use super::{LOCK, RECIPE, is_own, state::sha256 as sha256_of_text};
use crate::{contents::sha256, install::InstallError, prefix};

/// Where it is, below a prefix.
pub(crate) const MANIFEST: &str = "conda-meta/gpuenv.files";

/// The form that this gpuenv writes and reads.
const SCHEMA: u32 = 1;

/// Where the links of packages lead, by the packages' names and the links' paths.
pub(crate) type Links = BTreeMap<String, BTreeMap<String, String>>;

/// What an installation has made beside the files of packages.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct Manifest {
    schema: u32,
    /// The hashes of the package records, by file name.
    pub(crate) records: BTreeMap<String, String>,
    /// Where the links of packages lead.
    pub(crate) links: Links,
    /// What gpuenv wrote, by path.
    pub(crate) own: BTreeMap<String, Own>,
}

/// Something that gpuenv wrote.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Own {
    /// A file of this hash.
    File(String),
    /// A link that leads there.
    Link(String),
}

/// An earlier installation of which something stays.
pub(crate) struct Earlier<'a> {
    /// Where it is.
    pub(crate) prefix: &'a Path,
    /// What it noted.
    pub(crate) manifest: &'a Manifest,
    /// The names of the packages that stay.
    pub(crate) kept: &'a HashSet<&'a str>,
}

impl Manifest {
    /// Notes what is in a stage. `links` are those of the packages just linked.
    pub(crate) fn of(
        stage: &Path,
        records: &[String],
        links: Links,
        earlier: Option<&Earlier<'_>>,
    ) -> Result<Self, InstallError> {
        let mut manifest = Manifest {
            schema: SCHEMA,
            links,
            ..Manifest::default()
        };
        for name in records {
            let hash = hash_of_record(stage, name)?;
            let hash = earlier
                .and_then(|earlier| earlier.distrusted(name))
                .unwrap_or(hash);
            manifest.records.insert(name.clone(), hash);
        }
        if let Some(earlier) = earlier {
            let old = earlier.manifest.links.iter();
            let kept = old.filter(|(name, _)| earlier.kept.contains(name.as_str()));
            let kept = kept.map(|(name, links)| (name.clone(), links.clone()));
            manifest.links.extend(kept);
        }
        for path in own_paths(stage) {
            if let Some(own) = Own::read(&stage.join(&path))
                .map_err(|error| InstallError::io("read", stage.join(&path), error))?
            {
                manifest.own.insert(slashed(&path), own);
            }
        }
        Ok(manifest)
    }

    /// Writes it into a stage, and returns the hash of what was written.
    pub(crate) fn write(&self, stage: &Path) -> Result<String, InstallError> {
        // Maps of texts: serialization cannot fail.
        let mut text = serde_json::to_string_pretty(self).unwrap_or_default();
        text.push('\n');
        prefix::write_new(&stage.join(MANIFEST), text.as_bytes())?;
        Ok(sha256_of_text(&text))
    }

    /// Reads that of a prefix; `None` if it is not the one that was written.
    pub(crate) fn read(prefix: &Path, expected: &str) -> Option<Self> {
        let text = fs_err::read_to_string(prefix.join(MANIFEST)).ok()?;
        let manifest: Self = serde_json::from_str(&text).ok()?;
        let is_it = manifest.schema == SCHEMA && sha256_of_text(&text) == expected;
        is_it.then_some(manifest)
    }
}

impl Earlier<'_> {
    /// Returns the noted hash of a record that was changed since: taking it over
    /// as it is now would make the change look right.
    fn distrusted(&self, name: &str) -> Option<String> {
        let noted = self.manifest.records.get(name)?;
        let now = hash_of_record(self.prefix, name).ok()?;
        let package = name.rsplitn(3, '-').nth(2)?;
        (self.kept.contains(package) && *noted != now).then(|| noted.clone())
    }
}

impl Own {
    /// Looks at a path; `None` if there is neither a file nor a link.
    pub(crate) fn read(path: &Path) -> io::Result<Option<Self>> {
        let metadata = match fs_err::symlink_metadata(path) {
            Ok(metadata) => metadata,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        if metadata.is_symlink() {
            return Ok(Some(Own::Link(slashed(&fs_err::read_link(path)?))));
        }
        match metadata.is_file() {
            true => Ok(Some(Own::File(hex::encode(sha256(path)?)))),
            false => Ok(None),
        }
    }
}

/// Returns the hash of a package record as text.
pub(crate) fn hash_of_record(prefix: &Path, name: &str) -> Result<String, InstallError> {
    let path = prefix.join("conda-meta").join(name);
    let hash = sha256(&path).map_err(|error| InstallError::io("read", &path, error))?;
    Ok(hex::encode(hash))
}

/// Returns a path with slashes, as it is noted on every platform.
pub(crate) fn slashed(path: &Path) -> String {
    path.to_string_lossy()
        .replace(std::path::MAIN_SEPARATOR, "/")
}

/// Returns what gpuenv has written into a prefix and never changes.
fn own_paths(prefix: &Path) -> Vec<PathBuf> {
    let mut found = [LOCK, RECIPE, DLL_HOOK_FILE].map(PathBuf::from).to_vec();
    for directory in [ACTIVATE_DIRECTORY, DEACTIVATE_DIRECTORY] {
        let below = below(prefix, Path::new(directory));
        found.extend(below.into_iter().filter(|path| is_own(path)));
    }
    for directory in [CUDA_DIRECTORY, XLA_DIRECTORY] {
        found.extend(below(prefix, Path::new(directory)));
    }
    found
}

fn below(prefix: &Path, directory: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut open = vec![directory.to_path_buf()];
    while let Some(directory) = open.pop() {
        for entry in fs_err::read_dir(prefix.join(&directory))
            .into_iter()
            .flatten()
            .flatten()
        {
            let path = directory.join(entry.file_name());
            match entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                true => open.push(path),
                false => found.push(path),
            }
        }
    }
    found
}
