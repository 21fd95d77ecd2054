//! What the environment's CUDA libraries showed: facts only, no judgement.

use std::{collections::BTreeMap, fmt};

use serde::{Deserialize, Serialize};

use crate::probe::{Comparison, End, FailedCall, SCHEMA, Timing};

/// Everything that the library level saw.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LibraryObservation {
    /// The version of this form.
    pub schema: u32,
    /// How the run ended.
    pub end: End,
    /// The real path of the environment, where there is one.
    pub prefix: Option<String>,
    /// The variables that decide what is loaded.
    pub variables: BTreeMap<String, String>,
    /// The GPU that was to compute; `None` where there is none.
    pub device: Option<u32>,
    /// What the environment holds, and what came of loading it.
    pub libraries: Vec<Library>,
    /// Files that compilers inside of frameworks need.
    pub files: Vec<FoundFile>,
    /// The driver's calls that failed.
    pub failures: Vec<FailedCall>,
    /// How long the steps took.
    pub timings: Vec<Timing>,
    /// The end of what was printed besides.
    pub noise: Option<String>,
}

/// A library that frameworks load.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LibraryKind {
    /// The CUDA runtime.
    Cudart,
    /// Linear algebra.
    Cublas,
    /// Neural networks.
    Cudnn,
    /// The run-time compiler.
    Nvrtc,
    /// Communication among GPUs.
    Nccl,
}

/// One library and what came of loading it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Library {
    /// Which one.
    pub kind: LibraryKind,
    /// The name that frameworks ask the loader for.
    pub name: String,
    /// The file of that name in the environment.
    pub held: String,
    /// The file that was really loaded, links followed.
    pub loaded: Option<String>,
    /// What the loader said when it could not be loaded.
    pub error: Option<String>,
    /// The version that it tells.
    pub version: Option<String>,
    /// What it computed on the GPU, beside the CPU's.
    pub comparison: Option<Comparison>,
    /// Its calls that failed, and the driver's on its behalf.
    pub failures: Vec<FailedCall>,
    /// What a compiler said.
    pub log: Option<String>,
}

/// A file that something in the environment needs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FoundFile {
    /// Its name.
    pub name: String,
    /// Where it is, if it is there.
    pub file: Option<String>,
}

impl LibraryObservation {
    /// Makes the observation of a run of which only its end is known.
    pub fn new(end: End) -> Self {
        Self {
            schema: SCHEMA,
            end,
            prefix: None,
            variables: BTreeMap::new(),
            device: None,
            libraries: Vec::new(),
            files: Vec::new(),
            failures: Vec::new(),
            timings: Vec::new(),
            noise: None,
        }
    }
}

impl fmt::Display for LibraryKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Cudart => "CUDA runtime",
            Self::Cublas => "cuBLAS",
            Self::Cudnn => "cuDNN",
            Self::Nvrtc => "NVRTC",
            Self::Nccl => "NCCL",
        })
    }
}
