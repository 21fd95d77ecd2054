//! Files of machines: honest, old, strange.

use super::*;
use crate::{Diagnostic, facts::Facts};

const A100: &str = r#"{
  "schema": 1, "platform": "linux-64", "cuda": "12.4", "compute-capability": "8.0", "glibc": "2.28", "driver": "550.54.14",
  "devices": [{ "index": 0, "name": "A100", "compute-capability": "8.0", "memory": 42949672960, "compute-mode": "default", "mig": false }]
}"#;

fn error(text: &str) -> String {
    let error = Diagnostic::from(Machine::parse("target.json", text).unwrap_err());
    let place = error.place.as_ref().unwrap();
    assert_eq!(place.file, "target.json");
    assert!(!error.help.is_empty());
    let causes = error.causes.join("; ");
    format!("{} {}: {causes}", error.code, error.message)
}

#[test]
fn what_is_written_is_read_back() {
    let machine = Machine::parse("target.json", A100).unwrap();
    let text = serde_json::to_string_pretty(&machine).unwrap();
    assert_eq!(Machine::parse("target.json", &text).unwrap(), machine);
    let target = machine.target();
    assert_eq!(target.cuda, "12.4".parse().ok());
    assert_eq!(target.glibc, "2.28".parse().ok());
}

#[test]
fn the_weakest_device_counts() {
    let text = A100.replace(r#""compute-capability": "8.0", "glibc""#, r#""glibc""#);
    let machine = Machine::parse("target.json", &text).unwrap();
    assert_eq!(machine.target().compute_capability, "8.0".parse().ok());
    let higher = A100.replacen("\"8.0\"", "\"9.0\"", 1);
    insta::assert_snapshot!(error(&higher), @"GE208 the target file makes no sense: `compute-capability` is 9.0, and a device has 8.0: ");
}

#[test]
fn a_file_of_another_version_says_so_whatever_else_it_holds() {
    insta::assert_snapshot!(error(r#"{"schema": 2, "new-key": [1]}"#), @"GE209 the target file has schema 2, this gpuenv reads 1: ");
    insta::assert_snapshot!(error(r#"{"platform": "linux-64"}"#), @"GE208 the file says no `schema`, so it is no target file: ");
}

#[test]
fn what_makes_no_sense_is_refused_with_its_place() {
    for text in [
        "",
        "[]",
        "{",
        "null",
        r#"{"schema": 1}"#,
        r#"{"schema": 1, "platform": "linux-65"}"#,
        r#"{"schema": 1, "platform": "noarch"}"#,
        r#"{"schema": 1, "platform": "linux-64", "cuda": 12.4}"#,
        r#"{"schema": 1, "platform": "linux-64", "cuda": "12"}"#,
        r#"{"schema": 1, "platform": "linux-64", "glibc": "new"}"#,
        r#"{"schema": 1, "platform": "linux-64", "driver": "550; rm"}"#,
        r#"{"schema": 1, "platform": "linux-64", "gpu": true}"#,
        r#"{"schema": -1, "platform": "linux-64"}"#,
        &"[".repeat(100_000),
    ] {
        assert!(error(text).starts_with("GE208"), "{text:.80}");
    }
    let two_lines = "{\"schema\": 1,\n \"platform\": 7}";
    let place = Diagnostic::from(Machine::parse("t", two_lines).unwrap_err()).place;
    assert_eq!(place.unwrap().span.unwrap().line, 2);
}

#[test]
fn the_driver_tells_its_cuda() {
    let drivers = &Facts::shipped().drivers;
    for (platform, driver, cuda) in [
        (Subdir::Linux64, "470.57.02", Some("11.4")),
        (Subdir::Linux64, "550.54.14", Some("12.4")),
        (Subdir::Linux64, "999.1", Some("13.2")),
        (Subdir::Linux64, "100.1", None),
        (Subdir::Win64, "527.41", Some("12.0")),
    ] {
        let mut machine = Machine::of_platform(platform);
        machine.driver = Some(driver.to_string());
        machine.infer_cuda(drivers);
        let expected = cuda.and_then(|cuda| cuda.parse().ok());
        assert_eq!(machine.cuda, expected, "{driver}");
    }
}
