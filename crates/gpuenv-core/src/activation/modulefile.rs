//! Activation as a modulefile, for Lmod and for Environment Modules.
//!
//! A module system undoes by itself what a modulefile does. Scripts of packages
//! are no part of it: it knows no shell code.

use super::{Activation, ActivationError, Edit, code_of};
use crate::{Code, Diagnostic};

/// Lmod brings back an empty variable unset; this has the shell set it once more.
const KEEP_EMPTY: &str = include_str!("modulefile/keep_empty.lua");

/// Returns the modulefile in Lua, for Lmod.
///
/// # Errors
/// GE609 on Windows, which has no module system.
pub fn modulefile_lua(activation: &Activation) -> Result<String, ActivationError> {
    activation.require_unix("modulefile")?;
    let name = quoted_lua(name(activation));
    let prefix = quoted_lua(&activation.prefix);
    let mut text = format!(
        "-- Written by gpuenv for Lmod.\n\
         help(\"The environment \" .. {prefix})\n\
         whatis(\"Name: \" .. {name})\n\
         family(\"gpuenv\")\n"
    );
    if edits(activation).next().is_some() {
        text += &code_of(KEEP_EMPTY).replace("TAG", &activation.tag);
    }
    for edit in edits(activation) {
        text += &format!("gpuenv_keep_empty(\"{}\")\n", edit.name());
        match edit {
            Edit::Set { name, value } => {
                text += &format!("pushenv(\"{name}\", {})\n", quoted_lua(value));
            }
            Edit::PrependPath {
                name,
                dirs,
                separator,
            } => {
                let mark = match separator {
                    ':' => String::new(),
                    other => format!(", \"{other}\""),
                };
                for dir in dirs.iter().rev() {
                    text += &format!("prepend_path(\"{name}\", {}{mark})\n", quoted_lua(dir));
                }
            }
        }
    }
    Ok(text)
}

/// Returns the modulefile in Tcl, for Environment Modules and for Lmod.
///
/// # Errors
/// GE609 on Windows, which has no module system.
pub fn modulefile_tcl(activation: &Activation) -> Result<String, ActivationError> {
    activation.require_unix("modulefile")?;
    let prefix = quoted_tcl(&activation.prefix);
    let mut text = format!(
        "#%Module1.0\n\
         # Written by gpuenv for Environment Modules and Lmod.\n\
         proc ModulesHelp {{}} {{ puts stderr \"The environment \"{prefix} }}\n\
         module-whatis {prefix}\n"
    );
    text = text.replace(
        &format!("\"The environment \"{prefix}"),
        &format!("[join [list {{The environment}} {prefix}]]"),
    );
    for edit in edits(activation) {
        match edit {
            Edit::Set { name, value } => {
                // Environment Modules can bring back an earlier value from 5.1 on.
                let value = quoted_tcl(value);
                text += &format!(
                    "if {{[llength [info commands pushenv]]}} {{ pushenv {name} {value} }} \
                     else {{ setenv {name} {value} }}\n"
                );
            }
            Edit::PrependPath {
                name,
                dirs,
                separator,
            } => {
                let mark = match separator {
                    ':' => String::new(),
                    other => format!("-d {{{other}}} "),
                };
                for dir in dirs.iter().rev() {
                    text += &format!("prepend-path {mark}{name} {}\n", quoted_tcl(dir));
                }
            }
        }
    }
    Ok(text)
}

/// Returns the edits that a module system carries out; levels are conda's own affair.
fn edits(activation: &Activation) -> impl Iterator<Item = &Edit> {
    let edits = activation.usual.iter().chain(&activation.own);
    edits.filter(|edit| !has_lines(edit))
}

/// Says whether a module system would have the shell run what stands behind a line end:
/// Lmod and Environment Modules write it for the shell as it is.
fn has_lines(edit: &Edit) -> bool {
    let has_lines = |text: &String| text.contains(['\n', '\r']);
    match edit {
        Edit::Set { value, .. } => has_lines(value),
        Edit::PrependPath { dirs, .. } => dirs.iter().any(has_lines),
    }
}

