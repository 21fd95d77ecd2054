//! Does what gpuenv-core decides: reads channels, solves, fetches, links.
//!
//! The only crate that names rattler's gateway, solver and installer, so that
//! their next version is one crate's work.

#![forbid(unsafe_code)]

pub mod access;
pub mod client;

pub use access::Access;
