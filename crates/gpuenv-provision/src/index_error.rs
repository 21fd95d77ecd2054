//! Why a channel cannot be read, and what to do about it.

use std::{error::Error as StdError, io};

use gpuenv_core::{Code, Diagnostic, channel::ChannelError, recipe};
use rattler_repodata_gateway::{GatewayError, fetch::FetchRepoDataError};

use crate::index::ChannelPlace;

/// A channel cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum IndexError {
    /// Its name cannot be read.
    #[error(transparent)]
    Channel(#[from] ChannelError),
    /// Nothing is there.
    #[error("channel `{channel}` does not exist at {url}")]
    Missing {
        /// Its short name.
        channel: String,
        /// Where it was looked for, without credentials.
        url: String,
    },
    /// Its server does not answer.
    #[error("channel `{channel}` cannot be reached")]
    Unreachable {
        /// Its short name.
        channel: String,
        /// The URL that was read, without credentials.
        url: String,
        /// What happened, outermost first.
        causes: Vec<String>,
    },
    /// Its server answers, but with no index.
    #[error("channel `{channel}` {}", answer(*status))]
    Status {
        /// Its short name.
        channel: String,
        /// The URL that was read, without credentials.
        url: String,
        /// The status of its answer.
        status: u16,
    },
    /// It answered with something else.
    #[error("channel `{channel}` answered with something that is not repodata")]
    BadData {
        /// Its short name.
        channel: String,
        /// The URL that was read, without credentials.
        url: String,
        /// What happened, outermost first.
        causes: Vec<String>,
    },
    /// Offline, and not in the cache.
    #[error("channel `{channel}` is not in the cache, and gpuenv works offline")]
    Offline {
        /// Its short name.
        channel: String,
    },
    /// The cache cannot be used.
    #[error("the cache of channel indices cannot be used")]
    Cache(#[source] io::Error),
    /// The file with credentials cannot be read.
    #[error("the file with credentials cannot be read")]
    Credentials(#[source] rattler_networking::AuthenticationStorageError),
}

impl IndexError {
    /// Sorts an error of the gateway by what the user can do.
    pub(crate) fn from_gateway(
        error: &GatewayError,
        culprit: Option<&ChannelPlace>,
        offline: bool,
    ) -> Self {
        let causes = causes(error);
        let channel = culprit.map_or("?", ChannelPlace::short_name).to_string();
        let url = culprit.map_or_else(String::new, |place| without_credentials(&place.fetched));
        if let Some(kind) = io_kind(error).filter(|kind| is_about_disk(*kind)) {
            return IndexError::Cache(io::Error::new(kind, causes.join(": ")));
        }
        match error {
            GatewayError::SubdirNotFoundError(_) => IndexError::Missing { channel, url },
            GatewayError::FetchRepoDataError(FetchRepoDataError::NoCacheAvailable(_)) => {
                IndexError::Offline { channel }
            }
            _ if offline && !is_bad_data(error) => IndexError::Offline { channel },
            _ if is_bad_data(error) => IndexError::BadData {
                channel,
                url,
                causes,
            },
            _ => match status(error) {
                Some(status) => IndexError::Status {
                    channel,
                    url,
                    status,
                },
                None => IndexError::Unreachable {
                    channel,
                    url,
                    causes,
                },
            },
        }
    }
}

/// Returns the status that a server answered with instead of an index.
fn status(error: &GatewayError) -> Option<u16> {
    let status = match error {
        GatewayError::FetchRepoDataError(FetchRepoDataError::HttpError(error)) => error.status(),
        GatewayError::ReqwestError(error) => error.status(),
        _ => None,
    };
    status.map(|status| status.as_u16())
}

fn is_denial(status: u16) -> bool {
    matches!(status, 401 | 403 | 407)
}

fn answer(status: u16) -> String {
    match is_denial(status) {
        true => format!("wants other credentials (HTTP {status})"),
        false => format!("answers HTTP {status}"),
    }
}

/// Returns whether a server answered, but not with an index.
fn is_bad_data(error: &GatewayError) -> bool {
    match error {
        GatewayError::IoError(..) | GatewayError::ShardHashMismatch(_) => true,
        // An archive that cannot be unpacked, unless the connection broke first.
        GatewayError::FetchRepoDataError(FetchRepoDataError::FailedToDownload(_, source)) => source
            .get_ref()
            .is_none_or(|inner| inner.downcast_ref::<reqwest::Error>().is_none()),
        _ => false,
    }
}

/// Returns the channel whose URL an error names.
pub(crate) fn named_in<'p>(
    error: &GatewayError,
    places: &'p [ChannelPlace],
) -> Option<&'p ChannelPlace> {
    if let GatewayError::SubdirNotFoundError(missing) = error {
        let name = missing.channel.canonical_name();
        return places.iter().find(|place| place.recorded == name);
    }
    let text = causes(error).join(" ");
    let named = places.iter().filter(|p| text.contains(&p.recorded));
    // `…/nvidia/` is also named by `…/nvidia/label/cuda-12.4.0/`.
    named.max_by_key(|place| place.recorded.len())
}

