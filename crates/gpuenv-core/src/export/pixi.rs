//! `pixi.toml` with `pixi.lock`: what was asked for, and the exact files.

use std::{collections::BTreeMap, fmt::Write as _};

use pep508_rs::{Requirement, VersionOrUrl};
use rattler_conda_types::{MatchSpec, VersionSpec};

use super::{ExportError, Exported, Part, quoted};
use crate::{Code, Diagnostic, Lock, channel, lock as locks, plan::PypiSettings, recipe};

/// Writes both.
pub(super) fn write(lock: &Lock, parts: &[Part<'_>]) -> Result<Exported, ExportError> {
    let name = parts.first().map_or("gpuenv", |part| part.name);
    let mut text = format!("[workspace]\nname = {}\n", quoted(name));
    let channels: Vec<String> = lock
        .channels
        .iter()
        .map(|url| quoted(channel::short_name(url)))
        .collect();
    let _ = writeln!(text, "channels = [{}]", channels.join(", "));
    let platforms: Vec<String> = parts
        .iter()
        .map(|part| quoted(part.platform.as_str()))
        .collect();
    let _ = writeln!(text, "platforms = [{}]", platforms.join(", "));
    system(&mut text, parts);
    section(&mut text, parts, "dependencies", &|part| dependencies(part));
    section(&mut text, parts, "pypi-dependencies", &|part| {
        requirements(part)
    });
    places(&mut text, parts);
    section(&mut text, parts, "activation.env", &|part| {
        let variables = part.variables().into_iter();
        // pixi lets a shell expand them, and ours are taken as they are.
        variables
            .filter(|(_, value)| !value.contains(['$', '`', '%']))
            .map(|(name, value)| format!("{name} = {}", quoted(value)))
            .collect()
    });
    let live = |part: &Part<'_>| {
        let variables = part.variables().into_iter();
        let live = variables.filter(|(_, value)| value.contains(['$', '`', '%']));
        live.map(|(name, _)| name.to_string()).collect::<Vec<_>>()
    };
    let mut names: Vec<String> = parts.iter().flat_map(live).collect();
    names.dedup();
    let note = |name: &String| {
        let message = format!("`{name}` is left out: pixi would let a shell expand its value");
        Diagnostic::warning(Code::EXPORT_IMPOSSIBLE, message)
    };
    let notes = names.iter().map(note).collect();
    let bare = Lock {
        settings: None,
        channels: lock.channels.clone(),
        platforms: parts
            .iter()
            .map(|part| (part.platform.to_string(), part.locked.clone()))
            .collect(),
    };
    let locked = locks::render(&bare).map_err(|error| ExportError::Unwritable {
        reason: error.to_string(),
    })?;
    Ok(Exported {
        text,
        beside: vec![("pixi.lock".to_string(), locked)],
        notes,
    })
}

