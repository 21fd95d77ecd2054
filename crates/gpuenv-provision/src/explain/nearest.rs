//! The version nearest to what a line asks for with which the recipe can be solved.

use gpuenv_core::plan::Dependency;
use rattler_conda_types::{RepoDataRecord, Version};

use super::{
    Search,
    remedy::{rewritten, series},
};
use crate::solve::Question;

/// How many of the nearest release series are tried one by one.
const ONE_BY_ONE: usize = 3;

/// The versions of one release series, such as `8.4.*`.
struct Series {
    text: String,
    newest: Version,
    /// Whether the line accepts one of them.
    is_accepted: bool,
}

/// A line in another version that is enough.
pub(super) struct Nearest {
    /// What to write.
    pub(super) text: String,
    /// Whether nothing nearer is enough; else it is only not known.
    pub(super) is_nearest: bool,
}

impl Search<'_> {
    /// Puts a near release series that is enough into the question, and returns it.
    ///
    /// The line stands in the question without its version; `chosen` is what a solution
    /// has then. The nearest series are tried one by one, and the way from there to the
    /// solution is halved: mostly what is enough stays enough on it.
    pub(super) fn nearest(
        &self,
        position: usize,
        chosen: &RepoDataRecord,
        question: &mut Question,
    ) -> Option<Nearest> {
        let written = &self.plan.dependencies[position];
        let loose = question.lines[position].clone()?;
        let all = self.series_of(written, &loose);
        let build = loose.build.as_ref().map(ToString::to_string);
        let line = |at: usize| rewritten(written, &all[at].text, build.as_deref());
        let works = |at: usize| {
            let (text, spec) = line(at)?;
            // What is written already is not enough.
            if text == written.text {
                return None;
            }
            let mut with = question.clone();
            with.lines[position] = Some(self.index.fetched(&spec));
            self.ask(&with).solved()?;
            Some((text, with))
        };
        let order = nearest_first(&all, written);
        let one_by_one = order.iter().take(ONE_BY_ONE);
        if let Some((text, with)) = one_by_one.copied().find_map(works) {
            *question = with;
            let is_nearest = true;
            return Some(Nearest { text, is_nearest });
        }
        let chosen = series(&chosen.package_record.version.to_string());
        let from = *order.first()?;
        let to = all.iter().position(|series| series.text == chosen)?;
        let way: Vec<usize> = match from < to {
            true => (from + 1..=to).collect(),
            false => (to..from).rev().collect(),
        };
        // The end of the way is what the solution has.
        let (mut low, mut high) = (0, way.len().checked_sub(1)?);
        let mut found = works(way[high]);
        while low < high {
            let middle = low + (high - low) / 2;
            match works(way[middle]) {
                Some(nearer) => (found, high) = (Some(nearer), middle),
                None => low = middle + 1,
            }
        }
        let (text, with) = found?;
        *question = with;
        let is_nearest = false;
        Some(Nearest { text, is_nearest })
    }

    /// Returns the release series of what a line is about, oldest first.
    fn series_of(
        &self,
        written: &Dependency,
        loose: &rattler_conda_types::MatchSpec,
    ) -> Vec<Series> {
        let mut records: Vec<&RepoDataRecord> = self.usable(loose).collect();
        records.sort_by_key(|record| record.package_record.version.version());
        let mut all: Vec<Series> = Vec::new();
        for record in records {
            let version = &record.package_record.version;
            let text = series(&version.to_string());
            let wanted = written.spec.version.as_ref();
            let is_accepted = wanted.is_none_or(|wanted| wanted.matches(version));
            match all.last_mut().filter(|last| last.text == text) {
                Some(last) => {
                    last.newest = version.version().clone();
                    last.is_accepted |= is_accepted;
                }
                None => all.push(Series {
                    text,
                    newest: version.version().clone(),
                    is_accepted,
                }),
            }
        }
        all
    }
}

/// Returns the positions of series by how far they are from what a line accepts, of two
/// that are as far the newer one first.
fn nearest_first(all: &[Series], written: &Dependency) -> Vec<usize> {
    let accepted = all.iter().enumerate().filter(|(_, s)| s.is_accepted);
    // Twice the position, so that there is room between two.
    let mut anchors: Vec<usize> = accepted.map(|(at, _)| 2 * at + 1).collect();
    if anchors.is_empty() {
        let wanted = written.spec.version.as_ref().map(ToString::to_string);
        let number = wanted.and_then(|text| number_in(&text));
        let older = all.iter().filter(|series| {
            let number = number.as_ref();
            number.is_none_or(|number| series.newest < *number)
        });
        anchors.push(2 * older.count());
    }
    let distance = |at: usize| {
        let own = 2 * at + 1;
        anchors.iter().map(|anchor| anchor.abs_diff(own)).min()
    };
    let mut order: Vec<usize> = (0..all.len()).collect();
    order.sort_by_key(|at| (distance(*at), std::cmp::Reverse(*at)));
    order
}

/// Returns the first version that a requirement names.
fn number_in(text: &str) -> Option<Version> {
    let mut words = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '.');
    words.find_map(|word| word.trim_end_matches('.').parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;
    use rattler_conda_types::{MatchSpec, ParseMatchSpecOptions};

    fn order(versions: &[&str], line: &str) -> Vec<String> {
        let spec = MatchSpec::from_str(line, ParseMatchSpecOptions::strict()).unwrap();
        let all: Vec<Series> = versions
            .iter()
            .map(|text| {
                let newest: Version = text.parse().unwrap();
                let wanted = spec.version.as_ref().unwrap();
                Series {
                    text: (*text).to_string(),
                    is_accepted: wanted.matches(&newest),
                    newest,
                }
            })
            .collect();
        let written = Dependency {
            text: line.to_string(),
            spec,
            place: None,
        };
        let order = nearest_first(&all, &written).into_iter();
        order.map(|at| all[at].text.clone()).collect()
    }

    #[test]
    fn the_nearest_come_first_and_of_two_the_newer_one() {
        let known = ["8.1", "8.2", "8.4", "8.9", "9.1"];
        assert_eq!(
            order(&known, "x 8.4.*"),
            ["8.4", "8.9", "8.2", "9.1", "8.1"]
        );
        assert_eq!(order(&known, "x >=9"), ["9.1", "8.9", "8.4", "8.2", "8.1"]);
        assert_eq!(order(&known, "x <8.4"), ["8.2", "8.1", "8.4", "8.9", "9.1"]);
        // What nobody has lies between two that somebody has.
        assert_eq!(
            order(&known, "x 8.3.*"),
            ["8.4", "8.2", "8.9", "8.1", "9.1"]
        );
        assert_eq!(order(&known, "x 99.*")[0], "9.1");
        assert_eq!(order(&known, "x 1.*")[0], "8.1");
    }
}
