//! Requests that no set of real packages satisfies, and what is said of them.
//!
//! Every help that names a change is applied to the request as a user would,
//! and must make it solvable.

use std::{fmt::Write as _, sync::Arc, time::Instant};

use gpuenv_core::{
    Diagnostic, Plan, Target,
    event::Silent,
    exclude_newer,
    plan::{ActivationSettings, Gpu},
};
use gpuenv_provision::{Access, Wishes, solve};
use jiff::Timestamp;

use super::case::dependency;

/// A request, in short: `platform key=value … | channel, … | line; …`.
pub(super) const REQUESTS: &[(&str, &str)] = &[
    (
        "wrong version",
        "linux-64 cuda=12.4 | conda-forge | python 3.12.*; pytorch 99.*",
    ),
    ("name typo", "linux-64 cuda=12.4 | conda-forge | pytroch"),
    ("name of PyPI", "linux-64 cuda=12.4 | conda-forge | torch"),
    (
        "two lines, one wrong",
        "linux-64 cuda=12.4 | conda-forge | numpy; cupy 77.*; python",
    ),
    (
        "driver too old for cuda-version",
        "linux-64 cuda=11.8 | conda-forge | cuda-version 12.6.*",
    ),
    (
        "driver too old for a toolkit",
        "linux-64 cuda=11.8 | conda-forge | python 3.12.*; pytorch-gpu; cuda-version 12.*",
    ),
    (
        "driver too old, through a build",
        "linux-64 cuda=11.2 | conda-forge | pytorch 2.7.* cuda*",
    ),
    ("no GPU", "linux-64 | conda-forge | tensorflow * cuda*"),
    (
        "no GPU, two lines",
        "linux-64 | conda-forge | python 3.12.*; jaxlib * *cuda12*; jax",
    ),
    ("no GPU, by name", "linux-64 | conda-forge | __cuda"),
    (
        "driver below a virtual package",
        "linux-64 cuda=11.2 | conda-forge | __cuda >=12; python",
    ),
    (
        "glibc too old",
        "linux-64 cuda=12.4 glibc=2.12 | conda-forge | pytorch-gpu 2.7.*",
    ),
    (
        "glibc too old, plain package",
        "linux-64 glibc=2.5 | conda-forge | python 3.12.13; numpy",
    ),
    (
        "python against framework",
        "linux-64 cuda=12.4 | conda-forge | python 3.12.*; tensorflow 2.10.*",
    ),
    (
        "cudnn against framework",
        "linux-64 cuda=12.4 | conda-forge | tensorflow 2.10.* cuda112*; cudnn 8.1.*",
    ),
    (
        "constrains",
        "linux-64 cuda=12.4 | conda-forge | cupy 10.*; cudnn 8.1.*",
    ),
    (
        "one package, two lines",
        "linux-64 cuda=12.4 | conda-forge | numpy >=2; python 3.11.*; numpy <2",
    ),
    (
        "one package, no version between",
        "linux-64 cuda=12.4 | conda-forge | cuda-version 11.8.*; cuda-version 12.*",
    ),
    (
        "two pins",
        "linux-64 cuda=12.9 | conda-forge | pytorch 2.7.*; cuda-version 11.2.*",
    ),
    (
        "two pins far apart",
        "linux-64 cuda=12.9 | conda-forge | numpy 1.19.*; python 3.12.*",
    ),
    (
        "three pins",
        "linux-64 cuda=12.9 | conda-forge | python 3.10.*; numpy 2.*; tensorflow 2.10.*",
    ),
    (
        "two clashes at once",
        "linux-64 cuda=12.9 | conda-forge | numpy 1.21.*; python 3.12.*; tensorflow-base 2.7.* cuda112*; cudnn 9.*",
    ),
    (
        "build that does not exist",
        "linux-64 cuda=12.4 | conda-forge | pytorch 2.5.* cuda99*",
    ),
    (
        "build of another version",
        "linux-64 cuda=12.4 | conda-forge | tensorflow 2.7.* cuda129*",
    ),
    (
        "channel that lacks it",
        "linux-64 cuda=12.4 | conda-forge, nvidia | nvidia::pytorch",
    ),
    (
        "channel that lacks the version",
        "linux-64 cuda=12.4 | pytorch, conda-forge | pytorch::pytorch 2.7.*",
    ),
    (
        "hidden by channel order",
        "linux-64 cuda=12.4 | pytorch, conda-forge | pytorch 2.7.*",
    ),
    (
        "hidden dependency",
        "linux-64 cuda=12.1 | pytorch, conda-forge | pytorch-cuda 12.1.*",
    ),
    (
        "too new",
        "linux-64 cuda=12.4 newer=2022-06-01 | conda-forge | pytorch 2.5.*",
    ),
    (
        "too new together",
        "linux-64 cuda=12.4 newer=2024-10-01 | conda-forge | python 3.13.*; numpy 2.*",
    ),
    (
        "too new and no GPU",
        "linux-64 newer=2022-06-01 | conda-forge | pytorch 2.5.* cuda12*",
    ),
    (
        "without a date",
        "linux-64 newer=2030-01-01 | conda-forge | python 3.12.1",
    ),
    (
        "platform lacks the build",
        "win-64 cuda=12.4 | conda-forge | tensorflow * cuda*",
    ),
    (
        "platform lacks the package",
        "win-64 cuda=12.4 | conda-forge | nccl",
    ),
    (
        "another platform has it",
        "linux-64+win-64 cuda=12.4 | conda-forge | nccl",
    ),
    (
        "compute capability",
        "linux-64 cuda=12.9 compute-capability=5.0 | conda-forge | __cuda_arch >=7.5; python",
    ),
    (
        "no compute capability",
        "linux-64 cuda=12.9 | conda-forge | __cuda_arch >=7.5; python",
    ),
    (
        "linux-aarch64 too old",
        "linux-aarch64 cuda=12.0 glibc=2.17 | conda-forge | pytorch-gpu",
    ),
];

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
    let mut target = Target::without_gpu("linux-64".parse().expect("a platform"));
    for word in words {
        let (key, value) = word.split_once('=').expect("key=value");
        match key {
            "cuda" => target.cuda = value.parse().ok(),
            "glibc" => target.glibc = value.parse().ok(),
            "compute-capability" => target.compute_capability = value.parse().ok(),
            "newer" => newer = Some(day(value)),
            _ => panic!("unknown key {key}"),
        }
    }
    let plan = |platform: &str| Plan {
        recipe: "demo".to_string(),
        channels: channels.split(", ").map(str::to_string).collect(),
        gpu: Gpu::Optional,
        target: Target {
            platform: platform.parse().expect("a platform"),
            ..target.clone()
        },
        dependencies: lines.split("; ").map(dependency).collect(),
        wheels: Vec::new(),
        activation: ActivationSettings::default(),
        probe: Vec::new(),
    };
    let plans = platforms.map(plan).collect();
    Request { plans, newer }
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
    pub milliseconds: u128,
}

pub(super) async fn answer(title: &str, text: &str, access: &Access) -> Answer {
    let start = Instant::now();
    let diagnostics = ask(&request(text), access).await;
    let milliseconds = start.elapsed().as_millis();
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
        milliseconds,
    }
}
