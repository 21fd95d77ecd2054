//! The recipe and the lock of an environment that is there, to be solved once more.

use std::path::{Path, PathBuf};

use gpuenv_core::{Code, Diagnostic, Recipe, lock};
use gpuenv_provision::access::is_writable;

use crate::{
    Failure, Session,
    choosing::{Choice, Open},
    lockfile::{self, LockFile},
    origin::Origin as Made,
    source::{Origin, RecipePath, RecipeText},
    word::word,
};

/// What an environment is solved from.
pub struct Subject {
    /// The recipe, and what it extends.
    pub open: Open,
    /// What it says, with what was chosen of it.
    pub recipe: Recipe,
    /// The lock whose versions are kept.
    pub lock: LockFile,
    /// Where the new lock is written; `None` if it is kept in the environment alone.
    pub file: Option<PathBuf>,
    /// What the environment is made from, from now on.
    pub source: Option<PathBuf>,
}

impl Subject {
    /// Finds the recipe of an environment, and the lock that goes with it.
    ///
    /// The lock that is written is the one from which the next `create` would make
    /// the environment; anywhere else, that would undo the update.
    ///
    /// # Errors
    /// GE529 if there is no recipe any more, GE1xx if it cannot be read, GE406 if
    /// the lock cannot be written.
    pub fn find(
        prefix: &Path,
        wanted: &str,
        made: &Made,
        named: Option<&str>,
        session: &Session,
    ) -> Result<Self, Failure> {
        let text = text(wanted, made, named, session)?;
        let path = RecipePath::new(&session.env.recipe_path);
        let open = Open::read(text, &path).map_err(Failure::several)?;
        let text = &open.text;
        let source = match named {
            Some(_) => file_of(text),
            None => made.source.clone(),
        };
        let of_environment = || made.lock(prefix);
        let named_lock = source.clone().filter(|path| is_lock(path));
        let (lock, file) = match (named_lock, text.has_no_place()) {
            (Some(path), _) => (lockfile::read(&path)?, Some(path)),
            // A lock beside a recipe that the program holds was asked for by somebody.
            (None, true) => match beside(text, &open.name)? {
                Some(found) => (lockfile::read(&found)?, Some(found)),
                None => (of_environment()?, None),
            },
            (None, false) => {
                let place = lockfile::place(text, &open.name)?;
                let lock = match lockfile::find(text, &open.name)? {
                    Some(found) => found,
                    None => of_environment()?,
                };
                (lock, Some(place))
            }
        };
        if let Some(path) = &file {
            refuse_unwritable(path, wanted)?;
        }
        // What was chosen of the recipe stays chosen.
        let settings = lock.lock.settings.as_ref();
        let settings = settings.filter(|settings| settings.recipe == open.name);
        let recipe = open.decide(&Choice::default(), settings)?;
        Ok(Self {
            open,
            recipe,
            lock,
            file,
            source,
        })
    }
}

fn beside(text: &RecipeText, name: &str) -> Result<Option<PathBuf>, Failure> {
    match text.origin {
        Origin::Words(_) | Origin::Shipped => Ok(None),
        Origin::File(_) => Ok(lockfile::find(text, name)?.map(|file| file.path)),
    }
}

/// Before anything is solved and installed.
fn refuse_unwritable(path: &Path, wanted: &str) -> Result<(), Failure> {
    lockfile::check_place(path)?;
    let folder = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty());
    match is_writable(folder.unwrap_or(Path::new("."))) {
        true => Ok(()),
        false => {
            let message = format!("the lock `{}` cannot be written", path.display());
            let error = Diagnostic::error(Code::LOCK_UNWRITABLE, message)
                .cause("the environment is made from it, so that it must follow the update");
            Err(error
                .help(format!(
                    "copy the recipe to a directory of yours, then `gpuenv update {} --recipe ./COPY.yaml`",
                    word(wanted)
                ))
                .into())
        }
    }
}

/// Finds the recipe: the one that is named, the file that the environment was made
/// from, one beside that lock, what is in the environment, what is in the program.
fn text(
    wanted: &str,
    made: &Made,
    named: Option<&str>,
    session: &Session,
) -> Result<RecipeText, Failure> {
    let path = RecipePath::new(&session.env.recipe_path);
    if let Some(named) = named {
        return Ok(path.find(Some(named))?);
    }
    if let Some(source) = &made.source {
        let found = match is_lock(source) {
            true => beside_lock(source, made, &path),
            false if source.is_file() => Some(RecipePath::read(source)?),
            false => None,
        };
        return found.ok_or_else(|| no_recipe(wanted, made).into());
    }
    if let Some(text) = made.only_text() {
        return Ok(RecipeText {
            label: format!("recipe of `{wanted}`"),
            bytes: text.as_bytes().to_vec(),
            origin: Origin::Words(wanted.to_string()),
            options: String::new(),
        });
    }
    let shipped = made.recipe.as_deref().and_then(RecipePath::shipped);
    shipped.ok_or_else(|| no_recipe(wanted, made).into())
}

/// Finds the recipe of a lock in the lock's own directory.
fn beside_lock(path: &Path, made: &Made, recipes: &RecipePath) -> Option<RecipeText> {
    let folder = path.parent()?;
    let label = path.display().to_string();
    let settings = lock::settings(&label, &made.lock_text).ok()??;
    let files = RecipePath::beside(folder);
    files.into_iter().find(|text| {
        let open = Open::read(text.clone(), recipes).ok();
        open.is_some_and(|open| open.name == settings.recipe)
    })
}

fn no_recipe(wanted: &str, made: &Made) -> Diagnostic {
    let message = format!("nothing tells what environment `{wanted}` was made from");
    let cause = match &made.source {
        Some(source) if is_lock(source) => format!(
            "it was made from `{}`, and there is no recipe beside it",
            source.display()
        ),
        Some(source) => format!("its recipe `{}` is not there any more", source.display()),
        None => "an earlier gpuenv made it, and did not note the recipe's file".to_string(),
    };
    Diagnostic::error(Code::UPDATE_NO_RECIPE, message)
        .cause(cause)
        .help(format!(
            "name the recipe: `gpuenv update {} --recipe FILE.yaml`",
            word(wanted)
        ))
}

fn file_of(text: &RecipeText) -> Option<PathBuf> {
    match &text.origin {
        Origin::File(file) if !text.is_shipped() => std::path::absolute(file).ok(),
        Origin::File(_) | Origin::Shipped | Origin::Words(_) => None,
    }
}

fn is_lock(path: &Path) -> bool {
    path.extension()
        .is_some_and(|extension| extension == "lock")
}
