//! `gpuenv verify` and `repair`: damage of every kind is named, and mended.

mod cache;

use std::os::unix::fs::symlink;

use fs_err as fs;
use gpuenv_testkit::{Output, tree_with_hashes};

use crate::lab::{Lab, recipe};

/// Makes a laboratory with the environment `demo` of a little of everything.
fn lab() -> Lab {
    let lab = Lab::with_tool();
    lab.channel
        .package("more", "1.0")
        .file("lib/libmore.so.1", b"more".as_slice())
        .symlink("lib/libmore.so", "libmore.so.1")
        .activate_script("more.sh", "export MORE=1\n")
        .publish();
    let mut recipe = recipe("demo", &["tool", "more"]);
    recipe.push_str("activation:\n  env:\n    MODE: fast\n");
    lab.sandbox.write("demo.yaml", recipe);
    let _ = create(&lab, &["./demo.yaml"]);
    lab
}

fn create(lab: &Lab, arguments: &[&str]) -> Output {
    let command = [&["create", "--quiet"], arguments].concat();
    lab.sandbox.gpuenv(command).success()
}

fn verify(lab: &Lab) -> Output {
    lab.sandbox.gpuenv(["verify", "demo", "--quiet"])
}

/// Returns the tree of the environment without what differs after each install.
fn settled(lab: &Lab) -> Vec<String> {
    let changes = [
        "conda-meta/history",
        "conda-meta/gpuenv ",
        "conda-meta/gpuenv.files",
    ];
    let mut lines = tree_with_hashes(&lab.prefix("demo"));
    lines.retain(|line| !changes.iter().any(|name| format!("{line} ").contains(name)));
    lines
}

