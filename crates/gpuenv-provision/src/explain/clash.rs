//! The smallest part of a recipe that cannot be solved.

use rattler_conda_types::{
    GenericVirtualPackage, PackageName, RepoDataRecord, Version, package::BuildString,
};
use rattler_solve::ChannelPriority;

use super::Search;
use crate::solve::Question;

/// Something that the user decided and can decide otherwise.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Part {
    /// The date of `--exclude-newer`.
    Newer,
    /// A value of the target, or that it is missing.
    Target(Key),
    /// That a channel hides what weaker ones have.
    Priority,
    /// A line of the dependencies, by position.
    Line(usize),
}

/// A key of the target that is a virtual package.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Key {
    Cuda,
    ComputeCapability,
    Glibc,
}

impl Key {
    pub(super) const ALL: [Key; 3] = [Key::Cuda, Key::ComputeCapability, Key::Glibc];

    /// Returns the key as recipes write it.
    pub(super) fn text(self) -> &'static str {
        match self {
            Key::Cuda => "cuda",
            Key::ComputeCapability => "compute-capability",
            Key::Glibc => "glibc",
        }
    }

    /// Returns the name of the virtual package.
    pub(super) fn virtual_name(self) -> &'static str {
        match self {
            Key::Cuda => "__cuda",
            Key::ComputeCapability => "__cuda_arch",
            Key::Glibc => "__glibc",
        }
    }
}

/// What the solver said.
pub(super) enum Answer {
    Solved(Vec<RepoDataRecord>),
    /// With the solver's words.
    Unsolvable(String),
    /// Out of time.
    Unknown,
}

impl Answer {
    pub(super) fn solved(self) -> Option<Vec<RepoDataRecord>> {
        match self {
            Answer::Solved(records) => Some(records),
            Answer::Unsolvable(_) | Answer::Unknown => None,
        }
    }
}

impl Question {
    /// Sets the version of a virtual package, whether it was there or not.
    pub(super) fn set(&mut self, key: Key, version: Version) {
        let name = PackageName::new_unchecked(key.virtual_name());
        self.virtual_packages.retain(|package| package.name != name);
        self.virtual_packages.push(GenericVirtualPackage {
            name,
            version,
            build_string: BuildString::new_unchecked("0"),
        });
    }
}

impl Search<'_> {
    /// Returns everything that may clash, what is most telling first.
    ///
    /// A clash that lines alone explain is not blamed on the target, and one that
    /// the target explains is not blamed on the order of the channels.
    fn parts(&self) -> Vec<Part> {
        let lines = (0..self.plan.dependencies.len()).map(Part::Line);
        let mut parts: Vec<Part> = lines.collect();
        parts.extend(Key::ALL.map(Part::Target));
        if self.question.exclude_newer.is_some() {
            parts.push(Part::Newer);
        }
        if self.index.places.len() > 1 {
            parts.push(Part::Priority);
        }
        parts
    }

    /// Lifts whatever the part demands.
    pub(super) fn lift(&self, question: &mut Question, part: Part) {
        match part {
            Part::Newer => question.exclude_newer = None,
            Part::Priority => question.priority = ChannelPriority::Disabled,
            Part::Line(position) => question.lines[position] = None,
            // Not higher than anybody asks for: some packages name an upper bound.
            Part::Target(key) => {
                if let Some((major, minor)) = self.bounds[&key].last()
                    && let Ok(version) = format!("{major}.{minor}").parse()
                    && self.value(key).is_none_or(|here| here < version)
                {
                    question.set(key, version);
                }
            }
        }
    }

    /// Returns the question with nothing but these parts in force.
    pub(super) fn only(&self, question: &Question, parts: &[Part]) -> Question {
        let mut only = question.clone();
        for part in self.parts() {
            if !parts.contains(&part) {
                self.lift(&mut only, part);
            }
        }
        only
    }

    /// Returns a smallest set of parts that cannot be solved together.
    ///
    /// All of them where the time does not suffice.
    pub(super) fn clash(&self, question: &Question, solver_says: &str) -> Vec<Part> {
        let all = self.parts();
        // The lines that the solver names are most often enough.
        let named: Vec<Part> = all
            .iter()
            .copied()
            .filter(|part| match part {
                Part::Line(position) => self.is_named(*position, solver_says),
                Part::Newer | Part::Target(_) | Part::Priority => true,
            })
            .collect();
        let suspects = match self.clashes(question, &named) {
            true => named,
            false => all,
        };
        let mut found = self.quick_explain(question, &[], false, &suspects);
        found.sort();
        found
    }

    fn is_named(&self, position: usize, text: &str) -> bool {
        let name = self.plan.dependencies[position].spec.name.as_exact();
        let name = name.map_or("", |name| name.as_normalized());
        let is_part = |c: char| c.is_ascii_alphanumeric() || "_-.".contains(c);
        text.split(|c| !is_part(c)).any(|word| word == name)
    }

    fn clashes(&self, question: &Question, parts: &[Part]) -> bool {
        matches!(self.ask(&self.only(question, parts)), Answer::Unsolvable(_))
    }

    /// Junker's QuickXplain: few questions where the clash is small.
    fn quick_explain(
        &self,
        question: &Question,
        background: &[Part],
        background_is_new: bool,
        suspects: &[Part],
    ) -> Vec<Part> {
        if background_is_new && self.clashes(question, background) {
            return Vec::new();
        }
        if suspects.len() <= 1 {
            return suspects.to_vec();
        }
        let (first, second) = suspects.split_at(suspects.len().div_ceil(2));
        let with_first = [background, first].concat();
        let mut found = self.quick_explain(question, &with_first, true, second);
        let with_found = [background, &found].concat();
        let more = self.quick_explain(question, &with_found, !found.is_empty(), first);
        found.extend(more);
        found
    }
}
