//! How two channels differ in what they have of a package.

use std::{collections::BTreeMap, fmt};

use rattler_conda_types::RepoDataRecord;
use serde::Serialize;

use super::Hit;

/// How a build of one channel stands to the same build of the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Compared {
    /// The very same file.
    Identical,
    /// Another file under the same version and build.
    Different,
    /// Packed in another way, so nobody can tell from the index.
    OtherArchive,
    /// Both are there, and their records have no hash in common.
    Unknown,
    /// Only the first channel has it.
    OnlyFirst,
    /// Only the second channel has it.
    OnlySecond,
}

impl Compared {
    /// Returns whether both channels have the build.
    pub fn in_both(self) -> bool {
        !matches!(self, Compared::OnlyFirst | Compared::OnlySecond)
    }
}

impl fmt::Display for Compared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Compared::Identical => "identical",
            Compared::Different => "different",
            Compared::OtherArchive => "other archive",
            Compared::Unknown => "no hash to compare",
            Compared::OnlyFirst => "only in the first",
            Compared::OnlySecond => "only in the second",
        })
    }
}

/// One build, in one channel or in both.
#[derive(Debug, Clone)]
pub struct Comparison {
    /// The build; of the first channel where both have it.
    pub hit: Hit,
    /// How the two stand to each other.
    pub compared: Compared,
    /// The file of the second channel, where both have the build.
    pub other: Option<RepoDataRecord>,
}

/// Compares what two channels have: `hits` are of rank 0 and 1, and stay in order.
///
/// A build is the same by name, version, build string and platform.
pub fn compare(hits: Vec<Hit>) -> Vec<Comparison> {
    type Key = (String, String, String, String);
    let key = |hit: &Hit| -> Key {
        let package = &hit.record.package_record;
        (
            package.name.as_normalized().to_string(),
            package.version.to_string(),
            package.build.as_str().to_string(),
            package.subdir.clone(),
        )
    };
    let mut rows: Vec<Comparison> = Vec::new();
    let mut seen: BTreeMap<Key, usize> = BTreeMap::new();
    for hit in hits {
        let key = key(&hit);
        match seen.get(&key).copied() {
            Some(index) if rows[index].hit.rank != hit.rank && rows[index].other.is_none() => {
                let row = &mut rows[index];
                row.compared = files(&row.hit.record, &hit.record);
                row.other = Some(match row.hit.rank {
                    0 => hit.record,
                    _ => std::mem::replace(&mut row.hit, hit).record,
                });
            }
            // A channel that has a build twice, in two archives, has it once.
            Some(_) => {}
            None => {
                seen.insert(key, rows.len());
                rows.push(Comparison {
                    compared: match hit.rank {
                        0 => Compared::OnlyFirst,
                        _ => Compared::OnlySecond,
                    },
                    hit,
                    other: None,
                });
            }
        }
    }
    rows
}

fn files(a: &RepoDataRecord, b: &RepoDataRecord) -> Compared {
    let (one, other) = (&a.package_record, &b.package_record);
    let same_sha256 = one.sha256.zip(other.sha256).map(|(a, b)| a == b);
    let same_md5 = one.md5.zip(other.md5).map(|(a, b)| a == b);
    match same_sha256.or(same_md5) {
        Some(true) => Compared::Identical,
        _ if a.identifier.archive_type != b.identifier.archive_type => Compared::OtherArchive,
        Some(false) => Compared::Different,
        None => Compared::Unknown,
    }
}
