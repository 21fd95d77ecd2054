//! `pixi.toml`, and `pyproject.toml` with `[tool.pixi]` or `[project]` alone.

use rattler_conda_types::{ParseStrictness, VersionSpec};
use toml_edit::{Document, Item, TableLike};

use super::{At, Found, ImportError, Index, WheelLine, pip, pixi_lock, reading::Reading, selector};

/// Tables that say how a project is built and run, not what its environment holds.
const NOT_PACKAGES: [&str; 3] = ["tasks", "package", "dev"];

/// Reads a `pixi.toml`.
pub(super) fn read(reading: &mut Reading<'_>, environment: Option<&str>) {
    let Some(document) = document(reading) else {
        return;
    };
    workspace(reading, document.as_table(), environment);
}

/// Reads a `pyproject.toml`.
pub(super) fn read_pyproject(reading: &mut Reading<'_>, environment: Option<&str>) {
    let Some(document) = document(reading) else {
        return;
    };
    let root = document.as_table();
    let pixi = table(root, "tool").and_then(|tool| table(tool, "pixi"));
    let project = table(root, "project");
    if let Some(project) = project {
        reading.imported.name = text(project, "name").map(ToString::to_string);
        of_project(reading, project);
    }
    match pixi {
        Some(pixi) => workspace(reading, pixi, environment),
        None => {
            let asks_python = project.and_then(|project| text(project, "requires-python"));
            let python = match asks_python {
                Some(version) => format!("python {}", version.replace(' ', "")),
                None => "python".to_string(),
            };
            let at = project
                .and_then(|p| p.get("requires-python"))
                .map_or(At::default(), at);
            reading.package(&python, None, at);
        }
    }
}

fn document(reading: &mut Reading<'_>) -> Option<Document<String>> {
    let text = reading.texts.main();
    // The parser recurses, within a limit of its own; this one costs less.
    match Document::parse(text.text.clone()) {
        Ok(document) => Some(document),
        Err(error) => {
            let range = error.span().unwrap_or(0..0);
            let place = text.place(range);
            let reason = format!(
                "this is no TOML: {}",
                error.message().trim().lines().next().unwrap_or_default()
            );
            let help = "put text into quotes, and close every `[` and `{`".to_string();
            reading.fail(ImportError::Syntax {
                place,
                reason,
                help,
            });
            None
        }
    }
}

fn table<'t>(parent: &'t dyn TableLike, key: &str) -> Option<&'t dyn TableLike> {
    parent.get(key).and_then(Item::as_table_like)
}

fn text<'t>(parent: &'t dyn TableLike, key: &str) -> Option<&'t str> {
    parent.get(key).and_then(Item::as_str)
}

fn texts(parent: &dyn TableLike, key: &str) -> Vec<(String, At)> {
    let list = parent.get(key).and_then(Item::as_array);
    let texts = list.into_iter().flatten().filter_map(|value| {
        let at = span(value.span());
        Some((value.as_str()?.to_string(), at))
    });
    texts.collect()
}

fn at(item: &Item) -> At {
    span(item.span())
}

fn span(range: Option<std::ops::Range<usize>>) -> At {
    range.map_or(At::default(), |range| At {
        text: 0,
        start: range.start,
        end: range.end,
    })
}

/// PEP 621: what the project itself needs.
fn of_project(reading: &mut Reading<'_>, project: &dyn TableLike) {
    for (requirement, at) in texts(project, "dependencies") {
        let line = WheelLine {
            text: requirement,
            sha256: Vec::new(),
            url: None,
        };
        pip::requirement(reading, line, None, at);
    }
    if let Some(extras) = table(project, "optional-dependencies") {
        let names: Vec<&str> = extras.iter().map(|(name, _)| name).collect();
        if let (false, Some(item)) = (names.is_empty(), project.get("optional-dependencies")) {
            let message = format!(
                "the optional dependencies `{}` are left out",
                names.join("`, `")
            );
            reading.lost(
                at(item),
                message,
                "write those that you need into `pypi-dependencies`",
            );
        }
    }
}

