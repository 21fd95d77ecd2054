//! Links to the environment's CUDA libraries inside the folders of packages.
//!
//! Some libraries look for CUDA beside themselves and nowhere else in the
//! environment. Each link leads through the private directory of CUDA libraries,
//! by which an update knows it again.

use std::{io, path::Path};

use fs_err as fs;
use gpuenv_core::recipe::check_package_folder;

use super::{ActivateError, names_in, require_inside, symlink};

/// The private directory, as links name it.
const PRIVATE: &str = "gpuenv-cuda";

/// Makes the links in those of the folders that are there.
pub(super) fn link(
    stage: &Path,
    folders: &[String],
    libraries: &[String],
) -> Result<(), ActivateError> {
    for (place, folder) in places(stage, folders)? {
        require_inside(stage, &place)?;
        let up = "../".repeat(folder.split('/').count() + 2);
        for name in libraries {
            let path = place.join(name);
            match fs::symlink_metadata(&path) {
                Ok(found) if found.is_symlink() && is_ours(&fs::read_link(&path)?) => {
                    fs::remove_file(&path)?;
                }
                // What the package brings itself is what it was built with.
                Ok(_) => continue,
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(error.into()),
            }
            symlink(Path::new(&format!("{up}{PRIVATE}/{name}")), &path)?;
        }
    }
    Ok(())
}

/// Returns the folders that are nowhere in a prefix.
///
/// # Errors
/// Fails if the prefix cannot be read.
pub fn missing(prefix: &Path, folders: &[String]) -> io::Result<Vec<String>> {
    let there = places(prefix, folders)?;
    let is_there = |folder: &String| there.iter().any(|(_, known)| known == folder);
    let missing = folders.iter().filter(|folder| !is_there(folder));
    Ok(missing.cloned().collect())
}

/// Returns the directories that are meant, each with the folder it is for.
fn places(root: &Path, folders: &[String]) -> io::Result<Vec<(std::path::PathBuf, String)>> {
    let mut places = Vec::new();
    // A lock can hold anything.
    let sound = folders
        .iter()
        .filter(|one| check_package_folder(one).is_ok());
    let sound: Vec<&String> = sound.collect();
    if sound.is_empty() {
        return Ok(places);
    }
    for python in names_in(&root.join("lib"))? {
        let library = root.join("lib").join(&python);
        let is_real = fs::symlink_metadata(&library).is_ok_and(|found| found.is_dir());
        if !python.starts_with("python") || !is_real {
            continue;
        }
        for folder in &sound {
            let place = library.join("site-packages").join(folder);
            if place.is_dir() {
                places.push((place, (*folder).clone()));
            }
        }
    }
    Ok(places)
}

fn is_ours(target: &Path) -> bool {
    target
        .parent()
        .is_some_and(|parent| parent.ends_with(PRIVATE))
}

/// Returns whether a link of a prefix is one that [`link`] has made.
pub(crate) fn is_own_link(path: &Path, target: &Path) -> bool {
    let mut parts = path.iter().map(|part| part.to_string_lossy());
    let first = [parts.next(), parts.next(), parts.next()];
    let [Some(library), Some(python), Some(site)] = first else {
        return false;
    };
    library == "lib"
        && python.starts_with("python")
        && site == "site-packages"
        && target.starts_with("..")
        && is_ours(target)
        && target.file_name() == path.file_name()
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use gpuenv_core::plan::ActivationSettings;
    use rattler_conda_types::Subdir;

    use super::super::{tests::stage_with, write};
    use super::*;

    fn settings(folders: &[&str]) -> ActivationSettings {
        ActivationSettings {
            link_libraries: folders.iter().map(|one| (*one).to_string()).collect(),
            ..ActivationSettings::default()
        }
    }

    const SITE: &str = "lib/python3.10/site-packages";

    #[test]
    fn libraries_are_linked_beside_those_of_a_package() {
        let stage = stage_with(&[
            "lib/libcudart.so.11.0",
            "lib/libz.so.1",
            "lib/python3.10/site-packages/tensorflow/libtensorflow_framework.so.2",
            "lib/python3.10/site-packages/jaxlib/cuda/x.so",
            "lib/python3.10/site-packages/jaxlib/cuda/libcudart.so.11.0",
        ]);
        symlink(Path::new("python3.10"), &stage.path().join("lib/python3.1")).unwrap();
        let wanted = settings(&["tensorflow", "jaxlib/cuda", "nothing", "../../../out"]);
        for _ in 0..2 {
            write(stage.path(), "/env", Subdir::Linux64, &wanted).unwrap();
            let site = stage.path().join(SITE);
            let link = site.join("tensorflow/libcudart.so.11.0");
            assert_eq!(fs::read_to_string(&link).unwrap(), "lib/libcudart.so.11.0");
            let target = fs::read_link(&link).unwrap();
            assert_eq!(target, Path::new("../../../gpuenv-cuda/libcudart.so.11.0"));
            let relative = Path::new(SITE).join("tensorflow/libcudart.so.11.0");
            assert!(is_own_link(&relative, &target));
            assert!(!site.join("tensorflow/libz.so.1").exists());
            // The package has its own, which stays.
            let own = site.join("jaxlib/cuda/libcudart.so.11.0");
            assert!(fs::symlink_metadata(own).unwrap().is_file());
        }
        let unknown = missing(stage.path(), &wanted.link_libraries).unwrap();
        assert_eq!(unknown, ["nothing", "../../../out"]);
    }

    #[test]
    fn nothing_is_written_through_a_link_out_of_the_stage() {
        let outside = tempfile::tempdir().unwrap();
        let stage = stage_with(&["lib/libcudart.so.11.0", "lib/python3.10/site-packages/x.py"]);
        symlink(outside.path(), &stage.path().join(SITE).join("tensorflow")).unwrap();
        let refused = write(
            stage.path(),
            "/env",
            Subdir::Linux64,
            &settings(&["tensorflow"]),
        );
        assert!(matches!(refused, Err(ActivateError::Outside { .. })));
        assert_eq!(fs::read_dir(outside.path()).unwrap().count(), 0);
    }

    #[test]
    fn links_of_the_user_are_not_ours() {
        let site = Path::new(SITE);
        for (path, target) in [
            ("x/libcudart.so", "/opt/gpuenv-cuda/libcudart.so"),
            ("x/a.so", "../../../gpuenv-cuda/b.so"),
            ("x/a.so", "../../../a.so"),
        ] {
            assert!(
                !is_own_link(&site.join(path), Path::new(target)),
                "{target}"
            );
        }
        let target = Path::new("../../../gpuenv-cuda/a.so");
        assert!(!is_own_link(Path::new("bin/a.so"), target));
    }
}
