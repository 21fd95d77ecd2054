//! The text for PowerShell, read by a parser of that language: no PowerShell was to be had.

use std::io::{self, Write as _};

use gpuenv_core::activation::{
    Shell, prompt_mark, script_files, shell_hook, shell_hook_deactivate, startup,
};
use tree_sitter::{Node, Parser};

use super::shells::{HOSTILE, recipe};

/// What the parser made of a script.
#[derive(Debug, Default, PartialEq)]
struct Parsed {
    /// The values of the plain strings, in order.
    strings: Vec<String>,
    /// The commands that are called, in order.
    commands: Vec<String>,
}

/// Reads a script; what the parser cannot read is an error.
fn parsed(script: &str) -> Result<Parsed, String> {
    let mut parser = Parser::new();
    let language = tree_sitter_powershell::LANGUAGE.into();
    parser
        .set_language(&language)
        .map_err(|error| error.to_string())?;
    let tree = parser.parse(script, None).ok_or("nothing was read")?;
    let mut parsed = Parsed::default();
    visit(tree.root_node(), script, &mut parsed)?;
    Ok(parsed)
}

fn visit(node: Node, script: &str, parsed: &mut Parsed) -> Result<(), String> {
    let text = &script[node.byte_range()];
    if node.is_error() || node.is_missing() {
        let place = node.start_position();
        let (line, column) = (place.row + 1, place.column + 1);
        return Err(format!("{line}:{column}: `{text}` is out of place"));
    }
    match node.kind() {
        "verbatim_string_characters" => {
            let inner = text
                .strip_prefix('\'')
                .and_then(|text| text.strip_suffix('\''));
            let inner = inner.ok_or_else(|| format!("`{text}` is half a string"))?;
            parsed.strings.push(inner.replace("''", "'"));
        }
        "command_name" => parsed.commands.push(text.to_string()),
        _ => {}
    }
    let mut cursor = node.walk();
    let mut children = node.children(&mut cursor);
    children.try_for_each(|child| visit(child, script, parsed))
}

#[test]
fn the_text_for_powershell_is_sound_and_values_stay_in_strings() {
    let _ = io::stderr().write_all(b"skipped: no powershell, so its text is only parsed\n");
    let names: Vec<String> = (0..HOSTILE.len())
        .map(|index| format!("V{index}"))
        .collect();
    let values: Vec<(&str, &str)> = names
        .iter()
        .map(String::as_str)
        .zip(HOSTILE.iter().copied())
        .collect();
    let hostile = recipe("/tmp/it's $x/envs/é", &values);
    let names: Vec<(&str, &str)> = values.iter().map(|(name, _)| (*name, "x")).collect();
    let tame = recipe("/tmp/envs/e", &names);
    let texts = |activation| {
        let files = script_files(activation).into_iter();
        let files = files.filter(|file| file.path.ends_with(".ps1"));
        let hooks = [
            shell_hook(Shell::Powershell, activation),
            shell_hook_deactivate(Shell::Powershell, activation),
        ];
        let texts: Vec<String> = hooks
            .into_iter()
            .chain(files.map(|file| file.text))
            .collect();
        texts
    };
    for (script, plain) in texts(&hostile).iter().zip(texts(&tame)) {
        let found = parsed(script).unwrap_or_else(|why| panic!("{why}\n{script}"));
        for (_, value) in &values {
            let plain = value.bytes().all(|byte| matches!(byte, b' '..=b'~'));
            assert!(
                !plain || found.strings.iter().any(|text| text == value),
                "{value}"
            );
        }
        // Whatever the values are, the same commands are called.
        assert_eq!(found.commands, parsed(&plain).unwrap().commands);
    }
}

#[test]
fn what_init_and_shell_write_for_powershell_is_sound() {
    let startup = startup(Shell::Powershell, "C:\\it's $(x)\\gpuenv.exe").unwrap();
    assert!(
        parsed(&startup)
            .unwrap()
            .commands
            .contains(&"gpuenv_deactivate".to_string())
    );
    let mark = prompt_mark(Shell::Powershell, "a'b\"; calc; $(x)");
    assert!(
        !parsed(&mark)
            .unwrap()
            .commands
            .contains(&"calc".to_string())
    );
}

#[test]
fn a_broken_text_is_found() {
    for broken in ["{ (", "'x", ") (", "@{ a = }", "& {", "if ($a { }"] {
        assert!(parsed(broken).is_err(), "{broken}");
    }
    let sound = parsed("@{ a = 'it''s'; b = [x]::y('') }\nget-x '''' # it's\n").unwrap();
    assert_eq!(sound.strings, ["it's", "", "'"]);
    assert_eq!(sound.commands, ["get-x"]);
}
