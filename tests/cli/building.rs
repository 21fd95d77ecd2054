//! `pypi-options.build-from-source`: uv builds a wheel once, beside the recipe.
//!
//! They need `uv` on `PATH` (or in `GPUENV_TEST_UV`), any `python3` and `tar`; without
//! them they say that they are skipped.

use std::process::Command;

use fs_err as fs;
use gpuenv_testkit::Wheel;

use crate::{wheel_sources::Sources, wheels::lab::python};

/// A build backend of its own, so that building needs no index; it notes each build.
const BACKEND: &str = r#"
import os, zipfile
def build_wheel(directory, config=None, metadata=None):
    if os.environ.get("ODD_FAILS"):
        raise SystemExit("no compiler here")
    name = "odd-1.0-@TAG@.whl"
    files = {
        "odd.py": "answer = 42\n",
        "odd-1.0.dist-info/METADATA": "Metadata-Version: 2.1\nName: odd\nVersion: 1.0\n",
        "odd-1.0.dist-info/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: @TAG@\n",
    }
    record = "".join(name + ",,\n" for name in files) + "odd-1.0.dist-info/RECORD,,\n"
    with zipfile.ZipFile(os.path.join(directory, name), "w") as wheel:
        for path, text in {**files, "odd-1.0.dist-info/RECORD": record}.items():
            wheel.writestr(zipfile.ZipInfo(path, (1980, 1, 1, 0, 0, 0)), text)
    return name
"#;

/// Puts the source code of `odd` 1.0 into `dist/`; the error says what is missing here.
fn source(sources: &Sources, tag: &str) -> Result<(), String> {
    let folder = sources.sandbox.work().join("odd-1.0");
    let files = [
        ("pyproject.toml", "[build-system]\nrequires = []\nbuild-backend = \"backend\"\nbackend-path = [\".\"]\n[project]\nname = \"odd\"\nversion = \"1.0\"\n".to_string()),
        ("PKG-INFO", "Metadata-Version: 2.2\nName: odd\nVersion: 1.0\n".to_string()),
        ("backend.py", BACKEND.replace("@TAG@", tag)),
    ];
    fs::create_dir_all(&folder).map_err(|error| error.to_string())?;
    for (name, text) in files {
        fs::write(folder.join(name), text).map_err(|error| error.to_string())?;
    }
    fs::create_dir_all(sources.sandbox.work().join("dist")).map_err(|error| error.to_string())?;
    let tar = Command::new("tar")
        .args(["-czf", "dist/odd-1.0.tar.gz", "odd-1.0"])
        .current_dir(sources.sandbox.work())
        .status()
        .map_err(|error| format!("tar: {error}"))?;
    tar.success()
        .then_some(())
        .ok_or_else(|| "tar failed".to_string())
}

/// Makes a lab with the source code; the error says what is missing here.
fn sources(tag: &str) -> Result<Sources, String> {
    let made = Sources::new()?;
    source(&made, tag)?;
    Ok(made)
}

macro_rules! sources {
    ($tag:literal) => {
        match sources($tag) {
            Ok(sources) => sources,
            Err(reason) => {
                println!("skipped: {reason}");
                return;
            }
        }
    };
}

/// No other index has a say.
fn options(sources: &Sources, built: &str) -> String {
    sources.publish("main", Wheel::new("other", "1.0"), "other");
    let index = sources.index("main");
    format!("  index-url: {index}\n  find-links: [./dist]\n  build-from-source: [{built}]\n")
}

#[test]
fn what_the_recipe_allows_is_built_once_and_locked_as_a_wheel() {
    let sources = sources!("py3-none-any");
    // Without leave it is refused, with the words that give it.
    sources.recipe("[odd]", &options(&sources, ""));
    let refused = sources.gpuenv(&["lock", "./demo.yaml"]).code(13);
    let _ = refused.stderr_has("GE321").stderr_has("build-from-source");
    assert!(!sources.sandbox.work().join("wheels").exists());

    sources.recipe("[odd]", &options(&sources, "Odd"));
    // Where nothing is written, nothing is run.
    let dry = sources
        .gpuenv(&["lock", "./demo.yaml", "--dry-run"])
        .code(13);
    let _ = dry.stderr_has("GE334");
    assert!(!sources.sandbox.work().join("wheels").exists());

    let made = sources.gpuenv(&["lock", "./demo.yaml"]).success();
    let _ = made.stderr_has("GE333");
    let lock = sources.sandbox.read("gpuenv.lock");
    assert!(lock.contains("./wheels/odd-1.0-py3-none-any.whl"), "{lock}");
    let wheel = sources
        .sandbox
        .work()
        .join("wheels/odd-1.0-py3-none-any.whl");
    let bytes = fs::read(&wheel).expect("it is kept beside the recipe");
    let _ = sources
        .gpuenv(&["create", "./demo.yaml", "--locked"])
        .success();
    assert_eq!(
        python(&sources.sandbox, "import odd; print(odd.answer)"),
        "42\n"
    );

    // What is there is not built again, also where everything is asked anew.
    let again = sources
        .gpuenv(&["lock", "./demo.yaml", "--upgrade"])
        .success();
    assert!(!again.stderr().contains("GE333"), "{again:?}");
    assert_eq!(sources.sandbox.read("gpuenv.lock"), lock);
    // And what is built anew is the same, byte for byte.
    fs::remove_file(&wheel).expect("it is there");
    let _ = sources
        .gpuenv(&["lock", "./demo.yaml", "--upgrade"])
        .success();
    assert_eq!(fs::read(&wheel).expect("it is there again"), bytes);
}

#[test]
fn a_build_that_fails_or_makes_something_else_leaves_nothing() {
    let mut sources = sources!("cp39-cp39-win_amd64");
    sources.recipe("[odd]", &options(&sources, "Odd"));
    let other = sources.gpuenv(&["lock", "./demo.yaml"]).code(13);
    let _ = other.stderr_has("GE334").stderr_has("for another machine");
    assert!(!sources.sandbox.work().join("gpuenv.lock").exists());
    sources.sandbox.set("ODD_FAILS", "1");
    let failed = sources.gpuenv(&["lock", "./demo.yaml"]).code(13);
    let _ = failed.stderr_has("GE334").stderr_has("no compiler here");
    assert!(!sources.sandbox.work().join("gpuenv.lock").exists());
}
