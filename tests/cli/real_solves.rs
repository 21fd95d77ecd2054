//! Real solved environments of public projects, solved again.
//!
//! Each case says what a project declared and what its lock held. Our solution
//! must satisfy the same specs, pass the independent checker, and be older in a
//! package only for a reason that the data shows. A slice of the data is in the
//! repository; `tests/real/run DIR` takes any other directory of the same form.
#![expect(
    clippy::print_stdout,
    reason = "the table is what `tests/real/run` is for"
)]

mod case;
mod compare;
mod unsolvable;
mod variants;

use std::{collections::BTreeMap, env, path::PathBuf, sync::Arc, time::Duration};

use gpuenv_core::{
    Plan, Target,
    channel::{self, Mirrors},
    event::Silent,
    exclude_newer,
    lock::{self, Lock},
    solution,
};
use gpuenv_provision::{Access, Upgrade, Wishes, solve};
use gpuenv_testkit::{Fault, Server};
use tempfile::TempDir;
use tokio::runtime::Runtime;

use crate::{program::gpuenv, source::root};
use case::Case;
use compare::{Outcome, Verdict};
use unsolvable::Which;

/// A directory of real records, and how it is read.
struct Data {
    folder: PathBuf,
    /// Where the channels are read.
    mirror: String,
    cache: TempDir,
    runtime: Runtime,
}

impl Data {
    fn new(folder: PathBuf) -> Self {
        let mirror = url::Url::from_directory_path(folder.join("channels"));
        Self {
            mirror: mirror.expect("the path is absolute").to_string(),
            folder,
            cache: tempfile::tempdir().expect("the temporary folder is writable"),
            runtime: Runtime::new().expect("threads can be started"),
        }
    }

    /// Returns the slice that is in the repository.
    fn slice() -> Self {
        Self::new(root().join("tests/data/real"))
    }

    /// Returns the directory that the environment names, if it names one.
    fn named() -> Option<Self> {
        let Some(folder) = env::var_os("GPUENV_REAL_DATA") else {
            println!("skipped: GPUENV_REAL_DATA is not set");
            return None;
        };
        let folder = fs_err::canonicalize(folder).expect("GPUENV_REAL_DATA is a directory");
        let mut data = Self::new(folder);
        if let Ok(mirror) = env::var("GPUENV_REAL_MIRROR") {
            data.mirror = mirror;
        }
        Some(data)
    }

    /// Returns the cases; `GPUENV_REAL_ONLY` is a part of the wanted ids.
    fn cases(&self) -> Vec<Case> {
        let wanted = env::var("GPUENV_REAL_ONLY").unwrap_or_default();
        let mut cases = case::read(&self.folder);
        cases.retain(|case| case.id.contains(&wanted));
        cases
    }

    /// Returns access to the channels, whatever hosts the cases name for them.
    fn access(&self, cases: &[Case]) -> Access {
        let hosts = cases.iter().flat_map(Case::hosts);
        let mut mirrors = mirrors(&self.mirror);
        for host in hosts {
            mirrors.add(&host, &self.mirror).expect("both are URLs");
        }
        Access {
            mirrors,
            offline: false,
            cache: self.cache.path().to_path_buf(),
            fallback: None,
            silence: Duration::from_secs(10),
            retries: 1,
            unpacked_at_least: 2_000_000_000,
            ways: Default::default(),
            wheels: Default::default(),
        }
    }

    /// Solves every case again and says what came of it.
    fn solve(&self) -> Vec<Outcome> {
        let cases = self.cases();
        let access = self.access(&cases);
        let outcomes = cases.iter().map(|case| {
            let outcome = compare::run(case, &self.folder, &access);
            let outcome = self.runtime.block_on(outcome);
            println!("{outcome}");
            outcome
        });
        let outcomes: Vec<Outcome> = outcomes.collect();
        println!("{}", compare::totals(&outcomes));
        outcomes
    }

    /// Solves every case as a recipe with variants.
    fn with_variants(&self, wanted: &[&str]) -> Vec<variants::Outcome> {
        let mut cases = self.cases();
        cases.retain(|case| wanted.iter().any(|wanted| case.id.contains(wanted)));
        let access = self.access(&cases);
        let outcomes = cases.iter().map(|case| {
            let (channels, _) = case.channels(&self.folder);
            let outcome = self
                .runtime
                .block_on(variants::run(case, channels, &access));
            println!("{outcome}");
            outcome
        });
        let outcomes: Vec<variants::Outcome> = outcomes.collect();
        println!("{}", variants::totals(&outcomes));
        outcomes
    }

    /// Asks every request and returns what is said, and what is wrong with it.
    fn explain(&self, which: Which) -> (String, Vec<String>) {
        let access = self.access(&[]);
        let mut said = String::new();
        let mut wrong = Vec::new();
        let mut cases = unsolvable::requests(which);
        let wanted = env::var("GPUENV_REAL_ONLY").unwrap_or_default();
        cases.retain(|case| case.title.contains(&wanted));
        for case in &cases {
            let answer = unsolvable::answer(case, &access);
            let answer = self.runtime.block_on(answer);
            println!("{}    took {} ms\n", answer.text, answer.time.as_millis());
            said.push_str(&answer.text);
            said.push('\n');
            wrong.extend(answer.wrong);
        }
        (said, wrong)
    }

