//! From a recipe to the text of its lock: plans, solve, render.

use std::{collections::BTreeSet, sync::Arc};

use gpuenv_core::{
    Code, Diagnostic, Lock, Plan, Recipe, Solution, facts::GpuBuilds, fits, lock, plan,
    recipe::suggest,
};
use gpuenv_provision::{
    Upgrade, Wishes, solve,
    wheels::{self, WheelsError},
};
use rattler_conda_types::Subdir;

use crate::{
    Failure, Session, facts,
    lockfile::{LockFile, folder_url},
    source::RecipeText,
};

/// A lock that was just made.
pub struct Made {
    /// What it says.
    pub lock: Lock,
    /// Its text.
    pub text: String,
    /// What to tell about it.
    pub notes: Vec<Diagnostic>,
}

/// Returns the platforms of a recipe, as written.
pub fn platforms(recipe: &Recipe) -> Vec<Subdir> {
    recipe
        .platforms
        .iter()
        .map(|platform| platform.value)
        .collect()
}

/// Decides the recipe for each platform.
///
/// # Errors
/// Everything that is wrong with it, over all platforms.
pub fn plans(recipe: &Recipe, platforms: &[Subdir]) -> Result<Vec<Plan>, Vec<Diagnostic>> {
    let mut plans = Vec::new();
    let mut errors: Vec<Diagnostic> = Vec::new();
    for platform in platforms {
        match plan::plans(recipe, *platform) {
            Ok(found) => plans.extend(found),
            Err(found) => errors.extend(
                found
                    .into_iter()
                    .filter(|e| !errors.contains(e))
                    .collect::<Vec<_>>(),
            ),
        }
    }
    match errors.is_empty() {
        true => Ok(plans),
        false => Err(errors),
    }
}

/// Makes the lock of a recipe: the wanted platforms anew, the others as they were.
///
/// Where nothing is to be upgraded and the lock still fits, nothing is solved
/// and no channel is asked.
///
/// # Errors
/// Whatever keeps it from being made.
pub fn make(
    session: &Session,
    recipe: &Recipe,
    wanted: &[Subdir],
    wishes: Wishes,
    existing: Option<&LockFile>,
) -> Result<Made, Failure> {
    let plans = plans(recipe, wanted).map_err(Failure::several)?;
    wheels::check(&plans)?;
    let (tables, _) = facts::read(session.env.facts.as_deref())?;
    let beyond = plans
        .iter()
        .filter_map(|plan| fits::beyond_all_machines(plan, &tables));
    refuse(beyond.collect())?;
    let mut notes: Vec<Diagnostic> = Vec::new();
    let builds = session.builds()?;
    let folder = wishes.folder.as_deref().and_then(folder_url);
    let others = kept_platforms(recipe, wanted, existing, &builds, &mut notes)?;
    let solved = match existing {
        Some(file) if fits(&file.lock, &plans, &wishes, &builds) => locked(&file.lock, &plans),
        _ => {
            let builds = Some(Arc::new(builds));
            let wishes = Wishes { builds, ..wishes };
            solve_all(session, plans, wishes, &mut notes)?
        }
    };
    let all = [solved.as_slice(), others.as_slice()].concat();
    let lock = lock::lock(&all)?;
    let nowhere = solved.iter().filter_map(|(plan, _)| {
        let candidates = fits::candidates(&lock, plan.platform());
        let name = plan.name();
        let candidate = candidates.iter().find(|one| one.name == name)?;
        candidate.runs_nowhere(plan, &tables)
    });
    refuse(nowhere.collect())?;
    let text = lock::render_beside(&lock, folder.as_ref())?;
    Ok(Made { lock, text, notes })
}

fn refuse(errors: Vec<Diagnostic>) -> Result<(), Failure> {
    match errors.is_empty() {
        true => Ok(()),
        false => Err(Failure::several(errors)),
    }
}

/// Returns whether the lock already is what would be made.
fn fits(lock: &Lock, plans: &[Plan], wishes: &Wishes, builds: &GpuBuilds) -> bool {
    wishes.upgrade == Upgrade::Nothing
        && wishes.exclude_newer.is_none()
        && lock::check(lock, plans, builds)
            .iter()
            .all(|difference| matches!(difference, lock::Difference::PlatformRemoved(_)))
}

fn locked(lock: &Lock, plans: &[Plan]) -> Vec<(Plan, Solution)> {
    let pairs = plans.iter().filter_map(|plan| {
        let solution = lock.solution(&plan.name())?;
        Some((plan.clone(), solution))
    });
    pairs.collect()
}

