//! Each wheel's own list of its files, as it is true in this environment.
//!
//! The linker puts there what the cache has, which speaks of the cache's layout and
//! knows no launchers.

use std::path::Path;

use fs_err as fs;
use gpuenv_core::{
    Changes,
    wheels::{Brought, installed_record, is_record},
};
use rattler_conda_types::{
    PrefixRecord,
    package::DistArchiveType,
    prefix_record::{PathType, PathsEntry},
};
use rattler_digest::{Sha256, compute_bytes_digest};

use super::{InstallError, link::record_names};
use crate::{prefix, tree};

/// Writes the `RECORD` of each wheel that was just linked into a stage, and notes its hash.
pub(super) fn write(stage: &Path, changes: &Changes) -> Result<(), InstallError> {
    let is_wheel = |archive: &DistArchiveType| matches!(archive, DistArchiveType::Wheel(_));
    let wheels = changes.to_link();
    let wheels = wheels.filter(|record| is_wheel(&record.identifier.archive_type));
    let wheels: Vec<_> = wheels.cloned().collect();
    tree::in_parallel(&record_names(&wheels), |name| {
        write_one(stage, &stage.join("conda-meta").join(name))
    })
}

fn write_one(stage: &Path, file: &Path) -> Result<(), InstallError> {
    let failed = |error| InstallError::io("read", file, error);
    let mut record = PrefixRecord::from_path(file).map_err(failed)?;
    let entries = &mut record.paths_data.paths;
    let paths: Vec<String> = entries.iter().map(path_of).collect();
    let Some(at) = paths.iter().position(|path| is_record(path)) else {
        return Ok(());
    };
    let brought: Vec<Brought<'_>> = entries
        .iter()
        .zip(&paths)
        .filter(|(entry, _)| entry.path_type != PathType::Directory)
        .map(|(entry, path)| Brought {
            path,
            sha256: entry.sha256_in_prefix.or(entry.sha256),
            size: entry.size_in_bytes,
        })
        .collect();
    let text = installed_record(&paths[at], &brought);
    // What lies there is the cache's own file, by a hard link.
    prefix::write_new(&stage.join(&paths[at]), text.as_bytes())?;
    let entry = &mut entries[at];
    entry.sha256_in_prefix = Some(compute_bytes_digest::<Sha256>(text.as_bytes()));
    entry.size_in_bytes = Some(text.len() as u64);
    let text = serde_json::to_vec_pretty(&record)
        .map_err(|error| InstallError::io("write", file, error.into()))?;
    fs::write(file, text).map_err(|error| InstallError::io("write", file, error))
}

fn path_of(entry: &PathsEntry) -> String {
    let path = entry.relative_path.to_string_lossy();
    path.replace(std::path::MAIN_SEPARATOR, "/")
}
