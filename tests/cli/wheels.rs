//! Wheels from the recipe to the import, against an index on loopback.
//!
//! The tests that lock need `uv` on `PATH` (or in `GPUENV_TEST_UV`) and any
//! `python3`; without them they say that they are skipped. Those that install
//! from a lock need the `python3` only, since it stands for conda's.

mod credentials;
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
mod hostile;
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
mod indexes;
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
mod keyring;
pub(crate) mod lab;
mod limits;
mod locking;
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
mod network;
mod odd;
mod record;
mod servers;
mod tool;

use fs_err as fs;
use gpuenv_testkit::Wheel;

use self::lab::{Lab, lab};

#[test]
fn wheels_are_locked_installed_updated_and_removed() {
    let lab = lab!();
    lab.publish(
        Wheel::new("top", "1.0")
            .needs("leaf >=1")
            .command("top-says"),
    );
    lab.publish(Wheel::new("leaf", "1.5"));
    lab.publish(Wheel::new("leaf", "1.5").tag("cp310-cp310-win_amd64"));
    lab.recipe_for("[linux-64, win-64]", "[python]", "[top]");
    let locked = lab.gpuenv(&["lock", "./demo.yaml"]);
    let _ = locked
        .success()
        .stdout_has("linux-64: 1 packages and 2 wheels")
        .stdout_has("win-64: 1 packages and 2 wheels");
    let text = lab.sandbox.read("gpuenv.lock");
    assert!(
        text.contains("leaf-1.5-cp310-cp310-win_amd64.whl"),
        "{text}"
    );
    assert!(text.contains("leaf-1.5-py3-none-any.whl"), "{text}");
    let _ = lab.gpuenv(&["lock", "./demo.yaml", "--check"]).success();
    let _ = lab.gpuenv(&["lock", "./demo.yaml", "--upgrade"]).success();
    assert_eq!(
        lab.sandbox.read("gpuenv.lock"),
        text,
        "the same bytes again"
    );

    // Nothing but the lock is needed now.
    let create = lab.sandbox.command(["create", "./demo.yaml", "--locked"]);
    let create = create.env("GPUENV_UV", "/nowhere").run();
    let _ = create.success().stdout_has("3 packages (3 added");
    let says = lab.gpuenv(&["run", "demo", "--", "top-says"]).success();
    assert_eq!(says.stdout(), "top 1.0\n");
    let listed = "import importlib.metadata as m\nprint(*sorted((d.name, d.version) for d in m.distributions()))\nprint(m.distribution('leaf').read_text('INSTALLER').strip())";
    assert_eq!(
        lab.python(listed),
        "('leaf', '1.5') ('top', '1.0')\nconda\n"
    );
    let info = lab.gpuenv(&["info", "demo", "--json"]).success().json();
    let packages = info["result"]["packages"].as_array().map_or(0, Vec::len);
    assert_eq!(packages, 3, "{info}");
    let again = lab.gpuenv(&["create", "./demo.yaml"]);
    let _ = again.success().stdout_has("already right");

    what_a_wheel_brought_is_compared_and_mended(&lab);

    // A newer one is taken only when asked for.
    lab.publish(Wheel::new("leaf", "2.0"));
    lab.publish(
        Wheel::new("top", "1.1")
            .needs("leaf >=1")
            .command("top-says"),
    );
    lab.recipe("[python]", "[top, leaf]");
    let kept = lab.gpuenv(&["lock", "./demo.yaml"]).success();
    let _ = kept.stdout_has("linux-64: 1 packages and 2 wheels, no change");
    let upgraded = lab
        .gpuenv(&["lock", "./demo.yaml", "--upgrade", "Leaf"])
        .success();
    let _ = upgraded
        .stdout_has("~ leaf 1.5 (wheel) → leaf 2.0 (wheel)")
        .says_nowhere("top 1.1");
    let updated = lab.gpuenv(&["create", "./demo.yaml"]);
    let _ = updated
        .success()
        .stdout_has("(0 added, 1 changed, 0 removed)");
    assert_eq!(lab.python("import leaf; print(leaf.__version__)"), "2.0\n");

    lab.recipe("[python]", "[leaf]");
    let removed = lab.gpuenv(&["create", "./demo.yaml"]);
    let _ = removed
        .success()
        .stdout_has("(0 added, 0 changed, 1 removed)");
    assert!(!lab.prefix().join("bin/top-says").exists());
    let _ = lab
        .gpuenv(&["run", "demo", "--", "python", "-c", "import top"])
        .code(1);
}

/// As `pip install` and an editor leave it.
fn what_a_wheel_brought_is_compared_and_mended(lab: &Lab) {
    let _ = lab.gpuenv(&["verify", "demo", "-q"]).success();
    let command = lab.prefix().join("bin/top-says");
    let modules = fs::read_dir(lab.prefix().join("lib")).expect("there is a lib");
    let mut modules = modules.filter_map(|entry| Some(entry.ok()?.path().join("site-packages")));
    let modules = modules
        .find(|path| path.join("leaf").exists())
        .expect("leaf is there");
    let module = modules.join("leaf/__init__.py");
    fs::remove_file(&module).expect("it is there");
    fs::write(&module, "__version__ = '1.5.1'\n").expect("it can be written");
    fs::remove_file(&command).expect("it is there");
    fs::create_dir(modules.join("piped-3.dist-info")).expect("it is new");
    fs::write(modules.join("piped-3.dist-info/RECORD"), "").expect("it is new");
    let told = lab.gpuenv(&["verify", "demo", "-q"]).code(1);
    let _ = told
        .stdout_has("files of `leaf`:")
        .stdout_has("leaf/__init__.py was changed")
        .stdout_has("  bin/top-says is missing")
        .stdout_has("piped-3.dist-info (installed by pip or the like)");
    let mended = lab.gpuenv(&["repair", "demo", "-q"]).success();
    let _ = mended.stdout_has("linked again: leaf 1.5");
    let says = lab.gpuenv(&["run", "demo", "--", "top-says"]).success();
    assert_eq!(says.stdout(), "top 1.0\n");
    assert_eq!(lab.python("import leaf; print(leaf.__version__)"), "1.5\n");
    let _ = lab.gpuenv(&["verify", "demo", "-q"]).success();
    fs::remove_dir_all(modules.join("piped-3.dist-info")).expect("it is ours");
}
