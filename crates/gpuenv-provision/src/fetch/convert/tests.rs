//! The quick converter beside rattler's.

use std::path::PathBuf;

use fs_err as fs;
use gpuenv_core::wheels;
use gpuenv_testkit::{Wheel, tree_with_hashes};
use rattler_package_streaming::fs::extract_wheel;

use super::*;

fn record(name: &str, version: &str) -> PackageRecord {
    let wheel = wheels::Wheel {
        name: name.to_string(),
        version: version.to_string(),
        url: format!("https://x.example/{name}-{version}-py3-none-any.whl")
            .parse()
            .unwrap(),
        index: None,
        sha256: Default::default(),
        size: None,
    };
    wheel.record().unwrap().package_record
}

/// Converts with both; returns what each made, ours `None` if it left it to the other.
fn both(file: &Path, record: &PackageRecord) -> (Option<Vec<String>>, Option<Vec<String>>) {
    let folder = tempfile::tempdir().unwrap();
    let [ours, theirs] = ["ours", "theirs"].map(|name| folder.path().join(name));
    let mut archive = ZipArchive::new(BufReader::new(fs::File::open(file).unwrap())).unwrap();
    let ours = match convert(&mut archive, &ours, record).unwrap() {
        true => Some(tree_with_hashes(&ours)),
        false => {
            assert!(!ours.exists(), "nothing is begun");
            None
        }
    };
    let theirs = extract_wheel(file, &theirs, record)
        .ok()
        .map(|_| tree_with_hashes(&theirs));
    (ours, theirs)
}

fn published(wheel: Wheel) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = wheel.publish(folder.path());
    (folder, path)
}

fn rich() -> Wheel {
    Wheel::new("Top.Level", "1.2")
        .command("top-says")
        .file("a b/c d'e.txt", "odd")
        .file("ns/empty.py", "")
        .file("ns/__pycache__/x.cpython-311.pyc", "compiled")
        .file(
            "top_level-1.2.data/scripts/run",
            "#!python3 -u\r\nprint(1)\n",
        )
        .file("top_level-1.2.data/scripts/shell", "#!/bin/sh\n")
        .file("top_level-1.2.data/scripts/short", "#!")
        .file("top_level-1.2.data/data/share/top/data.txt", "data")
        .file("top_level-1.2.data/headers/top.h", "header")
        .file("top_level-1.2.data/purelib/more.py", "more")
        .file("top_level-1.2.dist-info/licenses/LICENSE", "free")
}

#[test]
fn an_ordinary_wheel_becomes_what_rattler_makes_of_it() {
    let (_folder, path) = published(rich());
    let (ours, theirs) = both(&path, &record("top-level", "1.2"));
    assert_eq!(ours, theirs);
    let names = ours.expect("it is ordinary").join("\n");
    for name in [
        "python-scripts/run",
        "share/top/data.txt",
        "include/top.h",
        "site-packages/more.py",
        "info/paths.json",
    ] {
        assert!(names.contains(name), "{name}\n{names}");
    }
    assert!(!names.contains("__pycache__"));
}

#[test]
fn versions_and_names_may_be_long_and_of_every_form() {
    let long = "a-very-long-name".repeat(10);
    for (name, version) in [
        ("top", "2!1.0"),
        ("top", "1.0.post1.dev3+cu118.local"),
        ("top", "2026.9rc1"),
        (long.as_str(), "1"),
    ] {
        let (_folder, path) = published(Wheel::new(name, version).command("top-says"));
        let (ours, theirs) = both(&path, &record(name, version));
        assert!(ours.is_some(), "{name} {version}");
        assert_eq!(ours, theirs, "{name} {version}");
    }
}

#[test]
fn an_odd_wheel_is_left_to_rattler() {
    let version = record("top", "1.2");
    for (why, wheel) in [
        ("another name", Wheel::new("other", "1.2")),
        ("another version", Wheel::new("top", "1.3")),
        ("leads out", Wheel::new("top", "1.2").file("../x", "")),
        ("absolute", Wheel::new("top", "1.2").file("/x", "")),
        ("of Windows", Wheel::new("top", "1.2").file("a\\b", "")),
        (
            "an unknown scheme",
            Wheel::new("top", "1.2").file("top-1.2.data/else/x", ""),
        ),
        (
            "a command that is a script",
            Wheel::new("top", "1.2")
                .command("run")
                .file("top-1.2.data/scripts/run", ""),
        ),
        (
            "a script over data",
            Wheel::new("top", "1.2")
                .file("top-1.2.data/scripts/run", "")
                .file("top-1.2.data/data/bin/run", ""),
        ),
        (
            "a file where a directory is",
            Wheel::new("top", "1.2").file("x", "").file("x/y", ""),
        ),
        (
            "conda's own",
            Wheel::new("top", "1.2").file("top-1.2.data/data/Conda-Meta/x.json", ""),
        ),
        (
            "two of metadata",
            Wheel::new("top", "1.2").file("top-1.1.dist-info/x", ""),
        ),
    ] {
        let (_folder, path) = published(wheel);
        assert_eq!(both(&path, &version).0, None, "{why}");
    }
}

#[test]
fn a_wheel_that_lies_is_refused() {
    let (_folder, path) = published(Wheel::new("top", "1.2").unlisted("top/more.py", "more"));
    let folder = tempfile::tempdir().unwrap();
    let mut archive = ZipArchive::new(fs::File::open(path).unwrap()).unwrap();
    let error = convert(
        &mut archive,
        &folder.path().join("x"),
        &record("top", "1.2"),
    );
    let error = error.unwrap_err().to_string();
    assert!(
        error.contains("does not name `site-packages/top/more.py`"),
        "{error}"
    );
}

/// Real ones, where `GPUENV_REAL_WHEEL_FILES` names a folder of them.
#[test]
fn real_wheels_become_what_rattler_makes_of_them() {
    let Some(folder) = std::env::var_os("GPUENV_REAL_WHEEL_FILES") else {
        println!("skipped: GPUENV_REAL_WHEEL_FILES is not set");
        return;
    };
    let (mut quick, mut left) = (0, Vec::new());
    for entry in fs::read_dir(PathBuf::from(folder)).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|end| end != "whl") {
            continue;
        }
        let file = path.file_name().unwrap().to_string_lossy().into_owned();
        let words: Vec<&str> = file.split('-').collect();
        let name = words[0].to_lowercase().replace(['_', '.'], "-");
        let (ours, theirs) = both(&path, &record(&name, words[1]));
        match ours {
            None => left.push(file),
            Some(_) => {
                assert_eq!(ours, theirs, "{file}");
                quick += 1;
            }
        }
    }
    println!("{quick} wheels are the same, left to rattler: {left:?}");
}
