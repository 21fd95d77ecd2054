//! conda's `environment.yml`, in all the odd forms that people write.

use super::{
    At,
    reading::Reading,
    requirements,
    selector::{self, Selector},
};
use crate::recipe::{Yaml, YamlKind, yaml};

/// Reads an `environment.yml`.
pub(super) fn read(reading: &mut Reading<'_>) {
    let text = reading.texts.main();
    let root = match yaml(&text.file, &text.text) {
        Ok(root) => root,
        Err(errors) => {
            for mut error in errors {
                error.code = crate::Code::IMPORT_SYNTAX;
                reading.fail(error);
            }
            return;
        }
    };
    if !matches!(root.kind, YamlKind::Map(_)) {
        let help = "write `name:`, `channels:` and `dependencies:`";
        let excerpt: String = reading.texts.slice(at(&root)).chars().take(40).collect();
        return reading.bad_entry(
            at(&root),
            excerpt.lines().next().unwrap_or_default(),
            "an environment is a map of keys",
            help,
        );
    }
    reading.adds_defaults = true;
    for (index, (key, value)) in root.map().iter().enumerate() {
        let before = &root.map()[..index];
        if before.iter().any(|(known, _)| known.text() == key.text()) {
            let help = "put everything below one of the two";
            refuse(
                reading,
                key,
                "this key is there twice, and programs read only one",
                help,
            );
            continue;
        }
        match key.text().unwrap_or_default() {
            "name" => reading.imported.name = value.text().map(ToString::to_string),
            "channels" => channels(reading, value),
            "dependencies" => dependencies(reading, value),
            "variables" => variables(reading, value),
            "platforms" => platforms(reading, value),
            "prefix" => prefix(reading, value),
            name => reading.lost(
                at(key),
                format!("the key `{name}` has no counterpart in a recipe"),
                "",
            ),
        }
    }
}

fn at(value: &Yaml) -> At {
    let range = value.stretch();
    At {
        text: 0,
        start: range.start,
        end: range.end.max(range.start),
    }
}

fn channels(reading: &mut Reading<'_>, list: &Yaml) {
    if let Some(one) = list.text() {
        return reading.channel(one, None, at(list));
    }
    for entry in list.list() {
        match entry.text() {
            Some("nodefaults") => reading.adds_defaults = false,
            Some(channel) => reading.channel(channel, None, at(entry)),
            None => refuse(
                reading,
                entry,
                "a channel is a name or a URL",
                "write `- conda-forge`",
            ),
        }
    }
}

fn dependencies(reading: &mut Reading<'_>, list: &Yaml) {
    if !matches!(list.kind, YamlKind::List(_) | YamlKind::Nothing) {
        return refuse(
            reading,
            list,
            "`dependencies` is a list",
            "write `- python=3.10` in a line each",
        );
    }
    for entry in list.list() {
        match &entry.kind {
            YamlKind::Text(spec) => {
                if let Some(condition) = condition(reading, entry) {
                    reading.package(spec, condition, at(entry));
                }
            }
            YamlKind::Map(map) => match map.as_slice() {
                [(key, value)] if key.text() == Some("pip") => wheels(reading, value),
                [(key, value)] => {
                    let name = key.text().unwrap_or_default().to_string();
                    match (
                        value.text(),
                        super::selector::condition(
                            name.trim_start_matches("sel(").trim_end_matches(')'),
                        ),
                    ) {
                        // anaconda-project and conda-devenv write `sel(win): package`.
                        (Some(spec), Some(condition)) if name.starts_with("sel(") => {
                            reading.package(spec, Some(condition), at(value));
                        }
                        (Some(version), _) => {
                            let help = format!("write `{name}={version}`, without the `:`");
                            refuse(reading, entry, "a dependency is one text", &help);
                        }
                        (None, _) => refuse(
                            reading,
                            entry,
                            "a dependency is one text or `pip:` with a list",
                            "write `- pip:` with a list below it",
                        ),
                    }
                }
                _ => refuse(
                    reading,
                    entry,
                    "a dependency is one text or `pip:` with a list",
                    "begin each entry with `- `",
                ),
            },
            YamlKind::Nothing => {}
            YamlKind::List(_) => refuse(
                reading,
                entry,
                "a dependency is one text",
                "begin each entry with one `- `",
            ),
        }
    }
}

