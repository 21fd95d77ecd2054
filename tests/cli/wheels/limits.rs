//! Archives that become far more than they are.

use gpuenv_testkit::Wheel;

use super::lab::lab;

#[test]
fn an_archive_that_becomes_too_much_is_refused() {
    let lab = lab!();
    let zeros = vec![0; 8_000_000];
    lab.publish(
        Wheel::new("bomb", "1.0")
            .file("bomb/zeros", zeros.clone())
            .deflated(),
    );
    lab.channel
        .package("swollen", "1.0")
        .file("share/zeros", zeros.clone())
        .publish();
    lab.channel
        .package("old-swollen", "1.0")
        .tar_bz2()
        .file("share/zeros", zeros)
        .publish();
    lab.recipe("[python, swollen, old-swollen]", "[bomb]");
    let _ = lab.gpuenv(&["lock", "./demo.yaml"]).success();
    // What is honest and large passes.
    lab.recipe("[python]", "[]");
    let _ = lab
        .gpuenv(&["create", "./demo.yaml", "-n", "plain"])
        .success();
    let refused = |dependencies: &str, wheels: &str, name: &str| {
        lab.recipe(dependencies, wheels);
        let _ = lab.gpuenv(&["lock", "./demo.yaml"]).success();
        let create = lab.sandbox.command(["create", "./demo.yaml"]);
        let refused = create.env("GPUENV_UNPACK_LIMIT", "0.001").run().code(15);
        let _ = refused
            .stderr_has(&format!(
                "error[GE520]: `{name}` is refused: it unpacks to more than"
            ))
            .stderr_has("export GPUENV_UNPACK_LIMIT");
        assert!(!lab.prefix().exists());
    };
    refused("[python]", "[bomb]", "bomb-1.0-py3-none-any.whl");
    refused("[python, swollen]", "[]", "swollen-1.0-h0_0.conda");
    refused(
        "[python, old-swollen]",
        "[]",
        "old-swollen-1.0-h0_0.tar.bz2",
    );
    lab.recipe("[python, swollen, old-swollen]", "[bomb]");
    let _ = lab.gpuenv(&["create", "./demo.yaml"]).success();
}
