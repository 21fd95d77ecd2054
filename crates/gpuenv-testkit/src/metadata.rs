//! The files below `info/` that describe a package to installers.

use std::str::FromStr;

use rattler_conda_types::Subdir;
use serde_json::{Map, Value, json};

/// What `index.json` and the record in `repodata.json` say alike.
#[derive(Debug, Clone)]
pub(crate) struct Metadata {
    pub(crate) name: String,
    pub(crate) version: String,
    pub(crate) build: String,
    pub(crate) build_number: u64,
    pub(crate) subdir: String,
    pub(crate) depends: Vec<String>,
    pub(crate) constrains: Vec<String>,
    pub(crate) license: String,
    pub(crate) timestamp: Option<u64>,
    pub(crate) track_features: Vec<String>,
    pub(crate) noarch: Noarch,
}

/// Whether a package suits all platforms, and how it is linked then.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Noarch {
    No,
    Generic,
    Python { entry_points: Vec<String> },
}

impl Metadata {
    /// Returns the name of the archive without its extension.
    pub(crate) fn stem(&self) -> String {
        format!("{}-{}-{}", self.name, self.version, self.build)
    }

    /// Returns `info/index.json`.
    pub(crate) fn index_json(&self) -> Map<String, Value> {
        let mut index = Map::new();
        let mut set = |key: &str, value: Value| index.insert(key.to_string(), value);
        let (arch, platform) = arch_and_platform(&self.subdir);
        set("arch", arch);
        set("build", json!(self.build));
        set("build_number", json!(self.build_number));
        if !self.constrains.is_empty() {
            set("constrains", json!(self.constrains));
        }
        set("depends", json!(self.depends));
        set("license", json!(self.license));
        set("name", json!(self.name));
        match self.noarch {
            Noarch::No => None,
            Noarch::Generic => set("noarch", json!("generic")),
            Noarch::Python { .. } => set("noarch", json!("python")),
        };
        set("platform", platform);
        set("subdir", json!(self.subdir));
        if let Some(timestamp) = self.timestamp {
            set("timestamp", json!(timestamp));
        }
        if !self.track_features.is_empty() {
            set("track_features", json!(self.track_features.join(" ")));
        }
        set("version", json!(self.version));
        index
    }

    /// Returns `info/about.json`.
    pub(crate) fn about_json(&self) -> Value {
        json!({
            "license": self.license,
            "summary": format!("{} as the testkit builds it", self.name),
        })
    }

    /// Returns `info/link.json`, which only noarch Python packages have.
    pub(crate) fn link_json(&self) -> Option<Value> {
        match &self.noarch {
            Noarch::No | Noarch::Generic => None,
            Noarch::Python { entry_points } => Some(json!({
                "noarch": { "entry_points": entry_points, "type": "python" },
                "package_metadata_version": 1,
            })),
        }
    }
}

fn arch_and_platform(subdir: &str) -> (Value, Value) {
    let subdir = Subdir::from_str(subdir).unwrap_or(Subdir::NoArch);
    (
        json!(subdir.arch().map(|arch| arch.to_string())),
        json!(subdir.only_platform()),
    )
}
