//! The commands: one file each, with its arguments and one `run`.

use crate::Failure;
use gpuenv_core::{Code, Diagnostic};

pub mod clean;
pub mod create;
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

/// Says that the command is not finished.
fn unfinished(command: &str) -> Failure {
    Diagnostic::error(
        Code::BUG,
        format!("`gpuenv {command}` is not finished in this build"),
    )
    .into()
}
