//! The driver's libraries, and what `LD_LIBRARY_PATH` leads to.

use std::path::Path;

use gpuenv_core::{
    activation::cuda_libraries,
    doctor::{DriverLibrary, LibraryFile, LibraryKind, SearchDirectory},
};

use super::{
    bus::is_driver_version,
    root::{self, Root},
};

/// So many directories of a path are looked at.
const MOST_DIRECTORIES: usize = 64;

/// Where the loader looks without being told.
const USUAL: [&str; 10] = [
    "/lib/x86_64-linux-gnu",
    "/usr/lib/x86_64-linux-gnu",
    "/lib/aarch64-linux-gnu",
    "/usr/lib/aarch64-linux-gnu",
    "/usr/lib/aarch64-linux-gnu/nvidia",
    "/usr/lib/aarch64-linux-gnu/tegra",
    "/lib64",
    "/usr/lib64",
    "/usr/lib/wsl/lib",
    "/.singularity.d/libs",
];

/// The driver's libraries that matter.
const NAMES: [&str; 2] = ["libcuda.so.1", "libnvidia-ml.so.1"];

/// Returns the directories of a path variable.
pub(super) fn directories(path: Option<&str>) -> Vec<String> {
    let Some(path) = path.filter(|path| !path.is_empty()) else {
        return Vec::new();
    };
    let entries = path.split(':').take(MOST_DIRECTORIES);
    entries.map(|entry| trimmed(entry).to_string()).collect()
}

fn trimmed(directory: &str) -> &str {
    match directory.trim_end_matches('/') {
        "" if directory.starts_with('/') => "/",
        directory => directory,
    }
}

/// Returns the directories that the loader's configuration names.
pub(super) fn configured(root: &Root<'_>) -> Vec<String> {
    let names = root.names("/etc/ld.so.conf.d").into_iter();
    let files = names.filter(|name| name.ends_with(".conf"));
    let files = files.map(|name| format!("/etc/ld.so.conf.d/{name}"));
    let texts = files
        .chain(["/etc/ld.so.conf".to_string()])
        .filter_map(|file| root.text(&file));
    let lines = texts.flat_map(|text| {
        let lines = text.lines().map(|line| trimmed(line.trim()).to_string());
        lines.collect::<Vec<String>>()
    });
    let directories = lines.filter(|line| line.starts_with('/'));
    directories.take(MOST_DIRECTORIES).collect()
}

/// Returns the driver's libraries in the order of the loader.
pub(super) fn of_driver(
    root: &Root<'_>,
    named: &[String],
    configured: &[String],
) -> Vec<DriverLibrary> {
    let by_variable = named.iter().map(|directory| (directory.as_str(), true));
    let others = configured.iter().map(String::as_str).chain(USUAL);
    let mut found = Vec::new();
    for (directory, by_variable) in by_variable.chain(others.map(|d| (d, false))) {
        for name in NAMES.iter().filter(|_| directory.starts_with('/')) {
            let file = format!("{directory}/{name}");
            let Some(real) = root.real(&file) else {
                continue;
            };
            found.push(DriverLibrary {
                version: version_of(&real),
                kind: kind(&file, &real),
                file,
                real,
                by_variable,
            });
        }
    }
    found
}

fn version_of(real: &str) -> Option<String> {
    let (_, version) = real.rsplit_once(".so.")?;
    is_driver_version(version).then(|| version.to_string())
}

fn kind(file: &str, real: &str) -> LibraryKind {
    let on_the_way = |part: &str| file.contains(part) || real.contains(part);
    if on_the_way("/stubs/") {
        LibraryKind::Stub
    } else if on_the_way("/compat/") || on_the_way("cuda-compat") {
        LibraryKind::Compat
    } else if on_the_way("/usr/lib/wsl/") {
        LibraryKind::Wsl
    } else {
        LibraryKind::Driver
    }
}

/// Returns what lies in the directories of `LD_LIBRARY_PATH`.
pub(super) fn searched(root: &Root<'_>, directories: &[String]) -> Vec<SearchDirectory> {
    let look = |directory: &String| SearchDirectory {
        directory: directory.clone(),
        // An empty entry means the working directory, which is another one for each program.
        libraries: match directory.starts_with('/') {
            true => in_directory(&root.at(directory), directory),
            false => Vec::new(),
        },
    };
    directories.iter().map(look).collect()
}

/// Returns the CUDA libraries and libstdc++ of a directory; `shown` is how it is called.
pub(super) fn in_directory(directory: &Path, shown: &str) -> Vec<LibraryFile> {
    let names = root::names(directory);
    let cxx = names.iter().filter(|name| *name == "libstdc++.so.6");
    let cxx: Vec<&str> = cxx.map(String::as_str).collect();
    let found = cuda_libraries(names.iter().map(String::as_str));
    let wanted = found.into_iter().chain(cxx);
    wanted
        .filter_map(|name| library(directory, shown, name))
        .collect()
}

/// Returns a library that a program can ask for by its name.
fn library(directory: &Path, shown: &str, name: &str) -> Option<LibraryFile> {
    let (_, numbers) = name.split_once(".so.")?;
    let path = directory.join(name);
    let real = fs_err::canonicalize(&path).ok()?;
    let is_link = path.is_symlink();
    // `libcudart.so.12.4.127` itself is what `libcudart.so.12` leads to.
    if !is_link && numbers.split('.').count() > 2 {
        return None;
    }
    let file_name = real.file_name()?.to_string_lossy().into_owned();
    let version = file_name.rsplit_once(".so.").map(|(_, version)| version);
    let says_more = version.filter(|version| version.len() > numbers.len());
    Some(LibraryFile {
        soname: name.to_string(),
        file: format!("{shown}/{name}"),
        version: says_more.map(str::to_string),
        size: fs_err::metadata(&real).ok()?.len(),
    })
}
