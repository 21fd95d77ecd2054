//! Activation as text for xonsh; written for and tested with 0.13.
//!
//! xonsh is Python: the rules of [`super::environment`] are one function, and
//! what the environment asks for is one literal behind it.

use super::{Activation, code_of, data};

/// The rules, as a function that takes the data.
const LIBRARY: &str = include_str!("xonsh/library.xsh");

/// Returns the script in `activate.d` that applies the own edits.
pub(super) fn activate_file(activation: &Activation) -> String {
    format!("{}{}", data::ACTIVATE_COMMENT, text(activation, "own"))
}

/// Returns the script in `deactivate.d` that undoes the own edits.
pub(super) fn deactivate_file(activation: &Activation) -> String {
    format!("{}{}", data::DEACTIVATE_COMMENT, text(activation, "disown"))
}

/// Returns the text that activates the environment and defines `gpuenv_deactivate`.
pub(super) fn hook(activation: &Activation) -> String {
    text(activation, "hook")
}

/// Returns the text that undoes the environment's activation if it is the last one.
pub(super) fn hook_deactivate(activation: &Activation) -> String {
    text(activation, "unhook")
}

fn text(activation: &Activation, entry: &str) -> String {
    let library = code_of(LIBRARY);
    let data = data::literal(activation, ".xsh");
    format!("{library}_gpuenv_library({data})[\"{entry}\"]()\ndel _gpuenv_library\n")
}
