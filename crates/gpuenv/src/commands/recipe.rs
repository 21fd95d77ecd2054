//! `gpuenv recipe`: the recipes that can be used, and whether they are right.

use clap::Subcommand;

use gpuenv_core::{Code, Diagnostic, Recipe, recipe};
use serde_json::json;

use crate::{
    Failure, Outcome, Session, locking,
    source::{Origin, RecipePath, RecipeText},
    table,
};

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
pub fn run(args: Args, session: &Session) -> Result<Outcome, Failure> {
    let path = RecipePath::new(&session.env.recipe_path);
    match args.action {
        Action::List { .. } => Ok(list(&path)),
        Action::Show { recipe } => show(&path, &recipe),
        Action::Validate { recipes, .. } => validate(&path, &recipes),
        Action::Schema => {
            let schema = serde_json::to_string_pretty(&recipe::schema());
            let schema = schema.map_err(|error| {
                Diagnostic::error(Code::BUG, "the schema cannot be written").cause(error)
            })?;
            Ok(Outcome::done().text(format!("{schema}\n")))
        }
    }
}

fn list(path: &RecipePath) -> Outcome {
    let mut rows = Vec::new();
    let mut facts = Vec::new();
    for (name, text) in path.list() {
        let parsed = text.parse();
        let origin = origin(&text);
        let summary = match &parsed {
            Ok(recipe) => recipe.about.summary.clone().unwrap_or_default(),
            Err(_) => "not valid: see `gpuenv recipe validate`".to_string(),
        };
        let platforms: Vec<String> = parsed
            .iter()
            .flat_map(locking::platforms)
            .map(|p| p.to_string())
            .collect();
        facts.push(json!({
            "name": name, "origin": origin, "summary": summary,
            "valid": parsed.is_ok(), "platforms": platforms,
        }));
        rows.push(vec![name, platforms.join(", "), origin, summary]);
    }
    let text = table::table(&["Name", "Platforms", "From", "Summary"], &rows);
    Outcome::done()
        .text(text)
        .facts(&json!({ "recipes": facts }))
}

fn origin(text: &RecipeText) -> String {
    match &text.origin {
        Origin::Shipped => "gpuenv".to_string(),
        Origin::File(file) => file.display().to_string(),
    }
}

fn show(path: &RecipePath, wanted: &str) -> Result<Outcome, Failure> {
    let text = path.find(Some(wanted))?;
    let mut shown = String::from_utf8_lossy(&text.bytes).into_owned();
    if !shown.ends_with('\n') {
        shown.push('\n');
    }
    Ok(Outcome::done().text(shown))
}

fn validate(path: &RecipePath, wanted: &[String]) -> Result<Outcome, Failure> {
    let mut errors = Vec::new();
    let mut lines = String::new();
    let mut facts = Vec::new();
    for name in wanted {
        match path.find(Some(name)) {
            Err(error) => errors.push(error),
            Ok(text) => {
                let found = problems(&text);
                facts.push(json!({ "recipe": text.label, "valid": found.is_empty() }));
                if found.is_empty() {
                    lines.push_str(&format!("recipe `{}` is valid\n", text.label));
                }
                errors.extend(found);
            }
        }
    }
    if !errors.is_empty() {
        return Err(Failure::several(errors));
    }
    Ok(Outcome::done()
        .text(lines)
        .facts(&json!({ "recipes": facts })))
}

/// Returns what is wrong with a recipe, on any of its platforms.
fn problems(text: &RecipeText) -> Vec<Diagnostic> {
    let planned = |recipe: Recipe| locking::plans(&recipe, &locking::platforms(&recipe));
    match text.parse().and_then(planned) {
        Ok(_) => Vec::new(),
        Err(errors) => errors,
    }
}
