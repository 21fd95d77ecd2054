//! Why a recipe cannot be solved, found by asking again with less.
//!
//! The solver says which clauses clash. A user wants to know which line to
//! change. So each virtual package of the target and each line of the recipe is
//! relaxed on its own; the first relaxation that makes the recipe solvable is
//! the cause, and what its solution holds there says what to write instead.

use std::{
    collections::BTreeSet,
    time::{Duration, Instant},
};

use gpuenv_core::{
    Code, Diagnostic, Place, Plan, channel,
    plan::Dependency,
    recipe,
    solution::{self, Violation},
};
use rattler_conda_types::{
    GenericVirtualPackage, MatchSpec, Matches, PackageName, RepoDataRecord, Subdir, Version,
    package::BuildString,
};
use rattler_solve::SolveError as Unsolved;

use crate::{
    index::Index,
    solve::{Question, SolveError, ask},
};

/// How long the search for a cause may take, and one solve in it.
const SEARCH: Duration = Duration::from_secs(30);
const ONE_SOLVE: Duration = Duration::from_secs(10);

/// How many lines of the solver's own text are shown.
const SOLVER_LINES: usize = 40;

/// Why a recipe cannot be solved.
#[derive(Debug, Clone, PartialEq)]
pub struct Explanation {
    /// The platform.
    pub platform: Subdir,
    /// One sentence.
    pub summary: String,
    /// The line of the recipe that it hangs on.
    pub place: Option<Place>,
    /// What leads to it.
    pub causes: Vec<String>,
    /// What to change.
    pub help: Vec<String>,
}

impl From<Explanation> for Diagnostic {
    fn from(explanation: Explanation) -> Self {
        let mut diagnostic = Diagnostic::error(Code::SOLVE_UNSOLVABLE, explanation.summary);
        diagnostic.place = explanation.place;
        diagnostic.causes = explanation.causes;
        diagnostic.help = explanation.help;
        diagnostic
    }
}

/// Returns the known name that looks most like the wanted one.
pub(crate) fn meant<'a>(wanted: &str, known: impl Iterator<Item = &'a str>) -> Option<String> {
    recipe::suggest(wanted, known).map(ToString::to_string)
}

/// Refuses a plan that names a package which no channel has.
pub(crate) fn require_packages(plan: &Plan, index: &Index) -> Result<(), SolveError> {
    let known: BTreeSet<&PackageName> = index.records().map(|r| &r.package_record.name).collect();
    for dependency in &plan.dependencies {
        let Some(name) = dependency.spec.name.as_exact() else {
            continue;
        };
        // A virtual package that the target lacks is no misspelt name.
        if !known.contains(name) && !name.as_normalized().starts_with("__") {
            let canonical = index.places.iter().map(|place| place.canonical.as_str());
            return Err(SolveError::NoSuchPackage {
                name: name.as_normalized().to_string(),
                channels: canonical
                    .map(|url| channel::short_name(url).to_string())
                    .collect(),
                platform: plan.platform(),
                place: dependency.place.clone(),
                meant: None,
            });
        }
    }
    Ok(())
}

/// Finds out why a plan cannot be solved.
pub(crate) fn explain(
    plan: &Plan,
    index: &Index,
    question: &Question,
    error: &Unsolved,
) -> Explanation {
    let search = Search {
        plan,
        index,
        question: Question {
            deadline: ONE_SOLVE,
            ..question.clone()
        },
        until: Instant::now() + SEARCH,
    };
    let mut explanation = search
        .no_candidate()
        .or_else(|| search.too_new())
        .or_else(|| search.virtual_package())
        .or_else(|| search.one_line())
        .unwrap_or_else(|| search.nothing_found());
    explanation.causes.extend(solver_text(error, index));
    explanation
}

/// Returns the solver's own words, with channels as the user names them.
fn solver_text(error: &Unsolved, index: &Index) -> Option<String> {
    let mut text = match error {
        Unsolved::Unsolvable(reasons) => reasons.join("\n"),
        other => other.to_string(),
    };
    for place in &index.places {
        text = text.replace(place.fetched.as_str(), place.canonical.as_str());
    }
    let lines: Vec<&str> = text.lines().map(str::trim_end).collect();
    let cut = lines.len() > SOLVER_LINES;
    let mut text = lines[..lines.len().min(SOLVER_LINES)].join("\n");
    if cut {
        text.push_str("\n…");
    }
    (!text.is_empty()).then(|| format!("the solver says: {text}"))
}

struct Search<'a> {
    plan: &'a Plan,
    index: &'a Index,
    question: Question,
    until: Instant,
}

