//! The project's own source, for tests that hold it to its rules.

use std::path::{Path, PathBuf};

/// A source file without what does not count.
pub(crate) struct Source {
    /// Its path from the root, with slashes.
    pub(crate) path: String,
    /// Its lines before the tests at its foot, without comments.
    pub(crate) code: String,
}

/// Returns the root of the repository.
pub(crate) fn root() -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    fs_err::canonicalize(root).expect("the crate lies in `crates/gpuenv`")
}

/// Returns the text of a file of the repository.
#[track_caller]
pub(crate) fn read(path: &str) -> String {
    match fs_err::read_to_string(root().join(path)) {
        Ok(text) => text.replace("\r\n", "\n"),
        Err(error) => panic!("{error}"),
    }
}

/// Returns the names in a folder of the repository, sorted; of a folder that is
/// not there, none.
pub(crate) fn names(folder: &str) -> Vec<String> {
    let Ok(entries) = fs_err::read_dir(root().join(folder)) else {
        return Vec::new();
    };
    let name = |entry: std::io::Result<fs_err::DirEntry>| {
        let entry = entry.expect("the repository can be read");
        entry.file_name().to_string_lossy().into_owned()
    };
    let mut names: Vec<String> = entries.map(name).collect();
    names.sort();
    names
}

/// Returns the Rust files below a folder, those that are only tests left out.
pub(crate) fn sources(folder: &str) -> Vec<Source> {
    let mut sources = Vec::new();
    for name in names(folder) {
        let path = format!("{folder}/{name}");
        if root().join(&path).is_dir() {
            sources.extend(self::sources(&path));
        } else if name.ends_with(".rs") && name != "tests.rs" && !folder.ends_with("/tests") {
            let code = code(&read(&path));
            sources.push(Source { path, code });
        }
    }
    sources
}

/// Returns the sources of all crates.
pub(crate) fn all_sources() -> Vec<Source> {
    let crates = names("crates");
    let folders = crates.iter().map(|name| format!("crates/{name}/src"));
    folders.flat_map(|folder| sources(&folder)).collect()
}

/// Returns the lines of a file that are product.
fn code(text: &str) -> String {
    let product = text.split("#[cfg(test)]\nmod tests").next();
    let lines = product.unwrap_or_default().lines();
    let is_code = |line: &&str| !line.trim_start().starts_with("//");
    lines.filter(is_code).collect::<Vec<&str>>().join("\n")
}

/// Returns the modules of `std` that the code names, also inside `use std::{…}`.
pub(crate) fn std_modules(code: &str) -> Vec<String> {
    let mut modules = Vec::new();
    for (index, _) in code.match_indices("std::") {
        let rest = &code[index + "std::".len()..];
        match rest.strip_prefix('{') {
            Some(group) => modules.extend(group_heads(group)),
            None => modules.push(head(rest)),
        }
    }
    modules
}

/// Returns the first name of each path of a `use` group, up to its closing brace.
fn group_heads(group: &str) -> Vec<String> {
    let mut heads = Vec::new();
    let mut depth = 0;
    let mut start = 0;
    for (index, c) in group.char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth > 0 => depth -= 1,
            ',' | '}' if depth == 0 => {
                heads.extend(Some(head(&group[start..index])).filter(|head| !head.is_empty()));
                start = index + 1;
                if c == '}' {
                    break;
                }
            }
            _ => {}
        }
    }
    heads
}

fn head(path: &str) -> String {
    let is_name = |c: &char| c.is_alphanumeric() || *c == '_';
    path.trim_start().chars().take_while(is_name).collect()
}

#[test]
fn modules_are_found_in_every_form() {
    let code =
        "use std::{\n    env,\n    fs::{self, File},\n};\nstd::process::exit(1); use std::fmt;";
    assert_eq!(std_modules(code), ["env", "fs", "process", "fmt"]);
    assert_eq!(std_modules("use std::{io}"), ["io"]);
}

#[test]
fn tests_and_comments_are_not_code() {
    let text =
        "//! std::fs\nfn a() {}\n    // std::net\n#[cfg(test)]\nmod tests {\n use std::env;\n}\n";
    assert_eq!(code(text), "fn a() {}");
}
