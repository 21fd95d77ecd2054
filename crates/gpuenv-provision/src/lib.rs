//! Does what gpuenv-core decides: reads channels, solves, fetches, links.
//!
//! The only crate that names rattler's gateway, solver and installer, so that
//! their next version is one crate's work.

#![forbid(unsafe_code)]

pub mod access;
pub mod activate;
pub mod batch;
mod builds;
pub mod cancel;
pub mod client;
mod contents;
pub mod embedded;
mod explain;
pub mod facts;
mod fetch;
mod file_lock;
pub mod index;
mod index_error;
pub mod install;
pub mod installed;
pub mod keyring;
pub mod outlook;
mod package_cache;
pub mod prefix;
pub mod registry;
pub mod scripts;
pub mod search;
pub mod solve;
mod space;
mod stage;
mod tree;
mod unpacked;
mod unzstd;
pub mod verify;
pub mod wheels;

pub use access::Access;
pub use cancel::{Cancel, Canceller};
pub use explain::Explanation;
pub use index_error::IndexError;
pub use solve::{SolveError, Upgrade, Wishes, solve};
pub use wheels::{Uv, WheelsError};
