//! `gpuenv devices`.

use gpuenv_testkit::{Sandbox, built_library};

const TWO: &str = "driver-version = 12040
device = NVIDIA A100-SXM4-40GB
compute-capability = 8.0
memory = 42949672960
device = NVIDIA GeForce GTX 1080
compute-capability = 6.1
memory = 8589934592
compute-mode = exclusive-process
";

/// A sandbox whose driver follows a script; `None` where none was built.
#[expect(clippy::print_stdout, reason = "a skipped test says why")]
pub(crate) fn with_driver(script: &str) -> Option<Sandbox> {
    let library = match built_library("gpuenv-fakecuda") {
        Ok(library) => library,
        Err(why) => {
            println!("skipped: {why}");
            return None;
        }
    };
    let mut sandbox = Sandbox::new(env!("CARGO_BIN_EXE_gpuenv"));
    sandbox.fake_driver(&library, script);
    Some(sandbox)
}

#[test]
fn devices_are_listed_with_what_tells_them_apart() {
    let Some(sandbox) = with_driver(TWO) else {
        return;
    };
    let ran = sandbox.gpuenv(["devices"]).success();
    let ran = ran
        .stdout_has("driver")
        .stdout_has("CUDA 12.4")
        .stdout_has("NVIDIA A100-SXM4-40GB    8.0         40.0 GiB  default")
        .stdout_has("NVIDIA GeForce GTX 1080  6.1         8.0 GiB   exclusive-process  no");
    let document = sandbox.gpuenv(["devices", "--json"]).success().json();
    let devices = document["result"]["devices"].as_array().unwrap();
    assert_eq!(devices.len(), 2, "{ran:?}");
    assert_eq!(devices[1]["index"], 1);
    assert_eq!(devices[1]["compute-capability"], "6.1");
    let uuid = devices[0]["uuid"].as_str().unwrap();
    assert!(uuid.starts_with("GPU-") && uuid.len() == 40, "{uuid}");
}

#[test]
fn the_machine_is_exported_for_a_lock() {
    let Some(sandbox) = with_driver(TWO) else {
        return;
    };
    let _ = sandbox
        .gpuenv(["devices", "--export", "target.json"])
        .success()
        .stdout_has("written to target.json");
    let target: serde_json::Value = serde_json::from_str(&sandbox.read("target.json")).unwrap();
    assert_eq!(target["schema"], 1);
    assert_eq!(target["cuda"], "12.4");
    // The weakest device decides what a lock may hold.
    assert_eq!(target["compute-capability"], "6.1");
    let _ = sandbox
        .gpuenv(["devices", "--export", "no/such/folder/x"])
        .code(15);
}

#[test]
fn a_hidden_device_is_not_listed() {
    let Some(sandbox) = with_driver(TWO) else {
        return;
    };
    let one = sandbox
        .command(["devices"])
        .env("CUDA_VISIBLE_DEVICES", "1")
        .run();
    let _ = one.success().stdout_has("GTX 1080").says_nowhere("A100");
    let none = sandbox
        .command(["devices"])
        .env("CUDA_VISIBLE_DEVICES", "")
        .run();
    let _ = none
        .success()
        .stdout_has("no devices: the driver sees no device");
}

#[test]
fn a_broken_device_is_listed_and_told() {
    let Some(sandbox) = with_driver("mode = wrong-result\n") else {
        return;
    };
    let _ = sandbox
        .gpuenv(["devices"])
        .code(1)
        .stdout_has("Fake GPU")
        .stderr_has("GE703");
}
