//! The commands: one file each, with its arguments and one `run`.

pub mod activate;
pub mod check;
pub mod clean;
pub mod create;
pub mod deactivate;
pub mod devices;
pub mod direnv;
pub mod doctor;
pub mod explain;
pub mod export;
pub mod import;
pub mod info;
pub mod init;
pub mod jupyter;
pub mod lint;
pub mod list;
pub mod lock;
pub mod modulefile;
pub mod packages;
pub mod probe;
pub mod probe_worker;
pub mod recipe;
pub mod remove;
pub mod run;
pub mod shell;
pub mod shell_hook;
