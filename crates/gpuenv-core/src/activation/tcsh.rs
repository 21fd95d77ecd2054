//! Activation as text for tcsh; written for and tested with 6.24.
//!
//! tcsh has no functions, so what others write as functions are texts in
//! variables here, and `eval` runs them. It has to be sourced from a file: in
//! `` eval `…` `` the line ends of a value would be lost. What the texts work
//! with are variables named `_gpuenv_t_…`, which go at the end.
//!
//! The value of a variable is only ever written `$name:q`, which nothing
//! interprets again, and never inside a branch, whose lines tcsh would search
//! for an `endif`.

use super::data::{ACTIVATE_COMMENT, DEACTIVATE_COMMENT};
use super::{Activation, Edit, code_of, list::block};

/// The texts that stand for functions, by name.
const TEXTS: &[(&str, &str)] = &[
    ("look", include_str!("tcsh/look.csh")),
    ("change", include_str!("tcsh/change.csh")),
    ("set", include_str!("tcsh/set.csh")),
    ("prepend", include_str!("tcsh/prepend.csh")),
    ("restore", include_str!("tcsh/restore.csh")),
    ("change_back", include_str!("tcsh/change_back.csh")),
    ("remove", include_str!("tcsh/remove.csh")),
];

/// `gpuenv_deactivate`: runs the text that undoes the topmost environment.
const DEACTIVATE: &str = include_str!("tcsh/deactivate.csh");

/// Removes what has nothing left to undo; `_gpuenv_t_tag` is the environment's.
const TIDY: &str = include_str!("tcsh/tidy.csh");

/// A backslash means what these texts think it does, until [`END`].
const BEGIN: &str = "\
    set _gpuenv_t_backslash = $?backslash_quote\n\
    if ($_gpuenv_t_backslash) unset backslash_quote\n";

const END: &str = "\
    if ($_gpuenv_t_backslash) set backslash_quote\n\
    unset '_gpuenv_t_*'\n";

/// Reads `CONDA_SHLVL` as [`super::environment`] does.
const CONDA_LEVEL: &str = "\
    set _gpuenv_t_k = CONDA_SHLVL\n\
    eval $_gpuenv_t_look:q\n\
    set _gpuenv_t_level = 0\n\
    if (s${_gpuenv_t_l:q} =~ s[0123456789]) set _gpuenv_t_level = $_gpuenv_t_l:q\n\
    if (s${_gpuenv_t_l:q} =~ s[123456789][0123456789]) set _gpuenv_t_level = $_gpuenv_t_l:q\n\
    if (s${_gpuenv_t_l:q} =~ s[123456789][0123456789][0123456789]) \
    set _gpuenv_t_level = $_gpuenv_t_l:q\n";

/// Returns the script in `activate.d` that applies the own edits.
pub(super) fn activate_file(activation: &Activation) -> String {
    let own = own(activation);
    format!("{ACTIVATE_COMMENT}{BEGIN}{}{own}{END}", texts())
}

/// Returns the script in `deactivate.d` that undoes the own edits.
pub(super) fn deactivate_file(activation: &Activation) -> String {
    let disown = disown(activation);
    format!("{DEACTIVATE_COMMENT}{BEGIN}{}{disown}{END}", texts())
}

/// Returns the text that activates the environment and defines `gpuenv_deactivate`.
pub(super) fn hook(activation: &Activation) -> String {
    let tag = &activation.tag;
    let prefix = quoted(&activation.prefix);
    let scripts = sourced(activation.scripts.activate(".csh"), "$_gpuenv_t_a == new");
    let edits = applied(&activation.usual);
    let own = own(activation);
    let off = quoted(&off(activation));
    let deactivate = quoted(&code_of(DEACTIVATE));
    let tidy = quoted(&code_of(TIDY));
    format!(
        "{BEGIN}{texts}{CONDA_LEVEL}\
         set _gpuenv_t_prefix = {prefix}\n\
         set _gpuenv_t_k = GPUENV_STACK\n\
         eval $_gpuenv_t_look:q\n\
         set _gpuenv_t_stack = $_gpuenv_t_l:q\n\
         set _gpuenv_t_top = $_gpuenv_t_l:as|:|/|:t:q\n\
         set _gpuenv_t_k = CONDA_PREFIX\n\
         eval $_gpuenv_t_look:q\n\
         set _gpuenv_t_lower = $_gpuenv_t_c:q\n\
         set _gpuenv_t_a = new\n\
         if (s${{_gpuenv_t_top:q}} == s{tag}_$_gpuenv_t_level && \
         $_gpuenv_t_lower:q == s${{_gpuenv_t_prefix:q}}) set _gpuenv_t_a = again\n\
         set _gpuenv_t_m = GPUENV_USUAL_{tag}_${{_gpuenv_t_level}}_\n\
         if ($_gpuenv_t_a == new) then\n\
         set _gpuenv_t_below = $_gpuenv_t_level\n\
         @ _gpuenv_t_level = $_gpuenv_t_level + 1\n\
         set _gpuenv_t_m = GPUENV_USUAL_{tag}_${{_gpuenv_t_level}}_\n\
         if (s${{_gpuenv_t_stack:q}} == s) then\n\
         setenv GPUENV_STACK {tag}_$_gpuenv_t_level\n\
         else\n\
         setenv GPUENV_STACK ${{_gpuenv_t_stack:q}}:{tag}_$_gpuenv_t_level\n\
         endif\n\
         set _gpuenv_t_k = CONDA_SHLVL\n\
         set _gpuenv_t_v = $_gpuenv_t_level\n\
         eval $_gpuenv_t_look:q\n\
         eval $_gpuenv_t_change:q\n\
         if ($_gpuenv_t_below != 0 && $_gpuenv_t_lower:q != u) then\n\
         set _gpuenv_t_k = CONDA_PREFIX_$_gpuenv_t_below\n\
         set _gpuenv_t_v = $_gpuenv_t_lower:s/s//:q\n\
         eval $_gpuenv_t_look:q\n\
         eval $_gpuenv_t_change:q\n\
         set _gpuenv_t_k = CONDA_STACKED_$_gpuenv_t_level\n\
         set _gpuenv_t_v = true\n\
         eval $_gpuenv_t_look:q\n\
         eval $_gpuenv_t_change:q\n\
         endif\n\
         endif\n\
         {edits}\
         {scripts}\
         {own}\
         set _gpuenv_off_{tag} = {off}\n\
         set _gpuenv_tidy = {tidy}\n\
         set _gpuenv_deactivate = {deactivate}\n\
         alias gpuenv_deactivate 'eval $_gpuenv_deactivate:q'\n\
         {END}",
        texts = texts(),
    )
}

