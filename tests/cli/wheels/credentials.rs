//! Names and passwords: where they come from, and where they never go.

use std::path::PathBuf;

use fs_err as fs;
use gpuenv_testkit::{Fault, Wheel};

use super::lab::find;
use super::lab::lab;

#[test]
fn credentials_reach_the_index_and_no_lock_or_log() {
    let mut lab = lab!();
    lab.publish(Wheel::new("leaf", "1.0"));
    lab.recipe("[python]", "[leaf]");
    lab.server
        .inject(Fault::require_basic("me", "hunter2").on("*/wheels/*"));
    let address = lab.server.address();
    let machine = format!("machine {} login me password hunter2\n", address.ip());
    let netrc = lab.sandbox.home().join(".netrc");
    fs::write(&netrc, machine).expect("the sandbox is ours");
    lab.sandbox.set("NETRC", &netrc);
    let verbose = lab.gpuenv(&["create", "./demo.yaml", "-vv"]);
    let _ = verbose.success().says_nowhere("hunter2");
    assert!(!lab.sandbox.read("gpuenv.lock").contains("hunter2"));

    // In the address of the index, too.
    fs::remove_file(&netrc).expect("it was written");
    let config = lab.sandbox.home().join(".config/uv/uv.toml");
    let text = format!(
        "no-index = true\nfind-links = [\"http://me:hunter2@{address}/wheels/index.html\"]\n"
    );
    fs::write(config, text).expect("the sandbox is ours");
    let locked = lab.gpuenv(&[
        "lock",
        "./demo.yaml",
        "--upgrade",
        "--output",
        "b.lock",
        "-vv",
    ]);
    let _ = locked.success().says_nowhere("hunter2");
    let text = lab.sandbox.read("b.lock");
    assert!(
        text.contains("leaf-1.0") && !text.contains("hunter2"),
        "{text}"
    );
}

#[test]
fn no_command_line_of_uv_holds_credentials() {
    let mut lab = lab!();
    lab.publish(Wheel::new("leaf", "1.0"));
    lab.recipe("[python]", "[leaf]");
    let uv = std::env::var_os("GPUENV_TEST_UV").map(PathBuf::from);
    let uv = uv.or_else(|| find("uv")).expect("the lab found it");
    let seen = lab.sandbox.work().join("seen");
    let script = format!(
        "#!/bin/sh\n/bin/cat /proc/$$/cmdline >> '{}'\nexec '{}' \"$@\"\n",
        seen.display(),
        uv.display()
    );
    let program = lab.sandbox.work().join("uv-that-tells");
    fs::write(&program, script).expect("the sandbox is ours");
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    fs::set_permissions(&program, mode).expect("it was written");
    lab.sandbox.set("GPUENV_UV", &program);
    lab.server
        .inject(Fault::require_basic("me", "hunter2").on("*/wheels/*"));
    let address = lab.server.address();
    fs::remove_file(lab.sandbox.home().join(".config/uv/uv.toml")).expect("the lab wrote it");
    lab.sandbox.set("UV_NO_INDEX", "1");
    let place = format!("http://me:hunter2@{address}/wheels/index.html");
    lab.sandbox.set("UV_FIND_LINKS", place);
    let _ = lab.gpuenv(&["lock", "./demo.yaml"]).success();
    let seen = String::from_utf8_lossy(&fs::read(seen).expect("uv was run")).into_owned();
    assert!(seen.contains("compile"), "{seen}");
    assert!(!seen.contains("hunter2"), "{seen}");
}
