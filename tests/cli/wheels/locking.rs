//! What a lock of wheels holds, and what is refused before one is made.

use fs_err as fs;
use gpuenv_testkit::{Fault, Wheel};

use super::lab::lab;

#[test]
fn a_stale_lock_says_which_wheel() {
    let lab = lab!();
    lab.publish(Wheel::new("leaf", "1.5"));
    lab.recipe("[python]", "[leaf]");
    let _ = lab.gpuenv(&["lock", "./demo.yaml"]).success();
    lab.recipe("[python]", "[\"leaf >=2\"]");
    let _ = lab
        .gpuenv(&["lock", "./demo.yaml", "--check"])
        .code(1)
        .stderr_has("the recipe needs the wheel `leaf >=2`, the lock has `leaf 1.5`");
    let _ = lab
        .gpuenv(&["create", "./demo.yaml", "--locked"])
        .code(14)
        .stderr_has("GE402");
}

#[test]
fn what_conda_brings_counts_and_is_not_installed_twice() {
    let lab = lab!();
    lab.channel
        .package("leaf", "1.5")
        .noarch_python([])
        .needs("python")
        .file("site-packages/leaf.py", "__version__ = 'conda'\n")
        .publish();
    lab.publish(Wheel::new("leaf", "9"));
    lab.publish(Wheel::new("top", "1.0").needs("leaf <2"));
    lab.publish(Wheel::new("top", "2.0").needs("leaf >=2"));
    lab.recipe("[python, leaf]", "[top]");
    let _ = lab
        .gpuenv(&["lock", "./demo.yaml"])
        .success()
        .stdout_has("2 packages and 1 wheels");
    assert!(lab.sandbox.read("gpuenv.lock").contains("top-1.0-py3"));
    let _ = lab.gpuenv(&["create", "./demo.yaml"]).success();
    assert_eq!(
        lab.python("import leaf, top; print(leaf.__version__)"),
        "conda\n"
    );

    lab.recipe("[python, leaf]", "[\"top >=2\"]");
    let _ = lab
        .gpuenv(&["lock", "./demo.yaml"])
        .code(13)
        .stderr_has("GE321");
    lab.recipe("[python, leaf]", "[leaf]");
    let _ = lab
        .gpuenv(&["lock", "./demo.yaml"])
        .code(13)
        .stderr_has("error[GE322]: linux-64: `leaf` is in `pypi-dependencies`")
        .stderr_has("demo.yaml:7:21");
}

#[test]
fn what_cannot_work_is_refused_before_anything_is_downloaded() {
    let lab = lab!();
    lab.publish(Wheel::new("nvidia-cublas-cu11", "11.1"));
    lab.publish(Wheel::new("nvidia-cublas-cu12", "12.1"));
    lab.publish(Wheel::new("late", "1.0").tag("cp27-cp27m-win32"));
    let refused = |wheels: &str| {
        lab.recipe("[python]", wheels);
        lab.gpuenv(&["lock", "./demo.yaml"]).code(13)
    };
    let _ = refused("[nvidia-cublas-cu11, nvidia-cublas-cu12]")
        .stderr_has("belong to different versions of CUDA");
    let _ = refused("[late]").stderr_has("GE321");
    let _ = refused("[nowhere]")
        .stderr_has("error[GE329]: no index has a package of the name `nowhere`");
    lab.recipe("[]", "[late]");
    let _ = lab
        .gpuenv(&["lock", "./demo.yaml"])
        .code(13)
        .stderr_has("and no `python` in `dependencies`");
    let _ = lab
        .sandbox
        .command(["lock", "./demo.yaml"])
        .env("GPUENV_UV", "/nowhere/uv")
        .run()
        .code(13);
    // uv reads the metadata in a wheel; the packages themselves are not asked for.
    assert!(!lab.sandbox.package_cache().join("pkgs").exists());
    assert!(!lab.sandbox.work().join("gpuenv.lock").exists());
}

#[test]
fn without_uv_the_error_says_how_to_get_it() {
    let lab = lab!();
    lab.publish(Wheel::new("leaf", "1.5"));
    lab.recipe("[python]", "[leaf]");
    let without = |name: Option<&str>| {
        let command = lab.sandbox.command(["lock", "./demo.yaml"]);
        let command = match name {
            Some(path) => command.env("GPUENV_UV", path),
            None => command.without_env("GPUENV_UV"),
        };
        command.run().code(13)
    };
    let _ = without(None)
        .stderr_has("error[GE320]")
        .stderr_has("help: install it");
    let _ = without(Some("/nowhere/uv")).stderr_has("`GPUENV_UV` names `/nowhere/uv`");
}

#[test]
fn a_size_that_the_index_does_not_tell_is_asked_for() {
    let lab = lab!();
    let file = lab.publish(Wheel::new("leaf", "1.0"));
    let size = fs::metadata(file).expect("it was published").len();
    lab.recipe("[python]", "[leaf]");
    let line = format!("\"leaf\":{size}");
    let _ = lab.gpuenv(&["lock", "./demo.yaml"]).success();
    let text = lab.sandbox.read("gpuenv.lock");
    assert!(text.contains(&line), "{text}");

    // A server that tells nothing of a file without sending it.
    lab.server
        .inject(Fault::status(405).on("*/wheels/*.whl").head_only());
    let _ = lab
        .gpuenv(&["lock", "./demo.yaml", "--output", "without.lock"])
        .success();
    assert!(!lab.sandbox.read("without.lock").contains(&line));
    // What the lock knows already stays.
    let _ = lab.gpuenv(&["lock", "./demo.yaml", "--upgrade"]).success();
    assert!(lab.sandbox.read("gpuenv.lock").contains(&line));
}
