//! How two locks differ: packages with all that is known of them, and what was asked for.

use std::{cmp::Ordering, collections::BTreeMap};

use serde::Serialize;

use crate::{
    channel,
    lock::{Lock, PlatformLock},
    wheels,
};

/// A package of one side.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Entry {
    /// Its version.
    pub version: String,
    /// Its build string; none for a wheel.
    pub build: Option<String>,
    /// The short name of its channel.
    pub channel: String,
    /// Its size in bytes, where that is known.
    pub size: Option<u64>,
    /// The file that it is.
    pub url: String,
    /// The hash of the file.
    pub sha256: Option<String>,
}

/// What happened to a package.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// Only the second side has it.
    Added,
    /// Only the first side has it.
    Removed,
    /// The second side has a newer version.
    Newer,
    /// The second side has an older version.
    Older,
    /// The same version, built another time or by another channel.
    Rebuilt,
    /// The same version and build, and another file.
    Replaced,
}

/// A package that is not the same on both sides.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Change {
    /// Its name.
    pub name: String,
    /// Whether it is a wheel.
    pub wheel: bool,
    /// What happened.
    pub kind: Kind,
    /// What the first side has.
    pub from: Option<Entry>,
    /// What the second side has.
    pub to: Option<Entry>,
}

/// How two locks differ for one platform.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct PlatformComparison {
    /// Whether the first side covers the platform.
    pub in_first: bool,
    /// Whether the second side covers the platform.
    pub in_second: bool,
    /// The packages, by name.
    pub changes: Vec<Change>,
    /// How many packages are the same.
    pub same: usize,
    /// Bytes of all packages, as far as they are known: of the first side, of the second.
    pub bytes: (u64, u64),
    /// What only the first side was asked for.
    pub lines_removed: Vec<String>,
    /// What only the second side was asked for.
    pub lines_added: Vec<String>,
    /// Properties of the machine that only the first side was solved for.
    pub machine_removed: Vec<String>,
    /// Properties of the machine that only the second side was solved for.
    pub machine_added: Vec<String>,
}

impl PlatformComparison {
    /// Returns whether both sides are the same.
    pub fn is_same(&self) -> bool {
        self.in_first == self.in_second
            && self.changes.is_empty()
            && self.lines_removed.is_empty()
            && self.lines_added.is_empty()
            && self.machine_removed.is_empty()
            && self.machine_added.is_empty()
    }
}

/// A package by name; wheels are told from conda packages of the same name.
type Packages = BTreeMap<(String, bool), (Entry, Order)>;

/// What orders two versions of a package.
type Order = (Option<rattler_conda_types::Version>, u64);

/// Compares two locks, platform by platform.
///
/// What a lock of another tool does not say, what was asked for and which machine
/// it was solved for, is not compared.
pub fn compare(first: &Lock, second: &Lock) -> BTreeMap<String, PlatformComparison> {
    let names = first.platforms.keys().chain(second.platforms.keys());
    let compared = names.map(|name| (name.clone(), platform(name, first, second)));
    compared.collect()
}

fn platform(name: &str, first: &Lock, second: &Lock) -> PlatformComparison {
    let sides = [first, second].map(|lock| lock.platforms.get(name));
    let [old, new] = sides.map(|locked| locked.map(packages).unwrap_or_default());
    let bytes = |packages: &Packages| packages.values().filter_map(|(entry, _)| entry.size).sum();
    let mut compared = PlatformComparison {
        in_first: sides[0].is_some(),
        in_second: sides[1].is_some(),
        bytes: (bytes(&old), bytes(&new)),
        ..PlatformComparison::default()
    };
    let mut names: Vec<&(String, bool)> = old.keys().chain(new.keys()).collect();
    names.sort();
    names.dedup();
    for key in names {
        match change(key, old.get(key), new.get(key)) {
            Some(change) => compared.changes.push(change),
            None => compared.same += 1,
        }
    }
    if let [Some(old), Some(new)] = sides {
        let lines = [first, second].map(|lock| lines(lock, name));
        if let [Some(old), Some(new)] = &lines {
            (compared.lines_removed, compared.lines_added) = only(old, new);
        }
        let (old, new) = (&old.virtual_packages, &new.virtual_packages);
        if !old.is_empty() && !new.is_empty() {
            (compared.machine_removed, compared.machine_added) = only(old, new);
        }
    }
    compared
}

fn packages(locked: &PlatformLock) -> Packages {
    let conda = locked.records.iter().map(|record| {
        let package = &record.package_record;
        let channel = record.channel.as_deref().unwrap_or_default();
        let entry = Entry {
            version: package.version.to_string(),
            build: Some(package.build.to_string()),
            channel: channel::short_name(channel).to_string(),
            size: package.size,
            url: record.url.to_string(),
            sha256: package.sha256.map(hex::encode),
        };
        let order = (
            Some(package.version.version().clone()),
            package.build_number,
        );
        (
            (package.name.as_normalized().to_string(), false),
            (entry, order),
        )
    });
    let wheels = locked.wheels.iter().map(|wheel| {
        let entry = Entry {
            version: wheel.version.clone(),
            build: None,
            channel: wheels::CHANNEL.to_string(),
            size: wheel.size,
            url: wheel.url.to_string(),
            sha256: Some(hex::encode(wheel.sha256)),
        };
        let order = (wheel.version.parse().ok(), 0);
        ((wheel.name.clone(), true), (entry, order))
    });
    conda.chain(wheels).collect()
}