/// Returns the text that undoes the environment's activation if it is the last one.
pub(super) fn hook_deactivate(activation: &Activation) -> String {
    let tag = &activation.tag;
    let off = quoted(&off(activation));
    let tidy = quoted(&code_of(TIDY));
    format!(
        "{BEGIN}set _gpuenv_t_tag = {tag}\n\
         set _gpuenv_t_stack = ''\n\
         if ($?GPUENV_STACK) eval 'set _gpuenv_t_stack = $GPUENV_STACK:q'\n\
         set _gpuenv_t_off = {off}\n\
         set _gpuenv_tidy = {tidy}\n\
         if (s$_gpuenv_t_stack:as|:|/|:t:q =~ s{tag}_*) then\n\
         eval $_gpuenv_t_off:q\n\
         else if (:${{_gpuenv_t_stack:q}} =~ *:{tag}_*) then\n\
         echo 'gpuenv: deactivate the environment above it first' >>! /dev/stderr\n\
         endif\n\
         eval $_gpuenv_tidy:q\n\
         {END}"
    )
}

fn texts() -> String {
    let text = |(name, text): &(&str, &str)| {
        format!("set _gpuenv_t_{name} = {}\n", quoted(&code_of(text)))
    };
    let usual = "set _gpuenv_t_s = ':'\n".to_string();
    std::iter::once(usual)
        .chain(TEXTS.iter().map(text))
        .collect()
}

fn own(activation: &Activation) -> String {
    if activation.own.is_empty() {
        return String::new();
    }
    let tag = &activation.tag;
    let edits = applied(&activation.own);
    format!(
        "{CONDA_LEVEL}\
         set _gpuenv_t_k = GPUENV_LEVELS_{tag}\n\
         eval $_gpuenv_t_look:q\n\
         set _gpuenv_t_top = $_gpuenv_t_l:as|:|/|:t:q\n\
         set _gpuenv_t_a = again\n\
         set _gpuenv_t_v = $_gpuenv_t_level\n\
         if (s${{_gpuenv_t_l:q}} != s) set _gpuenv_t_v = ${{_gpuenv_t_l:q}}:$_gpuenv_t_level\n\
         if (s${{_gpuenv_t_top:q}} != s$_gpuenv_t_level) then\n\
         set _gpuenv_t_a = new\n\
         setenv GPUENV_LEVELS_{tag} $_gpuenv_t_v:q\n\
         endif\n\
         set _gpuenv_t_m = GPUENV_OWN_{tag}_${{_gpuenv_t_level}}_\n\
         {edits}"
    )
}

/// Returns what undoes the own edits. A level that is none leaves no memory to find.
fn disown(activation: &Activation) -> String {
    if activation.own.is_empty() {
        return String::new();
    }
    let tag = &activation.tag;
    let edits = undone(&activation.own);
    format!(
        "set _gpuenv_t_k = GPUENV_LEVELS_{tag}\n\
         eval $_gpuenv_t_look:q\n\
         set _gpuenv_t_top = $_gpuenv_t_l:as|:|/|:t:q\n\
         set _gpuenv_t_v = $_gpuenv_t_l:as|:|/|:h:as|/|:|:q\n\
         if (${{_gpuenv_t_l:q}}: =~ *?:?*) then\n\
         setenv GPUENV_LEVELS_{tag} $_gpuenv_t_v:q\n\
         else\n\
         unsetenv GPUENV_LEVELS_{tag}\n\
         endif\n\
         if (s${{_gpuenv_t_top:q}} !~ s[0123456789]*) set _gpuenv_t_top = none\n\
         set _gpuenv_t_m = GPUENV_OWN_{tag}_${{_gpuenv_t_top:q}}_\n\
         {edits}"
    )
}

