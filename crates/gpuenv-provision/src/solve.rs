//! From plans to solutions: every platform of a recipe, in parallel.

use std::{
    collections::{BTreeSet, HashSet},
    path::PathBuf,
    sync::Arc,
    time::Duration,
};

use futures::future::join_all;
use gpuenv_core::{
    Code, Diagnostic, Event, Lock, Plan, Reporter, Solution,
    builds::{self, Rules},
    facts::{Facts, GpuBuilds},
    solution::{self, Violation},
};
use jiff::Timestamp;
use rattler_conda_types::{GenericVirtualPackage, MatchSpec, RepoDataRecord, Subdir};
use rattler_solve::{
    ChannelPriority, ExcludeNewer, SolveError as Unsolved, SolverImpl, SolverTask,
};

use crate::{
    Access,
    builds::{Ruled, given_up, names_with_gpu, without_cuda, without_use},
    client,
    explain::{self, Explanation},
    index::{Channels, Index},
    index_error::IndexError,
};

/// How long one solve may take. Real ones take less than a second.
const DEADLINE: Duration = Duration::from_secs(300);

/// Where a package is looked for that a platform does not have.
const ELSEWHERE: [Subdir; 3] = [Subdir::Linux64, Subdir::Win64, Subdir::LinuxAarch64];

/// What to solve, beside the plans.
#[derive(Clone, Default)]
pub struct Wishes {
    /// The lock whose versions are kept where they still fit.
    pub keep: Option<Arc<Lock>>,
    /// What to keep nothing of.
    pub upgrade: Upgrade,
    /// Packages newer than this do not exist.
    pub exclude_newer: Option<Timestamp>,
    /// What is known of packages with CUDA; else the table inside the program.
    pub builds: Option<Arc<GpuBuilds>>,
    /// The directory of the recipe, where folders of wheels are looked for.
    pub folder: Option<PathBuf>,
    /// Whether wheels that the recipe allows to be built may be built now, into that directory.
    pub may_build: bool,
}

impl Wishes {
    /// Returns what is known of packages with CUDA.
    fn table(&self) -> &GpuBuilds {
        let table = self.builds.as_deref();
        table.unwrap_or(&Facts::shipped().builds)
    }
}

/// Which locked versions are given up.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Upgrade {
    /// None.
    #[default]
    Nothing,
    /// Those of these packages.
    Only(BTreeSet<String>),
    /// All.
    Everything,
}

impl Upgrade {
    fn covers(&self, name: &str) -> bool {
        match self {
            Upgrade::Nothing => false,
            Upgrade::Only(names) => names.contains(name),
            Upgrade::Everything => true,
        }
    }
}

