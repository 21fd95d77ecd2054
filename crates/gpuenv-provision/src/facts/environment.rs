//! An environment, put together from its records and its files.

use std::path::Path;

use gpuenv_core::{
    activation::{ACTIVATE_DIRECTORY, SCRIPT_STEM, XLA_DIRECTORY},
    channel::short_name,
    doctor::{EnvironmentFacts, LibraryFile, Package, Script},
    plan::Gpu,
    xla::XlaFile,
};
use serde::Deserialize;

use super::{
    dlls, libraries,
    root::{names, text},
    wheels,
};
use crate::prefix;

/// A record lists every file of its package.
const LONGEST_RECORD: u64 = 64 << 20;

/// No honest script is longer.
const LONGEST_SCRIPT: u64 = 1 << 20;

/// What a package depends on if it is built for CUDA.
const CUDA_DEPENDENCIES: [&str; 5] = [
    "__cuda",
    "cuda-cudart",
    "cuda-version",
    "cudatoolkit",
    "pytorch-cuda",
];

/// Packages that exist with and without CUDA.
const FRAMEWORKS: [&str; 6] = [
    "jaxlib",
    "libtorch",
    "pytorch",
    "tensorflow",
    "tensorflow-base",
    "xgboost",
];

/// System libraries that programs of the system load from wherever they find them.
const SYSTEM_LIBRARIES: [&str; 5] = [
    "libcrypto.so.3",
    "libcurl.so.4",
    "libssl.so.3",
    "libstdc++.so.6",
    "libtinfo.so.6",
];

/// Where a system has the libraries of its programs.
const SYSTEM_FOLDERS: [&str; 6] = [
    "/lib64",
    "/usr/lib64",
    "/usr/lib/x86_64-linux-gnu",
    "/usr/lib/aarch64-linux-gnu",
    "/lib",
    "/usr/lib",
];

/// What a conda record says, as far as it matters.
#[derive(Debug, Deserialize)]
struct Record {
    name: String,
    #[serde(default)]
    version: String,
    #[serde(default)]
    build: String,
    #[serde(default)]
    channel: String,
    #[serde(default)]
    depends: Vec<String>,
    #[serde(default)]
    files: Vec<String>,
}

/// Returns the libraries in the environment's `lib` that programs of the system load too.
fn hides(prefix: &Path) -> Vec<String> {
    let is_here = |name: &str| {
        let mut folders = SYSTEM_FOLDERS.iter();
        SYSTEM_LIBRARIES.contains(&name)
            || folders.any(|folder| Path::new(folder).join(name).exists())
    };
    let entries = fs_err::read_dir(prefix.join("lib"));
    let names = entries.into_iter().flatten().flatten();
    let names = names.filter_map(|entry| entry.file_name().into_string().ok());
    // Programs load a library by its name with a version.
    let mut names: Vec<String> = names
        .filter(|name| name.contains(".so.") && is_here(name))
        .collect();
    names.sort();
    names
}

