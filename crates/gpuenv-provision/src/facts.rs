//! Gathers what a machine and an environment show, for the doctor and for `check`.
//!
//! Files are looked at, below a root that tests choose; of the machine at hand the
//! C library is asked itself, and on Windows the system. No driver is asked. Every
//! read is bounded: `/proc`, `/sys` and prefixes are what others made of them. What
//! cannot be read is absent.

mod bus;
mod dlls;
mod environment;
mod host;
mod libraries;
mod machine;
pub(crate) mod root;
mod surroundings;
mod wheels;

#[cfg(test)]
mod tests;

pub use environment::environment;
pub use host::host;
pub use machine::{HostError, machine, machine_without_driver};
