//! What all integration tests stand on: channels built in code, a loopback
//! server with faults, and a hermetic sandbox for the program.
//!
//! `docs/guide/testing.md` shows how to write a test with it.

mod archive;
mod channel;
mod contents;
mod hello;
mod member;
mod metadata;
mod noise;
mod output;
mod package;
mod process;
mod python;
mod repodata;
mod sandbox;
mod server;
mod snapshot;
mod tree;
mod wheel;

pub use channel::{Channel, Published};
pub use contents::PLACEHOLDER;
pub use hello::hello_channel;
pub use member::Member;
pub use noise::noise;
pub use output::Output;
pub use package::Package;
pub use process::Running;
pub use sandbox::{Invocation, Sandbox, built_library};
pub use server::{Fault, Request, Server};
pub use tree::{tree, tree_with_hashes};
pub use wheel::{Wheel, sha256};
