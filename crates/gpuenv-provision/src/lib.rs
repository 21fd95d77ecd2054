//! Does what gpuenv-core decides: reads channels, solves, fetches, links.
//!
//! The only crate that names rattler's gateway, solver and installer, so that
//! their next version is one crate's work.

#![forbid(unsafe_code)]

pub mod access;
pub mod activate;
pub mod client;
pub mod embedded;
mod explain;
pub mod index;
mod index_error;
pub mod solve;
mod unzstd;

pub use access::Access;
pub use explain::Explanation;
pub use index_error::IndexError;
pub use solve::{SolveError, Upgrade, Wishes, solve};
