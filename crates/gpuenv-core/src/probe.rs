//! What the probe saw, and what follows from it.
//!
//! The probe itself lives in `gpuenv-cuda` and runs in a child process; here is
//! only the value that it brings home, and the judgement of it. There are three
//! levels, each with an observation of its own: the driver, the environment's
//! CUDA libraries, and its frameworks. They are judged together.

mod class;
pub mod driver_errors;
mod evidence;
mod failed_calls;
pub(crate) mod findings;
mod framework;
pub(crate) mod framework_findings;
mod judge;
mod library;
pub(crate) mod library_findings;
mod library_name;
mod observation;
mod verdict;
pub(crate) mod xla_findings;

pub use class::VerdictClass;
pub use driver_errors::{DriverError, driver_error};
pub use framework::{
    Build, Check, FrameworkDevice, FrameworkFacts, FrameworkObservation, MemoryUse, Module, Python,
    Raised,
};
pub use judge::{Expectation, Levels, judge, judge_levels};
pub use library::{FoundFile, Library, LibraryKind, LibraryObservation};
pub use observation::{
    Bench, Comparison, ComputeMode, DeviceObservation, DriverFile, End, FailedCall, Level,
    LoadAttempt, MemoryWalk, Observation, SCHEMA, Step, Timing, WrongElement,
};
pub use verdict::{Verdict, VerdictKind};
