//! `gpuenv lock`: solves a recipe for its platforms and writes the lock.

use std::{
    fmt::Write as _,
    path::{Path, PathBuf},
};

use gpuenv_core::{
    Code, Diagnostic, Recipe, exclude_newer,
    facts::GpuBuilds,
    lock::{self, Difference, PackageChange},
};
use gpuenv_provision::{Upgrade, Wishes};
use jiff::Timestamp;
use rattler_conda_types::Subdir;

use crate::{
    Failure, Outcome, Session,
    commands::{choice::ChoiceArgs, packages::PackageArgs},
    lockfile::{self, LockFile},
    locking::{self, Made},
    source::{Origin, RecipeText},
    word::word,
};

/// Solve a recipe for all its platforms and write the lock
///
/// The lock is the same on every machine: it depends on the recipe and the
/// channels, never on the machine at hand. Versions that are already locked stay
/// unless `--upgrade` names them.
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = "Examples:\n  \
    gpuenv lock tf-gpu                     all platforms of the recipe\n  \
    gpuenv lock --check                    is the lock still good? asks no network\n  \
    gpuenv lock tf-gpu --upgrade           everything as new as possible\n  \
    gpuenv lock tf-gpu --upgrade numpy     only this package\n  \
    gpuenv lock tf-gpu --with jupyter      with a feature of the recipe, which the lock remembers\n  \
    gpuenv lock --exclude-newer 2024-12-31 as if today were that day")]
