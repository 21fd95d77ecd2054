//! Which distributions of PyPI a set of conda packages already holds.

use std::{collections::BTreeMap, sync::LazyLock};

use rattler_conda_types::RepoDataRecord;
use serde::Deserialize;

use super::normalized;
use crate::solution;

/// The shipped table.
const TABLE: &str = include_str!("../../../../recipes/facts/pypi_names.yaml");

static NAMES: LazyLock<BTreeMap<String, Vec<String>>> = LazyLock::new(|| {
    let table: Table = serde_saphyr::from_str(TABLE).expect("a test reads the shipped table");
    table.names
});

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    #[expect(dead_code, reason = "checked to be there, by its being read")]
    schema: u32,
    #[expect(dead_code, reason = "checked to be there, by its being read")]
    date: String,
    #[expect(dead_code, reason = "checked to be there, by its being read")]
    source: String,
    names: BTreeMap<String, Vec<String>>,
}

/// A distribution that comes with a conda package.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Provided {
    /// Its version, normalised; `None` where conda's is none that PyPI could have.
    pub version: Option<String>,
    /// The conda package, as `name version build`.
    pub package: String,
}

/// Returns the distributions that conda packages hold, by normalised name.
///
/// A package that depends on Python holds the distribution of its own name,
/// unless the table of names says otherwise.
pub fn provided(records: &[RepoDataRecord]) -> BTreeMap<String, Provided> {
    let mut provided = BTreeMap::new();
    for record in records {
        let package = &record.package_record;
        let name = package.name.as_normalized();
        let needs = package.depends.iter().map(String::as_str);
        let names = distributions(name, needs);
        let version = package.version.as_str();
        let version: Option<pep508_rs::pep440_rs::Version> = version.parse().ok();
        for name in names {
            let one = Provided {
                version: version.as_ref().map(ToString::to_string),
                package: solution::label(record),
            };
            provided.insert(name, one);
        }
    }
    provided
}

/// Returns the distributions that a conda package of this name holds; `needs` is
/// what it depends on.
pub fn distributions<'t>(name: &str, mut needs: impl Iterator<Item = &'t str>) -> Vec<String> {
    let is_python = |text: &str| matches!(solution::name_of(text), "python" | "python_abi");
    match NAMES.get(name) {
        Some(names) => names.clone(),
        None if needs.any(is_python) => normalized(name).into_iter().collect(),
        None => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::solution::tests::record;

    #[test]
    fn the_table_holds_normal_names_only() {
        for (conda, names) in &*NAMES {
            assert_eq!(conda, &conda.to_lowercase());
            for name in names {
                assert_eq!(normalized(name).as_ref(), Some(name), "{conda}");
            }
        }
        assert!(NAMES.len() > 20);
    }

    #[test]
    fn a_package_of_python_holds_the_distribution_of_its_name() {
        let records = [
            record("python", "3.10.14", &["zlib"]),
            record("zlib", "1.3", &[]),
            record("absl-py", "2.1.0", &["python >=3.8"]),
            record("numpy", "1.26.4", &["python_abi 3.10.* *_cp310"]),
            record("pytorch", "2.6.0", &["python"]),
            record("pytorch-gpu", "2.6.0", &["pytorch 2.6.0 cuda*"]),
            record("flatbuffers", "25.1", &["libstdcxx"]),
        ];
        let found = provided(&records);
        let names: Vec<&str> = found.keys().map(String::as_str).collect();
        assert_eq!(names, ["absl-py", "numpy", "torch"]);
        assert_eq!(found["numpy"].version.as_deref(), Some("1.26.4"));
        assert_eq!(found["torch"].package, "pytorch 2.6.0 0");
    }
}
