//! What the doctor says: findings, and how far it came.

use std::fmt;

use serde::Serialize;

use crate::facts::ModeId;

/// A level of the walk, from the hardware up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Rung {
    /// NVIDIA devices on the PCI bus.
    Hardware,
    /// The kernel module.
    Module,
    /// The device nodes.
    Nodes,
    /// Which `libcuda` is loaded.
    Library,
    /// The driver's own start.
    Init,
    /// Which devices the driver shows.
    Devices,
    /// Whether a device lets a program in, and computes.
    Compute,
    /// What is installed in the environment.
    Packages,
    /// The environment's libraries and tools.
    Libraries,
    /// The environment's frameworks.
    Frameworks,
    /// The variables of the shell.
    Shell,
}

/// How bad a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Weight {
    /// No program can use the GPU before it is mended.
    Broken,
    /// Some program will fail, or fall back to the CPU.
    Doubtful,
}

/// How sure the doctor is of the cause.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Confidence {
    /// The evidence proves it.
    Certain,
    /// The evidence fits nothing else that is known.
    Likely,
    /// One of several.
    Possible,
}

/// Something that is wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// The failure mode.
    pub mode: ModeId,
    /// Other failure modes that have the same cause.
    pub related: Vec<ModeId>,
    /// Where it lies.
    pub rung: Rung,
    /// How bad it is.
    pub weight: Weight,
    /// How sure that is.
    pub confidence: Confidence,
    /// What it is, in a line.
    pub summary: String,
    /// What was seen.
    pub evidence: Vec<String>,
    /// What is behind it.
    pub cause: String,
    /// What to do.
    pub fix: Vec<String>,
}

impl Finding {
    /// Makes a finding that is proved and breaks everything; its rung is set by the walk.
    pub(crate) fn broken(mode: u8, summary: impl Into<String>, cause: impl Into<String>) -> Self {
        Self {
            mode: ModeId(mode),
            related: Vec::new(),
            rung: Rung::Hardware,
            weight: Weight::Broken,
            confidence: Confidence::Certain,
            summary: summary.into(),
            evidence: Vec::new(),
            cause: cause.into(),
            fix: Vec::new(),
        }
    }

    /// Makes a finding that breaks some programs.
    pub(crate) fn doubtful(mode: u8, summary: impl Into<String>, cause: impl Into<String>) -> Self {
        Self {
            weight: Weight::Doubtful,
            ..Self::broken(mode, summary, cause)
        }
    }

    pub(crate) fn seen(mut self, evidence: impl Into<String>) -> Self {
        self.evidence.push(evidence.into());
        self
    }

    pub(crate) fn fix(mut self, fix: impl Into<String>) -> Self {
        self.fix.push(fix.into());
        self
    }

    pub(crate) fn related(mut self, mode: u8) -> Self {
        self.related.push(ModeId(mode));
        self
    }

    pub(crate) fn likely(mut self) -> Self {
        self.confidence = Confidence::Likely;
        self
    }

    pub(crate) fn possible(mut self) -> Self {
        self.confidence = Confidence::Possible;
        self
    }
}

/// What became of one level.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Step {
    /// The level.
    pub rung: Rung,
    /// What became of it.
    pub state: StepState,
    /// What was seen there, in a line.
    pub seen: String,
}

/// What became of a level.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum StepState {
    /// Nothing is wrong there.
    Fine,
    /// Something is doubtful.
    Doubtful,
    /// It is broken; the levels above stand on it.
    Broken,
    /// Not looked at.
    Skipped,
}

/// What the doctor found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Examination {
    /// Whether nothing is wrong.
    pub healthy: bool,
    /// What is wrong, the lowest level first.
    pub findings: Vec<Finding>,
    /// Level by level, what was looked at.
    pub walk: Vec<Step>,
}

impl fmt::Display for Rung {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Hardware => "hardware",
            Self::Module => "kernel module",
            Self::Nodes => "device nodes",
            Self::Library => "driver library",
            Self::Init => "driver start",
            Self::Devices => "devices",
            Self::Compute => "computing",
            Self::Packages => "packages",
            Self::Libraries => "libraries",
            Self::Frameworks => "frameworks",
            Self::Shell => "shell",
        })
    }
}

impl fmt::Display for StepState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Fine => "fine",
            Self::Doubtful => "doubtful",
            Self::Broken => "broken",
            Self::Skipped => "skipped",
        })
    }
}
