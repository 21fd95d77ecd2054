//! `gpuenv recipe`: the recipes that can be used, and whether they are right.

use clap::Subcommand;

use super::unfinished;
use crate::{Failure, Outcome, Session};

/// List, show and check recipes
#[derive(Debug, Clone, clap::Args)]
pub struct Args {
    /// What to do with recipes.
    #[command(subcommand)]
    pub action: Action,
}

/// What to do with recipes.
#[derive(Debug, Clone, Subcommand)]
pub enum Action {
    /// List the recipes: those of gpuenv, of `./recipes` and of `$GPUENV_RECIPE_PATH`
    List {
        /// Print one JSON document
        #[arg(long)]
        json: bool,
    },
    /// Print a recipe as it is written
    Show {
        /// A recipe's name or a recipe file
        recipe: String,
    },
    /// Check recipes and say what is wrong with them
    Validate {
        /// Recipes' names or recipe files
        #[arg(required = true, value_name = "RECIPE")]
        recipes: Vec<String>,
        /// Print one JSON document
        #[arg(long)]
        json: bool,
    },
    /// Print the JSON Schema of recipes, for editors
    Schema,
}

impl Args {
    /// Returns whether one JSON document is wanted on stdout.
    pub fn json(&self) -> bool {
        match &self.action {
            Action::List { json } | Action::Validate { json, .. } => *json,
            Action::Show { .. } | Action::Schema => false,
        }
    }
}

/// Does what was asked with recipes.
///
/// # Errors
/// Returns what is wrong with them.
pub fn run(args: Args, _session: &Session) -> Result<Outcome, Failure> {
    match args.action {
        Action::List { .. } => Err(unfinished("recipe list")),
        Action::Show { .. } => Err(unfinished("recipe show")),
        Action::Validate { .. } => Err(unfinished("recipe validate")),
        Action::Schema => Err(unfinished("recipe schema")),
    }
}
