//! Packages that a stronger channel hides.
//!
//! Channel priority is strict: all packages of one name come from the first
//! channel that has any.

use std::sync::Arc;

use rattler_conda_types::{Channel, ChannelUrl, MatchSpec, RepoDataRecord};

use super::{Search, clash::Answer};
use crate::{index::ChannelPlace, solve::Question};

/// How many hidden packages are tried one by one.
const TRIED: usize = 8;

impl Search<'_> {
    /// Reaches what a stronger channel hides, by naming its channel or by order.
    pub(super) fn unhide(
        &self,
        question: &mut Question,
        records: &[RepoDataRecord],
    ) -> Option<String> {
        question.priority = self.question.priority;
        let mut hidden: Vec<_> = records.iter().filter_map(|r| self.hidden_in(r)).collect();
        // What the recipe names itself is the likeliest.
        hidden.sort_by_key(|(record, ..)| self.line_about(record).is_none());
        for (record, place, _) in hidden.iter().take(TRIED) {
            let mut with = question.clone();
            let text = self.take_from_channel(record, place, &mut with);
            if let Answer::Solved(_) = self.ask(&with) {
                *question = with;
                return Some(text);
            }
        }
        let mut weak: Vec<&ChannelPlace> = hidden.into_iter().map(|(_, weak, _)| weak).collect();
        weak.dedup_by_key(|place| &place.recorded);
        for place in weak {
            let mut with = question.clone();
            with.first = Some(place.recorded.clone());
            if let Answer::Solved(_) = self.ask(&with) {
                *question = with;
                return Some(format!(
                    "put `{}` first under `channels`",
                    place.short_name()
                ));
            }
        }
        None
    }

    /// Returns the record, its channel, and a stronger one that has a package of
    /// that name.
    pub(super) fn hidden_in<'r>(
        &self,
        record: &'r RepoDataRecord,
    ) -> Option<(&'r RepoDataRecord, &ChannelPlace, &ChannelPlace)> {
        let name = &record.package_record.name;
        let mut all = self.index.records();
        let first = all.find(|other| other.package_record.name == *name)?;
        if first.channel == record.channel {
            return None;
        }
        Some((record, self.index.place(record)?, self.index.place(first)?))
    }

    fn line_about(&self, record: &RepoDataRecord) -> Option<usize> {
        let mut lines = self.plan.dependencies.iter();
        lines.position(|line| line.spec.name.as_exact() == Some(&record.package_record.name))
    }

    /// Asks for a package from one channel; says what to write for that.
    fn take_from_channel(
        &self,
        record: &RepoDataRecord,
        place: &ChannelPlace,
        question: &mut Question,
    ) -> String {
        let channel = Channel::from_url(ChannelUrl::from(place.fetched.clone()));
        let spec = MatchSpec {
            channel: Some(Arc::new(channel)),
            ..MatchSpec::from(record.package_record.name.clone())
        };
        let short = place.short_name();
        let line = self
            .line_about(record)
            .filter(|at| question.lines[*at].is_some());
        let Some(position) = line else {
            let name = record.package_record.name.as_normalized();
            question.more.push(spec);
            return format!("add `{short}::{name}` to the dependencies");
        };
        if let Some(line) = &mut question.lines[position] {
            line.channel = spec.channel;
        }
        let written = &self.plan.dependencies[position].text;
        format!("write `{short}::{written}` instead of `{written}`")
    }
}
