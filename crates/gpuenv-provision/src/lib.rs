//! Does what gpuenv-core decides: reads channels, solves, fetches, links.
//!
//! The only crate that names rattler's gateway, solver and installer, so that
//! their next version is one crate's work.

#![forbid(unsafe_code)]

pub mod access;
pub mod cancel;
pub mod client;
mod fetch;
mod file_lock;
pub mod install;
mod package_cache;
pub mod prefix;
pub mod registry;
mod space;
mod stage;
mod tree;
mod unpacked;

pub use access::Access;
pub use cancel::{Cancel, Canceller};
