//! Activation as text for fish; written for and tested with 3.6.
//!
//! The same state in the same variables as the POSIX text keeps, so that each
//! can undo what the other has done. What is particular here: variables whose
//! names end in `PATH` are lists, and only an expansion in double quotes joins
//! them as they were; a command substitution would lose the last line ends, so
//! parts of values are taken by the groups of `string match`.

use super::{Activation, Edit, code_of, list::block};

/// Sets variables and remembers what they were.
const APPLY: &str = include_str!("fish/apply.fish");

/// Takes that back.
const UNDO: &str = include_str!("fish/undo.fish");

/// `gpuenv_deactivate`, which calls the function of the topmost environment.
const DEACTIVATE: &str = include_str!("fish/deactivate.fish");

const APPLY_FUNCTIONS: &str = "_gpuenv_change _gpuenv_set _gpuenv_prepend";
const UNDO_FUNCTIONS: &str = "_gpuenv_restore _gpuenv_change_back _gpuenv_remove";

/// Reads `CONDA_SHLVL` as [`super::environment`] does.
const CONDA_LEVEL: &str = "set -l _gpuenv_level $CONDA_SHLVL\n\
     if not string match -qr -- '\\A(0|[1-9][0-9]{0,2})\\z' \"$CONDA_SHLVL\"\n\
     set _gpuenv_level 0\n\
     end\n";

/// Returns the script in `activate.d` that applies the own edits.
pub(super) fn activate_file(activation: &Activation) -> String {
    let apply = code_of(APPLY);
    let own = own_function(activation);
    format!(
        "# Written by gpuenv. Sets what the environment's recipe asks for;\n\
         # the script of the same name in deactivate.d takes it back.\n\
         {apply}{own}\
         _gpuenv_own\n\
         functions -e {APPLY_FUNCTIONS} _gpuenv_own\n"
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
         functions -e {UNDO_FUNCTIONS} _gpuenv_disown\n"
    )
}

/// Returns the text that activates the environment and defines `gpuenv_deactivate`.
pub(super) fn hook(activation: &Activation) -> String {
    let apply = code_of(APPLY);
    let own = own_function(activation);
    let on = on_function(activation);
    let off = off_functions(activation);
    format!(
        "{apply}{own}{on}\
         _gpuenv_on\n\
         functions -e {APPLY_FUNCTIONS} _gpuenv_own _gpuenv_on\n\
         {off}"
    )
}

/// Returns the text that undoes the environment's activation if it is the last one.
pub(super) fn hook_deactivate(activation: &Activation) -> String {
    let off = off_functions(activation);
    let tag = &activation.tag;
    format!(
        "{off}\
         if string match -qr -- '(\\A|:){tag}_[0-9]+\\z' \"$GPUENV_STACK\"\n\
         gpuenv_deactivate\n\
         else\n\
         if string match -q -- '*:{tag}_*' \":$GPUENV_STACK\"\n\
         echo 'gpuenv: deactivate the environment above it first' >&2\n\
         end\n\
         _gpuenv_tidy {tag}\n\
         end\n"
    )
}

fn function(name: &str, body: &str) -> String {
    format!("function {name}\n{body}end\n")
}

fn own_function(activation: &Activation) -> String {
    let tag = &activation.tag;
    let edits: String = activation.own.iter().map(applied).collect();
    if edits.is_empty() {
        return function("_gpuenv_own", "");
    }
    let body = format!(
        "{CONDA_LEVEL}\
         set -l _gpuenv_levels GPUENV_LEVELS_{tag}\n\
         set -l _gpuenv_again again\n\
         if not string match -q -- \"*:$_gpuenv_level\" \":$$_gpuenv_levels\"\n\
         set _gpuenv_again new\n\
         if test -n \"$$_gpuenv_levels\"\n\
         set -gx $_gpuenv_levels \"$$_gpuenv_levels:$_gpuenv_level\"\n\
         else\n\
         set -gx $_gpuenv_levels $_gpuenv_level\n\
         end\n\
         end\n\
         set -l _gpuenv_memory GPUENV_OWN_{tag}_\"$_gpuenv_level\"_\n\
         {edits}"
    );
    function("_gpuenv_own", &body)
}

fn disown_function(activation: &Activation) -> String {
    let tag = &activation.tag;
    let edits: String = activation.own.iter().rev().map(undone).collect();
    if edits.is_empty() {
        return function("_gpuenv_disown", "");
    }
    let body = format!(
        "set -l _gpuenv_lower\n\
         set -l _gpuenv_level\n\
         if not string match -qr -- \
         '\\A((?<_gpuenv_lower>.*):)?(?<_gpuenv_level>0|[1-9][0-9]{{0,3}})\\z' \
         \"$GPUENV_LEVELS_{tag}\"\n\
         set -eg GPUENV_LEVELS_{tag}\n\
         return 0\n\
         end\n\
         if string match -q -- '*:*' \"$GPUENV_LEVELS_{tag}\"\n\
         set -gx GPUENV_LEVELS_{tag} $_gpuenv_lower\n\
         else\n\
         set -eg GPUENV_LEVELS_{tag}\n\
         end\n\
         set -l _gpuenv_memory GPUENV_OWN_{tag}_\"$_gpuenv_level\"_\n\
         {edits}"
    );
    function("_gpuenv_disown", &body)
}

