//! One line of a log, and the patterns that it may fit.

use aho_corasick::AhoCorasick;

use super::Means;

/// So much of a line is read, in bytes.
pub(super) const LONGEST_LINE: usize = 8 << 10;

/// Returns what a user sees of a line: without the codes that colour it.
pub(super) fn shown(line: &str) -> String {
    let mut text = String::new();
    let mut chars = cut(line, LONGEST_LINE).chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '\u{1b}' => skip_escape(&mut chars),
            '\u{feff}' => {}
            c => text.push(c),
        }
    }
    // Frames that some programs draw around a traceback.
    let frame = |c: char| c.is_whitespace() || matches!(c, '│' | '┃' | '║' | '❱' | '|');
    text.trim_matches(frame).to_string()
}

/// Skips a control sequence (ECMA-48, 5.4) or an operating system command.
fn skip_escape(chars: &mut std::iter::Peekable<std::str::Chars<'_>>) {
    match chars.next() {
        Some('[') => {
            let _ = chars.find(|c| ('@'..='~').contains(c));
        }
        Some(']') => {
            while let Some(c) = chars.next() {
                match c {
                    '\u{7}' => return,
                    '\u{1b}' => {
                        let _ = chars.next_if_eq(&'\\');
                        return;
                    }
                    _ => {}
                }
            }
        }
        _ => {}
    }
}

/// Returns a text in the form in which it is compared: lower case, one kind of
/// quotes, one space between words.
pub(super) fn plain(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            c if c.is_whitespace() => {
                if !plain.is_empty() && !plain.ends_with(' ') {
                    plain.push(' ');
                }
            }
            '`' | '´' | '‘' | '’' => plain.push('\''),
            '“' | '”' => plain.push('"'),
            c => plain.push(c.to_ascii_lowercase()),
        }
    }
    plain.truncate(plain.trim_end().len());
    plain
}

/// What to look for, all of it in one pass.
pub(super) struct Patterns {
    patterns: Vec<Pattern>,
    /// Finds the longest part of each pattern; few lines hold any.
    longest: AhoCorasick,
}

struct Pattern {
    means: Means,
    parts: Vec<String>,
}

impl Patterns {
    /// Makes patterns of their text, in which `*` stands for anything.
    pub(super) fn new<'p>(patterns: impl Iterator<Item = (Means, &'p str)>) -> Self {
        let patterns: Vec<Pattern> = patterns
            .map(|(means, text)| Pattern {
                means,
                parts: text.split('*').map(plain_part).collect(),
            })
            .collect();
        let longest = patterns.iter().map(|pattern| {
            let parts = pattern.parts.iter();
            parts
                .max_by_key(|part| part.len())
                .map_or("", String::as_str)
        });
        let longest = AhoCorasick::new(longest).expect("patterns of a checked table are small");
        Self { patterns, longest }
    }

    /// Returns what a plain line means, in the order of the patterns.
    pub(super) fn find(&self, line: &str) -> Vec<Means> {
        let hits = self.longest.find_overlapping_iter(line);
        let mut fitting: Vec<usize> = hits
            .map(|hit| hit.pattern().as_usize())
            .filter(|index| fits(&self.patterns[*index].parts, line))
            .collect();
        fitting.sort_unstable();
        let mut found: Vec<Means> = fitting.iter().map(|i| self.patterns[*i].means).collect();
        found.dedup();
        found
    }
}

/// Like [`plain`], but spaces at the ends count: they keep words apart.
fn plain_part(part: &str) -> String {
    let inner = plain(part);
    match (part.starts_with(' '), part.ends_with(' ')) {
        (true, true) => format!(" {inner} "),
        (true, false) => format!(" {inner}"),
        (false, true) => format!("{inner} "),
        (false, false) => inner,
    }
}

/// Tells whether a plain line holds the parts of a pattern, in order.
fn fits(parts: &[String], line: &str) -> bool {
    let mut from = 0;
    for part in parts {
        match find(part, line, from) {
            Some(end) => from = end,
            None => return false,
        }
    }
    true
}

/// Returns where a part ends; a number in it is a whole number in the line.
fn find(part: &str, line: &str, from: usize) -> Option<usize> {
    let digit = |c: Option<char>| c.is_some_and(|c| c.is_ascii_digit());
    let mut from = from;
    loop {
        let start = from + line.get(from..)?.find(part)?;
        let end = start + part.len();
        let (before, after) = (
            line[..start].chars().next_back(),
            line[end..].chars().next(),
        );
        let cut_in_two = digit(part.chars().next()) && digit(before)
            || digit(part.chars().next_back()) && digit(after);
        if !cut_in_two {
            return Some(end);
        }
        from = end;
    }
}

fn cut(line: &str, most: usize) -> &str {
    let mut end = line.len().min(most);
    while !line.is_char_boundary(end) {
        end -= 1;
    }
    &line[..end]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matches(pattern: &str, line: &str) -> bool {
        let patterns = Patterns::new([(Means::Mode(0), pattern)].into_iter());
        !patterns.find(&plain(&shown(line))).is_empty()
    }

    #[test]
    fn a_pattern_is_parts_in_order() {
        assert!(matches("a*c", "xabcx"));
        assert!(!matches("c*a", "xabcx"));
        assert!(matches("ABC", "xabcx"));
        assert!(matches("version `X' not", "Version ‘X’  not found"));
    }

    #[test]
    fn a_number_is_a_whole_number() {
        assert!(matches("error 802", "CUDA error 802: x"));
        assert!(!matches("error 802", "error 8021"));
        assert!(matches("error 802", "error 8021, error 802"));
        assert!(!matches("3.4", "13.4"));
        assert!(matches("lib.so.*x", "lib.so.12 x"));
    }

    #[test]
    fn colours_frames_and_titles_do_not_count() {
        let line = "\u{1b}]0;title\u{7}│ \u{1b}[1;31mout\u{1b}[0m of\u{a0}memory  │";
        assert_eq!(plain(&shown(line)), "out of memory");
        assert_eq!(shown("\u{1b}[31"), "");
        assert_eq!(shown("\u{1b}"), "");
    }
}
