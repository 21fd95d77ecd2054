//! What is checked of a recipe's bytes before YAML is read from them.

use std::borrow::Cow;

use super::{
    error::Problem,
    source::{Mark, Source},
};

/// The largest recipe that is read, in bytes. Real ones have a few kilobytes.
pub(super) const LARGEST: usize = 1024 * 1024;

/// Makes text of the bytes, with the first thing that keeps it from being YAML.
pub(super) fn source<'t>(file: &'t str, bytes: &'t [u8]) -> (Source<'t>, Option<(Mark, Problem)>) {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let read = &bytes[..bytes.len().min(LARGEST)];
    let (text, valid) = match str::from_utf8(read) {
        Ok(text) => (Cow::Borrowed(text), read.len()),
        Err(error) => (String::from_utf8_lossy(read), error.valid_up_to()),
    };
    let source = Source { file, text };
    let problem = if bytes.len() > LARGEST {
        let problem = Problem::TooLarge { limit: LARGEST };
        Some((source.mark(valid, valid), problem))
    } else if valid < read.len() {
        let is_utf16 = matches!(read, [0xff, 0xfe, ..] | [0xfe, 0xff, ..]);
        let mark = source.mark(valid, valid);
        Some((mark, Problem::NotUtf8 { is_utf16 }))
    } else {
        forbidden_character(&source).or_else(|| merge_conflict(&source))
    };
    (source, problem)
}

/// Tells whether a character is invisible and has no business in a recipe.
///
/// Besides control characters those that turn the direction of text around: with
/// them a line can read differently from what it says.
pub(super) fn is_forbidden(character: char) -> bool {
    match character {
        '\n' | '\t' | '\u{85}' => false,
        '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}' => true,
        _ => character.is_control(),
    }
}

fn forbidden_character(source: &Source<'_>) -> Option<(Mark, Problem)> {
    let mut characters = source.text.char_indices();
    let (at, character) = characters.find(|(_, c)| is_forbidden(*c) && *c != '\r')?;
    let mark = source.mark(at, at + character.len_utf8());
    Some((mark, Problem::ForbiddenCharacter(character)))
}

fn merge_conflict(source: &Source<'_>) -> Option<(Mark, Problem)> {
    let text = &source.text;
    let starts = text.match_indices('\n').map(|(at, _)| at + 1);
    let at = std::iter::once(0)
        .chain(starts)
        .find(|start| text[*start..].starts_with("<<<<<<< "))?;
    let end = text[at..].find(['\r', '\n']).map_or(text.len(), |n| at + n);
    Some((source.mark(at, end), Problem::MergeConflict))
}
