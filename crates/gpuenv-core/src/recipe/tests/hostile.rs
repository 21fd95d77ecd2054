//! Files made to hurt: each is refused, and the test returns.

use super::*;
use crate::Code;

#[track_caller]
fn refused(text: impl AsRef<[u8]>, code: Code) -> Vec<Diagnostic> {
    let errors = bad(text);
    assert!(errors.iter().any(|error| error.code == code), "{errors:#?}");
    for error in &errors {
        assert!(error.message.len() < 2000 && error.help.iter().all(|help| help.len() < 2000));
        if let Some(span) = error.place.as_ref().and_then(|place| place.span.as_ref()) {
            assert!(span.text.chars().count() <= Span::KEPT_BEFORE + Span::KEPT_AFTER);
        }
    }
    errors
}

#[test]
fn nesting_is_refused_at_any_size() {
    for (open, count) in [("[", 1000), ("{a: ", 1000), ("- ", 1000), ("[", 10_000_000)] {
        refused(open.repeat(count), Code::RECIPE_TOO_LARGE);
    }
    let steps: String = (0..200).map(|n| format!("{}a:\n", " ".repeat(n))).collect();
    refused(steps, Code::RECIPE_TOO_LARGE);
}

#[test]
fn a_long_text_is_refused_at_its_limit() {
    let text = format!(
        "{LEAST}about: {{ summary: \"{}\" }}\n",
        "é".repeat(100_000_000)
    );
    let errors = refused(text, Code::RECIPE_TOO_LARGE);
    assert_eq!(span(&errors[0]).line, 5);
    assert!(span(&errors[0]).column > 500_000);
}

#[test]
fn an_alias_bomb_is_refused() {
    let mut text = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_string();
    for level in 1..10 {
        let alias = format!("*a{}", level - 1);
        let aliases = vec![alias; 10].join(", ");
        text.push_str(&format!("a{level}: &a{level} [{aliases}]\n"));
    }
    refused(&text, Code::RECIPE_TOO_LARGE);
    // Few values, much text.
    let aliases = vec!["*a"; 15_000].join(", ");
    let text = format!("a: &a \"{}\"\nb: [{aliases}]\n", "x".repeat(500_000));
    refused(&text, Code::RECIPE_TOO_LARGE);
    // Few values, deeper than the file itself.
    let mut text = "a0: &a0 [x]\n".to_string();
    for level in 1..1000 {
        text.push_str(&format!("a{level}: &a{level} [*a{}]\n", level - 1));
    }
    refused(&text, Code::RECIPE_TOO_LARGE);
}

#[test]
fn aliases_within_reason_are_fine() {
    let text = format!(
        "{LEAST}about: {{ summary: &s hello, notes: *s }}\n\
         dependencies:\n  - if: win\n    then: &common [a, b]\n    else: *common\n"
    );
    let recipe = good(&text);
    assert_eq!(recipe.about.notes.as_deref(), Some("hello"));
    assert_eq!(recipe.dependencies.all().len(), 4);
}

#[test]
fn very_many_values_are_refused_and_very_many_errors_are_cut() {
    let many = "a, ".repeat(200_000);
    refused(
        format!("{LEAST}dependencies: [{many}]\n"),
        Code::RECIPE_TOO_LARGE,
    );
    let wrong = "\"a b\", ".repeat(10_000);
    let errors = refused(
        format!("{LEAST}dependencies: [{wrong}]\n"),
        Code::RECIPE_BAD_SPEC,
    );
    assert_eq!(errors.len(), 51);
    let last = errors.last().unwrap();
    assert_eq!(last.severity, Severity::Note);
    assert_eq!(last.message, "9950 more errors are not shown");
}

#[test]
fn a_very_long_line_is_cut_around_the_error() {
    let fine = "a, ".repeat(9_000);
    let errors = refused(
        format!("{LEAST}dependencies: [{fine}\"cudnn 8.1\", {fine}]\n"),
        Code::RECIPE_BAD_SPEC,
    );
    assert_eq!(marked(&errors[0]), "\"cudnn 8.1\"");
    assert_eq!(span(&errors[0]).column, 15 + 1 + fine.len());
}

#[test]
fn long_keys_names_and_words_are_cut_in_messages() {
    let long = "x".repeat(300_000);
    for text in [
        format!("{LEAST}? {long}\n: 1\n"),
        format!("{LEAST}gpu: {long}\n"),
        format!("{LEAST}dependencies: [\"{long}\"]\n"),
        format!("{LEAST}pypi-dependencies: [\"{long}\"]\n"),
        format!("{LEAST}target: {{ cuda: {long} }}\n"),
        format!("{LEAST}dependencies: [{{ if: {long}, then: a }}]\n"),
        format!("{LEAST}activation: {{ env: {{ \"a b\": {long} }} }}\n"),
        format!("schema: 1\nname: {long}\nchannels: [\"{long} x\"]\nplatforms: [{long}]\n"),
    ] {
        let errors = bad(&text);
        for error in &errors {
            assert!(error.message.len() < 2000, "{}", error.message.len());
        }
    }
}
