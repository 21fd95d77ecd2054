//! `gpuenv diff`: how two locks or environments differ.

use std::{collections::BTreeMap, fmt::Write as _};

use gpuenv_core::{
    Bytes, Lock, graph,
    lock::{self, Change, ChangeKind, Entry, PlatformComparison},
};
use rattler_conda_types::Subdir;
use serde_json::json;

use crate::{
    Failure, Outcome, Session,
    looking::{self, Looked},
    untrusted,
};

/// No text of a channel is shown longer.
const LONGEST: usize = 120;

/// Show how two locks or environments differ, package by package
///
/// Exits with 1 if they do. Of an environment, what is really installed is compared.
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = "Examples:\n  \
    gpuenv diff old.lock gpuenv.lock\n  \
    gpuenv diff gpuenv.lock tf-gpu                       a lock and an environment\n  \
    git show HEAD:gpuenv.lock | gpuenv diff - gpuenv.lock    what a commit would change")]
pub struct Args {
    /// An environment's name or prefix, a lock file, or a recipe that has a lock; `-` for a
    /// lock on stdin
    #[arg(value_name = "FIRST")]
    pub first: String,
    /// What to compare it with, named in the same way
    #[arg(value_name = "SECOND")]
    pub second: String,
    /// Compare only this platform
    #[arg(long, value_name = "PLATFORM")]
    pub platform: Option<Subdir>,
    /// Print one JSON document
    #[arg(long)]
    pub json: bool,
}

impl Args {
    /// Returns whether one JSON document is wanted on stdout.
    pub fn json(&self) -> bool {
        self.json
    }
}

/// Compares.
///
/// # Errors
/// Returns what keeps a side from being read.
pub fn run(args: Args, session: &Session) -> Result<Outcome, Failure> {
    if args.first == "-" && args.second == "-" {
        return Err(Failure::usage("only one of the two can be on stdin"));
    }
    let first = looking::find(Some(&args.first), session)?;
    let second = looking::find(Some(&args.second), session)?;
    // An environment is for one platform, and says nothing of the others of a lock.
    let only = args.platform.or(first.platform).or(second.platform);
    if let Some(only) = only {
        for looked in [&first, &second] {
            if looked.lock.names(only).is_empty() {
                let there = looked.lock.platforms.keys().map(String::as_str);
                return Err(graph::no_platform(&looked.label, only.as_str(), there).into());
            }
        }
    }
    let mut compared = match variant(&first, &second) {
        None => lock::compare(&first.lock, &second.lock),
        Some(variant) => lock::compare(&alone(&first.lock, variant), &alone(&second.lock, variant)),
    };
    if let Some(only) = only {
        compared.retain(|name, _| lock::subdir_of(name) == Some(only));
    }
    let same = compared.values().all(PlatformComparison::is_same);
    let facts = json!({ "same": same, "platforms": compared });
    let outcome = match same {
        true => Outcome::done(),
        false => Outcome::no(),
    };
    let outcome = outcome.text(text(&compared)).paged().facts(&facts);
    let notes = [first.notes(), second.notes()].concat();
    Ok(notes.into_iter().fold(outcome, Outcome::diagnostic))
}

/// Returns the variant that an environment is, if one of the two is one of a variant.
fn variant<'l>(first: &'l Looked, second: &'l Looked) -> Option<&'l str> {
    let of = |looked: &'l Looked| {
        let platform = looked.platform?;
        lock::variant_of(looked.lock.names(platform).first()?, platform)
    };
    of(first).or_else(|| of(second))
}

/// An environment is one variant: it is compared with that one of the other side, else
/// with what is preferred there.
fn alone(lock: &Lock, variant: &str) -> Lock {
    let has = lock.names_of(variant).next().is_some();
    lock.of_variant(Some(variant).filter(|_| has))
}

fn text(compared: &BTreeMap<String, PlatformComparison>) -> String {
    let mut text = String::new();
    for (name, compared) in compared {
        let _ = match (compared.in_first, compared.in_second) {
            (true, false) => writeln!(text, "{name}: only in the first"),
            (false, true) => writeln!(text, "{name}: only in the second"),
            _ => writeln!(text, "{name}: {}", summary(compared)),
        };
        if !(compared.in_first && compared.in_second) {
            continue;
        }
        let asked = |sign: char, lines: &[String], what: &str| -> String {
            let lines = lines.iter();
            let lines = lines.map(|line| format!("  {sign} {what} `{}`\n", shown(line)));
            lines.collect()
        };
        text += &asked('-', &compared.lines_removed, "asked for");
        text += &asked('+', &compared.lines_added, "asked for");
        text += &asked('-', &compared.machine_removed, "solved for");
        text += &asked('+', &compared.machine_added, "solved for");
        for change in &compared.changes {
            text += &line(change);
        }
    }
    text
}

fn summary(compared: &PlatformComparison) -> String {
    if compared.is_same() {
        return format!("the same {} packages", compared.same);
    }
    let words = [
        (ChangeKind::Added, "added"),
        (ChangeKind::Removed, "removed"),
        (ChangeKind::Newer, "newer"),
        (ChangeKind::Older, "older"),
        (ChangeKind::Rebuilt, "rebuilt"),
        (ChangeKind::Replaced, "replaced"),
    ];
    let count = |kind: ChangeKind| compared.changes.iter().filter(|c| c.kind == kind).count();
    let counts = words.into_iter().map(|(kind, word)| (count(kind), word));
    let told = counts.filter(|(count, _)| *count > 0);
    let mut told: Vec<String> = told
        .map(|(count, word)| format!("{count} {word}"))
        .collect();
    told.push(format!("{} the same", compared.same));
    let (before, after) = compared.bytes;
    match before == after || before == 0 || after == 0 {
        true => told.join(", "),
        false => format!("{}; {} → {}", told.join(", "), Bytes(before), Bytes(after)),
    }
}

fn line(change: &Change) -> String {
    let name = match change.wheel {
        true => format!("{} (wheel)", change.name),
        false => change.name.clone(),
    };
    let whole = |entry: &Entry| {
        let mut text = entry.version.clone();
        if let Some(build) = &entry.build {
            let _ = write!(text, " {build}");
        }
        let _ = write!(text, " {}", entry.channel);
        if let Some(size) = entry.size {
            let _ = write!(text, ", {}", Bytes(size));
        }
        text
    };
    let text = match (&change.from, &change.to) {
        (None, Some(to)) => format!("+ {name} {}", whole(to)),
        (Some(from), None) => format!("- {name} {}", whole(from)),
        (Some(from), Some(to)) => format!("~ {name} {}", between(change.kind, from, to)),
        (None, None) => return String::new(),
    };
    format!("  {}\n", shown(&text))
}

/// Returns what is different, and only that.
fn between(kind: ChangeKind, from: &Entry, to: &Entry) -> String {
    let mut parts = Vec::new();
    let mut told = |from: &str, to: &str| {
        if from != to {
            parts.push(format!("{from} → {to}"));
        }
    };
    told(&from.version, &to.version);
    let build = |entry: &Entry| entry.build.clone().unwrap_or_default();
    told(&build(from), &build(to));
    told(&from.channel, &to.channel);
    if kind == ChangeKind::Replaced && parts.is_empty() {
        return format!("{}: another file of the same name", from.version);
    }
    let text = parts.join(", ");
    match kind {
        ChangeKind::Older => format!("{text} (older)"),
        _ => text,
    }
}

/// Returns what a channel says, safe to show in one line.
fn shown(text: &str) -> String {
    untrusted::shown(text, LONGEST * 3).replace('\n', " ")
}
