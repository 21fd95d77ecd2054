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
    Diagnostic, Plan, Target,
    event::Silent,
    exclude_newer,
    plan::{ActivationSettings, Gpu},
};
use gpuenv_provision::{Access, Wishes, solve};
use jiff::Timestamp;

use super::case::dependency;
use crate::source::read;

/// Returns the requests: title and request, `platform key=value … | channels | lines`.
pub(super) fn requests(which: Which) -> Vec<(String, String)> {
    let text = read("tests/data/real/unsolvable.txt");
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    let wanted = lines.filter_map(|line| match which {
        Which::Quick => line.strip_prefix("* "),
        Which::All => line.get(2..),
    });
    let pairs = wanted.map(|line| line.split_once(": ").expect("title: request"));
    pairs
        .map(|(title, request)| (title.to_string(), request.to_string()))
        .collect()
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
        recipe: "demo".to_string(),
        channels: channels.split(", ").map(str::to_string).collect(),
        gpu,
        target: Target {
            platform: platform.parse().expect("a platform"),
            ..target.clone()
        },
        dependencies: lines.split("; ").map(dependency).collect(),
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
                    lines[at] = dependency(new);
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
                ("add", [line]) => lines.push(dependency(line)),
                ("put", [channel, "channels"]) => {
                    plan.channels.retain(|name| name != channel);
                    plan.channels.insert(0, (*channel).to_string());
                }
                ("did", [name]) => lines[0] = dependency(name),
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

pub(super) async fn answer(title: &str, text: &str, access: &Access) -> Answer {
    let start = Instant::now();
    let diagnostics = ask(&request(text), access).await;
    let time = start.elapsed();
    let mut said = format!("# {title}: {text}\n");
    let mut wrong = Vec::new();
    if diagnostics.is_empty() {
        wrong.push("it is solvable".to_string());
    }
    for diagnostic in diagnostics {
        let _ = writeln!(said, "{}: {}", diagnostic.code, diagnostic.message);
        for cause in &diagnostic.causes {
            let cause = cause.replace('\n', "\n        ");
            let _ = writeln!(said, "    cause: {cause}");
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
