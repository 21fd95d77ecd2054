//! pip's `requirements.txt`: requirements, options, hashes, includes.

use super::{At, Include, Index, Text, WheelLine, pip, reading::Reading};

/// A line of a requirements file, continuation lines joined.
struct Line {
    at: At,
    text: String,
    comment: String,
}

/// Reads a requirements file and what it includes.
pub(super) fn read(reading: &mut Reading<'_>) {
    let mut seen = Vec::new();
    let mut constraints = Vec::new();
    read_one(reading, 0, &mut seen, &mut constraints);
    constrain(reading, constraints);
}

/// Reads one file as requirements, unless it was read before.
pub(super) fn read_one(
    reading: &mut Reading<'_>,
    index: usize,
    seen: &mut Vec<usize>,
    constraints: &mut Vec<(String, At)>,
) {
    if seen.contains(&index) {
        return;
    }
    seen.push(index);
    for line in lines(reading.texts.text(index), index) {
        entry(
            reading,
            &line.text,
            &line.comment,
            line.at,
            seen,
            constraints,
        );
    }
}

/// Reads one entry: of a requirements file, or of the `pip:` list of an `environment.yml`.
pub(super) fn entry(
    reading: &mut Reading<'_>,
    text: &str,
    comment: &str,
    at: At,
    seen: &mut Vec<usize>,
    constraints: &mut Vec<(String, At)>,
) {
    let text = text.trim();
    if let Some((option, value)) = option(text) {
        return read_option(reading, option, value, at, seen, constraints);
    }
    let (requirement, options) = split_options(text);
    let mut sha256 = Vec::new();
    for option in options.split_whitespace() {
        match option
            .strip_prefix("--hash=")
            .and_then(|hash| hash.split_once(':'))
        {
            Some(("sha256", hash)) if is_sha256(hash) => sha256.push(hash.to_ascii_lowercase()),
            Some((kind, _)) => reading.lost(
                at,
                format!("a hash of the kind `{kind}` is left out: a lock of gpuenv has sha256"),
                "",
            ),
            None if option.starts_with("--") => reading.lost(
                at,
                format!("`{option}` is left out: gpuenv does not build packages"),
                "",
            ),
            None => {}
        }
    }
    let url = comment
        .split_whitespace()
        .find(|word| word.starts_with("https://") && word.ends_with(".whl"));
    let text = match (url, sha256.as_slice()) {
        (Some(url), [hash]) => exact(requirement.trim(), url, hash),
        _ => requirement.trim().to_string(),
    };
    let url = url.map(ToString::to_string);
    let several = WheelLine { text, sha256, url };
    if several.url.is_none() && !several.sha256.is_empty() {
        note_hashes(reading, at);
    }
    pip::requirement(reading, several, None, at);
}

/// Returns a line without the comment in it or at its end.
pub(super) fn without_comment(line: &str) -> &str {
    if line.trim_start().starts_with('#') {
        return "";
    }
    let ends = [" #", "\t#"].iter().filter_map(|sign| line.find(sign));
    ends.min().map_or(line, |end| &line[..end])
}

/// Writes a requirement as the one file that it was locked to: `name @ URL#sha256=…`.
fn exact(requirement: &str, url: &str, hash: &str) -> String {
    let (pin, marker) = match requirement.split_once(';') {
        Some((pin, marker)) => (pin, format!(" ; {}", marker.trim())),
        None => (requirement, String::new()),
    };
    let end = pin
        .find(['=', '<', '>', '!', '~', ' '])
        .unwrap_or(pin.len());
    format!("{} @ {url}#sha256={hash}{marker}", pin[..end].trim())
}

/// Tells once that hashes of files that are not named cannot be kept.
fn note_hashes(reading: &mut Reading<'_>, at: At) {
    const MESSAGE: &str = "hashes are left out: they do not say which file they are of";
    if reading
        .imported
        .notes
        .iter()
        .all(|note| note.message != MESSAGE)
    {
        reading.lost(
            at,
            MESSAGE,
            "`gpuenv lock` writes the sha256 of each file that it chooses into the lock",
        );
    }
}

/// Returns the name and the value of an option that makes up a line.
fn option(text: &str) -> Option<(&str, &str)> {
    if !text.starts_with('-') {
        return None;
    }
    if text.starts_with("--") {
        let end = text.find(|c: char| c == '=' || c.is_whitespace());
        let end = end.unwrap_or(text.len());
        let value = text[end..].trim_start_matches(['=', ' ', '\t']);
        return Some((&text[..end], unquoted(value.trim())));
    }
    let end = text.char_indices().nth(2).map_or(text.len(), |(at, _)| at);
    Some((
        &text[..end],
        unquoted(text[end..].trim_start_matches(['=', ' ', '\t'])),
    ))
}

fn unquoted(text: &str) -> &str {
    for quote in ['"', '\''] {
        if let Some(inner) = text.strip_prefix(quote).and_then(|t| t.strip_suffix(quote)) {
            return inner;
        }
    }
    text
}

