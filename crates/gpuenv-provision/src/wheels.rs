//! Resolves wheels with uv, for any platform, beside a conda solution.
//!
//! uv says which versions fit together; which file of a version is taken, and
//! what must not be combined, is decided in the core. Nothing of a package is
//! run: only wheels count.

mod build;
mod error;
mod places;
mod sizes;
mod sources;
mod stub;
mod tool;
mod trouble;
mod uv;
mod ways;
mod yanked;

use std::{collections::BTreeSet, sync::Arc};

use futures::future::join_all;
use gpuenv_core::{
    Diagnostic, Event, Plan, Reporter, Solution, Wheel,
    wheels::{self, Distribution, Machine, Provided, normalized},
};
use tokio::sync::Mutex;

use url::Url;

pub use error::WheelsError;
pub use trouble::{IndexTrouble, Unreachable};
pub use uv::Uv;

use crate::{Access, Wishes};

pub(crate) use self::tool::Program;
use self::{build::Builder, sources::Sources, uv::Question, yanked::Yanked};

/// Adds the wheels that the plans ask for to their conda solutions.
///
/// # Errors
/// One error per platform whose wheels cannot be resolved.
pub async fn resolve(
    solved: &mut [(Plan, Solution)],
    wishes: &Wishes,
    uv: &Uv,
    access: &Access,
    reporter: Arc<dyn Reporter>,
) -> Result<(), Vec<WheelsError>> {
    let wanted = solved.iter().filter(|(plan, _)| !plan.wheels.is_empty());
    let wanted: Vec<&(Plan, Solution)> = wanted.collect();
    if wanted.is_empty() {
        return Ok(());
    }
    let channels = wanted.first().map_or(&[][..], |(plan, _)| &plan.channels);
    let program = uv.obtain(channels, access, &reporter).await;
    let program = program.map_err(|error| vec![error])?;
    // What several platforms ask for is built once.
    let building = Mutex::new(());
    let uv = uv.on_ways(access);
    let all = wanted.iter().map(|(plan, solution)| {
        let asking = Asking {
            plan,
            solution,
            wishes,
            uv: &uv,
            program: &program,
            access,
            building: &building,
            reporter: &reporter,
        };
        async move { (plan.name(), asking.resolve().await) }
    });
    let mut errors = Vec::new();
    let mut notes: Vec<Diagnostic> = Vec::new();
    let answers = join_all(all).await;
    for (name, answer) in answers {
        let mut of_name = solved.iter_mut();
        let Some((plan, solution)) = of_name.find(|(plan, _)| plan.name() == name) else {
            continue;
        };
        match (answer, &plan.variant) {
            (Ok(resolved), _) => {
                solution.wheels = resolved.wheels;
                let new = resolved.notes.into_iter();
                let new: Vec<_> = new.filter(|note| !notes.contains(note)).collect();
                notes.extend(new);
            }
            (Err(error), None) => errors.push(error),
            (Err(error), Some(variant)) => errors.push(WheelsError::OfVariant {
                variant: variant.value.clone(),
                error: Box::new(error),
            }),
        }
    }
    if !errors.is_empty() {
        return Err(errors);
    }
    for diagnostic in notes {
        reporter.report(Event::Diagnosed { diagnostic });
    }
    let wheels = solved
        .iter_mut()
        .flat_map(|(_, solution)| &mut solution.wheels);
    sizes::complete(wheels, wishes.keep.as_deref(), access).await;
    Ok(())
}

/// Refuses wheels that a recipe must not ask for, before anything is solved.
///
/// # Errors
/// Names what is wrong with the first platform for which something is.
pub fn check(plans: &[Plan]) -> Result<(), WheelsError> {
    for plan in plans {
        wheels::asked(plan)?;
    }
    Ok(())
}

/// What is to be resolved for one platform.
struct Asking<'a> {
    plan: &'a Plan,
    solution: &'a Solution,
    wishes: &'a Wishes,
    uv: &'a Uv,
    program: &'a Program,
    access: &'a Access,
    building: &'a Mutex<()>,
    reporter: &'a Arc<dyn Reporter>,
}

/// The wheels of one platform, and what holds for several platforms alike.
struct Resolved {
    wheels: Vec<Wheel>,
    notes: Vec<Diagnostic>,
}

