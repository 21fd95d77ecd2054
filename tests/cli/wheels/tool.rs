//! gpuenv's own uv, where the machine has none.

use std::path::PathBuf;

use gpuenv_testkit::Wheel;

use super::lab::{Lab, find, lab};

/// Puts a `uv` into the channel that starts the real one, and says so in `seen`.
fn publish_uv(lab: &Lab) -> PathBuf {
    let uv = std::env::var_os("GPUENV_TEST_UV").map(PathBuf::from);
    let uv = uv.or_else(|| find("uv")).expect("the lab found it");
    let seen = lab.sandbox.work().join("seen");
    let script = format!(
        "#!/bin/sh\necho \"$0 $*\" >> '{}'\nexec '{}' \"$@\"\n",
        seen.display(),
        uv.display()
    );
    lab.channel
        .package("uv", "0.9.1")
        .executable("bin/uv", script)
        .publish();
    seen
}

#[test]
fn without_uv_gpuenv_brings_its_own_once_and_says_so() {
    let mut lab = lab!();
    lab.publish(Wheel::new("leaf", "1.5"));
    lab.recipe("[python]", "[leaf]");
    let seen = publish_uv(&lab);
    lab.sandbox.unset("GPUENV_UV");
    let tool = lab.sandbox.gpuenv_home().join("tools/uv");

    // The channel's index is known here, but neither uv nor its Python was ever downloaded.
    lab.recipe("[python]", "[]");
    let _ = lab.gpuenv(&["lock", "./demo.yaml"]).success();
    lab.recipe("[python]", "[leaf]");
    let offline = lab.gpuenv(&["lock", "./demo.yaml", "--offline"]).code(13);
    let _ = offline
        .stderr_has("error[GE325]: the recipe has `pypi-dependencies`, and `uv`")
        .stderr_has("offline, and ")
        .stderr_has("missing: uv-0.9.1-h0_0.conda")
        .stderr_has("help: run it once without `--offline`, and gpuenv brings it");
    assert!(!tool.exists());
    let first = lab.gpuenv(&["lock", "./demo.yaml"]);
    let _ = first
        .success()
        .stdout_has("1 packages and 1 wheels")
        .stderr_has("note[GE324]: no `uv` was found, so gpuenv has installed uv 0.9.1")
        .stderr_has("tools/uv");
    let told = fs_err::read_to_string(&seen).expect("uv was run");
    assert!(told.contains("tools/uv/bin/uv pip compile"), "{told}");
    assert!(told.contains("--python "), "it gets its own Python: {told}");

    // It is there now, also without a network and in no list of environments.
    let second = lab.gpuenv(&["lock", "./demo.yaml", "--upgrade"]);
    let _ = second.success().says_nowhere("GE324");
    let list = lab.gpuenv(&["list"]).success();
    let _ = list.says_nowhere("tools");
    let facts = lab.gpuenv(&["lock", "./demo.yaml", "--output", "b.lock", "--json"]);
    let _ = facts.success().json();
}

#[test]
fn two_processes_bring_one_uv() {
    let mut lab = lab!();
    lab.publish(Wheel::new("leaf", "1.5"));
    lab.recipe("[python]", "[leaf]");
    let _ = publish_uv(&lab);
    lab.sandbox.unset("GPUENV_UV");
    let start = |output: &str| {
        lab.sandbox
            .spawn(["lock", "./demo.yaml", "--output", output])
    };
    let running = [start("a.lock"), start("b.lock")];
    for process in running {
        let _ = process.wait().success();
    }
    assert_eq!(lab.sandbox.read("a.lock"), lab.sandbox.read("b.lock"));
    let tools = fs_err::read_dir(lab.sandbox.gpuenv_home().join("tools"));
    let names: Vec<_> = tools
        .expect("it was made")
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .filter(|name| !name.starts_with('.'))
        .collect();
    assert_eq!(names, ["uv"]);
}

#[test]
fn a_uv_that_cannot_be_brought_leaves_nothing_and_says_why() {
    let mut lab = lab!();
    lab.publish(Wheel::new("leaf", "1.5"));
    lab.recipe("[python]", "[leaf]");
    let _ = publish_uv(&lab);
    lab.sandbox.unset("GPUENV_UV");
    lab.server
        .inject(gpuenv_testkit::Fault::status(404).on("*/uv-0.9.1-*"));
    let _ = lab
        .gpuenv(&["lock", "./demo.yaml"])
        .code(13)
        .stderr_has("error[GE325]")
        .stderr_has("`uv-0.9.1-h0_0.conda` cannot be downloaded")
        .stderr_has("help: install it: `pip install --user uv`");
    assert!(!lab.sandbox.gpuenv_home().join("tools").exists());
    lab.server.heal();
    let _ = lab.gpuenv(&["lock", "./demo.yaml"]).success();
}
