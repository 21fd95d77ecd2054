//! What a search finds: which records match, in which order, and how two channels differ.
//!
//! Which channels are read, and how, is not known here.

mod compare;
mod cuda;
mod error;
mod wanted;

#[cfg(test)]
mod tests;

use std::cmp::Ordering;

use rattler_conda_types::{Matches, RepoDataRecord};
use serde_json::{Value, json};

pub use compare::{Compared, Comparison, compare};
pub use cuda::{CudaAsked, MadeFor, made_for};
pub use error::{SearchError, nothing};
pub use wanted::{Wanted, channels, wanted};

use crate::{builds::Rules, channel};

/// A record that a search found.
#[derive(Debug, Clone)]
pub struct Hit {
    /// The record, with the canonical URL of its channel.
    pub record: RepoDataRecord,
    /// Which CUDA it was built for.
    pub made_for: MadeFor,
    /// Which channel it is from, counted from the strongest.
    pub rank: usize,
}

impl Hit {
    /// Returns the name of the record's channel.
    pub fn channel(&self) -> &str {
        channel::short_name(self.record.channel.as_deref().unwrap_or_default())
    }

    /// Returns the facts of the record.
    pub fn facts(&self) -> Value {
        let package = &self.record.package_record;
        let milliseconds = |time: &rattler_conda_types::utils::TimestampMs| time.timestamp_millis();
        json!({
            "name": package.name.as_normalized(),
            "version": package.version.to_string(),
            "build": package.build.as_str(),
            "build_number": package.build_number,
            "channel": self.channel(),
            "subdir": package.subdir,
            "url": self.record.url,
            "size": package.size,
            "sha256": package.sha256.map(hex::encode),
            "md5": package.md5.map(hex::encode),
            "timestamp": package.timestamp.as_ref().map(milliseconds),
            "license": package.license,
            "depends": package.depends,
            "constrains": package.constrains,
            "cuda": self.made_for.facts(),
        })
    }
}

/// Returns the records that match, oldest first, as `conda search` sorts them.
///
/// `ranked` are canonical records with the rank of their channel.
pub fn hits(
    ranked: impl IntoIterator<Item = (usize, RepoDataRecord)>,
    wanted: &Wanted,
    asked: Option<&CudaAsked>,
    rules: &Rules<'_>,
) -> Vec<Hit> {
    let matching = ranked
        .into_iter()
        .filter(|(_, record)| wanted.spec.matches(record));
    let hits = matching.map(|(rank, record)| Hit {
        made_for: made_for(&record, rules),
        record,
        rank,
    });
    let mut hits: Vec<Hit> = hits
        .filter(|hit| asked.is_none_or(|asked| asked.fits(&hit.made_for)))
        .collect();
    hits.sort_by(order);
    hits
}

fn order(a: &Hit, b: &Hit) -> Ordering {
    let (one, other) = (&a.record.package_record, &b.record.package_record);
    one.name
        .cmp(&other.name)
        .then_with(|| one.version.cmp(&other.version))
        .then_with(|| one.build_number.cmp(&other.build_number))
        // The strongest channel stands last, beside what is newest.
        .then_with(|| b.rank.cmp(&a.rank))
        .then_with(|| one.build.as_str().cmp(other.build.as_str()))
        .then_with(|| a.record.url.as_str().cmp(b.record.url.as_str()))
}
