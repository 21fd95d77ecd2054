//! `gpuenv create`: from a recipe or a lock to a verified environment.

use std::{
    fmt::Write as _,
    path::{Path, PathBuf},
};

use gpuenv_core::{
    Code, Diagnostic, Machine, Place, lock,
    plan::{Gpu, ProbeStep},
};
use gpuenv_provision::{
    install::{check_place, is_settled},
    prefix::State,
};
use rattler_conda_types::Subdir;
use serde::Serialize;

use crate::{
    Failure, Outcome, Session, activating, checking,
    commands::{choice::ChoiceArgs, packages::PackageArgs},
    creating::{Found, this_platform},
    deciding::Deciding,
    environments::{self, Environments},
    installing::{How, Installing},
    probing::{self, Probed, Question},
    progress::counted,
    wanted::Packages,
    word::word,
};

/// Create an environment from a recipe or a lock, activate and verify it
///
/// Uses the lock beside the recipe when there is one. An environment that is
/// already right is left alone. Nothing half-made is ever visible at the prefix.
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = "Examples:\n  \
    gpuenv create hello-gpu              needs no network, proves driver and kernel in a second\n  \
    gpuenv create tf-gpu -n work         into an environment called `work`\n  \
    gpuenv create pytorch-gpu --with jupyter --set cuda=11.8\n  \
    gpuenv create gpuenv.lock -p ./env   exactly what the lock names, into a directory\n  \
    gpuenv create tf-gpu --locked        refuse to solve: the lock must be there and fit\n  \
    gpuenv create cupy --variant cuda12  this variant, whatever the driver says\n  \
    gpuenv create cupy --target node.json    for the machine that file describes, as on a login node\n  \
    gpuenv create -n x \"pytorch>=2.5\" cupy \"cuda-version 12.*\"    packages without a recipe")]
pub struct Args {
    /// A recipe's name, a recipe file, a lock file, or packages [default: the recipe in this directory]
    ///
    /// One word without a version is a recipe. What has a version is a package, and so are several words.
    #[arg(value_name = "RECIPE|LOCK|PACKAGE")]
    pub sources: Vec<String>,
    /// What is chosen of the recipe.
    #[command(flatten)]
    pub choice: ChoiceArgs,
    /// What belongs to packages.
    #[command(flatten)]
    pub packages: PackageArgs,
    /// The environment's name [default: the recipe's name]
    #[arg(short, long, conflicts_with = "prefix")]
    pub name: Option<String>,
    /// Put the environment into this directory instead
    #[arg(short, long, value_name = "PREFIX")]
    pub prefix: Option<PathBuf>,
    /// Prepare an environment for another platform, such as `win-64`: nothing of it is run here
    #[arg(
        long,
        value_name = "PLATFORM",
        requires = "prefix",
        conflicts_with_all = ["require_gpu", "name"],
        value_parser = super::lock::platform
    )]
    pub platform: Option<Subdir>,
    /// Take this variant of the recipe [default: the first that the machine can run]
    #[arg(long, value_name = "VARIANT")]
    pub variant: Option<String>,
    /// Choose the variant, and check, for the machine that `gpuenv devices --export FILE` described
    #[arg(long, value_name = "FILE", conflicts_with = "require_gpu")]
    pub target: Option<PathBuf>,
    /// Refuse to solve: the lock must exist and satisfy the recipe
    #[arg(long)]
    pub locked: bool,
    /// Install also what this machine cannot run, see `gpuenv check`
    #[arg(long)]
    pub no_check: bool,
    /// Leave out the probe
    #[arg(long, conflicts_with = "require_gpu")]
    pub no_probe: bool,
    /// Fail where no GPU computes
    #[arg(long)]
    pub require_gpu: bool,
    /// Link every file anew; what is there and not gpuenv's is moved aside first
    #[arg(long)]
    pub force: bool,
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

/// Where the environment will be, and what it is called.
struct Target {
    prefix: PathBuf,
    name: String,
}

/// What was done, for the report.
#[derive(Debug, Serialize)]
struct Created {
    name: String,
    prefix: PathBuf,
    recipe: Option<String>,
    /// Which of the recipe's variants it is.
    variant: Option<String>,
    /// It was right before; nothing was read but its record.
    already_right: bool,
    packages: usize,
    added: usize,
    changed: usize,
    removed: usize,
    /// Where something that was not gpuenv's has been moved.
    moved_aside: Option<PathBuf>,
    /// Where a new lock was written.
    lock_written: Option<PathBuf>,
    probe: Option<Probed>,
    /// What an earlier probe concluded, where none was run now.
    earlier_probe: Option<String>,
}

