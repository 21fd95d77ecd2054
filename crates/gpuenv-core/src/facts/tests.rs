//! The compiled-in tables are complete, and a bad one is refused where it is bad.

use super::*;
use crate::{Diagnostic, Severity};

fn with(name: &'static str, text: &str) -> Result<Facts, FactsError> {
    let text = text.to_string();
    Facts::read(&move |asked| {
        (asked == name).then(|| Replacement {
            file: format!("/facts/{name}"),
            text: text.clone(),
        })
    })
}

fn shipped(name: &str) -> String {
    let found = SHIPPED.iter().find(|(known, _)| *known == name).unwrap();
    found.1.to_string()
}

#[test]
fn the_shipped_tables_are_read_with_source_and_date() {
    let facts = Facts::shipped();
    assert_eq!(facts.origins.len(), SHIPPED.len());
    for origin in &facts.origins {
        assert!(origin.source.len() > 20, "{}", origin.name);
        assert_eq!(origin.replaced_by, None);
    }
    assert_eq!(facts.drivers.floors[0].cuda, 13);
    let hopper = facts.architectures.get("9.0".parse().unwrap()).unwrap();
    assert_eq!(hopper.first.to_string(), "11.8");
}

#[test]
fn every_failure_mode_is_there_and_one_that_has_no_rule_says_why() {
    let modes = &Facts::shipped().modes.modes;
    let ids: Vec<u8> = modes.iter().map(|mode| mode.id.0).collect();
    assert_eq!(ids, (1..=63).collect::<Vec<u8>>());
    for mode in modes {
        let has_rule = mode.found == FoundBy::Doctor;
        assert_eq!(has_rule, mode.why.is_none(), "{}", mode.id);
        assert!(
            !mode.confirm.is_empty() && !mode.fix.is_empty(),
            "{}",
            mode.id
        );
    }
}

#[test]
fn modes_of_the_error_table_exist() {
    let facts = Facts::shipped();
    for error in &facts.errors.errors {
        if let Some(mode) = &error.mode {
            let id: ModeId = mode.parse().unwrap();
            assert!(facts.modes.get(id).is_some(), "{mode}");
        }
    }
}

#[test]
fn a_newer_table_takes_the_place_of_the_compiled_in_one() {
    let text = shipped("cuda_driver.yaml")
        .replace("2026-11-21", "2027-03-01")
        .replace(
            "{cuda: 13, linux: '580.65.06'}",
            "{cuda: 13, linux: '600.1'}",
        );
    let facts = with("cuda_driver.yaml", &text).unwrap();
    assert_eq!(facts.drivers.floors[0].linux.to_string(), "600.1");
    let origin = &facts.origins[0];
    assert_eq!(
        origin.replaced_by.as_deref(),
        Some("/facts/cuda_driver.yaml")
    );
    assert!(!origin.older_than_shipped);
}

#[test]
fn a_table_older_than_the_compiled_in_one_is_known_as_such() {
    let text = shipped("cuda_driver.yaml").replace("2026-11-21", "2025-01-01");
    let facts = with("cuda_driver.yaml", &text).unwrap();
    assert!(facts.origins[0].older_than_shipped);
    assert_eq!(facts.date(), "2025-01-01");
}

#[test]
fn a_bad_table_is_refused_at_its_place() {
    let text = shipped("gpu_arch.yaml").replace("capability: '9.0'", "capability: 'nine'");
    let error = with("gpu_arch.yaml", &text).unwrap_err();
    let diagnostic = Diagnostic::from(error);
    assert_eq!(diagnostic.severity, Severity::Error);
    let place = diagnostic.place.unwrap();
    assert_eq!(place.file, "/facts/gpu_arch.yaml");
    let span = place.span.unwrap();
    assert!(span.text.contains("capability: 'nine'"), "{span:?}");
}

#[test]
fn a_value_that_makes_no_sense_is_refused_at_its_line() {
    let arch = shipped("gpu_arch.yaml");
    for (text, line) in [
        (arch.replace("2026-11-21", "yesterday"), "date: yesterday"),
        (arch.replace("schema: 1", "schema: 2"), "schema: 2"),
        (
            arch.replace("capability: '8.6'", "capability: '8.0'"),
            "examples: 'RTX 30xx",
        ),
    ] {
        let error = with("gpu_arch.yaml", &text).unwrap_err();
        let span = Diagnostic::from(error).place.unwrap().span.unwrap();
        assert!(span.text.contains(line), "{span:?}");
    }
}

#[test]
fn what_a_newer_gpuenv_added_may_be_missing_in_a_table() {
    let text = shipped("gpu_builds.yaml");
    let (before, rest) = text.split_once("other-names:").unwrap();
    let (_, after) = rest.split_once("cpu-is-fine:").unwrap();
    let text = format!("{before}cpu-is-fine:{after}");
    let facts = with("gpu_builds.yaml", &text).unwrap();
    assert!(facts.builds.other_names.is_none());
}

#[test]
fn tables_that_make_no_sense_are_refused() {
    let modes = shipped("failure_modes.yaml");
    let arch = shipped("gpu_arch.yaml");
    for (name, text, expected) in [
        (
            "gpu_arch.yaml",
            arch.replace("schema: 1", "schema: 2"),
            "schema 2",
        ),
        (
            "gpu_arch.yaml",
            arch.replace("2026-11-21", "yesterday"),
            "not a date",
        ),
        ("gpu_arch.yaml", arch.replace("date:", "datum:"), "datum"),
        ("gpu_arch.yaml", String::new(), "cannot be read"),
        ("gpu_arch.yaml", "\u{0}".repeat(50), "cannot be read"),
        ("gpu_arch.yaml", "# x\n".repeat(2 << 20), "larger than"),
        (
            "gpu_arch.yaml",
            arch.replace("capability: '8.6'", "capability: '8.0'"),
            "`capability: 8.0` is there twice",
        ),
        (
            "gpu_arch.yaml",
            arch.replace("first: '8.0', last: '12.9'", "first: '13.0', last: '12.9'"),
            "ends before it begins",
        ),
        (
            "gpu_arch.yaml",
            arch.replace("[Kepler]", "[Keppler]"),
            "`Keppler` is the name of no architecture",
        ),
        (
            "cuda_driver.yaml",
            shipped("cuda_driver.yaml").replace("'525.60.13'", "'new'"),
            "`new` is not a version",
        ),
        (
            "failure_modes.yaml",
            modes.replace("id: P09", "id: P07"),
            "stands behind",
        ),
        (
            "failure_modes.yaml",
            modes.replace("'NVML library version:'", "'*'"),
            "too short",
        ),
        (
            "failure_modes.yaml",
            modes.replace("id: P09", "id: 9"),
            "P08",
        ),
    ] {
        let error = with(name, &text).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    }
}
