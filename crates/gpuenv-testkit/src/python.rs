//! A real CPython as a conda package: that of the machine that runs the tests.

use std::{
    path::{Path, PathBuf},
    process::Command,
    sync::OnceLock,
};

use fs_err as fs;
use serde_json::Value;

use crate::{
    channel::{Channel, Published},
    contents::{make_executable, make_symlink},
    sandbox::find_program,
};

/// Prints what we need to know of an interpreter; in a virtual environment, of the one below it.
const QUESTION: &str = r#"
import json, os, sys, sysconfig
print(json.dumps({
    "version": "%d.%d.%d" % sys.version_info[:3],
    "executable": os.path.realpath(getattr(sys, "_base_executable", None) or sys.executable),
    "prefix": os.path.realpath(sys.base_prefix),
    "stdlib": os.path.dirname(os.path.realpath(os.__file__)),
    "library": sysconfig.get_config_var("INSTSONAME") or "",
    "library_folder": sysconfig.get_config_var("LIBDIR") or "",
}))
"#;

/// Folders of the standard library that only its developers need, or that belong to others.
const LEFT_OUT: [&str; 11] = [
    "__pycache__",
    "dist-packages",
    "ensurepip",
    "idlelib",
    "lib2to3",
    "pydoc_data",
    "site-packages",
    "test",
    "tests",
    "tkinter",
    "turtledemo",
];

/// Deeper folders than this are a loop of symlinks.
const MAX_DEPTH: usize = 12;

/// An interpreter that was repackaged.
struct Python {
    version: String,
    staged: Vec<(String, Staged)>,
}

/// One path of it.
enum Staged {
    File { bytes: Vec<u8>, executable: bool },
    Symlink(String),
}

/// What an interpreter says of itself.
struct Facts {
    version: String,
    executable: PathBuf,
    prefix: PathBuf,
    stdlib: PathBuf,
    library: PathBuf,
}

impl Channel {
    /// Publishes the `python3` of this machine as package `python`, for the platform given.
    ///
    /// The error says why there is none, for the line `skipped: why`. The interpreter
    /// runs from any prefix and reports that prefix; it still needs the shared libraries
    /// of this machine. A test run repackages it once.
    pub fn python_from_machine(&self, subdir: &str) -> Result<Published, String> {
        static PYTHON: OnceLock<Result<Python, String>> = OnceLock::new();
        let python = PYTHON.get_or_init(|| {
            let program = find_program("python3").ok_or("no python3 on PATH")?;
            repackage(&program)
        });
        Ok(publish(
            self,
            subdir,
            python.as_ref().map_err(String::clone)?,
        ))
    }

    /// Publishes another interpreter of this machine, as [`Channel::python_from_machine`] does.
    pub fn python_from(&self, program: &Path, subdir: &str) -> Result<Published, String> {
        Ok(publish(self, subdir, &repackage(program)?))
    }
}

fn publish(channel: &Channel, subdir: &str, python: &Python) -> Published {
    let mut package = channel
        .package("python", &python.version)
        .build("h0_0_cpython")
        .build_number(0)
        .subdir(subdir)
        .license("Python-2.0")
        .packed_fast();
    for (path, staged) in &python.staged {
        package = match staged {
            Staged::Symlink(target) => package.symlink(path, target),
            Staged::File { bytes, executable } => match executable {
                true => package.executable(path, bytes.as_slice()),
                false => package.file(path, bytes.as_slice()),
            },
        };
    }
    package.publish()
}

/// Copies an interpreter into a folder, tries it there, and reads it back.
fn repackage(program: &Path) -> Result<Python, String> {
    if !cfg!(target_os = "linux") {
        return Err("repackaging an interpreter is written for Linux".to_string());
    }
    let facts = ask(program)?;
    let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
    let root = fs::canonicalize(folder.path()).map_err(|error| error.to_string())?;
    stage(&facts, &root).map_err(|error| error.to_string())?;
    try_out(&root)?;
    Ok(Python {
        version: facts.version,
        staged: read_back(&root).map_err(|error| error.to_string())?,
    })
}

fn ask(program: &Path) -> Result<Facts, String> {
    let answer = run(program, QUESTION)?;
    let answer: Value = serde_json::from_str(&answer).map_err(|error| error.to_string())?;
    let text = |key: &str| answer[key].as_str().unwrap_or_default().to_string();
    Ok(Facts {
        version: text("version"),
        executable: text("executable").into(),
        prefix: text("prefix").into(),
        stdlib: text("stdlib").into(),
        library: Path::new(&text("library_folder")).join(text("library")),
    })
}

