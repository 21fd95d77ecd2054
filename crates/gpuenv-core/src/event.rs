//! What the stages tell while they work: one stream, rendered elsewhere.

use serde::Serialize;

use crate::Diagnostic;

/// One thing that happened.
///
/// Bars, plain lines, JSON lines and the tests' recorder all render this stream.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub enum Event {
    /// Reading the channels' index begins.
    RepodataStarted {
        /// What is read, for example `conda-forge/linux-64`.
        source: String,
    },
    /// So many bytes of an index have arrived.
    RepodataBytes {
        /// What is read.
        source: String,
        /// Bytes so far.
        bytes: u64,
        /// Bytes in all, if the server said.
        total: Option<u64>,
    },
    /// An index is there.
    RepodataFinished {
        /// What was read.
        source: String,
    },
    /// The solve of one platform begins.
    SolveStarted {
        /// The platform, for example `linux-64`.
        platform: String,
    },
    /// The solve of one platform is done.
    SolveFinished {
        /// The platform.
        platform: String,
        /// Packages in the solution.
        packages: usize,
    },
    /// Fetching begins.
    FetchStarted {
        /// Packages to bring.
        packages: usize,
        /// Bytes to download at most, as the lock says.
        bytes: u64,
    },
    /// So many bytes of a package have arrived.
    FetchBytes {
        /// The package's file name.
        package: String,
        /// Bytes of this package so far.
        bytes: u64,
    },
    /// A package is in the cache and verified.
    FetchFinished {
        /// The package's file name.
        package: String,
    },
    /// Linking begins.
    LinkStarted {
        /// Packages to link.
        packages: usize,
    },
    /// A package is linked.
    LinkFinished {
        /// The package's file name.
        package: String,
    },
    /// Comparing an environment with its packages begins.
    VerifyStarted {
        /// Packages that are installed.
        packages: usize,
        /// Bytes to read.
        bytes: u64,
    },
    /// So many bytes of an environment have been read.
    VerifyBytes {
        /// Bytes so far.
        bytes: u64,
    },
    /// Every file of an environment has been looked at.
    VerifyFinished,
    /// The probe begins.
    ProbeStarted,
    /// The probe has answered.
    ProbeFinished,
    /// A diagnostic that does not end the command.
    Diagnosed {
        /// What to know.
        diagnostic: Diagnostic,
    },
}

/// Hears what the stages tell.
pub trait Reporter: Send + Sync {
    /// Takes one event.
    fn report(&self, event: Event);
}

/// A reporter that hears nothing.
#[derive(Debug, Clone, Copy, Default)]
pub struct Silent;

impl Reporter for Silent {
    fn report(&self, _event: Event) {}
}
