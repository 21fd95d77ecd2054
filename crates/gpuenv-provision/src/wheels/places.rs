//! Where a recipe says that wheels are, as uv is told, and from where uv took them.

use std::{
    collections::{BTreeMap, BTreeSet},
    ffi::OsString,
    fmt::Write as _,
    path::{Path, PathBuf},
};

use gpuenv_core::{Wheel, plan::PypiSettings, wheels::is_pypi};
use serde_json::json;
use url::Url;

use super::WheelsError;

/// The file that tells uv of an index for a single package.
pub(super) const PROJECT: &str = "pyproject.toml";

/// What uv would otherwise take from the machine, by the beginning of its name.
const MACHINE: [&str; 6] = [
    "UV_DEFAULT_INDEX",
    "UV_EXTRA_INDEX_URL",
    "UV_FIND_LINKS",
    "UV_INDEX_URL",
    "UV_NO_INDEX",
    "UV_CONFIG_FILE",
];

/// Returns a page or folder of wheels as uv is told; `folder` is the one of the recipe.
///
/// # Errors
/// Fails if a folder of wheels is not there.
pub(super) fn links(place: &str, folder: Option<&Path>) -> Result<String, WheelsError> {
    Ok(match place.contains("://") {
        true => place.to_string(),
        false => links_folder(place, folder)?.display().to_string(),
    })
}

fn links_folder(place: &str, folder: Option<&Path>) -> Result<PathBuf, WheelsError> {
    let path = match (Path::new(place).is_absolute(), folder) {
        (true, _) => PathBuf::from(place),
        (false, Some(folder)) => folder.join(place),
        (false, None) => {
            return Err(WheelsError::LinksNowhere {
                place: place.to_string(),
            });
        }
    };
    let missing = || WheelsError::LinksMissing {
        place: place.to_string(),
        path: path.clone(),
    };
    let found = fs_err::canonicalize(&path).map_err(|_| missing())?;
    match found.is_dir() {
        true => Ok(found),
        false => Err(missing()),
    }
}

/// Takes out what the machine would add to an index that the recipe names.
pub(super) fn without_the_machines(
    pypi: &PypiSettings,
    variables: &mut BTreeMap<OsString, OsString>,
) {
    if pypi.index_url.is_none() {
        return;
    }
    variables.retain(|name, _| {
        let name = name.to_string_lossy();
        // `UV_INDEX_…_PASSWORD` and its kin stay.
        name != "UV_INDEX" && !MACHINE.contains(&name.as_ref())
    });
}

/// Returns a project that asks for the requirements, if one of them has an index of its own:
/// uv takes such a wish from a project only.
pub(super) fn project(requirements: &[String], pypi: &PypiSettings) -> Option<String> {
    if pypi.package_indexes.is_empty() {
        return None;
    }
    // A JSON string of printable ASCII is one of TOML too.
    let quoted = |text: &str| json!(text).to_string();
    let list: Vec<String> = requirements.iter().map(|one| quoted(one)).collect();
    let mut text = format!(
        "[project]\nname = \"gpuenv-question\"\nversion = \"0\"\ndependencies = [{}]\n",
        list.join(", ")
    );
    let own = own_indexes(pypi);
    text.push_str("[tool.uv.sources]\n");
    for (name, url) in &pypi.package_indexes {
        let index = own.iter().find(|(_, known)| *known == url);
        let index = index.map_or("", |(index, _)| index);
        let _ = writeln!(text, "{} = {{ index = {} }}", quoted(name), quoted(index));
    }
    for (index, url) in &own {
        let _ = writeln!(
            text,
            "[[tool.uv.index]]\nname = {}\nurl = {}\nexplicit = true",
            quoted(index),
            quoted(url)
        );
    }
    Some(text)
}

/// Returns the indexes of single packages, with the names by which uv knows them.
pub(super) fn own_indexes(pypi: &PypiSettings) -> Vec<(String, &String)> {
    let urls: BTreeSet<&String> = pypi.package_indexes.values().collect();
    let urls = urls.into_iter().enumerate();
    urls.map(|(number, url)| (format!("gpuenv-{number}"), url))
        .collect()
}

/// Notes the indexes that follow from the recipe, and returns the wheels of which
/// only uv knows it.
pub(super) fn note_known<'w>(
    wheels: &'w mut [Wheel],
    pypi: &PypiSettings,
    with_address: &BTreeSet<String>,
) -> Vec<&'w mut Wheel> {
    let mut unknown = Vec::new();
    for wheel in wheels {
        if let Some(url) = pypi.package_indexes.get(&wheel.name) {
            note(wheel, url);
        } else if wheel.url.scheme() != "file" && !with_address.contains(&wheel.name) {
            unknown.push(wheel);
        }
    }
    unknown
}

