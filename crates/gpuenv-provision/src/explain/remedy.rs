//! What to change, tried out before it is offered.

use std::rc::Rc;

use gpuenv_core::plan::{Dependency, Gpu};
use rattler_conda_types::{
    MatchSpec, NamelessMatchSpec, PackageName, ParseMatchSpecOptions, RepoDataRecord,
};

use super::{
    Search,
    clash::{Answer, Part},
};
use crate::solve::Question;

/// How many independent clashes are looked for.
const CLASHES: usize = 4;

/// What is said of a version that no nearer one is enough for.
const NEAREST: &str = ", the nearest version that works";

/// A change that makes the recipe solvable.
pub(super) struct Remedy {
    /// The parts that are changed.
    pub(super) parts: Vec<Part>,
    /// What the user can do.
    pub(super) help: String,
    /// The solution with the change.
    pub(super) records: Rc<[RepoDataRecord]>,
}

/// How much of a line is given up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Loosened {
    /// Its channel.
    Channel,
    /// Its version; what it says of the build stays.
    Version,
    /// Its build; what it says of the version stays.
    Build,
    /// All but its name and channel.
    AllButName,
    /// The line.
    Line,
}

/// What is tried before a line is left out.
const MILD: [Loosened; 4] = [
    Loosened::Channel,
    Loosened::Version,
    Loosened::Build,
    Loosened::AllButName,
];

