//! What nushell needs beyond the generated script.

use clap::Command;

use super::hints;

/// Adds the names of environments and recipes.
pub(super) fn with_names(script: &str, command: &Command) -> String {
    let positions = hints::positions(command);
    let mut lines: Vec<String> = Vec::new();
    let mut block = None;
    for line in script.lines() {
        let line = line.to_string();
        if let Some(words) = line.trim().strip_prefix("export extern \"gpuenv ") {
            block = words.split_once('"').map(|(words, _)| words.to_string());
        } else if line.trim() == "]" {
            block = None;
        }
        let named = positions.iter().find(|position| {
            let argument = line.trim_start().trim_start_matches("...");
            let rest = argument.strip_prefix(position.id.as_str());
            let is_it = rest.is_some_and(|rest| rest.starts_with([':', '?']));
            is_it && block.as_deref() == Some(position.command.join(" ").as_str())
        });
        lines.push(match named {
            Some(position) => completed(&line, position.names.word()),
            None => line,
        });
        if lines.len() == 1 {
            lines.extend(["environments", "recipes"].map(|kind| {
                format!("\n  def \"nu-complete gpuenv names {kind}\" [] {{\n    try {{ ^gpuenv __names {kind} | lines }} catch {{ [] }}\n  }}")
            }));
        }
    }
    lines.push(String::new());
    lines.join("\n")
}

/// Gives the type of an argument its completer.
fn completed(line: &str, kind: &str) -> String {
    let Some((name, rest)) = line.split_once(": ") else {
        return line.to_string();
    };
    let end = rest
        .find(|c: char| !c.is_ascii_alphabetic())
        .unwrap_or(rest.len());
    // Completers are asked for texts, and a path is one to the program.
    format!(
        "{name}: string@\"nu-complete gpuenv names {kind}\"{}",
        &rest[end..]
    )
}