fn change(
    (name, wheel): &(String, bool),
    old: Option<&(Entry, Order)>,
    new: Option<&(Entry, Order)>,
) -> Option<Change> {
    let kind = match (old, new) {
        (None, None) => return None,
        (None, Some(_)) => Kind::Added,
        (Some(_), None) => Kind::Removed,
        (Some((old, was)), Some((new, is))) => kind(old, was, new, is)?,
    };
    Some(Change {
        name: name.clone(),
        wheel: *wheel,
        kind,
        from: old.map(|(entry, _)| entry.clone()),
        to: new.map(|(entry, _)| entry.clone()),
    })
}

fn kind(old: &Entry, was: &Order, new: &Entry, is: &Order) -> Option<Kind> {
    let same_hash = old.sha256.is_some() && old.sha256 == new.sha256;
    if same_hash || old.url == new.url && (old.sha256.is_none() || new.sha256.is_none()) {
        return None;
    }
    Some(match is.0.cmp(&was.0) {
        Ordering::Greater => Kind::Newer,
        Ordering::Less => Kind::Older,
        Ordering::Equal if old.build != new.build || old.channel != new.channel => Kind::Rebuilt,
        Ordering::Equal => Kind::Replaced,
    })
}

/// Returns what a platform was asked to hold, where the lock says it.
fn lines(lock: &Lock, platform: &str) -> Option<Vec<String>> {
    let settings = lock.settings.as_ref()?.platforms.get(platform)?;
    let conda = settings.dependencies.iter();
    Some(conda.chain(&settings.pypi_dependencies).cloned().collect())
}

fn only(old: &[String], new: &[String]) -> (Vec<String>, Vec<String>) {
    let without = |these: &[String], others: &[String]| -> Vec<String> {
        let these = these.iter().filter(|text| !others.contains(text));
        these.cloned().collect()
    };
    (without(old, new), without(new, old))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::solution::tests::record;

    fn lock(records: &[(&str, &str, &str, u8)], machine: &[&str]) -> Lock {
        let records = records.iter().map(|(name, version, build, hash)| {
            let mut record = record(name, version, &[]);
            record.package_record.build = build.parse().expect("a build string");
            record.package_record.sha256 = Some([*hash; 32].into());
            record.package_record.size = Some(1000);
            record
        });
        let locked = PlatformLock {
            subdir: rattler_conda_types::Subdir::Linux64,
            virtual_packages: machine.iter().map(|text| (*text).to_string()).collect(),
            records: records.collect(),
            wheels: Vec::new(),
        };
        Lock {
            settings: None,
            channels: Vec::new(),
            platforms: [("linux-64".to_string(), locked)].into(),
        }
    }

    #[test]
    fn what_happened_to_a_package_is_told_by_kind() {
        let old = [
            ("gone", "1.0", "h0_0", 1),
            ("lower", "2.10", "h0_0", 1),
            ("higher", "2.9", "h0_0", 1),
            ("rebuilt", "1.0", "h0_0", 1),
            ("replaced", "1.0", "h0_0", 1),
            ("same", "1.0", "h0_0", 1),
        ];
        let new = [
            ("added", "1.0", "h0_0", 1),
            ("lower", "2.9", "h0_0", 2),
            ("higher", "2.10", "h0_0", 2),
            ("rebuilt", "1.0", "h1_1", 2),
            ("replaced", "1.0", "h0_0", 2),
            ("same", "1.0", "h0_0", 1),
        ];
        let compared = compare(&lock(&old, &["__cuda=12.4"]), &lock(&new, &["__cuda=12.9"]));
        let compared = &compared["linux-64"];
        let kinds: Vec<String> = compared
            .changes
            .iter()
            .map(|change| format!("{} {:?}", change.name, change.kind))
            .collect();
        assert_eq!(
            kinds,
            [
                "added Added",
                "gone Removed",
                "higher Newer",
                "lower Older",
                "rebuilt Rebuilt",
                "replaced Replaced"
            ]
        );
        assert_eq!((compared.same, compared.bytes), (1, (6000, 6000)));
        assert_eq!(compared.machine_added, ["__cuda=12.9"]);
        assert!(!compared.is_same());
        let same = compare(&lock(&old, &["__cuda=12.4"]), &lock(&old, &[]));
        assert!(
            same["linux-64"].is_same(),
            "what only one of them says is no difference"
        );
    }

    #[test]
    fn a_platform_of_one_side_only_is_a_difference() {
        let first = lock(&[("a", "1", "0", 1)], &[]);
        let mut second = first.clone();
        second
            .platforms
            .insert("win-64".to_string(), first.platforms["linux-64"].clone());
        let compared = compare(&first, &second);
        assert!(compared["linux-64"].is_same());
        assert!(!compared["win-64"].is_same());
        assert!(compared["win-64"].in_second && !compared["win-64"].in_first);
    }
}
