//! The smallest part of a recipe that cannot be solved.

use std::rc::Rc;

use rattler_conda_types::{
    GenericVirtualPackage, PackageName, RepoDataRecord, Version, package::BuildString,
};
use rattler_solve::ChannelPriority;

use super::Search;
use crate::solve::Question;

/// How many lines are tried one by one.
const LINES_TRIED: usize = 10;

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
    /// That `gpu` rules builds out.
    Gpu,
}

impl Part {
    /// Returns the position of a line.
    pub(super) fn line(self) -> Option<usize> {
        match self {
            Part::Line(position) => Some(position),
            Part::Newer | Part::Target(_) | Part::Priority | Part::Gpu => None,
        }
    }

    /// Returns the key of a value of the target.
    pub(super) fn key(self) -> Option<Key> {
        match self {
            Part::Target(key) => Some(key),
            Part::Newer | Part::Line(_) | Part::Priority | Part::Gpu => None,
        }
    }
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
#[derive(Clone)]
pub(super) enum Answer {
    Solved(Rc<[RepoDataRecord]>),
    /// With the solver's words.
    Unsolvable(Rc<str>),
    /// Out of time.
    Unknown,
}

impl Answer {
    pub(super) fn solved(self) -> Option<Rc<[RepoDataRecord]>> {
        match self {
            Answer::Solved(records) => Some(records),
            Answer::Unsolvable(_) | Answer::Unknown => None,
        }
    }
}

impl Question {
    /// Sets the version of a virtual package, whether it was there or not.
    pub(super) fn set(&mut self, key: Key, version: Version) {
        let mut packages = self.virtual_packages.iter_mut();
        let there = packages.find(|p| p.name.as_normalized() == key.virtual_name());
        match there {
            Some(package) => package.version = version,
            None => self.virtual_packages.push(GenericVirtualPackage {
                name: PackageName::new_unchecked(key.virtual_name()),
                version,
                build_string: BuildString::new_unchecked("0"),
            }),
        }
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
        let keys = Key::ALL
            .into_iter()
            .filter(|key| self.highest(*key).is_some());
        parts.extend(keys.map(Part::Target));
        if self.question.ruled.is_some() {
            parts.push(Part::Gpu);
        }
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
            Part::Gpu => question.ruled = None,
            Part::Line(position) => question.lines[position] = None,
            Part::Target(key) => {
                if let Some(version) = self.highest(key) {
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
            .filter(|part| {
                part.line()
                    .is_none_or(|line| self.is_named(line, solver_says))
            })
            .collect();
        let suspects = match self.clashes(question, &named) {
            true => named,
            false => all,
        };
        let suspects = self.with_one_line(question, suspects);
        let mut found = self.quick_explain(question, &[], false, &suspects);
        found.sort();
        found
    }

    /// Returns the suspects with just one of the lines, where one is enough.
    ///
    /// Of several smallest clashes the one with a single line reads best.
    fn with_one_line(&self, question: &Question, suspects: Vec<Part>) -> Vec<Part> {
        let (lines, rest): (Vec<Part>, Vec<Part>) =
            suspects.iter().partition(|part| part.line().is_some());
        if !(2..=LINES_TRIED).contains(&lines.len()) {
            return suspects;
        }
        let mut single = lines.iter().map(|line| [&[*line], &rest[..]].concat());
        let single = single.find(|parts| self.clashes(question, parts));
        single.unwrap_or(suspects)
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
