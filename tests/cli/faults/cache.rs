//! A package cache that is not what it was: found out and put right.

use std::{os::unix::fs::MetadataExt, path::Path};

use fs_err as fs;
use gpuenv_testkit::{Fault, tree_with_hashes};

use super::{CREATE, lab};
use crate::lab::{Lab, entries};

/// The unpacked file that the tests damage.
fn cached(lab: &Lab) -> std::path::PathBuf {
    lab.sandbox
        .package_cache()
        .join("pkgs/lib-1.0-h0_0/lib/lib.so")
}

/// Writes into a file in place, as an editor or a failing disk does.
fn edit_in_place(path: &Path, edit: impl Fn(&mut Vec<u8>)) {
    let mut bytes = fs::read(path).expect("the package was unpacked");
    edit(&mut bytes);
    fs::write(path, bytes).expect("the sandbox is ours");
}

#[test]
fn a_damaged_cache_never_gets_into_an_environment() {
    type Damage = (&'static str, fn(&Lab));
    let damages: [Damage; 5] = [
        ("a file is gone", |lab| {
            fs::remove_file(cached(lab)).unwrap()
        }),
        ("a file is cut", |lab| {
            edit_in_place(&cached(lab), |bytes| bytes.truncate(10_000))
        }),
        ("a byte is flipped", |lab| {
            edit_in_place(&cached(lab), |bytes| bytes[10_000] ^= 0xff)
        }),
        ("the list of files is gone", |lab| {
            fs::remove_file(
                lab.sandbox
                    .package_cache()
                    .join("pkgs/lib-1.0-h0_0/info/paths.json"),
            )
            .unwrap();
        }),
        ("the folder is empty", |lab| {
            let folder = lab.sandbox.package_cache().join("pkgs/lib-1.0-h0_0");
            fs::remove_dir_all(&folder).unwrap();
            fs::create_dir(&folder).unwrap();
        }),
    ];
    for (name, damage) in damages {
        let lab = lab();
        let _ = lab.sandbox.gpuenv(CREATE).success();
        let good = fs::read(lab.prefix("demo").join("lib/lib.so")).unwrap();
        let _ = lab.sandbox.gpuenv(["remove", "demo", "-y"]).success();
        damage(&lab);
        lab.server.forget_requests();
        let _ = lab.sandbox.gpuenv(CREATE).success();
        assert_eq!(
            fs::read(lab.prefix("demo").join("lib/lib.so")).unwrap(),
            good,
            "{name}"
        );
        assert_eq!(
            lab.server.log(),
            ["GET /conda-forge/linux-64/lib-1.0-h0_0.conda 200"],
            "{name}"
        );
    }
}

#[test]
fn an_edit_in_one_environment_does_not_reach_the_next() {
    let lab = lab();
    let _ = lab.sandbox.gpuenv(CREATE).success();
    let file = lab.prefix("demo").join("lib/lib.so");
    let good = fs::read(&file).unwrap();
    let is_shared = fs::metadata(&file).unwrap().nlink() > 1;
    edit_in_place(&file, |bytes| bytes[0] ^= 0xff);
    assert_eq!(
        fs::read(cached(&lab)).unwrap() != good,
        is_shared,
        "the cache shares its files"
    );
    let second = ["create", "./demo.yaml", "--quiet", "-n", "second"];
    let _ = lab.sandbox.gpuenv(second).success();
    assert_eq!(
        fs::read(lab.prefix("second").join("lib/lib.so")).unwrap(),
        good
    );
    // And the first comes right when it is asked for.
    let _ = lab
        .sandbox
        .gpuenv(["create", "./demo.yaml", "--force"])
        .success();
    assert_eq!(fs::read(file).unwrap(), good);
}

#[test]
fn offline_says_what_is_damaged() {
    let lab = lab();
    let _ = lab.sandbox.gpuenv(CREATE).success();
    let _ = lab.sandbox.gpuenv(["remove", "demo", "-y"]).success();
    edit_in_place(&cached(&lab), |bytes| bytes.truncate(10_000));
    insta::assert_snapshot!(lab.sandbox.gpuenv(["create", "./demo.yaml", "--offline"]), @"
    exit code: 15
    ----- stdout -----
    ----- stderr -----
    error[GE508]: offline, and `lib-1.0-h0_0.conda` is not whole in the cache
    cause: damaged: lib-1.0-h0_0.conda: `lib/lib.so` has another size
    help: run it once without `--offline`
    docs: `gpuenv explain GE508`
    ");
    lab.assert_only(&[]);
}

#[test]
fn a_server_that_never_answers_is_not_needed_where_all_is_cached() {
    let lab = lab();
    let _ = lab.sandbox.gpuenv(CREATE).success();
    lab.server.inject(Fault::stall());
    let _ = lab
        .sandbox
        .gpuenv(["create", "./demo.yaml", "--quiet", "-n", "second"])
        .success();
    // Without the lock the index has to be asked for; the way out is told, and works.
    fs::remove_file(lab.sandbox.work().join("gpuenv.lock")).unwrap();
    let third = lab
        .sandbox
        .gpuenv(["create", "./demo.yaml", "--quiet", "-n", "third"]);
    let third = third
        .code(13)
        .stderr_has("`--offline` uses what is in the cache");
    assert!(third.elapsed().as_secs() < 30, "{third}");
    let _ = lab
        .sandbox
        .gpuenv([
            "create",
            "./demo.yaml",
            "--quiet",
            "-n",
            "third",
            "--offline",
        ])
        .success();
    lab.assert_only(&["demo", "second", "third"]);
}

#[test]
fn a_cache_on_another_disk_is_copied_from() {
    let Some((_mounted, lab)) = super::disk::with_cache_elsewhere() else {
        return;
    };
    let _ = lab.sandbox.gpuenv(CREATE).success();
    let file = lab.prefix("demo").join("lib/lib.so");
    assert_eq!(fs::metadata(file).unwrap().nlink(), 1);
    let first = tree_with_hashes(&lab.prefix("demo").join("lib"));
    let _ = lab
        .sandbox
        .gpuenv(["create", "./demo.yaml", "--quiet", "-n", "second"])
        .success();
    assert_eq!(tree_with_hashes(&lab.prefix("second").join("lib")), first);
    assert!(!entries(&lab.sandbox.work().join("disk")).is_empty());
}