pub struct Args {
    /// A recipe's name, a recipe file, or packages [default: the recipe in this directory]
    ///
    /// One word without a version is a recipe. What has a version is a package, and so are several words.
    #[arg(value_name = "RECIPE|PACKAGE")]
    pub sources: Vec<String>,
    /// What an environment of packages is called; their lock is `NAME.gpuenv.lock`
    #[arg(short, long)]
    pub name: Option<String>,
    /// What is chosen of the recipe.
    #[command(flatten)]
    pub choice: ChoiceArgs,
    /// What belongs to packages.
    #[command(flatten)]
    pub packages: PackageArgs,
    /// Solve only this platform; can be given more than once
    #[arg(long = "platform", value_name = "PLATFORM", value_parser = platform)]
    pub platforms: Vec<Subdir>,
    /// Say whether the lock still satisfies the recipe, without any network; exit 1 if not
    #[arg(long, conflicts_with_all = ["upgrade", "dry_run", "exclude_newer"])]
    pub check: bool,
    /// Ignore packages newer than this date (`2024-12-31`, all of that day in UTC) or timestamp
    #[arg(long, value_name = "DATE", value_parser = exclude_newer::parse)]
    pub exclude_newer: Option<Timestamp>,
    /// Do not hold on to locked versions: of all packages, or of those named
    ///
    /// It takes every name that follows, so it stands behind the recipe; `--upgrade=NAME` takes one.
    #[arg(long, value_name = "NAME", num_args = 0..)]
    pub upgrade: Option<Vec<String>>,
    /// Where the lock is written [default: `gpuenv.lock` beside the recipe]
    #[arg(long, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// Say what would change, write nothing
    #[arg(long)]
    pub dry_run: bool,
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

/// Locks the recipe.
///
/// # Errors
/// Returns what keeps the lock from being written.
pub fn run(args: Args, session: &Session) -> Result<Outcome, Failure> {
    let packages = args
        .packages
        .packages(args.name.clone(), args.platforms.clone());
    let choice = args.choice.choice();
    let mut open = packages
        .open(&args.sources, "gpuenv lock", session)
        .map_err(|error| with_swallowed(error, &args))?;
    open.text.options = choice.options();
    let text = &open.text;
    if let (Some(name), false) = (&args.name, matches!(text.origin, Origin::Words(_))) {
        let message = format!("`-n {name}` is for packages, and a recipe has a name");
        return Err(Failure::usage(message).help("choose the lock's place with `--output FILE`"));
    }
    let existing = match &args.output {
        Some(path) if path.exists() => Some(lockfile::read(path)?),
        Some(_) => None,
        None => lockfile::find(text, &open.name)?,
    };
    let settings = existing
        .as_ref()
        .and_then(|file| file.lock.settings.as_ref());
    let settings = settings.filter(|settings| settings.recipe == open.name);
    let recipe = open.decide(&choice, settings)?;
    let platforms = wanted_platforms(&args, &recipe)?;
    if args.check {
        let builds = session.builds()?;
        return check(text, &recipe, &platforms, existing.as_ref(), &builds);
    }
    let path = match &args.output {
        Some(path) => path.clone(),
        None => lockfile::place(text, &recipe.name)?,
    };
    lockfile::check_place(&path).map_err(elsewhere)?;
    check_names(args.upgrade.as_deref(), &recipe, existing.as_ref(), text)?;
    let wishes = Wishes {
        upgrade: upgrade(args.upgrade.as_deref()),
        exclude_newer: args.exclude_newer,
        may_build: !args.dry_run,
        ..locking::keep(text, existing.as_ref())
    };
    let mut made = locking::make(session, &recipe, &platforms, wishes, existing.as_ref())?;
    made.text = lockfile::render(&path, &made.lock)?;
    for note in &mut made.notes {
        if note.code == Code::LOCK_STALE {
            let help = format!("lock every platform: `{}`", text.lock_command());
            note.help.push(help);
        }
    }
    conclude(&args, &path, existing.as_ref(), made)
}

fn wanted_platforms(args: &Args, recipe: &Recipe) -> Result<Vec<Subdir>, Failure> {
    let mut platforms = match args.platforms.as_slice() {
        [] => locking::platforms(recipe),
        some => some.to_vec(),
    };
    platforms.sort();
    platforms.dedup();
    Ok(platforms)
}

/// Adds what to type if `--upgrade` took the recipe for the name of a package.
fn with_swallowed(error: Failure, args: &Args) -> Failure {
    match (args.sources.as_slice(), args.upgrade.as_deref()) {
        ([], Some([first, ..])) => error.help(format!(
            "the recipe stands first: `gpuenv lock {} --upgrade`",
            word(first)
        )),
        _ => error,
    }
}

fn elsewhere(error: Diagnostic) -> Diagnostic {
    error.help("choose another place with `--output FILE`")
}

/// Refuses names that are neither in the lock nor in the recipe: nothing would
/// happen, and nobody would notice the typing error.
fn check_names(
    names: Option<&[String]>,
    recipe: &Recipe,
    existing: Option<&LockFile>,
    text: &RecipeText,
) -> Result<(), Failure> {
    let (Some(names), Some(file)) = (names, existing) else {
        return Ok(());
    };
    let Some((unknown, meant)) = locking::unknown(names, recipe, &file.lock) else {
        return Ok(());
    };
    let failure = Failure::usage(format!(
        "`--upgrade {unknown}`: there is no package `{unknown}` in the lock"
    ));
    Err(match meant {
        Some(meant) => failure.help(format!("did you mean `{meant}`?")),
        None => failure.help(format!(
            "the recipe stands first: `{} --upgrade NAME`",
            text.lock_command()
        )),
    })
}

fn upgrade(names: Option<&[String]>) -> Upgrade {
    match names {
        None => Upgrade::Nothing,
        Some([]) => Upgrade::Everything,
        Some(names) => Upgrade::Only(names.iter().map(|name| name.to_lowercase()).collect()),
    }
}

fn check(
    text: &RecipeText,
    recipe: &Recipe,
    platforms: &[Subdir],
    existing: Option<&LockFile>,
    builds: &GpuBuilds,
) -> Result<Outcome, Failure> {
    let plans = locking::plans(recipe, platforms).map_err(Failure::several)?;
    let Some(file) = existing else {
        let missing = Diagnostic::error(
            Code::LOCK_MISSING,
            format!("recipe `{}` has no lock", recipe.name),
        );
        let help = format!("make one with `{}`", text.lock_command());
        return Ok(Outcome::no().diagnostic(missing.help(help)));
    };
    let mut differences = lock::check(&file.lock, &plans, builds);
    if platforms.len() < locking::platforms(recipe).len() {
        // Asked about some platforms, so others may well be in the lock.
        differences.retain(|found| !matches!(found, Difference::PlatformRemoved(_)));
    }
    let told: Vec<String> = differences.iter().map(Difference::to_string).collect();
    let label = file.path.display().to_string();
    let facts =
        serde_json::json!({ "lock": label, "current": told.is_empty(), "differences": told });
    if told.is_empty() {
        let text = format!("lock `{label}` satisfies the recipe\n");
        return Ok(Outcome::done().text(text).facts(&facts));
    }
    let help = format!("bring it up to date with `{}`", text.lock_command());
    let stale = lock::stale(&label, &differences).help(help);
    Ok(Outcome::no().facts(&facts).diagnostic(stale))
}

fn conclude(
    args: &Args,
    path: &Path,
    existing: Option<&LockFile>,
    made: Made,
) -> Result<Outcome, Failure> {
    let same = existing.is_some_and(|file| file.text == made.text && file.path == path);
    if !same && !args.dry_run {
        lockfile::write(path, &made.text).map_err(elsewhere)?;
    }
    let changes = lock::changes(existing.map(|file| &file.lock), &made.lock);
    let label = path.display().to_string();
    let mut text = String::new();
    for (platform, locked) in &made.lock.platforms {
        let changed = changes.get(platform).map_or(&[][..], Vec::as_slice);
        let count = locked.records.len();
        let wheels = match locked.wheels.len() {
            0 => String::new(),
            count => format!(" and {count} wheels"),
        };
        let changed_text = summary(changed);
        let _ = writeln!(text, "{platform}: {count} packages{wheels}, {changed_text}");
        if existing.is_some() || args.dry_run {
            for change in changed {
                let _ = writeln!(text, "  {change}");
            }
        }
    }
    let _ = match (same, args.dry_run) {
        (true, _) => writeln!(text, "lock `{label}` is up to date"),
        (false, true) => writeln!(text, "lock `{label}` would be written"),
        (false, false) => writeln!(text, "lock `{label}` is written"),
    };
    let facts = serde_json::json!({
        "lock": label,
        "written": !same && !args.dry_run,
        "changes": changes,
        "platforms": made.lock.platforms.iter().map(|(name, locked)| (name.clone(), (locked.records.len() + locked.wheels.len()).into())).collect::<serde_json::Map<_, serde_json::Value>>(),
    });
    let outcome = Outcome::done().text(text).facts(&facts);
    Ok(made.notes.into_iter().fold(outcome, Outcome::diagnostic))
}

fn summary(changes: &[PackageChange]) -> String {
    let count = |wanted: fn(&PackageChange) -> bool| changes.iter().filter(|c| wanted(c)).count();
    if changes.is_empty() {
        return "no change".to_string();
    }
    format!(
        "{} added, {} removed, {} changed",
        count(|change| matches!(change, PackageChange::Added { .. })),
        count(|change| matches!(change, PackageChange::Removed { .. })),
        count(|change| matches!(change, PackageChange::Changed { .. })),
    )
}

pub(super) fn platform(text: &str) -> Result<Subdir, String> {
    text.parse()
        .map_err(|_| "not a conda platform, for example `linux-64` or `win-64`".to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_platform_is_one_that_conda_knows() {
        assert_eq!(platform("win-64"), Ok(Subdir::Win64));
        assert!(platform("windows").is_err());
    }
}
