//! What changed between two locks, package by package.

use std::{collections::BTreeMap, fmt};

use rattler_conda_types::RepoDataRecord;
use serde::Serialize;

use crate::{lock::Lock, solution};

/// What changed for one package on one platform.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase", tag = "kind")]
pub enum PackageChange {
    /// It was not there before.
    Added {
        /// The new package, as `name version build`.
        to: String,
    },
    /// It is no longer there.
    Removed {
        /// The old package.
        from: String,
    },
    /// It is another file now.
    Changed {
        /// The old package.
        from: String,
        /// The new package.
        to: String,
    },
}

impl fmt::Display for PackageChange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            PackageChange::Added { to } => write!(f, "+ {to}"),
            PackageChange::Removed { from } => write!(f, "- {from}"),
            PackageChange::Changed { from, to } => write!(f, "~ {from} → {to}"),
        }
    }
}

/// Returns what changed, by platform, packages by name; platforms without a
/// change are left out.
pub fn changes(old: Option<&Lock>, new: &Lock) -> BTreeMap<String, Vec<PackageChange>> {
    let names = new.platforms.keys();
    let names = names.chain(old.into_iter().flat_map(|old| old.platforms.keys()));
    let mut changes = BTreeMap::new();
    for name in names {
        let records = |lock: Option<&Lock>| -> BTreeMap<String, RepoDataRecord> {
            let locked = lock.and_then(|lock| lock.platforms.get(name));
            let records = locked.map_or(&[][..], |locked| &locked.records);
            let by_name = records.iter().map(|record| {
                let name = record.package_record.name.as_normalized();
                (name.to_string(), record.clone())
            });
            by_name.collect()
        };
        let found = compare(&records(old), &records(Some(new)));
        if !found.is_empty() {
            changes.insert(name.clone(), found);
        }
    }
    changes
}

fn compare(
    old: &BTreeMap<String, RepoDataRecord>,
    new: &BTreeMap<String, RepoDataRecord>,
) -> Vec<PackageChange> {
    let mut names: Vec<&String> = old.keys().chain(new.keys()).collect();
    names.sort();
    names.dedup();
    let change = |name: &String| match (old.get(name), new.get(name)) {
        (None, Some(to)) => Some(PackageChange::Added {
            to: solution::label(to),
        }),
        (Some(from), None) => Some(PackageChange::Removed {
            from: solution::label(from),
        }),
        (Some(from), Some(to)) if from.url != to.url => Some(PackageChange::Changed {
            from: solution::label(from),
            to: solution::label(to),
        }),
        _ => None,
    };
    names.into_iter().filter_map(change).collect()
}
