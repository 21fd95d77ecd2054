//! The one JSON document that a command prints with `--json`.

use gpuenv_core::Diagnostic;
use serde_json::{Value, json};

use crate::{Failure, Outcome, untrusted};

/// Grows when a reader of the old form would misread the new one.
pub const SCHEMA: u32 = 1;

/// Returns the document of a command that came to a conclusion or failed.
///
/// `told` are the diagnostics that the stages told on the way.
pub fn of_result(
    command: &str,
    exit: i32,
    result: &Result<Outcome, Failure>,
    told: &[Diagnostic],
) -> String {
    let mut diagnostics: Vec<Value> = told.iter().map(|diagnostic| json!(diagnostic)).collect();
    let facts = match result {
        Ok(outcome) => {
            diagnostics.extend(outcome.diagnostics.iter().map(|d| json!(d)));
            outcome.facts.clone().unwrap_or_default()
        }
        Err(Failure::Diagnosed(failures)) => {
            diagnostics.extend(failures.iter().map(|d| json!(d)));
            Value::Null
        }
        Err(Failure::Usage { message, help }) => {
            diagnostics.push(usage(message, help));
            Value::Null
        }
    };
    document(Some(command), exit, facts, diagnostics)
}

/// Returns the document of a command with a long list, in pieces: a line for
/// each item of the list, which is the last of the facts.
pub fn in_pieces<'o>(
    command: &str,
    exit: i32,
    outcome: &'o Outcome,
    told: &[Diagnostic],
) -> impl Iterator<Item = String> + use<'o> {
    let all = told.iter().chain(&outcome.diagnostics);
    let diagnostics: Vec<Value> = all.map(|diagnostic| json!(diagnostic)).collect();
    let mut facts = outcome.facts.clone().unwrap_or_default();
    let rows = outcome.rows.as_ref();
    if let Some(rows) = rows {
        facts[rows.key] = json!([]);
    }
    let whole = document(Some(command), exit, facts, diagnostics);
    // Inside a string the quotes are escaped, so this is the end of the facts.
    let (head, tail) = match whole.split_once("[]},\"diagnostics\":") {
        Some((head, tail)) => (format!("{head}["), format!("]}},\"diagnostics\":{tail}")),
        None => (whole, String::new()),
    };
    let items = (0..).map_while(move |index| {
        let item = (rows?.item)(index)?;
        let comma = if index == 0 { "\n" } else { ",\n" };
        Some(format!("{comma}{}", line(item).trim_end()))
    });
    std::iter::once(head).chain(items).chain([tail])
}

/// Returns the document of a command line that makes no sense.
pub fn of_usage(message: &str) -> String {
    let message = message.trim();
    let message = message.strip_prefix("error: ").unwrap_or(message);
    document(
        None,
        crate::exit::USAGE,
        Value::Null,
        vec![usage(message, &[])],
    )
}

fn usage(message: &str, help: &[String]) -> Value {
    json!({
        "code": null,
        "severity": "error",
        "message": message,
        "place": null,
        "causes": [],
        "help": help,
    })
}

fn document(command: Option<&str>, exit: i32, result: Value, diagnostics: Vec<Value>) -> String {
    line(json!({
        "schema": SCHEMA,
        "command": command,
        "exit": exit,
        "result": result,
        "diagnostics": diagnostics,
    }))
}

/// Returns a JSON value as a line, without secrets and without anything that
/// steers a terminal.
pub fn line(mut value: Value) -> String {
    redact(&mut value);
    let mut line = String::new();
    // Beyond ASCII there is only text inside strings, where an escape is as good.
    for c in value.to_string().chars() {
        match c {
            '\u{7f}'..='\u{9f}'
            | '\u{200b}'..='\u{200f}'
            | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}'
            | '\u{feff}' => line += &format!("\\u{:04x}", c as u32),
            c => line.push(c),
        }
    }
    line.push('\n');
    line
}

fn redact(value: &mut Value) {
    match value {
        Value::String(text) => *text = untrusted::redact(text).into_owned(),
        Value::Array(values) => values.iter_mut().for_each(redact),
        Value::Object(map) => map.values_mut().for_each(redact),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use gpuenv_core::{Code, Place};

    use super::*;

    #[test]
    fn a_conclusion_has_its_facts_and_what_was_told() {
        let outcome = Outcome::no().facts(&json!({ "fits": false }));
        let told = Diagnostic::warning(Code::LOCK_STALE, "old");
        insta::assert_snapshot!(of_result("lock", 1, &Ok(outcome), &[told]), @r#"{"schema":1,"command":"lock","exit":1,"result":{"fits":false},"diagnostics":[{"code":"GE402","severity":"warning","message":"old","place":null,"causes":[],"help":[]}]}"#);
    }

    #[test]
    fn a_failure_is_a_document_too() {
        let error = Diagnostic::error(Code::RECIPE_SYNTAX, "bad")
            .at(Place::span("a.yaml", "a: [\n", 1, 4, 1))
            .cause("https://u:p@host/ said\u{9b}31m \u{1b}[0m")
            .help("mend it");
        insta::assert_snapshot!(of_result("lock", 11, &Err(error.into()), &[]), @r#"{"schema":1,"command":"lock","exit":11,"result":null,"diagnostics":[{"code":"GE101","severity":"error","message":"bad","place":{"file":"a.yaml","span":{"line":1,"column":4,"length":1,"text":"a: [","cut":0}},"causes":["https://***@host/ said\u009b31m \u001b[0m"],"help":["mend it"]}]}"#);
    }

    #[test]
    fn a_long_list_is_one_document_with_a_line_for_each_item() {
        let facts = json!({ "found": 2, "empty": [], "odd": "[]},\"diagnostics\":" });
        let told = [Diagnostic::warning(Code::LOCK_STALE, "old")];
        for count in [0, 1, 2] {
            let item = move |index| (index < count).then(|| json!({ "n": index, "a": "\n" }));
            let outcome = Outcome::done().facts(&facts).rows("packages", item);
            let text: String = in_pieces("search", 0, &outcome, &told).collect();
            assert_eq!(text.lines().count(), 1 + count, "{text}");
            let document: Value = serde_json::from_str(&text).unwrap();
            assert_eq!(
                document["result"]["packages"].as_array().unwrap().len(),
                count
            );
            assert_eq!(document["diagnostics"][0]["code"], "GE402");
            assert!(text.ends_with("}\n"), "{text}");
        }
    }

    #[test]
    fn a_bad_command_line_is_a_document_too() {
        insta::assert_snapshot!(of_usage("error: unexpected argument\n\nUsage: x\n"), @r#"{"schema":1,"command":null,"exit":2,"result":null,"diagnostics":[{"code":null,"severity":"error","message":"unexpected argument\n\nUsage: x","place":null,"causes":[],"help":[]}]}"#);
    }
}
