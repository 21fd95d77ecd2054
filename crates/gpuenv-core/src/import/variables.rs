//! Commands that set variables: `export`, `set`, `$env:`, `conda env config vars set`.

use super::{Command, Word, reading::Reading};

/// `conda env config vars set NAME=value`.
pub(super) fn conda_variables(reading: &mut Reading<'_>, words: &[Word]) -> bool {
    let texts: Vec<&str> = words.iter().map(|word| word.text.as_str()).collect();
    if texts.first() != Some(&"vars") || texts.get(1) != Some(&"set") {
        return false;
    }
    for word in &words[2..] {
        if let Some((name, value)) = word.text.split_once('=') {
            reading.variable(name, value, word.at);
        }
    }
    true
}

/// `export NAME=value`, `set NAME=value`, `$env:NAME = "value"`.
pub(super) fn variable(reading: &mut Reading<'_>, command: &Command) -> bool {
    let words = &command.words;
    let first = words[0].text.as_str();
    let assigned = match first {
        "export" | "set" | "setx" | "setenv" => words.get(1).map(|word| word.text.clone()),
        _ => first.strip_prefix("$env:").map(|rest| {
            let more = words[1..].iter().map(|word| word.text.as_str());
            std::iter::once(rest)
                .chain(more)
                .collect::<Vec<_>>()
                .join("")
        }),
    };
    let Some((name, value)) = assigned.as_deref().and_then(|text| text.split_once('=')) else {
        return false;
    };
    let name = name.trim();
    if name == "PATH" || value.contains('$') || value.contains('%') {
        if name.ends_with("LIBRARY_PATH") {
            reading.variable(name, value, command.at);
            return true;
        }
        return false;
    }
    reading.variable(name, value.trim(), command.at);
    true
}
