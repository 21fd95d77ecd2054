//! Real manifests and locks, written in the forms of other tools and imported again.
//!
//! The same specs and the same locked files must come back. A slice of the data is in
//! the repository; `tests/real/round-trips DIR` takes any other directory of that form.
#![expect(
    clippy::print_stdout,
    reason = "the table is what `tests/real/round-trips` is for"
)]

use std::{
    collections::{BTreeMap, BTreeSet},
    env,
    fmt::Write as _,
    path::Path,
};

use gpuenv_core::{
    export,
    import::{self, Defaults, Format, Imported, Text, Texts},
    lock::{self, Lock},
    plan, recipe,
};
use rattler_conda_types::{MatchSpec, ParseMatchSpecOptions};
use rattler_digest::{Md5, Sha256, compute_bytes_digest};
use serde_json::Value;

use crate::source::root;

/// What a project asked for, and what its lock held.
struct Case {
    id: String,
    platform: String,
    channels: Vec<String>,
    specs: Vec<String>,
    locked: BTreeSet<String>,
}

fn cases(folder: &Path) -> Vec<Case> {
    let text = fs_err::read_to_string(folder.join("gpu-solves.json")).expect("gpu-solves.json");
    let cases: Vec<Value> = serde_json::from_str(&text).expect("a list of cases");
    let texts = |value: &Value| -> Vec<String> {
        let items = value.as_array().into_iter().flatten();
        items
            .filter_map(Value::as_str)
            .map(str::to_string)
            .collect()
    };
    let case = |case: &Value| Case {
        id: case["id"].as_str().unwrap_or_default().to_string(),
        platform: case["platform"].as_str().unwrap_or_default().to_string(),
        channels: texts(&case["channels"]),
        // What the machine must have is no package, and stands elsewhere in a manifest.
        specs: texts(&case["check"]["specs"])
            .into_iter()
            .filter(|spec| !spec.starts_with("__"))
            .collect(),
        locked: texts(&case["locked"]).into_iter().collect(),
    };
    cases.iter().map(case).collect()
}

fn parsed(text: &str) -> MatchSpec {
    MatchSpec::from_str(text, ParseMatchSpecOptions::lenient()).expect("a match spec")
}

/// Writes a spec with everything in it spelled out, so that two ways to write it compare alike.
fn canonical(spec: &MatchSpec) -> String {
    let mut spec = spec.clone();
    spec.version = spec
        .version
        .filter(|version| *version != rattler_conda_types::VersionSpec::Any);
    let channel = spec
        .channel
        .take()
        .map(|channel| channel.base_url.to_string());
    format!(
        "{} in {}",
        spec.to_canonical_string().expect("it can be written"),
        channel.unwrap_or_default()
    )
}

fn names(channels: &[String]) -> Vec<String> {
    let name = |channel: &String| {
        channel
            .trim_start_matches("https://conda.anaconda.org/")
            .trim_end_matches('/')
            .to_string()
    };
    channels.iter().map(name).collect()
}

/// The manifest as people write an `environment.yml`.
fn environment_yml(case: &Case) -> String {
    let mut text = String::from("name: case\nchannels:\n");
    for channel in names(&case.channels) {
        let _ = writeln!(text, "- {channel}");
    }
    text.push_str("- nodefaults\ndependencies:\n");
    for spec in &case.specs {
        let spec = parsed(spec);
        let channel = spec
            .channel
            .as_ref()
            .map(|channel| format!("{}::", channel.name()))
            .unwrap_or_default();
        let version = spec.version.as_ref().map(ToString::to_string);
        let version = version.filter(|version| version != "*");
        let build = spec.build.as_ref().map(ToString::to_string);
        let rest = match (version, build) {
            (None, None) => String::new(),
            (Some(version), None) if version.starts_with(['<', '>', '=', '!', '~']) => version,
            (Some(version), None) => format!("={version}"),
            (version, Some(build)) => format!(
                "[version='{}',build='{build}']",
                version.unwrap_or("*".to_string())
            ),
        };
        let _ = writeln!(text, "- {channel}{}{rest}   # asked for", spec.name);
    }
    text
}

