//! Where an environment keeps its libraries, in the layouts of both systems.
//!
//! Both are looked for everywhere: a folder that is not there costs one call, and
//! the search can be tried on any machine.

use std::path::{Path, PathBuf};

use fs_err as fs;
use gpuenv_core::xla::XlaFile;

/// Returns where libraries lie, conda's places before those of wheels.
pub(super) fn libraries(prefix: &Path) -> Vec<PathBuf> {
    let mut directories = vec![prefix.join("lib"), prefix.join("lib64")];
    let targets = names(&prefix.join("targets")).into_iter();
    directories.extend(targets.map(|target| prefix.join("targets").join(target).join("lib")));
    // Windows: conda's packages, of which CUDA's from 13 on have a folder more.
    let windows = prefix.join("Library").join("bin");
    directories.extend([windows.clone(), windows.join("x64"), prefix.join("bin")]);
    for site in site_packages(prefix) {
        let nvidia = site.join("nvidia");
        for wheel in names(&nvidia) {
            let wheel = nvidia.join(wheel);
            let bin = wheel.join("bin");
            directories.extend([wheel.join("lib"), bin.clone(), bin.join("x86_64")]);
        }
        directories.push(site.join("torch").join("lib"));
    }
    directories
}

/// Returns where wheels lie; Debian's Python has a name of its own for it.
pub(super) fn site_packages(prefix: &Path) -> Vec<PathBuf> {
    let lib = prefix.join("lib");
    let pythons = names(&lib).into_iter();
    let mut found: Vec<PathBuf> = pythons
        .filter(|name| name.starts_with("python"))
        .flat_map(|python| {
            ["site-packages", "dist-packages"].map(|folder| lib.join(&python).join(folder))
        })
        .collect();
    // Windows; where capitals are not told, `lib` above is the same folder, which
    // holds no `python3.12` there.
    found.push(prefix.join("Lib").join("site-packages"));
    found
}

/// Returns the folders in which wheels keep the tree of a toolkit.
pub(super) fn toolkits(site: &Path) -> Vec<PathBuf> {
    let nvidia = site.join("nvidia");
    let wheels = names(&nvidia).into_iter().map(|wheel| nvidia.join(wheel));
    let others = XlaFile::WHEEL_FOLDERS
        .iter()
        .map(|folder| site.join(folder));
    wheels.chain(others).collect()
}

/// Returns the names in a directory, in order; none if it cannot be read.
pub(super) fn names(directory: &Path) -> Vec<String> {
    let Ok(entries) = fs::read_dir(directory) else {
        return Vec::new();
    };
    let names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    let mut names: Vec<String> = names.collect();
    names.sort();
    names
}
