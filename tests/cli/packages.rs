//! Packages on the command line instead of a recipe: `create`, `lock` and `recipe new`.

use fs_err as fs;
use gpuenv_testkit::tree;

use crate::lab::Lab;

#[test]
fn packages_become_an_environment_without_a_recipe() {
    let lab = Lab::with_tool();
    let create = ["create", "-n", "x", "tool>=1", "lib"];
    insta::assert_snapshot!(lab.sandbox.gpuenv(create), @r#"
    exit code: 0
    ----- stdout -----
    environment `x` is ready: 2 packages (2 added, 0 changed, 0 removed)
    prefix: [SANDBOX]/gpuenv-home/envs/x
    probe: skipped: the recipe uses no GPU
    use it: gpuenv run x -- CMD
        or: eval "$(gpuenv shell-hook x)"
    ----- stderr -----
    reading channels
    read 2 channel indexes ([SIZE]) in [TIME]
    solving for linux-64
    solved for linux-64: 2 packages in [TIME]
    fetching 2 packages ([SIZE])
    fetched 2 packages ([SIZE]) in [TIME]
    linking 2 packages
    linked 2 packages in [TIME]
    "#);
    let before = tree(&lab.sandbox.work());
    lab.server.forget_requests();
    let again = lab.sandbox.gpuenv(create).success();
    let _ = again.stdout_has("environment `x` is already right");
    assert_eq!(lab.server.log(), [""; 0]);
    // A changed wish changes the environment.
    lab.publish_tool("2.0");
    let changed = lab.sandbox.gpuenv(["create", "-n", "x", "tool 1.*"]);
    let _ = changed.success().stdout_has("environment `x` is ready");
    // Nothing is left where the user stands.
    assert_eq!(tree(&lab.sandbox.work()), before);
    insta::assert_snapshot!(lab.sandbox.gpuenv(["recipe", "show", "x"]), @"
    exit code: 0
    ----- stdout -----
    # For exactly the packages that were asked for on the command line.
    #
    # `gpuenv lock` finds the exact packages, `gpuenv lint` looks for what may be wrong.
    schema: 1
    name: x
    channels: [conda-forge]
    platforms: [linux-64]
    gpu: none
    dependencies:
      - tool 1.*
    ----- stderr -----
    ");
}

#[test]
fn packages_are_locked_under_the_name_of_their_environment() {
    let lab = Lab::with_tool();
    lab.sandbox.write("gpuenv.lock", "not ours to touch");
    let lock = ["lock", "-n", "x", "tool>=1", "--platform", "linux-64"];
    insta::assert_snapshot!(lab.sandbox.gpuenv(lock), @"
    exit code: 0
    ----- stdout -----
    linux-64: 2 packages, 2 added, 0 removed, 0 changed
    lock `x.gpuenv.lock` is written
    ----- stderr -----
    reading channels
    read 2 channel indexes ([SIZE]) in [TIME]
    solving for linux-64
    solved for linux-64: 2 packages in [TIME]
    ");
    assert_eq!(lab.sandbox.read("gpuenv.lock"), "not ours to touch");
    let check = ["lock", "-n", "x", "tool>=1", "--check"];
    let _ = lab.sandbox.gpuenv(check).success();
    insta::assert_snapshot!(
        lab.sandbox.gpuenv(["lock", "-n", "x", "tool>=1", "lib 1.*", "--check"]),
        @"
    exit code: 1
    ----- stdout -----
    ----- stderr -----
    error[GE402]: lock `x.gpuenv.lock` no longer satisfies the recipe
    cause: linux-64: `lib 1.*` is in the recipe, not in the lock
    help: bring it up to date with `gpuenv lock -n x 'tool>=1' 'lib 1.*'`
    docs: `gpuenv explain GE402`
    "
    );
    let created = lab.sandbox.gpuenv(["create", "x.gpuenv.lock", "-n", "y"]);
    let _ = created.success().stdout_has("environment `y` is ready");
}

#[test]
fn a_recipe_is_written_from_packages() {
    let lab = Lab::with_tool();
    let new = [
        "recipe",
        "new",
        "-n",
        "mine",
        "pytorch>=2.5",
        "cupy",
        "cuda-version=12.6",
    ];
    let printed = lab.sandbox.gpuenv(new).success();
    insta::assert_snapshot!(printed.stdout(), @r#"
    # For exactly the packages that were asked for on the command line.
    #
    # `gpuenv lock` finds the exact packages, `gpuenv lint` looks for what may be wrong.
    schema: 1
    name: mine
    channels: [conda-forge]
    platforms: [linux-64]
    gpu: required
    target: { cuda: "12.6" }
    dependencies:
      - pytorch >=2.5
      - cupy
      - cuda-version 12.6.*
    probe: [driver, pytorch, cupy]
    "#);
    let written = lab
        .sandbox
        .gpuenv(["recipe", "new", "tool", "--output", "gpuenv.yaml"]);
    let _ = written
        .success()
        .stdout_has("recipe `gpuenv.yaml` is written");
    let _ = lab.sandbox.gpuenv(["create"]).success();
    let again = lab
        .sandbox
        .gpuenv(["recipe", "new", "tool", "--output", "gpuenv.yaml"]);
    let _ = again.code(11).stderr_has("exists already");
}

#[test]
fn a_word_that_is_no_recipe_is_answered_with_what_to_type() {
    let lab = Lab::with_tool();
    insta::assert_snapshot!(lab.sandbox.gpuenv(["create", "-n", "x", "tool"]), @r#"
    exit code: 11
    ----- stdout -----
    ----- stderr -----
    error[GE107]: there is no recipe `tool`
    help: `gpuenv recipe list` shows the recipes that are known
    help: a recipe file is named with its path: `./NAME.yaml`
    help: a package without a recipe is asked for with a version: `gpuenv create -n x "tool *"`
    docs: `gpuenv explain GE107`
    "#);
    insta::assert_snapshot!(lab.sandbox.gpuenv(["create", "tool>=1", "lib"]), @"
    exit code: 2
    ----- stdout -----
    ----- stderr -----
    error: packages do not say what the environment is called
    help: name it: `gpuenv create -n NAME 'tool>=1' lib`
    ");
    insta::assert_snapshot!(lab.sandbox.gpuenv(["create", "-n", "x", "tool", "./demo.yaml"]), @"
    exit code: 2
    ----- stdout -----
    ----- stderr -----
    error: `./demo.yaml` is a file, and the other words are packages
    help: name one recipe, or only packages
    ");
    insta::assert_snapshot!(lab.sandbox.gpuenv(["create", "./demo.yaml", "--cuda", "12.4"]), @r#"
    exit code: 2
    ----- stdout -----
    ----- stderr -----
    error: `--cuda` is for packages on the command line, and recipe `./demo.yaml` says it itself
    help: change the recipe, or name packages: `gpuenv create -n NAME "PACKAGE 1.2.*"`
    "#);
    insta::assert_snapshot!(lab.sandbox.gpuenv(["create", "-n", "x", "tool >> 1", "lib$"]), @r#"
    exit code: 11
    ----- stdout -----
    ----- stderr -----
    error[GE105]: `tool >> 1` is neither a recipe nor a package: unable to parse version spec: >> 1
    help: write `NAME`, `"NAME >=1.2,<2"` or `"NAME 1.2.*"`, in quotes where the shell would take it apart

    error[GE105]: `lib$` is neither a recipe nor a package: invalid package name `lib$`: `lib$` is not a valid package name. Package names can only contain 0-9, a-z, A-Z, -, _, or .
    help: write `NAME`, `"NAME >=1.2,<2"` or `"NAME 1.2.*"`, in quotes where the shell would take it apart
    docs: `gpuenv explain GE105`
    "#);
    insta::assert_snapshot!(lab.sandbox.gpuenv(["lock", "./demo.yaml", "-n", "x"]), @"
    exit code: 2
    ----- stdout -----
    ----- stderr -----
    error: `-n x` is for packages, and a recipe has a name
    help: choose the lock's place with `--output FILE`
    ");
    lab.assert_only(&[]);
}

#[test]
fn the_channels_of_conda_count_where_none_is_named() {
    let lab = Lab::with_tool();
    let home = lab.sandbox.home().join(".condarc");
    fs::write(home, "channels: [defaults, other]\n").unwrap();
    let printed = lab.sandbox.gpuenv(["recipe", "new", "tool"]).success();
    assert!(printed.stdout().contains("channels: [other]"), "{printed}");
    let told = lab
        .sandbox
        .gpuenv(["recipe", "new", "tool", "-c", "conda-forge"]);
    assert!(told.success().stdout().contains("channels: [conda-forge]"));
}
