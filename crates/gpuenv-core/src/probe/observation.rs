//! What one run of the probe saw: facts only, no judgement.
//!
//! The child process writes it as JSON, the report embeds it, and support asks
//! for it; so it says from which file the driver came, which call answered what,
//! and which numbers were compared.

use std::{collections::BTreeMap, fmt};

use serde::{Deserialize, Serialize};

use crate::target::{ComputeCapability, CudaVersion};

/// The version of the form of [`Observation`].
pub const SCHEMA: u32 = 1;

/// Everything that one run of the probe saw.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Observation {
    /// The version of this form: [`SCHEMA`].
    pub schema: u32,
    /// What was probed.
    pub level: Level,
    /// The operating system, as Rust names it: `linux`, `windows`.
    pub os: String,
    /// How the run ended.
    pub end: End,
    /// The driver's library, if one was loaded.
    pub driver: Option<DriverFile>,
    /// The files that were tried before and could not be loaded.
    pub load_attempts: Vec<LoadAttempt>,
    /// The functions that the driver's library should have and has not.
    pub missing_functions: Vec<String>,
    /// The version of the kernel module, where the system tells it.
    pub kernel_module: Option<String>,
    /// The CUDA version that the driver supports.
    pub cuda: Option<CudaVersion>,
    /// The environment variables that decide what a program sees.
    pub variables: BTreeMap<String, String>,
    /// What the random data grew from, in hexadecimal; with it a failure can be repeated.
    pub seed: Option<String>,
    /// The one device that was asked for; `None` for all.
    #[serde(default)]
    pub wanted: Option<u32>,
    /// How many devices the driver shows.
    pub device_count: Option<u32>,
    /// What each device did.
    pub devices: Vec<DeviceObservation>,
    /// The calls that failed and belong to no device.
    pub failures: Vec<FailedCall>,
    /// How long the steps took that belong to no device.
    pub timings: Vec<Timing>,
    /// The end of what the driver printed.
    pub noise: Option<String>,
}

/// What was probed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Level {
    /// The driver computes.
    Driver,
    /// The environment's CUDA libraries compute.
    Library,
    /// The environment's frameworks compute.
    Framework,
}

/// How a run of the probe ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "how", rename_all = "kebab-case")]
pub enum End {
    /// It went to its end.
    Finished,
    /// The process died.
    Crashed {
        /// The signal that killed it.
        signal: Option<i32>,
        /// The status with which it ended itself.
        exit_code: Option<i32>,
        /// What it was doing.
        last_step: Option<Step>,
    },
    /// It did not answer in time and was killed.
    Hung {
        /// How long it was waited for.
        after_ms: u64,
        /// What it was doing.
        last_step: Option<Step>,
        /// Whether it could be killed; what is stuck in the kernel cannot.
        killed: bool,
    },
    /// It said something that cannot be read.
    Garbled {
        /// What was wrong with it.
        why: String,
    },
    /// It could not be started.
    NotStarted {
        /// Why not.
        why: String,
    },
}

/// One step of the probe.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
    /// The driver's function, or a word for what is not one.
    pub call: String,
    /// The device that it is about.
    pub device: Option<u32>,
}

/// The library that was loaded as the driver.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DriverFile {
    /// The real file, links followed.
    pub file: String,
    /// The driver's version, where the file's name tells it.
    pub version: Option<String>,
}

/// A file that could not be loaded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LoadAttempt {
    /// The name that was asked for.
    pub file: String,
    /// Whether there is such a file.
    pub exists: bool,
    /// What the loader said.
    pub error: String,
}

/// What one device did.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DeviceObservation {
    /// The ordinal under which programs see it.
    pub ordinal: u32,
    /// The product's name.
    pub name: Option<String>,
    /// The UUID, of the MIG instance if it is one.
    pub uuid: Option<String>,
    /// The compute capability.
    pub compute_capability: Option<ComputeCapability>,
    /// The memory, in bytes.
    pub total_memory: Option<u64>,
    /// Who may use it.
    pub compute_mode: Option<ComputeMode>,
    /// Whether it is a MIG instance.
    pub mig: bool,
    /// The comparison with the CPU, if the kernel came that far.
    pub comparison: Option<Comparison>,
    /// The product of matrices through shared memory, if it came that far.
    #[serde(default)]
    pub product: Option<Comparison>,
    /// The walk over a part of its free memory, if enough was free.
    #[serde(default)]
    pub walk: Option<MemoryWalk>,
    /// Times at several sizes, where they were asked for.
    #[serde(default)]
    pub bench: Vec<Bench>,
    /// The calls that failed.
    pub failures: Vec<FailedCall>,
    /// What the driver's compiler said about the kernel.
    pub compiler_log: Option<String>,
    /// How long each step took.
    pub timings: Vec<Timing>,
}