/// Solves every plan.
///
/// # Errors
///
/// One error per platform that cannot be solved; or the first channel that
/// cannot be read.
pub async fn solve(
    plans: &[Plan],
    wishes: &Wishes,
    access: &Access,
    reporter: Arc<dyn Reporter>,
) -> Result<Vec<Solution>, Vec<SolveError>> {
    let client =
        client::client(access).map_err(|error| vec![IndexError::Credentials(error).into()])?;
    let channels = Channels::new(access, client, reporter.clone());
    let table = wishes.table();
    let indices = channels
        .read_with(plans, &|plan| names_with_gpu(plan, table))
        .await
        .map_err(|error| vec![SolveError::Index(error)])?;
    let all: Vec<(Subdir, Arc<Index>)> = plans
        .iter()
        .map(Plan::platform)
        .zip(indices.into_iter().map(Arc::new))
        .collect();
    let solves = plans.iter().zip(&all).map(|(plan, (_, index))| {
        let (wishes, reporter) = (wishes.clone(), reporter.clone());
        let (for_solve, for_names, index) = (plan.clone(), plan, index.clone());
        let (channels, all) = (&channels, &all);
        async move {
            let solved = tokio::task::spawn_blocking(move || {
                solve_one(&for_solve, &index, &wishes, &*reporter)
            });
            match solved.await {
                Ok(Err(SolveError::NoSuchPackage {
                    name,
                    channels: searched,
                    platform,
                    place,
                    ..
                })) => {
                    let known = channels.names(&for_names.channels, platform).await;
                    let known = known.iter().map(|name| name.as_normalized()).collect();
                    let meant = explain::meant(&name, &known).map(str::to_string);
                    let mut elsewhere = elsewhere(&name, platform, all);
                    let others = ELSEWHERE.into_iter().filter(|other| *other != platform);
                    for other in others {
                        if !elsewhere.is_empty() {
                            break;
                        }
                        let names = channels.names(&for_names.channels, other).await;
                        let is_there = names.iter().any(|known| known.as_normalized() == name);
                        elsewhere.extend(is_there.then_some(other));
                    }
                    Err(SolveError::NoSuchPackage {
                        name,
                        channels: searched,
                        platform,
                        place,
                        meant,
                        elsewhere,
                    })
                }
                Ok(result) => result,
                // The solver panics on some dependencies that no channel should hold.
                Err(_) => Err(SolveError::Unreadable {
                    platform: plan.platform(),
                    reason: "the solver stopped half-way".to_string(),
                }),
            }
        }
    });
    let mut solutions = Vec::new();
    let mut errors = Vec::new();
    for (plan, result) in plans.iter().zip(join_all(solves).await) {
        match (result, &plan.variant) {
            (Ok(solution), _) => solutions.push(solution),
            (Err(error), None) => errors.push(error),
            (Err(error), Some(variant)) => errors.push(SolveError::OfVariant {
                variant: variant.value.clone(),
                error: Box::new(error),
            }),
        }
    }
    match errors.is_empty() {
        true => Ok(solutions),
        false => Err(errors),
    }
}

/// Returns the other platforms of this run for which a channel has the package.
fn elsewhere(name: &str, platform: Subdir, all: &[(Subdir, Arc<Index>)]) -> Vec<Subdir> {
    let has = |index: &Index| {
        let mut names = index
            .records()
            .map(|r| r.package_record.name.as_normalized());
        names.any(|known| known == name)
    };
    let others = all.iter();
    let others = others.filter(|(other, index)| *other != platform && has(index));
    let mut found: Vec<Subdir> = others.map(|(other, _)| *other).collect();
    // Each variant of a platform has an index of its own.
    found.dedup();
    found
}

/// One question to the solver; [`explain`] asks it again with less.
#[derive(Clone, PartialEq)]
pub(crate) struct Question {
    /// The recipe's lines, in order; `None` for one that is left out.
    pub lines: Vec<Option<MatchSpec>>,
    /// What is asked for beside the lines.
    pub more: Vec<MatchSpec>,
    pub virtual_packages: Vec<GenericVirtualPackage>,
    pub exclude_newer: Option<Timestamp>,
    pub priority: ChannelPriority,
    /// The channel that comes before all others, as its records name it.
    pub first: Option<String>,
    /// What to choose from where `gpu` rules something out.
    pub ruled: Option<Ruled>,
    pub deadline: Duration,
}

impl Question {
    fn of(plan: &Plan, index: &Index, rules: &Rules<'_>, wishes: &Wishes) -> Self {
        let lines = plan.dependencies.iter();
        Self {
            lines: lines.map(|line| Some(index.fetched(&line.spec))).collect(),
            more: Vec::new(),
            virtual_packages: plan.target.virtual_packages(),
            exclude_newer: wishes.exclude_newer,
            priority: ChannelPriority::Strict,
            first: None,
            ruled: Ruled::new(index, rules),
            deadline: DEADLINE,
        }
    }

    /// Returns everything that is asked for.
    pub(crate) fn specs(&self) -> impl Iterator<Item = &MatchSpec> {
        self.lines.iter().flatten().chain(&self.more)
    }
}

