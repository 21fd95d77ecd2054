//! Releases that their authors have withdrawn (PEP 592).
//!
//! uv takes one only where the recipe names exactly that version, or where it is
//! locked already. Both should be known.

use gpuenv_core::{Code, Diagnostic, Plan, Wheel, wheels::normalized};

/// The longest reason that is told, in characters.
const LONGEST: usize = 300;

/// A release that was withdrawn.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Yanked {
    name: String,
    version: String,
    reason: Option<String>,
}

/// Returns what uv says of withdrawn releases while it resolves.
pub(super) fn read(told: &str) -> Vec<Yanked> {
    told.lines().filter_map(of_line).collect()
}

/// Reads ``warning: `leaf==1.1` is yanked (reason: "broken")``.
fn of_line(line: &str) -> Option<Yanked> {
    let rest = line.trim().strip_prefix("warning: `")?;
    let (release, rest) = rest.split_once('`')?;
    let rest = rest.trim_start().strip_prefix("is yanked")?;
    let (name, version) = release.split_once("==")?;
    let reason = rest
        .split_once("reason: ")
        .map(|(_, reason)| {
            let reason = reason.trim_end();
            reason.strip_suffix(')').unwrap_or(reason).trim_matches('"')
        })
        .filter(|reason| !reason.is_empty())
        .map(|reason| reason.chars().take(LONGEST).collect());
    Some(Yanked {
        name: normalized(name)?,
        version: version.to_string(),
        reason,
    })
}

/// Returns what is to be known of the chosen wheels that were withdrawn.
pub(super) fn notes(plan: &Plan, yanked: &[Yanked], chosen: &[Wheel]) -> Vec<Diagnostic> {
    let is_chosen = |one: &&Yanked| {
        let mut chosen = chosen.iter();
        chosen.any(|wheel| wheel.name == one.name && wheel.version == one.version)
    };
    let told = yanked.iter().filter(is_chosen);
    told.map(|one| one.note(plan)).collect()
}

impl Yanked {
    fn note(&self, plan: &Plan) -> Diagnostic {
        let Self { name, version, .. } = self;
        let message = format!("the authors of `{name} {version}` have withdrawn it (yanked)");
        let note = Diagnostic::warning(Code::WHEELS_YANKED, message);
        let note = match &self.reason {
            Some(reason) => note.cause(format!("they say: {reason}")),
            None => note,
        };
        let mut wanted = plan.wheels.iter();
        let pinned = wanted.find(|wheel| {
            let text = wheel.requirement.to_string();
            // Behind a semicolon a marker compares, too.
            let bounds = text.split(" ;").next().unwrap_or_default();
            wheel.requirement.name.to_string() == *name && bounds.contains("==")
        });
        match pinned {
            Some(wheel) => note
                .cause(format!(
                    "the recipe names that version: `{}`",
                    wheel.requirement
                ))
                .help("name another version in `pypi-dependencies`, then `gpuenv lock`"),
            None => note
                .cause("it stays locked, and can still be installed")
                .help(format!(
                    "take another version: `gpuenv lock --upgrade {name}`"
                )),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn withdrawn_releases_are_found_among_what_uv_says() {
        let told = "Resolved 2 packages in 12ms\n\
            warning: `Leaf==1.1` is yanked (reason: \"broken (on Windows)\")\n\
            warning: `stem==2` is yanked\nwarning: something else is yanked\n";
        let found: Vec<String> = read(told)
            .into_iter()
            .map(|one| format!("{} {} {:?}", one.name, one.version, one.reason))
            .collect();
        assert_eq!(
            found,
            ["leaf 1.1 Some(\"broken (on Windows)\")", "stem 2 None"]
        );
    }
}
