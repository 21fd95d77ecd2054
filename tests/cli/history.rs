//! `gpuenv history` and `rollback`: what an environment has been, and is again.

use fs_err as fs;
use gpuenv_testkit::{Output, tree_with_hashes};

use crate::lab::Lab;

/// Makes a laboratory with the environment `demo`, made of `tool` 1.0 and then 2.0.
fn lab() -> Lab {
    let mut lab = Lab::with_tool();
    lab.sandbox.replace(env!("CARGO_BIN_EXE_gpuenv"), "gpuenv");
    let _ = create(&lab);
    lab.publish_tool("2.0");
    lab.recipe("demo", &["tool >=2"]);
    let _ = create(&lab);
    lab
}

fn create(lab: &Lab) -> Output {
    lab.sandbox
        .gpuenv(["create", "./demo.yaml", "-q"])
        .success()
}

/// Hides when a generation was made.
fn dated(output: &Output) -> String {
    let text = output.snapshot();
    let words = text.split_inclusive([' ', '\n']).map(|word| {
        let is_date = word.len() == 11 && word.starts_with("20") && word.matches('-').count() == 2;
        let is_time = word.len() == 6 && word.as_bytes()[2] == b':';
        match (is_date, is_time) {
            (true, _) => "[DATE] ",
            (_, true) => "[HOUR] ",
            _ => word,
        }
    });
    words.collect()
}

fn version(lab: &Lab) -> String {
    let ran = lab.sandbox.gpuenv(["run", "demo", "--", "tool"]);
    ran.success().stdout()
}

/// Returns the tree of the environment without what differs after each install.
fn settled(lab: &Lab) -> Vec<String> {
    let mut lines = tree_with_hashes(&lab.prefix("demo"));
    lines.retain(|line| {
        !["conda-meta/history", "conda-meta/gpuenv"]
            .iter()
            .any(|name| line.contains(name))
    });
    lines
}

