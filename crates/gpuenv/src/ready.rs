//! A lock that can be installed: of a lock alone, of a recipe, or just made.

use std::path::PathBuf;

use gpuenv_core::{
    Code, Diagnostic, Lock, Plan, Recipe, Severity, Solution,
    builds::{self, Rules},
    facts::GpuBuilds,
    lock::{self, PlatformSettings},
    plan::{ActivationSettings, Dependency, Gpu, ProbeStep, PypiSettings},
    solution, wheels,
};
use gpuenv_provision::Wishes;
use rattler_conda_types::{MatchSpec, ParseMatchSpecOptions, Subdir};

use crate::{
    Failure, Session,
    deciding::{Decided, Deciding},
    lockfile::{self, LockFile},
    locking::{self, Made},
    source::{Origin, RecipeText},
};

/// A lock that can be installed here.
pub struct Ready {
    /// The platform, as the lock names it.
    pub name: String,
    /// The lock's text.
    pub lock_text: String,
    /// The packages for this platform, those made of wheels among them.
    pub solution: Solution,
    /// What the recipe asks for, for conda's own records.
    pub requested: Vec<MatchSpec>,
    /// What activation does.
    pub activation: ActivationSettings,
    /// Whether it is of use without a GPU.
    pub gpu: Gpu,
    /// What the probe does.
    pub probe: Vec<ProbeStep>,
    /// Where a new lock was written.
    pub written: Option<PathBuf>,
    /// What to tell.
    pub notes: Vec<Diagnostic>,
}

/// Returns what a lock alone says. Without a table of builds, what it holds is
/// taken as it is: it was installed once.
///
/// # Errors
/// GE405 and its kin if it cannot be installed here.
pub fn of_lock(
    file: LockFile,
    decided: Decided,
    builds: Option<&GpuBuilds>,
) -> Result<Ready, Failure> {
    let label = file.path.display().to_string();
    let name = decided.name;
    let solution = require(&file.lock, &label, &name)?;
    let platform = solution.platform;
    let kept = file.lock.settings_of(&name).cloned();
    check_wheels(&label, kept.as_ref(), &solution)?;
    let texts = kept.as_ref().map_or(&[][..], |kept| &kept.dependencies);
    let specs = texts
        .iter()
        .filter_map(|text| MatchSpec::from_str(text, ParseMatchSpecOptions::lenient()).ok());
    let requested: Vec<MatchSpec> = specs.collect();
    let virtual_packages = file.lock.virtual_packages(&name);
    let violations = solution::verify(platform, &[], &virtual_packages, &solution.records);
    if !violations.is_empty() {
        let error = Diagnostic::error(
            Code::LOCK_BAD,
            format!("what lock `{label}` names for {name} does not fit together"),
        )
        .help("make it anew with `gpuenv lock`");
        return Err(violations.iter().fold(error, Diagnostic::cause).into());
    }
    let settings = file.lock.settings.as_ref();
    let gpu = settings.map_or(Gpu::Optional, |settings| settings.gpu);
    if let Some(builds) = builds {
        check_builds(&label, gpu, &requested, &solution, builds)?;
    }
    Ok(Ready {
        name,
        lock_text: file.text,
        solution: with_wheels(solution),
        requested,
        gpu,
        activation: kept
            .as_ref()
            .map(|kept| kept.activation.clone())
            .unwrap_or_default(),
        probe: kept.map_or_else(|| vec![ProbeStep::Driver], |kept| kept.probe),
        written: None,
        notes: decided.notes,
    })
}

/// Refuses a lock that holds what its own `gpu` rules out.
fn check_builds(
    label: &str,
    gpu: Gpu,
    requested: &[MatchSpec],
    solution: &Solution,
    table: &GpuBuilds,
) -> Result<(), Diagnostic> {
    let lines = requested.iter().map(|spec| Dependency {
        spec: spec.clone(),
        text: spec.to_string(),
        place: None,
    });
    let lines: Vec<Dependency> = lines.collect();
    let rules = Rules::new(gpu, &lines, std::iter::empty(), table);
    let violations = builds::verify(&rules, &solution.records);
    let mut causes: Vec<String> = violations.iter().map(ToString::to_string).collect();
    let wheels = wheels::check_builds(gpu, solution.platform, &solution.wheels, &solution.records);
    causes.extend(wheels.err().map(|error| error.to_string()));
    if causes.is_empty() {
        return Ok(());
    }
    let message = format!("lock `{label}` holds builds that its `gpu` rules out");
    let error = Diagnostic::error(Code::BUILDS_WRONG, message);
    Err(causes
        .into_iter()
        .fold(error, Diagnostic::cause)
        .help("make it anew from its recipe: `gpuenv lock`"))
}

