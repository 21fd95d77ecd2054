//! What one framework showed: facts only, no judgement.
//!
//! The framework's program (`recipes/probes/`) writes most of it as JSON.

use serde::{Deserialize, Serialize};

use crate::{
    plan::ProbeStep,
    probe::{End, SCHEMA, Timing},
};

/// Everything that the program of one framework saw.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FrameworkObservation {
    /// The framework.
    pub framework: ProbeStep,
    /// Whether the recipe names it; else it may be absent.
    pub named: bool,
    /// How the run ended.
    pub end: End,
    /// What the program told.
    pub told: FrameworkFacts,
    /// The end of what was printed besides.
    pub noise: Option<String>,
}

/// What the program of a framework tells. It comes from another program, so
/// everything may be missing.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct FrameworkFacts {
    /// The version of this form.
    pub schema: u32,
    /// The interpreter.
    pub python: Option<Python>,
    /// The framework's own module.
    pub module: Option<Module>,
    /// What ended the program early.
    pub error: Option<Raised>,
    /// What the framework was built for.
    pub build: Option<Build>,
    /// Whether the framework says that it can use a GPU.
    pub available: Option<bool>,
    /// Why it says that it cannot.
    pub why_unavailable: Option<String>,
    /// The GPUs that it lists.
    pub devices: Vec<FrameworkDevice>,
    /// The index of the one that was to compute.
    pub chosen: u32,
    /// What was computed and compared.
    pub checks: Vec<Check>,
    /// What its allocator did.
    pub memory: Option<MemoryUse>,
    /// The CUDA libraries that the process had mapped at its end.
    pub loaded: Vec<String>,
    /// How long each step took.
    pub timings: Vec<Timing>,
}

/// An interpreter.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Python {
    /// Its version.
    pub version: String,
    /// Its real file.
    pub executable: String,
    /// What it takes for its prefix.
    pub prefix: String,
}

/// A module.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Module {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: Option<String>,
    /// Its real file.
    pub file: Option<String>,
}

/// An exception.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Raised {
    /// Its type.
    pub kind: String,
    /// Its text.
    pub text: String,
    /// What was being done.
    pub step: String,
    /// The module that is missing, where that is it.
    pub missing: Option<String>,
}

/// What a framework was built for.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Build {
    /// Whether it can compute on a GPU at all.
    pub cuda: bool,
    /// For which CUDA.
    pub cuda_version: Option<String>,
    /// With which cuDNN.
    pub cudnn: Option<String>,
    /// For which architectures: `sm_90` machine code, `compute_90` PTX.
    pub architectures: Vec<String>,
}

/// A GPU as a framework sees it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct FrameworkDevice {
    /// Its index.
    pub index: u32,
    /// The product's name.
    pub name: Option<String>,
    /// The compute capability.
    pub compute_capability: Option<String>,
}

/// One thing that was computed.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Check {
    /// What it is called.
    pub name: String,
    /// Whether the numbers were right.
    pub right: bool,
    /// Where its parts lay, in the framework's words.
    pub places: Vec<String>,
    /// Whether all of them lay on the chosen GPU.
    pub on_gpu: bool,
    /// The largest difference to the CPU, where that is measured and a number.
    pub difference: Option<f64>,
}

/// What the allocator of a framework did with one block, in bytes.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct MemoryUse {
    /// The size of the block.
    pub asked: u64,
    /// Allocated before.
    pub allocated_before: u64,
    /// Allocated while it was held.
    pub allocated_held: u64,
    /// Reserved from the driver while it was held.
    pub reserved_held: u64,
    /// Allocated after it was dropped.
    pub allocated_dropped: u64,
    /// Still reserved after it was dropped.
    pub reserved_dropped: u64,
    /// Reserved after the cache was emptied.
    pub reserved_emptied: u64,
}

impl FrameworkObservation {
    /// Makes the observation of a run of which only its end is known.
    pub fn new(framework: ProbeStep, named: bool, end: End) -> Self {
        Self {
            framework,
            named,
            end,
            told: FrameworkFacts {
                schema: SCHEMA,
                ..FrameworkFacts::default()
            },
            noise: None,
        }
    }

    /// Tells whether the framework is not there.
    pub fn is_absent(&self) -> bool {
        let module = self.framework.module();
        let missing = |raised: &Raised| {
            raised.missing.as_deref() == module && raised.kind == "ModuleNotFoundError"
        };
        self.told.error.as_ref().is_some_and(missing)
    }
}

impl ProbeStep {
    /// Every framework, in the order in which they are tried.
    pub const FRAMEWORKS: [Self; 6] = [
        Self::Tensorflow,
        Self::Pytorch,
        Self::Cupy,
        Self::Numba,
        Self::CudaPython,
        Self::Jax,
    ];

    /// Returns the name that recipes and reports use.
    pub fn name(self) -> &'static str {
        match self {
            Self::Driver => "driver",
            Self::Library => "library",
            Self::Tensorflow => "tensorflow",
            Self::Pytorch => "pytorch",
            Self::Cupy => "cupy",
            Self::Numba => "numba",
            Self::CudaPython => "cuda-python",
            Self::Jax => "jax",
        }
    }

    /// Returns the module of a framework; `None` for what is none.
    pub fn module(self) -> Option<&'static str> {
        match self {
            Self::Driver | Self::Library => None,
            Self::Tensorflow => Some("tensorflow"),
            Self::Pytorch => Some("torch"),
            Self::Cupy => Some("cupy"),
            Self::Numba => Some("numba"),
            Self::CudaPython => Some("cuda"),
            Self::Jax => Some("jax"),
        }
    }

    /// Returns the level that a step belongs to.
    pub fn level(self) -> crate::probe::Level {
        match self {
            Self::Driver => crate::probe::Level::Driver,
            Self::Library => crate::probe::Level::Library,
            _ => crate::probe::Level::Framework,
        }
    }
}
