//! Asks the GPU: loads the driver, runs a kernel, compares with the CPU.
//!
//! The only crate with `unsafe`. A driver can hang or crash its host, so the
//! asking is done by a child process ([`worker`]) that a parent watches
//! ([`run_in_child`]); the parent always gets an [`Observation`] and always
//! within its deadline. What it means is for `gpuenv_core::probe::judge`.
//!
//! [`Observation`]: gpuenv_core::probe::Observation

mod child;
mod context;
mod device;
mod driver;
mod framework;
mod functions;
mod journal;
mod kernel;
mod libraries;
mod load;
mod message;
mod orphans;
mod process;
mod product;
mod stream;
mod surroundings;
mod transcript;
mod walk;
mod worker;

pub use child::{DEADLINE, run_in_child, run_library};
pub use framework::{FRAMEWORK_DEADLINE, program, run_framework};
pub use libraries::library_worker;
pub use worker::{Order, worker};