impl Asking<'_> {
    async fn resolve(&self) -> Result<Resolved, WheelsError> {
        let asked = wheels::asked(self.plan)?;
        for diagnostic in asked.notes {
            self.reporter.report(Event::Diagnosed { diagnostic });
        }
        let (python, numbers) = wheels::python(&self.solution.records)?;
        let provided = wheels::provided(&self.solution.records);
        wheels::check_together(self.plan, &provided)?;
        let machine = Machine::new(&self.plan.target, numbers);
        let sources = Sources::new(self.plan, self.access).await;
        let mut question = Question {
            requirements: asked.requirements,
            bounds: Vec::new(),
            provided: &provided,
            keep: self.kept(),
            python,
            machine: &machine,
            sources: &sources,
            folder: self.wishes.folder.as_deref(),
            exclude_newer: self.wishes.exclude_newer,
        };
        let (mut chosen, mut yanked) = self.ask(&question, &provided, &machine).await?;
        if let Some(bound) = wheels::numpy_bound(&chosen, &provided)? {
            question.bounds.push(bound);
            (chosen, yanked) = self.ask(&question, &provided, &machine).await?;
            self.reporter.report(Event::Diagnosed {
                diagnostic: wheels::bound_note(self.plan, bound),
            });
        }
        wheels::check_installable(&self.solution.records, &chosen, &self.plan.pypi)?;
        let records = &self.solution.records;
        wheels::check_builds(self.plan.gpu, self.plan.platform(), &chosen, records)?;
        self.note_indexes(&question, &mut chosen).await;
        for diagnostic in wheels::notes(self.plan, &chosen, records) {
            self.reporter.report(Event::Diagnosed { diagnostic });
        }
        let notes = yanked::notes(self.plan, &yanked, &chosen);
        let wheels = chosen;
        Ok(Resolved { wheels, notes })
    }

    async fn ask(
        &self,
        question: &Question<'_>,
        provided: &std::collections::BTreeMap<String, Provided>,
        machine: &Machine,
    ) -> Result<(Vec<Wheel>, Vec<Yanked>), WheelsError> {
        let platform = self.plan.platform();
        let answer = self.uv.ask(self.program, question).await;
        let answer = answer.map_err(|error| error.with_complaint(self.access))?;
        let yanked = answer.yanked;
        let mut answer = wheels::parse_pylock(&answer.text)
            .map_err(|error| WheelsError::Unreadable { platform, error })?;
        for candidate in answer.iter_mut().flat_map(Distribution::files_mut) {
            candidate.url = question.sources.canonical(&candidate.url);
        }
        for distribution in &mut answer {
            let is_built = self
                .plan
                .pypi
                .build_from_source
                .contains(&distribution.name);
            if is_built && !provided.contains_key(&distribution.name) {
                distribution.wheels = vec![self.built(distribution, question).await?];
            }
        }
        let chosen = wheels::choose(&answer, machine, provided)?;
        Ok((chosen, yanked))
    }

    async fn built(
        &self,
        distribution: &Distribution,
        question: &Question<'_>,
    ) -> Result<wheels::Candidate, WheelsError> {
        let builder = Builder {
            uv: self.uv,
            program: self.program,
            access: self.access,
            reporter: self.reporter.clone(),
            sources: question.sources,
            folder: self.wishes.folder.as_deref(),
            allowed: self.wishes.may_build,
        };
        let _turn = self.building.lock().await;
        builder.wheel(distribution, question.machine).await
    }

    /// Notes from which index each wheel is, where the recipe names any.
    ///
    /// uv's answer does not say it, so it is asked once more, for what is known now.
    async fn note_indexes(&self, question: &Question<'_>, chosen: &mut [Wheel]) {
        if !self.plan.pypi.names_places() {
            return;
        }
        let with_address = self.plan.wheels.iter();
        let with_address = with_address.filter(|wheel| wheel.has_address());
        let with_address: BTreeSet<String> = with_address
            .map(|wheel| wheel.requirement.name.to_string())
            .collect();
        let mut unknown = places::note_known(chosen, &self.plan.pypi, &with_address);
        if unknown.is_empty() {
            return;
        }
        let pinned = unknown.iter();
        let pinned = pinned.map(|wheel| format!("{}=={}", wheel.name, wheel.version));
        let pinned: Vec<String> = pinned.collect();
        match self.uv.indexes(self.program, question, &pinned).await {
            Ok(told) => {
                let canonical = |url: &Url| question.sources.canonical_index(url);
                places::note_told(&told, &mut unknown, canonical);
            }
            Err(error) => tracing::debug!("the indexes of wheels stay unknown: {error}"),
        }
    }

    /// Returns the locked versions that are to stay where they still fit.
    fn kept(&self) -> Vec<(String, String)> {
        let lock = self.wishes.keep.as_deref();
        let name = self.plan.name();
        let locked = lock.and_then(|lock| lock.platforms.get(&name));
        let stays = |wheel: &&Wheel| !self.wishes.upgrade.covers_wheel(&wheel.name);
        let wheels = locked.map_or(&[][..], |locked| &locked.wheels);
        let kept = wheels.iter().filter(stays);
        kept.map(|wheel| (wheel.name.clone(), wheel.version.clone()))
            .collect()
    }
}

impl crate::Upgrade {
    fn covers_wheel(&self, name: &str) -> bool {
        match self {
            Self::Nothing => false,
            Self::Only(names) => names
                .iter()
                .any(|one| normalized(one).as_deref() == Some(name)),
            Self::Everything => true,
        }
    }
}
