//! Reads channels: from plans to the records that a solve may choose from.
//!
//! Only package names are asked for, never whole specs. The gateway drops
//! records that do not match the specs it is given, and a channel whose records
//! are all dropped no longer shadows a weaker one: strict channel priority would
//! silently stop being strict.

use std::{collections::HashMap, sync::Arc};

use futures::future::try_join_all;
use gpuenv_core::{Event, Plan, Reporter, channel, cuda_version};
use rattler_conda_types::{
    Channel, ChannelUrl, MatchSpec, PackageName, PackageNameMatcher, RepoDataRecord, Subdir,
};
use rattler_networking::LazyClient;
use rattler_repodata_gateway::{
    CacheClearMode, ChannelConfig, DownloadReporter, Gateway, GatewayError, RepoData, SourceConfig,
    SubdirSelection, fetch::CacheAction,
};
use url::Url;

use crate::{
    Access,
    index_error::{self, IndexError},
    unzstd::{self, UnpackError},
};

/// What the channels hold for one plan.
pub struct Index {
    /// The records, a bucket per channel and subdir, strongest channel first.
    ///
    /// Within a bucket they are sorted: the gateway gives them in the order of
    /// arrival, and a solver may take the first of two equals.
    pub buckets: Vec<Vec<Arc<RepoDataRecord>>>,
    /// The channels, strongest first.
    pub places: Vec<ChannelPlace>,
    /// What records constrain in their channel's own words, by URL, where the records
    /// above say more.
    in_their_words: HashMap<Url, Vec<String>>,
}

/// A channel, where it is named and where it is read.
#[derive(Debug, Clone)]
pub struct ChannelPlace {
    /// The canonical URL.
    pub canonical: Url,
    /// The URL that is read.
    pub fetched: Url,
    /// What records of it name as their channel: the URL that is read, without
    /// credentials.
    pub(crate) recorded: String,
}

impl ChannelPlace {
    fn new(canonical: Url, fetched: Url) -> Self {
        let recorded = channel_at(&fetched).canonical_name();
        Self {
            canonical,
            fetched,
            recorded,
        }
    }

    /// Returns the name that users know the channel by.
    pub fn short_name(&self) -> &str {
        channel::short_name(self.canonical.as_str())
    }
}

impl Index {
    fn new(buckets: &[RepoData], places: Vec<ChannelPlace>) -> Self {
        let mut in_their_words = HashMap::new();
        let sorted = buckets.iter().map(|bucket| {
            let records = bucket.iter_arc().map(without_index_time);
            let mut records: Vec<_> = records
                .map(|record| with_unsaid(record, &mut in_their_words))
                .collect();
            records.sort_unstable_by(|a, b| a.url.as_str().cmp(b.url.as_str()));
            records
        });
        Self {
            buckets: sorted.collect(),
            places,
            in_their_words,
        }
    }

    /// Returns every record, those of the strongest channel first.
    pub fn records(&self) -> impl Iterator<Item = &RepoDataRecord> {
        self.buckets.iter().flatten().map(Arc::as_ref)
    }

    /// Returns the channel that a record of this index comes from.
    pub fn place(&self, record: &RepoDataRecord) -> Option<&ChannelPlace> {
        let channel = record.channel.as_deref()?;
        self.places.iter().find(|place| place.recorded == channel)
    }

    /// Returns the record as a lock names it: with the channel's canonical URL, and
    /// saying what the channel says.
    pub fn canonical(&self, record: &RepoDataRecord) -> RepoDataRecord {
        let mut record = record.clone();
        if let Some(constrains) = self.in_their_words.get(&record.url) {
            record.package_record.constrains.clone_from(constrains);
        }
        if let Some(place) = self.place(&record)
            && let Some(rest) = record.url.as_str().strip_prefix(place.fetched.as_str())
            && let Ok(url) = Url::parse(&format!("{}{rest}", place.canonical))
        {
            record.url = url;
            record.channel = Some(place.canonical.to_string());
        }
        record
    }

