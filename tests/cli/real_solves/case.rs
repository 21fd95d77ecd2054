//! A real solved environment: what was declared and what was locked.

use std::{collections::BTreeSet, path::Path};

use fs_err as fs;
use gpuenv_core::{
    Plan, Target,
    plan::{ActivationSettings, Dependency, Gpu},
};
use jiff::Timestamp;
use rattler_conda_types::{MatchSpec, ParseMatchSpecOptions, Subdir, Version};
use serde_json::Value;

/// A real solved environment.
pub(super) struct Case {
    pub id: String,
    pub platform: Subdir,
    /// Channel URLs, strongest first, as declared.
    channels: Vec<String>,
    pub specs: Vec<String>,
    pub cuda: Option<String>,
    pub glibc: Option<String>,
    pub exclude_newer: Timestamp,
    /// What was locked, as `channel/subdir/file`.
    pub locked: BTreeSet<String>,
}

/// Reads the cases of a directory.
pub(super) fn read(data: &Path) -> Vec<Case> {
    let text = fs::read_to_string(data.join("gpu-solves.json")).expect("gpu-solves.json");
    let cases: Vec<Value> = serde_json::from_str(&text).expect("a list of cases");
    cases.iter().map(Case::from_json).collect()
}

fn texts(value: &Value) -> Vec<String> {
    let items = value.as_array().into_iter().flatten();
    items
        .filter_map(Value::as_str)
        .map(str::to_string)
        .collect()
}

impl Case {
    fn from_json(case: &Value) -> Self {
        let text = |key: &str| case[key].as_str().unwrap_or_default().to_string();
        let needs = system_requirements(case);
        let newest = case["max_record_timestamp_ms"].as_i64().expect("a time");
        let newest = Timestamp::from_millisecond(newest).expect("a time");
        // A group was solved with what was new when the newest of it was locked.
        let checked = case["check"]["exclude_newer"].as_str();
        let exclude_newer = checked.and_then(|text| text.parse().ok()).unwrap_or(newest);
        Self {
            id: text("id"),
            platform: text("platform").parse().expect("a platform"),
            channels: texts(&case["channels"]),
            specs: texts(&case["check"]["specs"]),
            cuda: needs.iter().find_map(|needs| cuda(&needs["cuda"])),
            glibc: needs.iter().find_map(|needs| {
                let libc = &needs["libc"];
                Some(libc["version"].as_str().or(libc.as_str())?.to_string())
            }),
            exclude_newer,
            locked: texts(&case["locked"]).into_iter().collect(),
        }
    }

    /// Returns the hosts that the case's channels name.
    pub(super) fn hosts(&self) -> Vec<String> {
        let hosts = self.channels.iter().map(|channel| {
            let url = url::Url::parse(channel).expect("a URL");
            format!("{}/", url.origin().ascii_serialization())
        });
        hosts.collect()
    }

    /// Returns the channels that the directory has, strongest first, and those
    /// that it lacks.
    pub(super) fn channels(&self, data: &Path) -> (Vec<String>, Vec<String>) {
        let there = |channel: &String| {
            let url = url::Url::parse(channel).expect("a URL");
            let folder = url.path().trim_matches('/').to_string();
            data.join("channels").join(folder).is_dir()
        };
        self.channels.iter().cloned().partition(there)
    }

    /// Returns the version and build number that were locked under a name.
    pub(super) fn locked_version(&self, name: &str) -> Option<(Version, u64)> {
        let files = self
            .locked
            .iter()
            .filter_map(|path| path.rsplit('/').next());
        files
            .filter_map(split)
            .find_map(|(locked, version, build)| {
                let number = build.rsplit('_').next().and_then(|word| word.parse().ok());
                let version = version.parse().ok().filter(|_| locked == name)?;
                Some((version, number.unwrap_or(0)))
            })
    }

    /// Returns the plan that asks for the same.
    pub(super) fn plan(&self, channels: Vec<String>) -> Plan {
        let mut target = Target::without_gpu(self.platform);
        target.cuda = self
            .cuda
            .as_ref()
            .map(|text| text.parse().expect("a version"));
        target.glibc = self
            .glibc
            .as_ref()
            .map(|text| text.parse().expect("a version"));
        Plan {
            variant: None,
            recipe: self.id.clone(),
            channels,
            gpu: Gpu::Optional,
            target,
            dependencies: self.specs.iter().map(|text| dependency(text)).collect(),
            wheels: Vec::new(),
            pypi: Default::default(),
            activation: ActivationSettings::default(),
            probe: Vec::new(),
            selection: gpuenv_core::recipe::Selection::default(),
        }
    }
}

/// Splits `name-version-build.conda`.
fn split(file: &str) -> Option<(&str, &str, &str)> {
    let stem = file
        .strip_suffix(".conda")
        .or_else(|| file.strip_suffix(".tar.bz2"))?;
    let (rest, build) = stem.rsplit_once('-')?;
    let (name, version) = rest.rsplit_once('-')?;
    Some((name, version, build))
}

/// Returns what the environment, or any of its solve group, requires of the system.
fn system_requirements(case: &Value) -> Vec<&Value> {
    let group = case["solve_group"]["environments"].as_object();
    let group = group.into_iter().flat_map(|group| group.values());
    let environments = [&case["declared"]].into_iter().chain(group);
    environments.map(|e| &e["system-requirements"]).collect()
}

/// Returns `12` as `12.0`.
fn cuda(value: &Value) -> Option<String> {
    let text = value.as_str().or(value["driver"].as_str())?;
    Some(match text.contains('.') {
        true => text.to_string(),
        false => format!("{text}.0"),
    })
}

pub(super) fn dependency(text: &str) -> Dependency {
    let spec = MatchSpec::from_str(text, ParseMatchSpecOptions::lenient());
    Dependency {
        spec: spec.unwrap_or_else(|error| panic!("{text}: {error}")),
        text: text.to_string(),
        place: None,
    }
}