/// Returns the texts of an error and of what caused it, without repetition.
fn causes(error: &(dyn StdError + 'static)) -> Vec<String> {
    Diagnostic::error(Code::BUG, "").caused_by(error).causes
}

/// Returns whether a failure is about our own disk, not about a server.
fn is_about_disk(kind: io::ErrorKind) -> bool {
    matches!(
        kind,
        io::ErrorKind::StorageFull
            | io::ErrorKind::QuotaExceeded
            | io::ErrorKind::PermissionDenied
            | io::ErrorKind::ReadOnlyFilesystem
    )
}

fn io_kind(error: &(dyn StdError + 'static)) -> Option<io::ErrorKind> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(io) = error.downcast_ref::<io::Error>() {
            return Some(io.kind());
        }
        next = error.source();
    }
    None
}

fn without_credentials(url: &url::Url) -> String {
    let mut url = url.clone();
    let cleared = url.set_username("").is_ok() && url.set_password(None).is_ok();
    match cleared || url.scheme() == "file" {
        true => url.to_string(),
        false => url.scheme().to_string(),
    }
}

/// Channels that recipes for GPUs name.
const WELL_KNOWN: [&str; 8] = [
    "bioconda",
    "conda-forge",
    "nvidia",
    "pyg",
    "pytorch",
    "pytorch3d",
    "rapidsai",
    "xformers",
];

/// Returns the well-known channel whose name looks alike.
fn meant(channel: &str) -> Option<&'static str> {
    let is_known = WELL_KNOWN.contains(&channel);
    recipe::suggest(channel, WELL_KNOWN).filter(|_| !is_known)
}

impl From<IndexError> for Diagnostic {
    fn from(error: IndexError) -> Self {
        let message = error.to_string();
        let with_causes = |diagnostic: Diagnostic, causes: Vec<String>| {
            causes.into_iter().fold(diagnostic, Diagnostic::cause)
        };
        match error {
            IndexError::Channel(error) => error.into(),
            IndexError::Missing { channel, .. } => meant(&channel)
                .into_iter()
                .fold(
                    Diagnostic::error(Code::CHANNEL_MISSING, message),
                    |diagnostic, known| diagnostic.help(format!("did you mean `{known}`?")),
                )
                .help("check the name under `channels`; a channel has at least `noarch/repodata.json`")
                .help("where a lab mirrors channels, set `--mirror URL` or `GPUENV_MIRROR`"),
            IndexError::Unreachable { url, causes, .. } => with_causes(
                Diagnostic::error(Code::CHANNEL_UNREACHABLE, message)
                    .cause(format!("while reading {url}")),
                causes,
            )
            .help("check the network and, behind a proxy, `HTTPS_PROXY` and `SSL_CERT_FILE`")
            .help("where a lab mirrors channels, set `--mirror URL` or `GPUENV_MIRROR`")
            .help("`--offline` uses what is in the cache"),
            IndexError::Status { url, status, .. } => {
                Diagnostic::error(Code::CHANNEL_UNREACHABLE, message)
                    .cause(format!("while reading {url}"))
                    .help(match is_denial(status) {
                        true => "put the credentials into the file that `RATTLER_AUTH_FILE` names",
                        false => "try again later, or name a mirror with `--mirror URL`",
                    })
            }
            IndexError::BadData { url, causes, .. } => with_causes(
                Diagnostic::error(Code::CHANNEL_BAD_DATA, message)
                    .cause(format!("while reading {url}")),
                causes,
            )
            .help(match url.starts_with("file:") {
                true => format!("make the mirror at {url} anew"),
                false => format!(
                    "open {url} in a browser, a login page of the network may answer instead; then run the command again"
                ),
            }),
            IndexError::Offline { .. } => Diagnostic::error(Code::CHANNEL_OFFLINE, message)
                .help("run the command once without `--offline`"),
            IndexError::Cache(source) => {
                let code = match source.kind() {
                    io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
                        Code::INSTALL_DISK_FULL
                    }
                    io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
                        Code::INSTALL_PERMISSION
                    }
                    _ => Code::INSTALL_IO,
                };
                Diagnostic::error(code, message)
                    .cause(source)
                    .help("choose another cache with `RATTLER_CACHE_DIR`")
            }
            IndexError::Credentials(source) => {
                Diagnostic::error(Code::CONFIG_BAD, message).caused_by(&source)
            }
        }
    }
}
