//! The rules of `docs/architecture.md` that a machine can check.

use std::process::Command;

use serde_json::Value;

use crate::source::{all_sources, names, read, root, sources, std_modules};

/// Every arrow that may be in a `Cargo.toml`; all others are refused.
const ARROWS: [(&str, &str); 5] = [
    ("gpuenv", "gpuenv-core"),
    ("gpuenv", "gpuenv-provision"),
    ("gpuenv", "gpuenv-cuda"),
    ("gpuenv-provision", "gpuenv-core"),
    ("gpuenv-cuda", "gpuenv-core"),
];

/// Only tests may need these.
const FOR_TESTS: [&str; 2] = ["gpuenv-testkit", "gpuenv-fakecuda"];

fn packages() -> Vec<Value> {
    let output = Command::new(env!("CARGO"))
        .args([
            "metadata",
            "--format-version",
            "1",
            "--offline",
            "--no-deps",
        ])
        .current_dir(root())
        .output()
        .expect("cargo runs this test");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");
    let metadata: Value = serde_json::from_slice(&output.stdout).expect("cargo writes JSON");
    metadata["packages"]
        .as_array()
        .cloned()
        .expect("a list of packages")
}

fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value[key].as_str().unwrap_or_default()
}

#[test]
fn crates_depend_only_along_the_arrows() {
    let mut seen = Vec::new();
    for package in packages() {
        let from = text(&package, "name").to_string();
        for dependency in package["dependencies"].as_array().into_iter().flatten() {
            let to = text(dependency, "name").to_string();
            if !to.starts_with("gpuenv") {
                continue;
            }
            let only_for_tests = text(dependency, "kind") == "dev";
            let allowed = match FOR_TESTS.contains(&to.as_str()) {
                true => only_for_tests,
                false => ARROWS.contains(&(from.as_str(), to.as_str())),
            };
            assert!(allowed, "`{from}` must not depend on `{to}`");
            seen.push((from.clone(), to));
        }
    }
    for (from, to) in ARROWS {
        let is_there = seen
            .iter()
            .any(|(f, t)| (f.as_str(), t.as_str()) == (from, to));
        assert!(is_there, "the test sees no arrow from `{from}` to `{to}`");
    }
}

#[test]
fn only_the_program_depends_on_the_terminal() {
    for package in packages() {
        let name = text(&package, "name");
        for dependency in package["dependencies"].as_array().into_iter().flatten() {
            let to = text(dependency, "name");
            let talks = ["clap", "indicatif", "annotate-snippets", "anstream"].contains(&to);
            assert!(
                !talks || name == "gpuenv",
                "`{name}` must not depend on `{to}`"
            );
        }
    }
}

#[test]
fn the_core_decides_and_never_does() {
    let sources = sources("crates/gpuenv-core/src");
    assert!(sources.len() > 5, "the test looks in the wrong place");
    for source in sources {
        for module in std_modules(&source.code) {
            let does = ["env", "fs", "io", "net", "process", "thread", "time"];
            // A span of time is a value; asking for the time is not.
            let harmless = module == "time"
                && !source.code.contains("Instant")
                && !source.code.contains("SystemTime");
            let refused = does.contains(&module.as_str()) && !harmless;
            assert!(!refused, "{} names `std::{module}`", source.path);
        }
        for word in [
            "println!", "print!(", "dbg!", "fs_err", "tokio", "reqwest", "::now(",
        ] {
            assert!(
                !source.code.contains(word),
                "{} names `{word}`",
                source.path
            );
        }
    }
}

#[test]
fn only_the_driver_crates_are_unsafe() {
    let mut found = 0;
    for source in all_sources() {
        let may = ["crates/gpuenv-cuda/", "crates/gpuenv-fakecuda/"]
            .iter()
            .any(|folder| source.path.starts_with(folder));
        let is = [
            "unsafe {",
            "unsafe fn",
            "unsafe impl",
            "unsafe extern",
            "unsafe(",
        ]
        .iter()
        .any(|form| source.code.contains(form));
        assert!(may || !is, "{} is unsafe", source.path);
        found += usize::from(is);
    }
    // An empty driver crate has nothing to find.
    assert!(found > 0 || sources("crates/gpuenv-cuda/src").len() == 1);
}

#[test]
fn only_one_file_draws_bars() {
    let draws = |source: &&crate::source::Source| source.code.contains("indicatif");
    let sources = all_sources();
    let files: Vec<&str> = sources
        .iter()
        .filter(draws)
        .map(|s| s.path.as_str())
        .collect();
    assert_eq!(files, ["crates/gpuenv/src/progress/bars.rs"]);
}

#[test]
fn only_one_file_of_the_program_reads_the_environment() {
    for source in sources("crates/gpuenv/src") {
        let allowed = source.path.ends_with("/src/env.rs");
        let reads = [
            "env::var(",
            "env::var_os(",
            "env::vars(",
            "env::vars_os(",
            "env::args",
        ]
        .iter()
        .any(|form| source.code.contains(form));
        assert!(allowed || !reads, "{} reads the environment", source.path);
    }
}

#[test]
fn below_the_commands_nobody_sees_the_command_line() {
    let may = ["cli.rs", "options.rs", "program.rs"];
    for source in sources("crates/gpuenv/src") {
        let is_command = source.path.contains("/src/commands/");
        let allowed = is_command || may.iter().any(|name| source.path.ends_with(name));
        let sees = source.code.contains("clap::") || source.code.contains("use clap");
        assert!(allowed || !sees, "{} names clap", source.path);
    }
}

#[test]
fn files_stay_short() {
    for source in all_sources() {
        let lines = source.code.lines().count();
        assert!(
            lines <= 500,
            "{} has {lines} lines: split it by noun",
            source.path
        );
    }
}

#[test]
fn every_file_says_what_it_owns() {
    for source in all_sources() {
        let text = read(&source.path);
        assert!(
            text.starts_with("//!"),
            "{} does not open with `//!`",
            source.path
        );
    }
}

#[test]
fn no_test_file_is_forgotten() {
    let main = read("tests/cli/main.rs");
    for name in names("tests/cli") {
        if let Some(module) = name.strip_suffix(".rs").filter(|module| *module != "main") {
            let line = format!("mod {module};");
            assert!(
                main.lines().any(|l| l == line),
                "`{line}` is not in tests/cli/main.rs"
            );
        }
    }
}

#[test]
fn the_top_level_stays_small() {
    let allowed = [
        "Cargo.lock",
        "Cargo.toml",
        "README.md",
        "crates",
        "docs",
        "recipes",
        "target",
        "tests",
    ];
    for name in names(".") {
        let known = name.starts_with('.') || allowed.contains(&name.as_str());
        assert!(known, "`{name}` does not belong at the top level");
    }
}
