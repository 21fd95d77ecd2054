//! `gpuenv lock`: what is written, what stays, and what is never overwritten.

mod files;

use fs_err as fs;
use gpuenv_testkit::{Channel, Sandbox};

use crate::lab::{Lab, recipe};

const LOCK: [&str; 4] = ["lock", "./demo.yaml", "--progress", "none"];

fn relock<'a>(more: &[&'a str]) -> Vec<&'a str> {
    [&LOCK, more].concat()
}

/// A channel with two versions of two packages, and one platform more.
fn publish(channel: &Channel) {
    // 2023-01-01 and 2024-01-01 in milliseconds.
    for (version, timestamp) in [("1.0", 1_672_531_200_000), ("2.0", 1_704_067_200_000)] {
        for subdir in ["linux-64", "win-64"] {
            for name in ["tool", "lib"] {
                let package = channel
                    .package(name, version)
                    .subdir(subdir)
                    .timestamp(timestamp);
                let needs = if name == "tool" { "lib" } else { "base" };
                package.needs(needs).file("share/x", name).publish();
            }
        }
    }
    channel.package("base", "1.0").noarch_generic().publish();
}

fn two_platforms(dependencies: &[&str]) -> String {
    recipe("demo", dependencies).replace("[linux-64]", "[linux-64, win-64]")
}

/// Makes a laboratory whose recipe covers two platforms.
fn lab() -> Lab {
    let lab = Lab::new();
    publish(&lab.channel);
    lab.sandbox.write("demo.yaml", two_platforms(&["tool"]));
    lab
}