fn solve_all(
    session: &Session,
    plans: Vec<Plan>,
    wishes: Wishes,
    notes: &mut Vec<Diagnostic>,
) -> Result<Vec<(Plan, Solution)>, Failure> {
    let access = session.access()?;
    let solved = session.block_on(solve(&plans, &wishes, &access, session.reporter()))?;
    let solutions = solved.map_err(Failure::several)?;
    let recipe = plans.first().map(|plan| plan.recipe.clone());
    let mut solved: Vec<(Plan, Solution)> = plans.into_iter().zip(solutions).collect();
    let uv = session.uv(&recipe.unwrap_or_default())?;
    let resolved = wheels::resolve(&mut solved, &wishes, &uv, &access, session.reporter());
    match session.block_on(resolved)? {
        Ok(()) => {}
        // Without wheels a lock is still of use where the recipe asks for none.
        Err(errors)
            if is_without_uv(&errors)
                && holds_no_wheels(&wishes)
                && solved.iter().any(|(plan, _)| plan.wheels.is_empty()) =>
        {
            notes.push(wheels_pending(&solved));
        }
        Err(errors) => return Err(Failure::several(errors)),
    }
    Ok(solved)
}

fn is_without_uv(errors: &[WheelsError]) -> bool {
    errors.iter().all(|error| {
        matches!(
            error,
            WheelsError::NoUv { .. } | WheelsError::NotInstalled { .. }
        )
    })
}

/// Returns whether no locked wheel would be lost.
fn holds_no_wheels(wishes: &Wishes) -> bool {
    let kept = wishes.keep.iter().flat_map(|lock| lock.platforms.values());
    kept.into_iter().all(|locked| locked.wheels.is_empty())
}

/// Says that only the conda packages are locked. `create` refuses such a lock.
fn wheels_pending(solved: &[(Plan, Solution)]) -> Diagnostic {
    let lacking = solved.iter().filter(|(plan, _)| !plan.wheels.is_empty());
    let platforms: Vec<String> = lacking.map(|(plan, _)| plan.name()).collect();
    let message = format!(
        "the wheels for {} are not locked: `uv`, which resolves them, is not installed",
        platforms.join(" and ")
    );
    Diagnostic::warning(Code::LOCK_WHEELS_PENDING, message)
        .cause("the conda packages are locked; `gpuenv create` refuses the lock on those platforms")
        .help("install it: `pip install --user uv`, or `conda install -c conda-forge uv`")
        .help("then lock again: `gpuenv lock`")
}

/// Returns the recipe's platforms that are not wanted now, as they are locked.
fn kept_platforms(
    recipe: &Recipe,
    wanted: &[Subdir],
    existing: Option<&LockFile>,
    builds: &GpuBuilds,
    notes: &mut Vec<Diagnostic>,
) -> Result<Vec<(Plan, Solution)>, Failure> {
    let Some(file) = existing else {
        return Ok(Vec::new());
    };
    let mut others = platforms(recipe);
    others.retain(|platform| !wanted.contains(platform));
    others.retain(|platform| !file.lock.names(*platform).is_empty());
    let mut plans = plans(recipe, &others).map_err(Failure::several)?;
    plans.retain(|plan| file.lock.platforms.contains_key(&plan.name()));
    for plan in &plans {
        let differences = lock::check(&file.lock, std::slice::from_ref(plan), builds);
        let stale =
            |found: &&lock::Difference| !matches!(found, lock::Difference::PlatformRemoved(_));
        if let Some(first) = differences.iter().find(stale) {
            let platform = plan.name();
            notes.push(
                Diagnostic::warning(
                    Code::LOCK_STALE,
                    format!("{platform} stays as it was and no longer satisfies the recipe"),
                )
                .cause(first),
            );
        }
    }
    Ok(locked(&file.lock, &plans))
}

/// Returns the first name that is neither in the lock nor in the recipe, and the one
/// that was meant, if that is plain.
pub fn unknown<'n>(
    names: &'n [String],
    recipe: &Recipe,
    lock: &Lock,
) -> Option<(&'n str, Option<String>)> {
    let locked = lock.platforms.values().flat_map(|p| &p.records);
    let locked = locked.map(|record| record.package_record.name.as_normalized().to_string());
    let of_lock = lock.platforms.values().flat_map(|p| &p.wheels);
    let locked = locked.chain(of_lock.map(|wheel| wheel.name.clone()));
    let plans = plans(recipe, &platforms(recipe)).unwrap_or_default();
    let of_recipe = plans.iter().flat_map(|plan| &plan.wheels);
    let of_recipe = of_recipe.map(|wheel| wheel.requirement.name.to_string());
    let wanted = plans.iter().flat_map(|plan| &plan.dependencies);
    let wanted = wanted.filter_map(|dependency| dependency.spec.name.as_exact());
    let wanted = wanted.map(|name| name.as_normalized().to_string());
    let known: BTreeSet<String> = locked.chain(wanted).chain(of_recipe).collect();
    let is_known = |name: &str| {
        let of_wheel = gpuenv_core::wheels::normalized(name);
        known.contains(&name.to_lowercase()) || of_wheel.is_some_and(|name| known.contains(&name))
    };
    let unknown = names.iter().find(|name| !is_known(name))?;
    let meant = suggest(unknown, known.iter().map(String::as_str));
    Some((unknown, meant.map(ToString::to_string)))
}

/// Returns the wishes of somebody who wants nothing new.
pub fn keep(text: &RecipeText, existing: Option<&LockFile>) -> Wishes {
    Wishes {
        folder: text.folder(),
        keep: existing.map(|file| Arc::new(file.lock.clone())),
        ..Wishes::default()
    }
}
