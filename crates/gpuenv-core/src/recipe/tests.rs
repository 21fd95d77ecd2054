//! Tests of the whole reader; what one file owns is tested at its foot.

mod bad_input;
mod composition;
mod corpus;
mod form;
mod hostile;
mod property;
mod schema;
pub(crate) mod shipped;
mod variants;

use crate::{Diagnostic, Recipe, Severity, Span};

/// A recipe with nothing but what must be there.
const LEAST: &str = "schema: 1\nname: x\nchannels: [c]\nplatforms: [linux-64, win-64]\n";

#[track_caller]
fn good(text: &str) -> Recipe {
    super::parse("x.yaml", text).unwrap_or_else(|errors| panic!("{text}\n{errors:#?}"))
}

#[track_caller]
fn bad(text: impl AsRef<[u8]>) -> Vec<Diagnostic> {
    let errors = super::parse("x.yaml", text).expect_err("the recipe is wrong");
    assert!(!errors.is_empty());
    for error in &errors {
        assert_eq!(error.code.stage(), 1, "{error:?}");
        let is_note = error.severity == Severity::Note;
        assert!(is_note || !error.help.is_empty(), "{error:?}");
    }
    errors
}

#[track_caller]
fn span(error: &Diagnostic) -> &Span {
    let place = error.place.as_ref().expect("has a place");
    assert_eq!(place.file, "x.yaml");
    place.span.as_ref().expect("has a line")
}

/// Returns what a caret would stand under.
#[track_caller]
fn marked(error: &Diagnostic) -> String {
    let span = span(error);
    let rest = span.text.chars().skip(span.column - 1 - span.cut);
    rest.take(span.length).collect()
}
