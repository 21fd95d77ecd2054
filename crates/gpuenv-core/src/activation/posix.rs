//! Activation as text for bash, zsh and POSIX shells: one text for all of them.
//!
//! What it must survive: `set -eu`, `noclobber`, aliases of the builtins, any
//! `IFS`, zsh's options, being sourced inside a function. So builtins are
//! written with a backslash, nothing is left unquoted, and the functions keep
//! what they need in their positional parameters: a variable of ours would be
//! seen by the user. No process is started: no substitution, no pipe, no program.
//!
//! In bash and zsh a function can hide a builtin, so the hooks ask for the builtin
//! by `builtin`, which other shells do not have and do not need. The scripts in a
//! prefix are read by all of them.
//!
//! Values arrive as arguments in single quotes, and so do names, which an alias of
//! zsh would replace. What `eval` sees are names,
//! which [`check_variable`](super::check_variable) has passed, and levels,
//! which are digits; never a value.

mod builtins;

use super::{Activation, Edit, code_of, list::block};

pub(super) use self::builtins::with_builtins;

/// Sets variables and remembers what they were.
const APPLY: &str = include_str!("posix/apply.sh");

/// Takes that back.
const UNDO: &str = include_str!("posix/undo.sh");

/// `gpuenv_deactivate`, which calls the function of the topmost environment.
const DEACTIVATE: &str = include_str!("posix/deactivate.sh");

const APPLY_FUNCTIONS: &str = "_gpuenv_change _gpuenv_set _gpuenv_prepend";
const UNDO_FUNCTIONS: &str = "_gpuenv_restore _gpuenv_change_back _gpuenv_remove";

/// Matches what is not a level as [`super::environment`] reads it.
const NOT_CONDA_LEVEL: &str = "*[!0123456789]* | 0?* | ????*";

/// Returns the script in `activate.d` that applies the own edits.
pub(super) fn activate_file(activation: &Activation) -> String {
    let apply = code_of(APPLY);
    let own = own_function(activation);
    format!(
        "# Written by gpuenv. Sets what the environment's recipe asks for;\n\
         # the script of the same name in deactivate.d takes it back.\n\
         {apply}{own}\
         _gpuenv_own\n\
         \\unset -f {APPLY_FUNCTIONS} _gpuenv_own\n"
    )
}

/// Returns the script in `deactivate.d` that undoes the own edits.
pub(super) fn deactivate_file(activation: &Activation) -> String {
    let undo = code_of(UNDO);
    let disown = disown_function(activation);
    format!(
        "# Written by gpuenv. Takes back what the script of the same name in\n\
         # activate.d has set, unless something else has changed it since.\n\
         {undo}{disown}\
         _gpuenv_disown\n\
         \\unset -f {UNDO_FUNCTIONS} _gpuenv_disown\n"
    )
}

/// Returns the text that activates the environment and defines `gpuenv_deactivate`.
pub(super) fn hook(activation: &Activation) -> String {
    let apply = code_of(APPLY);
    let own = own_function(activation);
    let scripts = scripts_functions(activation.scripts.activate(".sh"));
    let on = on_function(activation);
    // First, so that what a variable's own rules keep from being changed can be undone.
    let off = off_functions(activation);
    format!(
        "{off}{apply}{own}{scripts}{on}\
         _gpuenv_on\n\
         \\unset -f {APPLY_FUNCTIONS} _gpuenv_own _gpuenv_scripts _gpuenv_source _gpuenv_on\n"
    )
}

/// Returns the text that undoes the environment's activation if it is the last one.
pub(super) fn hook_deactivate(activation: &Activation) -> String {
    let off = off_functions(activation);
    let tag = &activation.tag;
    let choose = function(
        "_gpuenv_off",
        &format!(
            "  \\set -- \"${{GPUENV_STACK-}}\"\n\
             \x20 case ${{1##*:}} in {tag}_*) gpuenv_deactivate; \\return 0 ;; esac\n\
             \x20 case :$1 in\n\
             \x20   *:{tag}_*) \\echo 'gpuenv: deactivate the environment above it first' >&2 ;;\n\
             \x20 esac\n\
             \x20 _gpuenv_tidy {tag}\n"
        ),
    );
    format!("{off}{choose}_gpuenv_off\n\\unset -f _gpuenv_off\n")
}

