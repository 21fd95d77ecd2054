//! What an environment holds: CUDA libraries by the names that frameworks use.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use gpuenv_core::{
    probe::{FoundFile, LibraryKind},
    xla::XlaFile,
};

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
    let wheels: Vec<PathBuf> = places::site_packages(prefix)
        .iter()
        .flat_map(|site| places::toolkits(site))
        .collect();
    let look = |file: XlaFile| {
        let own = file.places().iter().map(|place| prefix.join(place));
        let in_wheels = wheels.iter().flat_map(|wheel| {
            let places = file.places_in_wheel().iter();
            places.map(move |place| wheel.join(place))
        });
        let found = own.chain(in_wheels).find(|place| place.is_file());
        FoundFile {
            name: file.name().to_string(),
            file: found.map(|file| file.display().to_string()),
        }
    };
    XlaFile::ALL.map(look).to_vec()
}