/// The manifest as a `pixi.toml`; a second spec for a name stands in a feature.
fn pixi_toml(case: &Case) -> String {
    let quoted: Vec<String> = names(&case.channels)
        .iter()
        .map(|name| format!("{name:?}"))
        .collect();
    let mut text = format!(
        "[workspace]\nname = \"case\"\nchannels = [{}]\nplatforms = [{:?}]\n",
        quoted.join(", "),
        case.platform
    );
    let mut tables: Vec<BTreeMap<String, String>> = Vec::new();
    for spec in &case.specs {
        let spec = parsed(spec);
        let mut fields = vec![format!(
            "version = {:?}",
            spec.version
                .as_ref()
                .map_or("*".to_string(), ToString::to_string)
        )];
        fields.extend(
            spec.build
                .as_ref()
                .map(|build| format!("build = {:?}", build.to_string())),
        );
        fields.extend(
            spec.channel
                .as_ref()
                .map(|channel| format!("channel = {:?}", channel.name())),
        );
        let (name, value) = (
            spec.name.to_string(),
            format!("{{ {} }}", fields.join(", ")),
        );
        match tables.iter_mut().find(|table| !table.contains_key(&name)) {
            Some(table) => drop(table.insert(name, value)),
            None => tables.push(BTreeMap::from([(name, value)])),
        }
    }
    for (index, table) in tables.iter().enumerate() {
        let _ = match index {
            0 => writeln!(text, "[dependencies]"),
            index => writeln!(text, "[feature.more{index}.dependencies]"),
        };
        for (name, value) in table {
            let _ = writeln!(text, "{name} = {value}");
        }
    }
    let features: Vec<String> = (1..tables.len())
        .map(|index| format!("\"more{index}\""))
        .collect();
    let _ = writeln!(text, "[environments]\ndefault = [{}]", features.join(", "));
    text
}

/// The lock as an explicit list. The data has no hashes here, so each file gets one of its name.
fn explicit(case: &Case) -> String {
    let mut text = format!("# platform: {}\n@EXPLICIT\n", case.platform);
    for path in &case.locked {
        let _ = writeln!(
            text,
            "{}#{}",
            url(path),
            hex::encode(compute_bytes_digest::<Md5>(path))
        );
    }
    text
}

fn url(path: &str) -> String {
    format!("https://conda.anaconda.org/{path}")
}

/// The lock as a `pixi.lock`.
fn pixi_lock(case: &Case) -> String {
    let mut text = String::from("version: 6\nenvironments:\n  default:\n    channels:\n");
    for channel in &case.channels {
        let _ = writeln!(text, "    - url: {channel}");
    }
    let _ = writeln!(text, "    packages:\n      {}:", case.platform);
    for path in &case.locked {
        let _ = writeln!(text, "      - conda: {}", url(path));
    }
    text.push_str("packages:\n");
    for path in &case.locked {
        let _ = writeln!(
            text,
            "- conda: {}\n  sha256: {}",
            url(path),
            hex::encode(compute_bytes_digest::<Sha256>(path))
        );
    }
    text
}

fn imported(name: &str, text: &str) -> Imported {
    let text = Text::decode(name, text.as_bytes()).unwrap_or_else(|error| panic!("{error}"));
    let format = import::recognise(&text).expect("the format is recognised");
    match import::read(&Texts::new(text), format, &Defaults::default()) {
        Ok(found) => found,
        Err(errors) => panic!("{name}: {errors:#?}"),
    }
}

/// Makes the recipe of what was found, and its lock if there is one.
fn made(found: &Imported) -> (Vec<String>, Vec<String>, Option<Lock>) {
    let drafted = import::recipe(found, None, &found.platforms);
    let recipe = recipe::parse("recipe", drafted.text.as_bytes())
        .unwrap_or_else(|errors| panic!("{errors:#?}\n{}", drafted.text));
    let plans: Vec<_> = recipe
        .platforms
        .iter()
        .map(|p| plan::plan(&recipe, p.value).expect("a plan"))
        .collect();
    let specs = plans
        .iter()
        .flat_map(|plan| plan.dependencies.iter().map(|d| canonical(&d.spec)));
    let specs = specs.collect::<BTreeSet<_>>().into_iter().collect();
    let channels = plans
        .first()
        .map(|plan| plan.channels.clone())
        .unwrap_or_default();
    (
        specs,
        channels,
        import::lock(found, &plans).expect("a lock"),
    )
}