/// Returns the text that sources the packages' scripts and becomes the program in `"$@"`.
pub(super) fn run_script(activation: &Activation) -> String {
    let apply = code_of(APPLY);
    let own = own_function(activation);
    let paths = activation.scripts.activate(".sh");
    let scripts = sourced(paths, |path| format!("GPUENV_SCRIPT={path}; "));
    // Without `--`, bash would read a program's leading dash as an option; dash knows no `--`.
    format!(
        "{apply}{own}{scripts}\
         \\trap '{ENDED}' EXIT\n\
         _gpuenv_scripts\n\
         \\trap - EXIT\n\
         _gpuenv_own\n\
         \\unset -f {APPLY_FUNCTIONS} _gpuenv_own _gpuenv_scripts\n\
         \\unset -v GPUENV_SCRIPT\n\
         if \\[ -n \"${{BASH_VERSION-}}\" ]; then \\exec -- \"$@\"; fi\n\
         \\exec \"$@\"\n"
    )
}

/// Tells of a script that has ended the shell, so that the program cannot be started.
const ENDED: &str = "\\printf \"error[GE602]: the command was not started: \\`%s\\` has ended the shell\\n\" \
                     \"$GPUENV_SCRIPT\" >&2; \\exit 125";

fn function(name: &str, body: &str) -> String {
    format!("{name}() {{\n{body}}}\n")
}

fn own_function(activation: &Activation) -> String {
    let tag = &activation.tag;
    let levels = format!("GPUENV_LEVELS_{tag}");
    let edits: String = activation.own.iter().map(applied).collect();
    if edits.is_empty() {
        return function("_gpuenv_own", "  \\return 0\n");
    }
    let body = format!(
        "{level}\
         \x20 case ${{{levels}-}} in\n\
         \x20   \"$1\" | *\":$1\") \\set -- GPUENV_OWN_{tag}_\"$1\"_ again ;;\n\
         \x20   *)\n\
         \x20     \\export {levels}=\"${{{levels}:+${levels}:}}$1\"\n\
         \x20     \\set -- GPUENV_OWN_{tag}_\"$1\"_ new\n\
         \x20     ;;\n\
         \x20 esac\n\
         {edits}",
        level = conda_level(),
    );
    function("_gpuenv_own", &body)
}

fn disown_function(activation: &Activation) -> String {
    let tag = &activation.tag;
    let levels = format!("GPUENV_LEVELS_{tag}");
    let edits: String = activation.own.iter().rev().map(undone).collect();
    if edits.is_empty() {
        return function("_gpuenv_disown", "  \\return 0\n");
    }
    let body = format!(
        "  \\set -- \"${{{levels}-}}\"\n\
         \x20 \\set -- \"$1\" \"${{1##*:}}\"\n\
         \x20 case $2 in\n\
         \x20   '' | *[!0123456789]* | 0?* | ?????*) \\unset -v {levels}; \\return 0 ;;\n\
         \x20 esac\n\
         \x20 case $1 in\n\
         \x20   *:*) \\export {levels}=\"${{1%:*}}\" ;;\n\
         \x20   *) \\unset -v {levels} ;;\n\
         \x20 esac\n\
         \x20 \\set -- GPUENV_OWN_{tag}_\"$2\"_\n\
         {edits}"
    );
    function("_gpuenv_disown", &body)
}

/// Reads `CONDA_SHLVL` into the first positional parameter.
fn conda_level() -> String {
    format!(
        "  case ${{CONDA_SHLVL:-x}} in\n\
         \x20   {NOT_CONDA_LEVEL}) \\set -- 0 ;;\n\
         \x20   *) \\set -- \"$CONDA_SHLVL\" ;;\n\
         \x20 esac\n"
    )
}

fn on_function(activation: &Activation) -> String {
    let tag = &activation.tag;
    let prefix = quoted(&activation.prefix);
    let edits: String = activation.usual.iter().map(applied).collect();
    let body = format!(
        "{level}\
         \x20 \\set -- \"$1\" new\n\
         \x20 case ${{GPUENV_STACK-}} in\n\
         \x20   {tag}_\"$1\" | *:{tag}_\"$1\")\n\
         \x20     if \\[ \"${{CONDA_PREFIX-}}\" = {prefix} ]; then \\set -- \"$1\" again; fi ;;\n\
         \x20 esac\n\
         \x20 if \\[ \"$2\" = new ]; then\n\
         \x20   \\set -- \"$1\" new \"$(($1 + 1))\"\n\
         \x20   \\set -- \"$1\" new \"$3\" GPUENV_USUAL_{tag}_\"$3\"_\n\
         \x20   \\export GPUENV_STACK=\"${{GPUENV_STACK:+$GPUENV_STACK:}}{tag}_$3\"\n\
         \x20   _gpuenv_change \"$4\" CONDA_SHLVL \"$3\"\n\
         \x20   if \\[ \"$1\" != 0 ] && \\[ -n \"${{CONDA_PREFIX+x}}\" ]; then\n\
         \x20     _gpuenv_change \"$4\" CONDA_PREFIX_\"$1\" \"$CONDA_PREFIX\"\n\
         \x20     _gpuenv_change \"$4\" CONDA_STACKED_\"$3\" true\n\
         \x20   fi\n\
         \x20   \\set -- \"$4\" new\n\
         \x20 else\n\
         \x20   \\set -- GPUENV_USUAL_{tag}_\"$1\"_ again\n\
         \x20 fi\n\
         {edits}\
         \x20 if \\[ \"$2\" = new ]; then _gpuenv_source; fi\n\
         \x20 _gpuenv_own\n",
        level = conda_level(),
    );
    function("_gpuenv_on", &body)
}