/// Runs a piece of Python, isolated from the user's settings, and leaves no `.pyc` files behind.
fn run(program: &Path, code: &str) -> Result<String, String> {
    let output = Command::new(program)
        .args(["-I", "-B", "-c", code])
        .output()
        .map_err(|error| format!("cannot run {}: {error}", program.display()))?;
    match output.status.success() {
        true => Ok(String::from_utf8_lossy(&output.stdout).into_owned()),
        false => Err(format!(
            "{} failed: {}",
            program.display(),
            String::from_utf8_lossy(&output.stderr).trim()
        )),
    }
}

fn stage(facts: &Facts, root: &Path) -> std::io::Result<()> {
    let stdlib = facts
        .stdlib
        .strip_prefix(&facts.prefix)
        .map_err(|_| std::io::Error::other("the standard library is not below the prefix"))?;
    copy_library(&facts.stdlib, &root.join(stdlib), 0)?;
    let site = root.join(stdlib).join("site-packages");
    fs::create_dir_all(&site)?;
    fs::write(
        site.join("README.txt"),
        "This directory exists so that 3rd party packages can be installed here.\n",
    )?;
    point_to_site_packages(root, stdlib)?;

    let bin = root.join("bin");
    fs::create_dir_all(&bin)?;
    let mut executable = fs::read(&facts.executable)?;
    let name = facts.library.file_name().unwrap_or_default();
    let name = name.as_encoded_bytes();
    // A static build names its library too, but only the configuration does.
    if !name.is_empty() && find(&executable, name).is_some() && facts.library.is_file() {
        let folder = facts.library.parent().unwrap_or(Path::new(""));
        if look_beside_itself(&mut executable, folder) {
            fs::create_dir_all(root.join("lib"))?;
            fs::copy(
                &facts.library,
                root.join("lib")
                    .join(facts.library.file_name().unwrap_or_default()),
            )?;
        }
    }
    let real = minor_name(&facts.version);
    fs::write(bin.join(&real), executable)?;
    make_executable(&bin.join(&real));
    make_symlink(&real, &bin.join("python3"));
    make_symlink(&real, &bin.join("python"));
    Ok(())
}

/// Returns `python3.11` for 3.11.7.
fn minor_name(version: &str) -> String {
    let numbers: Vec<&str> = version.split('.').take(2).collect();
    format!("python{}", numbers.join("."))
}

/// Copies a part of the standard library, following symlinks that lead somewhere.
fn copy_library(from: &Path, to: &Path, depth: usize) -> std::io::Result<()> {
    if depth > MAX_DEPTH {
        return Err(std::io::Error::other("the standard library is a loop"));
    }
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let name = entry.file_name();
        let Ok(metadata) = fs::metadata(entry.path()) else {
            continue;
        };
        if is_left_out(&name.to_string_lossy(), metadata.is_dir()) {
            continue;
        }
        if metadata.is_dir() {
            copy_library(&entry.path(), &to.join(&name), depth + 1)?;
        } else if metadata.is_file() {
            // Not `fs::copy`: the copy must be writable even if the original is not.
            fs::write(to.join(&name), fs::read(entry.path())?)?;
        }
    }
    Ok(())
}

fn is_left_out(name: &str, is_folder: bool) -> bool {
    match is_folder {
        true => LEFT_OUT.contains(&name) || name.starts_with("config-"),
        false => {
            [".a", ".pyc", ".exe"].iter().any(|end| name.ends_with(end))
                || ["_test", "_ctypes_test", "_xxtest", "xxlimited"]
                    .iter()
                    .any(|start| name.starts_with(start) && name.contains(".so"))
        }
    }
}

/// Debian's interpreter reads `dist-packages` only; a `.pth` file there leads it on.
fn point_to_site_packages(root: &Path, stdlib: &Path) -> std::io::Result<()> {
    let site = fs::read_to_string(root.join(stdlib).join("site.py"))?;
    if !site.contains("dist-packages") {
        return Ok(());
    }
    let folder = root.join("lib/python3/dist-packages");
    fs::create_dir_all(&folder)?;
    let version = stdlib.file_name().unwrap_or_default().to_string_lossy();
    fs::write(
        folder.join("site-packages.pth"),
        format!("../../{version}/site-packages\n"),
    )
}

/// Lets an executable look for its libraries in `../lib`; false if it names no folder itself.
fn look_beside_itself(executable: &mut [u8], folder: &Path) -> bool {
    const BESIDE: &[u8] = b"$ORIGIN/../lib";
    let mut old = folder.as_os_str().as_encoded_bytes().to_vec();
    let room = old.len();
    // The entry in the string table ends with a zero.
    old.push(0);
    match find(executable, &old) {
        Some(at) if room >= BESIDE.len() => {
            executable[at..at + room].fill(0);
            executable[at..at + BESIDE.len()].copy_from_slice(BESIDE);
            true
        }
        _ => false,
    }
}

