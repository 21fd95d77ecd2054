//! Who needs what.

use std::collections::BTreeSet;

use gpuenv_core::solution::{self, Violation};
use rattler_conda_types::{MatchSpec, Matches, RepoDataRecord};

use super::{
    Search,
    clash::{Key, Part},
    remedy::Remedy,
};

/// How many demands of one kind are shown.
const SHOWN: usize = 3;

impl Search<'_> {
    /// Says what leads to a clash, from what the solutions with a change hold.
    pub(super) fn causes(&self, clash: &[Part], remedies: &[Remedy]) -> Vec<String> {
        let mut causes = Vec::new();
        let lines_alone = clash.iter().all(|part| matches!(part, Part::Line(_)));
        for part in clash {
            let remedy = remedies.iter().find(|remedy| remedy.parts.contains(part));
            match (part, remedy) {
                // Where the target or the date is at fault, a line that gives way
                // says nothing about why.
                (Part::Line(position), Some(remedy)) if lines_alone => {
                    causes.extend(self.demands(*position, clash, &remedy.records));
                }
                (Part::Target(key), Some(remedy)) => {
                    causes.extend(self.needs(*key, &remedy.records));
                }
                (Part::Newer, Some(remedy)) => causes.extend(self.newest(&remedy.records)),
                (Part::Priority, _) => causes.push(
                    "channel priority is strict: all packages of one name come from the first \
                     channel that has any"
                        .to_string(),
                ),
                (Part::Line(_), _) | (_, None) => {}
            }
        }
        if let [Part::Line(position)] = clash {
            causes.extend(self.what_is_there(*position));
        }
        let mut seen = BTreeSet::new();
        causes.retain(|cause| seen.insert(cause.clone()));
        causes
    }

    /// Returns who, in the solution without a line, shuts out all that the line accepts.
    fn demands(&self, position: usize, clash: &[Part], records: &[RepoDataRecord]) -> Vec<String> {
        let line = self.index.fetched(&self.plan.dependencies[position].spec);
        let Some(name) = line.name.as_exact() else {
            return Vec::new();
        };
        let accepted: Vec<&RepoDataRecord> = self.matching(&line).collect();
        if accepted.is_empty() {
            return Vec::new();
        }
        let mut demands = Vec::new();
        for record in records.iter().filter(|r| r.package_record.name != *name) {
            let demand = texts(record).find_map(|(verb, text)| {
                if solution::name_of(text) != name.as_normalized() {
                    return None;
                }
                let spec = solution::parse_spec(text)?;
                let shut_out = accepted.iter().all(|accepted| !spec.matches(*accepted));
                shut_out.then(|| format!("`{}` {verb} `{text}`", solution::label(record)))
            });
            demands.extend(demand.map(|demand| (self.closeness(record, clash), demand)));
        }
        if demands.is_empty() {
            return self.own_demands(&line, records);
        }
        let closest = demands.iter().map(|(rank, _)| *rank).min();
        demands.retain(|(rank, _)| Some(*rank) == closest);
        demands
            .into_iter()
            .map(|(_, text)| text)
            .take(SHOWN)
            .collect()
    }

    /// Returns what the newest that a line accepts demands of the solution without it.
    fn own_demands(&self, line: &MatchSpec, records: &[RepoDataRecord]) -> Vec<String> {
        let Some(newest) = self.matching(line).max_by_key(|r| version_key(r)) else {
            return Vec::new();
        };
        let demands = texts(newest).filter_map(|(verb, text)| {
            let spec = solution::parse_spec(text)?;
            let name = spec.name.as_exact()?;
            let there = records.iter().find(|r| r.package_record.name == *name)?;
            let label = solution::label(newest);
            (!spec.matches(there)).then(|| {
                format!(
                    "`{label}` {verb} `{text}`, the rest takes `{}`",
                    solution::label(there)
                )
            })
        });
        demands.take(SHOWN).collect()
    }

    /// Returns 0 for what a line of the clash names, 1 for what such a package
    /// needs, 2 for all else.
    fn closeness(&self, record: &RepoDataRecord, clash: &[Part]) -> u8 {
        let name = record.package_record.name.as_normalized();
        let named = clash.iter().filter_map(|part| match part {
            Part::Line(position) => self.plan.dependencies[*position].spec.name.as_exact(),
            Part::Newer | Part::Target(_) | Part::Priority => None,
        });
        // `tensorflow-base` belongs to `tensorflow`.
        let belongs = |other: &str| {
            let rest = name.strip_prefix(other).or_else(|| {
                name.strip_prefix("lib")
                    .and_then(|name| name.strip_prefix(other))
            });
            rest.map(|rest| u8::from(!rest.is_empty()))
        };
        named
            .filter_map(|other| belongs(other.as_normalized()))
            .min()
            .unwrap_or(2)
    }

    /// Returns who in the solution does not accept the target as it is.
    fn needs(&self, key: Key, records: &[RepoDataRecord]) -> Vec<String> {
        let violations = solution::verify(
            self.plan.platform(),
            &[],
            &self.question.virtual_packages,
            records,
        );
        let needs = violations.into_iter().filter_map(|violation| {
            let (by, verb, spec) = match violation {
                Violation::Missing {
                    by: Some(by), spec, ..
                } => (by, "needs", spec),
                Violation::Constrained { by, spec, .. } => (by, "accepts only", spec),
                _ => return None,
            };
            let about = solution::name_of(&spec) == key.virtual_name();
            about.then(|| format!("`{by}` {verb} `{spec}`"))
        });
        needs.take(SHOWN).collect()
    }

    /// Returns the newest of a solution, which the date shuts out.
    fn newest(&self, records: &[RepoDataRecord]) -> Vec<String> {
        let date = self.question.exclude_newer;
        let mut late: Vec<_> = records
            .iter()
            .filter_map(|record| {
                let at = record.package_record.timestamp.map(jiff::Timestamp::from);
                match at {
                    None => Some((at, format!("`{}` has no date", solution::label(record)))),
                    Some(_) if at <= date => None,
                    Some(time) => {
                        let day = time.strftime("%Y-%m-%d");
                        Some((at, format!("`{}` is of {day}", solution::label(record))))
                    }
                }
            })
            .collect();
        late.sort();
        late.into_iter().map(|(_, text)| text).take(SHOWN).collect()
    }

    /// Says what the channels have instead of what a line asks for.
    fn what_is_there(&self, position: usize) -> Vec<String> {
        let line = self.index.fetched(&self.plan.dependencies[position].spec);
        if self.matching(&line).next().is_some() {
            return self.lacking(&line, 6).into_iter().collect();
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
        there.sort_by_key(|record| std::cmp::Reverse(version_key(record)));
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

/// Returns what a record asks for, with the verb that says so.
fn texts(record: &RepoDataRecord) -> impl Iterator<Item = (&'static str, &String)> {
    let package = &record.package_record;
    let depends = package.depends.iter().map(|text| ("needs", text));
    let constrains = package.constrains.iter().map(|text| ("accepts only", text));
    depends.chain(constrains)
}

fn version_key(record: &RepoDataRecord) -> (&rattler_conda_types::Version, u64) {
    let package = &record.package_record;
    (package.version.version(), package.build_number)
}