/// Writes the lines that all platforms have once, and the others for each.
fn section(
    text: &mut String,
    parts: &[Part<'_>],
    key: &str,
    lines: &dyn Fn(&Part<'_>) -> Vec<String>,
) {
    let of_parts: Vec<Vec<String>> = parts.iter().map(lines).collect();
    let shared: Vec<&String> = of_parts
        .first()
        .into_iter()
        .flatten()
        .filter(|line| of_parts.iter().all(|lines| lines.contains(line)))
        .collect();
    if !shared.is_empty() {
        let _ = writeln!(text, "\n[{key}]");
        for line in &shared {
            let _ = writeln!(text, "{line}");
        }
    }
    for (part, lines) in parts.iter().zip(&of_parts) {
        let own: Vec<&String> = lines.iter().filter(|line| !shared.contains(line)).collect();
        if !own.is_empty() {
            let _ = writeln!(text, "\n[target.{}.{key}]", part.platform);
            for line in own {
                let _ = writeln!(text, "{line}");
            }
        }
    }
}

/// The least machine, over all platforms: pixi has one for all.
fn system(text: &mut String, parts: &[Part<'_>]) {
    let mut found: BTreeMap<&str, String> = BTreeMap::new();
    for part in parts {
        for package in &part.locked.virtual_packages {
            let mut fields = package.split('=');
            let key = match fields.next() {
                Some("__cuda") => "cuda",
                Some("__glibc") => "libc",
                _ => continue,
            };
            let version = fields.next().unwrap_or_default().to_string();
            let lower = found.get(key).is_none_or(|known| {
                let order = |text: &str| text.parse::<rattler_conda_types::Version>().ok();
                order(&version) < order(known)
            });
            if lower {
                found.insert(key, version);
            }
        }
    }
    if !found.is_empty() {
        text.push_str("\n[system-requirements]\n");
        for (key, version) in found {
            let _ = writeln!(text, "{key} = {}", quoted(&version));
        }
    }
}

/// The conda packages: as the recipe asks for them, else exactly.
fn dependencies(part: &Part<'_>) -> Vec<String> {
    let exact = || {
        part.records().iter().map(|record| {
            let package = &record.package_record;
            format!(
                "{} = {{ version = {}, build = {} }}",
                key(package.name.as_normalized()),
                quoted(&format!("=={}", package.version)),
                quoted(package.build.as_str())
            )
        })
    };
    match part.settings {
        None => exact().collect(),
        Some(settings) => {
            let mut lines: Vec<(String, String)> = Vec::new();
            for dependency in &settings.dependencies {
                let Ok(spec) = recipe::dependency(dependency) else {
                    continue;
                };
                let name = spec.name.to_string();
                // pixi has one entry for a name: the stricter one is the longer one here.
                let value = conda_value(&spec);
                match lines.iter_mut().find(|(known, _)| *known == name) {
                    Some((_, known)) if value.len() > known.len() => *known = value,
                    Some(_) => {}
                    None => lines.push((name, value)),
                }
            }
            lines
                .into_iter()
                .map(|(name, value)| format!("{} = {value}", key(&name)))
                .collect()
        }
    }
}

fn conda_value(spec: &MatchSpec) -> String {
    let version = match &spec.version {
        None | Some(VersionSpec::Any) => "*".to_string(),
        Some(version) => version.to_string(),
    };
    let mut fields = vec![("version", version)];
    if let Some(build) = &spec.build {
        fields.push(("build", build.to_string()));
    }
    if let Some(number) = &spec.build_number {
        fields.push(("build-number", number.to_string()));
    }
    if let Some(channel) = &spec.channel {
        fields.push(("channel", channel.name().to_string()));
    }
    if let Some(subdir) = &spec.subdir {
        fields.push(("subdir", subdir.clone()));
    }
    match fields.as_slice() {
        [(_, version)] => quoted(version),
        fields => {
            let pairs: Vec<String> = fields
                .iter()
                .map(|(name, value)| format!("{name} = {}", quoted(value)))
                .collect();
            format!("{{ {} }}", pairs.join(", "))
        }
    }
}

/// The wheels: as the recipe asks for them, else exactly.
fn requirements(part: &Part<'_>) -> Vec<String> {
    match part.settings {
        None => part
            .wheels()
            .iter()
            .map(|wheel| {
                format!(
                    "{} = {}",
                    key(&wheel.name),
                    quoted(&format!("=={}", wheel.version))
                )
            })
            .collect(),
        Some(settings) => settings
            .pypi_dependencies
            .iter()
            .filter_map(|text| {
                let requirement = recipe::wheel(text).ok()?;
                let indexes = &settings.pypi_options.package_indexes;
                let index = indexes.get(requirement.name.as_ref());
                Some(pypi_line(&requirement, index))
            })
            .collect(),
    }
}

/// Where wheels are looked for: pixi has one list for all platforms.
fn places(text: &mut String, parts: &[Part<'_>]) {
    let pypi = |part: &Part<'_>| part.settings.map(|known| known.pypi_options.clone());
    let all: Vec<PypiSettings> = parts.iter().filter_map(pypi).collect();
    let list = |of: fn(&PypiSettings) -> &Vec<String>, written: fn(&str) -> String| {
        let mut places: Vec<String> = Vec::new();
        for place in all.iter().flat_map(of) {
            let place = written(place);
            if !places.contains(&place) {
                places.push(place);
            }
        }
        places.join(", ")
    };
    let main = all.iter().find_map(|pypi| pypi.index_url.as_ref());
    let main = main.map(|url| quoted(url)).unwrap_or_default();
    let extra = list(|pypi| &pypi.extra_index_urls, quoted);
    let links = list(
        |pypi| &pypi.find_links,
        |place| {
            let kind = if place.contains("://") { "url" } else { "path" };
            format!("{{ {kind} = {} }}", quoted(place))
        },
    );
    if main.is_empty() && extra.is_empty() && links.is_empty() {
        return;
    }
    text.push_str("\n[pypi-options]\n");
    if !main.is_empty() {
        let _ = writeln!(text, "index-url = {main}");
    }
    for (key, places) in [("extra-index-urls", extra), ("find-links", links)] {
        if !places.is_empty() {
            let _ = writeln!(text, "{key} = [{places}]");
        }
    }
}

fn pypi_line(requirement: &Requirement, index: Option<&String>) -> String {
    let mut fields: Vec<(&str, String)> = Vec::new();
    match &requirement.version_or_url {
        None => fields.push(("version", quoted("*"))),
        Some(VersionOrUrl::VersionSpecifier(version)) => {
            fields.push(("version", quoted(&version.to_string())))
        }
        Some(VersionOrUrl::Url(url)) => fields.push(("url", quoted(url.as_str()))),
    }
    if !requirement.extras.is_empty() {
        let extras: Vec<String> = requirement
            .extras
            .iter()
            .map(|extra| quoted(extra.as_ref()))
            .collect();
        fields.push(("extras", format!("[{}]", extras.join(", "))));
    }
    if let Some(index) = index {
        fields.push(("index", quoted(index)));
    }
    if let Some(marker) = requirement.marker.contents() {
        fields.push(("env-markers", quoted(&marker.to_string())));
    }
    let value = match fields.as_slice() {
        [("version", version)] => version.clone(),
        fields => {
            let pairs: Vec<String> = fields
                .iter()
                .map(|(name, value)| format!("{name} = {value}"))
                .collect();
            format!("{{ {} }}", pairs.join(", "))
        }
    };
    format!("{} = {value}", key(requirement.name.as_ref()))
}

/// Writes a name as a key of TOML, bare where that is allowed.
fn key(name: &str) -> String {
    match name
        .chars()
        .all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_'))
    {
        true => name.to_string(),
        false => quoted(name),
    }
}
