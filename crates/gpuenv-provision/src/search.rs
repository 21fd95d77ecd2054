//! Reads the records that a search is about, and no more of a channel than that.

use std::sync::Arc;

use gpuenv_core::Reporter;
use rattler_conda_types::{PackageNameMatcher, RepoDataRecord, Subdir};

use crate::{
    Access, IndexError, client,
    index::{Channels, Index},
};

/// What channels have under a name.
#[derive(Debug, Clone, Default)]
pub struct Found {
    /// The records as a lock would name them, with the rank of their channel.
    pub records: Vec<(usize, RepoDataRecord)>,
    /// Every name of the channels, where there is no record.
    pub known: Vec<String>,
}

/// Reads every record whose name matches, strongest channel first.
///
/// # Errors
///
/// GE302, GE303, GE304 or GE309 for the first channel that cannot be read.
pub async fn search(
    channels: &[String],
    platform: Subdir,
    name: &PackageNameMatcher,
    access: &Access,
    reporter: Arc<dyn Reporter>,
) -> Result<Found, IndexError> {
    let client = client::client(access).map_err(IndexError::Credentials)?;
    let reader = Channels::new(access, client, reporter);
    let index = reader.find(channels, platform, name).await?;
    let records = ranked(&index);
    let known = match records.is_empty() {
        true => reader.names(channels, platform).await,
        false => Vec::new(),
    };
    let known = known.iter().map(|name| name.as_normalized().to_string());
    Ok(Found {
        records,
        known: known.collect(),
    })
}

fn ranked(index: &Index) -> Vec<(usize, RepoDataRecord)> {
    let rank = |record: &RepoDataRecord| {
        let place = index.place(record)?;
        let mut places = index.places.iter();
        places.position(|other| other.canonical == place.canonical)
    };
    let records = index.records();
    records
        .map(|record| (rank(record).unwrap_or(usize::MAX), index.canonical(record)))
        .collect()
}
