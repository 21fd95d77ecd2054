//! Which files a recipe extends: beside it, by name, or inside the program.

use std::path::{Path, PathBuf};

use fs_err as fs;
use gpuenv_core::{
    Code, Diagnostic,
    recipe::{BadParent, Layers, Parent, RecipeFile, suggest},
};

use crate::source::{self, Origin, RecipePath, RecipeText};

/// Reads a recipe with everything that it extends.
///
/// # Errors
/// Everything that keeps one of the files from being read.
pub fn layers(text: &RecipeText, path: &RecipePath) -> Result<Layers, Vec<Diagnostic>> {
    let main = file(text);
    let mut known = vec![(main.identity.clone(), text.origin.clone())];
    let main_folder = folder(&text.origin);
    Layers::read(main, &mut |parent| {
        let from = known
            .get(parent.from)
            .map_or(&text.origin, |(_, origin)| origin);
        let found = find(parent, from, main_folder.as_deref(), path)?;
        let found_file = file(&found);
        if !known
            .iter()
            .any(|(identity, _)| *identity == found_file.identity)
        {
            known.push((found_file.identity.clone(), found.origin));
        }
        Ok(found_file)
    })
}

fn file(text: &RecipeText) -> RecipeFile {
    let identity = match &text.origin {
        Origin::File(path) => fs::canonicalize(path)
            .unwrap_or_else(|_| path.clone())
            .to_string_lossy()
            .into_owned(),
        Origin::Shipped | Origin::Words(_) => text.label.clone(),
    };
    RecipeFile {
        label: text.label.clone(),
        identity,
        bytes: text.bytes.clone(),
    }
}

fn folder(origin: &Origin) -> Option<PathBuf> {
    let Origin::File(path) = origin else {
        return None;
    };
    let folder = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty());
    Some(folder.unwrap_or(Path::new(".")).to_path_buf())
}

fn find(
    parent: &Parent,
    from: &Origin,
    main_folder: Option<&Path>,
    path: &RecipePath,
) -> Result<RecipeText, Diagnostic> {
    let refuse = |bad: BadParent| bad.diagnostic(parent.place.clone());
    let missing = |known: &[String]| {
        let meant = suggest(&parent.name, known.iter().map(String::as_str));
        refuse(BadParent::Missing {
            name: parent.name.clone(),
            meant: meant.map(ToString::to_string),
        })
    };
    let Some(folder) = folder(from) else {
        // What is inside the program extends nothing from outside.
        return source::shipped(&parent.name)
            .or_else(|| source::shipped_part(&parent.name))
            .ok_or_else(|| missing(&source::shipped_names()));
    };
    if source::is_path(&parent.name) {
        let file = inside(parent, &folder, main_folder)?;
        return source::read(&file).map_err(|error| match error.code {
            Code::RECIPE_NOT_FOUND => missing(&[]),
            _ => error.at(parent.place.clone()),
        });
    }
    let beside = ["yaml", "yml"].map(|end| folder.join(format!("{}.{end}", parent.name)));
    if let Some(file) = beside.iter().find(|file| file.is_file()) {
        return source::read(file).map_err(|error| error.at(parent.place.clone()));
    }
    match path.find(Some(&parent.name)) {
        Ok(found) => Ok(found),
        Err(error) if error.code == Code::RECIPE_NOT_FOUND => source::shipped_part(&parent.name)
            .ok_or_else(|| missing(&path.list().into_keys().collect::<Vec<_>>())),
        Err(error) => Err(error.at(parent.place.clone())),
    }
}

/// Returns the file that a path means, if a recipe may reach it.
///
/// A recipe can come from anybody, and lines of what it extends stand in error
/// messages: nothing outside of its folder and of the current one is opened.
fn inside(
    parent: &Parent,
    folder: &Path,
    main_folder: Option<&Path>,
) -> Result<PathBuf, Diagnostic> {
    let refuse = |reason: &'static str| {
        let name = parent.name.clone();
        BadParent::Outside { name, reason }.diagnostic(parent.place.clone())
    };
    let name = Path::new(&parent.name);
    let is_recipe = [".yaml", ".yml"]
        .iter()
        .any(|end| parent.name.ends_with(end));
    if name.is_absolute() || parent.name.contains(['\\', ':']) || parent.name.starts_with('~') {
        return Err(refuse("the path is not the same on every machine"));
    }
    if !is_recipe {
        return Err(refuse("its name does not end in `.yaml`"));
    }
    // `./base.yaml` beside `x.yaml` is called `base.yaml`.
    let file = folder.join(name.strip_prefix(".").unwrap_or(name));
    let Ok(real) = fs::canonicalize(&file) else {
        return Ok(file);
    };
    let roots = [Some(folder), main_folder, Some(Path::new("."))];
    let mut roots = roots.into_iter().flatten();
    match roots.any(|root| fs::canonicalize(root).is_ok_and(|root| real.starts_with(root))) {
        true => Ok(file),
        false => Err(refuse(
            "it lies outside of the recipe's folder and of this one",
        )),
    }
}
