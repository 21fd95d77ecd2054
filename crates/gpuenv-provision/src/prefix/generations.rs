//! The generations of an environment, in a directory of its prefix.
//!
//! They are files of the prefix like others, so an install takes them along by
//! hard links, and the newest appears together with what it describes.

use std::{
    io::{self, Read as _},
    path::{Path, PathBuf},
};

use gpuenv_core::generation::{self, Action, Generation, GenerationError, MAX_BYTES};

use super::{Found, State, write_new};
use crate::{activate::names_in, contents::sha256, install::InstallError};

/// Where they are, below a prefix.
pub const GENERATIONS: &str = "conda-meta/gpuenv-history";

/// Returns the numbers of the generations that a prefix has, the oldest first.
///
/// # Errors
///
/// Fails if their directory is there and cannot be read.
pub fn numbers(prefix: &Path) -> Result<Vec<u32>, InstallError> {
    let directory = prefix.join(GENERATIONS);
    let names = names_in(&directory);
    let names = names.map_err(|error| InstallError::io("read", &directory, error))?;
    let numbers = names.iter().filter_map(|name| Generation::number_of(name));
    let mut numbers: Vec<u32> = numbers.collect();
    numbers.sort_unstable();
    Ok(numbers)
}

/// Reads a generation.
///
/// # Errors
///
/// GE528 if it is not whole or cannot be read.
pub fn read(prefix: &Path, number: u32) -> Result<Generation, GenerationError> {
    let path = file(prefix, number);
    let label = path.display().to_string();
    let damaged = |reason: String| GenerationError::Damaged {
        file: label.clone(),
        reason,
    };
    let bytes = read_bounded(&path).map_err(|error| damaged(error.to_string()))?;
    let generation = Generation::parse(&label, &bytes)?;
    match generation.number == number {
        true => Ok(generation),
        false => Err(damaged(format!("it is number {}", generation.number))),
    }
}

fn file(prefix: &Path, number: u32) -> PathBuf {
    prefix.join(GENERATIONS).join(Generation::file_name(number))
}

fn read_bounded(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let file = fs_err::File::open(path)?;
    if !file.metadata()?.is_file() {
        return Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            "it is not a regular file",
        ));
    }
    file.take(MAX_BYTES).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Adds the newest generation to those of a stage, unless it makes what the one
/// before makes; gives up the oldest. `before` is what was at the prefix.
pub(crate) fn append(
    stage: &Path,
    newest: Generation,
    before: Option<(&Path, &Found)>,
) -> Result<(), InstallError> {
    let mut numbers = numbers(stage)?;
    if numbers.is_empty()
        && let Some((prefix, Found::Ours(state))) = before
        && let Some(found) = found(prefix, state, &newest)
    {
        let first = found.numbered(None);
        numbers.push(first.number);
        write(stage, &first)?;
    }
    let last = numbers.last().copied();
    let same = last
        .and_then(|number| read(stage, number).ok())
        .is_some_and(|last| last.makes_the_same_as(&newest));
    if same {
        return Ok(());
    }
    let newest = newest.numbered(last);
    numbers.push(newest.number);
    write(stage, &newest)?;
    for number in generation::outdated(&numbers) {
        let path = file(stage, *number);
        fs_err::remove_file(&path).map_err(|error| InstallError::io("remove", &path, error))?;
    }
    Ok(())
}

/// Makes a generation of what an earlier gpuenv has installed.
fn found(prefix: &Path, state: &State, newest: &Generation) -> Option<Generation> {
    let lock = prefix.join(super::LOCK);
    if hex::encode(sha256(&lock).ok()?) != state.lock_sha256 {
        return None;
    }
    let text = fs_err::read_to_string(lock).ok()?;
    // The recipe's text was not kept then; that of the same recipe may be at hand.
    let recipe_text = newest.recipe_text.clone();
    let same_recipe = recipe_text
        .filter(|text| state.recipe_sha256.as_deref() == Some(super::state::sha256(text).as_str()));
    let activation = activation(&text, state)?;
    Some(Generation {
        gpuenv: state.gpuenv.clone(),
        platform: state.platform.clone(),
        activation,
        recipe: state.recipe.clone(),
        recipe_text: same_recipe,
        packages: state.packages.len(),
        ..Generation::new(&text, Action::Found, state.installed_at)
    })
}

fn activation(text: &str, state: &State) -> Option<gpuenv_core::plan::ActivationSettings> {
    let settings = gpuenv_core::lock::settings(super::LOCK, text).ok()?;
    let platform = settings.and_then(|mut s| s.platforms.remove(&state.platform));
    Some(platform.map(|kept| kept.activation).unwrap_or_default())
}

fn write(stage: &Path, generation: &Generation) -> Result<(), InstallError> {
    let directory = stage.join(GENERATIONS);
    fs_err::create_dir_all(&directory)
        .map_err(|error| InstallError::io("create", &directory, error))?;
    write_new(
        &file(stage, generation.number),
        generation.render().as_bytes(),
    )
}
