//! Activation as text for PowerShell, from Windows' own 5.1 on. Never run by its
//! authors: no PowerShell was to be had; a test reads its structure.
//!
//! A script block with the rules takes what the environment asks for as one
//! table. The text is ASCII, for 5.1 takes a file for the local code page.

use super::{
    Activation, Edit, code_of,
    data::{ACTIVATE_COMMENT, DEACTIVATE_COMMENT, parts},
};

/// The rules of [`super::environment`], as the body of a script block.
const LIBRARY: &str = include_str!("powershell/library.ps1");

/// `gpuenv_deactivate`, which runs the block of the topmost environment.
const DEACTIVATE: &str = include_str!("powershell/deactivate.ps1");

/// Returns the script in `activate.d` that applies the own edits.
pub(super) fn activate_file(activation: &Activation) -> String {
    format!("{ACTIVATE_COMMENT}{}", call(activation, "own"))
}

/// Returns the script in `deactivate.d` that undoes the own edits.
pub(super) fn deactivate_file(activation: &Activation) -> String {
    format!("{DEACTIVATE_COMMENT}{}", call(activation, "disown"))
}

/// Returns the text that activates the environment and defines `gpuenv_deactivate`.
pub(super) fn hook(activation: &Activation) -> String {
    let on = call(activation, "on");
    let off = call(activation, "off");
    let tag = quoted(&activation.tag);
    let deactivate = code_of(DEACTIVATE);
    format!(
        "{on}\
         if (-not (Test-Path Variable:global:_gpuenv_offs)) {{ $global:_gpuenv_offs = @{{}} }}\n\
         $global:_gpuenv_offs[{tag}] = {{\n{off}}}\n\
         {deactivate}"
    )
}

/// Returns the text that undoes the environment's activation if it is the last one.
pub(super) fn hook_deactivate(activation: &Activation) -> String {
    call(activation, "off")
}

fn call(activation: &Activation, entry: &str) -> String {
    let library = code_of(LIBRARY);
    let data = table(activation);
    format!("& {{\n{library}}} {data} '{entry}'\n")
}

fn table(activation: &Activation) -> String {
    let edits = |edits: &[Edit]| {
        let edits = edits.iter().map(edit);
        array(edits.collect())
    };
    let scripts = &activation.scripts;
    format!(
        "@{{ tag = {tag}; prefix = {prefix}; usual = {usual}; \
         own = {own}; activate = {activate}; deactivate = {deactivate} }}",
        tag = quoted(&activation.tag),
        prefix = quoted(&activation.prefix),
        usual = edits(&activation.usual),
        own = edits(&activation.own),
        activate = array(scripts.activate(".ps1").map(quoted).collect()),
        deactivate = array(scripts.deactivate(".ps1").map(quoted).collect()),
    )
}

fn edit(edit: &Edit) -> String {
    let (kind, name, value, separator) = parts(edit);
    // A comma in front keeps an array of one array from being flattened.
    format!(",@('{kind}', '{name}', {}, '{separator}')", quoted(&value))
}

fn array(elements: Vec<String>) -> String {
    match elements.iter().all(|element| element.starts_with(',')) {
        true => format!("@({})", elements.join("; ")),
        false => format!("@({})", elements.join(", ")),
    }
}

/// Returns the text as an expression that PowerShell takes as it is.
pub(super) fn quoted(text: &str) -> String {
    let mut parts = String::from("'");
    for character in text.chars() {
        match character {
            '\'' => parts.push_str("''"),
            ' '..='~' => parts.push(character),
            _ => {
                let mut units = [0; 2];
                for unit in character.encode_utf16(&mut units) {
                    parts.push_str(&format!("' + [char]0x{unit:x} + '"));
                }
            }
        }
    }
    format!("({parts}')")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_of_any_language_cannot_end_a_string() {
        assert_eq!(quoted("it's $x `y"), "('it''s $x `y')");
        assert_eq!(
            quoted("\u{2019}\n"),
            "('' + [char]0x2019 + '' + [char]0xa + '')"
        );
        assert_eq!(quoted("🦀"), "('' + [char]0xd83e + '' + [char]0xdd80 + '')");
    }
}
