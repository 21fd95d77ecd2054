//! Requests that no set of real packages satisfies, and what is said of them.
//!
//! Every help that names a change is applied to the request as a user would,
//! and must make it solvable.

use std::{
    fmt::Write as _,
    sync::Arc,
    time::{Duration, Instant},
};

use gpuenv_core::{
    Diagnostic, Place, Plan, Target,
    event::Silent,
    exclude_newer,
    plan::{ActivationSettings, Dependency, Gpu},
};
use gpuenv_provision::{Access, Wishes, solve};
use jiff::Timestamp;

use super::case::dependency;
use crate::source::read;

/// A request, and what must be said of it.
pub(super) struct Case {
    pub title: String,
    /// `platform key=value … | channels | lines`.
    pub request: String,
    /// What the message names, in backticks or between quotes.
    named: Vec<String>,
    /// A part of one of the helps.
    help: String,
}

/// Returns the requests.
pub(super) fn requests(which: Which) -> Vec<Case> {
    let text = read("tests/data/real/unsolvable.txt");
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    let wanted = lines.filter_map(|line| match which {
        Which::Quick => line.strip_prefix("* "),
        Which::All => line.get(2..),
    });
    let cases = wanted.map(|line| {
        let (title, rest) = line.split_once(": ").expect("title: request");
        let parts: Vec<&str> = rest.split(" => ").collect();
        let [request, named, help] = parts[..] else {
            panic!("request => named => help: {line}");
        };
        Case {
            title: title.to_string(),
            request: request.to_string(),
            named: named.split("; ").map(str::to_string).collect(),
            help: help.to_string(),
        }
    });
    cases.collect()
}

impl Case {
    /// Returns what of the case a diagnostic does not fulfil.
    fn unfulfilled(&self, diagnostic: &Diagnostic) -> Vec<String> {
        let message = &diagnostic.message;
        let silent = |named: &&String| !message.contains(&format!("`{named}`"));
        let mut wrong: Vec<String> = self.named.iter().filter(silent).cloned().collect();
        for named in &mut wrong {
            *named = format!("`{named}` is not named");
        }
        // The caret stands under a line that the message names.
        let place = diagnostic.place.as_ref().map(|place| &place.file);
        let is_named = place.is_some_and(|line| message.contains(line.as_str()));
        let about_package = |line: &String| message.contains(&format!("`{}`", name(line)));
        if !is_named && !place.is_some_and(about_package) {
            wrong.push(format!("the place is {place:?}"));
        }
        if !diagnostic.help.iter().any(|help| help.contains(&self.help)) {
            wrong.push(format!("no help has `{}`", self.help));
        }
        let tree = diagnostic.conflict.as_ref().and_then(|c| c.tree());
        if tree.is_some_and(|tree| tree.lines().count() > 60) {
            wrong.push("the tree has more than 60 lines".to_string());
        }
        wrong
            .iter()
            .map(|wrong| format!("{}: {wrong}", self.title))
            .collect()
    }
}

/// Returns the name in a line of a recipe.
fn name(line: &str) -> &str {
    let end = line.find([' ', '=', '<', '>']);
    &line[..end.unwrap_or(line.len())]
}

/// Which requests are asked.
#[derive(Clone, Copy)]
pub(super) enum Which {
    /// Those with a star.
    Quick,
    All,
}

/// Returns the plans of a request, one for each platform.
pub(super) fn plans(text: &str) -> Vec<Plan> {
    request(text).plans
}

struct Request {
    plans: Vec<Plan>,
    newer: Option<Timestamp>,
}

fn day(text: &str) -> Timestamp {
    exclude_newer::parse(text).expect("a date")
}

fn request(text: &str) -> Request {
    let mut parts = text.split('|').map(str::trim);
    let mut next = || parts.next().expect("three parts");
    let (head, channels, lines) = (next(), next(), next());
    let mut words = head.split(' ');
    let platforms = words.next().expect("a platform").split('+');
    let mut newer = None;
    let mut gpu = Gpu::Optional;
    let mut target = Target::without_gpu("linux-64".parse().expect("a platform"));
    for word in words {
        let (key, value) = word.split_once('=').expect("key=value");
        match key {
            "cuda" => target.cuda = value.parse().ok(),
            "glibc" => target.glibc = value.parse().ok(),
            "compute-capability" => target.compute_capability = value.parse().ok(),
            "gpu" => gpu = gpu_of(value),
            "newer" => newer = Some(day(value)),
            _ => panic!("unknown key {key}"),
        }
    }
    let plan = |platform: &str| Plan {
        variant: None,
        recipe: "demo".to_string(),
        channels: channels.split(", ").map(str::to_string).collect(),
        gpu,
        target: Target {
            platform: platform.parse().expect("a platform"),
            ..target.clone()
        },
        dependencies: lines.split("; ").map(line).collect(),
        wheels: Vec::new(),
        pypi: Default::default(),
        activation: ActivationSettings::default(),
        probe: Vec::new(),
        selection: gpuenv_core::recipe::Selection::default(),
    };
    let plans = platforms.map(plan).collect();
    Request { plans, newer }
}

