//! The text of a recipe, and how a stretch of it becomes a `Place`.

use std::borrow::Cow;

use crate::{Place, Span};

/// A recipe's text with the name of its file.
#[derive(Debug)]
pub(super) struct Source<'t> {
    pub(super) file: &'t str,
    pub(super) text: Cow<'t, str>,
}

/// A stretch of the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Mark {
    /// The line, counted from 1.
    pub(super) line: usize,
    /// The first character, counted from 1.
    pub(super) column: usize,
    /// Where the stretch begins, in bytes of the text.
    pub(super) start: usize,
    /// Where it ends; possibly some lines further down.
    pub(super) end: usize,
    /// Which of the files it is a stretch of.
    pub(super) source: usize,
}

impl Mark {
    /// The beginning of a text.
    pub(super) const START: Mark = Mark {
        line: 1,
        column: 1,
        start: 0,
        end: 0,
        source: 0,
    };
}

impl Source<'_> {
    /// Returns the marked text, exactly as written.
    pub(super) fn slice(&self, mark: Mark) -> &str {
        self.text.get(mark.start..mark.end).unwrap_or_default()
    }

    /// Marks the stretch from one byte to another, wherever they are.
    pub(super) fn mark(&self, start: usize, end: usize) -> Mark {
        let before = self.text.get(..start).unwrap_or_default();
        let lines = before.replace("\r\n", "\n");
        let is_break = |c| matches!(c, '\n' | '\r');
        let column = lines.rsplit(is_break).next().unwrap_or_default();
        Mark {
            line: lines.matches(is_break).count() + 1,
            column: column.chars().count() + 1,
            start,
            end,
            source: 0,
        }
    }

    /// Returns the place of a marked stretch, as far as it lies on its first line.
    ///
    /// Looks only at the surroundings: a recipe of one line with thousands of
    /// entries would otherwise be read thousands of times.
    pub(super) fn place(&self, mark: Mark) -> Place {
        let is_break = |c: &char| matches!(c, '\n' | '\r');
        let before = self.text.get(..mark.start).unwrap_or_default();
        let reversed: Vec<char> = before
            .chars()
            .rev()
            .take_while(|c| !is_break(c))
            .take(Span::KEPT_BEFORE.min(mark.column - 1))
            .collect();
        let after = self.text.get(mark.start..).unwrap_or_default();
        let rest = after.chars().take_while(|c| !is_break(c));
        let rest: String = rest.take(Span::KEPT_AFTER).collect();
        let marked = self.slice(mark).chars().take_while(|c| !is_break(c));
        let length = marked.take(rest.chars().count()).count();
        Place {
            file: self.file.to_string(),
            span: Some(Span {
                line: mark.line,
                column: mark.column,
                length: length.max(1),
                cut: mark.column - 1 - reversed.len(),
                text: reversed.into_iter().rev().chain(rest.chars()).collect(),
            }),
        }
    }

    /// Marks the characters `from..from + length` of a scalar's value.
    ///
    /// Where the value is not written literally (escapes, several lines), that
    /// is the whole scalar.
    pub(super) fn within(&self, scalar: Mark, value: &str, from: usize, length: usize) -> Mark {
        let raw = self.slice(scalar);
        let quote = match raw.strip_prefix(['"', '\'']) {
            Some(inner) if inner.len() == value.len() + 1 && inner.starts_with(value) => 1,
            _ if raw == value => 0,
            _ => return scalar,
        };
        let byte = |count: usize| {
            value
                .char_indices()
                .nth(count)
                .map_or(value.len(), |(byte, _)| byte)
        };
        if value.contains(['\n', '\r']) {
            return scalar;
        }
        Mark {
            line: scalar.line,
            column: scalar.column + quote + from.min(value.chars().count()),
            start: scalar.start + quote + byte(from),
            end: scalar.start + quote + byte(from.saturating_add(length)),
            source: scalar.source,
        }
    }
}
