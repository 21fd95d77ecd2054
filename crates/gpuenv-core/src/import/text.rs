//! The files that people bring: decoded, within limits, each place findable again.

use std::ops::Range;

use crate::{Place, import::ImportError};

/// The largest file that is read, in bytes: the lock of many platforms.
pub const MAX_BYTES: usize = 64 << 20;

/// The largest file that is no lock, in bytes.
pub(crate) const MAX_WRITTEN_BYTES: usize = 4 << 20;

/// How many files may include each other.
const MOST_FILES: usize = 50;

/// A file that somebody brought.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Text {
    /// The file as the user named it.
    pub file: String,
    /// What is in it, without a byte order mark.
    pub text: String,
}

/// A stretch of one of the files.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct At {
    /// Which of the files.
    pub text: usize,
    /// The first byte.
    pub start: usize,
    /// The byte behind the last one.
    pub end: usize,
}

impl Text {
    /// Decodes a file.
    ///
    /// # Errors
    /// GE131 if it is no text or holds a merge conflict, GE136 if it is too large.
    pub fn decode(file: &str, bytes: &[u8]) -> Result<Self, ImportError> {
        if bytes.len() > MAX_BYTES {
            return Err(ImportError::TooLarge {
                place: Place::file(file),
                limit: MAX_BYTES,
            });
        }
        let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
        let syntax = |place: Place, reason: &str, help: &str| ImportError::Syntax {
            place,
            reason: reason.to_string(),
            help: help.to_string(),
        };
        // Without its mark, UTF-16 still shows by the zero bytes of its ASCII.
        let has_zeros = bytes.iter().take(64).filter(|byte| **byte == 0).count() > 8;
        if matches!(bytes, [0xff, 0xfe, ..] | [0xfe, 0xff, ..]) || has_zeros {
            return Err(syntax(
                Place::span(file, "", 1, 1, 1),
                "the file is UTF-16, as PowerShell writes it with `>`",
                "write it anew with `conda list --explicit | Out-File -Encoding utf8 FILE`, or save it as UTF-8",
            ));
        }
        let text = match str::from_utf8(bytes) {
            Ok(text) => text,
            Err(error) => {
                let good = String::from_utf8_lossy(&bytes[..error.valid_up_to()]).into_owned();
                let end = good.len();
                let place = place(file, &good, end..end);
                return Err(syntax(
                    place,
                    "the file is not UTF-8 text",
                    "save the file as UTF-8",
                ));
            }
        };
        let text = Text {
            file: file.to_string(),
            text: text.to_string(),
        };
        if let Some((at, _)) = text.text.char_indices().find(|(_, c)| *c == '\0') {
            let place = text.place(at..at + 1);
            return Err(syntax(
                place,
                "the file holds a zero byte, so it is no text",
                "name a text file",
            ));
        }
        match text.merge_conflict() {
            Some(range) => Err(syntax(
                text.place(range),
                "the file holds an unresolved merge conflict",
                "keep one side, and delete the lines with `<<<<<<<`, `=======` and `>>>>>>>`",
            )),
            None => Ok(text),
        }
    }

    fn merge_conflict(&self) -> Option<Range<usize>> {
        let marker = |line: &str| {
            ["<<<<<<< ", ">>>>>>> "]
                .iter()
                .any(|marker| line.starts_with(marker))
        };
        self.lines()
            .find(|(_, line)| marker(line))
            .map(|(start, line)| start..start + line.len())
    }

    /// Returns the lines without their ends, each with its first byte.
    pub(crate) fn lines(&self) -> impl Iterator<Item = (usize, &str)> {
        let mut start = 0;
        self.text.split_inclusive('\n').map(move |line| {
            let at = start;
            start += line.len();
            let line = line.strip_suffix('\n').unwrap_or(line);
            (at, line.strip_suffix('\r').unwrap_or(line))
        })
    }

    /// Returns where a stretch of bytes stands.
    pub fn place(&self, range: Range<usize>) -> Place {
        place(&self.file, &self.text, range)
    }
}

fn place(file: &str, text: &str, range: Range<usize>) -> Place {
    let before = text.get(..range.start).unwrap_or(text);
    let line = before.matches('\n').count() + 1;
    let line_start = before.rfind('\n').map_or(0, |at| at + 1);
    let column = before[line_start..].chars().count() + 1;
    let marked = text.get(range).unwrap_or_default();
    let length = marked.lines().next().unwrap_or_default().chars().count();
    Place::span(file, text, line, column, length.max(1))
}

/// The file that is imported, and those that it includes.
#[derive(Debug, Clone, Default)]
pub struct Texts {
    texts: Vec<Text>,
    links: Vec<(usize, String, usize)>,
}

/// A file that another one includes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Include {
    /// Its name, as written.
    pub name: String,
    /// Where that is written.
    pub at: At,
}

impl Texts {
    /// Begins with the file that the user named.
    pub fn new(text: Text) -> Self {
        Self {
            texts: vec![text],
            links: Vec::new(),
        }
    }

    /// Returns the file that the user named.
    pub fn main(&self) -> &Text {
        &self.texts[0]
    }

    /// Returns one of the files.
    pub fn text(&self, index: usize) -> &Text {
        &self.texts[index]
    }

    /// Returns how many files there are.
    pub fn len(&self) -> usize {
        self.texts.len()
    }

    /// Never true: there is the file that the user named.
    pub fn is_empty(&self) -> bool {
        self.texts.is_empty()
    }

    /// Returns where a stretch stands.
    pub fn place(&self, at: At) -> Place {
        self.texts[at.text].place(at.start..at.end)
    }

    /// Returns the text of a stretch.
    pub fn slice(&self, at: At) -> &str {
        let text = &self.texts[at.text].text;
        text.get(at.start..at.end).unwrap_or_default()
    }

    /// Adds the file that an include names; one that is there already is not added twice.
    ///
    /// # Errors
    /// GE136 if there are too many.
    pub fn link(&mut self, include: &Include, text: Text) -> Result<(), ImportError> {
        let known = self.texts.iter().position(|known| known.file == text.file);
        let index = match known {
            Some(index) => index,
            None if self.texts.len() >= MOST_FILES => {
                return Err(ImportError::TooManyFiles {
                    place: self.place(include.at),
                    limit: MOST_FILES,
                });
            }
            None => {
                self.texts.push(text);
                self.texts.len() - 1
            }
        };
        self.links
            .push((include.at.text, include.name.clone(), index));
        Ok(())
    }

    /// Returns the file that an include of a file names.
    pub(crate) fn linked(&self, text: usize, name: &str) -> Option<usize> {
        let mut links = self.links.iter();
        links
            .find(|(from, known, _)| *from == text && known == name)
            .map(|(_, _, to)| *to)
    }
}