/// Looks at an environment.
pub fn environment(prefix: &Path, platform: &str, gpu: Option<Gpu>) -> EnvironmentFacts {
    let shown = prefix.to_string_lossy().into_owned();
    let records = records(prefix);
    let sites = sites(prefix);
    let mut packages: Vec<Package> = records.iter().map(package).collect();
    for (site, _) in &sites {
        packages.extend(wheels::of_site(&prefix.join(site)));
    }
    let exists = |path: &str| prefix.join(path).exists();
    let present = |paths: Vec<String>| paths.into_iter().filter(|path| exists(path)).collect();
    let toolkits = toolkits(prefix, &sites);
    let in_wheels = |file: XlaFile| {
        let below = |toolkit: &String| {
            let places = file.places_in_wheel().iter();
            places
                .map(|place| format!("{toolkit}/{place}"))
                .collect::<Vec<_>>()
        };
        toolkits.iter().flat_map(below).collect::<Vec<String>>()
    };
    let own = |file: XlaFile| file.places().iter().map(ToString::to_string).collect();
    // The link of `xla: true` comes last: what a package brought says more.
    let link = format!("{XLA_DIRECTORY}/{}", XlaFile::Libdevice.place());
    let hides = hides(prefix).into_iter();
    EnvironmentFacts {
        platform: platform.to_string(),
        gpu,
        has_python: exists("bin/python") || exists("python.exe"),
        pythons: sites.iter().map(|(_, version)| version.clone()).collect(),
        libraries: own_libraries(prefix, &shown, &sites),
        libdevice: present(
            [
                own(XlaFile::Libdevice),
                vec![link],
                in_wheels(XlaFile::Libdevice),
            ]
            .concat(),
        ),
        ptxas: present([own(XlaFile::Ptxas), in_wheels(XlaFile::Ptxas)].concat()),
        hides: hides.map(|name| format!("{shown}/lib/{name}")).collect(),
        scripts: scripts(prefix, &records),
        unresolved: match platform.starts_with("win") {
            true => dlls::unresolved(prefix),
            false => Vec::new(),
        },
        packages,
        prefix: shown,
    }
}

fn records(prefix: &Path) -> Vec<Record> {
    let names = prefix::record_names(prefix).unwrap_or_default();
    let read = |name: &String| {
        let text = text(&prefix.join("conda-meta").join(name), LONGEST_RECORD)?;
        serde_json::from_str(&text).ok()
    };
    names.iter().filter_map(read).collect()
}

fn package(record: &Record) -> Package {
    let named = |dependency: &String| {
        let name = dependency.split([' ', '=', '<', '>']).next();
        name.is_some_and(|name| CUDA_DEPENDENCIES.contains(&name))
    };
    let build = record.build.as_str();
    let for_cpu = build.contains("cpu") || build.starts_with("mkl") || build.starts_with("eigen");
    let cuda = match record.depends.iter().any(named) {
        true => Some(true),
        false if FRAMEWORKS.contains(&record.name.as_str()) && for_cpu => Some(false),
        false => None,
    };
    Package {
        name: record.name.clone(),
        version: record.version.clone(),
        build: record.build.clone(),
        channel: channel(&record.channel),
        glibc: record.depends.iter().find_map(|text| glibc(text)),
        cuda,
        ..Package::default()
    }
}

/// Returns the channel's short name, without the platform behind it.
fn channel(text: &str) -> String {
    let name = short_name(text);
    let platform =
        |tail: &str| tail == "noarch" || tail.contains('-') && tail.ends_with(char::is_numeric);
    match name.rsplit_once('/') {
        Some((head, tail)) if platform(tail) => head.to_string(),
        _ => name.to_string(),
    }
}

/// Reads `__glibc >=2.28,<3.0.a0`.
fn glibc(dependency: &str) -> Option<String> {
    let rest = dependency.strip_prefix("__glibc")?;
    let (_, version) = rest.split_once(">=")?;
    let end = version.find([',', '|', ' ']).unwrap_or(version.len());
    Some(version[..end].to_string())
}

/// Returns the site directories below the prefix, with their Python versions.
fn sites(prefix: &Path) -> Vec<(String, String)> {
    let versions = names(&prefix.join("lib")).into_iter().filter_map(|name| {
        let version = name.strip_prefix("python")?;
        version
            .starts_with(char::is_numeric)
            .then(|| version.to_string())
    });
    let unix = versions.map(|version| (format!("lib/python{version}/site-packages"), version));
    let windows = [("Lib/site-packages".to_string(), String::new())];
    let is_there = |(site, _): &(String, String)| prefix.join(site).is_dir();
    unix.chain(windows).filter(is_there).collect()
}

