//! Packages in the cache that somebody has edited, seen from an environment.

use std::{
    os::unix::fs::{MetadataExt as _, PermissionsExt as _},
    path::{Path, PathBuf},
};

use fs_err as fs;
use gpuenv_testkit::tree_with_hashes;

use super::{create, lab, verify};
use crate::lab::Lab;

/// Returns the one file of this end in the package cache.
fn cached(lab: &Lab, end: &str) -> PathBuf {
    let files = tree_with_hashes(&lab.sandbox.package_cache());
    let line = files.iter().find(|line| line.contains(end));
    let line = line.unwrap_or_else(|| panic!("no `{end}` in {files:#?}"));
    let words: Vec<&str> = line.split_whitespace().collect();
    let path = words.iter().find(|word| word.contains(end));
    lab.sandbox.package_cache().join(path.expect("a path"))
}

/// Writes other bytes of the same length into the same file, and keeps its time.
fn edit_in_place(path: &Path) {
    let before = fs::metadata(path).expect("the file is there");
    let time = before.modified().expect("files have times");
    let bytes = fs::read(path).expect("the file can be read");
    let _ = fs::set_permissions(path, std::fs::Permissions::from_mode(0o644));
    let other: Vec<u8> = bytes.iter().map(|byte| byte ^ 1).collect();
    let mut file = fs::OpenOptions::new()
        .write(true)
        .open(path)
        .expect("a file");
    std::io::Write::write_all(&mut file, &other).expect("the file can be written");
    file.set_modified(time).expect("a time can be set");
    drop(file);
    let _ = fs::set_permissions(path, before.permissions());
    assert_eq!(fs::metadata(path).expect("still there").ino(), before.ino());
}

#[test]
fn an_edit_through_a_hard_link_is_found_and_mended_in_the_cache_too() {
    let lab = lab();
    let _ = create(&lab, &["./demo.yaml", "-n", "second"]);
    let prefix = lab.prefix("demo");
    let (here, there) = (prefix.join("lib/lib.so"), cached(&lab, "lib/lib.so"));
    assert_eq!(
        fs::metadata(&here).unwrap().ino(),
        fs::metadata(&there).unwrap().ino()
    );
    let right = fs::read(&here).unwrap();
    edit_in_place(&here);
    let told = verify(&lab).stdout_has("  lib/lib.so was changed: its hash is another one");
    let _ = told.stdout_has("in the package cache:");
    insta::assert_snapshot!(lab.sandbox.gpuenv(["repair", "demo"]), @"
    exit code: 0
    ----- stdout -----
    environment `demo` is mended
      linked again: lib 1.0 h0_0
    prefix: [SANDBOX]/gpuenv-home/envs/demo
    ----- stderr -----
    comparing 3 packages ([SIZE])
    compared [SIZE] in [TIME]
    fetching 1 package ([SIZE])
    fetched 1 package ([SIZE]) in [TIME]
    linking 1 package
    linked 1 package in [TIME]
    comparing 3 packages ([SIZE])
    compared [SIZE] in [TIME]
    warning[GE530]: other environments have the same packages, and may share what was edited
    cause: they are `second`
    help: look at them too: `gpuenv verify second`
    docs: `gpuenv explain GE530`
    ");
    assert_eq!(fs::read(&here).unwrap(), right);
    assert_eq!(fs::read(cached(&lab, "lib/lib.so")).unwrap(), right);
    let _ = verify(&lab).success();
    // The other one still has the old file, and is told so.
    let second = lab.sandbox.gpuenv(["verify", "second", "-q"]).code(1);
    let _ = second.stdout_has("lib/lib.so was changed");
    let _ = lab.sandbox.gpuenv(["repair", "second", "-q"]).success();
    assert_eq!(
        fs::read(lab.prefix("second").join("lib/lib.so")).unwrap(),
        right
    );
}

#[test]
fn a_cached_file_that_was_edited_with_its_time_kept_is_found() {
    let lab = lab();
    let cached_file = cached(&lab, "lib/libmore.so.1");
    // As `sed -i` does it: another file of the same name, so that no prefix changes.
    let time = fs::metadata(&cached_file).unwrap().modified().unwrap();
    fs::remove_file(&cached_file).unwrap();
    fs::write(&cached_file, "MORE").unwrap();
    let file = fs::OpenOptions::new()
        .append(true)
        .open(&cached_file)
        .unwrap();
    file.set_modified(time).unwrap();
    drop(file);
    insta::assert_snapshot!(verify(&lab), @"
    exit code: 1
    ----- stdout -----
    in the package cache:
      more 1.0 h0_0 `lib/libmore.so.1` has another content, at [SANDBOX]/package-cache/pkgs/more-1.0-h0_0
    compared: 3 packages, 21 paths, [SIZE] read; 3 in the cache
    ----- stderr -----
    error[GE525]: environment `demo` is not what its lock says
    cause: damaged: 1 package in the cache
    help: mend it: `gpuenv repair demo`
    docs: `gpuenv explain GE525`
    ");
    let prefix_only = ["verify", "demo", "--quiet", "--no-cache"];
    let _ = lab.sandbox.gpuenv(prefix_only).success();
    let _ = lab.sandbox.gpuenv(["repair", "demo", "-q"]).success();
    assert_eq!(
        fs::read_to_string(cached(&lab, "lib/libmore.so.1")).unwrap(),
        "more"
    );
    let _ = verify(&lab).success();
}

#[test]
fn a_cached_file_into_which_the_prefix_is_written_is_never_taken_edited() {
    let lab = lab();
    let file = cached(&lab, "share/where");
    let right = fs::read(&file).unwrap();
    edit_in_place(&file);
    // Its time says nothing, and what is linked from it has a hash of its own.
    let _ = create(&lab, &["./demo.yaml", "-n", "second"]);
    assert_eq!(
        fs::read_to_string(lab.prefix("second").join("share/where")).unwrap(),
        lab.prefix("second").to_str().unwrap()
    );
    assert_eq!(fs::read(cached(&lab, "share/where")).unwrap(), right);
}