/// Creates the environment.
///
/// # Errors
/// Returns what keeps it from being there.
pub fn run(args: Args, session: &Session) -> Result<Outcome, Failure> {
    let machine = args.target.as_deref().map(checking::read_machine);
    let machine = machine.transpose()?;
    let platform = args.platform.map_or_else(this_platform, Ok)?;
    check_platform(&args, machine.as_ref(), platform)?;
    let found = Found::find(&args.sources, &packages(&args), session)?;
    let recipe = found.recipe_name().map(ToString::to_string);
    let target = target(&args, recipe.as_deref(), session)?;
    let source = found.decide(&args.choice.choice(), &target.prefix, platform)?;
    let now = activating::made_as(&target.prefix);
    let deciding = Deciding::new(args.variant.clone(), machine, now);
    let state = source.already_right(&target.prefix, &deciding);
    if let Some(state) = state.filter(|_| !args.force && is_settled(&target.prefix)) {
        return already_right(&args, target, recipe, state, session);
    }
    // Before a channel is asked and a lock is written.
    check_place(&target.prefix, args.force, &session.protected())?;
    let recipe_text = source.recipe_text();
    let file = source.file();
    let only_text = source.only_text();
    let mut ready = source.ready(args.locked, &deciding, session)?;
    if !args.no_check && (is_for_here(&args) || deciding.is_elsewhere()) {
        let warnings = checking::before_install(&ready.solution, ready.gpu, &deciding, session)?;
        ready.notes.extend(warnings);
    }
    let installing = Installing {
        prefix: &target.prefix,
        name: &target.name,
        recipe: recipe.as_deref(),
        recipe_text: recipe_text.as_deref(),
        only_text: only_text.as_deref(),
        source: file.as_deref(),
        ready: &ready,
        how: How::Create { force: args.force },
    };
    let installed = installing.install(session)?;
    if !installed.already_right && is_for_here(&args) {
        activating::tell_bad_scripts(&target.prefix, session)?;
        if ready.activation.xla {
            activating::tell_missing_for_xla(&target.prefix, ready.solution.platform, session)?;
        }
    }
    activating::tell_missing_folders(&target.prefix, &ready.activation, session);
    let question = question(&args, &target.prefix, ready.gpu, &ready.probe);
    let probe = probe(&args, &question, session)?;
    let created = Created {
        packages: ready.solution.records.len(),
        added: installed.changes.add.len(),
        changed: installed.changes.change.len() + installed.changes.relink.len(),
        removed: installed.changes.remove.len(),
        moved_aside: installed.moved_aside,
        already_right: installed.already_right,
        name: target.name,
        prefix: target.prefix,
        recipe,
        variant: variant(&ready.name),
        lock_written: ready.written,
        probe,
        earlier_probe: None,
    };
    Ok(ready
        .notes
        .into_iter()
        .fold(report(&args, &created), Outcome::diagnostic))
}

/// Returns what belongs to packages: the environment's name is the recipe's.
fn packages(args: &Args) -> Packages {
    let folder = args.prefix.as_deref().and_then(Path::file_name);
    let folder = folder.map(|name| name.to_string_lossy().into_owned());
    args.packages.packages(
        args.name.clone().or(folder),
        args.platform.into_iter().collect(),
    )
}

fn target(args: &Args, recipe: Option<&str>, session: &Session) -> Result<Target, Failure> {
    if let Some(prefix) = &args.prefix {
        let prefix = environments::absolute(prefix)?;
        let name = prefix.display().to_string();
        return Ok(Target { prefix, name });
    }
    let Some(name) = args.name.as_deref().or(recipe) else {
        return Err(
            Failure::usage("the lock does not say what the environment is called")
                .help("name it: `-n NAME`, or `-p PREFIX`"),
        );
    };
    let prefix = Environments::below(&session.home()?).prefix(name)?;
    Ok(Target {
        prefix,
        name: name.to_string(),
    })
}

/// Ends a `create` that had nothing to do. A GPU that has computed is not asked
/// again, unless the user wants to know.
fn already_right(
    args: &Args,
    target: Target,
    recipe: Option<String>,
    state: State,
    session: &Session,
) -> Result<Outcome, Failure> {
    let verdict = state.verdict.as_ref();
    let was_ok = verdict.is_some_and(|verdict| verdict["ok"] == true);
    let summary = verdict.and_then(|verdict| verdict["summary"].as_str());
    let probe = match was_ok && !args.require_gpu {
        true => None,
        false => {
            let kept = activating::kept(&target.prefix)?;
            let gpu = kept.as_ref().map_or(Gpu::Optional, |kept| kept.gpu);
            let steps = kept.as_ref().map_or(&[][..], |kept| &kept.settings.probe);
            probe(args, &question(args, &target.prefix, gpu, steps), session)?
        }
    };
    let created = Created {
        variant: variant(&state.platform),
        packages: state.packages.len(),
        added: 0,
        changed: 0,
        removed: 0,
        moved_aside: None,
        already_right: true,
        earlier_probe: summary.filter(|_| probe.is_none()).map(ToString::to_string),
        name: target.name,
        prefix: target.prefix,
        recipe,
        lock_written: None,
        probe,
    };
    Ok(report(args, &created))
}