fn on_function(activation: &Activation) -> String {
    let tag = &activation.tag;
    let prefix = quoted(&activation.prefix);
    let edits: String = activation.usual.iter().map(applied).collect();
    let scripts = sourced(activation.scripts.activate(".fish"));
    let body = format!(
        "{CONDA_LEVEL}\
         set -l _gpuenv_again new\n\
         if string match -q -- \"*:{tag}_$_gpuenv_level\" \":$GPUENV_STACK\"; \
         and test \"s$CONDA_PREFIX\" = s{prefix}\n\
         set _gpuenv_again again\n\
         end\n\
         set -l _gpuenv_memory GPUENV_USUAL_{tag}_\"$_gpuenv_level\"_\n\
         if test $_gpuenv_again = new\n\
         set -l _gpuenv_below $_gpuenv_level\n\
         set _gpuenv_level (math $_gpuenv_below + 1)\n\
         set _gpuenv_memory GPUENV_USUAL_{tag}_\"$_gpuenv_level\"_\n\
         if test -n \"$GPUENV_STACK\"\n\
         set -gx GPUENV_STACK \"$GPUENV_STACK:{tag}_$_gpuenv_level\"\n\
         else\n\
         set -gx GPUENV_STACK {tag}_$_gpuenv_level\n\
         end\n\
         _gpuenv_change $_gpuenv_memory CONDA_SHLVL $_gpuenv_level\n\
         if test $_gpuenv_below != 0; and set -q CONDA_PREFIX\n\
         _gpuenv_change $_gpuenv_memory CONDA_PREFIX_$_gpuenv_below \"$CONDA_PREFIX\"\n\
         _gpuenv_change $_gpuenv_memory CONDA_STACKED_$_gpuenv_level true\n\
         end\n\
         end\n\
         {edits}\
         if test $_gpuenv_again = new\n\
         {scripts}\
         end\n\
         _gpuenv_own\n"
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
    let scripts = sourced(activation.scripts.deactivate(".fish"));
    let body = format!(
        "set -l _gpuenv_level\n\
         if not string match -qr -- \
         '(\\A|:){tag}_(?<_gpuenv_level>[1-9][0-9]{{0,3}})\\z' \"$GPUENV_STACK\"\n\
         return 0\n\
         end\n\
         {undo}{disown}\
         _gpuenv_disown\n\
         {scripts}\
         set -l _gpuenv_memory GPUENV_USUAL_{tag}_\"$_gpuenv_level\"_\n\
         set -l _gpuenv_below (math $_gpuenv_level - 1)\n\
         {edits}\
         _gpuenv_change_back $_gpuenv_memory CONDA_STACKED_$_gpuenv_level true\n\
         _gpuenv_change_back $_gpuenv_memory CONDA_PREFIX_$_gpuenv_below \"$CONDA_PREFIX\"\n\
         _gpuenv_change_back $_gpuenv_memory CONDA_SHLVL $_gpuenv_level\n\
         set -l _gpuenv_lower\n\
         if string match -qr -- '(?s)\\A(?<_gpuenv_lower>.*):' \"$GPUENV_STACK\"\n\
         set -gx GPUENV_STACK $_gpuenv_lower\n\
         else\n\
         set -eg GPUENV_STACK\n\
         end\n\
         functions -e {UNDO_FUNCTIONS} _gpuenv_disown\n"
    );
    function(&format!("_gpuenv_off_{tag}"), &body)
}

fn sourced<'a>(paths: impl Iterator<Item = &'a str>) -> String {
    paths
        .map(quoted)
        .map(|path| format!("if test -r {path}\nsource {path}\nend\n"))
        .collect()
}

/// Returns the line that applies an edit.
fn applied(edit: &Edit) -> String {
    match edit {
        Edit::Set { name, value } => {
            let value = quoted(value);
            format!("_gpuenv_set $_gpuenv_memory $_gpuenv_again {name} {value}\n")
        }
        Edit::PrependPath {
            name,
            dirs,
            separator,
        } => {
            let directories = directories(dirs, *separator);
            format!("_gpuenv_prepend $_gpuenv_memory $_gpuenv_again {name} {directories}\n")
        }
    }
}

/// Returns the line that undoes an edit.
fn undone(edit: &Edit) -> String {
    match edit {
        Edit::Set { name, value } => {
            let value = quoted(value);
            format!("_gpuenv_change_back $_gpuenv_memory {name} {value}\n")
        }
        Edit::PrependPath {
            name,
            dirs,
            separator,
        } => {
            let directories = directories(dirs, *separator);
            format!("_gpuenv_remove $_gpuenv_memory {name} {directories}\n")
        }
    }
}

/// Returns the directories as a list, as a pattern that matches just that list, and
/// what separates them.
fn directories(dirs: &[String], separator: char) -> String {
    let block = block(dirs, separator);
    format!(
        "{} {} '{separator}'",
        quoted(&block),
        quoted(&pattern(&block))
    )
}

/// Returns a regular expression (PCRE) that matches just this text.
fn pattern(text: &str) -> String {
    let mut pattern = String::with_capacity(text.len());
    for character in text.chars() {
        if character.is_ascii_punctuation() || character == ' ' {
            pattern.push('\\');
            pattern.push(character);
        } else if character.is_ascii_control() {
            pattern.push_str(&format!("\\x{{{:x}}}", u32::from(character)));
        } else {
            pattern.push(character);
        }
    }
    pattern
}

/// Returns the text as one word that fish takes as it is.
pub(super) fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\\', r"\\").replace('\'', r"\'"))
}