    /// Returns where a record may be read that a lock names by this URL.
    pub(crate) fn fetched_urls(&self, canonical: &Url) -> impl Iterator<Item = String> {
        self.places.iter().filter_map(|place| {
            let rest = canonical.as_str().strip_prefix(place.canonical.as_str())?;
            Some(format!("{}{rest}", place.fetched))
        })
    }

    /// Returns the spec as it matches records: with the URL that is read.
    pub fn fetched(&self, spec: &MatchSpec) -> MatchSpec {
        let mut spec = spec.clone();
        let url = spec
            .url
            .as_ref()
            .and_then(|url| self.fetched_urls(url).next());
        if let Some(url) = url {
            spec.url = Url::parse(&url).ok();
        }
        if let Some(channel) = &spec.channel {
            let base = channel.base_url.as_str();
            let same = |place: &&ChannelPlace| {
                place.canonical.as_str().trim_end_matches('/') == base.trim_end_matches('/')
            };
            if let Some(place) = self.places.iter().find(same) {
                spec.channel = Some(Arc::new(channel_at(&place.fetched)));
            }
        }
        spec
    }
}

/// Returns the record without the time at which a server indexed it.
///
/// A mirror that was made today says today of every package. The time of the
/// build is the same everywhere, so only it decides what is too new.
fn without_index_time(record: &Arc<RepoDataRecord>) -> Arc<RepoDataRecord> {
    let mut record = record.clone();
    if record.package_record.indexed_timestamp.is_some() {
        Arc::make_mut(&mut record).package_record.indexed_timestamp = None;
    }
    record
}

/// Returns the record with what it constrains and does not say, and notes what it said.
fn with_unsaid(
    mut record: Arc<RepoDataRecord>,
    in_their_words: &mut HashMap<Url, Vec<String>>,
) -> Arc<RepoDataRecord> {
    let unsaid = cuda_version::unsaid(&record);
    if !unsaid.is_empty() {
        let constrains = record.package_record.constrains.clone();
        in_their_words.insert(record.url.clone(), constrains);
        let record = Arc::make_mut(&mut record);
        record.package_record.constrains.extend(unsaid);
    }
    record
}

fn channel_at(url: &Url) -> Channel {
    Channel::from_url(ChannelUrl::from(url.clone()))
}

/// The channels of one run, read at most once each.
pub struct Channels<'a> {
    access: &'a Access,
    gateway: Gateway,
    reporter: Arc<dyn Reporter>,
}

impl<'a> Channels<'a> {
    /// Returns a reader that has read nothing yet.
    pub fn new(access: &'a Access, client: LazyClient, reporter: Arc<dyn Reporter>) -> Self {
        let gateway = Gateway::builder()
            .with_client(client)
            .with_cache_dir(access.repodata_cache())
            .with_channel_config(channel_config(access))
            .with_max_concurrent_requests(16)
            .finish();
        Self {
            access,
            gateway,
            reporter,
        }
    }

    /// Reads what each plan may choose from.
    ///
    /// # Errors
    ///
    /// GE302, GE303, GE304 or GE309 for the first channel that cannot be read.
    pub async fn read(&self, plans: &[Plan]) -> Result<Vec<Index>, IndexError> {
        self.read_with(plans, &|_| Vec::new()).await
    }

    /// Reads what each plan may choose from, and what `more` names for it.
    ///
    /// # Errors
    ///
    /// GE302, GE303, GE304 or GE309 for the first channel that cannot be read.
    pub async fn read_with(
        &self,
        plans: &[Plan],
        more: &dyn Fn(&Plan) -> Vec<PackageName>,
    ) -> Result<Vec<Index>, IndexError> {
        let reads = plans.iter().map(|plan| self.read_one(plan, more(plan)));
        try_join_all(reads).await
    }