#[test]
fn a_lock_covers_every_platform_and_is_made_once() {
    let lab = lab();
    insta::assert_snapshot!(lab.sandbox.gpuenv(LOCK), @"
    exit code: 0
    ----- stdout -----
    linux-64: 3 packages, 3 added, 0 removed, 0 changed
    win-64: 3 packages, 3 added, 0 removed, 0 changed
    lock `./gpuenv.lock` is written
    ----- stderr -----
    ");
    insta::assert_snapshot!(lab.sandbox.read("gpuenv.lock"), @r#"
    version: 7
    platforms:
    - name: linux-64
      virtual-packages:
      - __archspec=1=x86_64
      - __glibc=2.28=0
      - __linux=4.18=0
      - __unix=0=0
    - name: win-64
      virtual-packages:
      - __archspec=1=x86_64
      - __win=10.0=0
    environments:
      default:
        channels:
        - url: https://conda.anaconda.org/conda-forge/
        packages:
          linux-64:
          - conda: https://conda.anaconda.org/conda-forge/linux-64/lib-2.0-h0_0.conda
          - conda: https://conda.anaconda.org/conda-forge/linux-64/tool-2.0-h0_0.conda
          - conda: https://conda.anaconda.org/conda-forge/noarch/base-1.0-h0_0.conda
          win-64:
          - conda: https://conda.anaconda.org/conda-forge/noarch/base-1.0-h0_0.conda
          - conda: https://conda.anaconda.org/conda-forge/win-64/lib-2.0-h0_0.conda
          - conda: https://conda.anaconda.org/conda-forge/win-64/tool-2.0-h0_0.conda
    packages:
    - conda: https://conda.anaconda.org/conda-forge/linux-64/lib-2.0-h0_0.conda
      sha256: ed0c58a8e50adaf10047a42264c10ebc6a48ef332a0ea9cef8294a537e5bec2d
      md5: 1a8ec5f8f1173b0cd1c14a5ad71b9a02
      depends:
      - base
      license: BSD-3-Clause
      size: 1038
      timestamp: 1704067200000
    - conda: https://conda.anaconda.org/conda-forge/linux-64/tool-2.0-h0_0.conda
      sha256: 1f8265e343b1e426ff538c59ccd8039551115243bfdc8ca20023d6135d0b4c5b
      md5: 5fa7a00909b4ac9be9bb4072baa09120
      depends:
      - lib
      license: BSD-3-Clause
      size: 1046
      timestamp: 1704067200000
    - conda: https://conda.anaconda.org/conda-forge/noarch/base-1.0-h0_0.conda
      sha256: 268cb4326396cf09a4f595ffb7bcc3d196413f28c2bf4945bd0fd8394260506d
      md5: 8c06f1818c3ebec6067858ae499589ce
      license: BSD-3-Clause
      size: 858
      timestamp: 1672531200000
    - conda: https://conda.anaconda.org/conda-forge/win-64/lib-2.0-h0_0.conda
      sha256: 1975463dff6e7539fe029771dee9aa5f607c8f7b0e1bacd47b14f07d75df9031
      md5: cdbca8d098fc2896e60a0dd76053b87e
      depends:
      - base
      license: BSD-3-Clause
      size: 1040
      timestamp: 1704067200000
    - conda: https://conda.anaconda.org/conda-forge/win-64/tool-2.0-h0_0.conda
      sha256: e8b8a8c188f4c29a657548502e45f69feebb337bafc951858dbf5416cc834bb7
      md5: 4174d05ddb7938515fd05078680d68ef
      depends:
      - lib
      license: BSD-3-Clause
      size: 1045
      timestamp: 1704067200000
    gpuenv:
      schema: 1
      recipe: "demo"
      gpu: "none"
      platforms:
        linux-64:
          dependencies:
          - "tool"
          activation: {"env":{},"library-path":"cuda"}
          probe: []
        win-64:
          dependencies:
          - "tool"
          activation: {"env":{},"library-path":"cuda"}
          probe: []
    "#);
    lab.server.forget_requests();
    insta::assert_snapshot!(lab.sandbox.gpuenv(LOCK), @"
    exit code: 0
    ----- stdout -----
    linux-64: 3 packages, no change
    win-64: 3 packages, no change
    lock `./gpuenv.lock` is up to date
    ----- stderr -----
    ");
    assert_eq!(lab.server.log(), [""; 0]);
}

#[test]
fn a_lock_has_the_same_bytes_wherever_it_is_made() {
    let lab = lab();
    let _ = lab.sandbox.gpuenv(LOCK).success();
    let first = lab.sandbox.read("gpuenv.lock");
    assert!(first.contains("https://conda.anaconda.org/conda-forge/"));
    assert!(!first.contains("127.0.0.1"));
    fs::remove_file(lab.sandbox.work().join("gpuenv.lock")).unwrap();
    let _ = lab.sandbox.gpuenv(LOCK).success();
    assert_eq!(lab.sandbox.read("gpuenv.lock"), first, "from a warm cache");

    // Published in another order, read as files, on a machine with a GPU.
    let other = Channel::new("conda-forge");
    other.package("base", "1.0").noarch_generic().publish();
    publish(&other);
    let mut sandbox = Sandbox::new(env!("CARGO_BIN_EXE_gpuenv"));
    sandbox.set("GPUENV_MIRROR", other.file_url());
    sandbox.set("CONDA_OVERRIDE_CUDA", "13.0");
    sandbox.set("CONDA_OVERRIDE_GLIBC", "2.17");
    sandbox.write("demo.yaml", two_platforms(&["tool"]));
    let _ = sandbox.gpuenv(LOCK).success();
    assert_eq!(sandbox.read("gpuenv.lock"), first, "from files");
}

#[test]
fn check_tells_the_exact_difference_without_a_network() {
    let lab = lab();
    let check = ["lock", "./demo.yaml", "--check"];
    insta::assert_snapshot!(lab.sandbox.gpuenv(check), @"
    exit code: 1
    ----- stdout -----
    ----- stderr -----
    error[GE407]: recipe `demo` has no lock
    help: make one with `gpuenv lock ./demo.yaml`
    docs: `gpuenv explain GE407`
    ");
    let _ = lab.sandbox.gpuenv(LOCK).success();
    let lock = lab.sandbox.read("gpuenv.lock");
    lab.server.forget_requests();
    insta::assert_snapshot!(lab.sandbox.gpuenv(check), @"
    exit code: 0
    ----- stdout -----
    lock `./gpuenv.lock` satisfies the recipe
    ----- stderr -----
    ");

    let text = two_platforms(&["tool", "if_only >=3"])
        .replace("conda-forge", "other, conda-forge")
        .replace("gpu: none", "gpu: optional");
    lab.sandbox.write(
        "demo.yaml",
        text + "target: { cuda: \"12.4\" }\nactivation:\n  env: { A: b }\n",
    );
    insta::assert_snapshot!(lab.sandbox.gpuenv(check), @"
    exit code: 1
    ----- stdout -----
    ----- stderr -----
    error[GE402]: lock `./gpuenv.lock` no longer satisfies the recipe
    cause: channels: the recipe has `other`, `conda-forge`, the lock `conda-forge`
    cause: `gpu` differs
    cause: linux-64: `if_only >=3` is in the recipe, not in the lock
    cause: linux-64: `activation` differs
    cause: linux-64: `probe` differs
    cause: linux-64: target: the recipe has `__cuda=12.4=0`, the lock none
    cause: linux-64: the recipe needs `if_only >=3`, which is not there
    cause: win-64: `if_only >=3` is in the recipe, not in the lock
    cause: win-64: `activation` differs
    cause: win-64: `probe` differs
    cause: win-64: target: the recipe has `__cuda=12.4=0`, the lock none
    cause: win-64: the recipe needs `if_only >=3`, which is not there
    help: bring it up to date with `gpuenv lock ./demo.yaml`
    docs: `gpuenv explain GE402`
    ");
    let told = lab
        .sandbox
        .gpuenv(relock(&["--check", "--json"]))
        .code(1)
        .json();
    assert_eq!(told["result"]["current"], false);
    assert!(told["result"]["differences"].as_array().unwrap().len() >= 4);
    assert_eq!(lab.server.log(), [""; 0]);
    assert_eq!(lab.sandbox.read("gpuenv.lock"), lock);

    // A version that is still good is no reason to lock anew.
    lab.sandbox
        .write("demo.yaml", two_platforms(&["tool"]) + "# a comment\n");
    let _ = lab.sandbox.gpuenv(check).success();
}

#[test]
fn what_is_locked_stays_until_an_upgrade_names_it() {
    let lab = lab();
    lab.sandbox
        .write("demo.yaml", two_platforms(&["tool <2", "lib <2"]));
    let _ = lab.sandbox.gpuenv(LOCK).success();
    lab.sandbox
        .write("demo.yaml", two_platforms(&["tool", "lib"]));
    insta::assert_snapshot!(lab.sandbox.gpuenv(LOCK), @"
    exit code: 0
    ----- stdout -----
    linux-64: 3 packages, no change
    win-64: 3 packages, no change
    lock `./gpuenv.lock` is written
    ----- stderr -----
    ");
    insta::assert_snapshot!(lab.sandbox.gpuenv(relock(&["--upgrade", "lib", "--dry-run"])), @"
    exit code: 0
    ----- stdout -----
    linux-64: 3 packages, 0 added, 0 removed, 1 changed
      ~ lib 1.0 h0_0 → lib 2.0 h0_0
    win-64: 3 packages, 0 added, 0 removed, 1 changed
      ~ lib 1.0 h0_0 → lib 2.0 h0_0
    lock `./gpuenv.lock` would be written
    ----- stderr -----
    ");
    assert!(!lab.sandbox.read("gpuenv.lock").contains("lib-2.0"));
    let _ = lab.sandbox.gpuenv(relock(&["--upgrade", "lib"])).success();
    let lock = lab.sandbox.read("gpuenv.lock");
    assert!(lock.contains("lib-2.0") && lock.contains("tool-1.0") && !lock.contains("tool-2.0"));
    insta::assert_snapshot!(lab.sandbox.gpuenv(relock(&["--upgrade"])), @"
    exit code: 0
    ----- stdout -----
    linux-64: 3 packages, 0 added, 0 removed, 1 changed
      ~ tool 1.0 h0_0 → tool 2.0 h0_0
    win-64: 3 packages, 0 added, 0 removed, 1 changed
      ~ tool 1.0 h0_0 → tool 2.0 h0_0
    lock `./gpuenv.lock` is written
    ----- stderr -----
    ");
}

#[test]
fn an_upgrade_of_what_is_not_there_is_told() {
    let lab = lab();
    let _ = lab.sandbox.gpuenv(LOCK).success();
    insta::assert_snapshot!(lab.sandbox.gpuenv(["lock", "--upgrade", "./demo.yaml"]), @"
    exit code: 11
    ----- stdout -----
    ----- stderr -----
    error[GE107]: there is no `gpuenv.yaml` here
    help: name a recipe: `gpuenv recipe list` shows those that are known
    help: the recipe stands first: `gpuenv lock ./demo.yaml --upgrade`
    docs: `gpuenv explain GE107`
    ");
    insta::assert_snapshot!(lab.sandbox.gpuenv(["lock", "./demo.yaml", "--upgrade", "nonsense"]), @"
    exit code: 2
    ----- stdout -----
    ----- stderr -----
    error: `--upgrade nonsense`: there is no package `nonsense` in the lock
    help: the recipe stands first: `gpuenv lock ./demo.yaml --upgrade NAME`
    ");
    insta::assert_snapshot!(lab.sandbox.gpuenv(relock(&["--upgrade", "tol"])), @"
    exit code: 2
    ----- stdout -----
    ----- stderr -----
    error: `--upgrade tol`: there is no package `tol` in the lock
    help: did you mean `tool`?
    ");
}

#[test]
fn one_platform_at_a_time_leaves_the_others_as_they_are() {
    let lab = lab();
    lab.sandbox.write("demo.yaml", two_platforms(&["tool <2"]));
    let _ = lab.sandbox.gpuenv(LOCK).success();
    lab.sandbox.write("demo.yaml", two_platforms(&["tool >=2"]));
    insta::assert_snapshot!(lab.sandbox.gpuenv(relock(&["--platform", "linux-64"])), @"
    exit code: 0
    ----- stdout -----
    linux-64: 3 packages, 0 added, 0 removed, 1 changed
      ~ tool 1.0 h0_0 → tool 2.0 h0_0
    win-64: 3 packages, no change
    lock `./gpuenv.lock` is written
    ----- stderr -----
    warning[GE402]: win-64 stays as it was and no longer satisfies the recipe
    cause: win-64: `tool >=2` is in the recipe, not in the lock
    help: lock every platform: `gpuenv lock ./demo.yaml`
    docs: `gpuenv explain GE402`
    ");
    let lock = lab.sandbox.read("gpuenv.lock");
    assert!(lock.contains("linux-64/tool-2.0") && lock.contains("win-64/tool-1.0"));
    insta::assert_snapshot!(lab.sandbox.gpuenv(relock(&["--platform", "osx-arm64"])), @"
    exit code: 12
    ----- stdout -----
    ----- stderr -----
    error[GE201]: recipe `demo` does not cover `osx-arm64`
     --> ./demo.yaml:4:13
      |
    4 | platforms: [linux-64, win-64]
      |             ^^^^^^^^
    cause: it covers `linux-64`, `win-64`
    help: add `osx-arm64` to `platforms`
    docs: `gpuenv explain GE201`
    ");
}

#[test]
fn a_platform_that_was_never_locked_does_not_have_to_make_sense() {
    let lab = lab();
    let recipe = two_platforms(&["tool"]).replace(
        "gpu: none\n",
        "gpu: required\ntarget: [{ if: linux, then: { cuda: \"12.4\" } }]\n",
    );
    assert!(recipe.contains("gpu: required"), "{recipe}");
    lab.sandbox.write("demo.yaml", recipe);
    let linux = relock(&["--platform", "linux-64"]);
    let _ = lab.sandbox.gpuenv(&linux).success();
    let again = lab.sandbox.gpuenv(&linux).success();
    let _ = again.stdout_has("is up to date");
    let _ = lab.sandbox.gpuenv(LOCK).code(12).stderr_has("GE207");
}

#[test]
fn a_date_hides_what_is_newer() {
    let lab = lab();
    let _ = lab
        .sandbox
        .gpuenv(relock(&["--exclude-newer", "2023-06-30"]))
        .success();
    let lock = lab.sandbox.read("gpuenv.lock");
    assert!(lock.contains("tool-1.0") && !lock.contains("tool-2.0"));
    insta::assert_snapshot!(lab.sandbox.gpuenv(relock(&["--output", "other.lock", "--exclude-newer", "2020-01-01"])), @"
    exit code: 13
    ----- stdout -----
    ----- stderr -----
    error[GE301]: nothing built by 2020-01-01 satisfies `tool` for linux-64
     --> ./demo.yaml:7:5
      |
    7 |   - tool
      |     ^^^^
    cause: `tool 1.0 h0_0` is of 2023-01-01
    cause: `base 1.0 h0_0` is of 2023-01-01
    cause: `lib 1.0 h0_0` is of 2023-01-01
    tree: the recipe asks for `tool`
          └─ `tool 2.0`, `tool 1.0`: built on 2023-01-01 or later, after `--exclude-newer`
    help: write `--exclude-newer 2023-01-01` or later

    error[GE301]: nothing built by 2020-01-01 satisfies `tool` for win-64
     --> ./demo.yaml:7:5
      |
    7 |   - tool
      |     ^^^^
    cause: `tool 1.0 h0_0` is of 2023-01-01
    cause: `base 1.0 h0_0` is of 2023-01-01
    cause: `lib 1.0 h0_0` is of 2023-01-01
    tree: the recipe asks for `tool`
          └─ `tool 2.0`, `tool 1.0`: built on 2023-01-01 or later, after `--exclude-newer`
    help: write `--exclude-newer 2023-01-01` or later
    docs: `gpuenv explain GE301`
    ");
    assert!(!lab.sandbox.work().join("other.lock").exists());
}

#[test]
fn json_tells_the_changes() {
    let lab = lab();
    let made = lab.sandbox.gpuenv(relock(&["--json"])).success().json();
    assert_eq!(made["result"]["written"], true);
    assert_eq!(made["result"]["platforms"]["win-64"], 3);
    let again = lab.sandbox.gpuenv(relock(&["--json"])).success().json();
    assert_eq!(again["result"]["written"], false);
}