    /// Solves the plans and makes their lock.
    fn lock(&self, plans: &[Plan], wishes: &Wishes, access: &Access) -> Lock {
        let solved = solve(plans, wishes, access, Arc::new(Silent));
        let solutions = self.runtime.block_on(solved).expect("it can be solved");
        let solved: Vec<_> = plans.iter().cloned().zip(solutions).collect();
        lock::lock(&solved).expect("the channels are known")
    }

    /// Solves the plans and returns the text of their lock.
    fn lock_text(&self, plans: &[Plan], access: &Access) -> String {
        let lock = self.lock(plans, &Wishes::default(), access);
        lock::render(&lock).expect("it can be written")
    }
}

/// Returns that all channels with a name are read there.
fn mirrors(url: &str) -> Mirrors {
    let mut mirrors = Mirrors::default();
    let added = mirrors.add(channel::CANONICAL_BASE, url);
    added.expect("the mirror is a URL");
    mirrors
}

fn failures(outcomes: &[Outcome]) -> Vec<String> {
    let failed = outcomes.iter().filter(|outcome| {
        matches!(outcome.verdict, Verdict::Failed(_)) || !outcome.real_violations.is_empty()
    });
    failed.map(ToString::to_string).collect()
}

#[test]
fn a_slice_of_real_environments_solves_as_it_did() {
    let outcomes = Data::slice().solve();
    assert_eq!(failures(&outcomes), [] as [String; 0]);
    let lines: Vec<String> = outcomes.iter().map(Outcome::summary).collect();
    insta::assert_snapshot!(lines.join("\n"));
}

#[test]
fn all_real_environments_of_a_directory_solve() {
    let Some(data) = Data::named() else { return };
    assert_eq!(failures(&data.solve()), [] as [String; 0]);
}

#[test]
fn a_slice_of_real_environments_has_variants() {
    // All of the slice would take a minute.
    let outcomes = Data::slice().with_variants(&["pytorch-gpu-pixi", "cf-channel:linux-64"]);
    let lines: Vec<String> = outcomes.iter().map(ToString::to_string).collect();
    assert!(outcomes.iter().all(|outcome| outcome.wrong.is_empty()));
    insta::assert_snapshot!(lines.concat());
}

#[test]
fn all_real_environments_of_a_directory_have_variants() {
    let Some(data) = Data::named() else { return };
    let outcomes = data.with_variants(&[""]);
    let wrong: Vec<&String> = outcomes.iter().flat_map(|outcome| &outcome.wrong).collect();
    assert_eq!(wrong, [] as [&String; 0]);
}

#[test]
fn what_cannot_be_solved_is_explained_and_the_help_helps() {
    let (said, wrong) = Data::slice().explain(Which::Quick);
    assert_eq!(wrong, [] as [String; 0]);
    insta::assert_snapshot!(said);
}

#[test]
fn what_cannot_be_solved_from_a_directory_is_explained() {
    let Some(data) = Data::named() else { return };
    assert_eq!(data.explain(Which::All).1, [] as [String; 0]);
}

#[test]
fn a_lock_is_the_same_from_every_mirror_and_in_every_order() {
    let data = Data::slice();
    let mut plans = unsolvable::plans("linux-64+win-64 cuda=12.4 | conda-forge | pytorch-gpu");
    let mut access = data.access(&[]);
    let expected = data.lock_text(&plans, &access);
    plans.reverse();
    assert_eq!(data.lock_text(&plans, &access), expected, "other order");

    let server = Server::start(&data.folder.join("channels"));
    access.mirrors = mirrors(&server.url());
    for run in ["first", "second"] {
        // Many file servers answer the second time with a bare 304.
        server.inject(Fault::bare_not_modified());
        assert_eq!(
            data.lock_text(&plans, &access),
            expected,
            "http, {run} time"
        );
    }
    drop(server);
    access.offline = true;
    assert_eq!(data.lock_text(&plans, &access), expected, "from the cache");
}

#[test]
fn the_checker_misses_no_package_of_a_real_solution() {
    let data = Data::slice();
    let plans = unsolvable::plans("linux-64 cuda=12.4 | conda-forge | pytorch-gpu; cupy");
    let lock = data.lock(&plans, &Wishes::default(), &data.access(&[]));
    let plan = &plans[0];
    let records = &lock.platforms["linux-64"].records;
    let check = |records: &[_]| {
        let virtual_packages = plan.target.virtual_packages();
        solution::verify(
            plan.platform(),
            &plan.dependencies,
            &virtual_packages,
            records,
        )
    };
    assert_eq!(check(records), []);
    for gone in 0..records.len() {
        let mut fewer = records.clone();
        let gone = fewer.remove(gone);
        assert_ne!(check(&fewer), [], "without {}", gone.url);
    }
    let machine = Target::without_gpu(plan.platform()).virtual_packages();
    let found = solution::verify(plan.platform(), &plan.dependencies, &machine, records);
    assert_ne!(found, [], "on a machine without a GPU");
}