/// Returns the definitions that stay in the shell: `gpuenv_deactivate` and what it calls.
fn off_functions(activation: &Activation) -> String {
    off_function(activation) + &code_of(DEACTIVATE)
}

fn off_function(activation: &Activation) -> String {
    let tag = &activation.tag;
    let edits: String = activation.usual.iter().rev().map(undone).collect();
    let undo = code_of(UNDO);
    let disown = disown_function(activation);
    let scripts = scripts_functions(activation.scripts.deactivate(".sh"));
    let body = format!(
        "  \\set -- \"${{GPUENV_STACK##*:}}\"\n\
         \x20 \\set -- \"${{1#{tag}_}}\"\n\
         \x20 case $1 in '' | *[!0123456789]* | 0* | ?????*) \\return 0 ;; esac\n\
         {undo}{disown}{scripts}\
         \x20 _gpuenv_disown\n\
         \x20 _gpuenv_source\n\
         \x20 \\set -- GPUENV_USUAL_{tag}_\"$1\"_ \"$1\" \"$(($1 - 1))\"\n\
         {edits}\
         \x20 _gpuenv_change_back \"$1\" CONDA_STACKED_\"$2\" true\n\
         \x20 _gpuenv_change_back \"$1\" CONDA_PREFIX_\"$3\" \"${{CONDA_PREFIX-}}\"\n\
         \x20 _gpuenv_change_back \"$1\" CONDA_SHLVL \"$2\"\n\
         \x20 case $GPUENV_STACK in\n\
         \x20   *:*) \\export GPUENV_STACK=\"${{GPUENV_STACK%:*}}\" ;;\n\
         \x20   *) \\unset -v GPUENV_STACK ;;\n\
         \x20 esac\n\
         \x20 \\unset -f {UNDO_FUNCTIONS} _gpuenv_disown _gpuenv_scripts _gpuenv_source\n"
    );
    function(&format!("_gpuenv_off_{tag}"), &body)
}

/// Returns the function that sources scripts, and one that does so without `-e` and `-u`.
///
/// Packages write for interactive shells: an unset variable would end the user's script.
fn scripts_functions<'a>(paths: impl Iterator<Item = &'a str>) -> String {
    let source = "  \\set -- \"$-\"\n\
         \x20 \\set +eu\n\
         \x20 _gpuenv_scripts\n\
         \x20 case $1 in *u*) \\set -u ;; *) \\set +u ;; esac\n\
         \x20 case $1 in *e*) \\set -e ;; *) \\set +e ;; esac\n";
    sourced(paths, |_| String::new()) + &function("_gpuenv_source", source)
}

/// Returns the function that sources scripts, each behind what is said of its path.
fn sourced<'a>(paths: impl Iterator<Item = &'a str>, before: fn(&str) -> String) -> String {
    let lines: String = paths
        .map(quoted)
        .map(|path| {
            let before = before(&path);
            format!("  if \\[ -r {path} ]; then {before}\\. {path}; fi\n")
        })
        .collect();
    function("_gpuenv_scripts", &(lines + "  \\return 0\n"))
}

/// Returns the line that applies an edit; `$1` and `$2` are the memory and `again` or `new`.
fn applied(edit: &Edit) -> String {
    match edit {
        Edit::Set { name, value } => {
            format!("  _gpuenv_set \"$1\" \"$2\" '{name}' {}\n", quoted(value))
        }
        Edit::PrependPath {
            name,
            dirs,
            separator,
        } => {
            let block = quoted(&block(dirs, *separator));
            format!("  _gpuenv_prepend \"$1\" \"$2\" '{name}' {block} '{separator}'\n")
        }
    }
}

/// Returns the line that undoes an edit; `$1` is the memory.
fn undone(edit: &Edit) -> String {
    match edit {
        Edit::Set { name, value } => {
            format!("  _gpuenv_change_back \"$1\" '{name}' {}\n", quoted(value))
        }
        Edit::PrependPath {
            name,
            dirs,
            separator,
        } => {
            let block = quoted(&block(dirs, *separator));
            format!("  _gpuenv_remove \"$1\" '{name}' {block} '{separator}'\n")
        }
    }
}

/// Returns the text as one word that a POSIX shell takes as it is.
pub(super) fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}
