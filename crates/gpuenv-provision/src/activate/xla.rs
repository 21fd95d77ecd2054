//! The private directory in which XLA finds libdevice and `ptxas`.
//!
//! XLA looks below one directory, and packages disagree on where these lie. Links
//! in a directory of our own fit all of them, and touch no package's files.

use std::{
    io,
    path::{Path, PathBuf},
};

use fs_err as fs;
use gpuenv_core::{activation::XlaFiles, xla::XlaFile};
use rattler_conda_types::Subdir;

use super::{
    ActivateError, XLA_DIRECTORY, remove_all, require_inside, site_packages, symlink, wheel_folders,
};

/// Returns what the private directory of a prefix holds.
pub(super) fn found(prefix: &Path) -> XlaFiles {
    let folder = prefix.join(XLA_DIRECTORY);
    XlaFiles {
        libdevice: folder.join(XlaFile::Libdevice.place()).is_file(),
        ptxas: folder.join(XlaFile::Ptxas.place()).is_file(),
    }
}

/// Makes the links anew; where the recipe does not want them, only removes them.
pub(super) fn link(stage: &Path, platform: Subdir, wanted: bool) -> Result<(), ActivateError> {
    remove_all(&stage.join(XLA_DIRECTORY))?;
    if !wanted || !platform.is_linux() {
        return Ok(());
    }
    let wheels = toolkits(stage)?;
    for file in XlaFile::ALL {
        let found = candidates(file, &wheels).find(|source| stage.join(source).is_file());
        if let Some(source) = found {
            let link = file.place();
            let path = stage.join(XLA_DIRECTORY).join(link);
            if let Some(folder) = path.parent() {
                fs::create_dir_all(folder)?;
                require_inside(stage, folder)?;
            }
            symlink(&up_from(link).join(source), &path)?;
        }
    }
    Ok(())
}

/// Returns the way from a link's directory up to the prefix.
fn up_from(link: &str) -> PathBuf {
    let depth = Path::new(XLA_DIRECTORY).join(link).components().count() - 1;
    std::iter::repeat_n("..", depth).collect()
}

/// Returns where a file may lie, relative to the stage.
fn candidates(file: XlaFile, wheels: &[PathBuf]) -> impl Iterator<Item = PathBuf> {
    let own = file.places().iter().map(PathBuf::from);
    let in_wheels = wheels.iter().flat_map(move |wheel| {
        let places = file.places_in_wheel().iter();
        places.map(move |place| wheel.join(place))
    });
    own.chain(in_wheels)
}

/// Returns the folders in which wheels keep the tree of a toolkit.
fn toolkits(stage: &Path) -> io::Result<Vec<PathBuf>> {
    let mut folders = wheel_folders(stage)?;
    for site in site_packages(stage)? {
        folders.extend(
            XlaFile::WHEEL_FOLDERS
                .iter()
                .map(|folder| site.join(folder)),
        );
    }
    Ok(folders)
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use super::{super::tests::stage_with, *};

    const LIBDEVICE: &str = "nvvm/libdevice/libdevice.10.bc";
    const PTXAS: &str = "bin/ptxas";

    fn linked(stage: &Path, link: &str) -> Option<String> {
        fs::read_to_string(stage.join(XLA_DIRECTORY).join(link)).ok()
    }

    #[test]
    fn libdevice_and_ptxas_are_linked_wherever_packages_put_them() {
        let wheel = "lib/python3.12/site-packages/nvidia/cuda_nvcc";
        let [wheel_libdevice, wheel_ptxas] =
            [LIBDEVICE, PTXAS].map(|name| format!("{wheel}/{name}"));
        for (libdevice, ptxas) in [
            (LIBDEVICE, PTXAS),
            ("lib/libdevice.10.bc", PTXAS),
            (&wheel_libdevice, &wheel_ptxas),
            (
                "lib/python3.10/site-packages/jaxlib/cuda/nvvm/libdevice/libdevice.10.bc",
                "lib/python3.10/site-packages/jaxlib/cuda/bin/ptxas",
            ),
        ] {
            let stage = stage_with(&[libdevice, ptxas]);
            for _ in 0..2 {
                link(stage.path(), Subdir::Linux64, true).unwrap();
                assert_eq!(linked(stage.path(), LIBDEVICE).as_deref(), Some(libdevice));
                assert_eq!(linked(stage.path(), PTXAS).as_deref(), Some(ptxas));
            }
            link(stage.path(), Subdir::Linux64, false).unwrap();
            assert_eq!(found(stage.path()), XlaFiles::default());
            assert!(!stage.path().join(XLA_DIRECTORY).exists());
        }
    }

    #[test]
    fn nothing_is_made_where_nothing_is_found_or_nobody_asks() {
        let bare = stage_with(&["lib/libz.so.1"]);
        link(bare.path(), Subdir::Linux64, true).unwrap();
        assert!(!bare.path().join(XLA_DIRECTORY).exists());
        let windows = stage_with(&[PTXAS]);
        link(windows.path(), Subdir::Win64, true).unwrap();
        assert_eq!(found(windows.path()), XlaFiles::default());
    }
}
