//! Whole files in, neutral values and recipes out.

mod bad_input;
mod common_forms;
mod exact_files;

use rattler_conda_types::Subdir;

use super::{Defaults, Format, Imported, Text, Texts, read, recipe, recognise};
use crate::Diagnostic;

/// Imports a text by its content.
fn imported(file: &str, text: &str) -> Result<Imported, Vec<Diagnostic>> {
    let text = Text::decode(file, text.as_bytes()).map_err(|error| vec![error.into()])?;
    let format = recognise(&text).expect("the format can be told");
    read(&Texts::new(text), format, &Defaults::default())
}

#[track_caller]
fn good(file: &str, text: &str) -> Imported {
    match imported(file, text) {
        Ok(found) => found,
        Err(errors) => panic!("{errors:#?}"),
    }
}

/// Returns the recipe without its comments, and what was told.
#[track_caller]
fn told(file: &str, text: &str) -> String {
    let found = good(file, text);
    let platforms = match found.platforms.is_empty() {
        true => vec![Subdir::Linux64],
        false => found.platforms.clone(),
    };
    let drafted = recipe(&found, None, &platforms);
    let read = crate::recipe::parse("r", drafted.text.as_bytes());
    assert!(read.is_ok(), "{}\n{read:#?}", drafted.text);
    let lines = drafted.text.lines().filter(|line| !line.starts_with('#'));
    let mut shown: String = lines.map(|line| format!("{line}\n")).collect();
    for note in found.notes.iter().chain(&drafted.notes) {
        let line = note
            .place
            .as_ref()
            .and_then(|place| place.span.as_ref())
            .map_or(0, |span| span.line);
        shown += &format!("{} {line}: {}\n", note.code, note.message);
    }
    shown
}

/// Returns codes, places and messages of what is wrong.
#[track_caller]
fn refused(file: &str, bytes: &[u8]) -> String {
    let told = |errors: Vec<Diagnostic>| {
        let lines = errors.iter().map(|error| {
            assert!(
                !error.help.is_empty() || error.severity != crate::Severity::Error,
                "{error:?}"
            );
            let span = error.place.as_ref().and_then(|place| place.span.as_ref());
            let at = span.map_or(String::new(), |span| {
                format!(" {}:{}", span.line, span.column)
            });
            format!("{}{at} {}", error.code, error.message)
        });
        lines.collect::<Vec<_>>().join("\n")
    };
    let text = match Text::decode(file, bytes) {
        Ok(text) => text,
        Err(error) => return told(vec![error.into()]),
    };
    let Some(format) = recognise(&text) else {
        return "no format".to_string();
    };
    told(read(&Texts::new(text), format, &Defaults::default()).expect_err("it must be refused"))
}

#[test]
fn every_format_is_told_by_its_content() {
    for (text, format) in [
        ("@EXPLICIT\n", Format::Explicit),
        (
            "https://conda.anaconda.org/conda-forge/noarch/a-1-0.conda#00\n",
            Format::Explicit,
        ),
        (
            "name: x\ndependencies:\n  - python\n",
            Format::EnvironmentYml,
        ),
        ("version: 1\nmetadata: {}\npackage: []\n", Format::CondaLock),
        (
            "# platform: linux-64\nnumpy=1.26=py310_0\n",
            Format::CondaList,
        ),
        (
            "# packages in environment at /x:\n#\nnumpy 1.26 py310_0\nb 1 0 pypi\n",
            Format::CondaList,
        ),
        (
            "version: 6\nenvironments: {}\npackages: []\n",
            Format::PixiLock,
        ),
        ("[workspace]\nname = 'x'\n", Format::Pixi),
        ("[tool.pixi.workspace]\nname = 'x'\n", Format::Pyproject),
        (
            "[project]\nname = 'x'\ndependencies = []\n[build-system]\n",
            Format::Pyproject,
        ),
        ("numpy\ntorch>=2 # new\n", Format::Requirements),
        ("-r base.txt\n", Format::Requirements),
        ("$ conda install numpy\n", Format::Commands),
        (
            "First do this:\n\n    pip install numpy\n",
            Format::Commands,
        ),
    ] {
        let decoded = Text::decode("a.txt", text.as_bytes()).unwrap();
        assert_eq!(recognise(&decoded), Some(format), "{text}");
    }
    for text in [
        "",
        "hello there, friend\n",
        "<html>",
        "{\"a\": 1}",
        "import torch\nprint(torch)\n",
    ] {
        let decoded = Text::decode("a.txt", text.as_bytes()).unwrap();
        assert_eq!(recognise(&decoded), None, "{text}");
    }
}
