//! The file of a lock: where it goes, and what is no lock or none to trust.

use fs_err as fs;

use super::{LOCK, lab, relock};
use crate::lab::{entries, recipe};

#[test]
fn a_lock_goes_where_it_is_told_to() {
    let lab = lab();
    fs::create_dir(lab.sandbox.work().join("sub")).unwrap();
    let _ = lab
        .sandbox
        .gpuenv(relock(&["--output", "sub/my.lock"]))
        .success();
    assert_eq!(entries(&lab.sandbox.work()), ["demo.yaml", "sub"]);
    let _ = lab.sandbox.gpuenv(["create", "sub/my.lock"]).success();
    lab.assert_only(&["demo"]);
    insta::assert_snapshot!(lab.sandbox.gpuenv(relock(&["--output", "nowhere/my.lock"])), @"
    exit code: 14
    ----- stdout -----
    ----- stderr -----
    error[GE406]: the lock `nowhere/my.lock` cannot be written
    cause: there is no directory `nowhere`
    help: choose another place with `--output FILE`
    docs: `gpuenv explain GE406`
    ");
    insta::assert_snapshot!(lab.sandbox.gpuenv(relock(&["--output", "sub"])), @"
    exit code: 14
    ----- stdout -----
    ----- stderr -----
    error[GE401]: the lock `sub` cannot be read
     --> sub
    cause: it is a directory
    help: make it readable, or make a new one with `gpuenv lock`
    docs: `gpuenv explain GE401`
    ");
}

#[test]
fn what_is_no_lock_is_never_overwritten() {
    let lab = lab();
    let _ = lab.sandbox.gpuenv(LOCK).success();
    let good = lab.sandbox.read("gpuenv.lock");
    let conflict = format!("<<<<<<< HEAD\n{good}=======\n{good}>>>>>>> other\n");
    let newer = good.replacen("version: 7", "version: 99", 1);
    assert_ne!(newer, good);
    let mut told = String::new();
    for (name, text) in [
        ("conflict", conflict.as_str()),
        ("newer", newer.as_str()),
        ("foreign", "{\"lockfileVersion\": 3}\n"),
        ("empty", ""),
        ("binary", "\u{0}\u{1}"),
    ] {
        for command in ["lock", "create"] {
            lab.sandbox.write("gpuenv.lock", text);
            lab.server.forget_requests();
            let output = lab.sandbox.gpuenv([command, "./demo.yaml"]).code(14);
            assert_eq!(lab.sandbox.read("gpuenv.lock"), text, "{name}");
            assert_eq!(lab.server.log(), [""; 0]);
            if command == "lock" {
                let text = output.snapshot();
                told += &format!(
                    "## {name}\n{}",
                    text.split_once("stderr -----\n").unwrap().1
                );
            }
        }
    }
    lab.assert_only(&[]);
    insta::assert_snapshot!(told, @"
    ## conflict
    error[GE404]: lock `./gpuenv.lock` holds an unfinished merge
     --> ./gpuenv.lock:1:1
      |
    1 | <<<<<<< HEAD
      | ^^^^^^^
    help: take either side, for example `git checkout --ours gpuenv.lock`, then run `gpuenv lock`
    docs: `gpuenv explain GE404`
    ## newer
    error[GE403]: lock `./gpuenv.lock` has version 99, which this gpuenv does not know
     --> ./gpuenv.lock
    help: update gpuenv, or make the lock anew with `gpuenv lock`
    docs: `gpuenv explain GE403`
    ## foreign
    error[GE404]: lock `./gpuenv.lock` is damaged: missing `version` field in lock file
     --> ./gpuenv.lock
    help: restore the file from version control, or delete it and run `gpuenv lock`
    docs: `gpuenv explain GE404`
    ## empty
    error[GE404]: lock `./gpuenv.lock` is damaged: missing `version` field in lock file
     --> ./gpuenv.lock
    help: restore the file from version control, or delete it and run `gpuenv lock`
    docs: `gpuenv explain GE404`
    ## binary
    error[GE404]: lock `./gpuenv.lock` is damaged: control characters are not allowed
     --> ./gpuenv.lock:1:1
      |
    1 | ␀␁
      | ^
    help: restore the file from version control, or delete it and run `gpuenv lock`
    docs: `gpuenv explain GE404`
    ");
}

#[test]
fn a_lock_of_another_tool_is_installed_and_told_apart() {
    let lab = lab();
    let _ = lab.sandbox.gpuenv(LOCK).success();
    let text = lab.sandbox.read("gpuenv.lock");
    let (theirs, _) = text.split_once("gpuenv:\n").unwrap();
    lab.sandbox.write("pixi.lock", theirs);
    insta::assert_snapshot!(lab.sandbox.gpuenv(["create", "pixi.lock"]), @"
    exit code: 2
    ----- stdout -----
    ----- stderr -----
    error: the lock does not say what the environment is called
    help: name it: `-n NAME`, or `-p PREFIX`
    ");
    let created = lab
        .sandbox
        .gpuenv(["create", "pixi.lock", "-n", "theirs", "--no-probe"]);
    let _ = created.success();
    lab.assert_only(&["theirs"]);
    lab.sandbox.write("gpuenv.lock", theirs);
    insta::assert_snapshot!(lab.sandbox.gpuenv(relock(&["--check"])), @"
    exit code: 1
    ----- stdout -----
    ----- stderr -----
    error[GE402]: lock `./gpuenv.lock` no longer satisfies the recipe
    cause: the lock has no `gpuenv` section
    help: bring it up to date with `gpuenv lock ./demo.yaml`
    docs: `gpuenv explain GE402`
    ");
}

#[test]
fn a_lock_that_does_not_cover_this_platform_is_told() {
    let lab = lab();
    let text = recipe("demo", &["tool"]).replace("linux-64", "win-64");
    lab.sandbox.write("demo.yaml", text);
    let _ = lab.sandbox.gpuenv(LOCK).success();
    insta::assert_snapshot!(lab.sandbox.gpuenv(["create", "gpuenv.lock"]), @"
    exit code: 14
    ----- stdout -----
    ----- stderr -----
    error[GE405]: lock `gpuenv.lock` does not cover linux-64
    cause: it covers win-64
    help: add `linux-64` to the recipe's `platforms`, then run `gpuenv lock`
    docs: `gpuenv explain GE405`
    ");
    insta::assert_snapshot!(lab.sandbox.gpuenv(["create", "./demo.yaml"]), @"
    exit code: 12
    ----- stdout -----
    ----- stderr -----
    error[GE201]: recipe `demo` does not cover `linux-64`
     --> ./demo.yaml:4:13
      |
    4 | platforms: [win-64]
      |             ^^^^^^
    cause: it covers `win-64`
    help: add `linux-64` to `platforms`
    docs: `gpuenv explain GE201`
    ");
}

#[test]
fn a_lock_that_was_tampered_with_is_not_installed() {
    let lab = lab();
    let _ = lab.sandbox.gpuenv(LOCK).success();
    let good = lab.sandbox.read("gpuenv.lock");
    let without = |key: &str| {
        let lines = good.lines().filter(|line| !line.starts_with(key));
        lines.map(|line| format!("{line}\n")).collect::<String>()
    };
    let unhashed = without("  sha256:")
        .lines()
        .filter(|line| !line.contains("md5:"))
        .map(|line| format!("{line}\n"))
        .collect();
    let mut told = String::new();
    for (name, text) in [
        ("another hash", good.replace("sha256: 1f", "sha256: 2f")),
        ("no hash", unhashed),
        (
            "a package less",
            without("      - conda: https://conda.anaconda.org/conda-forge/noarch/base"),
        ),
        (
            "ways up",
            good.replace(
                "conda-forge/linux-64/lib-2.0",
                "conda-forge/linux-64/../../lib-2.0",
            ),
        ),
        (
            "a file",
            good.replace("https://conda.anaconda.org/", "file:///"),
        ),
        (
            "credentials",
            good.replace("https://conda", "https://me:secret@conda"),
        ),
    ] {
        assert_ne!(text, good, "{name}");
        lab.sandbox.write("gpuenv.lock", text);
        let refused = lab
            .sandbox
            .gpuenv(["create", "gpuenv.lock", "--quiet"])
            .says_nowhere("secret");
        let text = refused.snapshot();
        told += &format!("## {name}\n{text}");
    }
    insta::assert_snapshot!(told, @"
    ## another hash
    exit code: 15
    ----- stdout -----
    ----- stderr -----
    error[GE502]: `tool-2.0-h0_0.conda` does not have the hash that the lock names
    cause: from [SERVER]/conda-forge/linux-64/tool-2.0-h0_0.conda
    cause: the lock names 2f8265e343b1e426ff538c59ccd8039551115243bfdc8ca20023d6135d0b4c5b, what arrived has 1f8265e343b1e426ff538c59ccd8039551115243bfdc8ca20023d6135d0b4c5b
    help: try again; a proxy or mirror may have damaged it, or a login page answers instead
    help: if the channel replaced the archive, run `gpuenv lock --upgrade`
    docs: `gpuenv explain GE502`
    ## no hash
    exit code: 14
    ----- stdout -----
    ----- stderr -----
    error[GE409]: lock `gpuenv.lock` names `base 1.0 h0_0`, which must not be installed: it has no hash, so a download could not be verified
     --> gpuenv.lock
    help: make the lock anew with `gpuenv lock`
    docs: `gpuenv explain GE409`
    ## a package less
    exit code: 14
    ----- stdout -----
    ----- stderr -----
    error[GE404]: what lock `gpuenv.lock` names for linux-64 does not fit together
    cause: `lib 2.0 h0_0` needs `base`, which is not there
    help: make it anew with `gpuenv lock`
    docs: `gpuenv explain GE404`
    ## ways up
    exit code: 14
    ----- stdout -----
    ----- stderr -----
    error[GE404]: lock `gpuenv.lock` is damaged: missing field/fields 'subdir'
     --> gpuenv.lock
    help: restore the file from version control, or delete it and run `gpuenv lock`
    docs: `gpuenv explain GE404`
    ## a file
    exit code: 14
    ----- stdout -----
    ----- stderr -----
    error[GE404]: lock `gpuenv.lock` is damaged: missing field/fields 'subdir'
     --> gpuenv.lock
    help: restore the file from version control, or delete it and run `gpuenv lock`
    docs: `gpuenv explain GE404`
    ## credentials
    exit code: 14
    ----- stdout -----
    ----- stderr -----
    error[GE409]: lock `gpuenv.lock` names `base 1.0 h0_0`, which must not be installed: its URL holds credentials
     --> gpuenv.lock
    help: make the lock anew with `gpuenv lock`
    docs: `gpuenv explain GE409`
    ");
    lab.assert_only(&[]);
}