fn read_option(
    reading: &mut Reading<'_>,
    option: &str,
    value: &str,
    at: At,
    seen: &mut Vec<usize>,
    constraints: &mut Vec<(String, At)>,
) {
    match option {
        "-r" | "--requirement" => match reading.texts.linked(at.text, value) {
            Some(index) => read_one(reading, index, seen, constraints),
            None => reading.lost(
                at,
                format!("`{value}` is not read here"),
                "name that file: `gpuenv import requirements.txt`",
            ),
        },
        "-c" | "--constraint" => match reading.texts.linked(at.text, value) {
            Some(index) => constraints.extend(
                lines(reading.texts.text(index), index)
                    .into_iter()
                    .filter(|line| !line.text.starts_with('-'))
                    .map(|line| (split_options(&line.text).0.trim().to_string(), line.at)),
            ),
            None => reading.lost(at, format!("`{value}` is not read here"), ""),
        },
        "-i" | "--index-url" | "--pypi-url" => reading.index(Index::Main(value.to_string()), at),
        "--extra-index-url" => reading.index(Index::Extra(value.to_string()), at),
        "-f" | "--find-links" => reading.index(Index::Links(value.to_string()), at),
        "-e" | "--editable" => reading.lost(
            at,
            format!("`-e {value}` is left out: code that is being worked on is no part of an environment's lock"),
            "install it afterwards: `gpuenv run ENV -- python -m pip install --no-deps -e .`",
        ),
        // A lock of gpuenv has hashes and wheels always.
        "--require-hashes" | "--prefer-binary" | "--only-binary" => {}
        other => reading.lost(at, format!("the option `{other}` is left out"), ""),
    }
}

/// Narrows what is asked for by what the constraint files say.
fn constrain(reading: &mut Reading<'_>, constraints: Vec<(String, At)>) {
    let name = |text: &str| super::name_of(text).replace(['_', '.'], "-");
    for (constraint, at) in constraints {
        let wanted = name(&constraint);
        let asked = reading
            .imported
            .wheels
            .iter()
            .any(|w| name(&w.value.text) == wanted);
        match asked {
            true => {
                let line = WheelLine {
                    text: constraint,
                    sha256: Vec::new(),
                    url: None,
                };
                reading.wheel(line, None, at);
            }
            false => reading.lost(
                at,
                format!("`{constraint}` only constrains, and nothing asks for `{wanted}`"),
                "write it into `pypi-dependencies` of the recipe if it is needed",
            ),
        }
    }
}

fn is_sha256(hash: &str) -> bool {
    hash.len() == 64 && hash.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// Splits a requirement from the options behind it.
fn split_options(text: &str) -> (&str, &str) {
    match text.find(" --").or_else(|| text.find("\t--")) {
        Some(at) => text.split_at(at),
        None => (text, ""),
    }
}

/// Returns the files that the `pip:` list of an `environment.yml` includes.
pub(super) fn includes_of_yaml(text: &Text, index: usize) -> Vec<Include> {
    let includes = text.lines().filter_map(|(start, line)| {
        let entry = line.trim_start().strip_prefix('-')?.trim_start();
        let entry = unquoted(without_comment(entry).trim());
        let (option, name) = option(entry)?;
        let is_include = matches!(option, "-r" | "--requirement" | "-c" | "--constraint");
        let at = At {
            text: index,
            start: start + line.len() - line.trim_start().len(),
            end: start + line.len(),
        };
        let name = name.to_string();
        is_include.then_some(Include { name, at })
    });
    includes.collect()
}

/// Returns the files that a requirements file includes.
pub(super) fn includes(text: &Text, index: usize) -> Vec<Include> {
    let lines = lines(text, index);
    let includes = lines.iter().filter_map(|line| {
        let (option, value) = option(&line.text)?;
        let is_include = matches!(option, "-r" | "--requirement" | "-c" | "--constraint");
        is_include.then(|| Include {
            name: value.to_string(),
            at: line.at,
        })
    });
    includes.collect()
}

/// Joins continuation lines and takes comments off, as pip does.
fn lines(text: &Text, index: usize) -> Vec<Line> {
    let mut lines: Vec<Line> = Vec::new();
    let mut open: Option<Line> = None;
    for (start, raw) in text.lines() {
        let at = At {
            text: index,
            start,
            end: start + raw.len(),
        };
        let mut line = open.take().unwrap_or(Line {
            at,
            text: String::new(),
            comment: String::new(),
        });
        let code = without_comment(raw);
        let comment = &raw[code.len()..];
        line.comment.push_str(comment);
        match code.trim_end().strip_suffix('\\') {
            Some(continued) if comment.is_empty() => {
                line.text.push_str(continued);
                line.text.push(' ');
                open = Some(line);
            }
            _ => {
                line.text.push_str(code);
                push(&mut lines, line);
            }
        }
    }
    if let Some(line) = open {
        push(&mut lines, line);
    }
    lines
}

/// Keeps a line that says something, marked from its first character on.
fn push(lines: &mut Vec<Line>, mut line: Line) {
    let indent = line.text.len() - line.text.trim_start().len();
    line.text = line.text.trim().to_string();
    if line.text.is_empty() {
        return;
    }
    line.at.start += indent;
    line.at.end = line.at.end.max(line.at.start);
    let shown = line.text.len().min(line.at.end - line.at.start);
    line.at.end = line.at.start + shown;
    lines.push(line);
}
