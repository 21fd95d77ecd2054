//! The one error type that users see: code, message, place, causes, help.
//!
//! Each stage keeps its own error enum and turns it into this beside its
//! definition. How a diagnostic looks is the program's business, not ours.

use serde::Serialize;

use crate::{Code, Conflict};

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// The command could not do what was asked.
    Error,
    /// Done, but something deserves a look.
    Warning,
    /// Worth knowing.
    Note,
}

/// Something that a user should know, with cause and remedy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Diagnostic {
    /// The stable code.
    #[serde(serialize_with = "code_as_text")]
    pub code: Code,
    /// How bad it is.
    pub severity: Severity,
    /// What happened: lower case, no full stop, names in backticks.
    pub message: String,
    /// Where, if that is a place in a file.
    pub place: Option<Place>,
    /// What led to it, outermost first.
    pub causes: Vec<String>,
    /// What the user can type or edit.
    pub help: Vec<String>,
    /// What contradicts what, where a recipe cannot be solved.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub conflict: Option<Box<Conflict>>,
}

/// A place in a file that the user can open.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Place {
    /// The file as the user named it.
    pub file: String,
    /// Where in the file, if known.
    pub span: Option<Span>,
}

/// A stretch of one line, with the line itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Span {
    /// The line, counted from 1.
    pub line: usize,
    /// The first character, counted from 1.
    pub column: usize,
    /// How many characters to underline, at least 1.
    pub length: usize,
    /// The line without its line end; of a very long line, the stretch around `column`.
    pub text: String,
    /// How many characters of the line stand before `text`: 0 unless the line is very long.
    ///
    /// The caret therefore belongs under character `column - cut` of `text`.
    pub cut: usize,
}

impl Span {
    /// How many characters of a long line are kept before the place.
    pub const KEPT_BEFORE: usize = 120;
    /// How many characters of a long line are kept from the place on.
    pub const KEPT_AFTER: usize = 240;
}

impl Diagnostic {
    /// Makes an error.
    pub fn error(code: Code, message: impl Into<String>) -> Self {
        Self::new(code, Severity::Error, message)
    }

    /// Makes a warning.
    pub fn warning(code: Code, message: impl Into<String>) -> Self {
        Self::new(code, Severity::Warning, message)
    }

    /// Makes a note.
    pub fn note(code: Code, message: impl Into<String>) -> Self {
        Self::new(code, Severity::Note, message)
    }

    fn new(code: Code, severity: Severity, message: impl Into<String>) -> Self {
        Self {
            code,
            severity,
            message: message.into(),
            place: None,
            causes: Vec::new(),
            help: Vec::new(),
            conflict: None,
        }
    }

    /// Says where.
    #[must_use]
    pub fn at(mut self, place: Place) -> Self {
        self.place = Some(place);
        self
    }

    /// Adds a cause below those already there.
    #[must_use]
    pub fn cause(mut self, cause: impl ToString) -> Self {
        self.causes.push(cause.to_string());
        self
    }

    /// Adds the error and everything that caused it as causes.
    #[must_use]
    pub fn caused_by(mut self, error: &(dyn std::error::Error + 'static)) -> Self {
        let mut next = Some(error);
        while let Some(error) = next {
            let text = error.to_string();
            // Wrappers often repeat the text of what they wrap.
            if self.causes.last().is_none_or(|last| !last.contains(&text)) {
                self.causes.push(text);
            }
            next = error.source();
        }
        self
    }

    /// Adds something that the user can type or edit.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help.push(help.into());
        self
    }
}

impl Place {
    /// Names a whole file.
    pub fn file(file: impl Into<String>) -> Self {
        Self {
            file: file.into(),
            span: None,
        }
    }

    /// Names a stretch of a line of a file, clamped to what the text holds.
    ///
    /// `line` and `column` count from 1, `length` is in characters. Of a very long
    /// line only the stretch around the place is kept.
    pub fn span(
        file: impl Into<String>,
        text: &str,
        line: usize,
        column: usize,
        length: usize,
    ) -> Self {
        let line_text = text.lines().nth(line.saturating_sub(1)).unwrap_or_default();
        let width = line_text.chars().count();
        let column = column.clamp(1, width + 1);
        let cut = (column - 1).saturating_sub(Span::KEPT_BEFORE);
        let kept = line_text.chars().skip(cut);
        let text: String = kept.take(column - 1 - cut + Span::KEPT_AFTER).collect();
        let room = text.chars().count() + cut + 1 - column;
        Self {
            file: file.into(),
            span: Some(Span {
                line: line.max(1),
                column,
                length: length.clamp(1, room.max(1)),
                text,
                cut,
            }),
        }
    }
}

fn code_as_text<S: serde::Serializer>(code: &Code, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(code)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_span_never_leaves_its_line() {
        let place = Place::span("a.yaml", "one\ntwo\n", 2, 9, 40);
        let span = place.span.expect("made with a span");
        assert_eq!(
            (span.column, span.length, span.text.as_str()),
            (4, 1, "two")
        );
    }

    #[test]
    fn a_very_long_line_is_cut_around_the_place() {
        let text = format!("{}X{}", "é".repeat(5000), "ü".repeat(5000));
        let span = Place::span("a.yaml", &text, 1, 5001, 9999)
            .span
            .expect("made with a span");
        assert_eq!((span.column, span.length), (5001, Span::KEPT_AFTER));
        assert_eq!(span.text.chars().nth(span.column - 1 - span.cut), Some('X'));
        assert_eq!(
            span.text.chars().count(),
            Span::KEPT_BEFORE + Span::KEPT_AFTER
        );
    }
}
