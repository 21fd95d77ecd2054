//! `pixi.toml`, and `pyproject.toml` with `[tool.pixi]` or `[project]` alone.

mod entries;
mod project;

use toml_edit::{Document, Item, TableLike};

use self::entries::{conda, indexes, system_requirements, wheel};
use super::{At, Found, ImportError, WheelLine, pixi_lock, reading::Reading, selector};

/// Tables that say how a project is built and run, not what its environment holds.
const NOT_PACKAGES: [&str; 4] = ["tasks", "package", "dev", "constraints"];

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
        project::read(reading, project);
    }
    project::left_out(reading, root);
    if let Some(uv) = table(root, "tool").and_then(|tool| table(tool, "uv")) {
        project::of_uv(reading, uv);
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
