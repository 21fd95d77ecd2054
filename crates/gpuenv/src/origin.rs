//! What an environment that is there was made from.

use std::path::{Path, PathBuf};

use gpuenv_core::{Code, Diagnostic, generation::Generation};
use gpuenv_provision::prefix::{self, Found, State, generations};

use crate::{
    Failure,
    activating::{KEPT_LOCK, KEPT_RECIPE},
    lockfile::{self, LockFile},
    word::word,
};

/// What an environment was made from, as far as it is still known.
pub struct Origin {
    /// Its name; its prefix as text if it has none.
    pub name: String,
    /// What gpuenv knows of it, if that can be read.
    pub state: Option<State>,
    /// The lock's text.
    pub lock_text: String,
    /// The recipe's name.
    pub recipe: Option<String>,
    /// The recipe's text.
    pub recipe_text: Option<String>,
    /// Whether the recipe is nowhere but in the environment.
    pub is_only_text: bool,
    /// The recipe or lock file that the user named.
    pub source: Option<PathBuf>,
}

impl Origin {
    /// Finds out what an environment was made from: by its lock, or by the newest
    /// generation that is whole.
    ///
    /// # Errors
    /// GE505 if another tool made it, GE526 if nothing tells any more.
    pub fn of(prefix: &Path, wanted: &str) -> Result<Self, Failure> {
        let state = match prefix::classify(prefix)? {
            Found::Ours(state) => Some(*state),
            Found::Damaged => None,
            found => return Err(not_ours(prefix, &found).into()),
        };
        let generation = newest(prefix, state.as_ref())?;
        let lock_text = match &state {
            Some(state) => prefix::read_whole_lock(prefix, state),
            // Without a record nobody knows its hash; that it is a lock is something.
            None => lockfile::read(&prefix.join(KEPT_LOCK))
                .ok()
                .map(|file| file.text),
        };
        let kept = generation.as_ref().map(|found| found.lock_text.clone());
        let Some(lock_text) = lock_text.or(kept) else {
            return Err(no_lock(prefix, wanted, state.as_ref()).into());
        };
        // One that made something else says nothing about the recipe.
        let generation = generation.filter(|found| found.lock_text == lock_text);
        let of_state = state.as_ref().and_then(|state| state.recipe.clone());
        let of_generation = generation.as_ref().and_then(|found| found.recipe.clone());
        let has_recipe = state
            .as_ref()
            .is_none_or(|state| state.recipe_sha256.is_some());
        Ok(Self {
            name: state
                .as_ref()
                .map_or_else(|| wanted.to_string(), |state| state.name.clone()),
            lock_text,
            recipe: of_state.or(of_generation),
            is_only_text: prefix.join(KEPT_RECIPE).exists()
                || generation.as_ref().is_some_and(|found| found.is_only_text),
            source: state.as_ref().and_then(|state| state.source.clone()),
            recipe_text: generation
                .and_then(|found| found.recipe_text)
                .filter(|_| has_recipe),
            state,
        })
    }

    /// Reads the lock.
    ///
    /// # Errors
    /// GE403, GE404 and GE409 if it cannot be used.
    pub fn lock(&self, prefix: &Path) -> Result<LockFile, Diagnostic> {
        let (file, text) = (prefix.join(KEPT_LOCK), self.lock_text.clone());
        lockfile::parse_kept(file, text, self.source.as_deref())
    }

    /// Returns the recipe's text, if it is nowhere but in the environment.
    pub fn only_text(&self) -> Option<&str> {
        self.recipe_text.as_deref().filter(|_| self.is_only_text)
    }
}

/// Returns the newest generation; of an environment whose record is whole, the
/// newest one with that record's lock.
fn newest(prefix: &Path, state: Option<&State>) -> Result<Option<Generation>, Failure> {
    let fits =
        |found: &Generation| state.is_none_or(|state| found.lock_sha256 == state.lock_sha256);
    let numbers = generations::numbers(prefix)?.into_iter().rev();
    let mut whole = numbers.filter_map(|number| generations::read(prefix, number).ok());
    Ok(whole.find(fits))
}

fn not_ours(prefix: &Path, found: &Found) -> Diagnostic {
    let message = format!(
        "`{}` {found}, and gpuenv has no lock of it",
        prefix.display()
    );
    Diagnostic::error(Code::INSTALL_NOT_OURS, message)
        .help("make one of its own from a recipe: `gpuenv create RECIPE`")
}

fn no_lock(prefix: &Path, wanted: &str, state: Option<&State>) -> Diagnostic {
    let message = format!("nothing tells any more what environment `{wanted}` should be");
    let error = Diagnostic::error(Code::VERIFY_NO_LOCK, message).cause(format!(
        "`{}` is damaged, and so is what is kept beside it",
        prefix.join(KEPT_LOCK).display()
    ));
    let source = state.and_then(|state| {
        let source = state.source.as_ref().map(|path| path.display().to_string());
        source.or_else(|| state.recipe.clone())
    });
    let source = source.unwrap_or_else(|| "RECIPE".to_string());
    let place = match wanted.contains(std::path::MAIN_SEPARATOR) {
        true => "-p",
        false => "-n",
    };
    error.help(format!(
        "make it anew: `gpuenv create {} {place} {} --force`",
        word(&source),
        word(wanted)
    ))
}
