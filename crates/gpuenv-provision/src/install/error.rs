//! Every way in which an install can fail, and what to do about it.

mod explain;

use std::{
    error::Error,
    io,
    path::{Path, PathBuf},
    time::Duration,
};

use gpuenv_core::{Bytes, layout::Unsafe};
use rattler_networking::AuthenticationStorageError;

use crate::prefix::Found;

/// An environment cannot be installed or removed.
#[derive(Debug, thiserror::Error)]
pub enum InstallError {
    /// An archive did not arrive.
    #[error("`{package}` cannot be downloaded: {trouble}")]
    Fetch {
        /// The archive's file name.
        package: String,
        /// Where it was asked for, without credentials.
        url: String,
        /// What went wrong.
        trouble: FetchTrouble,
        /// How often it was tried.
        tries: u32,
        /// What led to it, outermost first.
        causes: Vec<String>,
    },
    /// An archive is not the one that the lock names.
    #[error("`{package}` does not have the hash that the lock names")]
    Hash {
        /// The archive's file name.
        package: String,
        /// Where it was asked for, without credentials.
        url: String,
        /// The hash in the lock.
        expected: String,
        /// The hash of what arrived.
        actual: String,
        /// The size in the lock, in bytes.
        expected_bytes: Option<u64>,
        /// How much arrived, in bytes.
        bytes: u64,
        /// Whether a web page came instead.
        is_page: bool,
    },
    /// There is no room left.
    #[error("the disk is full at `{}`", path.display())]
    DiskFull {
        /// Where.
        path: PathBuf,
        /// What is needed there at least and what is free, in bytes, if known.
        room: Option<(u64, u64)>,
    },
    /// Writing or reading there is forbidden.
    #[error("no permission for `{}`", path.display())]
    Permission {
        /// Where.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// Something else is at the prefix.
    #[error("`{}` {found}", prefix.display())]
    NotOurs {
        /// The prefix.
        prefix: PathBuf,
        /// What is there.
        found: Found,
    },
    /// The directory is needed for more than an environment.
    #[error("`{}` is or holds your home or the current directory, and is never replaced", prefix.display())]
    Protected {
        /// The prefix.
        prefix: PathBuf,
    },
    /// Packages want to write where they must not.
    #[error("{}", unsafe_text(found))]
    Unsafe {
        /// What was found, at least one.
        found: Vec<Unsafe>,
    },
    /// A package cannot be linked.
    #[error("the packages cannot be linked: {what}")]
    Link {
        /// What failed.
        what: String,
        /// Why, outermost first.
        causes: Vec<String>,
    },
    /// Packages would have to be downloaded.
    #[error("offline, and {} in the cache", count(packages, damaged))]
    Offline {
        /// Their file names, at least one.
        packages: Vec<String>,
        /// What is in the cache but damaged.
        damaged: Vec<String>,
    },
    /// Somebody else works there.
    #[error("another program holds `{}` since {} s", path.display(), waited.as_secs())]
    Busy {
        /// The lock file.
        path: PathBuf,
        /// How long it was waited for.
        waited: Duration,
    },
    /// The user asked to stop.
    #[error("interrupted; nothing at the prefix has changed")]
    Interrupted,
    /// There is no environment.
    #[error("there is no environment at `{}`", prefix.display())]
    NotFound {
        /// The prefix.
        prefix: PathBuf,
    },
    /// A file operation failed.
    #[error("cannot {doing} `{}`", path.display())]
    Io {
        /// What was tried.
        doing: &'static str,
        /// With what.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// An archive has the right hash and is nevertheless no package.
    #[error("`{package}` is not a sound package: {reason}")]
    BadPackage {
        /// The archive's file name.
        package: String,
        /// What is wrong.
        reason: String,
    },
    /// Wheels that the converter refuses.
    #[error("`{}` cannot be converted", wheels.iter().map(|(wheel, _)| wheel.as_str()).collect::<Vec<_>>().join("`, `"))]
    Unconvertible {
        /// Their file names, and why.
        wheels: Vec<(String, String)>,
        /// Why uv cannot take over.
        because: Option<String>,
    },
    /// An archive becomes more than it may.
    #[error("`{package}` is refused: it unpacks to more than {}", Bytes(*allowed))]
    TooLarge {
        /// The archive's file name.
        package: String,
        /// How much it may become, in bytes.
        allowed: u64,
    },
    /// The prefix cannot be used as one.
    #[error("`{}` cannot be a prefix: {reason}", prefix.display())]
    BadPrefix {
        /// The prefix.
        prefix: PathBuf,
        /// Why not.
        reason: &'static str,
    },
    /// The stored credentials cannot be read.
    #[error("the stored credentials cannot be read")]
    Credentials(#[from] AuthenticationStorageError),
}

/// Why an archive did not arrive.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum FetchTrouble {
    /// The server does not have it.
    #[error("the server does not have it any more (HTTP {0})")]
    Gone(u16),
    /// A file that is not there.
    #[error("there is no such file")]
    NoFile,
    /// Credentials are missing or wrong.
    #[error("the server wants other credentials (HTTP {0})")]
    Denied(u16),
    /// Another answer than the archive.
    #[error("the server answers HTTP {0}")]
    Status(u16),
    /// The server was silent too long.
    #[error("the server stopped answering")]
    Silence,
    /// There is no connection.
    #[error("there is no connection to the server")]
    Connection,
    /// The archive ended too early.
    #[error("the connection was cut after {0} bytes")]
    Cut(u64),
    /// Something else.
    #[error("the request failed")]
    Other,
}

fn count(packages: &[String], damaged: &[String]) -> String {
    match (packages, damaged) {
        ([one], []) => format!("`{one}` is not"),
        ([], [one]) => {
            let name = one.split(": ").next().unwrap_or(one);
            format!("`{name}` is not whole")
        }
        (missing, []) => format!("{} packages are not", missing.len()),
        ([], damaged) => format!("{} packages are not whole", damaged.len()),
        (missing, damaged) => {
            let number = missing.len() + damaged.len();
            format!("{number} packages are not, or not whole,")
        }
    }
}

fn unsafe_text(found: &[Unsafe]) -> String {
    match found.first() {
        Some(first) => format!(
            "`{}` must not be installed: {}",
            first.package, first.reason
        ),
        None => "a package must not be installed".to_string(),
    }
}

impl InstallError {
    /// Wraps a failed file operation: a full disk and a missing permission are
    /// errors of their own.
    pub fn io(doing: &'static str, path: impl AsRef<Path>, source: io::Error) -> Self {
        let path = path.as_ref().to_path_buf();
        match source.kind() {
            // Keep in step with `is_about_place`.
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
                Self::DiskFull { path, room: None }
            }
            io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
                Self::Permission { path, source }
            }
            _ => Self::Io {
                doing,
                path,
                source,
            },
        }
    }
}

/// Returns whether a failure is about the disk or its permissions, whatever was
/// being done there.
pub(crate) fn is_about_place(kind: io::ErrorKind) -> bool {
    matches!(
        kind,
        io::ErrorKind::StorageFull
            | io::ErrorKind::QuotaExceeded
            | io::ErrorKind::PermissionDenied
            | io::ErrorKind::ReadOnlyFilesystem
    )
}

/// Returns the texts of an error and of what caused it, outermost first.
pub(crate) fn causes(error: &(dyn Error + 'static)) -> Vec<String> {
    let mut texts: Vec<String> = Vec::new();
    let mut next = Some(error);
    while let Some(error) = next {
        let text = error.to_string();
        if texts.last().is_none_or(|last| !last.contains(&text)) {
            texts.push(text);
        }
        next = error.source();
    }
    texts
}

/// Returns what kind of I/O error is among an error and what caused it.
pub(crate) fn io_kind(error: &(dyn Error + 'static)) -> Option<io::ErrorKind> {
    let mut found = None;
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(error) = error.downcast_ref::<io::Error>() {
            found = Some(error.kind());
            // A wrapper around another error; that one knows more.
            if error.kind() != io::ErrorKind::Other {
                break;
            }
        }
        next = error.source();
    }
    found
}
