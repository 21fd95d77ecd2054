//! `gpuenv recipe`: the recipes that can be used, and whether they are right.

use std::path::PathBuf;

use clap::Subcommand;
use fs_err as fs;
use gpuenv_core::{
    Code, Diagnostic, Recipe,
    recipe::{self, FeatureChoice, ParameterChoice, Selection},
};
use rattler_conda_types::Subdir;
use serde_json::json;

use crate::{
    Failure, Outcome, Session,
    activating::KEPT_RECIPE,
    bringing,
    choosing::{Choice, Open},
    commands::{choice::ChoiceArgs, packages::PackageArgs},
    environments::Environments,
    extending, locking,
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
        /// A recipe's name, a recipe file, or an environment that was made from packages
        recipe: String,
        /// Print what it comes to: with what it extends and what is chosen, and nothing left open
        #[arg(long)]
        composed: bool,
        /// What is chosen of the recipe.
        #[command(flatten)]
        choice: ChoiceArgs,
    },
    /// Write a recipe that asks for packages, as `gpuenv create -n NAME PACKAGE …` would
    New {
        /// Packages, each with a version or without
        #[arg(value_name = "PACKAGE", required_unless_present = "pypi")]
        packages: Vec<String>,
        /// The recipe's name [default: that of the first package]
        #[arg(short, long)]
        name: Option<String>,
        /// The recipe is for this platform; can be given more than once [default: that of this machine]
        #[arg(long = "platform", value_name = "PLATFORM")]
        platforms: Vec<Subdir>,
        /// Write the recipe to this file [default: print it]
        #[arg(short, long, value_name = "FILE")]
        output: Option<PathBuf>,
        /// Write over a file that exists
        #[arg(long)]
        force: bool,
        /// What belongs to packages.
        #[command(flatten)]
        options: PackageArgs,
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
            Action::Show { .. } | Action::New { .. } | Action::Schema => false,
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
        Action::Show {
            recipe,
            composed,
            choice,
        } => {
            let choice = choice.choice();
            match composed || !choice.is_empty() {
                true => show_composed(&path, &recipe, &choice),
                false => show(&path, &recipe, session),
            }
        }
        Action::New {
            packages,
            name,
            platforms,
            output,
            force,
            options,
        } => {
            let wanted = options.packages(name, platforms);
            let drafted = wanted.drafted(&packages, session)?;
            let label = output
                .as_ref()
                .map_or("<recipe>".into(), |path| path.display().to_string());
            recipe::parse(&label, &drafted.text).map_err(Failure::several)?;
            let outcome = match output {
                None => Outcome::done().text(drafted.text),
                Some(file) => {
                    bringing::write_new(&file, &drafted.text, force)?;
                    Outcome::done().text(format!("recipe `{label}` is written\n"))
                }
            };
            Ok(drafted.notes.into_iter().fold(outcome, Outcome::diagnostic))
        }
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
        let parsed = parsed(&text, path);
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
        Origin::Shipped | Origin::Words(_) => "gpuenv".to_string(),
        Origin::File(file) => file.display().to_string(),
    }
}

/// Shows what a recipe comes to, and what else could be chosen.
fn show_composed(path: &RecipePath, wanted: &str, choice: &Choice) -> Result<Outcome, Failure> {
    let open = Open::read(path.find(Some(wanted))?, path).map_err(Failure::several)?;
    let recipe = open.decide(choice, None)?;
    let text = open.layers.composed_text(&recipe.selection);
    let mut text = text.map_err(Failure::several)?;
    let choices = open.layers.choices();
    let mut offered = String::new();
    for ParameterChoice {
        name,
        about,
        default,
        allowed,
    } in choices.parameters
    {
        let about = about.map_or_else(String::new, |about| format!("{about}; "));
        offered += &format!("# --set {name}={default}: {about}{allowed}\n");
    }
    for FeatureChoice { name, about } in choices.features {
        let about = about.map_or_else(String::new, |about| format!(": {about}"));
        offered += &format!("# --with {name}{about}\n");
    }
    if !offered.is_empty() {
        let rest = text.find("\nschema:").map_or(text.len(), |at| at + 1);
        text.insert_str(rest, &format!("#\n# What can be chosen:\n{offered}"));
    }
    Ok(Outcome::done().text(text))
}

/// Shows a recipe, or the one that an environment was made from without a file.
fn show(path: &RecipePath, wanted: &str, session: &Session) -> Result<Outcome, Failure> {
    let text = match path.find(Some(wanted)) {
        Ok(text) => text,
        Err(error) => match kept(wanted, session) {
            Some(text) => return Ok(Outcome::done().text(text)),
            None => return Err(error.into()),
        },
    };
    let mut shown = String::from_utf8_lossy(&text.bytes).into_owned();
    if !shown.ends_with('\n') {
        shown.push('\n');
    }
    Ok(Outcome::done().text(shown))
}

fn kept(environment: &str, session: &Session) -> Option<String> {
    let environments = Environments::below(&session.home().ok()?);
    let prefix = environments.find(environment).ok()?;
    fs::read_to_string(prefix.join(KEPT_RECIPE)).ok()
}

fn validate(path: &RecipePath, wanted: &[String]) -> Result<Outcome, Failure> {
    let mut errors = Vec::new();
    let mut lines = String::new();
    let mut facts = Vec::new();
    for name in wanted {
        match path.find(Some(name)) {
            Err(error) => errors.push(error),
            Ok(text) => {
                let found = problems(&text, path);
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

/// Reads a recipe of which nothing is chosen.
fn parsed(text: &RecipeText, path: &RecipePath) -> Result<Recipe, Vec<Diagnostic>> {
    let layers = extending::layers(text, path)?;
    layers.recipe(&Selection::default())
}

/// Returns what is wrong with a recipe, on any of its platforms.
fn problems(text: &RecipeText, path: &RecipePath) -> Vec<Diagnostic> {
    let planned = |recipe: Recipe| locking::plans(&recipe, &locking::platforms(&recipe));
    match parsed(text, path).and_then(planned) {
        Ok(_) => Vec::new(),
        Err(errors) => errors,
    }
}