    async fn read_one(&self, plan: &Plan, more: Vec<PackageName>) -> Result<Index, IndexError> {
        let names = plan.dependencies.iter();
        let names = names.filter_map(|dependency| dependency.spec.name.as_exact());
        let names = names.cloned().chain(more).map(MatchSpec::from);
        let names: Vec<MatchSpec> = names.collect();
        let subdirs = subdirs(plan.platform());
        let places = self.places(&plan.channels, subdirs).await?;
        let query = self
            .gateway
            .query(channels_at(&places), subdirs, names)
            .recursive(true)
            .with_reporter(Told::new(self.reporter.clone(), places.clone()));
        match query.await {
            Ok(output) => Ok(Index::new(&output.repodata, places)),
            Err(error) => Err(self.failed(subdirs, &places, error).await),
        }
    }

    /// Reads every record whose name matches, without what the records depend on.
    ///
    /// # Errors
    ///
    /// GE302, GE303, GE304 or GE309 for the first channel that cannot be read.
    pub async fn find(
        &self,
        channels: &[String],
        platform: Subdir,
        name: &PackageNameMatcher,
    ) -> Result<Index, IndexError> {
        let subdirs = subdirs(platform);
        let places = self.places(channels, subdirs).await?;
        let told = || Told::new(self.reporter.clone(), places.clone());
        let found = async {
            let names = match name.as_exact() {
                Some(name) => vec![name.clone()],
                None => {
                    let query = self.gateway.names(channels_at(&places), subdirs);
                    let mut names = query.with_reporter(told()).await?.names;
                    names.retain(|known| name.matches(known));
                    names
                }
            };
            let names = names.into_iter().map(MatchSpec::from);
            let query = self.gateway.query(channels_at(&places), subdirs, names);
            query.with_reporter(told()).await
        };
        match found.await {
            Ok(output) => Ok(Index::new(&output.repodata, places)),
            Err(error) => Err(self.failed(subdirs, &places, error).await),
        }
    }

    /// Returns every name that the channels know.
    pub async fn names(&self, channels: &[String], platform: Subdir) -> Vec<PackageName> {
        let subdirs = subdirs(platform);
        let Ok(places) = self.places(channels, subdirs).await else {
            return Vec::new();
        };
        let query = self.gateway.names(channels_at(&places), subdirs);
        // Only a suggestion hangs on it, so a failure is no answer and no error.
        query.await.map(|output| output.names).unwrap_or_default()
    }

    async fn places(
        &self,
        channels: &[String],
        subdirs: [Subdir; 2],
    ) -> Result<Vec<ChannelPlace>, IndexError> {
        let mut places: Vec<ChannelPlace> = Vec::new();
        for name in channels {
            let canonical = channel::canonical_url(name)?;
            if places.iter().any(|place| place.canonical == canonical) {
                continue;
            }
            let fetched = self.fetched_from(&canonical, subdirs).await?;
            places.push(ChannelPlace::new(canonical, fetched));
        }
        Ok(places)
    }

    async fn fetched_from(&self, canonical: &Url, subdirs: [Subdir; 2]) -> Result<Url, IndexError> {
        let own_cache = self.access.own_cache();
        let url = self.access.place(canonical).map_err(IndexError::Cache)?;
        // `http://localhost/…` would be taken for a path too.
        let folder = match url.scheme() {
            "file" => url.to_file_path().ok(),
            _ => None,
        };
        let Some(folder) = folder else {
            return Ok(url);
        };
        let channel = channel::short_name(canonical.as_str()).to_string();
        if !folder.is_dir() {
            let url = url.to_string();
            return Err(IndexError::Missing { channel, url });
        }
        // Unpacking an index of hundreds of megabytes would hold up every bar.
        let unpacked =
            tokio::task::spawn_blocking(move || unzstd::readable(&folder, &subdirs, &own_cache));
        match unpacked.await {
            Ok(Ok(shadow)) => Ok(shadow.unwrap_or(url)),
            Ok(Err(UnpackError::Cache(error))) => Err(IndexError::Cache(error)),
            Ok(Err(UnpackError::Archive { file, source })) => Err(IndexError::BadData {
                channel,
                url: url.to_string(),
                causes: vec![format!("`{}`", file.display()), source.to_string()],
            }),
            Err(panic) => std::panic::resume_unwind(panic.into_panic()),
        }
    }

