//! Recipes made of several files, with features and parameters, as users choose them.

use fs_err as fs;

use crate::lab::Lab;

const BASE: &str = "schema: 1\nname: base\nchannels: [conda-forge]\nplatforms: [linux-64]\ngpu: none\n\
    parameters:\n  lib: { about: of the library, default: \"1\", version: \">=1,<3\" }\n\
    dependencies:\n  - tool\n  - \"lib ${{ lib }}.*\"\n\
    features:\n  more: { about: another package, dependencies: [more] }\n";
const CHILD: &str = "schema: 1\nname: child\nextends: base\n";

/// A lab with `child.yaml` that extends `base.yaml`, and the packages that they ask for.
fn lab() -> Lab {
    let lab = Lab::new();
    for version in ["1.0", "2.0"] {
        lab.channel.package("lib", version).publish();
    }
    lab.channel.package("tool", "1.0").needs("lib").publish();
    lab.channel.package("more", "1.0").publish();
    lab.sandbox.write("base.yaml", BASE);
    lab.sandbox.write("child.yaml", CHILD);
    lab
}

#[test]
fn what_is_chosen_stays_until_something_else_is() {
    let lab = lab();
    let chosen = ["lock", "child.yaml", "--with", "more", "--set", "lib=2"];
    insta::assert_snapshot!(lab.sandbox.gpuenv(chosen), @"
    exit code: 0
    ----- stdout -----
    linux-64: 3 packages, 3 added, 0 removed, 0 changed
    lock `gpuenv.lock` is written
    ----- stderr -----
    reading channels
    read 2 channel indexes ([SIZE]) in [TIME]
    solving for linux-64
    solved for linux-64: 3 packages in [TIME]
    ");
    let section = |text: String| text.split_once("gpuenv:\n").unwrap().1.to_string();
    insta::assert_snapshot!(section(lab.sandbox.read("gpuenv.lock")), @r#"
    schema: 1
    recipe: "child"
    features: ["more"]
    parameters: {"lib":"2"}
    gpu: "none"
    platforms:
      linux-64:
        dependencies:
        - "tool"
        - "lib 2.*"
        - "more"
        activation: {"env":{},"library-path":"cuda"}
        probe: []
    "#);
    // Nothing needs to be said again.
    let before = lab.sandbox.read("gpuenv.lock");
    let _ = lab
        .sandbox
        .gpuenv(["lock", "child.yaml", "--check"])
        .success();
    let _ = lab.sandbox.gpuenv(["create", "child.yaml"]).success();
    let _ = lab.sandbox.gpuenv(["lock", "child.yaml"]).success();
    assert_eq!(lab.sandbox.read("gpuenv.lock"), before);
    lab.server.forget_requests();
    let again = lab.sandbox.gpuenv(["create", "child.yaml"]).success();
    let _ = again.stdout_has("environment `child` is already right");
    assert_eq!(lab.server.log(), [""; 0]);
    // Something else is, though.
    let other = ["lock", "child.yaml", "--without", "more", "--check"];
    insta::assert_snapshot!(lab.sandbox.gpuenv(other), @"
    exit code: 1
    ----- stdout -----
    ----- stderr -----
    error[GE402]: lock `gpuenv.lock` no longer satisfies the recipe
    cause: `features` differs
    cause: linux-64: `more` is in the lock, not in the recipe
    cause: linux-64: nothing needs `more 1.0 h0_0`
    help: bring it up to date with `gpuenv lock child.yaml --without more`
    docs: `gpuenv explain GE402`
    ");
    let other = [
        "create",
        "child.yaml",
        "--without",
        "more",
        "--set",
        "lib=1",
    ];
    let _ = lab.sandbox.gpuenv(other).success();
    let text = section(lab.sandbox.read("gpuenv.lock"));
    assert!(
        !text.contains("features") && !text.contains("parameters"),
        "{text}"
    );
    let listed = lab
        .sandbox
        .gpuenv(["info", "child", "--json"])
        .success()
        .json();
    assert_eq!(listed["result"]["packages"].as_array().unwrap().len(), 2);
}

#[test]
fn a_change_of_an_extended_recipe_is_a_change() {
    let lab = lab();
    let _ = lab
        .sandbox
        .gpuenv(["create", "child.yaml", "--with", "more"])
        .success();
    lab.sandbox
        .write("base.yaml", BASE.replace("  - tool\n", ""));
    let stale = lab.sandbox.gpuenv(["lock", "child.yaml", "--check"]);
    let _ = stale
        .code(1)
        .stderr_has("`tool` is in the lock, not in the recipe");
    let changed = lab.sandbox.gpuenv(["create", "child.yaml"]).success();
    let _ = changed.stdout_has("2 packages (0 added, 0 changed, 1 removed)");
    // A feature that is gone is not asked for again.
    let (start, _) = BASE.split_once("features").unwrap();
    lab.sandbox.write("base.yaml", start);
    let stale = lab.sandbox.gpuenv(["lock", "child.yaml", "--check"]);
    let _ = stale.code(1).stderr_has("`features` differs");
    let _ = lab.sandbox.gpuenv(["create", "child.yaml"]).success();
}

#[test]
fn what_can_be_chosen_is_shown_with_the_composed_recipe() {
    let lab = lab();
    lab.channel.package("jupyterlab", "4.0").publish();
    lab.channel.package("ipykernel", "6.0").publish();
    lab.sandbox.write(
        "recipes/mine.yaml",
        CHILD
            .replace("child", "mine")
            .replace("base", "[../base.yaml, common]"),
    );
    let create = ["create", "mine", "--with", "jupyter,more"];
    let _ = lab.sandbox.gpuenv(create).success();
    let locked = ["create", "mine", "--without", "more", "--locked"];
    let stale = lab.sandbox.gpuenv(locked).code(14);
    let _ = stale.stderr_has("`gpuenv lock recipes/mine.yaml --without more`");
    let offered = lab
        .sandbox
        .gpuenv(["recipe", "show", "mine", "--with", "more"]);
    insta::assert_snapshot!(offered, @"
    exit code: 0
    ----- stdout -----
    # Composed of recipes/mine.yaml, recipes/../base.yaml, gpuenv:parts/common.yaml.
    # With the feature more.
    #
    # What can be chosen:
    # --set lib=1: of the library; a version `>=1,<3`
    # --with compiler: nvcc, for packages that compile CUDA code
    # --with jupyter: notebooks in the browser, with this environment as their kernel
    # --with more: another package
    # --with nccl: several GPUs in one program, on Linux
    # --with plots: Matplotlib and pandas
    # --with spyder: the Spyder editor
    # --with spyder-kernels: what a Spyder outside of the environment needs to run code in it
    schema: 1
    name: mine
    channels:
      - conda-forge
    platforms:
      - linux-64
    gpu: none
    dependencies:
      - tool
      - lib 1.*
      - more
    ----- stderr -----
    ");
}

#[test]
fn what_cannot_be_chosen_is_answered_with_what_can() {
    let lab = lab();
    for (arguments, expected) in [
        (&["--with", "mroe"][..], "did you mean `more`?"),
        (&["--with", "nothing-like-it"], "it has `more`"),
        (&["--without", "mroe"], "did you mean `more`?"),
        (&["--set", "libb=1"], "did you mean `lib`?"),
        (&["--set", "lib=3"], "it can be a version `>=1,<3`"),
        (&["--set", "lib=1 | >=3"], "it can be a version `>=1,<3`"),
    ] {
        let line = [&["create", "child.yaml"], arguments].concat();
        let refused = lab.sandbox.gpuenv(line);
        let _ = refused.code(11).stderr_has(expected);
    }
    for arguments in [
        &["--with", "more", "--without", "more"][..],
        &["--set", "lib=1", "--set", "lib=2"],
        &["--set", "lib"],
    ] {
        let line = [&["create", "child.yaml"], arguments].concat();
        let _ = lab.sandbox.gpuenv(line).code(2);
    }
    let _ = lab.sandbox.gpuenv(["lock", "child.yaml"]).success();
    insta::assert_snapshot!(lab.sandbox.gpuenv(["create", "gpuenv.lock", "--with", "more"]), @"
    exit code: 2
    ----- stdout -----
    ----- stderr -----
    error: `--with`, `--without` and `--set` are for recipes, and `gpuenv.lock` is a lock
    help: choose when the lock is made: `gpuenv lock RECIPE --with FEATURE`
    ");
    lab.assert_only(&[]);
}

#[test]
fn a_recipe_reaches_only_what_it_may() {
    let lab = lab();
    lab.sandbox.write(
        "recipes/deep/a.yaml",
        CHILD.replace("base", "../../base.yaml"),
    );
    // From the folder above both.
    let _ = lab
        .sandbox
        .gpuenv(["recipe", "validate", "recipes/deep/a.yaml"])
        .success();
    let inside = lab.sandbox.work().join("recipes/deep");
    let from_below = lab.sandbox.command(["recipe", "validate", "a.yaml"]);
    insta::assert_snapshot!(from_below.in_folder(inside).run(), @"
    exit code: 11
    ----- stdout -----
    ----- stderr -----
    error[GE116]: a recipe cannot extend `../../base.yaml`: it lies outside of the recipe's folder and of this one
     --> a.yaml:3:10
      |
    3 | extends: ../../base.yaml
      |          ^^^^^^^^^^^^^^^
    help: put the file into the folder of this recipe, or name its folder in `GPUENV_RECIPE_PATH` and extend it by name
    docs: `gpuenv explain GE116`
    ");
    let secret = lab.sandbox.work().parent().unwrap().join("secret.yaml");
    fs::write(&secret, "password: hunter2\n").unwrap();
    std::os::unix::fs::symlink(&secret, lab.sandbox.work().join("link.yaml")).unwrap();
    for (parent, expected) in [
        (
            secret.to_str().unwrap(),
            "the path is not the same on every machine",
        ),
        ("../secret.yaml", "it lies outside"),
        ("link.yaml", "it lies outside"),
        ("./link.yaml", "it lies outside"),
        ("~/base.yaml", "the path is not the same on every machine"),
        ("./.netrc", "its name does not end in `.yaml`"),
        (
            "https://example.org/base.yaml",
            "the path is not the same on every machine",
        ),
    ] {
        lab.sandbox.write("bad.yaml", CHILD.replace("base", parent));
        let refused = lab.sandbox.gpuenv(["recipe", "validate", "bad.yaml"]);
        let refused = refused.code(11).stderr_has(expected);
        let _ = refused.stderr_has("bad.yaml:3:10").says_nowhere("hunter2");
    }
    for (parent, expected) in [
        ("bsae.yaml", "GE114"),
        ("pytroch-gpu", "did you mean `pytorch-gpu`?"),
        ("bad", "GE115"),
    ] {
        lab.sandbox.write("bad.yaml", CHILD.replace("base", parent));
        let refused = lab.sandbox.gpuenv(["recipe", "validate", "bad.yaml"]);
        let _ = refused.code(11).stderr_has(expected);
    }
}
