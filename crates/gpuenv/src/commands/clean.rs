//! `gpuenv clean`: gives back the room that caches take.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use fs_err as fs;
use gpuenv_core::Bytes;
use serde_json::json;

use crate::{Failure, Outcome, Session, environments::Environments};

/// Delete what no environment needs: half-made environments and channel indexes
#[derive(Debug, Clone, clap::Args)]
pub struct Args {
    /// Say what would be deleted, delete nothing
    #[arg(long)]
    pub dry_run: bool,
    /// Delete the package cache too, which pixi and other rattler tools share
    #[arg(long)]
    pub all: bool,
    /// Print one JSON document
    #[arg(long)]
    pub json: bool,
}

impl Args {
    /// Returns whether one JSON document is wanted on stdout.
    pub fn json(&self) -> bool {
        self.json
    }
}

/// After so long no run is still at work on a stage. `create` removes those of
/// its own environment at once.
const ABANDONED_AFTER: Duration = Duration::from_secs(24 * 60 * 60);

/// Something that can be deleted.
struct Waste {
    path: PathBuf,
    bytes: u64,
}

/// Cleans.
///
/// # Errors
/// Returns what keeps it from being clean.
pub fn run(args: Args, session: &Session) -> Result<Outcome, Failure> {
    let access = session.access()?;
    let mut places = vec![access.own_cache(), access.repodata_cache()];
    if args.all {
        places.push(access.package_cache());
    }
    places.extend(leftovers(&Environments::below(&session.home()?)));
    let waste: Vec<Waste> = places
        .into_iter()
        .filter(|path| fs::symlink_metadata(path).is_ok())
        .map(|path| Waste {
            bytes: size(&path),
            path,
        })
        .collect();
    if !args.dry_run {
        for waste in &waste {
            delete(&waste.path).map_err(Failure::io)?;
        }
    }
    let verb = if args.dry_run {
        "would delete"
    } else {
        "deleted"
    };
    let mut text = String::new();
    for waste in &waste {
        text.push_str(&format!(
            "{verb} {} ({})\n",
            waste.path.display(),
            Bytes(waste.bytes)
        ));
    }
    let total: u64 = waste.iter().map(|waste| waste.bytes).sum();
    text.push_str(&match waste.is_empty() {
        true => "nothing to delete\n".to_string(),
        false => format!("{} in all\n", Bytes(total)),
    });
    if !args.all {
        text.push_str("the package cache stays; `--all` deletes it too\n");
    }
    let facts = json!({
        "deleted": !args.dry_run,
        "bytes": total,
        "paths": waste.iter().map(|waste| &waste.path).collect::<Vec<_>>(),
    });
    Ok(Outcome::done().text(text).facts(&facts))
}

/// Returns what killed runs left beside environments.
fn leftovers(environments: &Environments) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(&environments.folder) else {
        return Vec::new();
    };
    let paths = entries.filter_map(|entry| Some(entry.ok()?.path()));
    paths.filter(|path| is_abandoned(path)).collect()
}

/// Returns whether a path is the stage of a run that is surely over.
fn is_abandoned(path: &Path) -> bool {
    let name = path.file_name().and_then(|name| name.to_str());
    let is_stage =
        name.is_some_and(|name| name.starts_with('.') && name.contains(".gpuenv-stage-"));
    let modified = fs::symlink_metadata(path).and_then(|metadata| metadata.modified());
    let age = modified.ok().and_then(|at| at.elapsed().ok());
    is_stage && age.is_some_and(|age| age > ABANDONED_AFTER)
}

/// Returns the bytes of a tree; what cannot be read counts nothing.
fn size(path: &Path) -> u64 {
    let Ok(metadata) = fs::symlink_metadata(path) else {
        return 0;
    };
    if !metadata.is_dir() {
        return metadata.len();
    }
    let entries = fs::read_dir(path).into_iter().flatten();
    entries
        .filter_map(|entry| Some(size(&entry.ok()?.path())))
        .sum()
}

fn delete(path: &Path) -> std::io::Result<()> {
    match fs::symlink_metadata(path)?.is_dir() {
        true => fs::remove_dir_all(path),
        false => fs::remove_file(path),
    }
}