/// Tells which variables a modulefile leaves out, since their values have several lines.
pub fn modulefile_gaps(activation: &Activation) -> Vec<Diagnostic> {
    let edits = activation.usual.iter().chain(&activation.own);
    let gaps = edits.filter(|edit| has_lines(edit)).map(|edit| {
        let name = edit.name();
        Diagnostic::warning(
            Code::ACTIVATION_MODULEFILE,
            format!("the modulefile does not set `{name}`: its value has several lines"),
        )
        .help("start programs by `gpuenv run ENV -- CMD`, which sets it")
        .help(format!(
            "or give `{name}` a value of one line in the recipe"
        ))
    });
    gaps.collect()
}

fn name(activation: &Activation) -> &str {
    let last = activation.prefix.rsplit(['/', '\\']).next();
    last.unwrap_or(&activation.prefix)
}

/// Returns the text as a string that Lua takes as it is.
fn quoted_lua(text: &str) -> String {
    let mut quoted = String::from("\"");
    for byte in text.bytes() {
        match byte {
            b'"' | b'\\' => quoted.extend(['\\', char::from(byte)]),
            b' '..=b'~' => quoted.push(char::from(byte)),
            _ => quoted.push_str(&format!("\\{byte:03}")),
        }
    }
    quoted.push('"');
    quoted
}

/// Returns the text as a word that Tcl takes as it is.
fn quoted_tcl(text: &str) -> String {
    let mut quoted = String::from("\"");
    for character in text.chars() {
        match character {
            '"' | '\\' | '$' | '[' | ']' | '{' | '}' => quoted.extend(['\\', character]),
            ' '..='~' => quoted.push(character),
            _ if u32::from(character) <= 0xffff => {
                quoted.push_str(&format!("\\u{:04x}", u32::from(character)));
            }
            _ => quoted.push(character),
        }
    }
    quoted.push('"');
    quoted
}

#[cfg(test)]
mod tests {
    use rattler_conda_types::Subdir;

    use super::*;
    use crate::{
        activation::{PrefixFacts, activation},
        plan::ActivationSettings,
    };

    #[test]
    fn a_value_of_several_lines_is_left_out_and_told() {
        let settings = ActivationSettings {
            env: [("A", "x\n>canary\n"), ("B", "y")]
                .map(|(name, value)| (name.to_string(), value.to_string()))
                .into(),
            ..ActivationSettings::default()
        };
        let facts = PrefixFacts::empty(Subdir::Linux64);
        let on = activation("/e", &settings, &facts).unwrap();
        for text in [modulefile_lua(&on), modulefile_tcl(&on)] {
            let text = text.unwrap();
            assert!(!text.contains("canary") && text.contains("B"), "{text}");
        }
        let told = modulefile_gaps(&on);
        assert_eq!(told.len(), 1);
        assert!(told[0].message.contains("`A`"), "{told:?}");
    }

    #[test]
    fn windows_has_neither_modules_nor_direnv() {
        let facts = PrefixFacts::empty(Subdir::Win64);
        let on = activation(r"C:\e", &ActivationSettings::default(), &facts).unwrap();
        let tried = [
            modulefile_lua(&on),
            modulefile_tcl(&on),
            crate::activation::direnv(&on, "gpuenv"),
        ];
        for refused in tried {
            let told = Diagnostic::from(refused.unwrap_err());
            assert_eq!(told.code, Code::ACTIVATION_NOT_ON_WINDOWS);
            assert!(told.help[0].contains("gpuenv run"), "{told:?}");
        }
    }

    #[test]
    fn nothing_in_a_value_is_code() {
        assert_eq!(quoted_lua("a\"b\\c\n$x é"), r#""a\"b\\c\010$x \195\169""#);
        assert_eq!(quoted_tcl("[exec x] $y {"), r#""\[exec x\] \$y \{""#);
        assert_eq!(quoted_tcl("é\n"), r#""\u00e9\u000a""#);
    }
}