/// Puts the wheels among the packages: to the installer they are nothing else.
fn with_wheels(solution: Solution) -> Solution {
    Solution {
        records: solution.packages(),
        ..solution
    }
}

/// Refuses a lock whose wheels are missing or cannot be installed.
fn check_wheels(
    label: &str,
    kept: Option<&PlatformSettings>,
    solution: &Solution,
) -> Result<(), Diagnostic> {
    let wanted = kept.map_or(&[][..], |kept| &kept.pypi_dependencies);
    // One with a condition may well ask for nothing here.
    let needs = wanted.iter().any(|wheel| !wheel.contains(';'));
    if needs && solution.wheels.is_empty() {
        let message = format!(
            "lock `{label}` needs the wheels `{}`, and does not hold them",
            wanted.join("`, `")
        );
        return Err(Diagnostic::error(Code::LOCK_WHEELS_PENDING, message)
            .help("make it anew with `gpuenv lock`"));
    }
    let usual = PypiSettings::default();
    let pypi = kept.map_or(&usual, |kept| &kept.pypi_options);
    let refused = wheels::check_installable(&solution.records, &solution.wheels, pypi);
    refused.map_err(|error| {
        let message = format!("the wheels of lock `{label}` cannot be installed");
        Diagnostic::error(Code::INSTALL_NO_WHEELS, message)
            .cause(error)
            .help("make it anew with `gpuenv lock`")
    })
}

/// Returns what a lock holds under the name of a platform.
///
/// # Errors
/// GE405 if it does not cover it.
pub fn require(lock: &Lock, label: &str, platform: &str) -> Result<Solution, Diagnostic> {
    lock.solution(platform).ok_or_else(|| {
        let there: Vec<&str> = lock.platforms.keys().map(String::as_str).collect();
        Diagnostic::error(
            Code::LOCK_PLATFORM,
            format!("lock `{label}` does not cover {platform}"),
        )
        .cause(format!("it covers {}", there.join(", ")))
        .help(format!(
            "add `{platform}` to the recipe's `platforms`, then run `gpuenv lock`"
        ))
    })
}

/// Returns the lock of a recipe: the one that is there if it fits, else a new one.
///
/// # Errors
/// GE402 and GE407 with `locked`; else whatever keeps a lock from being made.
pub fn of_recipe(
    text: &RecipeText,
    recipe: &Recipe,
    plans: Vec<Plan>,
    locked: bool,
    deciding: &Deciding,
    session: &Session,
) -> Result<Ready, Failure> {
    let existing = match text.origin {
        // Packages on the command line have no lock that others could have made.
        Origin::Words(_) => None,
        Origin::Shipped | Origin::File(_) => lockfile::find(text, &recipe.name)?,
    };
    let fits = match &existing {
        None => false,
        Some(file) => {
            let platforms = locking::platforms(recipe);
            let all = locking::plans(recipe, &platforms).map_err(Failure::several)?;
            let differences = lock::check(&file.lock, &all, &session.builds()?);
            if locked && !differences.is_empty() {
                let stale = lock::stale(&file.path.display().to_string(), &differences);
                let command = text.lock_command();
                return Err(stale
                    .help(format!("bring it up to date with `{command}`"))
                    .into());
            }
            differences.is_empty()
        }
    };
    if locked && existing.is_none() {
        let message = format!("recipe `{}` has no lock", recipe.name);
        let error = Diagnostic::error(Code::LOCK_MISSING, message);
        return Err(error
            .help(format!(
                "make one with `{}`, or leave out `--locked`",
                text.lock_command()
            ))
            .into());
    }
    let made = match existing {
        Some(file) if fits => (file.lock, file.text, None, Vec::new()),
        existing => make(text, recipe, &plans, existing, session)?,
    };
    planned(text, recipe, plans, made, deciding, session)
}