#[test]
fn an_environment_that_nobody_touched_is_sound() {
    let lab = lab();
    let prefix = lab.prefix("demo");
    fs::create_dir_all(prefix.join("work/deep")).unwrap();
    fs::write(prefix.join("work/a.ipynb"), "{}").unwrap();
    fs::write(prefix.join("work/deep/b.ipynb"), "{}").unwrap();
    fs::write(prefix.join("etc/conda/activate.d/mine.sh"), "true\n").unwrap();
    let before = tree_with_hashes(&lab.sandbox.gpuenv_home());
    insta::assert_snapshot!(lab.sandbox.gpuenv(["verify", "demo"]), @"
    exit code: 0
    ----- stdout -----
    environment `demo` is what its lock says
    compared: 3 packages, 21 paths, [SIZE] read; 3 in the cache
    of no package, which is no damage:
      etc/conda/activate.d/mine.sh (acts at activation)
      work (2 files)
    ----- stderr -----
    comparing 3 packages ([SIZE])
    compared [SIZE] in [TIME]
    ");
    assert_eq!(tree_with_hashes(&lab.sandbox.gpuenv_home()), before);
    insta::assert_snapshot!(lab.sandbox.gpuenv(["repair", "demo", "-q"]), @"
    exit code: 0
    ----- stdout -----
    environment `demo` is what its lock says; nothing to mend
    ----- stderr -----
    ");
    let json = verify_json(&lab);
    assert_eq!(json["result"]["sound"], true);
}

fn verify_json(lab: &Lab) -> serde_json::Value {
    lab.sandbox.gpuenv(["verify", "demo", "--json"]).json()
}

#[test]
fn every_kind_of_damage_is_named_and_mended() {
    let lab = lab();
    let prefix = lab.prefix("demo");
    fs::write(prefix.join("notes.txt"), "mine").unwrap();
    let sound = settled(&lab);
    fs::remove_file(prefix.join("lib/libmore.so.1")).unwrap();
    fs::remove_file(prefix.join("lib/libmore.so")).unwrap();
    symlink("nowhere", prefix.join("lib/libmore.so")).unwrap();
    fs::remove_file(prefix.join("bin/tool")).unwrap();
    fs::create_dir(prefix.join("bin/tool")).unwrap();
    fs::write(prefix.join("bin/tool/mine"), "keep me").unwrap();
    fs::remove_file(prefix.join("share/where")).unwrap();
    fs::write(prefix.join("share/where"), "/old/prefix").unwrap();
    let script = "etc/conda/activate.d/~~gpuenv.sh";
    fs::write(prefix.join(script), "echo gotcha\n").unwrap();
    let planted = "etc/conda/activate.d/~gpuenv-2.sh";
    fs::write(prefix.join(planted), "echo gotcha\n").unwrap();
    insta::assert_snapshot!(verify(&lab), @"
    exit code: 1
    ----- stdout -----
    files of gpuenv:
      etc/conda/activate.d/~gpuenv-2.sh is named like a file of gpuenv, and is none
      etc/conda/activate.d/~~gpuenv.sh was changed: its hash is another one
    files of `lib`:
      share/where was changed: 11 bytes instead of 37
    files of `more`:
      lib/libmore.so leads to `nowhere` instead of `libmore.so.1`
      lib/libmore.so.1 is missing
    files of `tool`:
      bin/tool is not a file any more
    compared: 3 packages, 21 paths, [SIZE] read; 3 in the cache
    of no package, which is no damage:
      bin/tool
      notes.txt
    ----- stderr -----
    error[GE525]: environment `demo` is not what its lock says
    cause: damaged: 6 files
    help: mend it: `gpuenv repair demo`
    docs: `gpuenv explain GE525`
    ");
    insta::assert_snapshot!(lab.sandbox.gpuenv(["repair", "demo", "--quiet"]), @"
    exit code: 0
    ----- stdout -----
    environment `demo` is mended
      linked again: lib 1.0 h0_0
      linked again: more 1.0 h0_0
      linked again: tool 1.0 h0_0
    prefix: [SANDBOX]/gpuenv-home/envs/demo
    ----- stderr -----
    ");
    let mut after = settled(&lab);
    let kept = "bin/tool.replaced-1";
    after.retain(|line| !line.contains(kept));
    assert_eq!(after, sound);
    let mine = prefix.join(kept).join("mine");
    assert_eq!(fs::read_to_string(mine).unwrap(), "keep me");
    let _ = verify(&lab).success();
}

#[test]
fn what_another_tool_did_behind_our_back_is_named_and_undone() {
    let lab = lab();
    let prefix = lab.prefix("demo");
    let sound = settled(&lab);
    // A package that conda has added, with its record, and one that it removed.
    let record = fs::read_to_string(prefix.join("conda-meta/lib-1.0-h0_0.json")).unwrap();
    let mut added: serde_json::Value = serde_json::from_str(&record).unwrap();
    added["name"] = "extra".into();
    added["version"] = "3.1".into();
    added["sha256"] = "ab".repeat(32).into();
    let url = "https://conda.anaconda.org/conda-forge/linux-64/extra-3.1-h0_0.conda";
    added["url"] = url.into();
    added["fn"] = "extra-3.1-h0_0.conda".into();
    added["files"] = serde_json::json!(["share/extra"]);
    added["paths_data"]["paths"] =
        serde_json::json!([{ "_path": "share/extra", "path_type": "hardlink" }]);
    fs::write(
        prefix.join("conda-meta/extra-3.1-h0_0.json"),
        added.to_string(),
    )
    .unwrap();
    fs::write(prefix.join("share/extra"), "x").unwrap();
    fs::remove_file(prefix.join("conda-meta/more-1.0-h0_0.json")).unwrap();
    fs::remove_file(prefix.join("lib/libmore.so.1")).unwrap();
    insta::assert_snapshot!(verify(&lab), @"
    exit code: 1
    ----- stdout -----
    `extra 3.1 h0_0` is installed and not in the lock
    `more 1.0 h0_0` is in the lock and not installed
    compared: 3 packages, 19 paths, [SIZE] read; 3 in the cache; 1 without a hash
    of no package, which is no damage:
      etc/conda/activate.d/more.sh (acts at activation)
      lib/libmore.so
    ----- stderr -----
    error[GE525]: environment `demo` is not what its lock says
    cause: damaged: 2 packages
    help: mend it: `gpuenv repair demo`
    docs: `gpuenv explain GE525`
    ");
    insta::assert_snapshot!(lab.sandbox.gpuenv(["repair", "demo", "--quiet"]), @"
    exit code: 0
    ----- stdout -----
    environment `demo` is mended
      brought back: more 1.0 h0_0
      removed, because the lock does not name it: extra 3.1 h0_0
    prefix: [SANDBOX]/gpuenv-home/envs/demo
    ----- stderr -----
    ");
    assert_eq!(settled(&lab), sound);
    let _ = verify(&lab).success();
}

#[test]
fn records_and_notes_of_gpuenv_are_looked_at_and_mended() {
    let lab = lab();
    let prefix = lab.prefix("demo");
    let sound = settled(&lab);
    fs::write(prefix.join("notes.txt"), "mine").unwrap();
    let record = prefix.join("conda-meta/more-1.0-h0_0.json");
    let text = fs::read_to_string(&record).unwrap();
    // A record that claims a file of the user would have it deleted.
    let claim = text.replace("lib/libmore.so.1", "notes.txt");
    let claims: [(&str, String); 4] = [
        ("conda-meta/more-1.0-h0_0.json", claim),
        ("conda-meta/more-1.0-h0_0.json", "{".to_string()),
        ("conda-meta/gpuenv.lock", "version: 6\n".to_string()),
        ("conda-meta/gpuenv.files", "{}".to_string()),
    ];
    for (path, text) in claims {
        fs::write(prefix.join(path), text).unwrap();
        let told = verify(&lab).code(1);
        let _ = told.stdout_has(path);
        let _ = lab.sandbox.gpuenv(["repair", "demo", "-q"]).success();
        let mut after = settled(&lab);
        after.retain(|line| !line.contains("notes.txt"));
        assert_eq!(after, sound, "{path}");
        assert_eq!(
            lab.sandbox
                .gpuenv(["verify", "demo", "-q"])
                .success()
                .stderr(),
            ""
        );
        assert!(prefix.join("notes.txt").exists());
    }
    // Without its own record, it is made again from what else there is.
    fs::write(prefix.join("conda-meta/gpuenv"), "\0").unwrap();
    let _ = verify(&lab)
        .code(1)
        .stdout_has("`conda-meta/gpuenv` is damaged");
    let _ = lab.sandbox.gpuenv(["repair", "demo", "-q"]).success();
    let again = lab.sandbox.gpuenv(["create", "./demo.yaml"]).success();
    let _ = again.stdout_has("already right");
}

#[test]
fn what_cannot_be_mended_is_said_and_left_alone() {
    let lab = lab();
    let prefix = lab.prefix("demo");
    // A directory that a link leads out of.
    fs::create_dir(lab.sandbox.work().join("outside")).unwrap();
    fs::rename(prefix.join("lib"), lab.sandbox.work().join("outside/lib")).unwrap();
    symlink(lab.sandbox.work().join("outside/lib"), prefix.join("lib")).unwrap();
    let outside = tree_with_hashes(&lab.sandbox.work().join("outside"));
    insta::assert_snapshot!(lab.sandbox.gpuenv(["repair", "demo", "-q"]), @"
    exit code: 15
    ----- stdout -----
    ----- stderr -----
    error[GE531]: `[SANDBOX]/gpuenv-home/envs/demo/lib` is a link that leads out of the environment
    cause: its files would be written there, where they may be somebody else's
    help: take the link away: `rm [SANDBOX]/gpuenv-home/envs/demo/lib`, then `gpuenv repair demo`
    docs: `gpuenv explain GE531`
    ");
    assert_eq!(
        tree_with_hashes(&lab.sandbox.work().join("outside")),
        outside
    );
    fs::remove_file(prefix.join("lib")).unwrap();

    // Offline, what the cache lacks cannot come back; nothing changes.
    fs::remove_dir_all(lab.sandbox.package_cache()).unwrap();
    let before = tree_with_hashes(&prefix);
    insta::assert_snapshot!(lab.sandbox.gpuenv(["repair", "demo", "-q", "--offline"]), @"
    exit code: 15
    ----- stdout -----
    ----- stderr -----
    error[GE508]: offline, and 2 packages are not in the cache
    cause: missing: lib-1.0-h0_0.conda
    cause: missing: more-1.0-h0_0.conda
    help: run it once without `--offline`
    docs: `gpuenv explain GE508`
    ");
    assert_eq!(tree_with_hashes(&prefix), before);
    let _ = lab.sandbox.gpuenv(["repair", "demo", "-q"]).success();
    let _ = verify(&lab).success();

    // Without any lock nobody knows what it should be.
    fs::write(prefix.join("conda-meta/gpuenv.lock"), "").unwrap();
    fs::remove_dir_all(prefix.join("conda-meta/gpuenv-history")).unwrap();
    insta::assert_snapshot!(lab.sandbox.gpuenv(["repair", "demo", "-q"]), @"
    exit code: 15
    ----- stdout -----
    ----- stderr -----
    error[GE526]: nothing tells any more what environment `demo` should be
    cause: `[SANDBOX]/gpuenv-home/envs/demo/conda-meta/gpuenv.lock` is damaged, and so is what is kept beside it
    help: make it anew: `gpuenv create [SANDBOX]/work/demo.yaml -n demo --force`
    docs: `gpuenv explain GE526`
    ");
    insta::assert_snapshot!(verify(&lab), @"
    exit code: 1
    ----- stdout -----
    files of gpuenv:
      conda-meta/gpuenv.lock was changed: its hash is another one
    compared: 3 packages, 21 paths, [SIZE] read
    ----- stderr -----
    error[GE525]: environment `demo` is not what its packages say
    cause: damaged: 1 file
    docs: `gpuenv explain GE525`

    error[GE526]: nothing tells any more what environment `demo` should be
    cause: `[SANDBOX]/gpuenv-home/envs/demo/conda-meta/gpuenv.lock` is damaged, and so is what is kept beside it
    help: make it anew: `gpuenv create [SANDBOX]/work/demo.yaml -n demo --force`
    docs: `gpuenv explain GE526`
    ");
}

#[test]
fn an_environment_of_another_tool_is_compared_with_its_records() {
    let lab = lab();
    let prefix = lab.prefix("demo");
    for name in ["gpuenv", "gpuenv.lock", "gpuenv.files"] {
        fs::remove_file(prefix.join("conda-meta").join(name)).unwrap();
    }
    let first = verify(&lab).success();
    let _ = first.stdout_has("is what its packages say");
    fs::remove_file(prefix.join("lib/libmore.so.1")).unwrap();
    insta::assert_snapshot!(verify(&lab), @"
    exit code: 1
    ----- stdout -----
    files of `more`:
      lib/libmore.so leads to `libmore.so.1`, which is not there
      lib/libmore.so.1 is missing
    compared: 3 packages, 6 paths, [SIZE] read
    ----- stderr -----
    error[GE525]: environment `demo` is not what its packages say
    cause: damaged: 2 files
    docs: `gpuenv explain GE525`
    ");
    insta::assert_snapshot!(lab.sandbox.gpuenv(["repair", "demo"]), @"
    exit code: 15
    ----- stdout -----
    ----- stderr -----
    error[GE505]: `[SANDBOX]/gpuenv-home/envs/demo` is an environment of another tool, and gpuenv has no lock of it
    help: make one of its own from a recipe: `gpuenv create RECIPE`
    docs: `gpuenv explain GE505`
    ");
    insta::assert_snapshot!(lab.sandbox.gpuenv(["verify", "dmo"]), @"
    exit code: 15
    ----- stdout -----
    ----- stderr -----
    error[GE511]: there is no environment `dmo`
    cause: looked at [SANDBOX]/gpuenv-home/envs/dmo
    help: did you mean `demo`?
    help: `gpuenv list` shows the environments that are there
    help: create one from a recipe: `gpuenv create RECIPE`
    docs: `gpuenv explain GE511`
    ");
}

#[test]
fn an_environment_that_was_moved_is_linked_for_its_new_place() {
    let lab = lab();
    fs::rename(lab.prefix("demo"), lab.prefix("moved")).unwrap();
    let told = lab.sandbox.gpuenv(["verify", "moved", "-q"]).code(1);
    let _ = told.stdout_has("/envs/demo`, which its files name");
    let _ = lab.sandbox.gpuenv(["repair", "moved", "-q"]).success();
    assert_eq!(
        fs::read_to_string(lab.prefix("moved").join("share/where")).unwrap(),
        lab.prefix("moved").to_str().unwrap()
    );
    let _ = lab.sandbox.gpuenv(["verify", "moved"]).success();
}

#[test]
fn a_path_that_two_packages_bring_is_mended_like_others() {
    let lab = Lab::new();
    for name in ["one", "two"] {
        lab.channel
            .package(name, "1.0")
            .file("share/same", name)
            .file(&format!("share/{name}"), name)
            .publish();
    }
    lab.recipe("demo", &["one", "two"]);
    let _ = create(&lab, &["./demo.yaml"]);
    let _ = verify(&lab).success();
    let prefix = lab.prefix("demo");
    // The order in a record, and empty directories, are nobody's business.
    let files = || {
        let mut lines = settled(&lab);
        lines.retain(|line| line.starts_with("file") && !line.contains("conda-meta"));
        lines
    };
    let sound = files();
    let right = fs::read_to_string(prefix.join("share/same")).unwrap();
    fs::remove_file(prefix.join("share/same")).unwrap();
    let _ = verify(&lab).code(1).stdout_has("  share/same is missing");
    let _ = lab.sandbox.gpuenv(["repair", "demo", "-q"]).success();
    assert_eq!(
        fs::read_to_string(prefix.join("share/same")).unwrap(),
        right
    );
    assert_eq!(files(), sound);
    let _ = verify(&lab).success();
}

#[test]
fn a_repair_waits_for_whoever_works_on_the_environment() {
    let lab = lab();
    let prefix = lab.prefix("demo");
    fs::remove_file(prefix.join("lib/libmore.so.1")).unwrap();
    let lock = prefix.with_file_name(".demo.gpuenv-lock");
    let file = fs::File::create(&lock).unwrap();
    file.file().lock().unwrap();
    let mut running = lab.sandbox.spawn(["repair", "demo"]);
    running.wait_for_stderr("waiting for another program");
    assert!(!prefix.join("lib/libmore.so.1").exists());
    drop(file);
    let _ = running.wait().success();
    assert!(prefix.join("lib/libmore.so.1").exists());
}
