//! What our solution holds beside the real one, and why.

use std::{
    fmt,
    sync::Arc,
    time::{Duration, Instant},
};

use gpuenv_core::{Diagnostic, Reporter};
use gpuenv_provision::{Access, Wishes, solve};

use super::case::Case;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    Good,
    Failed,
}

pub(super) struct Outcome {
    id: String,
    packages: usize,
    time: Duration,
    same: usize,
    pub verdict: Verdict,
    text: String,
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} {} {} {}ms {:?} {}",
            self.id,
            self.packages,
            self.same,
            self.time.as_millis(),
            self.verdict,
            self.text
        )
    }
}

pub(super) async fn run(case: &Case, access: &Access, reporter: Arc<dyn Reporter>) -> Outcome {
    let data = std::env::var("GPUENV_REAL_DATA").unwrap();
    let plan = case.plan(case.channels(std::path::Path::new(&data)));
    let wishes = Wishes {
        exclude_newer: Some(case.exclude_newer),
        ..Wishes::default()
    };
    let start = Instant::now();
    let result = solve(&[plan], &wishes, access, reporter).await;
    let time = start.elapsed();
    let mut outcome = Outcome {
        id: case.id.clone(),
        packages: 0,
        time,
        same: 0,
        verdict: Verdict::Good,
        text: String::new(),
    };
    match result {
        Ok(solutions) => {
            let records = &solutions[0].records;
            outcome.packages = records.len();
            for r in records {
                let path = r.url.path().trim_start_matches('/').to_string();
                if case.locked.contains(&path) {
                    outcome.same += 1;
                }
            }
            outcome.text = format!("locked {}", case.locked.len());
        }
        Err(errors) => {
            outcome.verdict = Verdict::Failed;
            for e in errors {
                let d = Diagnostic::from(e);
                outcome.text = format!(
                    "{}\n  {}\n  {}",
                    d.message,
                    d.causes.join("\n  "),
                    d.help.join("\n  ")
                );
            }
        }
    }
    outcome
}

pub(super) fn totals(o: &[Outcome]) -> String {
    format!("{}", o.len())
}
