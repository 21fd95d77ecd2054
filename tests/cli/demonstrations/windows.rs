//! An environment for Windows that Linux prepares, from real wheels.

use std::{collections::BTreeSet, path::Path};

use fs_err as fs;

use super::{Stage, metadata};

/// Publishes a Python for Windows that is only there to be depended on.
pub(super) fn publish_python(stage: &Stage) {
    stage
        .channel
        .package("python", "3.10.13")
        .build("h0_0_cpython")
        .subdir("win-64")
        .file("python.exe", "MZ")
        .publish();
}

/// Creates the environment for Windows and looks at its modules, metadata and launchers.
pub(super) fn is_prepared(stage: &Stage, recipe: &str, wheels: Vec<&String>) {
    let create = [
        "create",
        recipe,
        "--locked",
        "--platform",
        "win-64",
        "-p",
        "win",
    ];
    let _ = stage.gpuenv(&create).success();
    let prefix = stage.sandbox.work().join("win");
    let site = prefix.join("Lib/site-packages");
    let found = metadata(&site);
    let names: BTreeSet<(String, String)> = found.iter().map(|folder| named(folder)).collect();
    let expected: BTreeSet<(String, String)> = wheels
        .iter()
        .map(|wheel| {
            let words: Vec<&str> = wheel.split('-').collect();
            (normal(words[0]), words[1].replace("%2B", "+"))
        })
        .collect();
    assert_eq!(names, expected, "what the metadata says is what is locked");
    let mut launchers = 0;
    for folder in &found {
        assert_eq!(
            fs::read_to_string(folder.join("INSTALLER"))
                .expect("it has one")
                .trim(),
            "conda"
        );
        for (command, module) in commands(folder) {
            let launcher = prefix.join(format!("Scripts/{command}.exe"));
            let bytes = fs::read(&launcher).expect("each command has a launcher");
            assert!(bytes.starts_with(b"MZ"), "{launcher:?}");
            let script = prefix.join(format!("Scripts/{command}-script.py"));
            let script = fs::read_to_string(script).expect("the launcher runs it");
            assert!(script.contains(&module), "{command}: {script}");
            launchers += 1;
        }
    }
    assert!(launchers > 0 && !prefix.join("bin").exists());
    let native = walk(&site)
        .into_iter()
        .filter(|path| path.ends_with(".pyd"));
    println!(
        "win-64: {} wheels, {launchers} launchers, {} extension modules",
        found.len(),
        native.count()
    );
    let _ = stage.gpuenv(&create).success().stdout_has("already right");
}

/// Returns the name and version in a directory of metadata.
fn named(folder: &Path) -> (String, String) {
    let text = fs::read_to_string(folder.join("METADATA")).expect("it has one");
    let field = |name: &str| {
        let mut lines = text.lines();
        let line = lines.find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
        line.unwrap_or_default().trim().to_string()
    };
    (normal(&field("Name")), field("Version"))
}

/// Returns a name as PEP 503 writes it.
fn normal(name: &str) -> String {
    name.to_ascii_lowercase().replace(['_', '.'], "-")
}

/// Returns the commands of a distribution, each with the module that it runs.
fn commands(folder: &Path) -> Vec<(String, String)> {
    let text = fs::read_to_string(folder.join("entry_points.txt")).unwrap_or_default();
    let mut section = "";
    let mut found = Vec::new();
    for line in text.lines().map(str::trim) {
        match (line.starts_with('['), line.split_once('=')) {
            (true, _) => section = line,
            (false, Some((command, target))) if section.contains("_scripts") => {
                let module = target
                    .trim()
                    .split([':', '[', ' '])
                    .next()
                    .unwrap_or_default();
                found.push((command.trim().to_string(), module.to_string()));
            }
            _ => {}
        }
    }
    found
}

/// Returns the paths of all files below a folder.
fn walk(folder: &Path) -> Vec<String> {
    let mut open = vec![folder.to_path_buf()];
    let mut found = Vec::new();
    while let Some(folder) = open.pop() {
        for entry in fs::read_dir(folder).expect("it is there").flatten() {
            match entry.path().is_dir() {
                true => open.push(entry.path()),
                false => found.push(entry.path().to_string_lossy().into_owned()),
            }
        }
    }
    found
}