/// Returns the records that a question may be answered with, a bucket per
/// channel and subdir, strongest channel first.
pub(crate) fn buckets<'a>(
    question: &'a Question,
    index: &'a Index,
) -> Vec<&'a Vec<Arc<RepoDataRecord>>> {
    let all = question
        .ruled
        .as_ref()
        .map_or(&index.buckets, |ruled| &ruled.0);
    let mut buckets: Vec<_> = all.iter().collect();
    if let Some(first) = &question.first {
        let is_first = |bucket: &&Vec<Arc<RepoDataRecord>>| {
            let channel = bucket.first().and_then(|record| record.channel.as_ref());
            channel == Some(first)
        };
        buckets.sort_by_key(|bucket| !is_first(bucket));
    }
    buckets
}

/// Asks the solver.
pub(crate) fn ask(
    question: &Question,
    index: &Index,
    favoured: Vec<&RepoDataRecord>,
) -> Result<Vec<RepoDataRecord>, Unsolved> {
    let buckets = buckets(question, index).into_iter();
    let buckets = buckets.map(|bucket| bucket.iter().map(Arc::as_ref));
    let task = SolverTask {
        specs: question.specs().cloned().collect(),
        virtual_packages: question.virtual_packages.clone(),
        locked_packages: favoured,
        channel_priority: question.priority,
        exclude_newer: question.exclude_newer.map(ExcludeNewer::from_datetime),
        timeout: Some(question.deadline),
        ..buckets.collect()
    };
    let solved = rattler_solve::resolvo::Solver.solve(task)?;
    Ok(solved.records)
}

fn solve_one(
    plan: &Plan,
    index: &Index,
    wishes: &Wishes,
    reporter: &dyn Reporter,
) -> Result<Solution, SolveError> {
    let platform = plan.platform();
    let name = plan.name();
    reporter.report(Event::SolveStarted {
        platform: name.clone(),
    });
    explain::require_packages(plan, index)?;
    let table = wishes.table();
    let rules = Rules::new(plan.gpu, &plan.dependencies, index.records(), table);
    let question = Question::of(plan, index, &rules, wishes);
    let mut kept = favoured(index, wishes, &name);
    kept.retain(|record| !rules.rule_out(record));
    let records = match ask(&question, index, kept) {
        Ok(records) => records,
        Err(Unsolved::Cancelled) => return Err(SolveError::TimedOut { platform }),
        Err(Unsolved::Unsolvable(reasons)) => {
            let explanation = explain::explain(plan, index, &rules, &question, &reasons.join("\n"));
            return Err(SolveError::Unsolvable(Box::new(explanation)));
        }
        Err(error) => {
            let reason = error.to_string();
            return Err(SolveError::Unreadable { platform, reason });
        }
    };
    let told = [
        given_up(plan, index, &rules, &question, &records),
        without_cuda(plan, &rules, &records),
        without_use(plan, &rules, table, &records),
    ];
    for diagnostic in told.into_iter().flatten() {
        reporter.report(Event::Diagnosed { diagnostic });
    }
    let mut records: Vec<_> = records
        .iter()
        .map(|record| index.canonical(record))
        .collect();
    records.sort_by(|a, b| a.package_record.name.cmp(&b.package_record.name));
    let mut violations = solution::verify(
        platform,
        &plan.dependencies,
        &question.virtual_packages,
        &records,
    );
    violations.extend(builds::verify(&rules, &records));
    if !violations.is_empty() {
        return Err(SolveError::Unchecked {
            platform,
            violations,
        });
    }
    reporter.report(Event::SolveFinished {
        platform: name,
        packages: records.len(),
    });
    Ok(Solution {
        platform,
        records,
        wheels: Vec::new(),
    })
}

/// Returns the locked records that the channels still have, and that are kept.
///
/// The channel's own record is taken, not the lock's: a channel may have mended
/// or withdrawn it since.
fn favoured<'a>(index: &'a Index, wishes: &Wishes, name: &str) -> Vec<&'a RepoDataRecord> {
    let locked = wishes
        .keep
        .as_deref()
        .and_then(|lock| lock.platforms.get(name));
    let Some(locked) = locked else {
        return Vec::new();
    };
    let kept = locked.records.iter();
    let kept = kept.filter(|r| !wishes.upgrade.covers(r.package_record.name.as_normalized()));
    let kept: HashSet<String> = kept
        .flat_map(|record| index.fetched_urls(&record.url))
        .collect();
    index
        .records()
        .filter(|record| kept.contains(record.url.as_str()))
        .collect()
}