/// Returns the condition in the comment behind an entry; `None` if the entry does not count.
fn condition(reading: &mut Reading<'_>, entry: &Yaml) -> Option<Option<String>> {
    let text = &reading.texts.main().text;
    let rest = text.get(entry.range.end..).unwrap_or_default();
    let rest = rest.lines().next().unwrap_or_default().to_string();
    match selector::selector(&rest) {
        Selector::None => Some(None),
        Selector::On(condition) => Some(Some(condition)),
        Selector::Unknown(words) => {
            let message =
                format!("the selector `[{words}]` is not known, so the entry counts everywhere");
            reading.lost(
                at(entry),
                message,
                "write the condition into the recipe: `- if: win`",
            );
            Some(None)
        }
    }
}

fn wheels(reading: &mut Reading<'_>, list: &Yaml) {
    let mut seen = Vec::new();
    let mut constraints = Vec::new();
    let one = std::slice::from_ref(list);
    let entries = match &list.kind {
        YamlKind::List(entries) => entries.as_slice(),
        YamlKind::Text(_) => one,
        YamlKind::Nothing | YamlKind::Map(_) => &[],
    };
    for entry in entries {
        match entry.text() {
            Some(text) => {
                // conda hands the list to pip as a file, in which `#` begins a comment.
                let text = requirements::without_comment(text).trim();
                if text.is_empty() {
                    continue;
                }
                let before = reading.imported.wheels.len();
                requirements::entry(reading, text, "", at(entry), &mut seen, &mut constraints);
                if let Some(Some(condition)) = condition(reading, entry) {
                    for wheel in &mut reading.imported.wheels[before..] {
                        wheel.condition = Some(condition.clone());
                    }
                }
            }
            None => refuse(
                reading,
                entry,
                "an entry of `pip:` is one text",
                "write `- numpy<2`, in quotes if it holds `: `",
            ),
        }
    }
    for (constraint, place) in constraints {
        reading.lost(
            place,
            format!("`{constraint}` only constrains"),
            "write it into `pypi-dependencies` of the recipe if it is needed",
        );
    }
}

fn variables(reading: &mut Reading<'_>, map: &Yaml) {
    if !matches!(map.kind, YamlKind::Map(_) | YamlKind::Nothing) {
        let help = "write `NAME: \"value\"` in a line each";
        return refuse(reading, map, "`variables` is a map", help);
    }
    for (key, value) in map.map() {
        match (key.text(), &value.kind) {
            (Some(name), YamlKind::Text(text)) => reading.variable(name, text, at(key)),
            (Some(name), YamlKind::Nothing) => reading.variable(name, "", at(key)),
            _ => refuse(
                reading,
                key,
                "a variable is a name and a text",
                "write `NAME: \"value\"`",
            ),
        }
    }
}

fn platforms(reading: &mut Reading<'_>, list: &Yaml) {
    for entry in list.list() {
        match entry.text().and_then(|text| text.parse().ok()) {
            Some(platform) => reading.imported.platforms.push(platform),
            None => refuse(
                reading,
                entry,
                "this is no platform",
                "write `linux-64` or `win-64`",
            ),
        }
    }
}

/// The prefix says at least for which system the file was written.
fn prefix(reading: &mut Reading<'_>, value: &Yaml) {
    let text = value.text().unwrap_or_default();
    let is_windows = text.contains('\\') || text.get(1..3).is_some_and(|rest| rest == ":/");
    if is_windows && reading.imported.platforms.is_empty() {
        reading
            .imported
            .platforms
            .push(rattler_conda_types::Subdir::Win64);
    }
}

fn refuse(reading: &mut Reading<'_>, value: &Yaml, reason: &str, help: &str) {
    let written = reading.first_line(at(value));
    reading.bad_entry(at(value), &written, reason, help);
}
