//! What an environment lacks to be what its lock says.
//!
//! The comparison is the installer's own, so that what is fetched beforehand is
//! exactly what it is going to link.

use std::collections::{BTreeMap, BTreeSet};

use rattler_conda_types::{PackageRecord, RepoDataRecord};

/// What to do to an environment.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Changes {
    /// Packages to link.
    pub add: Vec<RepoDataRecord>,
    /// Packages to replace by others of the same name.
    pub change: Vec<Change>,
    /// Packages to link again: the same ones, for another Python.
    pub relink: Vec<Change>,
    /// Packages to unlink.
    pub remove: Vec<RepoDataRecord>,
    /// Packages that stay as they are.
    pub keep: Vec<RepoDataRecord>,
}

/// A package and what replaces it.
#[derive(Debug, Clone, PartialEq)]
pub struct Change {
    /// What is installed.
    pub old: RepoDataRecord,
    /// What the lock says.
    pub new: RepoDataRecord,
}

/// Returns what turns the installed packages into the locked ones.
///
/// Names are unique on both sides: a lock is checked for it, and of two
/// installed packages of one name the second one is removed.
pub fn diff(locked: &[RepoDataRecord], installed: &[RepoDataRecord]) -> Changes {
    let mut changes = Changes::default();
    let wanted: BTreeSet<&str> = locked.iter().map(name).collect();
    let mut present: BTreeMap<&str, &RepoDataRecord> = BTreeMap::new();
    for record in installed {
        if !wanted.contains(name(record)) || present.contains_key(name(record)) {
            changes.remove.push(record.clone());
        } else {
            present.insert(name(record), record);
        }
    }
    let other_python = matches!(
        (python(locked), python(installed)),
        (Some(new), Some(old)) if new != old
    );
    for record in locked {
        let Some(old) = present.remove(name(record)) else {
            changes.add.push(record.clone());
            continue;
        };
        let change = || Change {
            old: old.clone(),
            new: record.clone(),
        };
        if !same_content(&record.package_record, &old.package_record) {
            changes.change.push(change());
        } else if other_python && old.package_record.noarch.is_python() {
            changes.relink.push(change());
        } else {
            changes.keep.push(old.clone());
        }
    }
    changes
}

/// Returns the packages that are installed after the changes, by name.
pub fn apply(changes: &Changes) -> Vec<RepoDataRecord> {
    let replaced = changes.change.iter().chain(&changes.relink);
    let mut records: Vec<RepoDataRecord> = changes
        .add
        .iter()
        .chain(replaced.map(|change| &change.new))
        .chain(&changes.keep)
        .cloned()
        .collect();
    records.sort_by(|a, b| a.package_record.name.cmp(&b.package_record.name));
    records
}

fn name(record: &RepoDataRecord) -> &str {
    record.package_record.name.as_normalized()
}

/// Returns what decides where the Python among the packages keeps its modules.
fn python(records: &[RepoDataRecord]) -> Option<Python<'_>> {
    let python = &records.iter().find(|record| name(record) == "python")?;
    let package = &python.package_record;
    Some(Python {
        version: package.version.as_major_minor(),
        modules: package.python_site_packages_path.as_deref(),
    })
}

#[derive(PartialEq)]
struct Python<'a> {
    version: Option<(u64, u64)>,
    modules: Option<&'a str>,
}

/// Returns whether two records describe the same archive: the strongest thing
/// that both know decides.
fn same_content(a: &PackageRecord, b: &PackageRecord) -> bool {
    if a.sha256.is_some() || b.sha256.is_some() {
        return a.sha256 == b.sha256;
    }
    if a.md5.is_some() || b.md5.is_some() {
        return a.md5 == b.md5;
    }
    let sizes_differ = matches!((a.size, b.size), (Some(a), Some(b)) if a != b);
    !sizes_differ && a.name == b.name && a.version == b.version && a.build == b.build
}

impl Changes {
    /// Returns whether nothing is to be done.
    pub fn is_empty(&self) -> bool {
        self.add.is_empty()
            && self.change.is_empty()
            && self.relink.is_empty()
            && self.remove.is_empty()
    }

    /// Returns the packages to link, which must be in the cache before.
    pub fn to_link(&self) -> impl Iterator<Item = &RepoDataRecord> {
        let replaced = self.change.iter().chain(&self.relink);
        self.add.iter().chain(replaced.map(|change| &change.new))
    }

    /// Returns the packages to unlink.
    pub fn to_unlink(&self) -> impl Iterator<Item = &RepoDataRecord> {
        let replaced = self.change.iter().chain(&self.relink);
        self.remove.iter().chain(replaced.map(|change| &change.old))
    }

    /// Turns everything that would stay into something to link again.
    pub fn relink_all(&mut self) {
        self.relink_where(|_| true);
    }

