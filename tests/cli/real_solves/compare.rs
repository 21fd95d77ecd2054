//! What our solution holds beside the real one, and why it is older where it is.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    fmt,
    sync::Arc,
    time::{Duration, Instant},
};

use gpuenv_core::{
    Diagnostic, Plan, Solution,
    event::Silent,
    solution::{self, Violation},
};
use gpuenv_provision::{
    Access, Wishes, client,
    index::{Channels, Index},
    solve,
};
use jiff::Timestamp;
use rattler_conda_types::{RepoDataRecord, Version};

use super::case::{Case, dependency};

/// What came of a case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Verdict {
    /// The same packages.
    Identical,
    /// Nothing is older.
    Newer,
    /// Something is older, and the data says why.
    Reasoned,
    /// The data lacks what the case needs.
    NotCheckable(String),
    /// Something is wrong.
    Failed(Vec<String>),
}

/// A package that is older than in the real solution.
pub(super) struct Older {
    /// `name real → ours`.
    change: String,
    /// Why; `None` if there is no reason.
    reason: Option<String>,
}

/// A case that was solved again.
pub(super) struct Outcome {
    pub(super) id: String,
    pub(super) platform: String,
    pub(super) packages: usize,
    pub(super) same: usize,
    pub(super) newer: usize,
    pub(super) older: Vec<Older>,
    pub(super) time: Duration,
    pub(super) verdict: Verdict,
    /// Whether the data has the whole real solution.
    pub(super) real_is_known: bool,
    /// What the checker finds in the real solution itself.
    pub(super) real_violations: Vec<Violation>,
}

/// Solves a case again and compares.
pub(super) async fn run(case: &Case, data: &std::path::Path, access: &Access) -> Outcome {
    let (channels, absent) = case.channels(data);
    let plan = case.plan(channels);
    let start = Instant::now();
    let solved = solve_plan(&plan, case, access).await;
    let mut outcome = Outcome {
        id: case.id.clone(),
        platform: case.platform.to_string(),
        packages: 0,
        same: 0,
        newer: 0,
        older: Vec::new(),
        time: start.elapsed(),
        verdict: Verdict::Identical,
        real_is_known: false,
        real_violations: Vec::new(),
    };
    let index = read(&plan, access).await;
    let real = Real::new(case, &index);
    match solved {
        Err(message) => outcome.verdict = real.unsolved(&absent, message),
        Ok(ours) => {
            let wrong = faults(&plan, case, &index, &ours);
            compare(case, &plan, &index, &real, &ours, access, &mut outcome).await;
            if !wrong.is_empty() {
                outcome.verdict = Verdict::Failed(wrong);
            }
        }
    }
    outcome.real_is_known = real.absent.is_empty();
    outcome.real_violations = real.violations(&plan);
    outcome
}

async fn solve_plan(plan: &Plan, case: &Case, access: &Access) -> Result<Solution, String> {
    let wishes = Wishes {
        exclude_newer: Some(case.exclude_newer),
        ..Wishes::default()
    };
    let solved = solve(
        std::slice::from_ref(plan),
        &wishes,
        access,
        Arc::new(Silent),
    );
    match solved.await {
        Ok(mut solutions) => Ok(solutions.remove(0)),
        Err(mut errors) => {
            let diagnostic = Diagnostic::from(errors.remove(0));
            let cause = diagnostic.causes.first().filter(|c| !c.contains('\n'));
            Err(match cause {
                Some(cause) => format!("{}; {cause}", diagnostic.message),
                None => diagnostic.message,
            })
        }
    }
}

async fn read(plan: &Plan, access: &Access) -> Index {
    let client = client::client(access).expect("no file with credentials");
    let channels = Channels::new(access, client, Arc::new(Silent));
    let mut indices = channels
        .read(std::slice::from_ref(plan))
        .await
        .expect("the channels were read before");
    indices.remove(0)
}

/// Returns `channel/subdir/file`, as the cases name a record.
fn path(record: &RepoDataRecord) -> String {
    record.url.path().trim_start_matches('/').to_string()
}

fn name(record: &RepoDataRecord) -> &str {
    record.package_record.name.as_normalized()
}

fn version(record: &RepoDataRecord) -> (&Version, u64) {
    let package = &record.package_record;
    (package.version.version(), package.build_number)
}

fn date(record: &RepoDataRecord) -> Option<Timestamp> {
    record.package_record.timestamp.map(Timestamp::from)
}

/// The real solution, as far as the data has it.
struct Real {
    /// The records by name.
    records: BTreeMap<String, RepoDataRecord>,
    /// What the data lacks.
    absent: Vec<String>,
}

