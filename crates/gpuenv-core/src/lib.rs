//! Decides everything that gpuenv does, and does nothing itself.
//!
//! One straight line of values: recipe → plan → solution → lock → changes →
//! activation → observation → verdict. Nothing here touches a file, a socket,
//! the environment, a clock, a process or a terminal: whatever a decision needs
//! arrives as a plain value.

#![forbid(unsafe_code)]

pub mod activation;
pub mod builds;
pub mod bytes;
pub mod changes;
pub mod channel;
pub mod code;
pub mod conflict;
pub mod cuda_version;
pub mod diagnostic;
pub mod doctor;
pub mod event;
pub mod exclude_newer;
pub mod export;
pub mod facts;
pub mod fits;
pub mod generation;
pub mod graph;
pub mod import;
pub mod integrity;
pub mod layout;
pub mod lint;
pub mod lock;
pub mod machine;
pub mod neighbours;
pub mod percent;
pub mod plan;
pub mod probe;
pub mod recipe;
pub mod search;
pub mod solution;
pub mod target;
pub mod wheels;
pub mod xla;

pub use bytes::Bytes;
pub use changes::Changes;
pub use code::Code;
pub use conflict::Conflict;
pub use diagnostic::{Diagnostic, Place, Severity, Span};
pub use event::{Event, Reporter};
pub use lock::Lock;
pub use machine::Machine;
pub use plan::Plan;
pub use recipe::Recipe;
pub use solution::Solution;
pub use target::Target;
pub use wheels::Wheel;