    /// Turns packages that would stay into something to link again.
    pub fn relink_where(&mut self, is_wanted: impl Fn(&str) -> bool) {
        let kept = std::mem::take(&mut self.keep).into_iter();
        let (again, kept) = kept.partition(|record| is_wanted(name(record)));
        self.keep = kept;
        let again: Vec<RepoDataRecord> = again;
        self.relink.extend(again.into_iter().map(|record| Change {
            old: record.clone(),
            new: record,
        }));
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rattler_conda_types::NoArchType;

    use super::*;
    use crate::solution::tests::record;

    fn hashed(name: &str, version: &str, hash: u8) -> RepoDataRecord {
        let mut record = record(name, version, &[]);
        record.package_record.sha256 = Some(rattler_digest::Sha256Hash::from([hash; 32]));
        record
    }

    fn noarch_python(name: &str) -> RepoDataRecord {
        let mut record = hashed(name, "1", 1);
        record.package_record.noarch = NoArchType::python();
        record
    }

    fn names<'a>(records: impl IntoIterator<Item = &'a RepoDataRecord>) -> Vec<&'a str> {
        let name = |record: &'a RepoDataRecord| record.package_record.name.as_normalized();
        records.into_iter().map(name).collect()
    }

    #[test]
    fn each_package_is_put_into_one_list() {
        let locked = [
            hashed("a", "1", 1),
            hashed("b", "2", 2),
            hashed("c", "1", 3),
        ];
        let installed = [
            hashed("b", "1", 9),
            hashed("c", "1", 3),
            hashed("d", "1", 4),
        ];
        let changes = diff(&locked, &installed);
        assert_eq!(names(&changes.add), ["a"]);
        assert_eq!(
            names(changes.change.iter().map(|change| &change.new)),
            ["b"]
        );
        assert_eq!(names(&changes.keep), ["c"]);
        assert_eq!(names(&changes.remove), ["d"]);
        assert_eq!(names(changes.to_link()), ["a", "b"]);
        assert_eq!(names(changes.to_unlink()), ["d", "b"]);
    }

    #[test]
    fn a_rebuilt_package_of_the_same_name_is_another_one() {
        let changes = diff(&[hashed("a", "1", 1)], &[hashed("a", "1", 2)]);
        assert_eq!(changes.change.len(), 1);
        // A hash on one side only proves nothing.
        let changes = diff(&[hashed("a", "1", 1)], &[record("a", "1", &[])]);
        assert_eq!(changes.change.len(), 1);
    }

    #[test]
    fn another_python_relinks_what_depends_on_its_directory() {
        let locked = [
            hashed("python", "3.11.2", 1),
            noarch_python("pure"),
            hashed("zlib", "1", 3),
        ];
        let installed = [
            hashed("python", "3.10.9", 2),
            noarch_python("pure"),
            hashed("zlib", "1", 3),
        ];
        let changes = diff(&locked, &installed);
        assert_eq!(
            names(changes.relink.iter().map(|change| &change.new)),
            ["pure"]
        );
        assert_eq!(names(&changes.keep), ["zlib"]);
    }

    #[test]
    fn relinking_all_keeps_the_same_packages() {
        let records = [hashed("a", "1", 1), hashed("b", "1", 2)];
        let mut changes = diff(&records, &records);
        assert!(changes.is_empty());
        changes.relink_where(|name| name == "b");
        assert_eq!(names(changes.to_link()), ["b"]);
        assert_eq!(names(&changes.keep), ["a"]);
        changes.relink_all();
        assert_eq!(names(changes.to_link()), ["b", "a"]);
        assert_eq!(apply(&changes), records);
    }

    fn any_records() -> impl Strategy<Value = Vec<RepoDataRecord>> {
        let one = (
            0..6usize,
            1..4u8,
            proptest::option::of(1..3u8),
            any::<bool>(),
        );
        proptest::collection::vec(one, 0..8).prop_map(|parts| {
            let names = ["a", "b", "c", "d", "python", "e"];
            let make = |(name, version, hash, noarch): (usize, u8, Option<u8>, bool)| {
                let mut record = record(names[name], &format!("3.{version}"), &[]);
                // Two archives of one hash are one archive.
                record.package_record.sha256 = hash.map(|hash| [version * 8 + hash; 32].into());
                if noarch {
                    record.package_record.noarch = NoArchType::python();
                }
                record
            };
            parts.into_iter().map(make).collect()
        })
    }

    fn unique(records: Vec<RepoDataRecord>) -> Vec<RepoDataRecord> {
        let mut seen = std::collections::BTreeSet::new();
        let new = |record: &RepoDataRecord| seen.insert(record.package_record.name.clone());
        records.into_iter().filter(new).collect()
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]
        #[test]
        fn nothing_is_left_after_the_changes(locked in any_records(), installed in any_records()) {
            let locked = unique(locked);
            let changes = diff(&locked, &installed);
            let after = apply(&changes);
            prop_assert!(diff(&locked, &after).is_empty());
            prop_assert_eq!(after.len(), locked.len());
            let linked_or_kept = changes.to_link().count() + changes.keep.len();
            prop_assert_eq!(linked_or_kept, locked.len());
        }
    }
}