impl Real {
    fn new(case: &Case, index: &Index) -> Self {
        let files: HashSet<&str> = case
            .locked
            .iter()
            .filter_map(|p| p.rsplit('/').next())
            .collect();
        let named = index.records().filter(|record| {
            let file = record.url.as_str().rsplit('/').next();
            file.is_some_and(|file| files.contains(file))
        });
        let by_path: HashMap<String, RepoDataRecord> = named
            .map(|record| index.canonical(record))
            .map(|record| (path(&record), record))
            .collect();
        let mut real = Self {
            records: BTreeMap::new(),
            absent: Vec::new(),
        };
        for locked in &case.locked {
            match by_path.get(locked) {
                Some(record) => {
                    real.records
                        .insert(name(record).to_string(), record.clone());
                }
                None => real.absent.push(locked.clone()),
            }
        }
        real
    }

    /// Judges a case that we could not solve.
    fn unsolved(&self, absent_channels: &[String], message: String) -> Verdict {
        let undated = self.records.values().find(|r| date(r).is_none());
        if let Some(channel) = absent_channels.first() {
            return Verdict::NotCheckable(format!("channel {channel} is not in the data"));
        }
        if let Some(first) = self.absent.first() {
            return Verdict::NotCheckable(format!("{first} is not in the data ({message})"));
        }
        if let Some(record) = undated {
            return Verdict::NotCheckable(format!("{} has no date ({message})", path(record)));
        }
        Verdict::Failed(vec![message])
    }

    /// Returns what the checker says of the real packages, where all are known.
    fn violations(&self, plan: &Plan) -> Vec<Violation> {
        if !self.absent.is_empty() {
            return Vec::new();
        }
        let records: Vec<RepoDataRecord> = self.records.values().cloned().collect();
        let virtual_packages = plan.target.virtual_packages();
        // A solve group declares more than each of its environments has.
        solution::verify(plan.platform(), &[], &virtual_packages, &records)
    }
}

/// Returns what is wrong with a solution by itself.
fn faults(plan: &Plan, case: &Case, index: &Index, ours: &Solution) -> Vec<String> {
    let virtual_packages = plan.target.virtual_packages();
    let violations = solution::verify(
        plan.platform(),
        &plan.dependencies,
        &virtual_packages,
        &ours.records,
    );
    let mut faults: Vec<String> = violations.iter().map(ToString::to_string).collect();
    faults.extend(
        solution::unneeded(&plan.dependencies, &ours.records)
            .into_iter()
            .map(|package| format!("nothing needs `{package}`")),
    );
    let mut strongest: HashMap<&str, &RepoDataRecord> = HashMap::new();
    for record in index.records() {
        strongest.entry(name(record)).or_insert(record);
    }
    for record in &ours.records {
        let strongest = strongest
            .get(name(record))
            .and_then(|first| index.place(first));
        let strongest = strongest.map(|place| place.canonical.as_str());
        let named = plan.dependencies.iter().any(|line| {
            line.spec.channel.is_some()
                && line.spec.name.as_exact() == Some(&record.package_record.name)
        });
        if !named && record.channel.as_deref() != strongest {
            faults.push(format!("{} is not of the strongest channel", path(record)));
        }
        if date(record).is_none_or(|date| date > case.exclude_newer) {
            faults.push(format!("{} is too new", path(record)));
        }
    }
    faults
}

async fn compare(
    case: &Case,
    plan: &Plan,
    index: &Index,
    real: &Real,
    ours: &Solution,
    access: &Access,
    outcome: &mut Outcome,
) {
    outcome.packages = ours.records.len();
    let judged = Judged {
        case,
        plan,
        index,
        real,
        ours,
        access,
    };
    for record in &ours.records {
        if case.locked.contains(&path(record)) {
            outcome.same += 1;
            continue;
        }
        let Some(locked) = case.locked_version(name(record)) else {
            continue;
        };
        match (locked.0, locked.1).cmp(&{
            let (version, build) = version(record);
            (version.clone(), build)
        }) {
            std::cmp::Ordering::Less => outcome.newer += 1,
            std::cmp::Ordering::Equal => {}
            std::cmp::Ordering::Greater => outcome.older.push(judged.older(record).await),
        }
    }
    let unexplained = outcome.older.iter().filter(|older| older.reason.is_none());
    let unexplained: Vec<String> = unexplained
        .map(|older| format!("{} without a reason", older.change))
        .collect();
    outcome.verdict = if !unexplained.is_empty() {
        Verdict::Failed(unexplained)
    } else if !outcome.older.is_empty() {
        Verdict::Reasoned
    } else if outcome.same == case.locked.len() && outcome.packages == outcome.same {
        Verdict::Identical
    } else {
        Verdict::Newer
    };
}

struct Judged<'a> {
    case: &'a Case,
    plan: &'a Plan,
    index: &'a Index,
    real: &'a Real,
    ours: &'a Solution,
    access: &'a Access,
}