impl Search<'_> {
    fn explanation(&self, summary: String) -> Explanation {
        Explanation {
            platform: self.plan.platform(),
            summary,
            place: None,
            causes: Vec::new(),
            help: Vec::new(),
        }
    }

    /// Asks again; `None` when unsolvable or out of time.
    fn ask(&self, question: &Question) -> Option<Vec<RepoDataRecord>> {
        if Instant::now() > self.until {
            return None;
        }
        ask(question, self.index, Vec::new()).ok()
    }

    /// A line of the recipe that no record matches.
    fn no_candidate(&self) -> Option<Explanation> {
        let platform = self.plan.platform();
        for dependency in &self.plan.dependencies {
            let spec = self.index.fetched(&dependency.spec);
            let name = spec.name.as_exact()?;
            let named = || {
                self.index
                    .records()
                    .filter(|r| r.package_record.name == *name)
            };
            let fits: Vec<_> = named().filter(|record| spec.matches(*record)).collect();
            let first_channel = named().next().and_then(|record| record.channel.as_deref());
            let shadowed = fits.iter().all(|r| r.channel.as_deref() != first_channel);
            if !shadowed || (spec.channel.is_some() && !fits.is_empty()) {
                continue;
            }
            let text = &dependency.text;
            let mut explanation = match fits.first() {
                None => {
                    let mut explanation = self.explanation(format!(
                        "nothing in the channels matches `{text}` for {platform}"
                    ));
                    let there = newest_versions(named());
                    explanation.help.push(format!("there is {there}"));
                    explanation
                }
                Some(record) => {
                    let strong = self.short_channel(first_channel);
                    let weak = self.short_channel(record.channel.as_deref());
                    let mut explanation = self.explanation(format!(
                        "`{text}` is only in `{weak}`, and `{strong}` comes before it"
                    ));
                    explanation.causes.push(format!(
                        "channel priority is strict: all of `{}` comes from the first channel that has it",
                        name.as_normalized()
                    ));
                    explanation.help.push(format!(
                        "put `{weak}` before `{strong}`, or write `{weak}::{text}`"
                    ));
                    explanation
                }
            };
            explanation.place.clone_from(&dependency.place);
            return Some(explanation);
        }
        None
    }

    fn short_channel(&self, fetched: Option<&str>) -> String {
        let fetched = fetched.unwrap_or_default();
        let place = self.index.places.iter();
        let place = place.clone().find(|place| {
            place.fetched.as_str().trim_end_matches('/') == fetched.trim_end_matches('/')
        });
        let url = place.map_or(fetched, |place| place.canonical.as_str());
        channel::short_name(url).to_string()
    }

    /// `--exclude-newer` removes the last candidate.
    fn too_new(&self) -> Option<Explanation> {
        let date = self.question.exclude_newer?;
        let relaxed = Question {
            exclude_newer: None,
            ..self.question.clone()
        };
        let records = self.ask(&relaxed)?;
        let newest = records.iter().filter_map(|r| {
            let at = jiff::Timestamp::from(r.package_record.timestamp?);
            Some((at, solution::label(r)))
        });
        let newest = newest.max();
        let mut explanation = self.explanation(format!(
            "nothing older than {date} satisfies the recipe for {}",
            self.plan.platform()
        ));
        if let Some((at, label)) = newest.filter(|(at, _)| *at > date) {
            let day = at.strftime("%Y-%m-%d");
            explanation
                .causes
                .push(format!("the recipe is solvable with `{label}` of {day}"));
            explanation
                .help
                .push(format!("allow it: `--exclude-newer {day}`"));
        } else {
            explanation
                .causes
                .push("packages without a date count as newer".to_string());
            explanation
                .help
                .push("leave out `--exclude-newer`".to_string());
        }
        Some(explanation)
    }

    /// A virtual package of the target removes the last candidate.
    fn virtual_package(&self) -> Option<Explanation> {
        for (name, key) in [
            ("__cuda", "cuda"),
            ("__glibc", "glibc"),
            ("__cuda_arch", "compute-capability"),
        ] {
            let mut relaxed = self.question.clone();
            relaxed
                .virtual_packages
                .retain(|p| p.name.as_normalized() != name);
            relaxed.virtual_packages.push(unlimited(name));
            if name == "__cuda_arch" && self.plan.target.cuda.is_none() {
                relaxed.virtual_packages.push(unlimited("__cuda"));
            }
            let Some(records) = self.ask(&relaxed) else {
                continue;
            };
            return Some(self.blame_target(name, key, &records));
        }
        None
    }

    fn blame_target(&self, name: &str, key: &str, records: &[RepoDataRecord]) -> Explanation {
        let needs = self.needs(name, records);
        let here = self.question.virtual_packages.iter();
        let here = here
            .clone()
            .find(|package| package.name.as_normalized() == name);
        let platform = self.plan.platform();
        let has = match here {
            Some(package) => format!("`{key}: \"{}\"` of the target", package.version),
            None => format!("the target has no `{key}`, which"),
        };
        let mut explanation =
            self.explanation(format!("{has} removes the last candidate for {platform}"));
        if here.is_none() {
            explanation.summary = format!(
                "the target has no `{key}`, which removes the last candidate for {platform}"
            );
        }
        for (label, spec) in &needs {
            explanation.causes.push(format!("`{label}` needs `{spec}`"));
        }
        let least = needs.iter().filter_map(|(_, spec)| lower_bound(spec)).max();
        match least {
            Some(version) => explanation.help.push(format!(
                "set `target: {{ {key}: \"{version}\" }}` in the recipe, or pin an older version of what needs it"
            )),
            None => explanation.help.push(format!("raise `{key}` under `target` in the recipe")),
        }
        explanation
    }

    /// Returns who in the relaxed solution does not accept the real target.
    fn needs(&self, name: &str, records: &[RepoDataRecord]) -> Vec<(String, String)> {
        let violations = solution::verify(
            self.plan.platform(),
            &[],
            &self.question.virtual_packages,
            records,
        );
        let about = |spec: &str| spec.split([' ', '=', '<', '>', '!', '[']).next() == Some(name);
        let needs = violations
            .into_iter()
            .filter_map(|violation| match violation {
                Violation::Missing {
                    by: Some(by), spec, ..
                }
                | Violation::Constrained { by, spec, .. }
                    if about(&spec) =>
                {
                    Some((by, spec))
                }
                _ => None,
            });
        needs.collect()
    }

    /// One line of the recipe does not go together with the others.
    fn one_line(&self) -> Option<Explanation> {
        for (position, dependency) in self.plan.dependencies.iter().enumerate() {
            let Some(name) = dependency.spec.name.as_exact() else {
                continue;
            };
            let mut relaxed = self.question.clone();
            relaxed.specs[position] = MatchSpec::from(name.clone());
            if let Some(records) = self.ask(&relaxed) {
                return Some(self.blame_pin(dependency, name, &records));
            }
        }
        for (position, dependency) in self.plan.dependencies.iter().enumerate() {
            let mut relaxed = self.question.clone();
            relaxed.specs.remove(position);
            if self.ask(&relaxed).is_some() {
                let mut explanation = self.explanation(format!(
                    "`{}` does not go together with the rest of the recipe for {}",
                    dependency.text,
                    self.plan.platform()
                ));
                explanation.place.clone_from(&dependency.place);
                explanation.help.push(format!(
                    "leave out `{}`, or change what it clashes with",
                    dependency.text
                ));
                return Some(explanation);
            }
        }
        None
    }

    fn blame_pin(
        &self,
        dependency: &Dependency,
        name: &PackageName,
        records: &[RepoDataRecord],
    ) -> Explanation {
        let mut explanation = self.explanation(format!(
            "`{}` removes the last candidate for {}",
            dependency.text,
            self.plan.platform()
        ));
        explanation.place.clone_from(&dependency.place);
        let chosen = records.iter().find(|r| r.package_record.name == *name);
        if let Some(chosen) = chosen {
            let version = &chosen.package_record.version;
            explanation.causes.push(format!(
                "with any version allowed, the rest of the recipe takes `{}`",
                solution::label(chosen)
            ));
            explanation
                .causes
                .extend(demands(name, records, &dependency.spec, chosen));
            explanation.help.push(format!(
                "write `{} {version}.*`, or loosen what asks for it",
                name.as_normalized()
            ));
        }
        explanation
    }

    fn nothing_found(&self) -> Explanation {
        let mut explanation = self.explanation(format!(
            "no set of packages satisfies the recipe for {}",
            self.plan.platform()
        ));
        explanation.causes.push(
            "changing one line or one value of the target is not enough; several of them clash"
                .to_string(),
        );
        explanation
    }
}

