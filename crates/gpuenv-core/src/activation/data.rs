//! An activation as a literal of lists, objects and strings, in characters that
//! every encoding has: for the shells that can hold such a thing.
//!
//! The literal is JSON. Python and nushell read it as their own: both know the
//! double quotes, and between those neither looks for variables.

use super::{Activation, Edit, list::block};

/// How a script in `activate.d` begins.
pub(super) const ACTIVATE_COMMENT: &str = "\
# Written by gpuenv. Sets what the environment's recipe asks for;
# the script of the same name in deactivate.d takes it back.
";

/// How a script in `deactivate.d` begins.
pub(super) const DEACTIVATE_COMMENT: &str = "\
# Written by gpuenv. Takes back what the script of the same name in
# activate.d has set, unless something else has changed it since.
";

/// What is put around the digits of a character beyond ASCII, and of a control character.
#[derive(Debug, Clone, Copy)]
enum Escape {
    /// `\U0001f980`, as Python has it.
    Python,
    /// `\u{1f980}`, as nushell has it.
    Nushell,
}

/// Returns the activation as Python reads it, with scripts of that extension.
pub(super) fn literal(activation: &Activation, extension: &str) -> String {
    object(activation, extension, Escape::Python)
}

/// Returns the activation as nushell reads it.
pub(super) fn nushell_literal(activation: &Activation) -> String {
    object(activation, ".nu", Escape::Nushell)
}

/// Returns the text as one string that nushell takes as it is.
pub(super) fn nushell_quoted(text: &str) -> String {
    quoted(text, Escape::Nushell)
}

/// Returns the text as one string that Python takes as it is.
pub(super) fn python_quoted(text: &str) -> String {
    quoted(text, Escape::Python)
}

fn object(activation: &Activation, extension: &str, escape: Escape) -> String {
    let text = |text: &str| quoted(text, escape);
    let texts = |all: &mut dyn Iterator<Item = &str>| all.map(text).collect::<Vec<_>>().join(", ");
    let edits = |edits: &[Edit]| {
        let edits: Vec<String> = edits.iter().map(|one| edit(one, escape)).collect();
        edits.join(", ")
    };
    format!(
        "{{\"tag\": {tag}, \"prefix\": {prefix}, \
         \"usual\": [{usual}], \"own\": [{own}], \
         \"activate\": [{activate}], \"deactivate\": [{deactivate}]}}",
        tag = text(&activation.tag),
        prefix = text(&activation.prefix),
        usual = edits(&activation.usual),
        own = edits(&activation.own),
        activate = texts(&mut activation.scripts.activate(extension)),
        deactivate = texts(&mut activation.scripts.deactivate(extension)),
    )
}

/// Returns what an edit does, to which variable, with what, and what separates it from the rest.
pub(super) fn parts(edit: &Edit) -> (&'static str, &str, String, String) {
    match edit {
        Edit::Set { name, value } => ("set", name, value.clone(), String::new()),
        Edit::PrependPath {
            name,
            dirs,
            separator,
        } => {
            let value = block(dirs, *separator);
            ("prepend", name, value, separator.to_string())
        }
    }
}

fn edit(edit: &Edit, escape: Escape) -> String {
    let (kind, name, value, separator) = parts(edit);
    let [name, value] = [name, &value].map(|text| quoted(text, escape));
    format!("[\"{kind}\", {name}, {value}, \"{separator}\"]")
}

fn quoted(text: &str, escape: Escape) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('"');
    for character in text.chars() {
        match character {
            '"' | '\\' => {
                quoted.push('\\');
                quoted.push(character);
            }
            ' '..='~' => quoted.push(character),
            _ => quoted.push_str(&match escape {
                Escape::Python => format!("\\U{:08x}", u32::from(character)),
                Escape::Nushell => format!("\\u{{{:x}}}", u32::from(character)),
            }),
        }
    }
    quoted.push('"');
    quoted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_string_holds_nothing_but_plain_characters_between_its_quotes() {
        let text = "a\"b\\c\n$x é🦀";
        assert_eq!(
            quoted(text, Escape::Python),
            r#""a\"b\\c\U0000000a$x \U000000e9\U0001f980""#
        );
        assert_eq!(
            quoted(text, Escape::Nushell),
            r#""a\"b\\c\u{a}$x \u{e9}\u{1f980}""#
        );
    }
}
