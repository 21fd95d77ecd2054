//! Directories that packages bring as such, most of them empty.
//!
//! rattler's linker cannot make them: it copies them as if they were files, and
//! fails. So it gets to see such a package without them, and they are made here.
//! They stand in no record either, because rattler would delete them as files.

use std::{
    io,
    path::{Path, PathBuf},
};

use gpuenv_core::layout;
use rattler::package_cache::PackageCacheLayer;
use rattler_conda_types::package::PathsJson;

use super::{InstallError, causes};
use crate::{fetch::Fetched, package_cache, tree, unpacked::Unpacked};

/// Where a package lists its files.
const PATHS: &str = "info/paths.json";

/// Puts the packages that list directories into a cache of their own, without these.
///
/// `scratch` is where the installer looks first.
pub(super) async fn hide(fetched: &Fetched, scratch: &Path) -> Result<(), InstallError> {
    let layer = PackageCacheLayer::new(scratch);
    let listing = fetched.packages.iter();
    for package in listing.filter(|package| package.lists_directories()) {
        let (from, sha256) = (
            package.directory.clone(),
            package.record.package_record.sha256,
        );
        let fill = move |to: PathBuf| {
            let copied = copy(&from, &to).map(|()| sha256);
            std::future::ready(copied)
        };
        let key = package_cache::key(&package.record);
        let filled = layer.validate_or_fetch(fill, &key, None).await;
        filled.map_err(|error| InstallError::Link {
            what: label(package),
            causes: causes(&error),
        })?;
    }
    Ok(())
}

fn label(package: &Unpacked) -> String {
    gpuenv_core::solution::label(&package.record)
}

/// Makes a package again by hard links, all but its list of files.
fn copy(from: &Path, to: &Path) -> Result<(), io::Error> {
    let listed = PathBuf::from(PATHS);
    let tree = tree::read(from, &|path| path == listed).map_err(io::Error::other)?;
    fs_err::create_dir_all(to)?;
    tree.link_to(from, to).map_err(io::Error::other)?;
    let text = fs_err::read_to_string(from.join(PATHS))?;
    let mut paths: PathsJson = serde_json::from_str(&text)?;
    paths
        .paths
        .retain(|entry| entry.path_type != rattler_conda_types::package::PathType::Directory);
    fs_err::write(to.join(PATHS), serde_json::to_string(&paths)?)
}

/// Makes the directories of packages in a prefix.
pub(super) fn make(prefix: &Path, layouts: &[layout::Package]) -> Result<(), InstallError> {
    for package in layouts {
        let entries = package.entries.iter().zip(layout::final_paths(package));
        let directories = entries.filter(|(entry, _)| entry.kind == layout::Kind::Directory);
        for (_, path) in directories {
            let place = prefix.join(&path);
            match fs_err::create_dir_all(&place) {
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                    return Err(InstallError::Link {
                        what: format!("`{}`", package.label),
                        causes: vec![format!(
                            "its directory `{path}` is a file of another package"
                        )],
                    });
                }
                made => made.map_err(|error| InstallError::io("create", &place, error))?,
            }
        }
    }
    Ok(())
}