impl Search<'_> {
    /// Returns the clashes and what resolves them.
    ///
    /// There is more than one clash only where no single change is enough.
    pub(super) fn remedies(&self, clash: Vec<Part>) -> (Vec<Vec<Part>>, Vec<Remedy>) {
        let (mut clashes, remedies) = self.clashes_and_remedies(clash);
        // The same lines may clash again in other versions.
        clashes.dedup();
        (clashes, remedies)
    }

    fn clashes_and_remedies(&self, clash: Vec<Part>) -> (Vec<Vec<Part>>, Vec<Remedy>) {
        let mut clashes = vec![clash];
        let mut given_up: Vec<Part> = Vec::new();
        loop {
            let last = clashes.last().map_or(&[] as &[Part], Vec::as_slice);
            let mut remedies = self.remedies_of(last, &given_up, &MILD);
            if last.contains(&Part::Gpu) && given_up.is_empty() {
                self.or_without(last, &mut remedies);
                let lines = last.iter().filter_map(|part| part.line());
                let named = lines.filter_map(|line| self.with_gpu_name(line));
                remedies.splice(0..0, named);
            }
            let next = last.iter().find(|part| !given_up.contains(part));
            let Some(next) = next.filter(|_| clashes.len() < CLASHES) else {
                return (clashes, remedies);
            };
            if !remedies.is_empty() {
                return (clashes, remedies);
            }
            given_up.push(*next);
            match self.next_clash(&given_up) {
                Some(clash) => clashes.push(clash),
                None => break,
            }
        }
        // Leaving out what is asked for is what everybody thinks of first.
        let last = clashes.pop().unwrap_or_default();
        given_up.retain(|part| !last.contains(part));
        let remedies = self.remedies_of(&last, &given_up, &[Loosened::Line]);
        clashes.push(last);
        (clashes, remedies)
    }

    /// Returns what clashes besides, where some parts are given up.
    fn next_clash(&self, given_up: &[Part]) -> Option<Vec<Part>> {
        // A line that nothing satisfies may clash with others in any other version too:
        // only what clashes without it is another matter.
        [Loosened::AllButName, Loosened::Line]
            .into_iter()
            .find_map(|level| {
                let mut rest = self.question.clone();
                for part in given_up {
                    self.loosen(&mut rest, *part, level);
                }
                let Answer::Unsolvable(text) = self.ask(&rest) else {
                    return None;
                };
                let clash = self.clash(&rest, &text);
                let is_new = clash.iter().any(|part| !given_up.contains(part));
                is_new.then_some(clash)
            })
    }

    /// Adds the lines that can only be left out: `cpuonly`, or what has no build of
    /// the right kind. It comes last, as it gives up what is asked for.
    fn or_without(&self, clash: &[Part], remedies: &mut Vec<Remedy>) {
        let lines = clash.iter().filter(|part| part.line().is_some());
        let mut lines = lines.filter(|part| !remedies.iter().any(|r| r.parts.contains(part)));
        if let (Some(line), None, true) =
            (lines.next(), lines.next(), self.plan.dependencies.len() > 1)
        {
            remedies.extend(self.remedy(&[*line], &[Loosened::Line]));
        }
    }

    /// Takes what a line is called where it is for the GPU.
    fn with_gpu_name(&self, position: usize) -> Option<Remedy> {
        let written = &self.plan.dependencies[position];
        let name = written.spec.name.as_exact()?.as_normalized();
        let name = self
            .rules
            .name_with_gpu(name)
            .filter(|_| self.plan.gpu == Gpu::Required)?;
        let other = MatchSpec::from(name.parse::<PackageName>().ok()?);
        let version = written.spec.version.as_ref().map(ToString::to_string);
        let versions = version.iter().map(String::as_str).chain(["*"]);
        versions.into_iter().find_map(|version| {
            let mut free = written.clone();
            free.spec.name = other.name.clone();
            let (text, spec) = rewritten(&free, version, None)?;
            let mut question = self.question.clone();
            question.lines[position] = Some(self.index.fetched(&spec));
            Some(Remedy {
                parts: vec![Part::Line(position)],
                help: format!("write `{text}` instead of `{}`", written.text),
                records: self.ask(&question).solved()?,
            })
        })
    }

    fn remedies_of(&self, clash: &[Part], given_up: &[Part], levels: &[Loosened]) -> Vec<Remedy> {
        let new = clash.iter().filter(|part| !given_up.contains(part));
        let tried = new.map(|part| [given_up, &[*part]].concat());
        tried
            .filter_map(|parts| self.remedy(&parts, levels))
            .collect()
    }

    /// Returns how to change just these parts so that the recipe can be solved.
    fn remedy(&self, parts: &[Part], levels: &[Loosened]) -> Option<Remedy> {
        let mut tried = Vec::new();
        for level in levels {
            let mut loosened = self.question.clone();
            for part in parts {
                self.loosen(&mut loosened, *part, *level);
            }
            if tried.contains(&loosened.lines) {
                continue;
            }
            tried.push(loosened.lines.clone());
            if let Answer::Solved(records) = self.ask(&loosened)
                && let Some(remedy) = self.written_out(parts, *level, loosened, &records)
            {
                return Some(remedy);
            }
        }
        None
    }

    fn loosen(&self, question: &mut Question, part: Part, level: Loosened) {
        let Part::Line(position) = part else {
            self.lift(question, part);
            return;
        };
        let line = &mut question.lines[position];
        // A second line about the same package says what is left to choose.
        let Some(spec) = line.as_mut().filter(|_| self.is_only_line(position)) else {
            *line = None;
            return;
        };
        match level {
            Loosened::Channel => spec.channel = None,
            Loosened::Version => spec.version = None,
            Loosened::Build => {
                spec.build = None;
                spec.build_number = None;
            }
            Loosened::AllButName => {
                let bare = NamelessMatchSpec {
                    channel: spec.channel.clone(),
                    ..NamelessMatchSpec::default()
                };
                *spec = MatchSpec::from_nameless(bare, spec.name.clone());
            }
            Loosened::Line => *line = None,
        }
    }

    fn is_only_line(&self, position: usize) -> bool {
        let name = &self.plan.dependencies[position].spec.name;
        let lines = self.plan.dependencies.iter();
        lines.filter(|line| line.spec.name == *name).count() == 1
    }

    /// Says what to write, and makes sure that it is enough.
    fn written_out(
        &self,
        parts: &[Part],
        level: Loosened,
        mut question: Question,
        records: &[RepoDataRecord],
    ) -> Option<Remedy> {
        let mut texts = Vec::new();
        for part in parts {
            texts.push(match part {
                Part::Line(position) => self.line(*position, level, &mut question, records)?,
                Part::Target(key) => self.least_value(*key, &mut question)?,
                Part::Newer => self.earliest_date(&mut question)?,
                Part::Priority => self.unhide(&mut question, records)?,
                Part::Gpu => format!(
                    "write `gpu: optional` instead of `gpu: {}`",
                    super::builds::word(self.plan.gpu)
                ),
            });
        }
        Some(Remedy {
            parts: parts.to_vec(),
            help: texts.join(", and "),
            records: self.ask(&question).solved()?,
        })
    }

    /// Returns what to write instead of a line, as the solution has it.
    fn line(
        &self,
        position: usize,
        level: Loosened,
        question: &mut Question,
        records: &[RepoDataRecord],
    ) -> Option<String> {
        let written = &self.plan.dependencies[position];
        if question.lines[position].is_none() {
            return Some(format!("leave out `{}`", written.text));
        }
        let name = written.spec.name.as_exact()?;
        let chosen = records.iter().find(|r| r.package_record.name == *name)?;
        let series = series(&chosen.package_record.version.to_string());
        let version = written.spec.version.as_ref();
        let version = version.map_or_else(|| "*".to_string(), ToString::to_string);
        let build = written.spec.build.as_ref().map(ToString::to_string);
        if matches!(level, Loosened::Version | Loosened::AllButName)
            && let Some(near) = self.nearest(position, chosen, question)
        {
            let (text, old) = (near.text, &written.text);
            let nearest = if near.is_nearest { NEAREST } else { "" };
            return Some(format!("write `{text}` instead of `{old}`{nearest}"));
        }
        let (version, build) = match level {
            Loosened::Channel => (version, build),
            Loosened::Version => (series, build),
            Loosened::Build => (version, None),
            Loosened::AllButName | Loosened::Line => (series, None),
        };
        let (text, spec) = match level {
            Loosened::Channel => {
                let mut free = written.clone();
                free.spec.channel = None;
                rewritten(&free, &version, build.as_deref())?
            }
            _ => rewritten(written, &version, build.as_deref())?,
        };
        question.lines[position] = Some(self.index.fetched(&spec));
        Some(format!("write `{text}` instead of `{}`", written.text))
    }
}

