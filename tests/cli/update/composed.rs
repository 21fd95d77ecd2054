//! Updates of environments whose recipe extends another one, with features and parameters chosen.

use crate::lab::Lab;

const BASE: &str = "schema: 1\nname: base\nchannels: [conda-forge]\nplatforms: [linux-64]\ngpu: none\n\
    parameters:\n  lib: { about: of the library, default: \"1\", version: \">=1,<4\" }\n\
    dependencies:\n  - tool\n  - \"lib ${{ lib }}.*\"\n\
    features:\n  more: { about: another package, dependencies: [more] }\n";

#[test]
fn what_was_chosen_stays_chosen() {
    let lab = Lab::new();
    for version in ["1.0", "2.0"] {
        lab.channel.package("lib", version).publish();
    }
    lab.channel.package("tool", "1.0").needs("lib").publish();
    lab.channel.package("more", "1.0").publish();
    lab.sandbox.write("base.yaml", BASE);
    lab.sandbox
        .write("child.yaml", "schema: 1\nname: child\nextends: base\n");
    let create = [
        "create",
        "child.yaml",
        "--with",
        "more",
        "--set",
        "lib=2",
        "-q",
    ];
    let _ = lab.sandbox.gpuenv(create).success();
    for version in ["2.1", "3.0"] {
        lab.channel.package("lib", version).publish();
    }
    lab.channel.package("more", "2.0").publish();
    let changes = |words: &[&str]| {
        let updated = lab.sandbox.gpuenv(words).success().stdout();
        let lines = updated.lines().filter(|line| line.starts_with("  "));
        lines
            .map(|line| line.trim().to_string())
            .collect::<Vec<_>>()
    };
    assert_eq!(
        changes(&["update", "child", "more"]),
        ["~ more 1.0 h0_0 → more 2.0 h0_0"]
    );
    // A newer one than the parameter asks for is not taken.
    assert_eq!(
        changes(&["update", "child"]),
        ["~ lib 2.0 h0_0 → lib 2.1 h0_0"]
    );
    let lock = lab.sandbox.read("gpuenv.lock");
    for line in ["features: [\"more\"]", "parameters: {\"lib\":\"2\"}"] {
        assert!(lock.contains(line), "{line}:\n{lock}");
    }
    let again = lab.sandbox.gpuenv(["create", "child.yaml"]).success();
    let _ = again.stdout_has("already right");
    // What is extended changes, and the update says what to do.
    lab.sandbox.write(
        "base.yaml",
        BASE.replace("  - tool\n", "  - tool\n  - more\n"),
    );
    let _ = lab.sandbox.gpuenv(["update", "child"]).success();
    let _ = lab.sandbox.gpuenv(["rollback", "child", "1"]).success();
    let tree = lab.sandbox.gpuenv(["list", "--json"]).success();
    assert!(tree.stdout().contains("child"));
}
