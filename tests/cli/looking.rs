//! `gpuenv tree`, `why` and `diff`, on locks and on environments.

use gpuenv_testkit::Output;

use crate::lab::{Lab, recipe};

/// A laboratory with a small family of packages and the lock of `demo.yaml`.
fn family() -> Lab {
    let lab = Lab::new();
    let publish = |name: &str, version: &str, needs: &[&str]| {
        let mut package = lab.channel.package(name, version);
        for spec in needs {
            package = package.needs(spec);
        }
        package.publish();
    };
    publish("app", "1.0", &["core >=2", "base"]);
    publish("tool", "1.0", &["base >=1"]);
    publish("core", "2.1", &["base >=1,<3", "__glibc >=2.17"]);
    publish("base", "1.5", &[]);
    publish("other", "0.1", &[]);
    lab.sandbox
        .write("demo.yaml", recipe("demo", &["app 1.*", "tool", "other"]));
    let _ = lab.sandbox.gpuenv(["lock", "demo.yaml"]).success();
    lab
}

#[test]
fn a_tree_begins_with_what_the_recipe_asks_for() {
    let lab = family();
    insta::assert_snapshot!(lab.sandbox.gpuenv(["tree", "demo.yaml"]), @"
    exit code: 0
    ----- stdout -----
    demo (linux-64, 5 packages)
    app 1.0 h0_0
    ├── base 1.5 h0_0  [base]
    └── core 2.1 h0_0  [core >=2]
        └── base 1.5 h0_0  [base >=1,<3]
    tool 1.0 h0_0
    └── base 1.5 h0_0  [base >=1]
    other 0.1 h0_0
    ----- stderr -----
    ");
    insta::assert_snapshot!(lab.sandbox.gpuenv(["tree", "gpuenv.lock", "base", "--invert"]), @"
    exit code: 0
    ----- stdout -----
    demo (linux-64, 5 packages)
    base 1.5 h0_0
    ├── app 1.0 h0_0  [base]
    ├── core 2.1 h0_0  [base >=1,<3]
    │   └── app 1.0 h0_0  [core >=2]
    └── tool 1.0 h0_0  [base >=1]
    ----- stderr -----
    ");
    insta::assert_snapshot!(lab.sandbox.gpuenv(["tree", "gpuenv.lock", "app", "--depth", "1"]), @"
    exit code: 0
    ----- stdout -----
    demo (linux-64, 5 packages)
    app 1.0 h0_0
    ├── base 1.5 h0_0  [base]
    └── core 2.1 h0_0  [core >=2] …
    ----- stderr -----
    ");
    let facts = lab
        .sandbox
        .gpuenv(["tree", "gpuenv.lock", "--json"])
        .success()
        .json();
    assert_eq!(
        facts["result"]["roots"],
        serde_json::json!(["app", "tool", "other"])
    );
    let packages = facts["result"]["packages"].as_array().unwrap();
    assert_eq!(packages.len(), 5, "{facts}");
}

#[test]
fn why_names_the_lines_of_the_recipe_and_everybody_who_demands() {
    let lab = family();
    insta::assert_snapshot!(lab.sandbox.gpuenv(["why", "base", "demo.yaml"]), @"
    exit code: 0
    ----- stdout -----
    `base 1.5 h0_0` is in lock `gpuenv.lock` for linux-64

    the recipe asks for `app 1.*` (demo.yaml:7)
      `app 1.0 h0_0` needs `base`
      `base 1.5 h0_0`

    the recipe asks for `tool` (demo.yaml:8)
      `tool 1.0 h0_0` needs `base >=1`
      `base 1.5 h0_0`

    all that demand it:
      `app 1.0 h0_0` needs `base`
      `core 2.1 h0_0` needs `base >=1,<3`
      `tool 1.0 h0_0` needs `base >=1`
    ----- stderr -----
    ");
    insta::assert_snapshot!(lab.sandbox.gpuenv(["why", "__glibc", "gpuenv.lock"]), @"
    exit code: 0
    ----- stdout -----
    `__glibc 2.28 (of the machine)` is in lock `gpuenv.lock` for linux-64

    the recipe asks for `app 1.*`
      `app 1.0 h0_0` needs `core >=2`
      `core 2.1 h0_0` needs `__glibc >=2.17`
      `__glibc 2.28 (of the machine)`

    all that demand it:
      `core 2.1 h0_0` needs `__glibc >=2.17`
    ----- stderr -----
    ");
    insta::assert_snapshot!(lab.sandbox.gpuenv(["why", "bas", "gpuenv.lock"]), @"
    exit code: 1
    ----- stdout -----
    ----- stderr -----
    error[GE342]: `bas` is not in lock `gpuenv.lock` for linux-64
    help: did you mean `base`?
    docs: `gpuenv explain GE342`
    ");
    let facts = lab
        .sandbox
        .gpuenv(["why", "core", "demo.yaml", "--json"])
        .success()
        .json();
    let way = &facts["result"]["ways"][0];
    assert_eq!(way["line"], "app 1.*");
    assert_eq!(way["place"]["span"]["line"], 7);
    assert_eq!(way["steps"][0]["demands"], "core >=2");
}

#[test]
fn of_an_environment_what_is_really_there_is_looked_at() {
    let lab = family();
    let _ = lab.sandbox.gpuenv(["create", "demo.yaml"]).success();
    let same = lab
        .sandbox
        .gpuenv(["diff", "gpuenv.lock", "demo"])
        .success();
    assert_eq!(same.stdout(), "linux-64: the same 5 packages\n");
    insta::assert_snapshot!(lab.sandbox.gpuenv(["why", "core", "demo"]), @"
    exit code: 0
    ----- stdout -----
    `core 2.1 h0_0` is in environment `demo` for linux-64

    the recipe asks for `app 1.*`
      `app 1.0 h0_0` needs `core >=2`
      `core 2.1 h0_0`

    all that demand it:
      `app 1.0 h0_0` needs `core >=2`
    ----- stderr -----
    ");
    // Another tool takes a package away, behind gpuenv's back.
    let meta = lab.prefix("demo").join("conda-meta");
    fs_err::remove_file(meta.join("other-0.1-h0_0.json")).expect("it is there");
    insta::assert_snapshot!(lab.sandbox.gpuenv(["diff", "gpuenv.lock", "demo"]), @"
    exit code: 1
    ----- stdout -----
    linux-64: 1 removed, 4 the same; [SIZE] → [SIZE]
      - other 0.1 h0_0 conda-forge, [SIZE]
    ----- stderr -----
    ");
    let _ = lab
        .sandbox
        .gpuenv(["tree", "demo"])
        .success()
        .stdout_has("`other` is asked for, and not there");
    fs_err::write(meta.join("tool-1.0-h0_0.json"), "{").expect("it is ours");
    let _ = lab
        .sandbox
        .gpuenv(["tree", "demo"])
        .success()
        .stderr_has("has package records that cannot be read");
    // It is as good as one that conda made.
    for file in ["gpuenv.lock", "gpuenv.json"] {
        let _ = fs_err::remove_file(meta.join(file));
    }
    let _ = lab
        .sandbox
        .gpuenv(["why", "base", "demo"])
        .success()
        .stdout_has("app 1.0");
}

#[test]
fn wheels_of_an_environment_are_part_of_it() {
    let lab = family();
    lab.channel.package("python", "3.12.1").publish();
    lab.sandbox.write("demo.yaml", recipe("demo", &["python"]));
    let _ = lab.sandbox.gpuenv(["create", "demo.yaml"]).success();
    let site = lab.prefix("demo").join("lib/python3.12/site-packages");
    for (name, head) in [
        (
            "torch-2.6.0",
            "Name: torch\nVersion: 2.6.0\nRequires-Dist: nvidia-cudnn-cu12==9.1; platform_system == \"Linux\"\nRequires-Dist: triton; platform_system == \"Windows\"\n",
        ),
        (
            "nvidia_cudnn_cu12-9.1",
            "Name: nvidia-cudnn-cu12\nVersion: 9.1\n",
        ),
        ("triton-3.0", "Name: triton\nVersion: 3.0\n"),
    ] {
        let folder = site.join(format!("{name}.dist-info"));
        fs_err::create_dir_all(&folder).expect("the prefix is ours");
        fs_err::write(folder.join("METADATA"), head).expect("the prefix is ours");
    }
    insta::assert_snapshot!(lab.sandbox.gpuenv(["tree", "demo"]), @r#"
    exit code: 0
    ----- stdout -----
    demo (linux-64, 4 packages)
    python 3.12.1 h0_0

    not asked for, and needed by nothing whose needs are known:
    torch 2.6.0 (wheel)
    └── nvidia-cudnn-cu12 9.1 (wheel)  [nvidia-cudnn-cu12==9.1; platform_system == "Linux"]
    triton 3.0 (wheel)
    ----- stderr -----
    "#);
    insta::assert_snapshot!(lab.sandbox.gpuenv(["why", "nvidia_cudnn_cu12", "demo"]), @r#"
    exit code: 0
    ----- stdout -----
    `nvidia-cudnn-cu12 9.1 (wheel)` is in environment `demo` for linux-64

    all that demand it:
      `torch 2.6.0 (wheel)` needs `nvidia-cudnn-cu12==9.1; platform_system == "Linux"`
    ----- stderr -----
    "#);
}

#[test]
fn locks_are_compared_package_by_package() {
    let lab = family();
    let _ = lab.sandbox.gpuenv(["create", "demo.yaml"]).success();
    let old = lab.sandbox.read("gpuenv.lock");
    lab.sandbox.write("old.lock", &old);
    lab.channel.package("base", "1.6").publish();
    lab.channel.package("extra", "1.0").publish();
    lab.sandbox
        .write("demo.yaml", recipe("demo", &["app 1.*", "tool", "extra"]));
    let _ = lab
        .sandbox
        .gpuenv(["lock", "demo.yaml", "--upgrade"])
        .success();
    insta::assert_snapshot!(compared(&lab, &["old.lock", "gpuenv.lock"]), @"
    exit code: 1
    ----- stdout -----
    linux-64: 1 added, 1 removed, 1 newer, 3 the same; [SIZE] → [SIZE]
      - asked for `other`
      + asked for `extra`
      ~ base 1.5 → 1.6
      + extra 1.0 h0_0 conda-forge, [SIZE]
      - other 0.1 h0_0 conda-forge, [SIZE]
    ----- stderr -----
    ");
    insta::assert_snapshot!(compared(&lab, &["gpuenv.lock", "demo"]), @"
    exit code: 1
    ----- stdout -----
    linux-64: 1 added, 1 removed, 1 older, 3 the same; [SIZE] → [SIZE]
      - asked for `extra`
      + asked for `other`
      ~ base 1.6 → 1.5 (older)
      - extra 1.0 h0_0 conda-forge, [SIZE]
      + other 0.1 h0_0 conda-forge, [SIZE]
    ----- stderr -----
    ");
    let facts = lab
        .sandbox
        .gpuenv(["diff", "old.lock", "gpuenv.lock", "--json"])
        .code(1)
        .json();
    assert_eq!(facts["result"]["same"], false);
    let changes = facts["result"]["platforms"]["linux-64"]["changes"]
        .as_array()
        .unwrap();
    assert_eq!(changes[0]["kind"], "newer");
    assert_eq!(changes[0]["from"]["version"], "1.5");
    // A side may come through a pipe.
    let piped = lab.sandbox.command(["diff", "-", "old.lock"]);
    let _ = piped
        .input(old.as_str())
        .run()
        .success()
        .stdout_has("the same 5 packages");
}

fn compared(lab: &Lab, words: &[&str]) -> Output {
    lab.sandbox.gpuenv([&["diff"], words].concat())
}

#[test]
fn what_cannot_be_looked_at_is_told_with_what_to_do() {
    let lab = family();
    insta::assert_snapshot!(lab.sandbox.gpuenv(["tree", "nowhere"]), @"
    exit code: 15
    ----- stdout -----
    ----- stderr -----
    error[GE511]: there is no environment `nowhere`
    cause: looked at [SANDBOX]/gpuenv-home/envs/nowhere
    help: `gpuenv list` shows the environments that are there
    help: create one from a recipe: `gpuenv create RECIPE`
    help: or name a lock file, or a recipe that has a lock
    docs: `gpuenv explain GE511`
    ");
    insta::assert_snapshot!(lab.sandbox.gpuenv(["why", "x", "missing.lock"]), @"
    exit code: 14
    ----- stdout -----
    ----- stderr -----
    error[GE407]: there is no lock file `missing.lock`
     --> missing.lock
    help: make one with `gpuenv lock RECIPE`
    docs: `gpuenv explain GE407`
    ");
    insta::assert_snapshot!(lab.sandbox.gpuenv(["tree", "gpuenv.lock", "--platform", "osx-64"]), @"
    exit code: 13
    ----- stdout -----
    ----- stderr -----
    error[GE343]: lock `gpuenv.lock` does not cover osx-64
    help: it covers `--platform linux-64`
    docs: `gpuenv explain GE343`
    ");
    let _ = lab.sandbox.gpuenv(["diff", "-", "-"]).code(2);
    lab.sandbox.write("bad.lock", "version: 99\n");
    let _ = lab
        .sandbox
        .gpuenv(["tree", "bad.lock"])
        .code(14)
        .stderr_has("GE403");
    lab.sandbox.write("merge.lock", "<<<<<<< ours\n");
    let _ = lab
        .sandbox
        .gpuenv(["why", "x", "merge.lock"])
        .code(14)
        .stderr_has("GE404");
    lab.sandbox.write("text.lock", "hello");
    let _ = lab
        .sandbox
        .gpuenv(["diff", "gpuenv.lock", "text.lock"])
        .code(14)
        .stderr_has("GE404");
}
