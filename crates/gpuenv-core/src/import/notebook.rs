//! Jupyter notebooks: the code and the text of their cells.

use serde_json::Value;

/// Returns the cells of a notebook as one page, code between lines of backticks; `None` if it is none.
pub fn page(text: &str) -> Option<String> {
    if !text.trim_start().starts_with('{') || !text.contains("\"cells\"") {
        return None;
    }
    let document: Value = serde_json::from_str(text).ok()?;
    let _ = document.get("nbformat")?;
    let mut page = String::new();
    for cell in document.get("cells")?.as_array()? {
        let source = match cell.get("source") {
            Some(Value::String(source)) => source.clone(),
            Some(Value::Array(lines)) => lines.iter().filter_map(Value::as_str).collect(),
            _ => continue,
        };
        let is_code = cell.get("cell_type").and_then(Value::as_str) == Some("code");
        let source = source.trim_end();
        match is_code {
            // What a cell holds cannot end its own listing.
            true => page += &format!("```\n{}\n```\n\n", source.replace("```", "'''")),
            false => page += &format!("{source}\n\n"),
        }
    }
    Some(page)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_become_a_page() {
        let notebook = r##"{"nbformat": 4, "cells": [
            {"cell_type": "markdown", "source": ["# Title\n", "words"]},
            {"cell_type": "code", "source": "!pip install a\nimport a"},
            {"cell_type": "code"}]}"##;
        insta::assert_snapshot!(page(notebook).unwrap(), @"
        # Title
        words

        ```
        !pip install a
        import a
        ```
        ");
        for other in [
            "{}",
            "[]",
            "{\"cells\": 1}",
            "{\"cells\": [], \"x\"",
            "{\"cells\": []}",
        ] {
            assert_eq!(page(other), None, "{other}");
        }
    }
}
