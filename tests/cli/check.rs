//! `gpuenv check`, and what `create` does with its answer.

use gpuenv_testkit::built_library;

use crate::{
    devices::with_driver,
    lab::{Lab, recipe},
};

const RECIPE: &str = "schema: 1
name: demo
about: { summary: a recipe for a GPU }
channels: [conda-forge]
platforms: [linux-64]
gpu: required
target: { cuda: \"12.9\", glibc: \"2.28\" }
dependencies: [torch]
";

/// A laboratory whose recipe needs CUDA 12.9.
fn lab() -> Lab {
    let lab = Lab::new();
    lab.channel
        .package("cuda-version", "12.9")
        .constrains("__cuda >=12")
        .noarch_generic()
        .publish();
    lab.channel
        .package("torch", "2.7")
        .build("cuda129_0")
        .needs("cuda-version 12.9.*")
        .needs("__cuda")
        .needs("__glibc >=2.28")
        .payload("lib/libtorch.so", 100_000)
        .publish();
    lab.sandbox.write("demo.yaml", RECIPE);
    lab
}

#[test]
fn a_driver_is_compared_with_a_cuda() {
    let lab = Lab::new();
    let old = ["check", "--driver", "470.57.02", "--cuda"];
    insta::assert_snapshot!(lab.sandbox.gpuenv(old.into_iter().chain(["12.1"])), @"
    exit code: 1
    ----- stdout -----
    machine: linux-64, driver 470.57.02 for CUDA 11.4
    `CUDA 12.1` does not fit
    ----- stderr -----
    error[GE203]: CUDA 12.1 needs a driver for CUDA 12.0 or newer, this machine's is 470.57.02
    cause: CUDA 12.1 is asked for
    help: update the driver to 525.60.13 or newer
    docs: `gpuenv explain GE203`
    ");
    let _ = lab
        .sandbox
        .gpuenv(old.into_iter().chain(["11.4"]))
        .success();
    let _ = lab
        .sandbox
        .gpuenv(["check", "--driver", "1.2", "--cuda", "12.1"])
        .code(12)
        .stderr_has("GE215");
    let _ = lab
        .sandbox
        .gpuenv(["check", "--driver", "new", "--cuda", "12.1"])
        .code(2);
}

#[test]
fn a_recipe_is_solved_and_compared_and_nothing_is_written() {
    let lab = lab();
    let base = ["check", "./demo.yaml", "--progress", "none", "--driver"];
    let old = base.into_iter().chain(["470.57.02", "--glibc", "2.17"]);
    let ran = lab.sandbox.gpuenv(old).code(1);
    let _ = ran
        .stderr_has("GE203")
        .stderr_has("update the driver to 525.60.13 or newer")
        .stderr_has("GE205")
        .stdout_has("does not fit");
    let new = base
        .into_iter()
        .chain(["575.57.08", "--glibc", "2.28", "--json"]);
    let document = lab.sandbox.gpuenv(new).success().json();
    let result = &document["result"];
    assert_eq!(result["runs"], true);
    assert_eq!(result["cuda"], "12.9");
    assert_eq!(result["plan"]["packages"], 2);
    assert_eq!(result["plan"]["cached"], 0);
    assert_eq!(result["plan"]["estimated"], true);
    assert!(result["plan"]["download-bytes"].as_u64().unwrap() > 1000);
    assert!(["reflink", "hardlink"].contains(&result["plan"]["link"].as_str().unwrap()));
    assert!(!lab.sandbox.work().join("gpuenv.lock").exists());
    assert!(!lab.sandbox.gpuenv_home().join("envs").exists());
}

#[test]
fn a_file_describes_the_other_machine() {
    let lab = lab();
    lab.sandbox.write(
        "old.json",
        r#"{"schema": 1, "platform": "linux-64", "cuda": "11.8", "driver": "520.61.05", "glibc": "2.28"}"#,
    );
    let check = |file: &str| {
        let words = [
            "check",
            "./demo.yaml",
            "--progress",
            "none",
            "--target",
            file,
        ];
        lab.sandbox.gpuenv(words)
    };
    let _ = check("old.json").code(1).stderr_has("GE203");
    lab.sandbox.write("newer.json", r#"{"schema": 2}"#);
    let _ = check("newer.json").code(12).stderr_has("GE209");
    lab.sandbox
        .write("bad.json", "{\"schema\": 1,\n \"platform\": 7}");
    let _ = check("bad.json")
        .code(12)
        .stderr_has("GE208")
        .stderr_has("bad.json:2:");
    let _ = check("missing.json").code(12).stderr_has("GE208");
}

#[test]
fn what_devices_exports_is_what_check_reads() {
    let Some(sandbox) =
        with_driver("driver-version = 12040\ndevice = A100\ncompute-capability = 8.0\n")
    else {
        return;
    };
    let _ = sandbox
        .gpuenv(["devices", "--export", "node.json"])
        .success();
    let words = ["check", "--target", "node.json", "--cuda"];
    let ran = sandbox.gpuenv(words.into_iter().chain(["12.9"]));
    let _ = ran
        .success()
        .stdout_has("CUDA 12.4, compute capability 8.0");
    let _ = sandbox
        .gpuenv(words.into_iter().chain(["13.0"]))
        .code(1)
        .stderr_has("GE203");
}

#[test]
fn create_refuses_what_the_machine_cannot_run() {
    let mut lab = lab();
    lab.sandbox.set("CONDA_OVERRIDE_CUDA", "11.8");
    let create = ["create", "./demo.yaml", "--progress", "none", "--no-probe"];
    let _ = lab
        .sandbox
        .gpuenv(create)
        .code(12)
        .stderr_has("GE203")
        .stderr_has("`--no-check` installs it all the same");
    assert!(!lab.prefix("demo").exists());
    assert!(!lab.server.log().iter().any(|line| line.contains(".conda")));
    let _ = lab
        .sandbox
        .gpuenv(create.into_iter().chain(["--no-check"]))
        .success();
    // What is right already is left alone, whatever the driver says.
    let _ = lab
        .sandbox
        .gpuenv(create)
        .success()
        .stdout_has("already right");
    let words = ["check", "demo", "--driver", "575.57.08", "--json"];
    let document = lab.sandbox.gpuenv(words).success().json();
    assert_eq!(document["result"]["plan"]["cached"], 2);
    assert_eq!(document["result"]["plan"]["estimated"], false);
}

#[test]
fn create_goes_on_where_there_is_no_gpu_at_all() {
    let mut lab = lab();
    lab.sandbox.set("CONDA_OVERRIDE_CUDA", "");
    let create = ["create", "./demo.yaml", "--progress", "none", "--no-probe"];
    let _ = lab.sandbox.gpuenv(create).success();
    let _ = lab
        .sandbox
        .gpuenv(["check", "./demo.yaml", "--progress", "none"])
        .code(1)
        .stderr_has("GE204");
}

#[test]
fn a_recipe_without_a_gpu_asks_no_driver() {
    let mut lab = Lab::new();
    lab.publish_tool("1.0");
    lab.sandbox.write("tool.yaml", recipe("tool", &["tool"]));
    let calls = lab.sandbox.root().join("calls");
    if let Ok(library) = built_library("gpuenv-fakecuda") {
        let script = format!("log = {}\n", calls.display());
        lab.sandbox.fake_driver(&library, &script);
    }
    let ran = lab
        .sandbox
        .gpuenv(["check", "./tool.yaml", "--progress", "none"]);
    let _ = ran.success().stdout_has("fits").stdout_has("download:");
    assert!(!calls.exists());
}
