//! `gpuenv update`: newer packages for an environment that is there.

use std::{collections::BTreeMap, fmt::Write as _, path::PathBuf};

use gpuenv_core::lock::{self, PackageChange};
use gpuenv_provision::{Upgrade, Wishes};
use serde::Serialize;

use crate::{
    Failure, Outcome, Session, activating, checking,
    choosing::Open,
    deciding::Deciding,
    environments::{self, Environments},
    installing::{How, Installing},
    lockfile, locking,
    origin::Origin,
    probing::{self, Probed, Question},
    progress::counted,
    ready::{self, Ready},
    source::RecipePath,
    updating::Subject,
    word::word,
};

/// Bring newer packages into an environment, all or those named
///
/// Solves the environment's recipe once more. With names, every other version stays as long as it fits. The lock from
/// which the environment was made is written too, when the environment is there; without such a file, the lock is kept in the environment.
/// `gpuenv rollback` undoes it.
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = "Examples:\n  \
    gpuenv update tf-gpu               everything as new as the recipe allows\n  \
    gpuenv update tf-gpu numpy scipy   these two, keeping the rest\n  \
    gpuenv update numpy                in the environment of the recipe in this directory\n  \
    gpuenv update tf-gpu --dry-run     only say what would change")]
pub struct Args {
    /// The environment's name or prefix, then packages [default: the environment of the recipe in this directory]
    #[arg(value_name = "[ENV] PACKAGE")]
    pub words: Vec<String>,
    /// The environment's name; then all words are packages
    #[arg(short, long, conflicts_with = "prefix")]
    pub name: Option<String>,
    /// The environment's directory; then all words are packages
    #[arg(short, long, value_name = "PREFIX")]
    pub prefix: Option<PathBuf>,
    /// The recipe to solve [default: the one that the environment was made from]
    #[arg(long, value_name = "RECIPE")]
    pub recipe: Option<String>,
    /// Say what would change, change nothing
    #[arg(long)]
    pub dry_run: bool,
    /// Install also what this machine cannot run, see `gpuenv check`
    #[arg(long)]
    pub no_check: bool,
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
struct Updated {
    environment: String,
    prefix: PathBuf,
    /// The lock is what it was, and so is the environment.
    already_right: bool,
    dry_run: bool,
    packages: usize,
    /// What changed in the lock, by platform.
    changes: BTreeMap<String, Vec<PackageChange>>,
    /// The platform of the environment.
    platform: String,
    /// The lock beside the recipe that was written.
    lock_written: Option<PathBuf>,
    probe: Option<Probed>,
}

/// Updates the environment.
///
/// # Errors
/// Returns what keeps it from being updated; then both it and its lock are what they were.
pub fn run(args: Args, session: &Session) -> Result<Outcome, Failure> {
    let (wanted, prefix, names) = target(&args, session)?;
    let made = Origin::of(&prefix, &wanted)?;
    let subject = Subject::find(&prefix, &wanted, &made, args.recipe.as_deref(), session)?;
    check_names(&names, &subject, &wanted)?;
    let platform = activating::platform(&prefix)?;
    let platforms = match subject.file.is_some() {
        true => locking::platforms(&subject.recipe),
        false => vec![platform],
    };
    let wishes = Wishes {
        upgrade: match names.is_empty() {
            true => Upgrade::Everything,
            false => Upgrade::Only(names.iter().map(|name| name.to_lowercase()).collect()),
        },
        may_build: !args.dry_run,
        ..locking::keep(&subject.open.text, Some(&subject.lock))
    };
    let solved = locking::make(
        session,
        &subject.recipe,
        &platforms,
        wishes,
        Some(&subject.lock),
    )?;
    let changes = lock::changes(Some(&subject.lock.lock), &solved.lock);
    let deciding = Deciding::stays(activating::made_as(&prefix));
    let (text, recipe) = (&subject.open.text, &subject.recipe);
    let mut ready = ready::of_made(text, recipe, platform, solved, &deciding, session)?;
    let mut updated = Updated {
        environment: wanted,
        already_right: true,
        dry_run: args.dry_run,
        packages: ready.solution.records.len(),
        changes,
        platform: ready.name.clone(),
        lock_written: None,
        probe: None,
        prefix,
    };
    let mut notes = std::mem::take(&mut ready.notes);
    if !args.dry_run {
        if !args.no_check {
            notes.extend(checking::before_install(
                &ready.solution,
                ready.gpu,
                &deciding,
                session,
            )?);
        }
        install(&args, &made, &subject, &ready, &mut updated, session)?;
    }
    let ok = updated
        .probe
        .as_ref()
        .is_none_or(|probed| probed.verdict.ok);
    let outcome = match ok {
        true => Outcome::done(),
        false => Outcome::no(),
    };
    let outcome = outcome.text(report(&args, &updated)).facts(&updated);
    let verdict = updated.probe.and_then(|probed| probed.verdict.diagnostic);
    Ok(notes
        .into_iter()
        .chain(verdict)
        .fold(outcome, Outcome::diagnostic))
}

/// Finds the environment, and the names of the packages.
fn target(args: &Args, session: &Session) -> Result<(String, PathBuf, Vec<String>), Failure> {
    let environments = Environments::below(&session.home()?);
    let names = || args.words.clone();
    if let Some(prefix) = &args.prefix {
        let wanted = environments::absolute(prefix)?.display().to_string();
        let prefix = environments.find(&wanted)?;
        return Ok((wanted, prefix, names()));
    }
    if let Some(name) = &args.name {
        return Ok((name.clone(), environments.find(name)?, names()));
    }
    let first = args.words.first();
    let found = first.map(|first| environments.find(first));
    let refusal = match (found, first) {
        (Some(Ok(prefix)), Some(first)) => {
            return Ok((first.clone(), prefix, args.words[1..].to_vec()));
        }
        (Some(Err(refusal)), _) => Some(refusal),
        _ => None,
    };
    let here = RecipePath::default().find(None);
    match (here, refusal) {
        (Ok(text), _) => {
            let path = RecipePath::new(&session.env.recipe_path);
            let name = Open::read(text, &path).map_err(Failure::several)?.name;
            let prefix = environments.find(&name)?;
            Ok((name, prefix, names()))
        }
        (Err(_), Some(refusal)) => Err(refusal
            .help("the environment stands first: `gpuenv update ENV PACKAGE`")
            .into()),
        (Err(_), None) => Err(
            Failure::usage("there is no recipe here that names an environment")
                .help("name the environment: `gpuenv update ENV`; `gpuenv list` shows them"),
        ),
    }
}

/// Refuses names that are neither in the lock nor in the recipe: nothing would
/// happen, and nobody would notice the typing error.
fn check_names(names: &[String], subject: &Subject, wanted: &str) -> Result<(), Failure> {
    let Some((unknown, meant)) = locking::unknown(names, &subject.recipe, &subject.lock.lock)
    else {
        return Ok(());
    };
    let failure = Failure::usage(format!(
        "there is no package `{unknown}` in environment `{wanted}`"
    ));
    Err(match meant {
        Some(meant) => failure.help(format!("did you mean `{meant}`?")),
        None => failure.help(format!(
            "`gpuenv info {}` shows its packages; to add one, write it into the recipe",
            word(wanted)
        )),
    })
}

fn install(
    args: &Args,
    made: &Origin,
    subject: &Subject,
    ready: &Ready,
    updated: &mut Updated,
    session: &Session,
) -> Result<(), Failure> {
    let prefix = updated.prefix.as_path();
    // An environment of a lock alone stays one: `create` compares both.
    let is_of_lock = subject.source.is_some() && subject.source == subject.file;
    let recipe_text = subject.open.whole_text(&subject.recipe);
    let installed = Installing {
        prefix,
        name: &made.name,
        recipe: Some(&subject.recipe.name),
        recipe_text: Some(recipe_text.as_str()).filter(|_| !is_of_lock),
        only_text: made.only_text(),
        source: subject.source.as_deref(),
        ready,
        how: How::Update,
    }
    .install(session)?;
    updated.already_right = installed.already_right;
    if let Some(path) = &subject.file {
        let same = lockfile::read(path).is_ok_and(|file| file.text == ready.lock_text);
        if !same {
            lockfile::write(path, &ready.lock_text).map_err(|error| {
                error.help(format!(
                    "the environment is updated; save its lock: `gpuenv history {} --lock N`",
                    word(&updated.environment)
                ))
            })?;
            updated.lock_written = Some(path.clone());
        }
    }
    if !installed.already_right {
        activating::tell_bad_scripts(prefix, session)?;
    }
    if !args.no_probe && !installed.already_right {
        let question = Question::of(prefix, ready.gpu, &ready.probe);
        updated.probe = probing::after_install(&question, session)?;
    }
    Ok(())
}

fn report(args: &Args, updated: &Updated) -> String {
    let name = &updated.environment;
    let packages = counted(updated.packages, "package", "packages");
    let here = updated.changes.get(&updated.platform);
    let mut text = match (args.dry_run, here.is_some(), updated.already_right) {
        (true, true, _) => format!("environment `{name}` would be updated: {packages}\n"),
        (false, true, false) => format!("environment `{name}` is updated: {packages}\n"),
        (false, false, false) => {
            format!("environment `{name}` is what its lock said already: {packages}\n")
        }
        (_, _, true) | (true, false, false) => {
            format!("environment `{name}` stays as it is, nothing newer fits: {packages}\n")
        }
    };
    for change in here.into_iter().flatten() {
        let _ = writeln!(text, "  {change}");
    }
    for (platform, changes) in &updated.changes {
        if *platform != updated.platform {
            let count = counted(changes.len(), "change", "changes");
            let _ = writeln!(text, "in the lock for {platform}: {count}");
        }
    }
    if let Some(path) = &updated.lock_written {
        let _ = writeln!(text, "lock `{}` is written", path.display());
    }
    if args.dry_run || updated.already_right {
        return text;
    }
    let _ = writeln!(text, "prefix: {}", updated.prefix.display());
    match &updated.probe {
        Some(probed) => text.push_str(&probed.text()),
        None if args.no_probe => text.push_str("probe: skipped: `--no-probe`\n"),
        None => text.push_str("probe: skipped: the recipe uses no GPU\n"),
    }
    let _ = writeln!(text, "undo it: gpuenv rollback {}", word(name));
    text
}
