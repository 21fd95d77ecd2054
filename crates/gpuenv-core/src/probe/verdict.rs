//! What follows from an observation.

use serde::{Deserialize, Serialize};

use crate::{Code, Diagnostic, probe::VerdictClass};

/// What follows from an observation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Verdict {
    /// What was found.
    pub kind: VerdictKind,
    /// What stands in the way, in a few stable words.
    pub class: Option<VerdictClass>,
    /// Whether that is good enough for what was asked.
    pub ok: bool,
    /// One line for people: lower case, no full stop.
    pub summary: String,
    /// What it rests on, fact by fact.
    pub evidence: Vec<String>,
    /// What to know and to do: an error where `ok` is false, else a warning or nothing.
    pub diagnostic: Option<Diagnostic>,
}

/// The kinds of verdict. Their names in JSON do not change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum VerdictKind {
    /// Every visible GPU computed every number right.
    Computes,
    /// No driver is there.
    NoDriver,
    /// A driver is there, and no GPU that it can use.
    NoDevice,
    /// A GPU computed a number wrong.
    WrongResult,
    /// The probe died.
    Crashed,
    /// The probe did not answer in time.
    Hung,
    /// The driver is too old.
    DriverTooOld,
    /// A call of the driver failed.
    DriverError,
    /// A toolkit's stub was loaded in the driver's place.
    StubDriver,
    /// The kernel, or a framework, was not built for this GPU.
    Architecture,
    /// A CUDA library of the environment does not work.
    LibraryFailed,
    /// A framework does not work.
    FrameworkFailed,
    /// A framework computes on the CPU although there is a GPU.
    Mismatch,
    /// Something from outside of the environment got in.
    Polluted,
    /// The probe could not be started.
    NotStarted,
    /// Nobody wanted to know.
    Skipped,
}

impl VerdictKind {
    /// Returns the code of the diagnostic that tells of it.
    pub fn code(self) -> Option<Code> {
        match self {
            Self::Computes | Self::Skipped => None,
            Self::NoDriver | Self::StubDriver => Some(Code::PROBE_NO_DRIVER),
            Self::NoDevice => Some(Code::PROBE_NO_DEVICE),
            Self::WrongResult => Some(Code::PROBE_WRONG_RESULT),
            Self::Crashed => Some(Code::PROBE_CRASHED),
            Self::Hung => Some(Code::PROBE_HANG),
            Self::DriverTooOld => Some(Code::PROBE_DRIVER_TOO_OLD),
            Self::DriverError => Some(Code::PROBE_DRIVER_ERROR),
            Self::NotStarted => Some(Code::PROBE_NOT_RUN),
            Self::Architecture => Some(Code::PROBE_ARCHITECTURE),
            Self::LibraryFailed => Some(Code::PROBE_LIBRARY),
            Self::FrameworkFailed => Some(Code::PROBE_FRAMEWORK),
            Self::Mismatch => Some(Code::PROBE_MISMATCH),
            Self::Polluted => Some(Code::PROBE_POLLUTED),
        }
    }
}

impl Verdict {
    /// Makes the verdict of a probe that was left out on purpose.
    pub fn skipped(why: impl Into<String>) -> Self {
        Self {
            kind: VerdictKind::Skipped,
            class: None,
            ok: true,
            summary: format!("not probed: {}", why.into()),
            evidence: Vec::new(),
            diagnostic: None,
        }
    }
}