/// Returns the folders in which wheels keep the tree of a toolkit, below the prefix.
fn toolkits(prefix: &Path, sites: &[(String, String)]) -> Vec<String> {
    let of_site = |(site, _): &(String, String)| {
        let nvidia = names(&prefix.join(site).join("nvidia")).into_iter();
        let nvidia = nvidia.map(|name| format!("{site}/nvidia/{name}"));
        let others = XlaFile::WHEEL_FOLDERS.map(|folder| format!("{site}/{folder}"));
        nvidia.chain(others).collect::<Vec<_>>()
    };
    sites.iter().flat_map(of_site).collect()
}

fn own_libraries(prefix: &Path, shown: &str, sites: &[(String, String)]) -> Vec<LibraryFile> {
    let mut found = libraries::in_directory(&prefix.join("lib"), &format!("{shown}/lib"));
    for (site, _) in sites {
        let nvidia = prefix.join(site).join("nvidia");
        for package in names(&nvidia) {
            let below = format!("{site}/nvidia/{package}/lib");
            found.extend(libraries::in_directory(
                &prefix.join(&below),
                &format!("{shown}/{below}"),
            ));
        }
    }
    for name in names(&prefix.join("Library/bin")) {
        if name.to_ascii_lowercase().ends_with(".dll") && name.contains("64_") {
            let file = format!("{shown}/Library/bin/{name}");
            found.push(LibraryFile {
                soname: name,
                file,
                ..LibraryFile::default()
            });
        }
    }
    found
}

/// Returns the activation scripts that neither a package nor gpuenv wrote.
fn scripts(prefix: &Path, records: &[Record]) -> Vec<Script> {
    let directory = prefix.join(ACTIVATE_DIRECTORY);
    let owned = |name: &String| {
        let path = format!("{ACTIVATE_DIRECTORY}/{name}");
        records.iter().any(|record| record.files.contains(&path))
    };
    let foreign = names(&directory).into_iter();
    let foreign = foreign.filter(|name| !owned(name) && !name.starts_with(SCRIPT_STEM));
    let script = |name: String| Script {
        appends: text(&directory.join(&name), LONGEST_SCRIPT)
            .and_then(|text| appending_line(&text)),
        name,
    };
    foreign.map(script).collect()
}

/// Returns the line that puts something behind `LD_LIBRARY_PATH`.
fn appending_line(text: &str) -> Option<String> {
    let appends = |line: &&str| {
        let line: String = line
            .chars()
            .filter(|c| !matches!(c, '"' | '\'' | '{' | '}'))
            .collect();
        line.contains("LD_LIBRARY_PATH=$LD_LIBRARY_PATH:")
            || line.contains("LD_LIBRARY_PATH=$LD_LIBRARY_PATH;")
    };
    let line = text.lines().map(str::trim).find(appends)?;
    Some(line.chars().take(200).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_channel_is_called_by_its_short_name() {
        for (text, expected) in [
            (
                "https://conda.anaconda.org/conda-forge/linux-64",
                "conda-forge",
            ),
            (
                "https://conda.anaconda.org/nvidia/label/cuda-12.1.0/linux-64",
                "nvidia/label/cuda-12.1.0",
            ),
            ("conda-forge", "conda-forge"),
            ("", ""),
        ] {
            assert_eq!(channel(text), expected);
        }
    }

    #[test]
    fn a_line_that_appends_is_told_from_one_that_prepends() {
        let appends = "export LD_LIBRARY_PATH=$LD_LIBRARY_PATH:$CONDA_PREFIX/lib/";
        assert_eq!(appending_line(appends).as_deref(), Some(appends));
        assert!(appending_line("export LD_LIBRARY_PATH=\"${LD_LIBRARY_PATH}:/x\"").is_some());
        assert!(appending_line("export LD_LIBRARY_PATH=/x:$LD_LIBRARY_PATH").is_none());
        assert!(appending_line("").is_none());
    }

    #[test]
    fn the_needed_glibc_is_read_from_a_dependency() {
        assert_eq!(glibc("__glibc >=2.28,<3.0.a0").as_deref(), Some("2.28"));
        assert_eq!(glibc("__glibc"), None);
        assert_eq!(glibc("python >=3.11"), None);
    }
}
