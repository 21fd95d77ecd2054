//! What the probe saw, and what follows from it.
//!
//! The probe itself lives in `gpuenv-cuda` and runs in a child process; here is
//! only the value that it brings home, and the judgement of it. So far there is
//! one level, the driver; what the environment's libraries and frameworks show
//! will be further observations beside it, judged in the same place.

pub mod driver_errors;
mod evidence;
mod failed_calls;
mod findings;
mod judge;
mod observation;
mod verdict;

pub use driver_errors::{DriverError, driver_error};
pub use judge::judge;
pub use observation::{
    Comparison, ComputeMode, DeviceObservation, DriverFile, End, FailedCall, Level, LoadAttempt,
    Observation, SCHEMA, Step, Timing, WrongElement,
};
pub use verdict::{Verdict, VerdictKind};
