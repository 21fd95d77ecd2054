//! What an environment holds: CUDA libraries by the names that frameworks use.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use gpuenv_core::probe::{FoundFile, LibraryKind};

use super::places;

/// More libraries than this are not looked at.
const MOST: usize = 32;

/// A library in the environment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Held {
    pub(super) kind: LibraryKind,
    /// Its file's name, which is what frameworks ask the loader for.
    pub(super) name: String,
    pub(super) file: PathBuf,
}

/// Finds the libraries, one of each kind and major version.
pub(super) fn libraries(prefix: &Path) -> Vec<Held> {
    let mut found: BTreeMap<(LibraryKind, u32), Held> = BTreeMap::new();
    for directory in places::libraries(prefix) {
        for name in places::names(&directory) {
            let Some((kind, major)) = LibraryKind::read(&name) else {
                continue;
            };
            let file = directory.join(&name);
            let held = Held { kind, name, file };
            let place = found.entry((kind, major)).or_insert_with(|| held.clone());
            // `libcudart.so.12` is what is asked for, `libcudart.so.12.4.127` what it means.
            let same = place.file.parent() == held.file.parent();
            if same && held.name.len() < place.name.len() {
                *place = held;
            }
        }
    }
    found.into_values().take(MOST).collect()
}

/// Looks for the files that XLA needs to compile for a GPU.
pub(super) fn files(prefix: &Path) -> Vec<FoundFile> {
    let packages = places::site_packages(prefix);
    let below = |paths: &[&str]| {
        let own = paths.iter().map(|path| prefix.join(path));
        let wheels = packages.iter().flat_map(|site| {
            let nvidia = site.join("nvidia");
            paths.iter().flat_map(move |path| {
                ["cuda_nvcc", "cu13"].map(|wheel| nvidia.join(wheel).join(path))
            })
        });
        let mut places = own.chain(wheels);
        places.find(|place| place.is_file())
    };
    let look = |name: &str, paths: &[&str]| FoundFile {
        name: name.to_string(),
        file: below(paths).map(|file| file.display().to_string()),
    };
    vec![
        look(
            "ptxas",
            &["bin/ptxas", "Library/bin/ptxas.exe", "bin/ptxas.exe"],
        ),
        look(
            "libdevice.10.bc",
            &[
                "nvvm/libdevice/libdevice.10.bc",
                "Library/nvvm/libdevice/libdevice.10.bc",
            ],
        ),
    ]
}
