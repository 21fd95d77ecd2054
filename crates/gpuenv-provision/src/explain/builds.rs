//! Clashes in which `gpu` rules out the builds that would fit.

use std::rc::Rc;

use gpuenv_core::{Code, plan::Gpu, solution};
use rattler_conda_types::{MatchSpec, RepoDataRecord};

use super::{Search, blame::version_key, clash::Part, sentence::list};
use crate::{builds::unmet, solve::Question};

/// How many packages of the wrong kind are shown.
const SHOWN: usize = 2;

/// Returns what a recipe writes.
pub(super) fn word(gpu: Gpu) -> &'static str {
    match gpu {
        Gpu::Required => "required",
        Gpu::Optional => "optional",
        Gpu::None => "none",
    }
}

/// Returns the code of a clash.
pub(super) fn code(gpu: Gpu, clash: &[Part]) -> Code {
    match (gpu, clash.contains(&Part::Gpu)) {
        (Gpu::Required, true) => Code::SOLVE_ONLY_CPU,
        (Gpu::None, true) => Code::SOLVE_ONLY_CUDA,
        (Gpu::Required | Gpu::Optional | Gpu::None, _) => Code::SOLVE_UNSOLVABLE,
    }
}

impl Search<'_> {
    /// Says that no build of the right kind satisfies the lines.
    pub(super) fn no_build(&self, clash: &[Part], for_lines: &str) -> String {
        let platform = self.plan.platform();
        let gpu = word(self.plan.gpu);
        let culprits = self.culprits(clash);
        let of = culprits.first().map_or_else(String::new, |(record, _)| {
            format!(" of `{}`", record.package_record.name.as_normalized())
        });
        let kind = match self.plan.gpu {
            Gpu::Required | Gpu::Optional => "no CUDA build",
            Gpu::None => "no build without CUDA",
        };
        let limits = self.limits(clash);
        let with = match limits.as_slice() {
            [] => String::new(),
            some => format!(" with {}", list(some)),
        };
        format!("{kind}{of} satisfies {for_lines} for {platform}{with}, and `gpu` is `{gpu}`")
    }

    /// Says what would be installed if `gpu` allowed it, and why not the right kind.
    pub(super) fn builds(&self, clash: &[Part]) -> Vec<String> {
        let mut culprits = self.culprits(clash);
        // Beside what the recipe names, what that drags along says nothing new.
        let named = |record: &RepoDataRecord| self.distance(record, clash) == 0;
        let others_are_named = culprits.get(1).is_some_and(|(record, _)| named(record));
        culprits.truncate(if others_are_named { SHOWN } else { 1 });
        let causes = culprits.iter();
        causes
            .flat_map(|(record, solution)| self.builds_of(record, solution))
            .collect()
    }

    fn builds_of(&self, record: &RepoDataRecord, solution: &[RepoDataRecord]) -> Vec<String> {
        let label = solution::label(record);
        let name = record.package_record.name.as_normalized();
        let platform = self.plan.platform();
        let (what, kind) = match self.plan.gpu {
            Gpu::Required | Gpu::Optional => ("a build for the CPU", "CUDA build"),
            Gpu::None => ("and comes with CUDA", "build without CUDA"),
        };
        let mut causes = vec![format!("`{label}` is what fits, {what}")];
        let all = MatchSpec::from(record.package_record.name.clone());
        let mut right: Vec<&RepoDataRecord> = self.usable(&all).collect();
        right.retain(|other| other.channel == record.channel);
        if right.is_empty() {
            let place = self.index.place(record);
            let channel = place.map_or("?", |place| place.short_name());
            causes.push(format!(
                "channel `{channel}` has no {kind} of `{name}` for {platform}"
            ));
            return causes;
        }
        right.retain(|record| self.is_accepted(record));
        let newest = right.iter().map(|record| version_key(record).0).max();
        let newest = newest.cloned();
        right.retain(|record| Some(version_key(record).0) == newest.as_ref());
        // Of many builds, the one in which the recipe's own lines are at fault.
        let unmet = right.iter().filter_map(|record| {
            unmet(record, solution, |there| {
                !self.rules.rule_out(there) && self.has_line(there)
            })
        });
        causes.extend(unmet.min_by_key(|text| (text.contains("`python"), text.clone())));
        causes
    }

    /// Returns whether a line of the recipe is about a package.
    fn has_line(&self, record: &RepoDataRecord) -> bool {
        let mut lines = self.plan.dependencies.iter();
        lines.any(|line| line.spec.name.as_exact() == Some(&record.package_record.name))
    }

    /// Returns whether all lines about a package accept a record of it.
    fn is_accepted(&self, record: &RepoDataRecord) -> bool {
        let lines = self.question.lines.iter().flatten();
        let mut lines =
            lines.filter(|line| line.name.as_exact() == Some(&record.package_record.name));
        lines.all(|line| rattler_conda_types::Matches::matches(line, record))
    }

    /// Returns what would be installed if `gpu` allowed it, the recipe's own packages
    /// first, with the solution that holds it.
    fn culprits(&self, clash: &[Part]) -> Vec<(RepoDataRecord, Rc<[RepoDataRecord]>)> {
        let free = |mut question: Question| {
            question.ruled = None;
            question
        };
        let asked = [
            free(self.question.clone()),
            free(self.only(&self.question, clash)),
        ];
        let solved = asked
            .iter()
            .find_map(|question| self.ask(question).solved());
        let Some(records) = solved else {
            return Vec::new();
        };
        let ruled_out = records.iter().filter(|record| self.rules.rule_out(record));
        let mut culprits: Vec<&RepoDataRecord> = ruled_out.collect();
        culprits.sort_by_key(|record| {
            let name = &record.package_record.name;
            (self.distance(record, clash), name.as_normalized().len())
        });
        let culprits = culprits.into_iter();
        culprits
            .map(|record| (record.clone(), records.clone()))
            .collect()
    }
}