/// A recipe cannot be solved for a platform.
#[derive(Debug, thiserror::Error)]
pub enum SolveError {
    /// A channel cannot be read.
    #[error(transparent)]
    Index(#[from] IndexError),
    /// No channel knows a package of that name.
    #[error("no channel of the recipe has a package `{name}` for {platform}")]
    NoSuchPackage {
        /// The name.
        name: String,
        /// The channels that were searched.
        channels: Vec<String>,
        /// The platform.
        platform: Subdir,
        /// Where the recipe names it.
        place: Option<gpuenv_core::Place>,
        /// A known name that looks alike.
        meant: Option<String>,
        /// Platforms for which there is one.
        elsewhere: Vec<Subdir>,
    },
    /// No set of packages satisfies the recipe.
    #[error("{}", .0.summary)]
    Unsolvable(Box<Explanation>),
    /// One of several variants cannot be solved.
    #[error("variant `{variant}`: {error}")]
    OfVariant {
        /// The variant.
        variant: String,
        /// Why not.
        error: Box<SolveError>,
    },
    /// The solver did not finish.
    #[error("the solve for {platform} took longer than {} minutes", DEADLINE.as_secs() / 60)]
    TimedOut {
        /// The platform.
        platform: Subdir,
    },
    /// The channels hold something that the solver cannot take.
    #[error("what the channels hold for {platform} cannot be solved with: {reason}")]
    Unreadable {
        /// The platform.
        platform: Subdir,
        /// What the solver says.
        reason: String,
    },
    /// The solver's answer is wrong.
    #[error("the solution for {platform} does not pass gpuenv's own check")]
    Unchecked {
        /// The platform.
        platform: Subdir,
        /// What is wrong with it.
        violations: Vec<Violation>,
    },
}

impl From<SolveError> for Diagnostic {
    fn from(error: SolveError) -> Self {
        let message = error.to_string();
        match error {
            SolveError::Index(error) => error.into(),
            SolveError::NoSuchPackage {
                name,
                channels,
                place,
                platform,
                meant,
                elsewhere,
            } => {
                let mut diagnostic = Diagnostic::error(Code::SOLVE_UNSOLVABLE, message);
                diagnostic.place = place;
                diagnostic = diagnostic.cause(format!("searched: {}", channels.join(", ")));
                for other in &elsewhere {
                    diagnostic = diagnostic.cause(format!("there is one for {other}"));
                }
                if let Some(channel) = explain::channel_of(&name, platform, &channels) {
                    return diagnostic.help(format!("add `{channel}` under `channels`: it has it"));
                }
                match (meant, elsewhere.is_empty()) {
                    (Some(meant), true) => diagnostic.help(format!("did you mean `{meant}`?")),
                    (None, true) => diagnostic
                        .help("check the name, or add the channel that has it under `channels`"),
                    (_, false) => diagnostic.help(format!(
                        "put the line under an `if` that leaves out {platform}, or add a channel that has it"
                    )),
                }
            }
            SolveError::Unsolvable(explanation) => (*explanation).into(),
            SolveError::OfVariant { error, .. } => Diagnostic {
                message,
                ..Diagnostic::from(*error)
            },
            SolveError::TimedOut { .. } => Diagnostic::error(Code::SOLVE_TIMEOUT, message)
                .help("pin more: versions of python, cuda-version and the framework first"),
            SolveError::Unreadable { .. } => Diagnostic::error(Code::CHANNEL_BAD_DATA, message)
                .help("look at the channels under `channels`: one of them is damaged"),
            SolveError::Unchecked { violations, .. } => {
                let diagnostic = Diagnostic::error(Code::SOLVE_UNCHECKED, message);
                violations.into_iter().fold(diagnostic, Diagnostic::cause)
            }
        }
    }
}
