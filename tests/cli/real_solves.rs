//! Real solved environments of public projects, solved again.
//!
//! Each case says what a project declared and what its lock held. Our solution
//! must satisfy the same specs, pass the independent checker, and be older in a
//! package only for a reason that the data shows. One directory of cases is in
//! the repository; `tests/real/run DIR` takes any other.

mod case;
mod compare;
mod unsolvable;

use std::{env, path::Path, sync::Arc, time::Duration};

use gpuenv_core::{channel::Mirrors, event::Silent};
use gpuenv_provision::Access;

use case::Case;
use compare::{Outcome, Verdict};

/// Returns how to read the channels below a directory, whatever host names them.
fn access(data: &Path, cases: &[Case], cache: &Path) -> Access {
    let channels = match env::var("GPUENV_REAL_MIRROR") {
        Ok(url) => url,
        Err(_) => url::Url::from_directory_path(data.join("channels"))
            .expect("an absolute path")
            .to_string(),
    };
    let mut mirrors = Mirrors::default();
    mirrors
        .add("https://conda.anaconda.org/", &channels)
        .expect("two URLs");
    for base in cases.iter().flat_map(Case::hosts) {
        mirrors.add(&base, &channels).expect("two URLs");
    }
    Access {
        mirrors,
        offline: env::var_os("GPUENV_OFFLINE").is_some(),
        cache: cache.to_path_buf(),
        fallback: None,
        silence: Duration::from_secs(5),
        retries: 0,
    }
}

fn solve_all(data: &Path) -> Vec<Outcome> {
    let cases = case::read(data);
    let cache = tempfile::tempdir().expect("a temporary directory");
    let cache_dir = std::env::var_os("RCACHE").map_or(cache.path().to_path_buf(), |d| d.into());
    let access = access(data, &cases, &cache_dir);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    let wanted = env::var("GPUENV_REAL_ONLY").unwrap_or_default();
    let cases = cases.iter().filter(|case| case.id.contains(&wanted));
    cases
        .map(|case| {
            let outcome = runtime.block_on(compare::run(case, &access, Arc::new(Silent)));
            println!("{outcome}");
            outcome
        })
        .collect()
}

#[test]
fn real_environments_from_any_directory_solve() {
    let Some(data) = env::var_os("GPUENV_REAL_DATA") else {
        println!("skipped: GPUENV_REAL_DATA is not set");
        return;
    };
    let outcomes = solve_all(Path::new(&data));
    println!("{}", compare::totals(&outcomes));
    let failed = outcomes.iter().filter(|o| o.verdict == Verdict::Failed);
    assert_eq!(failed.count(), 0);
}

#[test]
fn unsolvable_requests_over_any_directory_are_explained() {
    let Some(data) = env::var_os("GPUENV_REAL_DATA") else {
        println!("skipped: GPUENV_REAL_DATA is not set");
        return;
    };
    let cache = tempfile::tempdir().expect("a temporary directory");
    let access = access(Path::new(&data), &[], cache.path());
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let wanted = env::var("GPUENV_REAL_ONLY").unwrap_or_default();
    let mut wrong = Vec::new();
    for (title, text) in &unsolvable::requests() {
        if !title.contains(&wanted) {
            continue;
        }
        let answer = runtime.block_on(unsolvable::answer(title, text, &access));
        println!(
            "{}    {} ms {:?}\n",
            answer.text, answer.milliseconds, answer.wrong
        );
        wrong.extend(answer.wrong);
    }
    assert_eq!(wrong, [] as [String; 0]);
}
