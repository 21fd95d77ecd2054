//! `gpuenv explain`.

use gpuenv_core::Code;

use crate::{program::gpuenv, source::read};

#[test]
fn a_code_is_explained_by_its_page() {
    let ran = gpuenv(["explain", "GE901"]).run();
    assert_eq!((ran.exit, ran.stderr.as_str()), (0, ""));
    assert_eq!(ran.stdout, read("docs/errors/GE901.md"));
}

#[test]
fn without_a_code_all_are_listed() {
    let ran = gpuenv(["explain"]).run();
    assert_eq!(ran.exit, 0);
    assert_eq!(ran.stdout.lines().count(), Code::ALL.len());
    assert!(ran.stdout.contains("GE901  gpuenv has a bug\n"));
}

#[test]
fn an_unknown_code_gets_the_nearest_one() {
    insta::assert_snapshot!(gpuenv(["explain", "GE902"]).run().all(), @"
    exit: 2
    ----- stdout
    ----- stderr
    error: `GE902` is not a diagnostic code
    help: did you mean `gpuenv explain GE901` (gpuenv has a bug)?
    ");
    insta::assert_snapshot!(gpuenv(["explain", "\u{1b}[2Jhello"]).run().all(), @"
    exit: 2
    ----- stdout
    ----- stderr
    error: `␛[2Jhello` is not a diagnostic code
    help: `gpuenv explain` lists all codes
    ");
}

#[test]
fn an_explanation_needs_no_configuration() {
    let ran = gpuenv(["explain", "GE901"])
        .env("GPUENV_CONFIG", "/nowhere/config.yaml")
        .run();
    assert_eq!(ran.exit, 0, "{}", ran.all());
}
