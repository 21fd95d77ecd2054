//! The private directory in which XLA finds libdevice and `ptxas`.
//!
//! XLA looks below one directory, and packages disagree on where these lie. Links
//! in a directory of our own fit all of them, and touch no package's files.

use std::{
    io,
    path::{Path, PathBuf},
};

use fs_err as fs;
use gpuenv_core::activation::XlaFiles;
use rattler_conda_types::Subdir;

use super::{ActivateError, XLA_DIRECTORY, remove_all, require_inside, symlink, wheel_folders};

const LIBDEVICE: &str = "nvvm/libdevice/libdevice.10.bc";
const PTXAS: &str = "bin/ptxas";

/// Returns what the private directory of a prefix holds.
pub(super) fn found(prefix: &Path) -> XlaFiles {
    let folder = prefix.join(XLA_DIRECTORY);
    XlaFiles {
        libdevice: folder.join(LIBDEVICE).is_file(),
        ptxas: folder.join(PTXAS).is_file(),
    }
}

/// Makes the links anew; where the recipe does not want them, only removes them.
pub(super) fn link(stage: &Path, platform: Subdir, wanted: bool) -> Result<(), ActivateError> {
    remove_all(&stage.join(XLA_DIRECTORY))?;
    if !wanted || !platform.is_linux() {
        return Ok(());
    }
    for (link, sources) in [(LIBDEVICE, libdevice(stage)?), (PTXAS, ptxas(stage)?)] {
        let found = sources
            .into_iter()
            .find(|source| stage.join(source).is_file());
        if let Some(source) = found {
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

/// Returns where libdevice may lie: in CUDA 12 packages, in CUDA 11's, in wheels.
fn libdevice(stage: &Path) -> io::Result<Vec<PathBuf>> {
    let conda = [LIBDEVICE, "lib/libdevice.10.bc"].map(PathBuf::from);
    let wheels = wheel_folders(stage)?.into_iter();
    Ok(conda
        .into_iter()
        .chain(wheels.map(|folder| folder.join(LIBDEVICE)))
        .collect())
}

fn ptxas(stage: &Path) -> io::Result<Vec<PathBuf>> {
    let wheels = wheel_folders(stage)?.into_iter();
    Ok(std::iter::once(PathBuf::from(PTXAS))
        .chain(wheels.map(|folder| folder.join(PTXAS)))
        .collect())
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use super::{super::tests::stage_with, *};

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