    /// Names the channel behind an error, and forgets what it answered.
    async fn failed(
        &self,
        subdirs: [Subdir; 2],
        places: &[ChannelPlace],
        error: GatewayError,
    ) -> IndexError {
        let culprit = match index_error::named_in(&error, places) {
            Some(place) => Some(place),
            None => self.culprit(subdirs, places).await,
        };
        let error = IndexError::from_gateway(&error, culprit, self.access.offline);
        if let (IndexError::BadData { .. }, Some(place)) = (&error, culprit) {
            // A login page that was kept in the cache would be read for ever.
            let forgotten = self.gateway.clear_repodata_cache(
                &channel_at(&place.fetched),
                SubdirSelection::All,
                CacheClearMode::InMemoryAndDisk,
            );
            if let Err(error) = forgotten {
                tracing::debug!("the index stays in the cache: {error}");
            }
        }
        error
    }

    /// Reads the channels one by one: not every error says which one failed.
    async fn culprit<'p>(
        &self,
        subdirs: [Subdir; 2],
        places: &'p [ChannelPlace],
    ) -> Option<&'p ChannelPlace> {
        for place in places {
            let channel = channel_at(&place.fetched);
            if self.gateway.names([channel], subdirs).await.is_err() {
                return Some(place);
            }
        }
        None
    }
}

fn subdirs(platform: Subdir) -> [Subdir; 2] {
    [platform, Subdir::NoArch]
}

fn channels_at(places: &[ChannelPlace]) -> Vec<Channel> {
    places.iter().map(|p| channel_at(&p.fetched)).collect()
}

fn channel_config(access: &Access) -> ChannelConfig {
    let source = |sharded_enabled| SourceConfig {
        sharded_enabled,
        cache_action: match access.offline {
            true => CacheAction::ForceCacheOnly,
            false => CacheAction::CacheOrFetch,
        },
        ..SourceConfig::default()
    };
    // A plain file server answers the second sharded query with a 304 that the
    // gateway refuses, so shards are read only where they are known to work.
    let known = Url::parse(channel::CANONICAL_BASE).map(|url| (url, source(true)));
    ChannelConfig {
        default: source(false),
        per_channel: HashMap::from_iter(known),
    }
}

/// Tells our reporter what the gateway tells.
struct Told {
    reporter: Arc<dyn Reporter>,
    places: Vec<ChannelPlace>,
}

impl Told {
    fn new(reporter: Arc<dyn Reporter>, places: Vec<ChannelPlace>) -> Self {
        Self { reporter, places }
    }

    /// Returns `conda-forge/linux-64` for a URL below that channel.
    fn source(&self, url: &Url) -> String {
        let found = self.places.iter().find_map(|place| {
            let rest = url.as_str().strip_prefix(place.fetched.as_str())?;
            let subdir = rest.split('/').next().unwrap_or_default();
            Some(format!("{}/{subdir}", place.short_name()))
        });
        found.unwrap_or_else(|| url.path().to_string())
    }
}

impl DownloadReporter for Told {
    fn on_download_start(&self, url: &Url) -> usize {
        let source = self.source(url);
        self.reporter.report(Event::RepodataStarted { source });
        0
    }

    fn on_download_progress(&self, url: &Url, _: usize, bytes: usize, total: Option<usize>) {
        self.reporter.report(Event::RepodataBytes {
            source: self.source(url),
            bytes: bytes as u64,
            total: total.map(|total| total as u64),
        });
    }

    fn on_download_complete(&self, url: &Url, _: usize) {
        let source = self.source(url);
        self.reporter.report(Event::RepodataFinished { source });
    }
}

impl rattler_repodata_gateway::Reporter for Told {
    fn download_reporter(&self) -> Option<&dyn DownloadReporter> {
        Some(self)
    }
}

#[cfg(test)]
mod tests;
