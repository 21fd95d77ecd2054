//! What an environment holds: CUDA libraries by the names that frameworks use.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use fs_err as fs;
use gpuenv_core::probe::{FoundFile, LibraryKind};

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
    let mut found: BTreeMap<(LibraryKind, String), Held> = BTreeMap::new();
    for directory in directories(prefix) {
        for name in names(&directory) {
            let Some((kind, major)) = read(&name) else {
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
    let packages = site_packages(prefix);
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
        look("ptxas", &["bin/ptxas"]),
        look("libdevice.10.bc", &["nvvm/libdevice/libdevice.10.bc"]),
    ]
}

/// Reads kind and major version from a file's name.
fn read(name: &str) -> Option<(LibraryKind, String)> {
    LibraryKind::ALL.into_iter().find_map(|kind| {
        let version = name.strip_prefix(kind.stem())?;
        let numbers: Vec<&str> = version.split('.').collect();
        let numeric = |part: &&str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
        numbers
            .iter()
            .all(numeric)
            .then(|| (kind, numbers[0].to_string()))
    })
}

/// Returns where libraries lie, conda's places before those of wheels.
fn directories(prefix: &Path) -> Vec<PathBuf> {
    let mut directories = vec![prefix.join("lib"), prefix.join("lib64")];
    let targets = names(&prefix.join("targets")).into_iter();
    directories.extend(targets.map(|target| prefix.join("targets").join(target).join("lib")));
    for site in site_packages(prefix) {
        let nvidia = site.join("nvidia");
        directories.extend(
            names(&nvidia)
                .iter()
                .map(|name| nvidia.join(name).join("lib")),
        );
        directories.push(site.join("torch").join("lib"));
    }
    directories
}

fn site_packages(prefix: &Path) -> Vec<PathBuf> {
    let lib = prefix.join("lib");
    let pythons = names(&lib).into_iter();
    let pythons = pythons.filter(|name| name.starts_with("python"));
    pythons
        .map(|python| lib.join(python).join("site-packages"))
        .collect()
}

fn names(directory: &Path) -> Vec<String> {
    let Ok(entries) = fs::read_dir(directory) else {
        return Vec::new();
    };
    let names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    let mut names: Vec<String> = names.collect();
    names.sort();
    names
}