#[test]
fn each_change_leaves_a_generation_and_nothing_else_does() {
    let lab = lab();
    let before = tree_with_hashes(&lab.prefix("demo"));
    let _ = create(&lab).stdout_has("already right");
    assert_eq!(tree_with_hashes(&lab.prefix("demo")), before);
    // Everything linked anew is the same environment.
    let force = ["create", "./demo.yaml", "-q", "--force"];
    let _ = lab.sandbox.gpuenv(force).success();
    insta::assert_snapshot!(dated(&lab.sandbox.gpuenv(["history", "demo"])), @"
    exit code: 0
    ----- stdout -----
    N       Made                  By      Packages  Changes
    1       [DATE] [HOUR] UTC  create  2         2 added
    2  now  [DATE] [HOUR] UTC  create  2         1 changed
    ----- stderr -----
    ");
    insta::assert_snapshot!(dated(&lab.sandbox.gpuenv(["history", "demo", "2"])), @"
    exit code: 0
    ----- stdout -----
    generation 2 of `demo`, made [DATE] [HOUR] UTC by create
    recipe: demo
    packages: 2
    command: gpuenv create ./demo.yaml -q
      ~ tool 1.0 h0_0 -> tool 2.0 h0_0
    ----- stderr -----
    ");
    let lock = lab
        .sandbox
        .gpuenv(["history", "demo", "2", "--lock"])
        .success();
    assert_eq!(lock.stdout(), lab.sandbox.read("gpuenv.lock"));
    let json = lab.sandbox.gpuenv(["history", "demo", "--json"]).json();
    let generations = json["result"]["generations"].as_array().unwrap();
    assert_eq!(generations.len(), 2);
    assert_eq!(generations[1]["now"], true);
}

#[test]
fn a_rollback_brings_the_earlier_files_back_and_can_be_undone() {
    let lab = Lab::with_tool();
    let _ = create(&lab);
    let first = settled(&lab);
    lab.publish_tool("2.0");
    lab.recipe("demo", &["tool >=2"]);
    let _ = create(&lab);
    let second = settled(&lab);
    fs::write(lab.prefix("demo").join("notes.txt"), "mine").unwrap();
    let lock = lab.sandbox.read("gpuenv.lock");
    insta::assert_snapshot!(lab.sandbox.gpuenv(["rollback", "demo"]), @"
    exit code: 0
    ----- stdout -----
    environment `demo` is again what generation 1 was: 2 packages
      ~ tool 2.0 h0_0 -> tool 1.0 h0_0
    prefix: [SANDBOX]/gpuenv-home/envs/demo
    probe: skipped: the recipe uses no GPU
    `gpuenv create` makes it what `[SANDBOX]/work/demo.yaml` says again; to keep this one:
      gpuenv history demo 1 --lock > FILE.lock
    ----- stderr -----
    linking 1 package
    linked 1 package in [TIME]
    ");
    assert_eq!(version(&lab), "tool 1.0\n");
    let without_notes = |mut lines: Vec<String>| {
        lines.retain(|line| !line.contains("notes.txt"));
        lines
    };
    assert_eq!(without_notes(settled(&lab)), first);
    assert!(lab.prefix("demo").join("notes.txt").exists());
    assert_eq!(lab.sandbox.read("gpuenv.lock"), lock);
    let _ = lab.sandbox.gpuenv(["verify", "demo", "-q"]).success();
    // That was a change too; the one before it is the second again.
    let _ = lab.sandbox.gpuenv(["rollback", "demo", "-q"]).success();
    assert_eq!(without_notes(settled(&lab)), second);
    insta::assert_snapshot!(dated(&lab.sandbox.gpuenv(["history", "demo"])), @"
    exit code: 0
    ----- stdout -----
    N       Made                  By             Packages  Changes
    1       [DATE] [HOUR] UTC  create         2         2 added
    2       [DATE] [HOUR] UTC  create         2         1 changed
    3       [DATE] [HOUR] UTC  rollback to 1  2         1 changed
    4  now  [DATE] [HOUR] UTC  rollback to 2  2         1 changed
    ----- stderr -----
    ");
    // The recipe's lock was never touched, so there is nothing to do.
    let _ = create(&lab).stdout_has("already right");
    let again = lab.sandbox.gpuenv(["rollback", "demo", "2"]).success();
    let _ = again.stdout_has("is generation 2 already");
}

#[test]
fn what_cannot_be_gone_back_to_is_told_and_nothing_changes() {
    let lab = lab();
    let prefix = lab.prefix("demo");
    let generations = prefix.join("conda-meta/gpuenv-history");
    let before = tree_with_hashes(&prefix);
    insta::assert_snapshot!(lab.sandbox.gpuenv(["rollback", "demo", "7"]), @"
    exit code: 15
    ----- stdout -----
    ----- stderr -----
    error[GE527]: environment `demo` has no generation 7
    cause: it has 1 and 2
    help: `gpuenv history demo` shows them
    docs: `gpuenv explain GE527`
    ");
    let _ = lab.sandbox.gpuenv(["rollback", "demo", "two"]).code(2);
    let _ = lab.sandbox.gpuenv(["rollback", "demo", "0"]).code(15);
    // What it needs is neither in the cache nor to be had.
    fs::remove_dir_all(lab.sandbox.package_cache()).unwrap();
    insta::assert_snapshot!(lab.sandbox.gpuenv(["rollback", "demo", "1", "-q", "--offline"]), @"
    exit code: 15
    ----- stdout -----
    ----- stderr -----
    error[GE508]: offline, and `tool-1.0-h0_0.conda` is not in the cache
    cause: missing: tool-1.0-h0_0.conda
    help: run it once without `--offline`
    docs: `gpuenv explain GE508`
    ");
    assert_eq!(tree_with_hashes(&prefix), before);
    let first = generations.join("000001.json");
    let text = fs::read_to_string(&first).unwrap();
    fs::remove_file(&first).unwrap();
    fs::write(&first, text.replace("tool-1.0", "tool-9.0")).unwrap();
    insta::assert_snapshot!(lab.sandbox.gpuenv(["rollback", "demo", "1"]), @"
    exit code: 15
    ----- stdout -----
    ----- stderr -----
    error[GE528]: a generation of the environment cannot be read
     --> [SANDBOX]/gpuenv-home/envs/demo/conda-meta/gpuenv-history/000001.json
    cause: it is damaged: its lock does not have its hash
    help: go back to another one: `gpuenv history ENV` lists them
    docs: `gpuenv explain GE528`
    ");
    let told = lab.sandbox.gpuenv(["history", "demo"]).success();
    let _ = told.stdout_has("it is damaged: its lock does not have its hash");
    fs::write(&first, text.replace("\"schema\": 1", "\"schema\": 9")).unwrap();
    let _ = lab
        .sandbox
        .gpuenv(["rollback", "demo"])
        .code(15)
        .stderr_has("a newer gpuenv wrote it");
    lab.sandbox.write("conda/conda-meta/history", "");
    insta::assert_snapshot!(lab.sandbox.gpuenv(["history", "./conda"]), @"
    exit code: 15
    ----- stdout -----
    ----- stderr -----
    error[GE505]: `[SANDBOX]/work/conda` is an environment of another tool, and has no generations
    help: ask that tool: `conda list --revisions -p [SANDBOX]/work/conda`
    docs: `gpuenv explain GE505`
    ");
}

#[test]
fn an_environment_of_an_earlier_gpuenv_begins_its_history_with_what_it_was() {
    let lab = Lab::with_tool();
    let _ = create(&lab);
    let prefix = lab.prefix("demo");
    fs::remove_dir_all(prefix.join("conda-meta/gpuenv-history")).unwrap();
    let none = lab.sandbox.gpuenv(["history", "demo"]).success();
    let _ = none.stdout_has("no generations yet");
    insta::assert_snapshot!(lab.sandbox.gpuenv(["rollback", "demo"]), @"
    exit code: 15
    ----- stdout -----
    ----- stderr -----
    error[GE527]: environment `demo` has no earlier generation
    cause: it has none: an earlier gpuenv made it, and kept none
    help: `gpuenv history demo` shows them
    docs: `gpuenv explain GE527`
    ");
    lab.publish_tool("2.0");
    lab.recipe("demo", &["tool >=2"]);
    let _ = create(&lab);
    insta::assert_snapshot!(dated(&lab.sandbox.gpuenv(["history", "demo"])), @"
    exit code: 0
    ----- stdout -----
    N       Made                  By      Packages  Changes
    1       [DATE] [HOUR] UTC  found   2         -
    2  now  [DATE] [HOUR] UTC  create  2         1 changed
    ----- stderr -----
    ");
    let _ = lab
        .sandbox
        .gpuenv(["rollback", "demo", "1", "-q"])
        .success();
    assert_eq!(version(&lab), "tool 1.0\n");
}

#[test]
fn the_history_has_an_end() {
    let lab = Lab::with_tool();
    let _ = create(&lab);
    let prefix = lab.prefix("demo");
    let folder = prefix.join("conda-meta/gpuenv-history");
    let text = fs::read_to_string(folder.join("000001.json")).unwrap();
    for number in 2..=30 {
        let file = folder.join(format!("{number:06}.json"));
        let text = text.replace("\"number\": 1", &format!("\"number\": {number}"));
        fs::write(file, text).unwrap();
    }
    lab.publish_tool("2.0");
    lab.recipe("demo", &["tool >=2"]);
    let _ = create(&lab);
    let kept = crate::lab::entries(&folder);
    assert_eq!(kept.len(), 20);
    assert_eq!(kept.first().map(String::as_str), Some("000012.json"));
    assert_eq!(kept.last().map(String::as_str), Some("000031.json"));
}