fn find(bytes: &[u8], what: &[u8]) -> Option<usize> {
    bytes.windows(what.len()).position(|window| window == what)
}

/// Makes sure that the copy runs and takes its own folder for the prefix.
fn try_out(root: &Path) -> Result<(), String> {
    let code = "import json, os, struct, sys; print(sys.prefix, os.__file__)";
    let answer = run(&root.join("bin/python"), code)?;
    let root = root.to_string_lossy();
    let own = answer
        .split_whitespace()
        .all(|path| path.starts_with(&*root));
    match own {
        true => Ok(()),
        false => Err(format!(
            "python3 does not run from another place: it says `{}`",
            answer.trim()
        )),
    }
}

fn read_back(root: &Path) -> std::io::Result<Vec<(String, Staged)>> {
    let mut staged = Vec::new();
    let mut folders = vec![root.to_path_buf()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder)? {
            let path = entry?.path();
            let metadata = fs::symlink_metadata(&path)?;
            let name = path.strip_prefix(root).map_err(std::io::Error::other)?;
            let name = name.to_string_lossy().into_owned();
            if metadata.is_dir() {
                folders.push(path);
            } else if metadata.is_symlink() {
                let target = fs::read_link(&path)?.to_string_lossy().into_owned();
                staged.push((name, Staged::Symlink(target)));
            } else {
                let executable = folder.ends_with("bin");
                let bytes = fs::read(&path)?;
                staged.push((name, Staged::File { bytes, executable }));
            }
        }
    }
    Ok(staged)
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;
    use crate::sandbox::Sandbox;

    /// Every `python3` on `PATH`, each once.
    fn interpreters() -> Vec<PathBuf> {
        let path = std::env::var_os("PATH").unwrap_or_default();
        let folders = std::env::split_paths(&path);
        let mut found: Vec<PathBuf> = folders
            .map(|folder| folder.join("python3"))
            .filter_map(|program| ask(&program).ok())
            .map(|facts| facts.executable)
            .collect();
        found.sort();
        found.dedup();
        found
    }

    #[test]
    fn every_python_of_this_machine_runs_from_a_prefix_of_its_own() {
        let interpreters = interpreters();
        if interpreters.is_empty() {
            println!("skipped: no python3 on PATH");
        }
        for program in interpreters {
            let python = match repackage(&program) {
                Ok(python) => python,
                Err(why) => {
                    println!("skipped {}: {why}", program.display());
                    continue;
                }
            };
            let channel = Channel::new("c");
            let published = publish(&channel, "linux-64", &python);
            let sandbox = Sandbox::new("/nowhere");
            let prefix = sandbox.root().join("prefix");
            rattler_package_streaming::fs::extract(&published.path, &prefix).unwrap();
            let stdlib = format!("lib/{}/site-packages", minor_name(&python.version));
            fs::write(prefix.join(&stdlib).join("installed_later.py"), "").unwrap();
            let code = "import json, hashlib, struct, installed_later, sys\n\
                        print(sys.prefix, sys.version.split()[0], installed_later.__file__)";
            let output = sandbox
                .other(prefix.join("bin/python"), ["-c", code])
                .run()
                .success();
            let expected = format!(
                "{0} {1} {0}/{stdlib}/installed_later.py\n",
                prefix.display(),
                python.version
            );
            assert_eq!(output.stdout(), expected, "{}", program.display());
        }
    }

    #[test]
    fn an_interpreter_that_is_none_is_a_reason() {
        let why = ask(Path::new("/bin/false")).map(|_| ()).unwrap_err();
        assert!(why.contains("/bin/false failed"), "{why}");
        let why = ask(Path::new("/nowhere/python3")).map(|_| ()).unwrap_err();
        assert!(why.contains("cannot run"), "{why}");
    }

    #[test]
    fn a_library_folder_is_replaced_in_place() {
        let folder = Path::new("/opt/python/3.11/lib");
        let mut bytes = b"\0libpython.so\0/opt/python/3.11/lib\0rest".to_vec();
        let length = bytes.len();
        assert!(look_beside_itself(&mut bytes, folder));
        assert_eq!(bytes.len(), length);
        assert!(bytes.starts_with(b"\0libpython.so\0$ORIGIN/../lib\0\0\0\0\0\0\0rest"));
        assert!(!look_beside_itself(&mut bytes, folder), "it is gone");
        assert!(
            !look_beside_itself(&mut b"/lib\0".to_vec(), Path::new("/lib")),
            "no room"
        );
    }
}