/// Notes what uv says: each name with its version, and below it from where it is.
pub(super) fn note_told(told: &str, wheels: &mut [&mut Wheel], canonical: impl Fn(&Url) -> Url) {
    let mut name = "";
    for line in told.lines() {
        match line.trim().strip_prefix("# from ") {
            None => name = line.split("==").next().unwrap_or_default().trim(),
            Some(url) => {
                let mut wheels = wheels.iter_mut();
                let wheel = wheels.find(|wheel| wheel.name == name);
                if let (Some(wheel), Ok(url)) = (wheel, Url::parse(url)) {
                    note(wheel, canonical(&url).as_str());
                }
            }
        }
    }
}

fn note(wheel: &mut Wheel, url: &str) {
    let Ok(mut url) = Url::parse(url) else {
        return;
    };
    let _ = url.set_username("");
    let _ = url.set_password(None);
    url.set_query(None);
    url.set_fragment(None);
    if matches!(url.scheme(), "https" | "http") && !is_pypi(&url) {
        wheel.index = Some(url);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wheel(name: &str, url: &str) -> Wheel {
        Wheel {
            name: name.to_string(),
            version: "1".to_string(),
            url: url.parse().unwrap(),
            index: None,
            sha256: [0; 32].into(),
            size: None,
        }
    }

    #[test]
    fn a_folder_is_taken_from_beside_the_recipe() {
        let folder = tempfile::tempdir().unwrap();
        fs_err::create_dir(folder.path().join("w")).unwrap();
        fs_err::write(folder.path().join("file"), "").unwrap();
        let ask = |place: &str, folder: Option<&Path>| {
            links(place, folder).map_err(|error| error.to_string())
        };
        let real = fs_err::canonicalize(folder.path()).unwrap();
        let there = real.join("w").display().to_string();
        assert_eq!(ask("./w", Some(folder.path())), Ok(there));
        assert!(ask("./no", Some(folder.path())).is_err());
        assert!(ask("file", Some(folder.path())).is_err());
        assert!(ask("./w", None).is_err());
        let page = "https://x.example/w.html";
        assert_eq!(ask(page, None), Ok(page.to_string()));
    }

    #[test]
    fn one_index_serves_several_packages() {
        let index = "https://x.example/simple".to_string();
        let pypi = PypiSettings {
            package_indexes: [("a", &index), ("b", &index)]
                .map(|(name, url)| (name.to_string(), url.clone()))
                .into(),
            ..PypiSettings::default()
        };
        let text = project(&["a>1 ; os_name == \"nt\"".to_string()], &pypi).unwrap();
        assert_eq!(text.matches("[[tool.uv.index]]").count(), 1);
        assert!(text.contains(r#"dependencies = ["a>1 ; os_name == \"nt\""]"#));
        assert_eq!(project(&[], &PypiSettings::default()), None);
    }

    #[test]
    fn where_a_wheel_is_from_is_noted_without_secrets() {
        let mut wheels = [
            wheel("a", "https://x.example/a.whl"),
            wheel("b", "https://x.example/b.whl"),
            wheel("c", "file:///w/c.whl"),
            wheel("d", "https://x.example/d.whl"),
            wheel("e", "https://x.example/e.whl"),
        ];
        let pypi = PypiSettings {
            package_indexes: [("d".to_string(), "https://d.example/simple".to_string())].into(),
            ..PypiSettings::default()
        };
        let mut unknown = note_known(&mut wheels, &pypi, &["e".to_string()].into());
        let names: Vec<&str> = unknown.iter().map(|wheel| wheel.name.as_str()).collect();
        assert_eq!(names, ["a", "b"]);
        let secret = "https://me:secret@i.example/simple";
        let pypi = gpuenv_core::wheels::PYPI;
        let told = format!("a==1\n    # from {secret}\nb==1\n    # from {pypi}\n");
        note_told(&told, &mut unknown, Url::clone);
        let indexes = wheels.map(|wheel| wheel.index.map(|url| url.to_string()));
        let expected = [
            "https://i.example/simple",
            "",
            "",
            "https://d.example/simple",
            "",
        ];
        assert_eq!(indexes.map(Option::unwrap_or_default), expected);
    }
}