/// Returns what other packages demand of one, where the pin does not allow it.
fn demands(
    name: &PackageName,
    records: &[RepoDataRecord],
    pin: &MatchSpec,
    chosen: &RepoDataRecord,
) -> Vec<String> {
    let mut demands = Vec::new();
    if pin.matches(chosen) {
        return demands;
    }
    for record in records {
        let package = &record.package_record;
        for text in package.depends.iter().chain(&package.constrains) {
            let about = text.split(' ').next() == Some(name.as_normalized());
            if about && text.contains(' ') {
                demands.push(format!("`{}` asks for `{text}`", solution::label(record)));
            }
        }
    }
    demands.truncate(8);
    demands
}

fn unlimited(name: &str) -> GenericVirtualPackage {
    GenericVirtualPackage {
        name: PackageName::new_unchecked(name),
        version: Version::major(9999),
        build_string: BuildString::new_unchecked("0"),
    }
}

/// Returns the least version that a spec such as `__cuda >=12.9` accepts.
fn lower_bound(spec: &str) -> Option<Version> {
    let (_, bounds) = spec.split_once(' ')?;
    let least = |part: &str| part.trim().strip_prefix(">=")?.trim().parse().ok();
    bounds.split(',').filter_map(least).max()
}

/// Returns the newest versions among the records, newest first.
fn newest_versions<'a>(records: impl Iterator<Item = &'a RepoDataRecord>) -> String {
    let mut pairs: Vec<_> = records
        .map(|record| (&record.package_record.version, &record.package_record.name))
        .collect();
    pairs.sort();
    pairs.dedup();
    let count = pairs.len();
    let shown = pairs.iter().rev().take(8);
    let shown: Vec<_> = shown
        .map(|(version, name)| format!("`{} {version}`", name.as_normalized()))
        .collect();
    match count > shown.len() {
        true => format!("{} and {} older", shown.join(", "), count - shown.len()),
        false => shown.join(", "),
    }
}
