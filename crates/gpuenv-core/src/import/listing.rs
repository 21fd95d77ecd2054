//! What `conda list` prints, as a table and with `--export`: names, versions and builds.

use rattler_conda_types::Subdir;

use super::{At, WheelLine, pip, reading::Reading, spec};

/// What the build of a package says that pip has installed.
const OF_PIP: &str = "pypi_0";

/// A package of the list.
struct Listed<'l> {
    name: &'l str,
    version: &'l str,
    build: &'l str,
    channel: Option<&'l str>,
}

/// Returns whether a text is what `conda list` or `conda list --export` prints.
pub(super) fn is_listing(body: &str) -> bool {
    let mut lines = lines(body).peekable();
    let is_table = body
        .lines()
        .any(|line| line.starts_with("# packages in environment at"));
    lines.peek().is_some()
        && lines.all(|line| exported(line).is_some() || (is_table && row(line).is_some()))
}

fn lines(body: &str) -> impl Iterator<Item = &str> {
    let lines = body.lines().map(str::trim);
    lines.filter(|line| !line.is_empty() && !line.starts_with('#'))
}

/// Reads `name=version=build`.
fn exported(line: &str) -> Option<Listed<'_>> {
    let mut parts = line.split('=');
    let (name, version, build) = (parts.next()?, parts.next()?, parts.next()?);
    let is_word = |text: &str| !text.is_empty() && !text.contains(char::is_whitespace);
    let is_whole = parts.next().is_none() && [name, version, build].into_iter().all(is_word);
    is_whole.then_some(Listed {
        name,
        version,
        build,
        channel: None,
    })
}

/// Reads a row of the table; the channel `defaults` is left blank.
fn row(line: &str) -> Option<Listed<'_>> {
    let mut words = line.split_whitespace();
    let (name, version, build) = (words.next()?, words.next()?, words.next()?);
    let channel = words.next();
    words.next().is_none().then_some(Listed {
        name,
        version,
        build,
        channel,
    })
}

/// Reads the list: exactly these builds, and the wheels in their versions.
pub(super) fn read(reading: &mut Reading<'_>) {
    reading.adds_defaults = true;
    let text = reading.texts.main().clone();
    for (start, line) in text.lines() {
        if let Some(named) = line.trim().strip_prefix("# platform:") {
            let platform: Option<Subdir> = named.trim().parse().ok();
            reading.imported.platforms.extend(platform);
        }
        let line_at = At {
            text: 0,
            start: start + line.len() - line.trim_start().len(),
            end: start + line.trim_end().len(),
        };
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        match exported(line).or_else(|| row(line)) {
            Some(listed) => take(reading, &listed, line_at),
            None => {
                let help = "write `name=version=build` in a line each";
                reading.bad_entry(line_at, line, "it is no line of `conda list`", help);
            }
        }
    }
}

fn take(reading: &mut Reading<'_>, listed: &Listed<'_>, at: At) {
    if listed.build == OF_PIP || listed.channel == Some("pypi") {
        let line = WheelLine::plain(format!("{}=={}", listed.name, listed.version));
        return pip::requirement(reading, line, None, at);
    }
    match listed.channel {
        None | Some("defaults") => {}
        Some(channel) => reading.channel(channel, None, at),
    }
    let spec = spec::exact(listed.name, listed.version, listed.build);
    reading.package(&spec, None, at);
}
