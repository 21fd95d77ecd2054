//! A recipe's tree as YAML again.

use std::fmt::Write as _;

use super::node::{Kind, Node};

/// Keys of which nothing is left in a composed recipe.
const GONE: [&str; 3] = ["extends", "features", "parameters"];

/// Writes the recipe without what has been decided.
pub(super) fn recipe(root: &Node) -> String {
    let mut text = String::new();
    let Kind::Map(entries) = &root.kind else {
        return text;
    };
    let known = super::parse::RECIPE.keys;
    let rank = |key: &Node| {
        let name = key.text().unwrap_or_default();
        known.iter().position(|known| *known == name)
    };
    let mut entries: Vec<_> = entries
        .iter()
        .filter(|(key, _)| !key.is_text(&GONE))
        .collect();
    entries.sort_by_key(|(key, _)| rank(key));
    for (key, value) in entries {
        entry(&mut text, key, value, 0);
    }
    text
}

fn entry(text: &mut String, key: &Node, value: &Node, indent: usize) {
    let key = scalar(key.text().unwrap_or_default());
    let _ = write!(text, "{:indent$}{key}:", "");
    match &value.kind {
        Kind::Map(entries) if !entries.is_empty() => {
            text.push('\n');
            for (key, value) in entries {
                entry(text, key, value, indent + 2);
            }
        }
        Kind::List(items) if !items.is_empty() => {
            text.push('\n');
            list(text, items, indent + 2);
        }
        _ => {
            let _ = writeln!(text, " {}", short(value));
        }
    }
}

fn list(text: &mut String, items: &[Node], indent: usize) {
    for item in items {
        match &item.kind {
            Kind::Map(entries) if !entries.is_empty() => {
                let start = text.len();
                for (key, value) in entries {
                    entry(text, key, value, indent + 2);
                }
                // The first key stands behind the dash.
                text.replace_range(start + indent..start + indent + 1, "-");
            }
            Kind::List(inner) if !inner.is_empty() => {
                let _ = writeln!(text, "{:indent$}-", "");
                list(text, inner, indent + 2);
            }
            _ => {
                let _ = writeln!(text, "{:indent$}- {}", "", short(item));
            }
        }
    }
}

fn short(node: &Node) -> String {
    match &node.kind {
        Kind::Text(text) => scalar(text),
        Kind::List(_) => "[]".to_string(),
        Kind::Map(_) => "{}".to_string(),
        Kind::Nothing | Kind::Refused => "null".to_string(),
    }
}

/// Writes a text as a scalar, plain where that surely reads the same.
fn scalar(text: &str) -> String {
    let text = &super::escaped(text);
    let is_plain_character = |c: char| c.is_ascii_alphanumeric() || " ._-+*<>=,/()".contains(c);
    let word = text.to_ascii_lowercase();
    let is_word =
        !["null", "true", "false", "yes", "no", "on", "off", "y", "n"].contains(&word.as_str());
    let is_value = matches!(text.as_str(), "true" | "false")
        || (text.len() < 9 && !text.starts_with('0') && text.bytes().all(|b| b.is_ascii_digit()));
    let is_plain = text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && !text.ends_with(' ')
        && text.chars().all(is_plain_character)
        && is_word;
    match is_plain || (is_value && !text.is_empty()) {
        true => text.clone(),
        // A JSON string is a YAML one.
        false => serde_json::Value::from(text.as_str()).to_string(),
    }
}
