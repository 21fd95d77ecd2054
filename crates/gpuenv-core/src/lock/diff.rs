//! What changed between two locks, package by package.

use std::{collections::BTreeMap, fmt};

use serde::Serialize;

use crate::{
    lock::{Lock, PlatformLock},
    solution,
};

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
        let files = |lock: Option<&Lock>| -> Files {
            let locked = lock.and_then(|lock| lock.platforms.get(name));
            locked.map(files).unwrap_or_default()
        };
        let found = compare(&files(old), &files(Some(new)));
        if !found.is_empty() {
            changes.insert(name.clone(), found);
        }
    }
    changes
}

/// What is locked, by name: how it is called, and the file that it is.
type Files = BTreeMap<String, (String, String)>;

fn files(locked: &PlatformLock) -> Files {
    let packages = locked.records.iter().map(|record| {
        let name = record.package_record.name.as_normalized();
        let file = (solution::label(record), record.url.to_string());
        (name.to_string(), file)
    });
    let wheels = locked.wheels.iter().map(|wheel| {
        let file = (format!("{} (wheel)", wheel.label()), wheel.url.to_string());
        (wheel.name.clone(), file)
    });
    packages.chain(wheels).collect()
}

fn compare(old: &Files, new: &Files) -> Vec<PackageChange> {
    let mut names: Vec<&String> = old.keys().chain(new.keys()).collect();
    names.sort();
    names.dedup();
    let change = |name: &String| match (old.get(name).cloned(), new.get(name).cloned()) {
        (None, Some((to, _))) => Some(PackageChange::Added { to }),
        (Some((from, _)), None) => Some(PackageChange::Removed { from }),
        (Some((from, old)), Some((to, new))) if old != new => {
            Some(PackageChange::Changed { from, to })
        }
        _ => None,
    };
    names.into_iter().filter_map(change).collect()
}
