//! `gpuenv list`, `info`, `remove` and `clean`: what is there, and what goes away.

use fs_err as fs;
use gpuenv_testkit::tree;

use crate::lab::{Lab, entries};

/// Makes a laboratory with the environment `demo`.
fn lab() -> Lab {
    let lab = Lab::with_tool();
    let _ = lab
        .sandbox
        .gpuenv(["create", "./demo.yaml", "--quiet"])
        .success();
    lab
}

#[test]
fn an_environment_is_deleted_with_everything_in_it() {
    let lab = lab();
    fs::write(lab.prefix("demo").join("mine"), "data").unwrap();
    insta::assert_snapshot!(lab.sandbox.gpuenv(["remove", "demo"]), @"
    exit code: 2
    ----- stdout -----
    ----- stderr -----
    error: `[SANDBOX]/gpuenv-home/envs/demo` is deleted only with `--yes`, since nobody can be asked
    ");
    assert!(lab.prefix("demo").join("mine").exists());
    insta::assert_snapshot!(lab.sandbox.gpuenv(["remove", "demo", "--yes"]), @"
    exit code: 0
    ----- stdout -----
    deleted [SANDBOX]/gpuenv-home/envs/demo
    ----- stderr -----
    ");
    lab.assert_only(&[]);
    insta::assert_snapshot!(lab.sandbox.gpuenv(["remove", "demo", "--yes"]), @"
    exit code: 15
    ----- stdout -----
    ----- stderr -----
    error[GE511]: there is no environment `demo`
    cause: looked at [SANDBOX]/gpuenv-home/envs/demo
    help: `gpuenv list` shows the environments that are there
    help: create one from a recipe: `gpuenv create RECIPE`
    docs: `gpuenv explain GE511`
    ");
    insta::assert_snapshot!(lab.sandbox.gpuenv(["list"]), @"
    exit code: 0
    ----- stdout -----
    no environments; `gpuenv create hello-gpu` makes a first one
    ----- stderr -----
    ");
}

#[test]
fn whoever_deletes_the_active_environment_is_told_what_stays() {
    let lab = lab();
    let command = lab.sandbox.command(["remove", "demo", "--yes"]);
    let output = command.env("CONDA_PREFIX", lab.prefix("demo")).run();
    insta::assert_snapshot!(output, @"
    exit code: 0
    ----- stdout -----
    deleted [SANDBOX]/gpuenv-home/envs/demo
    ----- stderr -----
    warning[GE610]: `[SANDBOX]/gpuenv-home/envs/demo` is active in this shell, whose variables stay as they are
    help: undo a `shell-hook`: `gpuenv_deactivate`, which needs no files
    help: after `conda activate`, start a new shell: the scripts that undo it are deleted
    docs: `gpuenv explain GE610`
    ");
}

#[test]
fn links_in_an_environment_are_deleted_and_not_followed() {
    let lab = lab();
    lab.sandbox.write("outside/precious", "data");
    std::os::unix::fs::symlink(
        lab.sandbox.work().join("outside"),
        lab.prefix("demo").join("link"),
    )
    .unwrap();
    // An environment behind a link is emptied, and the link stays nobody's.
    let _ = lab.sandbox.gpuenv(["remove", "demo", "-y"]).success();
    assert_eq!(lab.sandbox.read("outside/precious"), "data");
}

#[test]
fn what_gpuenv_has_not_made_is_not_deleted() {
    let lab = lab();
    lab.sandbox.write("conda/conda-meta/history", "");
    lab.sandbox.write("plain/file", "data");
    insta::assert_snapshot!(lab.sandbox.gpuenv(["remove", "./conda", "-y"]), @"
    exit code: 15
    ----- stdout -----
    ----- stderr -----
    error[GE505]: `[SANDBOX]/work/conda` is an environment of another tool, so gpuenv does not delete it
    help: `conda env remove -p [SANDBOX]/work/conda`
    docs: `gpuenv explain GE505`
    ");
    insta::assert_snapshot!(lab.sandbox.gpuenv(["remove", "./plain", "-y"]), @"
    exit code: 15
    ----- stdout -----
    ----- stderr -----
    error[GE511]: there is no environment `./plain`
    cause: looked at [SANDBOX]/work/plain
    help: `gpuenv list` shows the environments that are there
    help: create one from a recipe: `gpuenv create RECIPE`
    docs: `gpuenv explain GE511`
    ");
    for name in [".", "..", "/", "", "-x"] {
        let refused = lab.sandbox.gpuenv(["remove", "-y", "--", name]);
        let _ = refused.code(15);
    }
    assert_eq!(
        entries(&lab.sandbox.work()),
        ["conda", "demo.yaml", "gpuenv.lock", "plain"]
    );
    lab.assert_only(&["demo"]);
}

#[test]
fn an_environment_says_what_it_is_made_of() {
    let mut lab = lab();
    // Down to the minute it is the time of the test.
    let state = fs::read_to_string(lab.prefix("demo").join("conda-meta/gpuenv")).unwrap();
    let state: serde_json::Value = serde_json::from_str(&state).unwrap();
    let minute = state["installed-at"].as_str().unwrap()[..16].replace('T', " ");
    lab.sandbox.replace(&minute, "[MINUTE]");
    insta::assert_snapshot!(lab.sandbox.gpuenv(["info", "demo"]), @"
    exit code: 0
    ----- stdout -----
    prefix     [SANDBOX]/gpuenv-home/envs/demo
    made by    gpuenv 0.1.0
    recipe     demo
    platform   linux-64
    installed  [MINUTE] UTC
    probe      not probed

    Name  Version  Build  Channel
    lib   1.0      h0_0   conda-forge
    tool  1.0      h0_0   conda-forge
    ----- stderr -----
    ");
    insta::assert_snapshot!(lab.sandbox.gpuenv(["list"]), @"
    exit code: 0
    ----- stdout -----
    Name  Recipe  Packages  Prefix                                 Probe
    demo  demo    2         [SANDBOX]/gpuenv-home/envs/demo  not probed
    ----- stderr -----
    ");
    let facts = lab
        .sandbox
        .gpuenv(["info", "demo", "--json"])
        .success()
        .json();
    assert_eq!(facts["result"]["packages"].as_array().unwrap().len(), 2);
    assert_eq!(facts["result"]["state"]["recipe"], "demo");
    let listed = lab.sandbox.gpuenv(["list", "--json"]).success().json();
    assert_eq!(listed["result"]["environments"][0]["name"], "demo");
}

#[test]
fn a_damaged_environment_is_told_and_repaired_by_create() {
    let lab = lab();
    let prefix = lab.prefix("demo");
    let before = tree(&prefix);
    fs::write(prefix.join("conda-meta/gpuenv"), "{ damaged").unwrap();
    fs::remove_file(prefix.join("bin/tool")).unwrap();
    insta::assert_snapshot!(lab.sandbox.gpuenv(["list"]), @"
    exit code: 0
    ----- stdout -----
    Name  Recipe  Packages  Prefix                                 Probe
    demo  -       0         [SANDBOX]/gpuenv-home/envs/demo  its record is damaged
    ----- stderr -----
    ");
    insta::assert_snapshot!(lab.sandbox.gpuenv(["info", "demo"]), @"
    exit code: 0
    ----- stdout -----
    prefix     [SANDBOX]/gpuenv-home/envs/demo
    made by    gpuenv; its record is damaged, `gpuenv create` makes it anew

    Name  Version  Build  Channel
    lib   1.0      h0_0   conda-forge
    tool  1.0      h0_0   conda-forge
    ----- stderr -----
    ");
    let _ = lab
        .sandbox
        .gpuenv(["create", "./demo.yaml", "--force"])
        .success();
    let without_times = |mut lines: Vec<String>| {
        let dated = ["conda-meta/history ", "conda-meta/gpuenv "];
        lines.retain(|line| !dated.iter().any(|file| line.contains(file)));
        lines
    };
    assert_eq!(without_times(tree(&prefix)), without_times(before));
}

#[test]
fn a_package_that_another_tool_took_away_comes_back() {
    let lab = lab();
    let prefix = lab.prefix("demo");
    fs::remove_file(prefix.join("conda-meta/tool-1.0-h0_0.json")).unwrap();
    fs::remove_file(prefix.join("bin/tool")).unwrap();
    let again = lab.sandbox.gpuenv(["create", "./demo.yaml"]).success();
    let _ = again.stdout_has("(1 added, 0 changed, 0 removed)");
    let _ = lab.sandbox.gpuenv(["run", "demo", "tool"]).success();
}

#[test]
fn clean_gives_back_room_and_harms_no_environment() {
    let lab = lab();
    let left = lab
        .sandbox
        .gpuenv_home()
        .join("envs/.demo.gpuenv-stage-abc/prefix");
    fs::create_dir_all(&left).unwrap();
    let before = tree(&lab.prefix("demo"));
    insta::assert_snapshot!(lab.sandbox.gpuenv(["clean", "--dry-run"]), @"
    exit code: 0
    ----- stdout -----
    would delete [SANDBOX]/package-cache/repodata ([SIZE])
    [SIZE] in all
    the package cache stays; `--all` deletes it too
    ----- stderr -----
    ");
    insta::assert_snapshot!(lab.sandbox.gpuenv(["clean", "--all"]), @"
    exit code: 0
    ----- stdout -----
    deleted [SANDBOX]/package-cache/repodata ([SIZE])
    deleted [SANDBOX]/package-cache/pkgs ([SIZE])
    [SIZE] in all
    ----- stderr -----
    ");
    insta::assert_snapshot!(lab.sandbox.gpuenv(["clean"]), @"
    exit code: 0
    ----- stdout -----
    nothing to delete
    the package cache stays; `--all` deletes it too
    ----- stderr -----
    ");
    assert!(left.exists(), "a run may still be at work on it");
    assert_eq!(tree(&lab.prefix("demo")), before);
    let _ = lab.sandbox.gpuenv(["run", "demo", "tool"]).success();
    let cleaned = lab.sandbox.gpuenv(["clean", "--json"]).success().json();
    assert_eq!(cleaned["result"]["bytes"], 0);
    // The next create of that environment takes the leftovers away.
    let again = lab.sandbox.gpuenv(["create", "./demo.yaml"]).success();
    let _ = again.stdout_has("is already right");
    lab.assert_only(&["demo"]);
}
