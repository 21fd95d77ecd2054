//! Progress and diagnostics on stderr, as a program would read them.

use serde_json::Value;

use crate::program::gpuenv;

#[test]
fn json_progress_keeps_stderr_all_json() {
    // A failure is told in the form that was asked for.
    let ran = gpuenv(["list", "--progress", "json"])
        .env("GPUENV_CONFIG", "broken.yaml")
        .file("broken.yaml", "mirror: x\n")
        .run();
    for line in ran.stderr.lines() {
        let event: Value = serde_json::from_str(line).unwrap_or_else(|_| panic!("{line}"));
        assert!(event["event"].is_string(), "{line}");
    }
}
