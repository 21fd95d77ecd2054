//! Disks that are full or must not be written.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use fs_err as fs;
use gpuenv_testkit::tree_with_hashes;

use super::{CREATE, lab};
use crate::lab::{Lab, entries, skipped};

/// A file system of its own, which goes away in the end.
pub(super) struct Mounted(PathBuf);

impl Mounted {
    /// Mounts a small file system in memory; the error is a reason to skip.
    fn small(folder: &Path, bytes: u64) -> Result<Self, String> {
        fs::create_dir_all(folder).map_err(|error| error.to_string())?;
        mount(
            &["-t", "tmpfs", "-o", &format!("size={bytes}"), "tmpfs"],
            folder,
        )?;
        Ok(Self(folder.to_path_buf()))
    }

    /// Makes a folder read-only; the error is a reason to skip.
    fn read_only(folder: &Path) -> Result<Self, String> {
        let text = folder.to_string_lossy().into_owned();
        mount(&["--bind", &text], folder)?;
        let mounted = Self(folder.to_path_buf());
        mount(&["-o", "remount,bind,ro"], folder)?;
        Ok(mounted)
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

fn mount(arguments: &[&str], folder: &Path) -> Result<(), String> {
    let output = Command::new("mount").args(arguments).arg(folder).output();
    let output = output.map_err(|error| error.to_string())?;
    match output.status.success() {
        true => Ok(()),
        false => Err(String::from_utf8_lossy(&output.stderr).trim().to_string()),
    }
}

/// Returns a mount, or says why the test cannot run.
fn or_skip(mounted: Result<Mounted, String>) -> Option<Mounted> {
    mounted.inspect_err(|why| skipped(why)).ok()
}

/// Makes a laboratory whose cache is on a disk of its own.
pub(super) fn with_cache_elsewhere() -> Option<(Mounted, Lab)> {
    let mut lab = lab();
    let disk = lab.sandbox.work().join("disk");
    let mounted = or_skip(Mounted::small(&disk, 20_000_000))?;
    lab.sandbox.set("RATTLER_CACHE_DIR", disk.join("cache"));
    Some((mounted, lab))
}

fn big(lab: &Lab) {
    lab.channel
        .package("big", "1.0")
        .payload("lib/a", 700_000)
        .payload("lib/b", 700_000)
        .publish();
    lab.recipe("demo", &["tool", "big"]);
}

#[test]
fn a_full_disk_under_the_prefix_changes_nothing() {
    let lab = lab();
    big(&lab);
    let disk = lab.sandbox.work().join("disk");
    let Some(_mounted) = or_skip(Mounted::small(&disk, 900_000)) else {
        return;
    };
    let create = ["create", "./demo.yaml", "--quiet", "-p", "disk/env"];
    insta::assert_snapshot!(lab.sandbox.gpuenv(create), @"
    exit code: 15
    ----- stdout -----
    ----- stderr -----
    error[GE503]: the disk is full at `[SANDBOX]/work/disk`
    cause: at least [SIZE] are needed there, [SIZE] are free
    help: free some space, or set `RATTLER_CACHE_DIR` or the prefix to another disk
    docs: `gpuenv explain GE503`
    ");
    assert_eq!(entries(&disk), [""; 0]);
    let elsewhere = ["create", "./demo.yaml", "--quiet"];
    let _ = lab.sandbox.gpuenv(elsewhere).success();
}

#[test]
fn a_disk_that_fills_up_while_linking_changes_nothing() {
    let lab = lab();
    // Small to download, large to link.
    let zeros = vec![0_u8; 3_000_000];
    lab.channel
        .package("big", "1.0")
        .file("lib/zeros", zeros)
        .publish();
    lab.recipe("demo", &["tool", "big"]);
    let disk = lab.sandbox.work().join("disk");
    let Some(mounted) = or_skip(Mounted::small(&disk, 900_000)) else {
        return;
    };
    let create = ["create", "./demo.yaml", "--quiet", "-p", "disk/env"];
    insta::assert_snapshot!(lab.sandbox.gpuenv(create), @"
    exit code: 15
    ----- stdout -----
    ----- stderr -----
    error[GE503]: the disk is full at `[SANDBOX]/work/disk`
    help: free some space there; what was downloaded is kept
    docs: `gpuenv explain GE503`
    ");
    assert_eq!(entries(&disk), [""; 0]);
    let _ = mount(&["-o", "remount,size=20000000"], &mounted.0);
    let _ = lab.sandbox.gpuenv(create).success();
}

#[test]
fn a_mount_point_cannot_become_a_prefix() {
    let lab = lab();
    let disk = lab.sandbox.work().join("disk");
    let Some(_mounted) = or_skip(Mounted::small(&disk, 900_000)) else {
        return;
    };
    insta::assert_snapshot!(lab.sandbox.gpuenv(["create", "./demo.yaml", "-p", "disk"]), @"
    exit code: 15
    ----- stdout -----
    ----- stderr -----
    error[GE512]: `[SANDBOX]/work/disk` cannot be a prefix: it is a mount point, which nothing can take the place of; use a directory in it
    help: choose another `--prefix`
    docs: `gpuenv explain GE512`
    ");
    assert_eq!(lab.server.log(), [""; 0]);
}

#[test]
fn a_full_disk_under_the_cache_changes_nothing() {
    let mut lab = lab();
    big(&lab);
    let disk = lab.sandbox.work().join("disk");
    let Some(mounted) = or_skip(Mounted::small(&disk, 900_000)) else {
        return;
    };
    lab.sandbox.set("RATTLER_CACHE_DIR", disk.join("cache"));
    insta::assert_snapshot!(lab.sandbox.gpuenv(CREATE), @"
    exit code: 15
    ----- stdout -----
    ----- stderr -----
    error[GE503]: the disk is full at `[SANDBOX]/work/disk/cache/pkgs`
    cause: at least [SIZE] are needed there, [SIZE] are free
    help: free some space, or set `RATTLER_CACHE_DIR` or the prefix to another disk
    docs: `gpuenv explain GE503`
    ");
    lab.assert_only(&[]);
    let _ = mount(&["-o", "remount,size=20000000"], &mounted.0);
    let _ = lab.sandbox.gpuenv(CREATE).success();
}

#[test]
fn a_read_only_place_for_environments_is_told_of() {
    let lab = lab();
    let place = lab.sandbox.work().join("place");
    fs::create_dir(&place).unwrap();
    let Some(_mounted) = or_skip(Mounted::read_only(&place)) else {
        return;
    };
    insta::assert_snapshot!(lab.sandbox.gpuenv(["create", "./demo.yaml", "--quiet", "-p", "place/env"]), @"
    exit code: 15
    ----- stdout -----
    ----- stderr -----
    error[GE504]: no permission for `[SANDBOX]/work/place`
    cause: failed to open file `[SANDBOX]/work/place/.env.gpuenv-lock`: Read-only file system (os error 30)
    help: choose another prefix with `--prefix`, or another cache with `RATTLER_CACHE_DIR`
    docs: `gpuenv explain GE504`
    ");
}

#[test]
fn a_read_only_cache_is_used_and_not_needed() {
    let lab = lab();
    let _ = lab.sandbox.gpuenv(CREATE).success();
    let _ = lab.sandbox.gpuenv(["remove", "demo", "-y"]).success();
    let cache = lab.sandbox.package_cache();
    let before = tree_with_hashes(&cache);
    let Some(_mounted) = or_skip(Mounted::read_only(&cache)) else {
        return;
    };
    // Everything is in it.
    lab.server.forget_requests();
    let _ = lab.sandbox.gpuenv(CREATE).success();
    assert!(
        lab.server.requests_for("*.conda").is_empty(),
        "{:?}",
        lab.server.log()
    );
    // Something is missing in it.
    lab.channel
        .package("extra", "1.0")
        .file("share/extra", "x")
        .publish();
    lab.recipe("demo", &["tool", "extra"]);
    let _ = lab.sandbox.gpuenv(CREATE).success();
    assert!(lab.prefix("demo").join("share/extra").exists());
    let _ = lab.sandbox.gpuenv(["remove", "demo", "-y"]).success();
    fs::remove_file(lab.sandbox.work().join("gpuenv.lock")).unwrap();
    let _ = lab.sandbox.gpuenv(CREATE).success();
    assert_eq!(tree_with_hashes(&cache), before);
    lab.assert_only(&["demo"]);
}

#[test]
fn a_lock_that_cannot_be_written_is_told_of_before_anything_is_installed() {
    let lab = lab();
    let place = lab.sandbox.work().join("recipes");
    lab.sandbox
        .write("recipes/demo.yaml", lab.sandbox.read("demo.yaml"));
    let Some(_mounted) = or_skip(Mounted::read_only(&place)) else {
        return;
    };
    insta::assert_snapshot!(lab.sandbox.gpuenv(["create", "recipes/demo.yaml", "--quiet"]), @r#"
    exit code: 14
    ----- stdout -----
    ----- stderr -----
    error[GE406]: the lock `recipes/gpuenv.lock` cannot be written
    cause: Read-only file system (os error 30)
    help: keep it elsewhere: `gpuenv lock recipes/demo.yaml --output FILE.lock`, then `gpuenv create FILE.lock`
    docs: `gpuenv explain GE406`
    "#);
    lab.assert_only(&[]);
}
