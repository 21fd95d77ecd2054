//! What clashes, in one sentence.

use gpuenv_core::{Place, exclude_newer};
use rattler_conda_types::{Matches, RepoDataRecord};

use super::{
    Search,
    clash::{Key, Part},
};

impl Search<'_> {
    /// Returns a line that nothing in the channels matches.
    pub(super) fn unmatched_line(&self) -> Option<usize> {
        let mut lines = self.question.lines.iter();
        lines.position(|line| {
            line.as_ref().is_some_and(|spec| {
                let is_virtual = spec.is_virtual();
                !is_virtual && self.matching(spec).next().is_none()
            })
        })
    }

    /// Returns the records that a spec accepts, its channel included.
    pub(super) fn matching(
        &self,
        spec: &rattler_conda_types::MatchSpec,
    ) -> impl Iterator<Item = &RepoDataRecord> {
        let channel = spec.channel.as_ref().map(|c| c.canonical_name());
        self.index.records().filter(move |record| {
            spec.matches(*record) && (channel.is_none() || record.channel == channel)
        })
    }

    /// Returns the records that a spec accepts and `gpu` does not rule out.
    pub(super) fn usable(
        &self,
        spec: &rattler_conda_types::MatchSpec,
    ) -> impl Iterator<Item = &RepoDataRecord> {
        self.matching(spec)
            .filter(|record| !self.rules.rule_out(record))
    }

    /// Returns the place of the first line of a clash.
    pub(super) fn place(&self, clash: &[Part]) -> Option<Place> {
        let mut lines = clash.iter().filter_map(|part| part.line());
        lines.find_map(|line| self.plan.dependencies[line].place.clone())
    }

    /// Says in one sentence what clashes.
    pub(super) fn sentence(&self, clash: &[Part]) -> String {
        let platform = self.plan.platform();
        let lines: Vec<usize> = clash.iter().filter_map(|part| part.line()).collect();
        let keys: Vec<Key> = clash.iter().filter_map(|part| part.key()).collect();
        let named = self.named(&lines);
        let for_lines = match lines.len() {
            0 => "the recipe".to_string(),
            1 => named.clone(),
            _ => format!("{named} together"),
        };
        let date = self
            .question
            .exclude_newer
            .filter(|_| clash.contains(&Part::Newer));
        let hidden = clash.contains(&Part::Priority);
        let ruled = clash.contains(&Part::Gpu);
        if ruled {
            return self.no_build(clash, &for_lines);
        }
        match (date, hidden, keys.as_slice(), lines.as_slice()) {
            (None, false, [], [line]) => self.alone(*line),
            (None, false, [], []) => {
                format!("no set of packages satisfies the recipe for {platform}")
            }
            (None, false, [], [..]) => match self.same_package(&lines) {
                true => format!("{named} contradict each other"),
                false => format!("{named} do not go together for {platform}"),
            },
            (None, false, [key], [..]) => self.target_alone(*key, &for_lines),
            (Some(date), false, [], [..]) => {
                let date = exclude_newer::display(date);
                format!("nothing built by {date} satisfies {for_lines} for {platform}")
            }
            (None, true, [], [..]) => self.hidden_sentence(&lines, &for_lines),
            _ => format!(
                "{} leave no candidate of {for_lines} for {platform}",
                list(&self.limits(clash))
            ),
        }
    }

    /// Returns what is no line and no `gpu` in a clash, as the recipe has it.
    pub(super) fn limits(&self, clash: &[Part]) -> Vec<String> {
        let mut parts = clash.to_vec();
        // What the recipe's reader knows best comes first.
        parts.sort_by_key(|part| !matches!(part, Part::Target(_)));
        let limits = parts.iter().filter_map(|part| match part {
            Part::Target(key) => Some(self.limit(*key)),
            Part::Newer => {
                let date = exclude_newer::display(self.question.exclude_newer?);
                Some(format!("`--exclude-newer {date}`"))
            }
            Part::Priority => Some("the order of the channels".to_string()),
            Part::Line(_) | Part::Gpu => None,
        });
        limits.collect()
    }

    fn named(&self, lines: &[usize]) -> String {
        let texts = lines
            .iter()
            .map(|at| format!("`{}`", self.plan.dependencies[*at].text));
        list(&texts.collect::<Vec<_>>())
    }

    pub(super) fn same_package(&self, lines: &[usize]) -> bool {
        let name = |at: &usize| &self.plan.dependencies[*at].spec.name;
        lines.iter().all(|at| name(at) == name(&lines[0]))
    }

    /// Says why one line cannot be satisfied whatever the others are.
    fn alone(&self, line: usize) -> String {
        let written = &self.plan.dependencies[line];
        let platform = self.plan.platform();
        let text = &written.text;
        let fetched = self.index.fetched(&written.spec);
        if self.matching(&fetched).next().is_some() {
            return format!(
                "`{text}` cannot be installed for {platform}, whatever else is in the recipe"
            );
        }
        let mut elsewhere = fetched.clone();
        elsewhere.channel = None;
        let mut any_build = elsewhere.clone();
        any_build.build = None;
        any_build.build_number = None;
        if let Some(channel) = &fetched.channel
            && let Some(record) = self.matching(&elsewhere).next()
        {
            let there = self
                .index
                .place(record)
                .map_or("?", |place| place.short_name());
            let name = written.spec.channel.as_ref().and_then(|c| c.name.clone());
            let name = name.unwrap_or_else(|| channel.canonical_name());
            return format!(
                "channel `{name}` has nothing that matches `{text}` for {platform}, `{there}` has"
            );
        }
        match self.matching(&any_build).next() {
            Some(_) => format!("no build in the channels matches `{text}` for {platform}"),
            None => format!("no version in the channels matches `{text}` for {platform}"),
        }
    }

    fn target_alone(&self, key: Key, for_lines: &str) -> String {
        let platform = self.plan.platform();
        match (self.value(key), key) {
            (None, Key::Cuda) => {
                format!("{for_lines} needs a GPU, and the target of {platform} has no `cuda`")
            }
            (None, _) => format!(
                "{for_lines} needs a `{0}`, and the target of {platform} has no `{0}`",
                key.text()
            ),
            (Some(_), _) => {
                format!(
                    "{} of the target is too low for {for_lines} on {platform}",
                    self.limit(key)
                )
            }
        }
    }

    /// Returns a value of the target as the recipe has it.
    fn limit(&self, key: Key) -> String {
        let text = key.text();
        let written = match key {
            Key::Cuda => self.plan.target.cuda.is_some(),
            Key::ComputeCapability => self.plan.target.compute_capability.is_some(),
            Key::Glibc => self.plan.target.glibc.is_some(),
        };
        match (self.value(key), written) {
            (Some(version), true) => format!("`{text}: \"{version}\"`"),
            (Some(version), false) => format!("the default `{text}: \"{version}\"`"),
            (None, _) => format!("the missing `{text}`"),
        }
    }

    fn hidden_sentence(&self, lines: &[usize], for_lines: &str) -> String {
        let platform = self.plan.platform();
        for line in lines {
            let written = &self.plan.dependencies[*line];
            let fetched = self.index.fetched(&written.spec);
            let mut hidden = self.matching(&fetched).map(|record| self.hidden_in(record));
            if let Some(Some((record, weak, strong))) = hidden.next()
                && hidden.all(|hidden| hidden.is_some())
            {
                return format!(
                    "`{}` is only in channel `{}`, and `{}` comes before it and has other `{}`",
                    written.text,
                    weak.short_name(),
                    strong.short_name(),
                    record.package_record.name.as_normalized()
                );
            }
        }
        format!("the order of the channels hides what {for_lines} needs for {platform}")
    }
}

/// Joins words as a sentence does.
pub(super) fn list(words: &[String]) -> String {
    match words {
        [] => String::new(),
        [word] => word.clone(),
        [all @ .., last] => format!("{} and {last}", all.join(", ")),
    }
}
