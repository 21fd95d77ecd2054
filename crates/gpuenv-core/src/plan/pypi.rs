//! Where the wheels of one platform come from, every condition decided.

use std::collections::BTreeMap;

use rattler_conda_types::Subdir;
use serde::{Deserialize, Serialize};

use super::{
    PlanError,
    decide::{conflict, shown},
};
use crate::recipe::{Located, Recipe};

/// Where wheels come from, and what may be combined with them.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct PypiSettings {
    /// The index that has what no other one has; without it, the machine's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub index_url: Option<String>,
    /// Indexes that are asked before it, strongest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub extra_index_urls: Vec<String>,
    /// Folders of wheels and pages that link to wheels, as the recipe writes them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub find_links: Vec<String>,
    /// Indexes for single packages, by normalised name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub package_indexes: BTreeMap<String, String>,
    /// Whether wheels may bring a CUDA runtime beside that of conda.
    #[serde(default, skip_serializing_if = "super::is_off")]
    pub allow_two_cuda_runtimes: bool,
    /// Distributions whose own build may run when the lock is made, by normalised name.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub build_from_source: Vec<String>,
}

impl PypiSettings {
    /// Tells whether the recipe says nothing.
    pub fn is_usual(&self) -> bool {
        *self == Self::default()
    }

    /// Tells whether the recipe names a place where wheels are.
    pub fn names_places(&self) -> bool {
        let said_otherwise = Self {
            allow_two_cuda_runtimes: false,
            build_from_source: Vec::new(),
            ..self.clone()
        };
        !said_otherwise.is_usual()
    }
}

/// Decides the options for a platform.
pub(super) fn settings(
    recipe: &Recipe,
    platform: Subdir,
    errors: &mut Vec<PlanError>,
) -> PypiSettings {
    let options = recipe.pypi_options.on(platform);
    let indexes: Vec<&Located<String>> = options
        .iter()
        .filter_map(|options| options.index_url.as_ref())
        .collect();
    let values = indexes.iter().map(|index| shown(index));
    conflict("index-url", platform, values, errors);
    let mut settings = PypiSettings {
        index_url: indexes.first().map(|index| index.value.clone()),
        allow_two_cuda_runtimes: options.iter().any(|one| one.allow_two_cuda_runtimes),
        ..PypiSettings::default()
    };
    let mut packages: BTreeMap<&str, Vec<&Located<String>>> = BTreeMap::new();
    for one in options {
        for url in one.extra_index_urls.on(platform) {
            add(&mut settings.extra_index_urls, url);
        }
        for name in one.build_from_source.on(platform) {
            add(&mut settings.build_from_source, name);
        }
        for place in one.find_links.on(platform) {
            add(&mut settings.find_links, place);
        }
        for package in one.package_indexes.on(platform).into_iter().flatten() {
            packages
                .entry(&package.name)
                .or_default()
                .push(&package.url);
        }
    }
    for (name, urls) in packages {
        conflict(name, platform, urls.iter().map(|url| shown(url)), errors);
        let url = urls.first().map(|url| url.value.clone());
        settings
            .package_indexes
            .extend(url.map(|url| (name.to_string(), url)));
    }
    settings
}

/// The same place can stand behind two conditions.
fn add(places: &mut Vec<String>, place: &Located<String>) {
    if !places.contains(&place.value) {
        places.push(place.value.clone());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::plan;

    fn decided(options: &str, platform: Subdir) -> Result<PypiSettings, Vec<String>> {
        let text = format!(
            "schema: 1\nname: x\nchannels: [c]\nplatforms: [linux-64, win-64]\ngpu: none\n\
             dependencies: [python]\npypi-dependencies: [Torch, numpy]\npypi-options:\n{options}"
        );
        let recipe = crate::recipe::parse("x.yaml", &text).unwrap();
        let told = |errors: Vec<crate::Diagnostic>| errors.into_iter().map(|e| e.message).collect();
        plan(&recipe, platform).map(|plan| plan.pypi).map_err(told)
    }

    const OPTIONS: &str = "  - { find-links: [./w], package-indexes: { torch: \"https://a.example\" } }\n  \
                           - if: win\n    then: { index-url: \"https://b.example\" }\n    \
                           else: { extra-index-urls: [{ if: linux, then: https://c.example }, https://c.example] }\n";

    #[test]
    fn conditions_decide_around_and_inside_of_the_options() {
        let linux = decided(OPTIONS, Subdir::Linux64).unwrap();
        assert_eq!(linux.index_url, None);
        assert_eq!(linux.extra_index_urls, ["https://c.example"]);
        assert_eq!(linux.find_links, ["./w"]);
        assert_eq!(linux.package_indexes["torch"], "https://a.example");
        let windows = decided(OPTIONS, Subdir::Win64).unwrap();
        assert_eq!(windows.index_url.as_deref(), Some("https://b.example"));
        assert!(windows.extra_index_urls.is_empty());
        assert!(linux.names_places() && !PypiSettings::default().names_places());
    }

    #[test]
    fn two_indexes_for_one_thing_are_a_conflict() {
        let two = format!("{OPTIONS}  - {{ index-url: \"https://d.example\" }}\n");
        assert!(decided(&two, Subdir::Linux64).is_ok());
        assert_eq!(
            decided(&two, Subdir::Win64).unwrap_err(),
            ["`index-url` is both `https://b.example` and `https://d.example` on `win-64`"]
        );
    }
}
