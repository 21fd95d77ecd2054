//! `gpuenv history`: what an environment has been.

use std::fmt::Write as _;

use gpuenv_core::generation::{self, Action, Generation};
use serde_json::{Value, json};

use crate::{
    Failure, Outcome, Session,
    environments::Environments,
    going_back::{self, Generations},
    table,
    word::word,
};

/// Show the generations of an environment: what it has been, and can be again
///
/// Each create, update and rollback that changes what the environment is made from leaves one. The last 20 are kept, in
/// the environment itself.
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = "Examples:\n  \
    gpuenv history tf-gpu             all generations\n  \
    gpuenv history tf-gpu 3           what generation 3 changed\n  \
    gpuenv history tf-gpu 3 --lock    its lock, for `> old.lock`")]
pub struct Args {
    /// The environment's name or prefix
    #[arg(value_name = "ENV")]
    pub environment: String,
    /// Show this generation alone
    #[arg(value_name = "N")]
    pub number: Option<u32>,
    /// Print the lock of that generation
    #[arg(long, requires = "number", conflicts_with = "json")]
    pub lock: bool,
    /// Print one JSON document
    #[arg(long)]
    pub json: bool,
}

impl Args {
    /// Returns whether one JSON document is wanted on stdout.
    pub fn json(&self) -> bool {
        self.json
    }
}

/// Shows the generations.
///
/// # Errors
/// Returns what keeps them from being read.
pub fn run(args: Args, session: &Session) -> Result<Outcome, Failure> {
    let environments = Environments::below(&session.home()?);
    let wanted = args.environment.as_str();
    let (prefix, generations) = going_back::find(&environments, wanted)?;
    let now = generations.newest();
    let Some(number) = args.number else {
        let facts: Vec<Value> = generations
            .all
            .iter()
            .map(|(number, found)| match found {
                Ok(generation) => facts(generation, now),
                Err(error) => json!({ "number": number, "damaged": error.to_string() }),
            })
            .collect();
        let facts = json!({ "environment": wanted, "prefix": prefix, "generations": facts });
        return Ok(Outcome::done().text(listing(&generations)).facts(&facts));
    };
    let generation = generations.get(number)?;
    let outcome = Outcome::done().facts(&facts(generation, now));
    Ok(match args.lock {
        true => outcome.text(generation.lock_text.clone()),
        false => outcome.text(details(generation, now, wanted)),
    })
}

fn listing(generations: &Generations) -> String {
    let now = generations.newest();
    if generations.all.is_empty() {
        return "no generations yet: an earlier gpuenv made it. The next change keeps what is there \
                now as the first\n"
            .to_string();
    }
    let rows = generations.all.iter().map(|(number, found)| {
        let mark = if now == Some(*number) { "now" } else { "" };
        let row = match found {
            Ok(generation) => [
                time(generation),
                generation.action.to_string(),
                generation.packages.to_string(),
                changes(generation),
            ],
            Err(error) => ["-".into(), "-".into(), "-".into(), error.to_string()],
        };
        [vec![number.to_string(), mark.to_string()], row.to_vec()].concat()
    });
    let rows: Vec<Vec<String>> = rows.collect();
    table::table(&["N", "", "Made", "By", "Packages", "Changes"], &rows)
}

fn changes(generation: &Generation) -> String {
    match generation.action {
        // Nobody noted what changed then.
        Action::Found => "-".to_string(),
        Action::Create | Action::Update | Action::Rollback { .. } => {
            generation::summary(&generation.changes)
        }
    }
}

fn details(generation: &Generation, now: Option<u32>, wanted: &str) -> String {
    let mut text = format!(
        "generation {} of `{wanted}`, made {} by {}\n",
        generation.number,
        time(generation),
        generation.action
    );
    let recipe = generation.recipe.as_deref().unwrap_or("-");
    let _ = writeln!(text, "recipe: {recipe}");
    let _ = writeln!(text, "packages: {}", generation.packages);
    if !generation.command.is_empty() {
        let _ = writeln!(text, "command: {}", generation.command);
    }
    for change in &generation.changes {
        let _ = writeln!(text, "  {change}");
    }
    if now != Some(generation.number) {
        let number = generation.number;
        let _ = writeln!(
            text,
            "go back to it: gpuenv rollback {} {number}",
            word(wanted)
        );
    }
    text
}

fn time(generation: &Generation) -> String {
    generation.at.strftime("%Y-%m-%d %H:%M UTC").to_string()
}

/// Returns a generation without its texts, which are long.
fn facts(generation: &Generation, now: Option<u32>) -> Value {
    json!({
        "number": generation.number,
        "now": now == Some(generation.number),
        "at": generation.at,
        "action": generation.action,
        "command": generation.command,
        "gpuenv": generation.gpuenv,
        "platform": generation.platform,
        "recipe": generation.recipe,
        "packages": generation.packages,
        "changes": generation.changes,
        "lock_sha256": generation.lock_sha256,
    })
}