/// Reads a workspace of pixi.
fn workspace(reading: &mut Reading<'_>, root: &dyn TableLike, environment: Option<&str>) {
    let head = table(root, "workspace").or_else(|| table(root, "project"));
    let none = toml_edit::Table::new();
    let head: &dyn TableLike = head.unwrap_or(&none);
    if let Some(name) = text(head, "name") {
        reading.imported.name = Some(name.to_string());
    }
    for (platform, at) in texts(head, "platforms") {
        match platform.parse() {
            Ok(platform) => reading.imported.platforms.push(platform),
            Err(_) => reading.bad_entry(
                at,
                &platform,
                "it is no platform",
                "write `linux-64`, for example",
            ),
        }
    }
    let Some(features) = chosen(reading, root, environment) else {
        return;
    };
    for (_, feature) in &features {
        channels(reading, *feature);
        only_platforms(reading, *feature);
    }
    channels(reading, head);
    // The feature of everybody comes last; its lines come first in a recipe.
    for (_, feature) in features.iter().rev() {
        packages(reading, *feature);
    }
    for (key, item) in root.iter() {
        if NOT_PACKAGES.contains(&key) && item.is_table_like() {
            let message =
                format!("`[{key}]` has no counterpart: a recipe says what an environment holds");
            reading.lost(
                at(item),
                message,
                "keep the file for these, or call programs with `gpuenv run ENV -- …`",
            );
        }
    }
    if let Some(index) = reading.texts.linked(0, "pixi.lock") {
        pixi_lock::read_beside(reading, index, environment);
    }
}

/// Returns the features of the wanted environment, the one of everybody last.
fn chosen<'t>(
    reading: &mut Reading<'_>,
    root: &'t dyn TableLike,
    environment: Option<&str>,
) -> Option<Vec<(Option<&'t str>, &'t dyn TableLike)>> {
    let environments = table(root, "environments");
    let wanted = environment.unwrap_or("default");
    let entry = environments.and_then(|all| all.get(wanted));
    let known = || -> Vec<&str> {
        environments
            .map(|all| all.iter().map(|(name, _)| name).collect())
            .unwrap_or_default()
    };
    let entry = match (entry, environment) {
        (Some(entry), _) => Some(entry),
        (None, None | Some("default")) => None,
        (None, Some(name)) => {
            let reason = format!("there is no environment `{name}`");
            let help = format!(
                "name one with `--environment`: default, {}",
                known().join(", ")
            );
            let place = crate::Place::file(&reading.texts.main().file);
            reading.fail(ImportError::Syntax {
                place,
                reason,
                help,
            });
            return None;
        }
    };
    let others: Vec<&str> = known().into_iter().filter(|name| *name != wanted).collect();
    if let (None, false, Some(item)) = (environment, others.is_empty(), root.get("environments")) {
        let message = format!(
            "only the environment `default` is read; there are also `{}`",
            others.join("`, `")
        );
        reading.lost(
            at(item),
            message,
            "import another one with `--environment NAME`",
        );
    }
    let listed = entry.map(|entry| match entry.as_table_like() {
        Some(table) => (
            texts(table, "features"),
            table.get("no-default-feature").and_then(Item::as_bool) == Some(true),
        ),
        None => {
            let names = entry.as_array().into_iter().flatten();
            let names = names.filter_map(|v| Some((v.as_str()?.to_string(), span(v.span()))));
            (names.collect(), false)
        }
    });
    let (names, without_default) = listed.unwrap_or_default();
    let mut features: Vec<(Option<&'t str>, &'t dyn TableLike)> = Vec::new();
    let all = table(root, "feature");
    for (name, at) in names {
        let found = all.and_then(|all| all.iter().find(|(key, _)| *key == name));
        match found.and_then(|(key, item)| Some((key, item.as_table_like()?))) {
            Some((key, feature)) => features.push((Some(key), feature)),
            None if name == "default" => {}
            None => reading.bad_entry(
                at,
                &name,
                "there is no feature of that name",
                "write `[feature.NAME]`",
            ),
        }
    }
    if !without_default {
        features.push((None, root));
    }
    Some(features)
}

fn channels(reading: &mut Reading<'_>, parent: &dyn TableLike) {
    let list = parent.get("channels").and_then(Item::as_array);
    let mut named: Vec<(i64, String, At)> = Vec::new();
    for value in list.into_iter().flatten() {
        let table = value.as_inline_table();
        let inside = table.and_then(|table| table.get("channel")?.as_str());
        let priority = table.and_then(|table| table.get("priority")?.as_integer());
        let at = span(value.span());
        match value.as_str().or(inside) {
            Some(name) => named.push((priority.unwrap_or(0), name.to_string(), at)),
            None => {
                let help = "write `channels = [\"conda-forge\"]`";
                reading.bad_entry(at, "channels", "a channel is a text", help);
            }
        }
    }
    named.sort_by_key(|(priority, _, _)| std::cmp::Reverse(*priority));
    for (_, name, at) in named {
        reading.channel(&name, None, at);
    }
}

fn only_platforms(reading: &mut Reading<'_>, feature: &dyn TableLike) {
    let listed = texts(feature, "platforms");
    if !listed.is_empty() {
        let is_listed = |platform: &rattler_conda_types::Subdir| {
            listed.iter().any(|(name, _)| name == platform.as_str())
        };
        reading.imported.platforms.retain(is_listed);
    }
}