/// Returns the text that undoes the environment, if it is the topmost one.
fn off(activation: &Activation) -> String {
    let tag = &activation.tag;
    let disown = disown(activation);
    let scripts = sourced(activation.scripts.deactivate(".csh"), "1");
    let edits = undone(&activation.usual);
    format!(
        "{texts}{disown}{scripts}\
         set _gpuenv_t_top = $GPUENV_STACK:as|:|/|:t:q\n\
         set _gpuenv_t_level = $_gpuenv_t_top:s/{tag}_//:q\n\
         set _gpuenv_t_m = GPUENV_USUAL_{tag}_${{_gpuenv_t_level:q}}_\n\
         {edits}\
         @ _gpuenv_t_below = $_gpuenv_t_level - 1\n\
         set _gpuenv_t_k = CONDA_STACKED_$_gpuenv_t_level\n\
         set _gpuenv_t_v = true\n\
         eval $_gpuenv_t_change_back:q\n\
         set _gpuenv_t_k = CONDA_PREFIX\n\
         eval $_gpuenv_t_look:q\n\
         set _gpuenv_t_v = $_gpuenv_t_l:q\n\
         set _gpuenv_t_k = CONDA_PREFIX_$_gpuenv_t_below\n\
         eval $_gpuenv_t_change_back:q\n\
         set _gpuenv_t_k = CONDA_SHLVL\n\
         set _gpuenv_t_v = $_gpuenv_t_level\n\
         eval $_gpuenv_t_change_back:q\n\
         set _gpuenv_t_v = $GPUENV_STACK:as|:|/|:h:as|/|:|:q\n\
         if ($GPUENV_STACK:q =~ *:*) then\n\
         setenv GPUENV_STACK $_gpuenv_t_v:q\n\
         else\n\
         unsetenv GPUENV_STACK\n\
         endif\n",
        texts = texts(),
    )
}

/// Returns what sources scripts where the condition holds.
fn sourced<'a>(paths: impl Iterator<Item = &'a str>, condition: &str) -> String {
    let line = |path| {
        let path = quoted(path);
        format!(
            "set _gpuenv_t_path = {path}\n\
             if ({condition} && -r $_gpuenv_t_path:q) source $_gpuenv_t_path:q\n"
        )
    };
    paths.map(line).collect()
}

fn applied(edits: &[Edit]) -> String {
    let one = |edit: &Edit| match edit {
        Edit::Set { name, value } => format!(
            "set _gpuenv_t_k = {name}\n\
             set _gpuenv_t_v = {}\n\
             eval $_gpuenv_t_set:q\n",
            quoted(value)
        ),
        Edit::PrependPath {
            name,
            dirs,
            separator,
        } => looked_up(name, dirs, *separator) + "eval $_gpuenv_t_prepend:q\n",
    };
    edits.iter().map(one).collect()
}

fn undone(edits: &[Edit]) -> String {
    let one = |edit: &Edit| match edit {
        Edit::Set { name, value } => format!(
            "set _gpuenv_t_k = {name}\n\
             set _gpuenv_t_v = {}\n\
             eval $_gpuenv_t_change_back:q\n",
            quoted(value)
        ),
        Edit::PrependPath {
            name,
            dirs,
            separator,
        } => looked_up(name, dirs, *separator) + "eval $_gpuenv_t_remove:q\n",
    };
    edits.iter().rev().map(one).collect()
}

/// Returns what looks for the directories on a list, and takes them off a copy of it.
fn looked_up(name: &str, dirs: &[String], separator: char) -> String {
    let block = block(dirs, separator);
    format!(
        "set _gpuenv_t_k = {name}\n\
         set _gpuenv_t_b = {}\n\
         set _gpuenv_t_s = '{separator}'\n\
         eval $_gpuenv_t_look:q\n\
         set _gpuenv_t_g = {}\n",
        quoted(&block),
        without(&block, separator),
    )
}

/// Returns the list in `_gpuenv_t_f` without its first occurrence of the block.
///
/// A modifier takes it literally, between two marks that are not in it.
fn without(block: &str, separator: char) -> String {
    match "|%@+,;=~^_#".chars().find(|mark| !block.contains(*mark)) {
        Some(mark) => {
            let block = block.replace('\\', r"\\");
            let block = block.replace('!', r"\!").replace('\n', "\\\n");
            format!("$_gpuenv_t_f:s{mark}{separator}{block}{separator}{mark}{separator}{mark}:q")
        }
        None => "$_gpuenv_t_f:q".to_string(),
    }
}

/// Returns the text as one word that tcsh takes as it is.
pub(super) fn quoted(text: &str) -> String {
    let text = text.replace('\'', r#"'"'"'"#);
    format!("'{}'", text.replace('!', r"\!").replace('\n', "\\\n"))
}
