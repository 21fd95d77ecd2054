//! Who needs what.

use std::{cmp::Reverse, collections::BTreeSet};

use gpuenv_core::{fits::lower_bound, solution};
use rattler_conda_types::{MatchSpec, Matches, RepoDataRecord, Version};

use super::{
    Search,
    clash::{Key, Part},
    remedy::Remedy,
};

/// How many demands of one kind are shown.
const SHOWN: usize = 3;

/// How far a chain of dependencies is followed.
const DEPTH: usize = 6;

impl Search<'_> {
    /// Says what leads to a clash, from what the solutions with a change hold.
    pub(super) fn causes(&self, clash: &[Part], remedies: &[Remedy]) -> Vec<String> {
        let changed = |part: &Part| remedies.iter().find(|remedy| remedy.parts.contains(part));
        let mut causes = Vec::new();
        for part in clash {
            match (part, changed(part)) {
                (Part::Target(key), Some(remedy)) => {
                    causes.extend(self.needs(*key, clash, &remedy.records));
                }
                (Part::Newer, Some(remedy)) => causes.extend(self.newest(clash, &remedy.records)),
                (Part::Priority, remedy) => {
                    let records = remedy.map_or(&[] as &[_], |remedy| &remedy.records);
                    causes.extend(self.hidden(clash, records));
                }
                (Part::Gpu, _) => causes.extend(self.builds(clash)),
                (Part::Line(_), _) | (_, None) => {}
            }
        }
        // Where the target or the date is at fault, a line that gives way says
        // nothing about why.
        let lines: Option<Vec<usize>> = clash.iter().map(|part| part.line()).collect();
        match lines.as_deref() {
            None => {}
            Some([line]) => causes.extend(self.alone_because(*line)),
            Some(lines) if self.same_package(lines) => {}
            Some(lines) => {
                let solved = lines.iter().filter_map(|line| {
                    let remedy = changed(&Part::Line(*line))?;
                    Some((*line, &*remedy.records))
                });
                causes.extend(self.clash_of_lines(clash, solved.collect()));
            }
        }
        let mut seen = BTreeSet::new();
        causes.retain(|cause| seen.insert(cause.clone()));
        causes
    }

    /// Says who needs what, from the solutions without one line each.
    fn clash_of_lines(
        &self,
        clash: &[Part],
        solved: Vec<(usize, &[RepoDataRecord])>,
    ) -> Vec<String> {
        let demands = solved
            .iter()
            .map(|(line, records)| self.demands(*line, clash, records));
        let demands: Vec<Vec<(u8, String)>> = demands.collect();
        // What stands next to the recipe's own lines says most.
        let closest = demands
            .iter()
            .flatten()
            .map(|(distance, _)| *distance)
            .min();
        let demands = demands.into_iter().flat_map(|of_line| {
            let near = of_line.into_iter().filter(|(at, _)| Some(*at) == closest);
            near.map(|(_, text)| text).take(SHOWN)
        });
        let demands: Vec<String> = demands.collect();
        match demands.is_empty() {
            true => solved
                .iter()
                .flat_map(|(line, records)| self.own_demands(*line, records))
                .collect(),
            false => demands,
        }
    }

    /// Returns who, in the solution without a line, shuts out all that the line
    /// accepts, with the distance from the recipe's lines.
    fn demands(
        &self,
        position: usize,
        clash: &[Part],
        records: &[RepoDataRecord],
    ) -> Vec<(u8, String)> {
        let line = self.index.fetched(&self.plan.dependencies[position].spec);
        let Some(name) = line.name.as_exact() else {
            return Vec::new();
        };
        let accepted: Vec<&RepoDataRecord> = self.usable(&line).collect();
        let mut demands = Vec::new();
        // `libtorch` goes wherever `pytorch` goes, and is no reason of its own.
        let others = records
            .iter()
            .filter(|record| belongs(record, name.as_normalized()).is_none());
        for record in others {
            let demand = texts(record).find_map(|(verb, text)| {
                if solution::name_of(text) != name.as_normalized() {
                    return None;
                }
                let spec = solution::parse_spec(text)?;
                let shut_out = accepted.iter().all(|accepted| !spec.matches(*accepted));
                shut_out.then(|| format!("`{}` {verb} `{text}`", solution::label(record)))
            });
            demands.extend(demand.map(|demand| (self.distance(record, clash), demand)));
        }
        demands
    }

    /// Returns what the newest that a line accepts demands of the solution without it.
    fn own_demands(&self, position: usize, records: &[RepoDataRecord]) -> Vec<String> {
        let line = self.index.fetched(&self.plan.dependencies[position].spec);
        let Some(newest) = self.usable(&line).max_by_key(|r| version_key(r)) else {
            return Vec::new();
        };
        let demands = texts(newest).filter_map(|(verb, text)| {
            let spec = solution::parse_spec(text)?;
            let name = spec.name.as_exact()?;
            let there = records.iter().find(|r| r.package_record.name == *name)?;
            let label = solution::label(newest);
            (!spec.matches(there)).then(|| {
                let there = solution::label(there);
                format!("`{label}` {verb} `{text}`, the rest takes `{there}`")
            })
        });
        demands.take(SHOWN).collect()
    }

    /// Returns 0 for what a line of the clash names, 1 for what such a package
    /// needs, 2 for all else.
    pub(super) fn distance(&self, record: &RepoDataRecord, clash: &[Part]) -> u8 {
        let lines = clash.iter().filter_map(|part| part.line());
        let named = lines.filter_map(|line| self.plan.dependencies[line].spec.name.as_exact());
        named
            .filter_map(|other| belongs(record, other.as_normalized()))
            .min()
            .unwrap_or(2)
    }

    /// Returns who in the solution does not accept the target as it is.
    fn needs(&self, key: Key, clash: &[Part], records: &[RepoDataRecord]) -> Vec<String> {
        let mut needs = Vec::new();
        for record in records {
            let needed = texts(record).filter_map(|(verb, text)| {
                let about = solution::name_of(text) == key.virtual_name();
                let bound = text.get(key.virtual_name().len()..).filter(|_| about)?;
                let text = format!("`{}` {verb} `{text}`", solution::label(record));
                let bound = lower_bound(bound);
                let here = self.value(key);
                let here = here.as_ref().and_then(Version::as_major_minor);
                let unmet = here.is_none() || bound > here;
                unmet.then_some((Reverse(bound), self.distance(record, clash), text))
            });
            needs.extend(needed);
        }
        // Who needs most decides.
        needs.sort();
        let texts = needs.into_iter().map(|(_, _, text)| text);
        texts.take(SHOWN).collect()
    }

    /// Returns what the date shuts out of a solution, the lines' own packages first.
    fn newest(&self, clash: &[Part], records: &[RepoDataRecord]) -> Vec<String> {
        let date = self.question.exclude_newer;
        let mut late = Vec::new();
        for record in records {
            let at = record.package_record.timestamp.map(jiff::Timestamp::from);
            let label = solution::label(record);
            let text = match at {
                None => format!("`{label}` has no date"),
                Some(_) if at <= date => continue,
                Some(at) => format!("`{label}` is of {}", at.strftime("%Y-%m-%d")),
            };
            late.push((self.distance(record, clash), Reverse(at), text));
        }
        late.sort();
        let texts = late.into_iter().map(|(_, _, text)| text);
        texts.take(SHOWN).collect()
    }

    /// Returns what the solution takes from a channel that the order hides.
    fn hidden(&self, clash: &[Part], records: &[RepoDataRecord]) -> Vec<String> {
        let mut hidden = Vec::new();
        for (record, weak, strong) in records.iter().filter_map(|r| self.hidden_in(r)) {
            let (weak, strong) = (weak.short_name(), strong.short_name());
            let label = solution::label(record);
            hidden.push((
                self.distance(record, clash),
                format!(
                    "`{label}` of `{weak}` is hidden, because `{strong}` has packages of that name"
                ),
            ));
        }
        hidden.sort();
        let texts = hidden.into_iter().map(|(_, text)| text);
        texts.take(SHOWN).collect()
    }

    /// Says what keeps a line from being satisfied, or what there is instead.
    fn alone_because(&self, position: usize) -> Vec<String> {
        let line = self.index.fetched(&self.plan.dependencies[position].spec);
        if self.matching(&line).next().is_some() {
            return self.lacking(&line, DEPTH).into_iter().collect();
        }
        let Some(name) = line.name.as_exact() else {
            return Vec::new();
        };
        let mut any = MatchSpec::from(name.clone());
        any.version.clone_from(&line.version);
        let mut there: Vec<&RepoDataRecord> = self.matching(&any).collect();
        if there.is_empty() {
            any.version = None;
            there = self.matching(&any).collect();
        }
        there.sort_by_key(|record| Reverse(version_key(record)));
        let mut labels: Vec<String> = there.iter().map(|r| solution::label(r)).collect();
        if line.build.is_none() {
            labels = there
                .iter()
                .map(|r| format!("{} {}", name.as_normalized(), r.package_record.version))
                .collect();
        }
        labels.dedup();
        let more = labels.len().saturating_sub(5);
        let shown: Vec<_> = labels.iter().take(5).map(|l| format!("`{l}`")).collect();
        let more = match more {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        vec![format!("there is {}{more}", shown.join(", "))]
    }

    /// Follows the newest candidate to a dependency that no channel has.
    fn lacking(&self, spec: &MatchSpec, depth: usize) -> Option<String> {
        let newest = self.matching(spec).max_by_key(|r| version_key(r))?;
        let depends = &newest.package_record.depends;
        let specs = depends.iter().filter_map(|text| {
            let spec = solution::parse_spec(text)?;
            let is_virtual = spec.is_virtual();
            (!is_virtual).then_some((text, spec))
        });
        let specs: Vec<_> = specs.collect();
        let lacks = specs
            .iter()
            .find(|(_, spec)| self.matching(spec).next().is_none());
        if let Some((text, _)) = lacks {
            let label = solution::label(newest);
            return Some(format!("`{label}` needs `{text}`, which no channel has"));
        }
        let deeper = depth.checked_sub(1)?;
        specs
            .iter()
            .find_map(|(_, spec)| self.lacking(spec, deeper))
    }
}

/// Returns 0 if a package has that name, 1 if it is a part of what has it, as
/// `tensorflow-base` and `libtorch` are.
fn belongs(record: &RepoDataRecord, name: &str) -> Option<u8> {
    let own = record.package_record.name.as_normalized();
    if own == name {
        return Some(0);
    }
    let is_part = own.starts_with(name) || own == format!("lib{}", name.trim_start_matches("py"));
    is_part.then_some(1)
}

/// Returns what a record asks for, with the verb that says so.
fn texts(record: &RepoDataRecord) -> impl Iterator<Item = (&'static str, &String)> {
    let package = &record.package_record;
    let depends = package.depends.iter().map(|text| ("needs", text));
    let constrains = package.constrains.iter().map(|text| ("accepts only", text));
    depends.chain(constrains)
}

pub(super) fn version_key(record: &RepoDataRecord) -> (&Version, u64) {
    let package = &record.package_record;
    (package.version.version(), package.build_number)
}
