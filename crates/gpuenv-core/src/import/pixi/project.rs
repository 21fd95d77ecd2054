//! What a `pyproject.toml` says beside pixi: PEP 621, and where uv looks for wheels.

use toml_edit::{Item, TableLike};

use super::super::{At, Index, WheelLine, pip, reading::Reading};
use super::{at, span, table, text, texts};

/// Reads what the project itself needs (PEP 621).
pub(super) fn read(reading: &mut Reading<'_>, project: &dyn TableLike) {
    if let Some(item) = project.get("dependencies") {
        let help = "write `dependencies = [\"numpy>=1.26\"]`";
        match item.as_array() {
            None => reading.bad_entry(at(item), "dependencies", "it is a list of texts", help),
            Some(list) => {
                for value in list {
                    let place = span(value.span());
                    match value.as_str() {
                        Some(text) => {
                            pip::requirement(reading, WheelLine::plain(text), None, place);
                        }
                        None => {
                            let written = reading.first_line(place);
                            reading.bad_entry(place, &written, "it is no text", help);
                        }
                    }
                }
            }
        }
    }
    let dynamic = texts(project, "dynamic");
    if let Some((_, at)) = dynamic.iter().find(|(name, _)| name == "dependencies") {
        let message = "the dependencies are made when the project is built, and are not read";
        let help = "import the file that holds them: `gpuenv import requirements.txt`";
        reading.lost(*at, message, help);
    }
    groups(reading, project, "optional-dependencies");
}

/// Tells of the groups of PEP 735.
pub(super) fn left_out(reading: &mut Reading<'_>, root: &dyn TableLike) {
    groups(reading, root, "dependency-groups");
}

fn groups(reading: &mut Reading<'_>, parent: &dyn TableLike, key: &str) {
    let names: Vec<&str> = table(parent, key).map_or(Vec::new(), |groups| {
        groups.iter().map(|(name, _)| name).collect()
    });
    if let (false, Some(item)) = (names.is_empty(), parent.get(key)) {
        let what = key.replace('-', " ");
        let message = format!("the {what} `{}` are left out", names.join("`, `"));
        let help = "write those that you need into `pypi-dependencies`";
        reading.lost(at(item), message, help);
    }
}

/// Takes the indexes of uv, and which package comes from which.
pub(super) fn of_uv(reading: &mut Reading<'_>, uv: &dyn TableLike) {
    if let Some(url) = text(uv, "index-url") {
        let place = uv.get("index-url").map_or(At::default(), at);
        reading.index(Index::Main(url.to_string()), place);
    }
    for (url, place) in texts(uv, "extra-index-url") {
        reading.index(Index::Extra(url), place);
    }
    for (place_of_wheels, place) in texts(uv, "find-links") {
        reading.index(Index::Links(place_of_wheels), place);
    }
    let mut named: Vec<(String, String)> = Vec::new();
    let listed = uv.get("index").and_then(Item::as_array_of_tables);
    for index in listed.into_iter().flatten() {
        let Some(url) = text(index, "url") else {
            continue;
        };
        let is = |key: &str| index.get(key).and_then(Item::as_bool) == Some(true);
        let place = index.get("url").map_or(At::default(), at);
        let url = url.to_string();
        if let Some(name) = text(index, "name") {
            named.push((name.to_string(), url.clone()));
        }
        match (is("explicit"), is("default")) {
            // Only the packages that name it come from there.
            (true, _) => {}
            (false, true) => reading.index(Index::Main(url), place),
            (false, false) => reading.index(Index::Extra(url), place),
        }
    }
    let Some(sources) = table(uv, "sources") else {
        return;
    };
    for (package, item) in sources.iter() {
        let index = item
            .as_table_like()
            .and_then(|source| text(source, "index"));
        let url = index.and_then(|name| named.iter().find(|(known, _)| known == name));
        match url {
            Some((_, url)) => {
                reading.index(Index::Package(package.to_string(), url.clone()), at(item));
            }
            None => {
                let message = format!("the source of `{package}` is left out");
                let help = "write its index into `pypi-options: package-indexes:` of the recipe";
                reading.lost(at(item), message, help);
            }
        }
    }
}