#[test]
fn what_is_locked_stays_until_an_upgrade_names_it() {
    let data = Data::slice();
    let plans = unsolvable::plans("linux-64 | conda-forge | python 3.12.*; numpy; sympy");
    let access = data.access(&[]);
    let date = exclude_newer::parse("2024-09-01").expect("a date");
    let old = Wishes {
        exclude_newer: Some(date),
        ..Wishes::default()
    };
    let old = data.lock(&plans, &old, &access);
    let keep = |upgrade| Wishes {
        keep: Some(Arc::new(old.clone())),
        upgrade,
        ..Wishes::default()
    };
    let versions = |lock: &Lock| -> BTreeMap<String, String> {
        let records = lock.platforms["linux-64"].records.iter();
        let labels = records.map(|r| {
            (
                r.package_record.name.as_source().to_string(),
                r.url.to_string(),
            )
        });
        labels.collect()
    };
    let same = data.lock(&plans, &keep(Upgrade::Nothing), &access);
    assert_eq!(versions(&same), versions(&old));

    let only = Upgrade::Only(["numpy".to_string()].into());
    let upgraded = versions(&data.lock(&plans, &keep(only), &access));
    let changed: Vec<&String> = upgraded
        .iter()
        .filter(|(name, url)| versions(&old).get(*name) != Some(*url))
        .map(|(name, _)| name)
        .collect();
    assert!(changed.contains(&&"numpy".to_string()), "{changed:?}");
    assert!(!changed.contains(&&"python".to_string()), "{changed:?}");
    assert!(!changed.contains(&&"sympy".to_string()), "{changed:?}");

    let all = versions(&data.lock(&plans, &keep(Upgrade::Everything), &access));
    let fresh = versions(&data.lock(&plans, &Wishes::default(), &access));
    assert_eq!(all, fresh);
}

#[test]
fn a_required_gpu_takes_the_newest_real_version_with_cuda() {
    let Some(data) = Data::named() else { return };
    let channels = "pytorch, nvidia, conda-forge";
    for (request, expected) in [
        (
            "linux-64 cuda=11.7 gpu=required | pytorch; torchvision; torchaudio; pytorch-cuda 11.7.*",
            "pytorch/linux-64/pytorch-2.0.1-py3.11_cuda11.7_cudnn8.5.0_0",
        ),
        (
            "win-64 cuda=11.8 gpu=required | pytorch; pytorch-cuda 11.8.*",
            "pytorch/win-64/pytorch-2.5.1-py3.12_cuda11.8_cudnn9_0",
        ),
        (
            "win-64 cuda=12.1 gpu=required | pytorch; pytorch-cuda 12.1.*",
            "pytorch/win-64/pytorch-2.3.1-py3.12_cuda12.1_cudnn8_0",
        ),
    ] {
        let (head, lines) = request.split_once(" | ").expect("two parts");
        let plans = unsolvable::plans(&format!("{head} | {channels} | {lines}"));
        let lock = data.lock_text(&plans, &data.access(&[]));
        assert!(lock.contains(expected), "{request}: {lock}");
        for build in ["-cpu", "_cpu"] {
            let package = |line: &str| line.contains("/pytorch/") && line.contains(build);
            assert!(!lock.lines().any(package), "{request}: {lock}");
        }
    }
}

#[test]
fn the_shipped_recipes_solve_on_real_records() {
    let data = Data::slice();
    // The Windows half of `tf-gpu` has wheels, which need `uv`; its conda part is asked below.
    let lock = |recipe: &str, platform: &str| {
        let ran = gpuenv(["lock", recipe, "--platform", platform, "--dry-run"])
            .env("GPUENV_MIRROR", &data.mirror)
            .run();
        assert_eq!(ran.exit, 0, "{ran:?}");
        ran.stdout + &ran.stderr
    };
    let tensorflow = lock("tf-gpu", "linux-64");
    let cuda = "+ tensorflow 2.19.1 cuda129";
    assert!(tensorflow.contains(cuda), "{tensorflow}");
    for platform in ["linux-64", "win-64"] {
        let pytorch = lock("pytorch-gpu", platform);
        assert!(pytorch.contains("+ pytorch 2."), "{pytorch}");
        assert!(!pytorch.contains("cpu_"), "{pytorch}");
    }

    let lines = "python 3.10.*; cudatoolkit 11.2.*; cudnn 8.1.0.*";
    let plans = unsolvable::plans(&format!("win-64 cuda=11.2 | conda-forge | {lines}"));
    let windows = data.lock_text(&plans, &data.access(&[]));
    for package in ["/cudatoolkit-11.2.2-", "/cudnn-8.1.0.77-", "/python-3.10."] {
        assert!(windows.contains(package), "{package}: {windows}");
    }
}
