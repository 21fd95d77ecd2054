//! How a diagnostic looks as text.
//!
//! The carets below a source line are the work of `annotate-snippets`; here is
//! decided what it gets: one line, cut around what matters, free of anything
//! that steers a terminal.

use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};
use gpuenv_core::{Diagnostic, Place, Severity, Span};

use crate::{
    style::{Meaning, styled, with_literals},
    untrusted::{self, shown},
};

/// A message is a sentence; a cause may be a solver's whole story.
const MESSAGE: usize = 2_000;
const CAUSE: usize = 10_000;
/// More than a reader can take in at once.
const DIAGNOSTICS: usize = 50;
const CAUSES: usize = 30;

/// Returns diagnostics as styled text, with an empty line between them.
pub fn diagnostics(diagnostics: &[&Diagnostic], width: usize) -> String {
    let mut text = String::new();
    for (index, diagnostic) in diagnostics.iter().take(DIAGNOSTICS).enumerate() {
        if index > 0 {
            text.push('\n');
        }
        text += &body(diagnostic, width);
        // One pointer to a page is enough.
        let again = diagnostics[index + 1..]
            .iter()
            .take(DIAGNOSTICS - index - 1);
        if !again.into_iter().any(|later| later.code == diagnostic.code) {
            text += &labelled(
                Meaning::Aside,
                "docs",
                &format!("`gpuenv explain {}`", diagnostic.code),
            );
        }
    }
    if diagnostics.len() > DIAGNOSTICS {
        let more = diagnostics.len() - DIAGNOSTICS;
        text += &format!("\n… and {more} more\n");
    }
    text
}

/// Returns what is wrong with a command line as styled text.
pub fn usage(message: &str, help: &[String]) -> String {
    let mut text = labelled(Meaning::Error, "error", &shown(message, MESSAGE));
    for help in help {
        text += &labelled(Meaning::Help, "help", &shown(help, MESSAGE));
    }
    text
}

fn body(diagnostic: &Diagnostic, width: usize) -> String {
    let mut text = header(diagnostic, width);
    for cause in diagnostic.causes.iter().take(CAUSES) {
        text += &labelled(Meaning::Note, "cause", &shown(cause, CAUSE));
    }
    if diagnostic.causes.len() > CAUSES {
        text += &format!("       … and {} more\n", diagnostic.causes.len() - CAUSES);
    }
    if let Some(tree) = diagnostic.conflict.as_ref().and_then(|c| c.tree()) {
        text += &labelled(Meaning::Note, "tree", &shown(&tree, CAUSE));
    }
    for help in &diagnostic.help {
        text += &labelled(Meaning::Help, "help", &shown(help, MESSAGE));
    }
    text
}

/// Returns `label: text`; further lines are indented, so that none of them can
/// pass for a label of ours.
fn labelled(meaning: Meaning, label: &str, text: &str) -> String {
    let indent = " ".repeat(label.len() + 2);
    let mut lines = text.trim_end().lines();
    let first = with_literals(lines.next().unwrap_or_default());
    let mut labelled = format!("{} {first}\n", styled(meaning, format_args!("{label}:")));
    for line in lines {
        labelled += format!("{indent}{}", with_literals(line)).trim_end();
        labelled.push('\n');
    }
    labelled
}

fn header(diagnostic: &Diagnostic, width: usize) -> String {
    let message = shown(&diagnostic.message, MESSAGE);
    let level = match diagnostic.severity {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
        Severity::Note => Level::NOTE,
    };
    let title = level
        .clone()
        .primary_title(message.as_str())
        .id(diagnostic.code.to_string());
    let mut text = rendered(Group::with_title(title));
    if let Some(place) = &diagnostic.place {
        text += &location(place);
        if let Some(span) = &place.span {
            let excerpt = Excerpt::cut(span, width);
            let snippet = Snippet::source(excerpt.text)
                .line_start(span.line)
                .annotation(AnnotationKind::Primary.span(excerpt.underlined));
            text += &rendered(Group::with_level(level).element(snippet));
        }
    }
    text
}

/// Returns the line that says where; the library would count columns in what is
/// left of the line after cutting.
fn location(place: &Place) -> String {
    let file = shown(&place.file, MESSAGE).replace('\n', "␊");
    let arrow = styled(Meaning::Margin, "-->");
    match &place.span {
        None => format!(" {arrow} {file}\n"),
        Some(Span { line, column, .. }) => {
            let margin = " ".repeat(line.to_string().len());
            format!("{margin}{arrow} {file}:{line}:{column}\n")
        }
    }
}

fn rendered(group: Group<'_>) -> String {
    // Its own way of cutting lines never has anything to do.
    let text = renderer().term_width(10_000).render(&[group]);
    let lines = text.lines().map(|line| format!("{}\n", line.trim_end()));
    lines.collect()
}

fn renderer() -> Renderer {
    Renderer::styled()
        .error(Meaning::Error.style())
        .warning(Meaning::Warning.style())
        .note(Meaning::Note.style())
        .help(Meaning::Help.style())
        .line_num(Meaning::Margin.style())
}

/// The part of a source line that is shown.
struct Excerpt {
    text: String,
    /// In bytes of `text`.
    underlined: std::ops::Range<usize>,
}

impl Excerpt {
    /// Cuts a line so that it fits, with what matters inside.
    fn cut(span: &Span, width: usize) -> Self {
        let room = width.saturating_sub(12).max(20);
        let line = masked(&span.text);
        // Nobody guarantees that a span fits its line.
        let total = line.chars().count();
        // Of a very long line the core has kept only a stretch.
        let start = span
            .column
            .saturating_sub(1)
            .saturating_sub(span.cut)
            .min(total);
        let end = start.saturating_add(span.length.max(1)).min(total);
        let window = window(total, start, end, room);
        let mut excerpt = Self {
            text: String::new(),
            underlined: 0..0,
        };
        if window.start > 0 || span.cut > 0 {
            excerpt.text.push('…');
        }
        for (index, c) in line
            .chars()
            .enumerate()
            .skip(window.start)
            .take(window.len())
        {
            if index == start {
                excerpt.underlined.start = excerpt.text.len();
            }
            if index == end {
                excerpt.underlined.end = excerpt.text.len();
            }
            untrusted::push_visible(&mut excerpt.text, c);
        }
        if start >= window.end {
            excerpt.underlined.start = excerpt.text.len();
        }
        if end >= window.end {
            excerpt.underlined.end = excerpt.text.len();
        }
        if window.end < total {
            excerpt.text.push('…');
        }
        excerpt
    }
}

/// Returns which characters of a line are shown: all, or as many as fit around the span.
fn window(total: usize, start: usize, end: usize, room: usize) -> std::ops::Range<usize> {
    if total <= room {
        return 0..total;
    }
    let length = (end - start).min(room);
    let before = (room - length) / 2;
    let first = start.saturating_sub(before).min(total - room);
    first..first + room
}

/// Returns the line with secrets replaced character by character, so that
/// columns stay what they are.
fn masked(line: &str) -> String {
    let secrets = untrusted::secrets(line);
    let secret = |index: usize| secrets.iter().any(|range| range.contains(&index));
    let mask = |(index, c)| if secret(index) { '*' } else { c };
    line.char_indices().map(mask).collect()
}

#[cfg(test)]
mod tests;
