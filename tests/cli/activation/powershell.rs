//! The text for PowerShell, read by a small parser: no PowerShell was to be had.

use std::io::{self, Write as _};

use gpuenv_core::activation::{Shell, script_files, shell_hook, shell_hook_deactivate};

use super::shells::{HOSTILE, recipe};

/// Returns the single-quoted strings of a script, or what is wrong with its structure.
fn strings(script: &str) -> Result<Vec<String>, String> {
    let mut open = Vec::new();
    let mut strings = Vec::new();
    let mut rest = script.chars().peekable();
    while let Some(character) = rest.next() {
        match character {
            '\'' => {
                let mut text = String::new();
                loop {
                    match rest.next() {
                        Some('\'') if rest.peek() == Some(&'\'') => text.extend(rest.next()),
                        Some('\'') => break,
                        Some(inside) => text.push(inside),
                        None => return Err("a string does not end".to_string()),
                    }
                }
                strings.push(text);
            }
            // The rules have plain ones, with neither quotes nor backquotes in them.
            '"' if rest.by_ref().any(|inside| inside == '"') => {}
            '"' => return Err("a string does not end".to_string()),
            '#' => while rest.next_if(|inside| *inside != '\n').is_some() {},
            '(' | '{' | '[' => open.push(character),
            ')' | '}' | ']' => {
                let wanted = match character {
                    ')' => '(',
                    '}' => '{',
                    _ => '[',
                };
                if open.pop() != Some(wanted) {
                    return Err(format!("a `{character}` closes nothing"));
                }
            }
            '`' => return Err("a backquote outside of strings".to_string()),
            _ if !character.is_ascii() => return Err(format!("`{character}` is not ASCII")),
            _ => {}
        }
    }
    match open.pop() {
        None => Ok(strings),
        Some(left) => Err(format!("a `{left}` stays open")),
    }
}

#[test]
fn the_text_for_powershell_has_a_sound_structure_and_values_stay_in_strings() {
    let _ = io::stderr().write_all(b"skipped: no powershell, so its text is only parsed\n");
    let names: Vec<String> = (0..HOSTILE.len())
        .map(|index| format!("V{index}"))
        .collect();
    let values: Vec<(&str, &str)> = names
        .iter()
        .map(String::as_str)
        .zip(HOSTILE.iter().copied())
        .collect();
    let activation = recipe("/tmp/it's $x/envs/é", &values);
    let files = script_files(&activation).into_iter();
    let files = files.filter(|file| file.path.ends_with(".ps1"));
    let hooks = [
        shell_hook(Shell::Powershell, &activation),
        shell_hook_deactivate(Shell::Powershell, &activation),
    ];
    for script in hooks.into_iter().chain(files.map(|file| file.text)) {
        let found = strings(&script).unwrap_or_else(|why| panic!("{why}\n{script}"));
        for (_, value) in &values {
            let plain = value.bytes().all(|byte| matches!(byte, b' '..=b'~'));
            assert!(!plain || found.iter().any(|text| text == value), "{value}");
        }
    }
}

#[test]
fn a_broken_structure_is_found() {
    for broken in ["{ (", "'x", ") (", "{ ] }", "a ` b", "\u{e9}"] {
        assert!(strings(broken).is_err(), "{broken}");
    }
    assert_eq!(
        strings("@{ a = 'it''s'; b = [x]::y('z') } # it's"),
        Ok(vec!["it's".into(), "z".into()])
    );
}