/// Returns a line about the same package of the same channel.
pub(super) fn rewritten(
    written: &Dependency,
    version: &str,
    build: Option<&str>,
) -> Option<(String, MatchSpec)> {
    let mut text = written.spec.name.as_exact()?.as_source().to_string();
    let channel = written.spec.channel.as_deref();
    if let Some(channel) = channel.and_then(|channel| channel.name.as_deref()) {
        text.insert_str(0, &format!("{channel}::"));
    }
    let version = Some(version).filter(|text| *text != "*" || build.is_some());
    for word in [version, build] {
        text.extend(word.iter().flat_map(|word| [" ", word]));
    }
    let spec = MatchSpec::from_str(&text, ParseMatchSpecOptions::strict()).ok()?;
    Some((text, spec))
}

/// Returns the versions of one release series: `8.4.1.50` gives `8.4.*`.
pub(super) fn series(version: &str) -> String {
    let words: Vec<&str> = version.split('.').collect();
    let is_number = |word: &&&str| word.bytes().all(|b| b.is_ascii_digit());
    match words.iter().take(2).take_while(is_number).count() {
        2 => format!("{}.{}.*", words[0], words[1]),
        1 if words.len() == 1 => format!("{version}.*"),
        _ => format!("=={version}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_series_holds_its_version() {
        for (version, expected) in [
            ("8.4.1.50", "8.4.*"),
            ("12", "12.*"),
            ("2.1", "2.1.*"),
            ("2023.post1", "==2023.post1"),
            ("1!2.0", "==1!2.0"),
        ] {
            assert_eq!(series(version), expected);
            let spec = MatchSpec::from_str(
                &format!("x {}", series(version)),
                ParseMatchSpecOptions::strict(),
            );
            let version = version.parse().unwrap();
            assert!(spec.unwrap().version.unwrap().matches(&version));
        }
    }
}
