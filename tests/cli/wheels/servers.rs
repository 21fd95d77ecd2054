//! Indexes and servers that fail.

use fs_err as fs;
use gpuenv_testkit::{Fault, Wheel};

use super::lab::lab;

#[test]
fn a_server_that_fails_is_named_and_changes_nothing() {
    let lab = lab!();
    lab.publish(Wheel::new("leaf", "1.0"));
    lab.recipe("[python]", "[leaf]");
    let _ = lab.gpuenv(&["lock", "./demo.yaml"]).success();
    let faults = [
        (Fault::status(404), "GE501"),
        (Fault::status(403), "GE501"),
        (Fault::html(), "GE502"),
        (Fault::flip(60), "GE502"),
    ];
    for (fault, code) in faults {
        lab.server.inject(fault.on("*/leaf-1.0-*.whl"));
        let _ = lab
            .gpuenv(&["create", "./demo.yaml"])
            .code(15)
            .stderr_has(code);
        assert!(!lab.prefix().exists());
        lab.server.heal();
    }
    let _ = lab.gpuenv(&["create", "./demo.yaml"]).success();

    // The index itself, while it is asked.
    fs::remove_file(lab.sandbox.work().join("gpuenv.lock")).expect("it was made");
    let faults = [Fault::status(403), Fault::status(404), Fault::html()];
    let round = Fault::redirect(&format!("{}/wheels/index.html", lab.server.url()));
    for fault in faults.into_iter().chain([round]) {
        lab.server.inject(fault.on("*/wheels/index.html"));
        let failed = lab.gpuenv(&["lock", "./demo.yaml"]).code(13);
        let _ = failed.stderr_has("error[GE32");
        lab.server.heal();
    }
}
