//! The least value of the target, and the earliest date, that are enough.

use std::collections::{BTreeMap, BTreeSet};

use gpuenv_core::{Plan, exclude_newer, fits::lower_bound, solution};
use jiff::{Timestamp, ToSpan, civil::Date, tz::TimeZone};
use rattler_conda_types::Version;

use super::{
    Search,
    clash::{Answer, Key},
};
use crate::{index::Index, solve::Question};

impl Search<'_> {
    /// Puts the least value of a key that is enough into the question.
    ///
    /// What is enough stays enough: a newer driver runs what an older one runs.
    pub(super) fn least_value(&self, key: Key, question: &mut Question) -> Option<String> {
        let here = self.value(key);
        let higher = self.higher(key);
        let enough = first_enough(higher.len(), |position| {
            question.set(key, higher[position].clone());
            self.ask(question)
        })?;
        let enough = &higher[enough];
        question.set(key, enough.clone());
        let key = key.text();
        Some(match here {
            Some(_) => format!("raise `{key}` under `target` to `\"{enough}\"` or higher"),
            None => format!("add `{key}: \"{enough}\"` or higher under `target`"),
        })
    }

    /// Returns the versions that somebody asks for and the target does not have.
    fn higher(&self, key: Key) -> Vec<Version> {
        let here = self.value(key);
        let floor = here.as_ref().and_then(Version::as_major_minor);
        let bounds = self.bounds[&key].iter().copied();
        let higher = bounds.filter(|bound| Some(*bound) > floor);
        let versions = higher.map(|(major, minor)| format!("{major}.{minor}"));
        versions.filter_map(|text| text.parse().ok()).collect()
    }

    /// Returns the version that is enough for everybody.
    ///
    /// Not higher than that: some packages name an upper bound.
    pub(super) fn highest(&self, key: Key) -> Option<Version> {
        self.higher(key).pop()
    }

    /// Returns the value of a key in the target, its default included.
    pub(super) fn value(&self, key: Key) -> Option<Version> {
        let mut packages = self.question.virtual_packages.iter();
        let package = packages.find(|p| p.name.as_normalized() == key.virtual_name())?;
        Some(package.version.clone())
    }

    /// Puts the earliest day that is enough into the question.
    pub(super) fn earliest_date(&self, question: &mut Question) -> Option<String> {
        let from = self.question.exclude_newer?;
        let dated = self
            .index
            .records()
            .filter_map(|r| r.package_record.timestamp);
        let last = dated.map(Timestamp::from).max()?.max(from);
        let first_day = from.to_zoned(TimeZone::UTC).date();
        let last_day = last.to_zoned(TimeZone::UTC).date();
        let days = last_day.since(first_day).ok()?.get_days();
        let day = |number: usize| -> Option<Date> {
            let number = i64::try_from(number).ok()?;
            first_day.checked_add(number.days()).ok()
        };
        let enough = first_enough(usize::try_from(days).ok()? + 1, |position| {
            question.exclude_newer = day(position).and_then(exclude_newer::end_of);
            self.ask(question)
        });
        let Some(enough) = enough.and_then(day) else {
            // Packages without a date are always too new.
            question.exclude_newer = None;
            return Some("leave out `--exclude-newer`".to_string());
        };
        question.exclude_newer = exclude_newer::end_of(enough);
        Some(format!("write `--exclude-newer {enough}` or later"))
    }
}

/// The versions of each virtual package that somebody asks for, lowest first.
pub(super) type Bounds = BTreeMap<Key, BTreeSet<(u64, u64)>>;

/// Returns the versions of the virtual packages that packages and lines ask for.
pub(super) fn bounds(plan: &Plan, index: &Index) -> Bounds {
    let mut bounds: Bounds = Key::ALL.map(|key| (key, BTreeSet::new())).into();
    let lines = plan.dependencies.iter().map(|line| line.text.as_str());
    let records = index.records().flat_map(|record| {
        let package = &record.package_record;
        let texts = package.depends.iter().chain(&package.constrains);
        texts.map(String::as_str)
    });
    for text in lines.chain(records).filter(|text| text.starts_with("__")) {
        let name = solution::name_of(text);
        for (key, bounds) in &mut bounds {
            if key.virtual_name() == name {
                bounds.extend(lower_bound(&text[name.len()..]));
            }
        }
    }
    // Where a package names no version, any is enough.
    bounds.entry(Key::Cuda).or_default().insert((11, 0));
    bounds
}

/// Returns the first position that is enough, where all after it are too.
///
/// Out of time it is one that is enough, not always the first.
fn first_enough(count: usize, mut ask: impl FnMut(usize) -> Answer) -> Option<usize> {
    let (mut low, mut high) = (0, count);
    while low < high {
        let middle = low + (high - low) / 2;
        match ask(middle) {
            Answer::Solved(_) => high = middle,
            Answer::Unsolvable(_) => low = middle + 1,
            Answer::Unknown => break,
        }
    }
    (high < count).then_some(high)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_that_is_enough_is_found() {
        for count in 0..20 {
            for first in 0..=count {
                let found = first_enough(count, |position| match position >= first {
                    true => Answer::Solved([].into()),
                    false => Answer::Unsolvable("".into()),
                });
                assert_eq!(found, (first < count).then_some(first));
            }
        }
    }
}
