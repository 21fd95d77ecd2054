//! `gpuenv update`: newer packages for an environment, and the lock that follows it.

mod composed;

use fs_err as fs;
use gpuenv_testkit::{Fault, tree_with_hashes};

use crate::lab::{Lab, recipe};

/// Makes a laboratory with the environment `demo` of two packages, of which there are newer ones now.
fn lab() -> Lab {
    let lab = Lab::with_tool();
    publish(&lab, "1.0");
    lab.recipe("demo", &["tool", "more"]);
    let create = ["create", "./demo.yaml", "-q"];
    let _ = lab.sandbox.gpuenv(create).success();
    lab.publish_tool("2.0");
    publish(&lab, "2.0");
    lab
}

fn publish(lab: &Lab, version: &str) {
    let text = format!("more {version}");
    lab.channel
        .package("more", version)
        .file("share/more", text)
        .publish();
}

fn versions(lab: &Lab) -> String {
    let prefix = lab.prefix("demo");
    let more = fs::read_to_string(prefix.join("share/more")).expect("more is there");
    let tool = lab.sandbox.gpuenv(["run", "demo", "--", "tool"]).success();
    format!("{} {more}", tool.stdout().trim())
}

#[test]
fn one_package_is_updated_and_the_rest_kept() {
    let lab = lab();
    let before = tree_with_hashes(&lab.prefix("demo"));
    insta::assert_snapshot!(lab.sandbox.gpuenv(["update", "demo", "more", "--dry-run"]), @"
    exit code: 0
    ----- stdout -----
    environment `demo` would be updated: 3 packages
      ~ more 1.0 h0_0 → more 2.0 h0_0
    ----- stderr -----
    reading channels
    read 2 channel indexes ([SIZE]) in [TIME]
    solving for linux-64
    solved for linux-64: 3 packages in [TIME]
    ");
    assert_eq!(tree_with_hashes(&lab.prefix("demo")), before);
    insta::assert_snapshot!(lab.sandbox.gpuenv(["update", "demo", "more"]), @"
    exit code: 0
    ----- stdout -----
    environment `demo` is updated: 3 packages
      ~ more 1.0 h0_0 → more 2.0 h0_0
    lock `[SANDBOX]/work/gpuenv.lock` is written
    prefix: [SANDBOX]/gpuenv-home/envs/demo
    probe: skipped: the recipe uses no GPU
    undo it: gpuenv rollback demo
    ----- stderr -----
    reading channels
    read 2 channel indexes in [TIME]
    solving for linux-64
    solved for linux-64: 3 packages in [TIME]
    fetching 1 package ([SIZE])
    fetched 1 package ([SIZE]) in [TIME]
    linking 1 package
    linked 1 package in [TIME]
    ");
    assert_eq!(versions(&lab), "tool 1.0 more 2.0");
    let kept = lab.prefix("demo").join("conda-meta/gpuenv.lock");
    assert_eq!(
        fs::read_to_string(kept).unwrap(),
        lab.sandbox.read("gpuenv.lock")
    );
    // The lock followed, so that there is nothing to do.
    let create = lab.sandbox.gpuenv(["create", "./demo.yaml"]).success();
    let _ = create.stdout_has("already right");
    let _ = lab
        .sandbox
        .gpuenv(["lock", "./demo.yaml", "--check"])
        .success();
    let _ = lab.sandbox.gpuenv(["verify", "demo", "-q"]).success();
    let history = lab.sandbox.gpuenv(["history", "demo"]).success();
    let _ = history.stdout_has("update");
    let _ = lab.sandbox.gpuenv(["rollback", "demo", "-q"]).success();
    assert_eq!(versions(&lab), "tool 1.0 more 1.0");
}

#[test]
fn everything_is_updated_and_then_nothing() {
    let lab = lab();
    insta::assert_snapshot!(lab.sandbox.gpuenv(["update", "demo", "-q"]), @"
    exit code: 0
    ----- stdout -----
    environment `demo` is updated: 3 packages
      ~ lib 1.0 h0_0 → lib 2.0 h0_0
      ~ more 1.0 h0_0 → more 2.0 h0_0
      ~ tool 1.0 h0_0 → tool 2.0 h0_0
    lock `[SANDBOX]/work/gpuenv.lock` is written
    prefix: [SANDBOX]/gpuenv-home/envs/demo
    probe: skipped: the recipe uses no GPU
    undo it: gpuenv rollback demo
    ----- stderr -----
    ");
    assert_eq!(versions(&lab), "tool 2.0 more 2.0");
    let before = tree_with_hashes(&lab.prefix("demo"));
    insta::assert_snapshot!(lab.sandbox.gpuenv(["update", "demo", "-q"]), @"
    exit code: 0
    ----- stdout -----
    environment `demo` stays as it is, nothing newer fits: 3 packages
    ----- stderr -----
    ");
    assert_eq!(tree_with_hashes(&lab.prefix("demo")), before);
}

#[test]
fn a_failure_leaves_environment_and_lock_as_they_were() {
    let lab = lab();
    let before = (
        tree_with_hashes(&lab.prefix("demo")),
        lab.sandbox.read("gpuenv.lock"),
    );
    let now = || {
        (
            tree_with_hashes(&lab.prefix("demo")),
            lab.sandbox.read("gpuenv.lock"),
        )
    };
    lab.server
        .inject(Fault::status(404).on("*/more-2.0*").get_only());
    let failed = lab
        .sandbox
        .gpuenv(["update", "demo", "more", "-q"])
        .code(15);
    let _ = failed.stderr_has("GE501");
    assert_eq!(now(), before);
    insta::assert_snapshot!(lab.sandbox.gpuenv(["update", "demo", "mroe"]), @"
    exit code: 2
    ----- stdout -----
    ----- stderr -----
    error: there is no package `mroe` in environment `demo`
    help: did you mean `more`?
    ");
    insta::assert_snapshot!(lab.sandbox.gpuenv(["update", "dmeo", "more"]), @"
    exit code: 15
    ----- stdout -----
    ----- stderr -----
    error[GE511]: there is no environment `dmeo`
    cause: looked at [SANDBOX]/gpuenv-home/envs/dmeo
    help: did you mean `demo`?
    help: `gpuenv list` shows the environments that are there
    help: create one from a recipe: `gpuenv create RECIPE`
    help: the environment stands first: `gpuenv update ENV PACKAGE`
    docs: `gpuenv explain GE511`
    ");
    let nobody = lab
        .sandbox
        .command(["update"])
        .in_folder(lab.sandbox.home())
        .run();
    insta::assert_snapshot!(nobody, @"
    exit code: 2
    ----- stdout -----
    ----- stderr -----
    error: there is no recipe here that names an environment
    help: name the environment: `gpuenv update ENV`; `gpuenv list` shows them
    ");
    fs::rename(
        lab.sandbox.work().join("demo.yaml"),
        lab.sandbox.work().join("other.yaml"),
    )
    .unwrap();
    insta::assert_snapshot!(lab.sandbox.gpuenv(["update", "demo"]), @"
    exit code: 15
    ----- stdout -----
    ----- stderr -----
    error[GE529]: nothing tells what environment `demo` was made from
    cause: its recipe `[SANDBOX]/work/demo.yaml` is not there any more
    help: name the recipe: `gpuenv update demo --recipe FILE.yaml`
    docs: `gpuenv explain GE529`
    ");
    assert_eq!(now(), before);
    lab.server.heal();
    let named = ["update", "demo", "--recipe", "./other.yaml", "-q"];
    let _ = lab.sandbox.gpuenv(named).success();
    assert_eq!(versions(&lab), "tool 2.0 more 2.0");
}

#[test]
fn the_lock_that_made_the_environment_is_written_wherever_it_is() {
    let lab = lab();
    let folder = lab.sandbox.work().join("project");
    lab.sandbox
        .write("project/gpuenv.yaml", recipe("demo", &["tool", "more"]));
    lab.sandbox
        .write("project/gpuenv.lock", lab.sandbox.read("gpuenv.lock"));
    let create = [
        "create",
        "project/gpuenv.lock",
        "-n",
        "demo",
        "-q",
        "--force",
    ];
    let _ = lab.sandbox.gpuenv(create).success();
    let beside = lab.sandbox.read("gpuenv.lock");
    // From the recipe's directory, no environment need be named.
    let in_project = lab
        .sandbox
        .command(["update", "more", "-q"])
        .in_folder(&folder);
    insta::assert_snapshot!(in_project.run(), @"
    exit code: 0
    ----- stdout -----
    environment `demo` is updated: 3 packages
      ~ more 1.0 h0_0 → more 2.0 h0_0
    lock `[SANDBOX]/work/project/gpuenv.lock` is written
    prefix: [SANDBOX]/gpuenv-home/envs/demo
    probe: skipped: the recipe uses no GPU
    undo it: gpuenv rollback demo
    ----- stderr -----
    ");
    assert_eq!(versions(&lab), "tool 1.0 more 2.0");
    assert_eq!(lab.sandbox.read("gpuenv.lock"), beside);
    let create = ["create", "project/gpuenv.lock", "-n", "demo"];
    let again = lab.sandbox.gpuenv(create).success();
    let _ = again.stdout_has("already right");
    fs::remove_file(folder.join("gpuenv.yaml")).unwrap();
    insta::assert_snapshot!(lab.sandbox.gpuenv(["update", "demo"]), @"
    exit code: 15
    ----- stdout -----
    ----- stderr -----
    error[GE529]: nothing tells what environment `demo` was made from
    cause: it was made from `[SANDBOX]/work/project/gpuenv.lock`, and there is no recipe beside it
    help: name the recipe: `gpuenv update demo --recipe FILE.yaml`
    docs: `gpuenv explain GE529`
    ");
}

#[test]
fn what_was_made_of_words_keeps_its_lock_to_itself() {
    let lab = lab();
    let words = ["create", "-n", "words", "more >=1", "-q"];
    let _ = lab.sandbox.gpuenv(words).success();
    publish(&lab, "3.0");
    let before = crate::lab::entries(&lab.sandbox.work());
    insta::assert_snapshot!(lab.sandbox.gpuenv(["update", "words", "-q"]), @"
    exit code: 0
    ----- stdout -----
    environment `words` is updated: 1 package
      ~ more 2.0 h0_0 → more 3.0 h0_0
    prefix: [SANDBOX]/gpuenv-home/envs/words
    probe: skipped: the recipe uses no GPU
    undo it: gpuenv rollback words
    ----- stderr -----
    ");
    let more = lab.prefix("words").join("share/more");
    assert_eq!(fs::read_to_string(more).unwrap(), "more 3.0");
    assert_eq!(crate::lab::entries(&lab.sandbox.work()), before);
    let again = lab.sandbox.gpuenv(words).success();
    let _ = again.stdout_has("already right");
    let _ = lab.sandbox.gpuenv(["verify", "words"]).success();
}
