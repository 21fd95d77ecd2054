//! Variants of a recipe: all of them in the lock, the one in the environment that the
//! machine can run.

use fs_err as fs;

use crate::lab::Lab;

const RECIPE: &str = "schema: 1
name: demo
about: { summary: a recipe with variants }
channels: [conda-forge]
platforms: [linux-64, win-64]
gpu: required
target: { cuda: \"12.4\" }
dependencies: [tool]
activation: { env: { KIND: base } }
variants:
- name: cuda13
  target: { cuda: \"13.0\" }
  dependencies: [cuda-version 13.*]
  activation: { env: { KIND: thirteen } }
- name: cuda12
  dependencies: [cuda-version 12.*]
- name: cuda11
  target: { cuda: \"11.8\" }
  dependencies: [cuda-version 11.8.*, \"tool <2\"]
";

/// A laboratory whose recipe has variants for CUDA 13, 12 and 11.8.
fn lab() -> Lab {
    let lab = Lab::new();
    for version in ["11.8", "12.9", "13.0"] {
        let major = version.split_once('.').map_or(version, |(major, _)| major);
        lab.channel
            .package("cuda-version", version)
            .constrains(&format!("__cuda >={major}"))
            .noarch_generic()
            .publish();
    }
    for version in ["1.0", "2.0"] {
        let text = format!("tool {version}\n");
        lab.channel
            .package("tool", version)
            .needs("__cuda")
            .noarch_generic()
            .file("share/tool.txt", text)
            .publish();
    }
    lab.sandbox.write("demo.yaml", RECIPE);
    lab
}

/// A machine with such a driver.
fn machine(lab: &mut Lab, cuda: &str) {
    lab.sandbox.set("CONDA_OVERRIDE_CUDA", cuda);
}

const QUIET: [&str; 3] = ["--progress", "none", "--no-probe"];

fn create<'w>(words: &[&'w str]) -> Vec<&'w str> {
    [&["create", "demo.yaml"], words, &QUIET].concat()
}

#[test]
fn a_lock_holds_every_variant_of_every_platform() {
    let lab = lab();
    let lock = ["lock", "demo.yaml", "--progress", "none"];
    insta::assert_snapshot!(lab.sandbox.gpuenv(lock), @"
    exit code: 0
    ----- stdout -----
    linux-64-cuda11: 2 packages, 2 added, 0 removed, 0 changed
    linux-64-cuda12: 2 packages, 2 added, 0 removed, 0 changed
    linux-64-cuda13: 2 packages, 2 added, 0 removed, 0 changed
    win-64-cuda11: 2 packages, 2 added, 0 removed, 0 changed
    win-64-cuda12: 2 packages, 2 added, 0 removed, 0 changed
    win-64-cuda13: 2 packages, 2 added, 0 removed, 0 changed
    lock `gpuenv.lock` is written
    ----- stderr -----
    ");
    let text = lab.sandbox.read("gpuenv.lock");
    for name in ["linux-64-cuda13", "linux-64-cuda11", "win-64-cuda12"] {
        assert!(text.contains(&format!("- name: {name}\n")), "{text}");
    }
    insta::assert_snapshot!(text.split_once("gpuenv:\n").unwrap().1.split("platforms:").next().unwrap(), @r#"
    schema: 2
    recipe: "demo"
    gpu: "required"
    variants: {"linux-64":["cuda13","cuda12","cuda11"],"win-64":["cuda13","cuda12","cuda11"]}
    "#);
    // Once more, and for one platform alone, it stays what it is.
    let _ = lab
        .sandbox
        .gpuenv(lock)
        .success()
        .stdout_has("is up to date");
    let one = [lock.as_slice(), &["--platform", "win-64", "--upgrade"]].concat();
    let _ = lab.sandbox.gpuenv(one).success();
    assert_eq!(lab.sandbox.read("gpuenv.lock"), text);
    let _ = lab
        .sandbox
        .gpuenv(["lock", "demo.yaml", "--check"])
        .success();
    // A variant in another place is another lock.
    let turned = RECIPE
        .replace("name: cuda13", "name: x")
        .replace("name: cuda12", "name: cuda13");
    lab.sandbox
        .write("demo.yaml", turned.replace("name: x", "name: cuda12"));
    let stale = lab.sandbox.gpuenv(["lock", "demo.yaml", "--check"]).code(1);
    let _ = stale.stderr_has("`variants` differs");
}

#[test]
fn the_machine_takes_the_first_variant_that_it_can_run() {
    let mut lab = lab();
    machine(&mut lab, "12.4");
    insta::assert_snapshot!(lab.sandbox.gpuenv(create(&[])), @r#"
    exit code: 0
    ----- stdout -----
    lock `gpuenv.lock` is written
    environment `demo` is ready: 2 packages (2 added, 0 changed, 0 removed)
    variant: cuda12
    prefix: [SANDBOX]/gpuenv-home/envs/demo
    probe: skipped: `--no-probe`
    use it: gpuenv run demo -- CMD
        or: eval "$(gpuenv shell-hook demo)"
    ----- stderr -----
    note[GE218]: variant `cuda12` is taken, and not `cuda13`
    cause: `cuda13`: the lock needs a driver for CUDA 13.0 or newer, this machine's is for 12.4
    help: for `cuda13`: update the driver to 580.65.06 or newer
    docs: `gpuenv explain GE218`
    "#);
    let prefix = lab.prefix("demo");
    let version = || {
        let found = fs::read_dir(prefix.join("conda-meta")).unwrap();
        let names = found.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        names
            .into_iter()
            .find(|name| name.starts_with("cuda-version-"))
            .unwrap()
    };
    assert!(version().starts_with("cuda-version-12.9"));
    // Nothing is asked again: no channel, no driver.
    lab.server.forget_requests();
    let again = lab.sandbox.gpuenv(create(&["--json"])).success().json();
    assert_eq!(again["result"]["already_right"], true);
    assert_eq!(again["result"]["variant"], "cuda12");
    assert_eq!(lab.server.log(), [""; 0]);
    let shown = lab.sandbox.gpuenv(["info", "demo"]).success();
    let _ = shown.stdout_has("linux-64-cuda12").stdout_has("12.9");
    let hook = lab
        .sandbox
        .gpuenv(["shell-hook", "demo", "--shell", "bash"])
        .success();
    let _ = hook.stdout_has("'KIND' 'base'");

    // The user knows better.
    let forced = lab.sandbox.gpuenv(create(&["--variant", "cuda13"]));
    let _ = forced.code(12).stderr_has("GE203").stderr_has("--no-check");
    assert!(version().starts_with("cuda-version-12.9"));
    let forced = create(&["--variant", "cuda13", "--no-check"]);
    let _ = lab.sandbox.gpuenv(forced).success();
    assert!(version().starts_with("cuda-version-13.0"));
    let hook = lab
        .sandbox
        .gpuenv(["shell-hook", "demo", "--shell", "bash"])
        .success();
    let _ = hook.stdout_has("'KIND' 'thirteen'");
    let _ = lab
        .sandbox
        .gpuenv(["rollback", "demo", "--no-probe"])
        .success();
    assert!(version().starts_with("cuda-version-12.9"));
    let _ = lab.sandbox.gpuenv(["verify", "demo"]).success();

    // A newer driver is noticed when the machine is to decide again.
    machine(&mut lab, "13.1");
    let _ = lab
        .sandbox
        .gpuenv(create(&[]))
        .success()
        .stdout_has("already right");
    let _ = lab
        .sandbox
        .gpuenv(create(&["--force"]))
        .success()
        .stdout_has("variant: cuda13");
    assert!(version().starts_with("cuda-version-13.0"));
}

#[test]
fn the_lock_alone_is_enough() {
    let mut lab = lab();
    let _ = lab.sandbox.gpuenv(["lock", "demo.yaml"]).success();
    machine(&mut lab, "11.8");
    let words = [
        "create",
        "gpuenv.lock",
        "-n",
        "old",
        "--progress",
        "none",
        "--no-probe",
    ];
    let ran = lab.sandbox.gpuenv(words).success();
    let _ = ran.stdout_has("variant: cuda11").stderr_has("GE218");
    let tool = fs::read_to_string(lab.prefix("old").join("share/tool.txt")).unwrap();
    assert_eq!(tool, "tool 1.0\n");
    let _ = lab
        .sandbox
        .gpuenv(words)
        .success()
        .stdout_has("already right");
    let _ = lab.sandbox.gpuenv(["repair", "old"]).success();
    let _ = lab
        .sandbox
        .gpuenv(["tree", "old"])
        .success()
        .stdout_has("tool 1.0");
    let exported = lab
        .sandbox
        .gpuenv(["export", "old", "--format", "explicit"])
        .success();
    let _ = exported.stdout_has("cuda-version-11.8");
}

#[test]
fn a_machine_that_fits_none_is_told_what_each_would_need() {
    let mut lab = lab();
    machine(&mut lab, "10.2");
    insta::assert_snapshot!(lab.sandbox.gpuenv(create(&[])), @"
    exit code: 12
    ----- stdout -----
    ----- stderr -----
    error[GE217]: the machine runs none of the variants of `demo` for linux-64
    cause: `cuda13`: the lock needs a driver for CUDA 13.0 or newer, this machine's is for 10.2; update the driver to 580.65.06 or newer
    cause: `cuda12`: the lock needs a driver for CUDA 12.0 or newer, this machine's is for 10.2; update the driver to 525.60.13 or newer
    cause: `cuda11`: the lock needs a driver for CUDA 11.0 or newer, this machine's is for 10.2; update the driver to 450.80.02 or newer
    help: do what one of them needs, or install it all the same: `gpuenv create demo.yaml --variant cuda11 --no-check`
    docs: `gpuenv explain GE217`
    ");
    assert!(!lab.prefix("demo").exists());
    insta::assert_snapshot!(lab.sandbox.gpuenv(["check", "demo.yaml", "--progress", "none"]), @"
    exit code: 1
    ----- stdout -----
    machine: linux-64, a driver for CUDA 10.2, glibc 2.36
    variant cuda13: does not fit
    variant cuda12: does not fit
    variant cuda11: does not fit
    `gpuenv.lock` does not fit
    ----- stderr -----
    error[GE217]: the machine runs none of the variants of `gpuenv.lock` for linux-64
    cause: `cuda13`: the lock needs a driver for CUDA 13.0 or newer, this machine's is for 10.2; update the driver to 580.65.06 or newer
    cause: `cuda12`: the lock needs a driver for CUDA 12.0 or newer, this machine's is for 10.2; update the driver to 525.60.13 or newer
    cause: `cuda11`: the lock needs a driver for CUDA 11.0 or newer, this machine's is for 10.2; update the driver to 450.80.02 or newer
    help: do what one of them needs, or install it all the same: `gpuenv create demo.yaml --variant cuda11 --no-check`
    docs: `gpuenv explain GE217`
    ");
    let unknown = lab
        .sandbox
        .gpuenv(create(&["--variant", "cuda21"]))
        .code(12);
    let _ = unknown
        .stderr_has("GE219")
        .stderr_has("did you mean `cuda1");
}

#[test]
fn without_a_gpu_the_user_or_another_machine_decides() {
    let mut lab = lab();
    // What stands for no driver at all.
    machine(&mut lab, "");
    insta::assert_snapshot!(lab.sandbox.gpuenv(create(&[])), @"
    exit code: 12
    ----- stdout -----
    ----- stderr -----
    error[GE221]: the machine has no GPU that could decide which variant of `demo` to take
    cause: its variants are `cuda13`, `cuda12`, `cuda11`, the preferred one first
    help: name one: `gpuenv create demo.yaml --variant cuda13`
    help: or describe the machine that it is for: there `gpuenv devices --export node.json`, here `gpuenv create demo.yaml --target node.json`
    docs: `gpuenv explain GE221`
    ");
    let _ = lab
        .sandbox
        .gpuenv(create(&["--variant", "cuda12", "-n", "named"]))
        .success();
    lab.sandbox.write(
        "node.json",
        r#"{"schema": 1, "platform": "linux-64", "cuda": "11.8", "driver": "520.61.05", "glibc": "2.28"}"#,
    );
    let target = [
        "create",
        "demo.yaml",
        "--target",
        "node.json",
        "--progress",
        "none",
    ];
    let made = lab.sandbox.gpuenv(target).success();
    let _ = made
        .stdout_has("variant: cuda11")
        .stdout_has("probe: skipped: it is for the machine of `--target`");
    // What was decided stays, also after the recipe has changed.
    lab.sandbox
        .write("demo.yaml", RECIPE.replace("KIND: base", "KIND: other"));
    let _ = lab
        .sandbox
        .gpuenv(create(&[]))
        .success()
        .stdout_has("variant: cuda11");
    let checked = lab
        .sandbox
        .gpuenv(["check", "gpuenv.lock", "--target", "node.json", "--json"]);
    let document = checked.success().json();
    assert_eq!(document["result"]["variant"], "cuda11");
    assert_eq!(document["result"]["variants"][0]["fits"], false);
    let _ = lab
        .sandbox
        .gpuenv(["update", "demo", "--no-probe", "--no-check"])
        .success();
    let _ = lab
        .sandbox
        .gpuenv(["info", "demo"])
        .success()
        .stdout_has("linux-64-cuda11");
    lab.sandbox.write(
        "win.json",
        r#"{"schema": 1, "platform": "win-64", "cuda": "12.4"}"#,
    );
    let other = lab
        .sandbox
        .gpuenv(create(&["--target", "win.json"]))
        .code(12);
    let _ = other
        .stderr_has("GE208")
        .stderr_has("--platform win-64 -p DIR");
    let words = [
        "--target",
        "win.json",
        "--platform",
        "win-64",
        "-p",
        "for-windows",
    ];
    let made = lab.sandbox.gpuenv(create(&words)).success();
    let _ = made.stdout_has("variant: cuda12");
}

#[test]
fn a_variant_that_cannot_be_solved_or_that_nothing_runs_is_named() {
    let lab = lab();
    let lock = ["lock", "demo.yaml", "--progress", "none"];
    let missing = RECIPE.replace("cuda-version 11.8.*", "cuda-version 10.*");
    lab.sandbox.write("demo.yaml", missing);
    let ran = lab.sandbox.gpuenv(lock).code(13);
    let _ = ran
        .stderr_has("variant `cuda11`: ")
        .stderr_has("demo.yaml:19:18");
    let beyond = RECIPE.replace(
        "cuda: \"13.0\"",
        "cuda: \"13.0\", compute-capability: \"99.0\"",
    );
    lab.sandbox.write("demo.yaml", beyond);
    insta::assert_snapshot!(lab.sandbox.gpuenv(lock), @"
    exit code: 12
    ----- stdout -----
    ----- stderr -----
    error[GE220]: no machine runs the variant `cuda13` on linux-64
      --> demo.yaml:11:9
       |
    11 | - name: cuda13
       |         ^^^^^^
    cause: `target` wants a GPU of compute capability 99.0, and the newest known has 12.1
    help: change the variant's `target` or the CUDA in its `dependencies`, or delete the variant
    help: newer than the tables of this gpuenv? `gpuenv doctor --facts` names them, and how to replace one

    error[GE220]: no machine runs the variant `cuda13` on win-64
      --> demo.yaml:11:9
       |
    11 | - name: cuda13
       |         ^^^^^^
    cause: `target` wants a GPU of compute capability 99.0, and the newest known has 12.1
    help: change the variant's `target` or the CUDA in its `dependencies`, or delete the variant
    help: newer than the tables of this gpuenv? `gpuenv doctor --facts` names them, and how to replace one
    docs: `gpuenv explain GE220`
    ");
    assert!(!lab.sandbox.work().join("gpuenv.lock").exists());
}

#[test]
fn other_formats_know_one_environment_and_get_one() {
    let lab = lab();
    let _ = lab.sandbox.gpuenv(["lock", "demo.yaml"]).success();
    let export = |words: &[&str]| {
        let base = [
            "export",
            "gpuenv.lock",
            "--platform",
            "linux-64",
            "--format",
            "explicit",
        ];
        lab.sandbox.gpuenv([base.as_slice(), words].concat())
    };
    let preferred = export(&[]).success();
    let _ = preferred
        .stdout_has("cuda-version-13.0")
        .stderr_has("--variant cuda12");
    let _ = export(&["--variant", "cuda11"])
        .success()
        .stdout_has("cuda-version-11.8");
    let _ = export(&["--variant", "cuda9"]).code(12).stderr_has("GE219");
    let tree = ["tree", "gpuenv.lock", "--variant", "cuda11"];
    let _ = lab
        .sandbox
        .gpuenv(tree)
        .success()
        .stdout_has("cuda-version 11.8");
    let why = ["why", "tool", "gpuenv.lock"];
    let _ = lab
        .sandbox
        .gpuenv(why)
        .success()
        .stdout_has("linux-64-cuda13");
}

#[test]
fn an_environment_is_checked_for_the_platform_of_the_machine_that_is_named() {
    let mut lab = lab();
    machine(&mut lab, "12.4");
    let _ = lab.sandbox.gpuenv(create(&[])).success();
    lab.sandbox.write(
        "win.json",
        r#"{"schema": 1, "platform": "win-64", "cuda": "13.1"}"#,
    );
    let check = ["check", "demo", "--target", "win.json", "--json"];
    let document = lab.sandbox.gpuenv(check).success().json();
    assert_eq!(document["result"]["variant"], "cuda13");
    let here = lab.sandbox.gpuenv(["check", "demo", "--json"]).success();
    assert_eq!(here.json()["result"]["variant"], "cuda12");
}

#[test]
fn a_package_that_one_platform_lacks_is_told_once_for_the_others() {
    let lab = lab();
    lab.channel.package("only-linux", "1.0").publish();
    let recipe = RECIPE.replace("dependencies: [tool]", "dependencies: [tool, only-linux]");
    lab.sandbox.write("demo.yaml", recipe);
    let lock = ["lock", "demo.yaml", "--progress", "none"];
    let told = lab.sandbox.gpuenv(lock).code(13).stderr();
    // Each of the three variants for Windows says it, and says it once.
    assert_eq!(
        told.matches("there is one for linux-64").count(),
        3,
        "{told}"
    );
}
