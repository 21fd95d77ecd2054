//! Wheels that lie, break or want to get out.

use gpuenv_testkit::Wheel;

use super::lab::lab;

#[test]
fn a_bad_wheel_changes_nothing_at_the_prefix() {
    let lab = lab!();
    lab.publish(Wheel::new("leaf", "1.0"));
    lab.recipe("[python]", "[leaf]");
    let _ = lab.gpuenv(&["create", "./demo.yaml"]).success();
    let before = gpuenv_testkit::tree(&lab.prefix());
    let bad = [
        (
            "liar",
            Wheel::new("liar", "1.0").lying(),
            "gives another hash",
        ),
        (
            "more",
            Wheel::new("more", "1.0").unlisted("more/evil.py", "x"),
            "does not name",
        ),
        (
            "climber",
            Wheel::new("climber", "1.0").file("../evil.py", "x"),
            "evil.py",
        ),
        (
            "root",
            Wheel::new("root", "1.0").file("/tmp/evil.py", "x"),
            "evil.py",
        ),
        (
            "scripter",
            Wheel::new("scripter", "1.0").command("../../evil"),
            "evil",
        ),
        (
            "meta",
            Wheel::new("meta", "1.0").file("meta-1.0.data/data/conda-meta/x.json", "{}"),
            "conda-meta",
        ),
    ];
    for (name, wheel, reason) in bad {
        lab.publish(wheel);
        lab.recipe("[python]", &format!("[leaf, {name}]"));
        let refused = lab.gpuenv(&["create", "./demo.yaml"]).code(15);
        let _ = refused.stderr_has(reason).stderr_has(name);
        assert_eq!(gpuenv_testkit::tree(&lab.prefix()), before, "{name}");
    }
}