fn gpu_of(word: &str) -> Gpu {
    match word {
        "required" => Gpu::Required,
        "optional" => Gpu::Optional,
        "none" => Gpu::None,
        other => panic!("gpu: {other}"),
    }
}

async fn ask(request: &Request, access: &Access) -> Vec<Diagnostic> {
    let wishes = Wishes {
        exclude_newer: request.newer,
        ..Wishes::default()
    };
    match solve(&request.plans, &wishes, access, Arc::new(Silent)).await {
        Ok(_) => Vec::new(),
        Err(errors) => errors.into_iter().map(Diagnostic::from).collect(),
    }
}

/// Returns a line of a recipe whose place is a file with its text as name.
fn line(text: &str) -> Dependency {
    Dependency {
        place: Some(Place::file(text)),
        ..dependency(text)
    }
}

/// Does what a help says; `None` if it names no change.
fn apply(help: &str, request: &mut Request) -> Option<()> {
    for step in help.split(", and ") {
        let quoted: Vec<&str> = step.split('`').skip(1).step_by(2).collect();
        let first_word = step.split(' ').next()?;
        for plan in &mut request.plans {
            let lines = &mut plan.dependencies;
            let at = |text: &str| lines.iter().position(|line| line.text == text);
            match (first_word, quoted.as_slice()) {
                ("write", [new, old]) if old.starts_with("gpu: ") => {
                    plan.gpu = gpu_of(new.trim_start_matches("gpu: "));
                }
                ("write", [new, old]) => {
                    let at = at(old).expect("a line of the request");
                    lines[at] = line(new);
                }
                ("write", [flag]) => {
                    request.newer = Some(day(flag.strip_prefix("--exclude-newer ")?));
                }
                ("leave", ["--exclude-newer"]) => request.newer = None,
                ("leave", [old]) => {
                    let at = at(old).expect("a line of the request");
                    lines.remove(at);
                }
                ("add", [line, "target"]) => {
                    let (key, value) = line.split_once(": ")?;
                    set(&mut plan.target, key, value);
                }
                ("raise", [key, "target", value]) => set(&mut plan.target, key, value),
                ("add", [new]) => lines.push(line(new)),
                ("put", [channel, "channels"]) => {
                    plan.channels.retain(|name| name != channel);
                    plan.channels.insert(0, (*channel).to_string());
                }
                ("did", [name]) => lines[0] = line(name),
                _ => return None,
            }
        }
    }
    Some(())
}

fn set(target: &mut Target, key: &str, value: &str) {
    let value = value.trim_matches('"');
    match key {
        "cuda" => target.cuda = Some(value.parse().expect("a version")),
        "glibc" => target.glibc = Some(value.parse().expect("a version")),
        "compute-capability" => target.compute_capability = Some(value.parse().expect("a version")),
        _ => panic!("unknown key {key}"),
    }
}

/// What is said of one request, and which of its helps do not help.
pub(super) struct Answer {
    pub text: String,
    pub wrong: Vec<String>,
    pub time: Duration,
}

pub(super) async fn answer(case: &Case, access: &Access) -> Answer {
    let text = &case.request;
    let start = Instant::now();
    let diagnostics = ask(&request(text), access).await;
    let time = start.elapsed();
    let mut said = format!("# {}: {text}\n", case.title);
    let mut wrong: Vec<String> = diagnostics
        .iter()
        .flat_map(|diagnostic| case.unfulfilled(diagnostic))
        .collect();
    if diagnostics.is_empty() {
        wrong.push("it is solvable".to_string());
    }
    for diagnostic in diagnostics {
        let _ = writeln!(said, "{}: {}", diagnostic.code, diagnostic.message);
        for cause in &diagnostic.causes {
            let cause = cause.replace('\n', "\n        ");
            let _ = writeln!(said, "    cause: {cause}");
        }
        let conflict = diagnostic.conflict.as_ref();
        if let Some(tree) = conflict.and_then(|conflict| conflict.tree()) {
            let tree = tree.replace('\n', "\n          ");
            let _ = writeln!(said, "    tree: {tree}");
        }
        for help in &diagnostic.help {
            let _ = writeln!(said, "    help: {help}");
            let mut changed = request(text);
            if apply(help, &mut changed).is_some() {
                let left = ask(&changed, access).await;
                wrong.extend(left.iter().map(|d| format!("{help}: {}", d.message)));
            }
        }
    }
    Answer {
        text: said,
        wrong,
        time,
    }
}
