//! `gpuenv __names`: names for the completion of shells, one a line.

use clap::ValueEnum;

use crate::{Failure, Outcome, Session, environments::Environments, source::RecipePath};

/// Print the names of environments or recipes, for shells
#[derive(Debug, Clone, clap::Args)]
pub struct Args {
    /// Whose names
    pub kind: Kind,
}

/// Whose names are wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Kind {
    /// Those of environments
    Environments,
    /// Those of recipes
    Recipes,
}

impl Args {
    /// Returns whether one JSON document is wanted on stdout.
    pub fn json(&self) -> bool {
        false
    }
}

/// Prints the names.
///
/// # Errors
/// Returns that there is no directory for environments.
pub fn run(args: Args, session: &Session) -> Result<Outcome, Failure> {
    let names: Vec<String> = match args.kind {
        Kind::Environments => Environments::below(&session.home()?).names(),
        Kind::Recipes => {
            let recipes = RecipePath::new(&session.env.recipe_path).list();
            recipes.into_keys().collect()
        }
    };
    // A shell would take a blank for the end of a name.
    let names = names
        .iter()
        .filter(|name| !name.contains(char::is_whitespace));
    let lines = names.map(|name| format!("{name}\n"));
    Ok(Outcome::done().text(lines.collect::<String>()))
}
