//! `gpuenv rollback`: an environment as it was before.

use std::{fmt::Write as _, path::Path};

use gpuenv_core::generation;
use gpuenv_provision::prefix;
use serde::Serialize;

use crate::{
    Failure, Outcome, Session, activating,
    deciding::Deciding,
    environments::Environments,
    going_back,
    installing::{How, Installing},
    lockfile,
    probing::{self, Probed, Question},
    progress::counted,
    ready::{self, Ready},
    word::word,
};

/// Make an environment again what it was before
///
/// Installs the lock of an earlier generation, like every install beside the environment first: afterwards it is the
/// earlier one, or what it was. That makes a new generation, so that a rollback can be undone too.
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = "Examples:\n  \
    gpuenv rollback tf-gpu      to the generation before the present one\n  \
    gpuenv rollback tf-gpu 3    to generation 3, see `gpuenv history tf-gpu`")]
pub struct Args {
    /// The environment's name or prefix
    #[arg(value_name = "ENV")]
    pub environment: String,
    /// The generation to go back to [default: the one before the present one]
    #[arg(value_name = "N")]
    pub number: Option<u32>,
    /// Leave out the probe
    #[arg(long)]
    pub no_probe: bool,
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

/// What was done, for the report.
#[derive(Debug, Serialize)]
struct RolledBack {
    environment: String,
    prefix: std::path::PathBuf,
    to: u32,
    /// It was that generation before.
    already_right: bool,
    packages: usize,
    changes: Vec<String>,
    probe: Option<Probed>,
}

/// Goes back.
///
/// # Errors
/// Returns what keeps the environment from being what it was.
pub fn run(args: Args, session: &Session) -> Result<Outcome, Failure> {
    let environments = Environments::below(&session.home()?);
    let wanted = args.environment.as_str();
    let (prefix, generations) = going_back::find(&environments, wanted)?;
    let number = match args.number {
        Some(number) => number,
        None => generations.previous()?,
    };
    let generation = generations.get(number)?;
    let state = prefix::read_state(&prefix)?;
    let source = state.as_ref().and_then(|state| state.source.as_deref());
    let file = lockfile::parse_kept(
        prefix
            .join(prefix::generations::GENERATIONS)
            .join(generation::Generation::file_name(number)),
        generation.lock_text.clone(),
        source,
    )?;
    let platform = activating::platform(&prefix)?;
    let command = lockfile::create_command("FILE.lock");
    let deciding = Deciding::stays(Some(generation.platform.clone()));
    let decided = deciding.decide(&file.lock, (wanted, &command), platform, session)?;
    let ready = Ready {
        activation: generation.activation.clone(),
        ..ready::of_lock(file, decided, None)?
    };
    let installed = Installing {
        prefix: &prefix,
        name: state.as_ref().map_or(wanted, |state| &state.name),
        recipe: generation.recipe.as_deref(),
        recipe_text: generation.recipe_text.as_deref(),
        only_text: generation.only_text(),
        source,
        ready: &ready,
        how: How::Rollback { to: number },
    }
    .install(session)?;
    if !installed.already_right {
        activating::tell_bad_scripts(&prefix, session)?;
    }
    let done = RolledBack {
        environment: wanted.to_string(),
        to: number,
        already_right: installed.already_right,
        packages: ready.solution.records.len(),
        changes: generation::lines(&installed.changes),
        probe: probe(&args, &prefix, &ready, session)?,
        prefix,
    };
    let outcome = match done.probe.as_ref().is_none_or(|probed| probed.verdict.ok) {
        true => Outcome::done(),
        false => Outcome::no(),
    };
    let outcome = outcome.text(text(&args, &done, source)).facts(&done);
    let diagnostic = done.probe.and_then(|probed| probed.verdict.diagnostic);
    Ok(diagnostic.into_iter().fold(outcome, Outcome::diagnostic))
}

fn probe(
    args: &Args,
    prefix: &Path,
    ready: &Ready,
    session: &Session,
) -> Result<Option<Probed>, Failure> {
    if args.no_probe {
        return Ok(None);
    }
    let question = Question::of(prefix, ready.gpu, &ready.probe);
    Ok(probing::after_install(&question, session)?)
}

fn text(args: &Args, done: &RolledBack, source: Option<&Path>) -> String {
    let (name, number) = (&done.environment, done.to);
    if done.already_right {
        return format!("environment `{name}` is generation {number} already\n");
    }
    let packages = counted(done.packages, "package", "packages");
    let mut text =
        format!("environment `{name}` is again what generation {number} was: {packages}\n");
    for change in &done.changes {
        let _ = writeln!(text, "  {change}");
    }
    let _ = writeln!(text, "prefix: {}", done.prefix.display());
    match &done.probe {
        Some(probed) => text.push_str(&probed.text()),
        None if args.no_probe => text.push_str("probe: skipped: `--no-probe`\n"),
        None => text.push_str("probe: skipped: the recipe uses no GPU\n"),
    }
    if let Some(source) = source {
        let source = source.display();
        let _ = writeln!(
            text,
            "`gpuenv create` makes it what `{source}` says again; to keep this one:\n  \
             gpuenv history {} {number} --lock > FILE.lock",
            word(name)
        );
    }
    text
}
