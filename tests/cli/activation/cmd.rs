//! Batch files, run by the `cmd` of wine.

use std::{
    fmt::Write as _,
    io::{self, Write as _},
    path::Path,
    process::{Command, Output},
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
fn looks(place: &Path, base: &[(String, &str)], steps: &[&str]) -> Vec<String> {
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
    let output = wine(place, base, &["/q", "/c", "main.bat"]);
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

/// Runs the `cmd` of wine.
fn wine(place: &Path, base: &[(String, &str)], arguments: &[&str]) -> Output {
    Command::new("wine")
        .arg("cmd")
        .args(arguments)
        .current_dir(place)
        .env_clear()
        .env("PATH", "/usr/bin:/bin")
        .env("HOME", place)
        .env("WINEPREFIX", wine_prefix())
        .env("WINEDEBUG", "-all")
        .envs(base.iter().map(|(name, value)| (name, value)))
        .output()
        .expect("wine was found")
}

fn is_wine_missing() -> bool {
    let missing = which("wine").is_none();
    if missing {
        let _ = io::stderr().write_all(b"skipped: no wine, so cmd is not tested\n");
    }
    missing
}

/// Where wine keeps its Windows; making one takes seconds, so it stays.
fn wine_prefix() -> std::path::PathBuf {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR"));
    target.join("wine")
}

/// Returns `X` with a value that was there before.
fn before(value: &str) -> Vec<(String, &str)> {
    vec![("X".to_string(), value)]
}

#[test]
fn cmd_gets_values_as_they_are_and_gives_them_back() {
    if is_wine_missing() {
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
    let looks = looks(place.path(), &before("before"), &steps);
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

/// Text with quotes and with what `cmd` would run if it stood outside of them.
const QUOTED: &[&str] = &[
    "\"",
    "\"\"",
    "a\"b",
    "a\"&echo x>canary&\"b",
    "\"&echo x>canary&\"",
    "a&echo x>canary",
    r#""C:\R&D\bin";C:\x y|more;"C:\z""#,
    "\"a\" ^ ^^ <canary >canary | more & ( ) \"&\" ! ,;=",
    "ends in a blank ",
    "^",
    "\"^\"&^&\"^",
];

/// Puts a directory before a `PATH` with quotes.
const PREPEND: &str = "\
set \"M=%PATH:\"=\"\"%\"\r
set \"M=%M:^=^^%\"\r
set \"M=%M:&=^&%\"\r
set \"M=%M:|=^|%\"\r
set \"M=%M:<=^<%\"\r
set \"M=%M:>=^>%\"\r
set PATH=C:\\first;%M:\"\"=^\"%\r
set \"M=\"\r
";

#[test]
fn earlier_values_with_quotes_and_operators_stay_data() {
    if is_wine_missing() {
        return;
    }
    let hostile = HOSTILE.iter().copied().filter(|text| {
        let plain = text.bytes().all(|byte| matches!(byte, b' '..=b'~'));
        // wine's cmd expands the percent signs of a value once more, Windows' does not.
        plain && !text.is_empty() && !text.contains('%')
    });
    let mut base: Vec<(String, &str)> = hostile
        .chain(QUOTED.iter().copied())
        .enumerate()
        .map(|(index, text)| (format!("V{index}"), text))
        .collect();
    let names = base.clone();
    base.push(("CONDA_PREFIX".to_string(), QUOTED[3]));
    base.push(("CONDA_PREFIX_1".to_string(), QUOTED[4]));
    base.push(("CONDA_SHLVL".to_string(), "1"));
    let ours: Vec<(String, &str)> = names.iter().map(|(name, _)| (name.clone(), "x")).collect();
    let a = recipe(r"C:\envs\a&b", &ours);
    let b = recipe(r"C:\envs\b", &names);
    let hook = |activation| shell_hook(Shell::Cmd, activation);
    let undo = |activation| shell_hook_deactivate(Shell::Cmd, activation);
    let (on_a, off_a, on_b, off_b) = (hook(&a), undo(&a), hook(&b), undo(&b));
    for path in [QUOTED[3], QUOTED[6], QUOTED[7]] {
        let carets: String = path.chars().flat_map(|c| ['^', c]).collect();
        let odd_path = format!("set PATH={carets};%PATH%\r\n");
        let steps = [
            &odd_path, "", &on_a, "", &on_a, "", &on_b, &off_b, "", &off_a, "", &on_a, PREPEND,
            &off_a, "",
        ];
        let place = TempDir::new().unwrap();
        let looks = looks(place.path(), &base, &steps);
        let [before, once, twice, back, after, changed] = looks.try_into().expect("six looks");
        for (name, value) in &names {
            assert!(before.contains(&format!("\n{name}={value}\n")), "{before}");
            let kept = format!("_2_{name}=s{value}\n");
            assert!(once.contains(&kept), "{kept} is not in {once}");
        }
        let first = r"PATH=C:\envs\a&b;C:\envs\a&b\Library\mingw-w64\bin;";
        assert!(once.contains(first), "{once}");
        assert!(once.contains(path), "{once}");
        assert_eq!(twice, once);
        assert_eq!(back, once);
        assert_eq!(after, before);
        let expected = before.replace("\nPATH=", "\nPATH=C:\\first;");
        assert_eq!(changed, expected);
    }
}

#[test]
fn delayed_expansion_is_refused_and_nothing_is_changed() {
    if is_wine_missing() {
        return;
    }
    let place = TempDir::new().unwrap();
    let text = shell_hook(Shell::Cmd, &recipe(r"C:\envs\a", &before("ours")));
    fs_err::write(place.path().join("hook.bat"), text).unwrap();
    let main = "@call hook.bat\r\n@set X\r\n@set GPUENV_\r\n";
    fs_err::write(place.path().join("main.bat"), main).unwrap();
    let output = wine(
        place.path(),
        &before("before"),
        &["/v:on", "/q", "/c", "main.bat"],
    );
    let said = String::from_utf8_lossy(&output.stdout).replace('\r', "");
    assert!(said.contains("X=before"), "{said}");
    assert!(!said.contains("GPUENV_"), "{said}");
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(told.contains("cmd /v:off"), "{told}{said}");
}

#[test]
fn batch_files_of_packages_run_once_and_come_back() {
    if is_wine_missing() {
        return;
    }
    let place = TempDir::new().unwrap();
    // No `%`: wine's cmd would read it once more.
    let below = place.path().join("a^b & c");
    for (file, text) in [
        (
            "activate.d/a.bat",
            "@set \"ORDER=%ORDER%a\"\r\n@set X=package\r\n",
        ),
        (
            "activate.d/b.bat",
            "@set \"ORDER=%ORDER%b\"\r\n@exit /b 3\r\n",
        ),
        ("deactivate.d/a.bat", "@set \"ORDER=%ORDER%A%X%\"\r\n"),
    ] {
        super::shells::write_below(&below.join("etc/conda").join(file), text);
    }
    let prefix = format!("Z:{}", below.display()).replace('/', "\\");
    let mut facts = PrefixFacts::empty(Subdir::Win64);
    facts.activate_scripts = ["b.bat", "a.bat", "gone.bat"].map(String::from).to_vec();
    facts.deactivate_scripts = facts.activate_scripts.clone();
    let settings = ActivationSettings {
        env: [("X".to_string(), "ours".to_string())].into(),
        ..ActivationSettings::default()
    };
    let on = activation(&prefix, &settings, &facts).unwrap();
    let (hook, undo) = (
        shell_hook(Shell::Cmd, &on),
        shell_hook_deactivate(Shell::Cmd, &on),
    );
    let steps = [hook.as_str(), "", &hook, "", &undo, ""];
    let [once, twice, after] = looks(place.path(), &before("mine"), &steps)
        .try_into()
        .expect("three looks");
    assert!(
        once.contains("\nORDER=ab\n") && once.contains("\nX=ours\n"),
        "{once}"
    );
    assert_eq!(twice, once);
    assert!(after.contains("\nORDER=abApackage\n"), "{after}");
    // What a package has set, its own scripts must undo.
    assert!(
        after.contains("\nX=package\n") && !after.contains("GPUENV_"),
        "{after}"
    );
}
