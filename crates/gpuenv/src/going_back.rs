//! The generations of an environment, as commands ask for them.

use std::path::Path;

use gpuenv_core::{
    Code, Diagnostic,
    generation::{Generation, GenerationError},
};
use gpuenv_provision::prefix::{self, Found, generations};

use crate::{Failure, environments::Environments, word::word};

/// The generations of an environment, the oldest first.
pub struct Generations {
    /// What the user called the environment.
    pub wanted: String,
    /// Their numbers, and what they are if they can be read.
    pub all: Vec<(u32, Result<Generation, GenerationError>)>,
}

impl Generations {
    /// Reads the generations of an environment.
    ///
    /// # Errors
    /// GE505 if another tool made it, GE513 if it cannot be read.
    pub fn of(prefix: &Path, wanted: &str) -> Result<Self, Failure> {
        match prefix::classify(prefix)? {
            Found::Ours(_) | Found::Damaged => {}
            found => {
                let message = format!("`{}` {found}, and has no generations", prefix.display());
                let error = Diagnostic::error(Code::INSTALL_NOT_OURS, message);
                return Err(error
                    .help(format!(
                        "ask that tool: `conda list --revisions -p {}`",
                        word(&prefix.to_string_lossy())
                    ))
                    .into());
            }
        }
        let numbers = generations::numbers(prefix)?.into_iter();
        let all = numbers.map(|number| (number, generations::read(prefix, number)));
        Ok(Self {
            wanted: wanted.to_string(),
            all: all.collect(),
        })
    }

    /// Returns the number of the newest one, which is what the environment is.
    pub fn newest(&self) -> Option<u32> {
        self.all.last().map(|(number, _)| *number)
    }

    /// Returns a generation.
    ///
    /// # Errors
    /// GE527 if it is not there, GE528 if it cannot be read.
    pub fn get(&self, number: u32) -> Result<&Generation, Failure> {
        let found = self.all.iter().find(|(known, _)| *known == number);
        match found {
            Some((_, Ok(generation))) => Ok(generation),
            Some((_, Err(error))) => Err(Diagnostic::from(error.clone()).into()),
            None => Err(self.missing(format!(
                "environment `{}` has no generation {number}",
                self.wanted
            ))),
        }
    }

    /// Returns the generation before the newest one.
    ///
    /// # Errors
    /// GE527 if there is none.
    pub fn previous(&self) -> Result<u32, Failure> {
        let previous = self.all.iter().rev().nth(1).map(|(number, _)| *number);
        previous.ok_or_else(|| {
            let message = format!("environment `{}` has no earlier generation", self.wanted);
            self.missing(message)
        })
    }

    fn missing(&self, message: String) -> Failure {
        let numbers: Vec<String> = self
            .all
            .iter()
            .map(|(number, _)| number.to_string())
            .collect();
        let has = match numbers.as_slice() {
            [] => "it has none: an earlier gpuenv made it, and kept none".to_string(),
            [only] => format!("it has only {only}, which it is now"),
            [first @ .., last] => format!("it has {} and {last}", first.join(", ")),
        };
        let history = format!("`gpuenv history {}` shows them", word(&self.wanted));
        Diagnostic::error(Code::HISTORY_NO_GENERATION, message)
            .cause(has)
            .help(history)
            .into()
    }
}

/// Finds an environment, and its generations.
///
/// # Errors
/// GE511 if there is none; as [`Generations::of`].
pub fn find(
    environments: &Environments,
    wanted: &str,
) -> Result<(std::path::PathBuf, Generations), Failure> {
    let prefix = environments.find(wanted)?;
    let generations = Generations::of(&prefix, wanted)?;
    Ok((prefix, generations))
}