impl Judged<'_> {
    /// Looks for the reason why a package is older than in the real solution.
    async fn older(&self, ours: &RepoDataRecord) -> Older {
        let (real_version, _) = self.case.locked_version(name(ours)).expect("it is locked");
        let change = format!(
            "{} {real_version} → {}",
            name(ours),
            ours.package_record.version
        );
        let reason = match self.real.records.get(name(ours)) {
            None => Some("its real record is not in the data".to_string()),
            Some(real) => match self.excluded(real) {
                Some(reason) => Some(reason),
                None => self.with(real).await,
            },
        };
        Older { change, reason }
    }

    /// Says why the real record may not be taken at all.
    fn excluded(&self, real: &RepoDataRecord) -> Option<String> {
        match date(real) {
            None => return Some("its real record has no date".to_string()),
            Some(date) if date > self.case.exclude_newer => {
                return Some("its real record is newer than the lock".to_string());
            }
            Some(_) => {}
        }
        let mut all = self.index.records();
        let first = all.find(|other| other.package_record.name == real.package_record.name)?;
        let strongest = self.index.place(first)?;
        let hidden = real.channel.as_deref() != Some(strongest.canonical.as_str());
        hidden.then(|| format!("channel {} comes first", strongest.short_name()))
    }

    /// Solves with the real record demanded, and says what that costs.
    async fn with(&self, real: &RepoDataRecord) -> Option<String> {
        let package = &real.package_record;
        let mut plan = self.plan.clone();
        let line = format!("{} =={} {}", name(real), package.version, package.build);
        plan.dependencies.push(dependency(&line));
        let other = match solve_plan(&plan, self.case, self.access).await {
            Err(message) => return Some(self.because_of_others(message)),
            Ok(other) => other,
        };
        let by_name: HashMap<&str, &RepoDataRecord> =
            other.records.iter().map(|r| (name(r), r)).collect();
        self.ours.records.iter().find_map(|ours| {
            let other = by_name.get(name(ours))?;
            (version(other) < version(ours)).then(|| {
                let (from, to) = (&ours.package_record.version, &other.package_record.version);
                format!("else {} would fall from {from} to {to}", name(ours))
            })
        })
    }
}

impl Judged<'_> {
    /// Adds what else of the real solution may not be taken.
    fn because_of_others(&self, message: String) -> String {
        let others = self.real.records.values();
        let others = others.filter(|record| self.excluded(record).is_some());
        let others = others.map(path).chain(self.real.absent.iter().cloned());
        let others: Vec<String> = others.take(3).collect();
        match others.is_empty() {
            true => message,
            false => format!("{message}; the lock also has {}", others.join(", ")),
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Verdict::Identical => f.write_str("identical"),
            Verdict::Newer => f.write_str("at least as new"),
            Verdict::Reasoned => f.write_str("older, with reasons"),
            Verdict::NotCheckable(reason) => write!(f, "not checkable: {reason}"),
            Verdict::Failed(reasons) => write!(f, "FAILED: {}", reasons.join("; ")),
        }
    }
}

impl Outcome {
    /// Says what stays the same from run to run.
    pub(super) fn summary(&self) -> String {
        let Self {
            id, packages, same, ..
        } = self;
        let (newer, older) = (self.newer, self.older.len());
        format!(
            "{id}: {packages} packages, {same} as locked, {newer} newer, {older} older: {}",
            self.verdict
        )
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{:<13} {:>4} packages {:>4} same {:>3} newer {:>2} older {:>5} ms  {}  {}",
            self.platform,
            self.packages,
            self.same,
            self.newer,
            self.older.len(),
            self.time.as_millis(),
            self.id,
            self.verdict,
        )?;
        for older in &self.older {
            let reason = older.reason.as_deref().unwrap_or("no reason");
            write!(f, "\n    older: {}: {reason}", older.change)?;
        }
        for violation in &self.real_violations {
            write!(f, "\n    the real lock: {violation}")?;
        }
        Ok(())
    }
}

/// Counts what came of the cases.
pub(super) fn totals(outcomes: &[Outcome]) -> String {
    let count = |is: fn(&Verdict) -> bool| outcomes.iter().filter(|o| is(&o.verdict)).count();
    let packages: usize = outcomes.iter().map(|outcome| outcome.packages).sum();
    let slowest = outcomes.iter().map(|outcome| outcome.time).max();
    let known = outcomes.iter().filter(|outcome| outcome.real_is_known);
    format!(
        "{} cases, {packages} packages: {} identical, {} at least as new, {} older with reasons, \
         {} not checkable, {} failed; slowest solve {} ms; of {} real solutions that the data has \
         in full, the checker accepts {}",
        outcomes.len(),
        count(|verdict| *verdict == Verdict::Identical),
        count(|verdict| *verdict == Verdict::Newer),
        count(|verdict| *verdict == Verdict::Reasoned),
        count(|verdict| matches!(verdict, Verdict::NotCheckable(_))),
        count(|verdict| matches!(verdict, Verdict::Failed(_))),
        slowest.unwrap_or_default().as_millis(),
        known.clone().count(),
        known.filter(|o| o.real_violations.is_empty()).count(),
    )
}
