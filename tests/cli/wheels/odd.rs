//! Wheels that gpuenv cannot convert, and that `uv pip install` takes over.

use fs_err as fs;
use gpuenv_testkit::Wheel;

use super::lab::lab;

#[test]
fn a_wheel_that_cannot_be_converted_is_installed_by_uv() {
    let mut lab = lab!();
    // A script and a command of one name have no place beside each other.
    let odd = Wheel::new("odd", "1.0")
        .file(
            "odd-1.0.data/scripts/odd-says",
            "#!python\nprint('script')\n",
        )
        .file("odd-1.0.data/data/share/odd.txt", "data")
        .command("odd-says");
    lab.publish(odd);
    lab.publish(Wheel::new("leaf", "1.0"));
    lab.recipe("[python]", "[odd, leaf]");
    let _ = lab.gpuenv(&["lock", "./demo.yaml"]).success();

    // Without uv it is an error that names the reason, and nothing is there.
    let alone = lab.sandbox.command(["create", "./demo.yaml", "--locked"]);
    let _ = alone
        .env("GPUENV_UV", "/nowhere/uv")
        .run()
        .code(15)
        .stderr_has("error[GE521]: `odd-1.0-py3-none-any.whl` cannot be converted")
        .stderr_has("collision")
        .stderr_has("GPUENV_UV");
    assert!(!lab.prefix().exists());

    let created = lab.gpuenv(&["create", "./demo.yaml", "--locked"]);
    let _ = created
        .success()
        .stdout_has("3 packages (3 added")
        .stderr_has("note[GE521]: `odd-1.0-py3-none-any.whl` was installed by `uv pip install`");
    let says = lab.gpuenv(&["run", "demo", "--", "odd-says"]).success();
    assert!(says.stdout().contains("odd 1.0") || says.stdout().contains("script"));
    let script = fs::read_to_string(lab.prefix().join("bin/odd-says")).expect("it is linked");
    let prefix = lab.prefix();
    assert!(script.contains(&*prefix.to_string_lossy()), "{script}");
    assert!(!script.contains("stage-"), "{script}");
    let listed = "import importlib.metadata as m\nd = m.distribution('odd')\nprint(d.version, d.read_text('INSTALLER').strip(), d.read_text('direct_url.json'))";
    assert_eq!(lab.python(listed), "1.0 conda None\n");
    let info = lab.gpuenv(&["info", "demo", "--json"]).success().json();
    assert!(info.to_string().contains("\"odd\""), "{info}");
    assert!(prefix.join("share/odd.txt").is_file());

    let again = lab.gpuenv(&["create", "./demo.yaml", "--locked"]);
    let _ = again.success().stdout_has("already right");
    // Another environment finds it in the cache, and needs no uv any more.
    lab.sandbox.set("GPUENV_UV", "/nowhere/uv");
    let second = lab.gpuenv(&["create", "./demo.yaml", "--locked", "-n", "second"]);
    let _ = second.success().says_nowhere("GE521");

    lab.recipe("[python]", "[leaf]");
    let lock = lab.sandbox.read("gpuenv.lock");
    assert!(lock.contains("odd-1.0"));
    let uv = std::env::var_os("GPUENV_TEST_UV").map(std::path::PathBuf::from);
    let uv = uv
        .or_else(|| super::lab::find("uv"))
        .expect("the lab found it");
    lab.sandbox.set("GPUENV_UV", uv);
    let removed = lab.gpuenv(&["create", "./demo.yaml"]);
    let _ = removed.success().stdout_has("1 removed");
    assert!(!prefix.join("bin/odd-says").exists() && !prefix.join("share/odd.txt").exists());
}

#[test]
fn uv_does_not_take_over_what_lies_or_wants_out() {
    let lab = lab!();
    let odd = |name: &str| {
        Wheel::new(name, "1.0")
            .file(&format!("{name}-1.0.data/scripts/odd-says"), "#!python\n")
            .command("odd-says")
    };
    for (name, wheel, reason) in [
        ("liar", odd("liar").lying(), "gives another hash"),
        (
            "more",
            odd("more").unlisted("more/x.py", "x"),
            "does not name",
        ),
        (
            "meta",
            odd("meta").file("meta-1.0.data/data/conda-meta/x.json", "{}"),
            "conda-meta",
        ),
        ("climber", odd("climber").file("../evil.py", "x"), "evil.py"),
    ] {
        lab.publish(wheel);
        lab.recipe("[python]", &format!("[{name}]"));
        let refused = lab.gpuenv(&["create", "./demo.yaml"]).code(15);
        let _ = refused.stderr_has(reason);
        assert!(!lab.prefix().exists(), "{reason}");
        assert!(!lab.sandbox.gpuenv_home().join("envs/evil.py").exists());
    }
}
