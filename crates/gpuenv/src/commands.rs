//! The commands: one file each, with its arguments and one `run`.

pub mod clean;
pub mod create;
pub mod devices;
pub mod doctor;
pub mod explain;
pub mod info;
pub mod list;
pub mod lock;
pub mod probe;
pub mod probe_worker;
pub mod recipe;
pub mod remove;
pub mod run;
pub mod shell_hook;
