//! What an environment holds of wheels, in a form that does not depend on who installed them.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use fs_err as fs;
use rattler_digest::{Sha256, compute_bytes_digest};

/// Files that say who installed a wheel, and are not in it.
const OF_INSTALLERS: [&str; 5] = [
    "RECORD",
    "INSTALLER",
    "REQUESTED",
    "direct_url.json",
    "uv_cache.json",
];

/// What is at the root of an environment and of no wheel.
const OF_ENVIRONMENTS: [&str; 9] = [
    "conda-meta/",
    "etc/conda/",
    "etc/gpuenv/",
    "lib/gpuenv",
    "lib64",
    "pyvenv.cfg",
    ".gitignore",
    ".lock",
    "CACHEDIR.TAG",
];

/// Returns the files of wheels in an environment, by where they go, each with its content's
/// hash and whether it can be executed.
///
/// Below `site-packages/`, below `bin/` and at the root everything counts. `include/` is
/// compared without the directories that virtual environments put between.
pub(super) fn files(prefix: &Path) -> BTreeMap<String, String> {
    let library = fs::read_dir(prefix.join("lib")).expect("a prefix has one");
    let mut names = library.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    let python = names.find(|name| prefix.join("lib").join(name).join("site-packages").is_dir());
    let python = format!("lib/{}/", python.expect("there is a Python"));
    let mut found = BTreeMap::new();
    for path in walk(prefix) {
        let name = path.strip_prefix(prefix).expect("it is below");
        let name = name.to_string_lossy().into_owned();
        if let Some(place) = place(&name, &python) {
            found.insert(place, what(&path));
        }
    }
    found
}

/// Returns how a path is called in the comparison, if it is of a wheel.
fn place(name: &str, python: &str) -> Option<String> {
    let last = name.rsplit('/').next().unwrap_or_default();
    if name.contains("__pycache__") || OF_ENVIRONMENTS.iter().any(|of| name.starts_with(of)) {
        return None;
    }
    if let Some(rest) = name.strip_prefix(python) {
        let module = rest.strip_prefix("site-packages/")?;
        let ignored = OF_INSTALLERS.contains(&last) && module.contains(".dist-info/")
            // CPython puts it there.
            || module == "README.txt"
            || module.starts_with("_virtualenv")
            || module.starts_with("__editable__");
        return (!ignored).then(|| rest.to_string());
    }
    if let Some(header) = name.strip_prefix("include/site/") {
        // `include/site/python3.11/NAME/…`
        return Some(format!("include/{}", header.splitn(3, '/').nth(2)?));
    }
    if let Some(command) = name.strip_prefix("bin/") {
        let of_python = ["python", "activate", "deactivate", "pydoc.bat"];
        return (!of_python.iter().any(|start| command.starts_with(start)))
            .then(|| name.to_string());
    }
    let of_python = name.starts_with("lib/libpython") || name.starts_with("lib/python");
    (!of_python).then(|| name.to_string())
}

/// Returns what a file holds, as text.
fn what(path: &Path) -> String {
    let bytes = fs::read(path).expect("nobody removes it");
    let run = match is_executable(path) {
        true => "x",
        false => "-",
    };
    let content = content(&bytes);
    format!("{run} {content}")
}

/// Returns the hash of a file. A script counts without the line that names its Python, and
/// what starts a function is named by the function: each installer has its own words for it.
fn content(bytes: &[u8]) -> String {
    let hash = |bytes: &[u8]| hex::encode(&compute_bytes_digest::<Sha256>(bytes)[..8]);
    let is_script = bytes.starts_with(b"#!");
    let Some(text) = std::str::from_utf8(bytes).ok().filter(|_| is_script) else {
        return hash(bytes);
    };
    let mut lines = text.lines().skip(1);
    let starts = lines.find_map(|line| line.strip_prefix("from ")?.split_once(" import "));
    match starts {
        Some((module, function)) if text.len() < 1000 && text.contains("sys.exit(") => {
            format!("starts {module}:{}", function.trim())
        }
        _ => match text.split_once('\n') {
            Some((first, rest)) if first.contains("python") => hash(rest.as_bytes()),
            _ => hash(bytes),
        },
    }
}

#[cfg(unix)]
fn is_executable(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    let metadata = fs::metadata(path).expect("nobody removes it");
    metadata.permissions().mode() & 0o111 != 0
}

#[cfg(not(unix))]
fn is_executable(_path: &Path) -> bool {
    false
}

/// Returns all files below a folder; links to folders are not followed.
fn walk(folder: &Path) -> Vec<PathBuf> {
    let mut open = vec![folder.to_path_buf()];
    let mut found = Vec::new();
    while let Some(folder) = open.pop() {
        for entry in fs::read_dir(&folder).expect("it can be read") {
            let path = entry.expect("it can be read").path();
            let kind = fs::symlink_metadata(&path).expect("nobody removes it");
            match (kind.is_dir(), path.is_file()) {
                (true, _) => open.push(path),
                (false, true) => found.push(path),
                (false, false) => {}
            }
        }
    }
    found
}

#[test]
fn places_are_compared_whoever_installed() {
    let place = |name: &str| place(name, "lib/python3.11/");
    let is = |name: &str| Some(name.to_string());
    assert_eq!(
        place("lib/python3.11/site-packages/a b/c.py"),
        is("site-packages/a b/c.py")
    );
    assert_eq!(
        place("lib/python3.11/site-packages/a-1.dist-info/RECORD"),
        None
    );
    assert_eq!(
        place("lib/python3.11/site-packages/a/RECORD"),
        is("site-packages/a/RECORD")
    );
    assert_eq!(place("lib/python3.11/os.py"), None);
    assert_eq!(place("include/site/python3.11/a/a.h"), is("include/a.h"));
    assert_eq!(place("share/a/x"), is("share/a/x"));
    assert_eq!(place("bin/python3"), None);
    assert_eq!(place("bin/jupyter"), is("bin/jupyter"));
}

#[test]
fn a_script_is_the_same_whatever_its_python_is_called() {
    let ours = "#!/a/bin/python\n# -*- coding: utf-8 -*-\nimport sys\n\nfrom m import f\n\nif True:\n    sys.exit(f())\n";
    let theirs = "#!/b/bin/python\nimport sys\nfrom m import f\nif True:\n    sys.exit(f())\n";
    assert_eq!(content(ours.as_bytes()), "starts m:f");
    assert_eq!(content(theirs.as_bytes()), "starts m:f");
    assert_eq!(content(b"#!/a/python\nx"), content(b"#!/b/python\nx"));
    assert_ne!(content(b"#!/a/python\nx"), content(b"#!/b/python\ny"));
    assert_ne!(content(b"#!/bin/sh\nx"), content(b"#!/bin/bash\nx"));
}
