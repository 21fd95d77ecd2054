//! Progress and diagnostics on stderr and in documents, as a program would read them.

use serde_json::Value;

use crate::program::gpuenv;

#[test]
fn json_progress_keeps_stderr_all_json() {
    let ran = gpuenv(["list", "--mirror", "lab", "--progress", "json"]).run();
    let lines: Vec<Value> = ran
        .stderr
        .lines()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|_| panic!("{line}")))
        .collect();
    assert_eq!(lines.len(), 1);
    assert_eq!(lines[0]["event"], "diagnosed");
    assert_eq!(lines[0]["diagnostic"]["code"], "GE307");
    assert_eq!(ran.exit, 13);
}

#[test]
fn a_failure_is_told_on_stderr_and_documented_on_stdout() {
    let ran = gpuenv(["list", "--mirror", "lab", "--json"]).run();
    let document: Value = serde_json::from_str(&ran.stdout).expect("one document");
    assert_eq!(ran.stdout.lines().count(), 1);
    assert_eq!(document["command"], "list");
    assert_eq!(document["exit"], ran.exit);
    assert_eq!(document["result"], Value::Null);
    assert_eq!(document["diagnostics"][0]["code"], "GE307");
    assert!(
        ran.stderr
            .starts_with("error[GE307]: `lab` is not a mirror\n")
    );
}

#[test]
fn an_error_is_told_even_when_quiet_is_wanted() {
    let ran = gpuenv(["list", "--mirror", "lab", "--quiet"]).run();
    assert!(ran.stderr.starts_with("error[GE307]"), "{}", ran.all());
}
