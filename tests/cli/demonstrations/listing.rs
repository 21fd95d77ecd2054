//! What several programs say is in one environment.

use std::{collections::BTreeMap, path::Path};

use fs_err as fs;
use serde_json::Value;

use super::Stage;

/// What `importlib.metadata` finds, and which files of it are not there.
const METADATA: &str = "
import importlib.metadata as m, json
found, missing = {}, []
for d in m.distributions():
    found[d.metadata['Name'].lower().replace('_', '-').replace('.', '-')] = d.version
    missing += [str(f) for f in d.files or [] if not f.locate().exists()]
print(json.dumps([found, missing]))
";

/// Compares `pip list`, `pip check`, `importlib.metadata`, `gpuenv info` and `conda-meta`.
pub(super) fn agrees(stage: &Stage, name: &str) {
    let text = stage.python(name, METADATA);
    let (found, missing): (BTreeMap<String, String>, Vec<String>) =
        serde_json::from_str(&text).expect("it is JSON");
    assert_eq!(
        missing,
        [] as [&str; 0],
        "every file that is listed is there"
    );

    let pip = |arguments: &[&str]| {
        let run = [&["run", name, "--", "python", "-m", "pip"], arguments].concat();
        stage.gpuenv(&run)
    };
    let listed = pip(&["list", "--format", "json", "--disable-pip-version-check"]).success();
    let listed = listed.json();
    let listed: BTreeMap<String, String> = rows(&listed, "name");
    assert_eq!(listed, found, "`pip list` and `importlib.metadata`");
    let _ = pip(&["check", "--disable-pip-version-check"])
        .success()
        .stdout_has("No broken requirements found.");

    let wheels = recorded(&stage.prefix(name).join("conda-meta"));
    assert_eq!(wheels, found, "the records that `conda list` reads");
    println!("{name}: {} distributions, listed alike by all", found.len());
    let _ = stage.gpuenv(&["verify", name]).success();
}

fn rows(listed: &Value, key: &str) -> BTreeMap<String, String> {
    let rows = listed.as_array().expect("it is a list").iter();
    let text = |row: &Value, key: &str| row[key].as_str().unwrap_or_default().to_string();
    let name = |row| text(row, key).to_lowercase().replace(['_', '.'], "-");
    rows.map(|row| (name(row), text(row, "version"))).collect()
}

/// Returns the wheels among the records of packages, which `conda list` reads.
fn recorded(folder: &Path) -> BTreeMap<String, String> {
    let entries = fs::read_dir(folder).expect("it is an environment");
    let paths = entries.filter_map(|entry| Some(entry.ok()?.path()));
    let records = paths.filter(|path| path.extension().is_some_and(|end| end == "json"));
    let records = records.filter_map(|path| {
        let text = fs::read_to_string(path).ok()?;
        let record: Value = serde_json::from_str(&text).ok()?;
        let text = |key: &str| record[key].as_str().unwrap_or_default().to_string();
        let name = text("name").replace(['_', '.'], "-");
        text("url")
            .ends_with(".whl")
            .then(|| (name, text("version")))
    });
    records.collect()
}
