//! Why a channel cannot be read, and what to do about it.

use std::{error::Error as StdError, io};

use gpuenv_core::{
    Code, Diagnostic,
    channel::{self, ChannelError},
};
use rattler_repodata_gateway::GatewayError;

use crate::index::ChannelPlace;

/// A channel cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum IndexError {
    /// Its name cannot be read.
    #[error(transparent)]
    Channel(#[from] ChannelError),
    /// Nothing is there.
    #[error("channel `{url}` does not exist")]
    Missing {
        /// Where it was looked for.
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
        error: GatewayError,
        places: &[ChannelPlace],
        offline: bool,
    ) -> Self {
        let causes = causes(&error);
        let text = causes.join(" ");
        let place = places
            .iter()
            .find(|place| text.contains(place.fetched.as_str().trim_end_matches('/')))
            .or(places.first());
        let channel = place.map_or_else(String::new, |place| {
            channel::short_name(place.canonical.as_str()).to_string()
        });
        let url = place.map_or_else(String::new, |place| without_credentials(&place.fetched));
        if let Some(kind) = io_kind(&error)
            && matches!(
                kind,
                io::ErrorKind::StorageFull | io::ErrorKind::PermissionDenied
            )
        {
            return IndexError::Cache(io::Error::new(kind, text));
        }
        match &error {
            GatewayError::SubdirNotFoundError(missing) => {
                let fetched = missing.channel.base_url.url();
                IndexError::Missing {
                    url: without_credentials(fetched),
                }
            }
            _ if offline || text.contains("offline mode") => IndexError::Offline { channel },
            GatewayError::IoError(..) | GatewayError::ShardHashMismatch(_) => IndexError::BadData {
                channel,
                url,
                causes,
            },
            _ => IndexError::Unreachable {
                channel,
                url,
                causes,
            },
        }
    }
}

/// Returns the texts of an error and of what caused it, without repetition.
fn causes(error: &(dyn StdError + 'static)) -> Vec<String> {
    Diagnostic::error(Code::BUG, "").caused_by(error).causes
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

impl From<IndexError> for Diagnostic {
    fn from(error: IndexError) -> Self {
        let message = error.to_string();
        let with_causes = |diagnostic: Diagnostic, causes: Vec<String>| {
            causes.into_iter().fold(diagnostic, Diagnostic::cause)
        };
        match error {
            IndexError::Channel(error) => error.into(),
            IndexError::Missing { .. } => Diagnostic::error(Code::CHANNEL_MISSING, message)
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
            IndexError::BadData { url, causes, .. } => with_causes(
                Diagnostic::error(Code::CHANNEL_BAD_DATA, message)
                    .cause(format!("while reading {url}")),
                causes,
            )
            .help(format!("open {url} in a browser: a login page of the network may answer instead"))
            .help("then run the command again; nothing of the answer was kept"),
            IndexError::Offline { .. } => Diagnostic::error(Code::CHANNEL_OFFLINE, message)
                .help("run the command once without `--offline`"),
            IndexError::Cache(source) => {
                let code = match source.kind() {
                    io::ErrorKind::StorageFull => Code::INSTALL_DISK_FULL,
                    io::ErrorKind::PermissionDenied => Code::INSTALL_PERMISSION,
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
