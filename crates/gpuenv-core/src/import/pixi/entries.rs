//! The entries of a pixi project: packages, requirements, indexes, the system.

use rattler_conda_types::{ParseStrictness, VersionSpec};
use toml_edit::{Item, TableLike};

use super::super::{At, Index, WheelLine, pip, reading::Reading};
use super::{at, span, table, text, texts};

/// What is said of a conda package.
const KNOWN: [&str; 7] = [
    "version",
    "build",
    "build-number",
    "channel",
    "subdir",
    "md5",
    "sha256",
];

/// Takes a conda package: `name = "spec"` or `name = { version = …, build = … }`.
pub(super) fn conda(reading: &mut Reading<'_>, name: &str, item: &Item, condition: Option<&str>) {
    let at = at(item);
    let condition = condition.map(ToString::to_string);
    let version = |text: &str| -> Option<String> {
        let spec = VersionSpec::from_str(text.trim(), ParseStrictness::Lenient).ok()?;
        Some(match spec {
            VersionSpec::Any => "*".to_string(),
            spec => spec.to_string(),
        })
    };
    let refuse = |reading: &mut Reading<'_>, written: &str| {
        let help = "write a version such as `\"3.12.*\"`, or `{ version = \"…\", build = \"…\" }`";
        reading.bad_entry(at, written, "this is no version", help);
    };
    if name.contains(|c: char| c.is_whitespace() || "[]=<>".contains(c)) {
        let help = "write one name in front of the `=`";
        return reading.bad_entry(at, name, "it is no name of a package", help);
    }
    if let Some(text) = item.as_str() {
        return match version(text) {
            Some(version) if version == "*" => reading.package(name, condition, at),
            Some(version) => reading.package(&format!("{name} {version}"), condition, at),
            None => refuse(reading, &format!("{name} = \"{text}\"")),
        };
    }
    let Some(entry) = item.as_table_like() else {
        return refuse(reading, name);
    };
    if let Some(source) = ["path", "git", "url"]
        .into_iter()
        .find(|key| entry.contains_key(key))
    {
        if let Some(url) = text(entry, "url") {
            return reading.package(url, condition, at);
        }
        let message = format!(
            "`{name}` is left out: its `{source}` is source code or a place of this machine"
        );
        return reading.lost(
            at,
            message,
            "publish the package in a channel, and name the channel",
        );
    }
    for (key, value) in entry.iter().filter(|(key, _)| !KNOWN.contains(key)) {
        let message = format!("`{key}` of `{name}` has no counterpart in a recipe");
        reading.lost(super::at(value), message, "");
    }
    let Some(wanted) = version(text(entry, "version").unwrap_or("*")) else {
        return refuse(reading, name);
    };
    let mut brackets = Vec::new();
    for (key, spec_key) in [
        ("build-number", "build_number"),
        ("subdir", "subdir"),
        ("md5", "md5"),
        ("sha256", "sha256"),
    ] {
        if let Some(value) = text(entry, key) {
            brackets.push(format!("{spec_key}='{value}'"));
        }
    }
    let channel = text(entry, "channel").map(|channel| {
        reading.channel(channel, None, at);
        let short = channel
            .strip_prefix(crate::channel::CANONICAL_BASE)
            .unwrap_or(channel);
        format!("{}::", short.trim_end_matches('/'))
    });
    let channel = channel.unwrap_or_default();
    let build = text(entry, "build").unwrap_or_default();
    let spec = match brackets.is_empty() {
        true => format!("{channel}{name} {wanted} {build}"),
        false => {
            brackets.insert(0, format!("version='{wanted}'"));
            if !build.is_empty() {
                brackets.push(format!("build='{build}'"));
            }
            format!("{channel}{name}[{}]", brackets.join(", "))
        }
    };
    reading.package(&spec, condition, at);
}

/// Takes a PyPI package: `name = "spec"` or `name = { version = …, extras = […] }`.
pub(super) fn wheel(reading: &mut Reading<'_>, name: &str, item: &Item, condition: Option<&str>) {
    let at = at(item);
    let condition = condition.map(ToString::to_string);
    let entry = item.as_table_like();
    let version = item
        .as_str()
        .or_else(|| text(entry?, "version"))
        .unwrap_or("*");
    let version = if version == "*" { "" } else { version };
    let requirement = match entry {
        None => format!("{name}{version}"),
        Some(entry) => {
            if let Some(source) = ["path", "git"]
                .into_iter()
                .find(|key| entry.contains_key(key))
            {
                let message = format!("`{name}` is left out: its `{source}` is source code");
                return reading.lost(
                    at,
                    message,
                    "write a release of it into `pypi-dependencies`",
                );
            }
            if let Some(index) = text(entry, "index") {
                reading.index(Index::Package(name.to_string(), index.to_string()), at);
            }
            let extras: Vec<String> = texts(entry, "extras")
                .into_iter()
                .map(|(extra, _)| extra)
                .collect();
            let extras = match extras.is_empty() {
                true => String::new(),
                false => format!("[{}]", extras.join(",")),
            };
            let marker = text(entry, "env-markers")
                .map(|marker| format!("; {marker}"))
                .unwrap_or_default();
            match text(entry, "url") {
                Some(url) => format!("{name}{extras} @ {url}{}", marker.replace("; ", " ; ")),
                None => format!("{name}{extras}{version}{marker}"),
            }
        }
    };
    let line = WheelLine {
        text: requirement,
        sha256: Vec::new(),
        url: None,
    };
    pip::requirement(reading, line, condition, at);
}

pub(super) fn indexes(reading: &mut Reading<'_>, options: &dyn TableLike) {
    if let Some(url) = text(options, "index-url") {
        let place = options.get("index-url").map_or(At::default(), at);
        reading.index(Index::Main(url.to_string()), place);
    }
    for (url, at) in texts(options, "extra-index-urls") {
        reading.index(Index::Extra(url), at);
    }
    let links = options.get("find-links").and_then(Item::as_array);
    for value in links.into_iter().flatten() {
        let place = |table: &toml_edit::InlineTable| {
            let place = table.get("path").or_else(|| table.get("url"))?.as_str();
            place.map(ToString::to_string)
        };
        let url = value.as_inline_table().and_then(place);
        if let Some(url) = url {
            reading.index(Index::Links(url), span(value.span()));
        }
    }
}

pub(super) fn system_requirements(reading: &mut Reading<'_>, feature: &dyn TableLike) {
    let Some(requirements) = table(feature, "system-requirements") else {
        return;
    };
    let two_parts = |text: &str| -> String {
        let mut parts = text.split('.').take(2).collect::<Vec<_>>();
        if parts.len() == 1 {
            parts.push("0");
        }
        parts.join(".")
    };
    if let Some(cuda) = text(requirements, "cuda") {
        reading.imported.cuda = Some(two_parts(cuda));
    }
    let libc = requirements.get("libc");
    let libc = libc.and_then(|libc| {
        libc.as_str()
            .or_else(|| text(libc.as_table_like()?, "version"))
    });
    if let Some(libc) = libc {
        reading.imported.glibc = Some(two_parts(libc));
    }
}