fn files(lock: &Lock) -> BTreeSet<String> {
    let records = lock.platforms.values().flat_map(|locked| &locked.records);
    let hash = |record: &rattler_conda_types::RepoDataRecord| {
        let package = &record.package_record;
        package
            .sha256
            .map(hex::encode)
            .or(package.md5.map(hex::encode))
            .unwrap_or_default()
    };
    records
        .map(|record| format!("{} {}", record.url, hash(record)))
        .collect()
}

/// Writes, imports, and compares; returns what differs.
fn differences(case: &Case) -> Vec<String> {
    let mut wrong = Vec::new();
    let wanted: BTreeSet<String> = case
        .specs
        .iter()
        .map(|spec| canonical(&parsed(spec)))
        .collect();
    for (name, text) in [
        ("environment.yml", environment_yml(case)),
        ("pixi.toml", pixi_toml(case)),
    ] {
        let mut found = imported(name, &text);
        found.platforms = vec![case.platform.parse().expect("a platform")];
        let (specs, channels, _) = made(&found);
        let specs: BTreeSet<String> = specs.into_iter().collect();
        wrong.extend(
            wanted
                .difference(&specs)
                .map(|spec| format!("{name} lost {spec}")),
        );
        wrong.extend(
            specs
                .difference(&wanted)
                .map(|spec| format!("{name} made up {spec}")),
        );
        let listed = names(&case.channels);
        if channels[..listed.len().min(channels.len())] != listed[..] {
            wrong.push(format!("{name} has channels {channels:?}"));
        }
    }
    for (name, text, strong) in [
        ("explicit.txt", explicit(case), false),
        ("pixi.lock", pixi_lock(case), true),
    ] {
        let (_, _, lock) = made(&imported(name, &text));
        let lock = lock.expect("the source has exact files");
        let hash = |path: &String| match strong {
            true => hex::encode(compute_bytes_digest::<Sha256>(path)),
            false => hex::encode(compute_bytes_digest::<Md5>(path)),
        };
        let expected: BTreeSet<String> = case
            .locked
            .iter()
            .map(|path| format!("{} {}", url(path), hash(path)))
            .collect();
        if files(&lock) != expected {
            wrong.push(format!("{name} came back with other files"));
        }
        let text = lock::render(&lock).expect("the lock can be written");
        let read = lock::parse("lock", &text).expect("and read");
        for format in [export::Format::Explicit, export::Format::CondaLock] {
            let written = export::export(&read, "case", format, export::Wishes::default())
                .expect("it can be exported");
            let (_, _, again) = made(&imported("again", &written.text));
            if again.map(|again| files(&again)) != Some(expected.clone()) {
                wrong.push(format!(
                    "{name} came back from {} with other files",
                    format.word()
                ));
            }
        }
    }
    wrong
}

fn check(cases: &[Case]) {
    let mut failed = 0;
    for case in cases {
        let wrong = differences(case);
        println!(
            "{} {}: {} specs, {} files",
            if wrong.is_empty() { "same" } else { "OTHER" },
            case.id,
            case.specs.len(),
            case.locked.len()
        );
        for line in &wrong {
            println!("  {line}");
        }
        failed += usize::from(!wrong.is_empty());
    }
    assert_eq!(failed, 0, "{failed} of {} differ", cases.len());
}

#[test]
fn real_manifests_and_locks_come_back_the_same() {
    let cases = cases(&root().join("tests/data/real"));
    assert!(cases.len() > 5);
    check(&cases);
}

#[test]
fn all_manifests_and_locks_of_a_directory_come_back_the_same() {
    match env::var_os("GPUENV_REAL_DATA") {
        None => println!("skipped: GPUENV_REAL_DATA is not set"),
        Some(folder) => check(&cases(Path::new(&folder))),
    }
}

#[test]
fn the_words_of_the_formats_are_those_of_the_command_line() {
    for (format, word) in Format::ALL {
        assert_eq!(format.word(), word);
    }
}