/// Takes the packages, variables and requirements of a feature, or of everybody.
fn packages(reading: &mut Reading<'_>, feature: &dyn TableLike) {
    let before = (
        reading.imported.packages.len(),
        reading.imported.wheels.len(),
    );
    dependencies(reading, feature, None);
    system_requirements(reading, feature);
    let targets = table(feature, "target");
    for (selector, item) in targets.into_iter().flat_map(|targets| targets.iter()) {
        let Some(target) = item.as_table_like() else {
            continue;
        };
        let Some(condition) = selector::condition(selector) else {
            let message =
                format!("the target `{selector}` is not known to recipes, and is left out");
            reading.lost(
                at(item),
                message,
                "write `linux-64`, `win`, `unix`, `linux` or `osx`",
            );
            continue;
        };
        let from = reading.imported.packages.len();
        let wheels_from = reading.imported.wheels.len();
        dependencies(reading, target, Some(&condition));
        let (packages, wheels) = (&mut reading.imported.packages, &mut reading.imported.wheels);
        replace(packages, before.0, from, &condition, |text| {
            super::name_of(text)
        });
        replace(
            wheels,
            before.1,
            wheels_from,
            &condition,
            |line: &WheelLine| super::name_of(&line.text),
        );
    }
}

/// What a target says about a package replaces what the feature says about it there.
fn replace<T>(
    entries: &mut [Found<T>],
    from: usize,
    own: usize,
    condition: &str,
    name: impl Fn(&T) -> String,
) {
    let (before, targeted) = entries.split_at_mut(own);
    for entry in before[from..]
        .iter_mut()
        .filter(|entry| entry.condition.is_none())
    {
        if targeted
            .iter()
            .any(|target| name(&target.value) == name(&entry.value))
        {
            entry.condition = selector::condition(&format!("not ({condition})"));
        }
    }
}

fn dependencies(reading: &mut Reading<'_>, parent: &dyn TableLike, condition: Option<&str>) {
    for key in ["dependencies", "host-dependencies", "build-dependencies"] {
        let entries = table(parent, key);
        for (name, item) in entries.into_iter().flat_map(|entries| entries.iter()) {
            conda(reading, name, item, condition);
        }
    }
    let entries = table(parent, "pypi-dependencies");
    for (name, item) in entries.into_iter().flat_map(|entries| entries.iter()) {
        wheel(reading, name, item, condition);
    }
    if let Some(options) = table(parent, "pypi-options") {
        indexes(reading, options);
    }
    let activation = table(parent, "activation");
    if let Some(env) = activation.and_then(|activation| table(activation, "env")) {
        for (name, item) in env.iter() {
            let value = item.as_str().map(ToString::to_string);
            let value = value.or_else(|| item.as_integer().map(|number| number.to_string()));
            match value.filter(|value| !value.contains('$')) {
                Some(value) => {
                    let known = reading.imported.variables.len();
                    reading.variable(name, &value, at(item));
                    for variable in reading.imported.variables.iter_mut().skip(known) {
                        variable.condition = condition.map(ToString::to_string);
                    }
                }
                None => reading.lost(
                    at(item),
                    format!("`{name}` is left out: its value is no plain text"),
                    "",
                ),
            }
        }
    }
    if let Some(scripts) = activation.and_then(|activation| activation.get("scripts")) {
        reading.lost(
            at(scripts),
            "activation scripts are left out: a recipe sets variables only",
            "",
        );
    }
}

/// Takes a conda package: `name = "spec"` or `name = { version = …, build = … }`.
fn conda(reading: &mut Reading<'_>, name: &str, item: &Item, condition: Option<&str>) {
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
            return reading.package(&url.to_string(), condition, at);
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
fn wheel(reading: &mut Reading<'_>, name: &str, item: &Item, condition: Option<&str>) {
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
                reading.index(Index::Extra(index.to_string()), at);
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

fn indexes(reading: &mut Reading<'_>, options: &dyn TableLike) {
    if let Some(url) = text(options, "index-url") {
        let place = options.get("index-url").map_or(At::default(), at);
        reading.index(Index::Main(url.to_string()), place);
    }
    for (url, at) in texts(options, "extra-index-urls") {
        reading.index(Index::Extra(url), at);
    }
    let links = options.get("find-links").and_then(Item::as_array);
    for value in links.into_iter().flatten() {
        let url = value
            .as_inline_table()
            .and_then(|table| table.get("url")?.as_str());
        if let Some(url) = url {
            reading.index(Index::Links(url.to_string()), span(value.span()));
        }
    }
}

fn system_requirements(reading: &mut Reading<'_>, feature: &dyn TableLike) {
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
