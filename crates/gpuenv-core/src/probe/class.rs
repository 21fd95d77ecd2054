//! What became of a probe in nine words: stable names, and exit codes for
//! prologs and health checks.

use serde::{Deserialize, Serialize};

use crate::probe::VerdictKind;

/// What kept a probe from proving that everything computes. Names and numbers
/// do not change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum VerdictClass {
    /// There is no driver, or no GPU that it can use.
    NoGpu,
    /// The driver or the GPU does not work.
    DriverBroken,
    /// The driver is too old.
    DriverTooOld,
    /// Something was not built for this GPU.
    Architecture,
    /// A CUDA library does not work.
    LibraryFailed,
    /// A framework does not work.
    FrameworkFailed,
    /// A framework computes on the CPU although there is a GPU.
    CpuBuild,
    /// Something from outside of the environment got in.
    Polluted,
    /// The probe could not be run.
    NotRun,
}

impl VerdictClass {
    /// Every class, in the order of their exit codes.
    pub const ALL: [Self; 9] = [
        Self::NoGpu,
        Self::DriverBroken,
        Self::DriverTooOld,
        Self::Architecture,
        Self::LibraryFailed,
        Self::FrameworkFailed,
        Self::CpuBuild,
        Self::Polluted,
        Self::NotRun,
    ];

    /// Returns the exit code with `--exit-class`.
    pub fn exit_code(self) -> u8 {
        match self {
            Self::NoGpu => 21,
            Self::DriverBroken => 22,
            Self::DriverTooOld => 23,
            Self::Architecture => 24,
            Self::LibraryFailed => 25,
            Self::FrameworkFailed => 26,
            Self::CpuBuild => 27,
            Self::Polluted => 28,
            Self::NotRun => 29,
        }
    }
}

impl VerdictKind {
    /// Returns the class of a verdict; `None` where nothing stands in the way.
    pub fn class(self) -> Option<VerdictClass> {
        match self {
            Self::Computes | Self::Skipped => None,
            Self::NoDriver | Self::NoDevice => Some(VerdictClass::NoGpu),
            Self::WrongResult
            | Self::Crashed
            | Self::Hung
            | Self::DriverError
            | Self::StubDriver => Some(VerdictClass::DriverBroken),
            Self::DriverTooOld => Some(VerdictClass::DriverTooOld),
            Self::Architecture => Some(VerdictClass::Architecture),
            Self::LibraryFailed => Some(VerdictClass::LibraryFailed),
            Self::FrameworkFailed => Some(VerdictClass::FrameworkFailed),
            Self::Mismatch => Some(VerdictClass::CpuBuild),
            Self::Polluted => Some(VerdictClass::Polluted),
            Self::NotStarted => Some(VerdictClass::NotRun),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exit_codes_are_twenty_one_to_twenty_nine() {
        let codes = VerdictClass::ALL.map(VerdictClass::exit_code);
        assert_eq!(codes, [21, 22, 23, 24, 25, 26, 27, 28, 29]);
    }

    #[test]
    fn names_are_those_of_the_documentation() {
        let names = serde_json::to_string(&VerdictClass::ALL).unwrap();
        assert_eq!(
            names,
            r#"["no-gpu","driver-broken","driver-too-old","architecture","library-failed","framework-failed","cpu-build","polluted","not-run"]"#
        );
    }
}
