//! Simulated machines: each failure mode is built from files, and found by its cause.
//!
//! `docs/failure-modes.md` takes the names of these tests: one that begins with
//! `p08_` is a test of P08.
#![cfg(unix)]

mod healthy;
mod host_rows;
mod library_rows;
mod machine;
mod observed_rows;
mod packages_rows;
mod shell_rows;
mod toolchain_rows;

use gpuenv_core::doctor::{Examination, Finding};
pub(super) use machine::{Machine, broken_call, computing, no_device, no_driver};

/// Asserts that one thing is found, with its cause and its fix, and returns it.
#[track_caller]
pub(super) fn only(examination: &Examination, mode: &str, cause: &str, fix: &str) -> Finding {
    let modes: Vec<String> = examination
        .findings
        .iter()
        .map(|f| f.mode.to_string())
        .collect();
    assert_eq!(modes, [mode], "{examination:#?}");
    let finding = examination.findings[0].clone();
    let told = format!(
        "{}; {}; {}",
        finding.summary,
        finding.cause,
        finding.evidence.join("; ")
    );
    assert!(told.contains(cause), "`{cause}` is not in: {told}");
    let fixes = finding.fix.join("; ");
    assert!(fixes.contains(fix), "`{fix}` is not in: {fixes}");
    finding
}
