//! Keeps from the solver what a recipe's `gpu` rules out, and says what that cost.

use std::sync::Arc;

use gpuenv_core::{Code, Diagnostic, Plan, builds::Rules, facts::GpuBuilds, plan::Gpu, solution};
use rattler_conda_types::{MatchSpec, Matches, PackageName, RepoDataRecord, Version};

use crate::{
    index::Index,
    solve::{Question, ask},
};

/// A virtual package that no machine has.
pub(crate) const NOWHERE: &str = "__build_that_gpu_allows";

/// The records of an index, in which those that are ruled out cannot be installed.
///
/// They stay among the others: a channel that lost all packages of a name would
/// no longer come before a weaker one that has some.
#[derive(Clone)]
pub(crate) struct Ruled(pub(crate) Arc<Vec<Vec<Arc<RepoDataRecord>>>>);

impl PartialEq for Ruled {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Ruled {
    /// Rules records of an index out; `None` where there is nothing to rule out.
    pub(crate) fn new(index: &Index, rules: &Rules<'_>) -> Option<Self> {
        let mut any = false;
        let mut rule = |record: &Arc<RepoDataRecord>| {
            let mut record = record.clone();
            if rules.rule_out(&record) {
                any = true;
                let depends = &mut Arc::make_mut(&mut record).package_record.depends;
                depends.push(NOWHERE.to_string());
            }
            record
        };
        let buckets = index.buckets.iter();
        let buckets = buckets.map(|bucket| bucket.iter().map(&mut rule).collect());
        let buckets = buckets.collect();
        any.then(|| Self(Arc::new(buckets)))
    }
}

/// Returns what the lines of a plan are called where they are for the GPU: it may be
/// what to write instead.
pub(crate) fn names_with_gpu(plan: &Plan, table: &GpuBuilds) -> Vec<PackageName> {
    if plan.gpu != Gpu::Required {
        return Vec::new();
    }
    let rules = Rules::of_lock(plan, table);
    let lines = plan.dependencies.iter();
    let names = lines.filter_map(|line| {
        let name = line.spec.name.as_exact()?.as_normalized();
        rules.name_with_gpu(name)?.parse().ok()
    });
    names.collect()
}

/// Returns the solver's words in the user's.
pub(crate) fn in_plain_words(solver_says: &str, gpu: Gpu) -> String {
    let kind = match gpu {
        Gpu::Required | Gpu::Optional => "a CUDA build",
        Gpu::None => "a build without CUDA",
    };
    solver_says
        .replace(&format!("{NOWHERE} *"), kind)
        .replace(NOWHERE, kind)
}

/// Says what of a solution is older than it could be, because that would be a build for the CPU.
///
/// Asks the solver once more, and only where something newer was ruled out.
pub(crate) fn given_up(
    plan: &Plan,
    index: &Index,
    rules: &Rules<'_>,
    question: &Question,
    chosen: &[RepoDataRecord],
) -> Option<Diagnostic> {
    let is_possible = chosen.iter().any(|record| {
        let name = record.package_record.name.as_normalized();
        rules.is_capable(name) && newer_is_ruled_out(record, index, rules, question)
    });
    if !is_possible || plan.gpu != Gpu::Required {
        return None;
    }
    let free = Question {
        ruled: None,
        ..question.clone()
    };
    let free = ask(&free, index, Vec::new()).ok()?;
    let pairs = chosen.iter().filter_map(|ours| {
        let name = &ours.package_record.name;
        let other = free.iter().find(|r| r.package_record.name == *name)?;
        let is_loss = rules.rule_out(other) && version(other) > version(ours);
        is_loss.then_some((ours, other))
    });
    let mut pairs: Vec<_> = pairs.collect();
    // What the recipe names itself comes first.
    pairs.sort_by_key(|(ours, _)| line_about(plan, ours).unwrap_or(usize::MAX));
    let (ours, other) = *pairs.first()?;
    let name = ours.package_record.name.as_normalized();
    let newest = &other.package_record.version;
    let message = format!(
        "{}: `{name} {}` is taken, because `{name} {newest}` fits only as a build for the CPU",
        plan.name(),
        ours.package_record.version,
    );
    let mut note = Diagnostic::note(Code::BUILDS_GIVEN_UP, message);
    note.place = line_about(plan, ours).and_then(|at| plan.dependencies[at].place.clone());
    let cuda = index.records().filter(|record| {
        record.package_record.name == ours.package_record.name
            && record.channel == other.channel
            && version(record) == version(other)
            && !rules.rule_out(record)
    });
    let reasons: Vec<(&RepoDataRecord, String)> = cuda
        .filter_map(|record| Some((record, unmet(record, chosen, |_| true)?)))
        .collect();
    let reason = reasons
        .into_iter()
        .max_by_key(|(record, _)| record.package_record.build_number);
    note = note.cause(match reason {
        Some((_, reason)) => reason,
        None => format!(
            "`{}` is what would be installed else",
            solution::label(other)
        ),
    });
    for (ours, other) in &pairs[1..] {
        note = note.cause(format!(
            "likewise `{} {}`, and not {}",
            ours.package_record.name.as_normalized(),
            ours.package_record.version,
            other.package_record.version
        ));
    }
    Some(note.help("to have the newer ones without a GPU: `gpu: optional`"))
}

/// Says which packages of a solution are builds for the CPU, where a GPU is of use.
pub(crate) fn without_cuda(
    plan: &Plan,
    rules: &Rules<'_>,
    chosen: &[RepoDataRecord],
) -> Option<Diagnostic> {
    if plan.gpu != Gpu::Optional {
        return None;
    }
    let mut found: Vec<&RepoDataRecord> = chosen.iter().filter(|r| rules.is_cpu_build(r)).collect();
    found.sort_by_key(|record| line_about(plan, record).unwrap_or(usize::MAX));
    let (first, others) = found.split_first()?;
    let platform = plan.name();
    let message = format!(
        "{platform}: `{}` is a build for the CPU",
        solution::label(first)
    );
    let mut note = Diagnostic::note(Code::BUILDS_CPU_TAKEN, message);
    note.place = line_about(plan, first).and_then(|at| plan.dependencies[at].place.clone());
    if !others.is_empty() {
        let names = others.iter().map(|r| r.package_record.name.as_normalized());
        let names: Vec<String> = names.map(|name| format!("`{name}`")).collect();
        note = note.cause(format!("so are {}", names.join(", ")));
    }
    Some(match plan.target.cuda {
        Some(_) => note.help("to get CUDA builds or an error: `gpu: required`"),
        None => note
            .cause("the target names no `cuda`, so most CUDA builds cannot be taken")
            .help("to get CUDA builds: `gpu: required`, and `target: { cuda: \"12.4\" }`"),
    })
}

/// Says that nothing of a solution uses a GPU, where one is required.
///
/// What wheels do is told where they are chosen.
pub(crate) fn without_use(
    plan: &Plan,
    rules: &Rules<'_>,
    table: &GpuBuilds,
    chosen: &[RepoDataRecord],
) -> Option<Diagnostic> {
    if plan.gpu != Gpu::Required || !plan.wheels.is_empty() {
        return None;
    }
    if chosen.iter().any(|record| rules.is_of_cuda(record)) {
        return None;
    }
    let message = format!(
        "{}: `gpu` is `required`, and no package of the solution uses one",
        plan.name()
    );
    let mut warning = Diagnostic::warning(Code::BUILDS_NO_USE, message);
    let needs_one = chosen.iter().filter(|record| {
        let name = record.package_record.name.as_normalized();
        line_about(plan, record).is_some()
            && table
                .without_framework
                .iter()
                .flatten()
                .any(|of| of.matches(name))
    });
    for record in needs_one {
        let name = record.package_record.name.as_normalized();
        warning.place = line_about(plan, record).and_then(|at| plan.dependencies[at].place.clone());
        warning = warning.cause(format!(
            "`{name}` computes with a framework that it does not bring along"
        ));
    }
    Some(
        warning
            .help(
                "add what computes: `pytorch-gpu`, `tensorflow * cuda*`, `jaxlib * *cuda*`, `cupy`",
            )
            .help("or do without a GPU: `gpu: none`"),
    )
}

/// Returns the position of the recipe's line about a package.
fn line_about(plan: &Plan, record: &RepoDataRecord) -> Option<usize> {
    let mut lines = plan.dependencies.iter();
    lines.position(|line| line.spec.name.as_exact() == Some(&record.package_record.name))
}

fn newer_is_ruled_out(
    ours: &RepoDataRecord,
    index: &Index,
    rules: &Rules<'_>,
    question: &Question,
) -> bool {
    let name = &ours.package_record.name;
    let lines = question.lines.iter().flatten();
    let lines: Vec<&MatchSpec> = lines.filter(|l| l.name.as_exact() == Some(name)).collect();
    index.records().any(|record| {
        record.package_record.name == *name
            && record.channel == ours.channel
            && version(record) > version(ours)
            && question.exclude_newer.is_none_or(|date| {
                let built = record.package_record.timestamp.map(jiff::Timestamp::from);
                built.is_some_and(|built| built <= date)
            })
            && lines.iter().all(|line| line.matches(record))
            && rules.rule_out(record)
    })
}

/// Returns what a record needs and does not find among others; asks which of them count.
pub(crate) fn unmet(
    record: &RepoDataRecord,
    among: &[RepoDataRecord],
    counts: impl Fn(&RepoDataRecord) -> bool,
) -> Option<String> {
    record.package_record.depends.iter().find_map(|text| {
        let spec = solution::parse_spec(text)?;
        let name = spec.name.as_exact()?;
        let there = among.iter().find(|r| r.package_record.name == *name)?;
        counts(there).then_some(())?;
        let (label, there) = (
            solution::label(record),
            (!spec.matches(there)).then(|| solution::label(there))?,
        );
        Some(format!("`{label}` needs `{text}`, there is `{there}`"))
    })
}

fn version(record: &RepoDataRecord) -> &Version {
    record.package_record.version.version()
}
