//! Batch files, run by the `cmd` of wine.

use std::{
    fmt::Write as _,
    io::{self, Write as _},
    path::Path,
    process::Command,
};

use gpuenv_core::{
    activation::{
        Activation, PrefixFacts, Shell, activation, script_files, shell_hook, shell_hook_deactivate,
    },
    plan::{ActivationSettings, LibraryPath},
};
use rattler_conda_types::Subdir;
use tempfile::TempDir;

use super::shells::{HOSTILE, which};

/// What a recipe may say and `cmd` can hold.
fn values() -> Vec<(String, &'static str)> {
    let held = |text: &&&str| {
        let plain = text.bytes().all(|byte| matches!(byte, b' '..=b'~'));
        !text.is_empty() && plain
    };
    let texts = HOSTILE.iter().filter(held);
    let texts = texts.enumerate();
    texts
        .map(|(index, text)| (format!("V{index}"), *text))
        .collect()
}

fn recipe(prefix: &str, values: &[(String, &str)]) -> Activation {
    let settings = ActivationSettings {
        env: values
            .iter()
            .map(|(name, value)| (name.clone(), value.to_string()))
            .collect(),
        library_path: LibraryPath::Cuda,
        ..ActivationSettings::default()
    };
    activation(prefix, &settings, &PrefixFacts::empty(Subdir::Win64)).expect("the test is sound")
}

/// Runs a batch file that looks at its variables between the steps.
fn looks(place: &Path, steps: &[&str]) -> Vec<String> {
    let mut main = String::from("@echo off\r\n");
    for (index, step) in steps.iter().enumerate() {
        let _ = match step.is_empty() {
            true => write!(main, "set > look{index}.txt\r\n"),
            false => write!(main, "call step{index}.bat\r\n"),
        };
        fs_err::write(place.join(format!("step{index}.bat")), step)
            .expect("the test's own directory");
    }
    fs_err::write(place.join("main.bat"), main).expect("the test's own directory");
    let output = Command::new("wine")
        .args(["cmd", "/q", "/c", "main.bat"])
        .current_dir(place)
        .env_clear()
        .env("PATH", "/usr/bin:/bin")
        .env("HOME", place)
        .env("WINEPREFIX", wine_prefix())
        .env("WINEDEBUG", "-all")
        .env("X", "before")
        .output()
        .expect("wine was found");
    assert!(!place.join("canary").exists(), "a value was run");
    let said = String::from_utf8_lossy(&output.stdout);
    assert_eq!(
        said.trim(),
        "",
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let looks = steps.iter().enumerate().filter(|(_, step)| step.is_empty());
    let read = |index: usize| {
        fs_err::read(place.join(format!("look{index}.txt"))).expect("the test's own directory")
    };
    looks
        .map(|(index, _)| String::from_utf8_lossy(&read(index)).replace('\r', ""))
        .collect()
}

/// Where wine keeps its Windows; making one takes seconds, so it stays.
fn wine_prefix() -> std::path::PathBuf {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR"));
    target.join("wine")
}

#[test]
fn cmd_gets_values_as_they_are_and_gives_them_back() {
    if which("wine").is_none() {
        let _ = io::stderr().write_all(b"skipped: no wine, so cmd is not tested\n");
        return;
    }
    let place = TempDir::new().unwrap();
    // wine's cmd expands the percent signs of a value once more, Windows' does not.
    let (with_percent, mut values): (Vec<_>, Vec<_>) = values()
        .into_iter()
        .partition(|(_, value)| value.contains('%'));
    values.push(("X".to_string(), "ours"));
    let c = recipe(r"C:\envs\c", &with_percent);
    let a = recipe(r"C:\envs\a b", &values);
    let b = recipe(r"C:\envs\b", &[("X".to_string(), "b")]);
    let hook = |activation| shell_hook(Shell::Cmd, activation);
    let undo = |activation| shell_hook_deactivate(Shell::Cmd, activation);
    let on_c = hook(&c);
    let (on_a, off_a, on_b, off_b) = (hook(&a), undo(&a), hook(&b), undo(&b));
    let files = script_files(&a);
    let file = |directory: &str| {
        let wanted = |path: &str| path.contains(directory) && path.ends_with(".bat");
        let found = files.iter().find(|file| wanted(&file.path));
        found.expect("there is one for every shell").text.as_str()
    };
    let more = "set \"PATH=C:\\x;%PATH%;C:\\y\"\r\n";
    let steps = [
        "",
        &on_a,
        "",
        &on_a,
        "",
        &on_b,
        "",
        &off_b,
        "",
        &off_a,
        "",
        file("/activate.d"),
        "",
        file("deactivate.d"),
        "",
        &on_a,
        more,
        &off_a,
        "",
        &on_c,
        "",
    ];
    let looks = looks(place.path(), &steps);
    let [
        before,
        once,
        twice,
        nested,
        back,
        after,
        files_on,
        files_off,
        changed,
        percent,
    ] = looks.try_into().expect("ten looks");
    for (name, value) in &values {
        let line = format!("\n{name}={value}\n");
        assert!(once.contains(&line), "{line} is not in {once}");
        assert!(files_on.contains(&line), "{line} is not in {files_on}");
    }
    for (name, value) in &with_percent {
        assert!(
            percent.contains(&format!("\n{name}={value}\n")),
            "{percent}"
        );
    }
    assert!(once.contains("\nPATH=C:\\envs\\a b;C:\\envs\\a b\\Library\\mingw-w64\\bin;"));
    assert!(
        nested.contains("\nX=b\n") && nested.contains("\nCONDA_SHLVL=2\n"),
        "{nested}"
    );
    assert_eq!(twice, once);
    assert_eq!(back, once);
    assert_eq!(after, before);
    assert_eq!(files_off, before);
    let path = |look: &str| {
        look.lines()
            .find(|line| line.starts_with("PATH="))
            .map(String::from)
    };
    let expected = path(&before).unwrap().replace("PATH=", "PATH=C:\\x;") + ";C:\\y";
    assert_eq!(path(&changed), Some(expected));
}
