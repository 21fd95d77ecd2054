//! What keeps a file from being YAML that is safe to read, and what of that is
//! checked before the parser sees it.

use std::borrow::Cow;

use super::source::{Mark, Source};
use crate::Code;

/// The largest recipe that is read, in bytes. Real ones have a few kilobytes.
pub(super) const LARGEST: usize = 1024 * 1024;

/// Why a file is no YAML that is safe to read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadSyntax {
    /// The bytes are not UTF-8.
    #[error("the recipe is not UTF-8 text")]
    NotUtf8 {
        /// It looks like UTF-16, as some Windows programs write.
        is_utf16: bool,
    },
    /// An invisible character that recipes must not hold.
    #[error("the recipe holds the invisible character U+{:04X}", u32::from(*.0))]
    ForbiddenCharacter(char),
    /// There is nothing in it.
    #[error("the recipe is empty")]
    Empty,
    /// A tab indents a line.
    #[error("a tab indents this line, and YAML knows only spaces there")]
    Tab,
    /// A merge was left half done.
    #[error("the recipe holds an unresolved merge conflict")]
    MergeConflict,
    /// It is not YAML.
    #[error("the recipe is not valid YAML: {message}")]
    NotYaml {
        /// What the YAML parser says.
        message: String,
        /// What the author can do.
        help: &'static str,
    },
    /// More than one YAML document.
    #[error("the recipe holds more than one YAML document")]
    SeveralDocuments,
    /// An alias without an anchor.
    #[error("the alias `*{0}` has no anchor `&{0}` before it")]
    UnknownAnchor(String),
    /// An alias inside of what it stands for.
    #[error("this alias stands for something that holds it")]
    AliasInsideItself,
    /// A YAML tag.
    #[error("a YAML tag has no meaning in a recipe")]
    Tag,
    /// The file is too large.
    #[error("the recipe is larger than {limit} bytes")]
    TooLarge {
        /// The largest size.
        limit: usize,
    },
    /// Lists and maps are nested too deeply.
    #[error("lists and maps are nested more than {limit} levels deep")]
    TooDeep {
        /// The deepest nesting.
        limit: usize,
    },
    /// Too many values, aliases written out.
    #[error("the recipe holds more than {limit} values, or its aliases expand too far")]
    TooMuch {
        /// The most values.
        limit: usize,
    },
}

impl BadSyntax {
    pub(super) fn code(&self) -> Code {
        match self {
            BadSyntax::NotUtf8 { .. }
            | BadSyntax::ForbiddenCharacter(_)
            | BadSyntax::Empty
            | BadSyntax::Tab
            | BadSyntax::MergeConflict
            | BadSyntax::NotYaml { .. }
            | BadSyntax::SeveralDocuments
            | BadSyntax::UnknownAnchor(_)
            | BadSyntax::AliasInsideItself
            | BadSyntax::Tag => Code::RECIPE_SYNTAX,
            BadSyntax::TooLarge { .. } | BadSyntax::TooDeep { .. } | BadSyntax::TooMuch { .. } => {
                Code::RECIPE_TOO_LARGE
            }
        }
    }

    pub(super) fn help(&self) -> String {
        match self {
            BadSyntax::NotUtf8 { is_utf16: true } => {
                "this looks like UTF-16: save the file as UTF-8".to_string()
            }
            BadSyntax::NotUtf8 { is_utf16: false } => "save the file as UTF-8".to_string(),
            BadSyntax::ForbiddenCharacter(_) => "delete the character".to_string(),
            BadSyntax::Empty => {
                "begin with a recipe that works: `gpuenv recipe show hello-gpu`".to_string()
            }
            BadSyntax::Tab => "replace the tab by spaces".to_string(),
            BadSyntax::MergeConflict => {
                "keep one side, and delete the lines with `<<<<<<<`, `=======` and `>>>>>>>`"
                    .to_string()
            }
            BadSyntax::NotYaml { help, .. } => (*help).to_string(),
            BadSyntax::SeveralDocuments => {
                "delete this `---` line, or put the second recipe into a file of its own"
                    .to_string()
            }
            BadSyntax::UnknownAnchor(name) => {
                format!("put `&{name}` before the first value, or quotes around `*{name}`")
            }
            BadSyntax::AliasInsideItself => "write the value out".to_string(),
            BadSyntax::Tag => {
                "delete the `!…`, or put text that begins with `!` into quotes".to_string()
            }
            BadSyntax::TooLarge { .. } | BadSyntax::TooDeep { .. } => {
                "check that this file is a recipe: `gpuenv recipe show hello-gpu` shows one"
                    .to_string()
            }
            BadSyntax::TooMuch { .. } => "write out the values instead of `*alias`".to_string(),
        }
    }
}

/// Makes text of the bytes, with the first thing that keeps it from being YAML.
pub(super) fn source<'t>(
    file: &'t str,
    bytes: &'t [u8],
) -> (Source<'t>, Option<(Mark, BadSyntax)>) {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let read = &bytes[..bytes.len().min(LARGEST)];
    let (text, valid) = match str::from_utf8(read) {
        Ok(text) => (Cow::Borrowed(text), read.len()),
        Err(error) => (String::from_utf8_lossy(read), error.valid_up_to()),
    };
    let source = Source { file, text };
    let problem = if bytes.len() > LARGEST {
        let problem = BadSyntax::TooLarge { limit: LARGEST };
        Some((source.mark(valid, valid), problem))
    } else if valid < read.len() {
        let is_utf16 = matches!(read, [0xff, 0xfe, ..] | [0xfe, 0xff, ..]);
        let mark = source.mark(valid, valid);
        Some((mark, BadSyntax::NotUtf8 { is_utf16 }))
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

fn forbidden_character(source: &Source<'_>) -> Option<(Mark, BadSyntax)> {
    let mut characters = source.text.char_indices();
    let (at, character) = characters.find(|(_, c)| is_forbidden(*c) && *c != '\r')?;
    let mark = source.mark(at, at + character.len_utf8());
    Some((mark, BadSyntax::ForbiddenCharacter(character)))
}

fn merge_conflict(source: &Source<'_>) -> Option<(Mark, BadSyntax)> {
    let text = &source.text;
    let starts = text.match_indices('\n').map(|(at, _)| at + 1);
    let at = std::iter::once(0)
        .chain(starts)
        .find(|start| text[*start..].starts_with("<<<<<<< "))?;
    let end = text[at..].find(['\r', '\n']).map_or(text.len(), |n| at + n);
    Some((source.mark(at, end), BadSyntax::MergeConflict))
}
