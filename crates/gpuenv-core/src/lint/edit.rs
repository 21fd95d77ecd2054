//! Edits of a text: small, in order, everything else untouched.

use std::fmt::Write as _;

/// Replaces a stretch of bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Edit {
    /// The first byte.
    pub start: usize,
    /// The byte behind the last one; the same for an insertion.
    pub end: usize,
    /// What stands there afterwards.
    pub text: String,
}

impl Edit {
    /// Replaces a stretch.
    pub(crate) fn replace(start: usize, end: usize, text: impl Into<String>) -> Self {
        Self {
            start,
            end,
            text: text.into(),
        }
    }
}

/// Does edits; all of a fix or none of it, where two fixes touch the same stretch the first.
pub fn apply(text: &str, fixes: &[Vec<Edit>]) -> String {
    let mut taken: Vec<&Edit> = Vec::new();
    for fix in fixes {
        let is_free = fix.iter().all(|edit| {
            let touches = |other: &Edit| edit.start < other.end && other.start < edit.end;
            let same = |other: &Edit| other == edit;
            let inside = |other: &Edit| edit.start == other.start && edit.end == other.end;
            !taken.iter().any(|other| {
                touches(other) || (inside(other) && !same(other) && edit.start != edit.end)
            })
        });
        if is_free {
            taken.extend(fix.iter().filter(|edit| {
                text.is_char_boundary(edit.start) && text.is_char_boundary(edit.end)
            }));
        }
    }
    taken.sort_by_key(|edit| (edit.start, edit.end));
    taken.dedup();
    let mut changed = String::with_capacity(text.len());
    let mut done = 0;
    for edit in taken {
        if edit.start < done {
            continue;
        }
        changed.push_str(&text[done..edit.start]);
        changed.push_str(&edit.text);
        done = edit.end;
    }
    changed.push_str(&text[done..]);
    changed
}

/// Writes what differs between two texts as `patch` reads it.
pub fn diff(file: &str, old: &str, new: &str) -> String {
    const CONTEXT: usize = 3;
    let (before, after): (Vec<&str>, Vec<&str>) = (old.lines().collect(), new.lines().collect());
    let script = script(&before, &after);
    let changed: Vec<usize> = script
        .iter()
        .enumerate()
        .filter(|(_, (sign, _))| *sign != ' ')
        .map(|(index, _)| index)
        .collect();
    let mut text = String::new();
    let mut next = 0;
    while next < changed.len() {
        let from = changed[next].saturating_sub(CONTEXT);
        let mut to = changed[next] + CONTEXT + 1;
        while next < changed.len() && changed[next] <= to + CONTEXT {
            to = changed[next] + CONTEXT + 1;
            next += 1;
        }
        let to = to.min(script.len());
        let count = |sign: char, upto: usize| {
            script[..upto]
                .iter()
                .filter(|(s, _)| *s == ' ' || *s == sign)
                .count()
        };
        let hunk = |sign: char| {
            let (first, last) = (count(sign, from), count(sign, to));
            let begin = if first == last { first } else { first + 1 };
            format!("{begin},{}", last - first)
        };
        if text.is_empty() {
            let _ = writeln!(text, "--- {file}\n+++ {file}");
        }
        let _ = writeln!(text, "@@ -{} +{} @@", hunk('-'), hunk('+'));
        for (sign, line) in &script[from..to] {
            let _ = writeln!(text, "{sign}{line}");
        }
    }
    text
}

/// Aligns the lines of two texts: ` ` kept, `-` gone, `+` new.
fn script<'t>(old: &[&'t str], new: &[&'t str]) -> Vec<(char, &'t str)> {
    let prefix = old.iter().zip(new).take_while(|(a, b)| a == b).count();
    let tail = old[prefix..].iter().rev().zip(new[prefix..].iter().rev());
    let suffix = tail.take_while(|(a, b)| a == b).count();
    let (a, b) = (
        &old[prefix..old.len() - suffix],
        &new[prefix..new.len() - suffix],
    );
    let mut script: Vec<(char, &str)> = old[..prefix].iter().map(|line| (' ', *line)).collect();
    // The table of a longest common subsequence; huge middles are shown as replaced.
    if a.len() * b.len() > 4_000_000 {
        script.extend(a.iter().map(|line| ('-', *line)));
        script.extend(b.iter().map(|line| ('+', *line)));
    } else {
        let mut longest = vec![vec![0u32; b.len() + 1]; a.len() + 1];
        for i in (0..a.len()).rev() {
            for j in (0..b.len()).rev() {
                longest[i][j] = match a[i] == b[j] {
                    true => longest[i + 1][j + 1] + 1,
                    false => longest[i + 1][j].max(longest[i][j + 1]),
                };
            }
        }
        let (mut i, mut j) = (0, 0);
        while i < a.len() || j < b.len() {
            if i < a.len() && j < b.len() && a[i] == b[j] {
                script.push((' ', a[i]));
                i += 1;
                j += 1;
            } else if j == b.len() || (i < a.len() && longest[i + 1][j] >= longest[i][j + 1]) {
                script.push(('-', a[i]));
                i += 1;
            } else {
                script.push(('+', b[j]));
                j += 1;
            }
        }
    }
    script.extend(old[old.len() - suffix..].iter().map(|line| (' ', *line)));
    script
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn edits_change_nothing_else_and_never_meet() {
        let edit = |start, end, text: &str| Edit::replace(start, end, text);
        let fixes = vec![
            vec![edit(0, 1, "A"), edit(4, 4, "!")],
            vec![edit(0, 2, "no")],
            vec![edit(2, 3, "")],
        ];
        assert_eq!(apply("abcd", &fixes), "Abd!");
        assert_eq!(apply("é", &[vec![edit(1, 2, "x")]]), "é");
    }

    #[test]
    fn a_difference_is_a_patch() {
        let old = "a\nb\nc\nd\ne\nf\ng\nh\ni\n";
        let new = "a\nB\nc\nd\ne\nf\ng\nh\ni\nj\n";
        insta::assert_snapshot!(diff("x.yaml", old, new), @"
        --- x.yaml
        +++ x.yaml
        @@ -1,5 +1,5 @@
         a
        -b
        +B
         c
         d
         e
        @@ -7,3 +7,4 @@
         g
         h
         i
        +j
        ");
        assert_eq!(diff("x", old, old), "");
    }
}
