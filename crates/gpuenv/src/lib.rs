//! Talks: arguments, commands, printing, progress, exit codes.
//!
//! The only crate that knows a terminal. A command reads its arguments, calls
//! the stages in order and returns what it concluded; how that looks is decided
//! here once, for all commands.

#![forbid(unsafe_code)]

pub mod activating;
pub mod bringing;
pub mod checking;
pub mod choosing;
pub mod cli;
pub mod commands;
pub mod config;
pub mod creating;
pub mod deciding;
pub mod document;
pub mod env;
pub mod environments;
pub mod exit;
pub mod extending;
pub mod facts;
pub mod going_back;
pub mod indexes;
pub mod installing;
pub mod interrupt;
pub mod lockfile;
pub mod locking;
pub mod log;
pub mod looking;
pub mod mirror;
pub mod options;
pub mod origin;
pub mod outcome;
pub mod outside;
pub mod pager;
pub mod panic;
pub mod pasted;
pub mod printer;
pub mod probing;
pub mod program;
pub mod progress;
pub mod ready;
pub mod render;
pub mod session;
pub mod source;
mod startup;
pub mod style;
pub mod table;
pub mod untrusted;
pub mod updating;
pub mod verifying;
pub mod wanted;
pub mod word;

pub use cli::command_line;
pub use outcome::{Failure, Outcome};
pub use program::main;
pub use session::Session;
