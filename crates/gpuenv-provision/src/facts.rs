//! Gathers what a machine and an environment show, for the doctor.
//!
//! Only files are looked at, below a root that tests choose; no process is
//! started. Every read is bounded: `/proc`, `/sys` and prefixes are what others
//! made of them. What cannot be read is absent.

mod bus;
mod dlls;
mod environment;
mod host;
mod libraries;
pub(crate) mod root;
mod surroundings;
mod wheels;

#[cfg(test)]
mod tests;

pub use environment::environment;
pub use host::host;