/// Who may use a device.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ComputeMode {
    /// Everybody.
    Default,
    /// One context (a mode of old drivers).
    Exclusive,
    /// Nobody.
    Prohibited,
    /// One process.
    ExclusiveProcess,
}

/// The device's result beside the CPU's.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Comparison {
    /// How many elements were compared.
    pub elements: u64,
    /// How many differ.
    pub wrong: u64,
    /// The first one that differs.
    pub first_wrong: Option<WrongElement>,
}

/// A walk over memory: written with a pattern and its complement, and read again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MemoryWalk {
    /// How much memory, in bytes.
    pub bytes: u64,
    /// How many words of it differ, both times added up.
    pub wrong: u64,
    /// The first one that differs.
    pub first_wrong: Option<WrongElement>,
}

/// What transfers and kernel took at one size, in milliseconds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Bench {
    /// Elements of each of the two vectors.
    pub elements: u64,
    /// Both vectors to the device.
    pub upload_ms: f64,
    /// The kernel.
    pub run_ms: f64,
    /// One vector back.
    pub download_ms: f64,
}

/// An element that differs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WrongElement {
    /// Its index.
    pub index: u64,
    /// What the CPU computed.
    pub expected: String,
    /// What the device computed.
    pub found: String,
}

/// A driver call that failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FailedCall {
    /// The driver's function.
    pub call: String,
    /// The number that it answered.
    pub number: i32,
    /// The driver's name for that number.
    pub name: Option<String>,
    /// The driver's words for that number.
    pub text: Option<String>,
    /// The device that it is about.
    pub device: Option<u32>,
}

/// How long one step took, measured.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Timing {
    /// The step.
    pub step: String,
    /// The time, in milliseconds.
    pub milliseconds: f64,
}

impl Observation {
    /// Makes the observation of a run of which only its end is known.
    pub fn new(os: impl Into<String>, end: End) -> Self {
        Self {
            schema: SCHEMA,
            level: Level::Driver,
            os: os.into(),
            end,
            driver: None,
            load_attempts: Vec::new(),
            missing_functions: Vec::new(),
            kernel_module: None,
            cuda: None,
            variables: BTreeMap::new(),
            seed: None,
            wanted: None,
            device_count: None,
            devices: Vec::new(),
            failures: Vec::new(),
            timings: Vec::new(),
            noise: None,
        }
    }
}

impl DeviceObservation {
    /// Makes the observation of a device of which only its ordinal is known.
    pub fn new(ordinal: u32) -> Self {
        Self {
            ordinal,
            name: None,
            uuid: None,
            compute_capability: None,
            total_memory: None,
            compute_mode: None,
            mig: false,
            comparison: None,
            product: None,
            walk: None,
            bench: Vec::new(),
            failures: Vec::new(),
            compiler_log: None,
            timings: Vec::new(),
        }
    }

    /// Tells whether every number was right and every call went well.
    pub fn computes(&self) -> bool {
        let right = self
            .comparison
            .as_ref()
            .is_some_and(|c| c.elements > 0 && c.wrong == 0);
        let product = self.product.as_ref().is_none_or(|c| c.wrong == 0);
        let memory = self.walk.as_ref().is_none_or(|walk| walk.wrong == 0);
        right && product && memory && self.failures.is_empty()
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}`", self.call)?;
        match self.device {
            Some(device) => write!(f, " on GPU {device}"),
            None => Ok(()),
        }
    }
}

impl fmt::Display for FailedCall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { call, number, .. } = self;
        match &self.name {
            Some(name) => write!(f, "`{call}` answered {number} ({name})"),
            None => write!(f, "`{call}` answered {number}"),
        }
    }
}

impl fmt::Display for ComputeMode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Default => "default",
            Self::Exclusive => "exclusive",
            Self::Prohibited => "prohibited",
            Self::ExclusiveProcess => "exclusive-process",
        })
    }
}
