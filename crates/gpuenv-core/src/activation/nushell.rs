//! Activation as text for nushell; written for and tested with 0.108.
//!
//! The text is sourced from a file: nushell has no `eval`. A definition cannot be
//! taken away again, so what undoes an activation is data in a variable that is
//! no text, which no child process sees.

use super::{Activation, code_of, data};

/// Hides what is gone. A definition can hide a variable from its caller only: what
/// nushell inherited and then changed has to be hidden twice, by the file itself.
const HIDE: &str = "\
    for name in $env.GPUENV_GONE.names { while $name in ($env | columns) { hide-env $name } }\n\
    hide-env GPUENV_GONE\n";

/// The rules of [`super::environment`], and `gpuenv_deactivate`.
const LIBRARY: &str = include_str!("nushell/library.nu");

/// Returns the script in `activate.d` that applies the own edits.
pub(super) fn activate_file(activation: &Activation) -> String {
    file(data::ACTIVATE_COMMENT, activation, "_gpuenv_own")
}

/// Returns the script in `deactivate.d` that undoes the own edits.
pub(super) fn deactivate_file(activation: &Activation) -> String {
    file(data::DEACTIVATE_COMMENT, activation, "_gpuenv_disown") + HIDE
}

/// Returns the text that activates the environment and defines `gpuenv_deactivate`.
pub(super) fn hook(activation: &Activation) -> String {
    let activate = sourced(activation.scripts.activate(".nu"));
    let deactivate = sourced(activation.scripts.deactivate(".nu"));
    let call = format!(
        "_gpuenv_hook {} {{|| {activate} }} {}",
        data::nushell_literal(activation),
        apart(&deactivate)
    );
    text(&call)
}

/// Returns the text that undoes the environment's activation if it is the last one.
pub(super) fn hook_deactivate(activation: &Activation) -> String {
    let deactivate = sourced(activation.scripts.deactivate(".nu"));
    let call = format!(
        "_gpuenv_unhook {} {}",
        data::nushell_literal(activation),
        apart(&deactivate)
    );
    text(&call) + HIDE
}

/// Returns a closure that makes changes, sources scripts and returns what is left.
fn apart(scripts: &str) -> String {
    format!(
        "{{|changed, gone| load-env $changed; for name in $gone {{ while $name in ($env | columns) {{ hide-env $name }} }}; \
         {scripts}; _gpuenv_state }}"
    )
}

fn file(comment: &str, activation: &Activation, function: &str) -> String {
    let data = data::nushell_literal(activation);
    format!("{comment}{}", text(&format!("{function} {data}")))
}

/// Returns the rules, a call, and what makes the rules' names unknown again.
fn text(call: &str) -> String {
    let library = code_of(LIBRARY);
    let names = library.lines().filter_map(|line| {
        let name = line.strip_prefix("def ")?;
        let name = name.strip_prefix("--env ").unwrap_or(name);
        name.split(' ').next().filter(|name| name.starts_with('_'))
    });
    let hidden: String = names.map(|name| format!("hide {name}\n")).collect();
    format!("{library}{call}\n{hidden}")
}

/// Returns the commands that source scripts, if they are there when this is read.
fn sourced<'a>(paths: impl Iterator<Item = &'a str>) -> String {
    let paths = paths.map(data::nushell_quoted);
    let lines = paths
        .map(|path| format!("source-env (if ({path} | path exists) {{ {path} }} else {{ null }})"));
    lines.collect::<Vec<_>>().join("; ")
}