/// Returns what a lock says for the one plan of several that is decided on.
fn planned(
    text: &RecipeText,
    recipe: &Recipe,
    plans: Vec<Plan>,
    made: MadeLock,
    deciding: &Deciding,
    session: &Session,
) -> Result<Ready, Failure> {
    let (lock, lock_text, written, mut notes) = made;
    let recipe = recipe.name.as_str();
    let platform = plans.first().map_or(Subdir::NoArch, Plan::platform);
    let decided = deciding.decide(&lock, (recipe, &text.create_command()), platform, session)?;
    let name = decided.name;
    notes.extend(decided.notes);
    let plan = plans.into_iter().find(|plan| plan.name() == name);
    let plan = plan.ok_or_else(no_plan)?;
    let solution = require(&lock, recipe, &name)?;
    check_wheels(recipe, lock.settings_of(&name), &solution)?;
    Ok(Ready {
        name,
        lock_text,
        solution: with_wheels(solution),
        requested: plan
            .dependencies
            .into_iter()
            .map(|dependency| dependency.spec)
            .collect(),
        activation: plan.activation,
        gpu: plan.gpu,
        probe: plan.probe,
        written,
        notes,
    })
}

/// Refuses a lock whose wheels are not resolved: half an environment would look
/// right and not be.
fn refuse_pending(made: &Made, plans: &[Plan]) -> Result<(), Diagnostic> {
    let mut notes = made.notes.iter();
    let pending = notes.find(|note| note.code == Code::LOCK_WHEELS_PENDING);
    match pending.filter(|_| plans.iter().any(|plan| !plan.wheels.is_empty())) {
        None => Ok(()),
        Some(pending) => Err(Diagnostic {
            severity: Severity::Error,
            ..pending.clone()
        }),
    }
}

/// Returns what a lock that was just made says for a platform.
///
/// # Errors
/// GE408 if its wheels are not resolved, GE405 and its kin if it cannot be installed.
pub fn of_made(
    text: &RecipeText,
    recipe: &Recipe,
    platform: Subdir,
    made: Made,
    deciding: &Deciding,
    session: &Session,
) -> Result<Ready, Failure> {
    let plans = locking::plans(recipe, &[platform]).map_err(Failure::several)?;
    refuse_pending(&made, &plans)?;
    let lock = read_again(text, &recipe.name, &made)?;
    let made = (lock, made.text, None, made.notes);
    planned(text, recipe, plans, made, deciding, session)
}

fn no_plan() -> Diagnostic {
    Diagnostic::error(Code::BUG, "a platform has no plan")
}

type MadeLock = (Lock, String, Option<PathBuf>, Vec<Diagnostic>);

/// Makes a lock and writes it where the next `create` finds it.
///
/// A recipe inside the program has no place beside it, and nobody asked for a
/// file in the current directory: its lock stays in the prefix.
fn make(
    text: &RecipeText,
    recipe: &Recipe,
    plans: &[Plan],
    existing: Option<LockFile>,
    session: &Session,
) -> Result<MadeLock, Failure> {
    let keeps_file = existing.is_some() || !text.has_no_place();
    let platforms = match keeps_file {
        true => locking::platforms(recipe),
        false => plans.iter().map(Plan::platform).take(1).collect(),
    };
    let wishes = Wishes {
        may_build: true,
        ..locking::keep(text, existing.as_ref())
    };
    let made = locking::make(session, recipe, &platforms, wishes, existing.as_ref())?;
    refuse_pending(&made, plans)?;
    let mut written = None;
    if keeps_file {
        let path = lockfile::place(text, &recipe.name)?;
        lockfile::write(&path, &made.text).map_err(|error| {
            let command = text.lock_command();
            error.help(format!(
                "keep it elsewhere: `{command} --output FILE.lock`, then `gpuenv create FILE.lock`"
            ))
        })?;
        written = Some(path);
    }
    let lock = read_again(text, &recipe.name, &made)?;
    Ok((lock, made.text, written, made.notes))
}

/// Reads a lock that was just made.
///
/// What is read from a lock and what was just solved differ in what nobody needs;
/// an environment must not tell which of the two it came from.
fn read_again(text: &RecipeText, name: &str, made: &Made) -> Result<Lock, Diagnostic> {
    let folder = text.folder().as_deref().and_then(lockfile::folder_url);
    Ok(lock::parse_beside(name, &made.text, folder.as_ref())?)
}
