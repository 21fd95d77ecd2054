//! Reads channels: from plans to the records that a solve may choose from.
//!
//! Only package names are asked for, never whole specs. The gateway drops
//! records that do not match the specs it is given, and a channel whose records
//! are all dropped no longer shadows a weaker one: strict channel priority would
//! silently stop being strict.

use std::{collections::HashMap, path::Path, sync::Arc};

use futures::future::try_join_all;
use gpuenv_core::{Event, Plan, Reporter, channel};
use rattler_conda_types::{Channel, ChannelUrl, MatchSpec, PackageName, RepoDataRecord, Subdir};
use rattler_networking::LazyClient;
use rattler_repodata_gateway::{
    CacheClearMode, ChannelConfig, DownloadReporter, Gateway, GatewayError, RepoData, SourceConfig,
    SubdirSelection, fetch::CacheAction,
};
use url::Url;

use crate::{Access, embedded, index_error::IndexError, unzstd};

/// What the channels hold for one plan.
pub struct Index {
    /// The records, a bucket per channel and subdir, strongest channel first.
    pub buckets: Vec<RepoData>,
    /// The names that the channels know, for "did you mean"; only read on demand.
    pub places: Vec<ChannelPlace>,
}

/// A channel, where it is named and where it is read.
#[derive(Debug, Clone)]
pub struct ChannelPlace {
    /// The canonical URL.
    pub canonical: Url,
    /// The URL that is read.
    pub fetched: Url,
}

impl Index {
    /// Returns every record.
    pub fn records(&self) -> impl Iterator<Item = &RepoDataRecord> {
        self.buckets.iter().flat_map(RepoData::iter)
    }

    /// Returns the record as a lock names it: with the channel's canonical URL.
    pub fn canonical(&self, record: &RepoDataRecord) -> RepoDataRecord {
        let mut record = record.clone();
        for place in &self.places {
            let Some(rest) = record.url.as_str().strip_prefix(place.fetched.as_str()) else {
                continue;
            };
            if let Ok(url) = Url::parse(&format!("{}{rest}", place.canonical)) {
                record.url = url;
                record.channel = Some(place.canonical.to_string());
                break;
            }
        }
        record
    }

    /// Returns the spec as it matches records: with the URL that is read.
    pub fn fetched(&self, spec: &MatchSpec) -> MatchSpec {
        let mut spec = spec.clone();
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
        try_join_all(plans.iter().map(|plan| self.read_one(plan))).await
    }

    async fn read_one(&self, plan: &Plan) -> Result<Index, IndexError> {
        let names = plan.dependencies.iter().filter_map(|dependency| {
            let name = dependency.spec.name.as_exact()?;
            Some(MatchSpec::from(name.clone()))
        });
        let names: Vec<MatchSpec> = names.collect();
        let places = self.places(plan).await?;
        let channels: Vec<Channel> = places.iter().map(|p| channel_at(&p.fetched)).collect();
        let query = self
            .gateway
            .query(channels, [plan.platform(), Subdir::NoArch], names)
            .recursive(true)
            .with_reporter(Told::new(self.reporter.clone(), places.clone()));
        match query.await {
            Ok(output) => Ok(Index {
                buckets: output.repodata,
                places,
            }),
            Err(error) => Err(self.failed(error, &places)),
        }
    }

    /// Returns every name that the plan's channels know.
    pub async fn names(&self, plan: &Plan) -> Vec<PackageName> {
        let Ok(places) = self.places(plan).await else {
            return Vec::new();
        };
        let channels: Vec<Channel> = places.iter().map(|p| channel_at(&p.fetched)).collect();
        let query = self
            .gateway
            .names(channels, [plan.platform(), Subdir::NoArch]);
        // Only a suggestion hangs on it, so a failure is no answer and no error.
        query.await.map(|output| output.names).unwrap_or_default()
    }

    async fn places(&self, plan: &Plan) -> Result<Vec<ChannelPlace>, IndexError> {
        let mut places = Vec::new();
        for name in &plan.channels {
            let canonical = channel::canonical_url(name)?;
            let subdirs = [plan.platform(), Subdir::NoArch];
            let fetched = self.fetched_from(&canonical, &subdirs)?;
            places.push(ChannelPlace { canonical, fetched });
        }
        Ok(places)
    }

    fn fetched_from(&self, canonical: &Url, subdirs: &[Subdir]) -> Result<Url, IndexError> {
        if canonical.as_str() == channel::EMBEDDED_URL {
            return embedded::unpack(&self.access.own_cache()).map_err(IndexError::Cache);
        }
        let url = self.access.mirrors.apply(canonical);
        let Ok(folder) = url.to_file_path() else {
            return Ok(url);
        };
        require_folder(&folder, &url)?;
        unzstd::readable(&folder, subdirs, &self.access.own_cache())
            .map(|shadow| shadow.unwrap_or(url))
            .map_err(IndexError::Cache)
    }

    /// Names the channel behind an error, and forgets what it answered.
    fn failed(&self, error: GatewayError, places: &[ChannelPlace]) -> IndexError {
        let error = IndexError::from_gateway(error, places, self.access.offline);
        if let IndexError::BadData { .. } = &error {
            // A login page that was kept in the cache would be read for ever.
            for place in places {
                let forgotten = self.gateway.clear_repodata_cache(
                    &channel_at(&place.fetched),
                    SubdirSelection::All,
                    CacheClearMode::InMemoryAndDisk,
                );
                if let Err(error) = forgotten {
                    tracing::debug!("the index stays in the cache: {error}");
                }
            }
        }
        error
    }
}

fn require_folder(folder: &Path, url: &Url) -> Result<(), IndexError> {
    match folder.is_dir() {
        true => Ok(()),
        false => Err(IndexError::Missing {
            url: url.to_string(),
        }),
    }
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
            let channel = channel::short_name(place.canonical.as_str());
            Some(format!("{channel}/{subdir}"))
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