fn question<'a>(args: &Args, prefix: &'a Path, gpu: Gpu, steps: &'a [ProbeStep]) -> Question<'a> {
    Question {
        require_gpu: args.require_gpu,
        ..Question::of(prefix, gpu, steps)
    }
}

/// Probes, unless nobody wants to know.
fn probe(
    args: &Args,
    question: &Question<'_>,
    session: &Session,
) -> Result<Option<Probed>, Diagnostic> {
    match args.no_probe || args.target.is_some() || !is_for_here(args) {
        true => Ok(None),
        false => probing::after_install(question, session),
    }
}

/// Tells whether the environment can run on this machine.
fn is_for_here(args: &Args) -> bool {
    args.platform
        .is_none_or(|platform| Subdir::current() == Some(platform))
}

/// Returns the variant that the name of a platform stands for.
fn variant(name: &str) -> Option<String> {
    lock::variant_in(name).map(ToString::to_string)
}

/// Refuses a described machine of another platform than the environment's.
fn check_platform(
    args: &Args,
    machine: Option<&Machine>,
    platform: Subdir,
) -> Result<(), Diagnostic> {
    let (Some(machine), Some(file)) = (machine, &args.target) else {
        return Ok(());
    };
    if machine.platform == platform {
        return Ok(());
    }
    let message = format!(
        "the target file describes a machine of {}, and the environment is for {platform}",
        machine.platform
    );
    let error = Diagnostic::error(Code::TARGET_BAD, message);
    Err(error
        .at(Place::file(file.display().to_string()))
        .help(format!("add `--platform {} -p DIR`", machine.platform))
        .help("or describe a machine like this one: there `gpuenv devices --export FILE`"))
}

fn report(args: &Args, created: &Created) -> Outcome {
    let ok = created
        .probe
        .as_ref()
        .is_none_or(|probed| probed.verdict.ok);
    let outcome = match ok {
        true => Outcome::done(),
        false => Outcome::no(),
    };
    let outcome = outcome.text(text(args, created)).facts(created);
    let diagnostic = created
        .probe
        .as_ref()
        .and_then(|probed| probed.verdict.diagnostic.clone());
    diagnostic.into_iter().fold(outcome, Outcome::diagnostic)
}

fn text(args: &Args, created: &Created) -> String {
    let environment = word(&created.name);
    let mut text = String::new();
    if let Some(path) = &created.lock_written {
        let _ = writeln!(text, "lock `{}` is written", path.display());
    }
    let _ = match created.already_right {
        true => writeln!(text, "environment `{}` is already right", created.name),
        false => writeln!(
            text,
            "environment `{}` is ready: {} ({} added, {} changed, {} removed)",
            created.name,
            counted(created.packages, "package", "packages"),
            created.added,
            created.changed,
            created.removed
        ),
    };
    if let Some(variant) = &created.variant {
        let _ = writeln!(text, "variant: {variant}");
    }
    let _ = writeln!(text, "prefix: {}", created.prefix.display());
    if let Some(path) = &created.moved_aside {
        let _ = writeln!(text, "what was there before is now at {}", path.display());
    }
    if let Some(platform) = args.platform.filter(|_| !is_for_here(args)) {
        let _ = writeln!(text, "probe: skipped: it is for {platform}");
        return text;
    }
    match (&created.probe, &created.earlier_probe) {
        (Some(probed), _) => text.push_str(&probed.text()),
        (None, Some(summary)) => {
            let _ = writeln!(
                text,
                "probe: {summary} (earlier; `gpuenv probe {environment}` asks again)"
            );
        }
        (None, None) if args.target.is_some() => {
            text.push_str("probe: skipped: it is for the machine of `--target`\n");
        }
        (None, None) if args.no_probe => text.push_str("probe: skipped: `--no-probe`\n"),
        (None, None) => text.push_str("probe: skipped: the recipe uses no GPU\n"),
    }
    let _ = writeln!(text, "use it: gpuenv run {environment} -- CMD");
    let _ = match cfg!(windows) {
        true => writeln!(text, "    or: gpuenv shell {environment}"),
        false => writeln!(text, "    or: eval \"$(gpuenv shell-hook {environment})\""),
    };
    text
}
