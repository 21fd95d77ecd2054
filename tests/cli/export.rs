//! `gpuenv export`: locks and environments for other tools, and the way back.

use gpuenv_testkit::Sandbox;

use crate::{import::sandbox, lab::Lab};

const LIST: &str = "# platform: linux-64
@EXPLICIT
https://conda.anaconda.org/conda-forge/linux-64/zlib-1.2.13-hd590300_5.conda#sha256:9887a04d7e7cb14bd2b52fa01858f05a6d7f002c890f618d9fcd864adbfecb1b
https://conda.anaconda.org/conda-forge/noarch/six-1.16.0-pyh6c4a22f_0.tar.bz2#sha256:a85c38227b446f42c5b90d9b642f2c0567880c15d72492d8da074a59c8f91dd6
";

/// A sandbox with a recipe and its lock of two files.
fn locked() -> Sandbox {
    let sandbox = sandbox();
    sandbox.write("list.txt", LIST);
    let line = [
        "import",
        "list.txt",
        "-o",
        "gpuenv.yaml",
        "--lock",
        "gpuenv.lock",
        "--name",
        "demo",
    ];
    let _ = sandbox.gpuenv(line).success();
    sandbox
}

#[test]
fn a_lock_goes_out_and_comes_back_with_its_hashes() {
    let sandbox = locked();
    for (format, file, extra) in [
        ("explicit", "explicit.txt", Some("--sha256")),
        ("conda-lock", "conda-lock.yml", None),
        ("pixi", "pixi.toml", None),
    ] {
        let line = [
            "export",
            "gpuenv.lock",
            "--format",
            format,
            "--output",
            file,
        ];
        let _ = sandbox.gpuenv(line.into_iter().chain(extra)).success();
        let line = [
            "import",
            file,
            "--output",
            "again.yaml",
            "--lock",
            "again.lock",
            "--force",
        ];
        let _ = sandbox.gpuenv(line).success();
        let again = sandbox.read("again.lock");
        for entry in LIST.lines().filter(|line| line.starts_with("https")) {
            let (url, hash) = entry.split_once("#sha256:").unwrap();
            assert!(
                again.contains(url) && again.contains(hash),
                "{format}:\n{again}"
            );
        }
    }
}

#[test]
fn an_environment_is_exported_by_its_name() {
    let lab = Lab::with_tool();
    let _ = lab.sandbox.gpuenv(["create", "demo.yaml"]).success();
    insta::assert_snapshot!(lab.sandbox.gpuenv(["export", "demo", "--format", "environment-yml"]), @r#"
    exit code: 0
    ----- stdout -----
    name: "demo"
    channels:
      - conda-forge
      - nodefaults
    dependencies:
      - lib=1.0=h0_0
      - tool=1.0=h0_0
    ----- stderr -----
    "#);
    let list = lab
        .sandbox
        .gpuenv(["export", "demo", "--format", "explicit"])
        .success();
    lab.sandbox.write("list.txt", list.stdout());
    let line = [
        "import", "list.txt", "-o", "two.yaml", "--lock", "two.lock", "--name", "two",
    ];
    let _ = lab.sandbox.gpuenv(line).success();
    // What was exported and imported is installed from the very same files.
    let _ = lab
        .sandbox
        .gpuenv(["lock", "two.yaml", "--check", "--output", "two.lock"])
        .success();
    let again = lab
        .sandbox
        .gpuenv(["export", "two.lock", "--format", "explicit"])
        .success();
    assert_eq!(again.stdout(), list.stdout());
}

#[test]
fn files_are_written_together_and_never_over_others() {
    let sandbox = locked();
    let line = ["export", "--format", "dockerfile", "--output", "Dockerfile"];
    insta::assert_snapshot!(sandbox.gpuenv(line), @"
    exit code: 0
    ----- stdout -----
    `Dockerfile` is written
    `gpuenv-explicit.txt` is written
    ----- stderr -----
    ");
    assert!(sandbox.read("gpuenv-explicit.txt").contains("zlib-1.2.13"));
    fs_err::remove_file(sandbox.work().join("Dockerfile")).unwrap();
    let _ = sandbox
        .gpuenv(line)
        .code(11)
        .stderr_has("`gpuenv-explicit.txt` exists already");
    assert!(!sandbox.work().join("Dockerfile").exists());
    insta::assert_snapshot!(sandbox.gpuenv(["export", "--format", "pixi"]), @r#"
    exit code: 0
    ----- stdout -----
    [workspace]
    name = "demo"
    channels = ["conda-forge"]
    platforms = ["linux-64"]

    [system-requirements]
    libc = "2.28"

    [dependencies]
    zlib = { version = "==1.2.13", build = "hd590300_5" }
    six = { version = "==1.16.0", build = "pyh6c4a22f_0" }
    ----- stderr -----
    note[GE139]: `pixi.lock` belongs to it, and is not shown
    help: write them all with `--output FILE`
    docs: `gpuenv explain GE139`
    "#);
}

#[test]
fn what_cannot_be_exported_is_told() {
    let sandbox = locked();
    insta::assert_snapshot!(sandbox.gpuenv(["export", "--format", "requirements"]), @"
    exit code: 11
    ----- stdout -----
    ----- stderr -----
    error[GE139]: the lock has no wheels for `linux-64`, and `requirements` holds nothing else
    help: take `--format explicit`, or `environment-yml`
    docs: `gpuenv explain GE139`
    ");
    insta::assert_snapshot!(sandbox.gpuenv(["export", "nothing", "--format", "explicit"]), @"
    exit code: 15
    ----- stdout -----
    ----- stderr -----
    error[GE511]: there is no environment `nothing`
    cause: looked at [SANDBOX]/gpuenv-home/envs/nothing
    help: `gpuenv list` shows the environments that are there
    help: create one from a recipe: `gpuenv create RECIPE`
    docs: `gpuenv explain GE511`
    ");
    let _ = sandbox
        .gpuenv(["export", "tf-gpu", "--format", "explicit"])
        .code(14)
        .stderr_has("has no lock");
    let _ = sandbox
        .gpuenv(["export", "--format", "explicit", "--platform", "win-64"])
        .code(14)
        .stderr_has("GE405");
}
