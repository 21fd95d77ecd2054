//! Which format a text is in, by what is in it.

use super::{Format, Text, commands, listing, program, requirements, text};

/// Returns the format of a text, if it is one that can be imported.
///
/// The content decides; the name of the file only where the content fits several.
pub fn recognise(text: &Text) -> Option<Format> {
    let body = &text.text;
    let has_line = |wanted: &str| body.lines().any(|line| line.trim_end() == wanted);
    let has_key = |key: &str| {
        body.lines().any(|line| {
            line.strip_prefix(key)
                .is_some_and(|rest| rest.starts_with(':'))
        })
    };
    let has_table = |table: &str| {
        body.lines().any(|line| {
            let line = line.trim();
            line.strip_prefix('[').is_some_and(|rest| {
                let rest = rest.trim_start_matches('[').trim_start();
                rest.strip_prefix(table)
                    .is_some_and(|rest| rest.starts_with([']', '.', ' ']))
            })
        })
    };
    let is_large = body.len() > text::MAX_WRITTEN_BYTES;
    if has_key("version") && has_key("package") && has_key("metadata") {
        return Some(Format::CondaLock);
    }
    if has_key("version") && has_key("environments") && has_key("packages") {
        return Some(Format::PixiLock);
    }
    if is_large {
        // Only locks are that large; a closer look at anything else would take long.
        return None;
    }
    if listing::is_listing(body) {
        return Some(Format::CondaList);
    }
    if has_line("@EXPLICIT") || is_list_of_archives(body) {
        return Some(Format::Explicit);
    }
    if has_table("tool.pixi") {
        return Some(Format::Pyproject);
    }
    let is_toml = has_table("workspace")
        || has_table("project")
        || has_table("dependencies")
        || has_table("feature");
    if is_toml
        && (has_table("workspace")
            || text.file.ends_with("pixi.toml")
            || (has_table("dependencies") && !has_table("build-system")))
    {
        return Some(Format::Pixi);
    }
    if has_table("project") || has_table("build-system") {
        return Some(Format::Pyproject);
    }
    if has_key("dependencies") || (has_key("channels") && has_key("name")) {
        return Some(Format::EnvironmentYml);
    }
    if commands(text, 0).iter().any(program::installs) {
        return Some(Format::Commands);
    }
    is_requirements(text).then_some(Format::Requirements)
}

/// An explicit list whose `@EXPLICIT` got lost.
fn is_list_of_archives(body: &str) -> bool {
    let mut lines = body
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty() && !line.starts_with('#'));
    let is_archive = |line: &str| {
        let address = line.split('#').next().unwrap_or_default();
        line.contains("://")
            && (address.ends_with(".conda") || address.ends_with(".tar.bz2"))
            && !line.contains(" ")
    };
    let first = lines.next();
    first.is_some_and(is_archive) && lines.all(is_archive)
}

/// Most lines look like a requirement, and none like prose.
fn is_requirements(text: &Text) -> bool {
    let lines: Vec<&str> = text
        .text
        .lines()
        .map(|line| requirements::without_comment(line).trim())
        .filter(|line| !line.is_empty() && *line != "\\")
        .collect();
    let is_name = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    let looks = |line: &&&str| {
        let line = line.trim_end_matches('\\').trim_end();
        if line.starts_with('-') {
            return true;
        }
        let end = line.find(|c: char| !is_name(c)).unwrap_or(line.len());
        let rest = line[end..].trim_start();
        // Options of a requirement stand behind it.
        let rest = match rest.starts_with("--") {
            true => "",
            false => rest,
        };
        end > 0
            && (rest.is_empty()
                || rest.starts_with(['=', '<', '>', '~', '!', '[', '@', ';', '(', '$'])
                || rest.starts_with("://")
                || rest.starts_with('+'))
    };
    let good = lines.iter().filter(looks).count();
    let is_named = text.file.contains("requirements") || text.file.ends_with(".in");
    let is_foreign = text.text.trim_start().starts_with(['{', '<', '%', '[']);
    // Its name says enough, so that what is wrong in it is told line by line.
    let is_list = is_named && !lines.is_empty();
    !is_foreign && (is_list || (good > 0 && good == lines.len()))
}
