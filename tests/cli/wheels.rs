//! Wheels from the recipe to the import, against an index on loopback.
//!
//! The tests that lock need `uv` on `PATH` (or in `GPUENV_TEST_UV`) and any
//! `python3`; without them they say that they are skipped. Those that install
//! from a lock need the `python3` only, since it stands for conda's.

use std::path::PathBuf;

use fs_err as fs;
use gpuenv_testkit::{Channel, Fault, Output, Sandbox, Server, Wheel};

/// A channel with this machine's Python, an index of wheels, and a sandbox that uses both.
struct Lab {
    channel: Channel,
    /// Where the wheels lie; `server` serves it as `/wheels/`.
    wheels: PathBuf,
    server: Server,
    sandbox: Sandbox,
}

impl Lab {
    /// Makes one; the error says what is missing here.
    fn new() -> Result<Self, String> {
        let uv = match std::env::var_os("GPUENV_TEST_UV") {
            Some(uv) => PathBuf::from(uv),
            None => find("uv").ok_or("no uv on PATH, and GPUENV_TEST_UV is not set")?,
        };
        let channel = Channel::new("conda-forge");
        channel.python_from_machine("linux-64")?;
        channel
            .package("python", "3.10.14")
            .build("h0_0_cpython")
            .subdir("win-64")
            .file("python.exe", "MZ")
            .publish();
        let wheels = channel.root().join("wheels");
        let server = channel.serve();
        let mut sandbox = Sandbox::new(env!("CARGO_BIN_EXE_gpuenv"));
        sandbox.set("GPUENV_MIRROR", server.url());
        sandbox.set("GPUENV_UV", uv);
        sandbox.allow_program("python3")?;
        // The user's own configuration names the index.
        let config = sandbox.home().join(".config/uv");
        fs::create_dir_all(&config).map_err(|error| error.to_string())?;
        let text = format!(
            "no-index = true\nfind-links = [\"{}/wheels/index.html\"]\n",
            server.url()
        );
        fs::write(config.join("uv.toml"), text).map_err(|error| error.to_string())?;
        Ok(Self {
            channel,
            wheels,
            server,
            sandbox,
        })
    }

    fn publish(&self, wheel: Wheel) -> PathBuf {
        wheel.publish(&self.wheels)
    }

    fn recipe(&self, dependencies: &str, wheels: &str) {
        self.recipe_for("[linux-64]", dependencies, wheels);
    }

    fn recipe_for(&self, platforms: &str, dependencies: &str, wheels: &str) {
        self.sandbox.write(
            "demo.yaml",
            format!(
                "schema: 1\nname: demo\nchannels: [conda-forge]\nplatforms: {platforms}\ngpu: none\n\
                 dependencies: {dependencies}\npypi-dependencies: {wheels}\n"
            ),
        );
    }

    fn gpuenv(&self, arguments: &[&str]) -> Output {
        self.sandbox.gpuenv(arguments)
    }

    /// Runs Python in the environment and returns what it prints.
    #[track_caller]
    fn python(&self, code: &str) -> String {
        let run = self.gpuenv(&["run", "demo", "--", "python", "-c", code]);
        run.success().stdout()
    }

    fn prefix(&self) -> PathBuf {
        self.sandbox.gpuenv_home().join("envs/demo")
    }
}

fn find(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    let mut candidates = std::env::split_paths(&path).map(|folder| folder.join(name));
    candidates.find(|candidate| candidate.is_file())
}

macro_rules! lab {
    () => {
        match Lab::new() {
            Ok(lab) => lab,
            Err(reason) => {
                println!("skipped: {reason}");
                return;
            }
        }
    };
}

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
        .stderr_has("GE321")
        .stderr_has("nowhere");
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
fn a_size_that_the_index_does_not_tell_is_asked_for() {
    let lab = lab!();
    let file = lab.publish(Wheel::new("leaf", "1.0"));
    let size = fs::metadata(file).expect("it was published").len();
    lab.recipe("[python]", "[leaf]");
    let line = format!("\"leaf\":{size}");
    let _ = lab.gpuenv(&["lock", "./demo.yaml"]).success();
    let text = lab.sandbox.read("gpuenv.lock");
    assert!(text.contains(&line), "{text}");

    // gpuenv itself may not see the file, uv may.
    let address = lab.server.address();
    lab.server
        .inject(Fault::require_basic("me", "hunter2").on("*/wheels/*"));
    let config = lab.sandbox.home().join(".config/uv/uv.toml");
    let text = format!(
        "no-index = true\nfind-links = [\"http://me:hunter2@{address}/wheels/index.html\"]\n"
    );
    fs::write(config, text).expect("the sandbox is ours");
    let _ = lab
        .gpuenv(&["lock", "./demo.yaml", "--output", "without.lock"])
        .success();
    assert!(!lab.sandbox.read("without.lock").contains(&line));
    // What the lock knows already stays.
    let _ = lab.gpuenv(&["lock", "./demo.yaml", "--upgrade"]).success();
    assert!(lab.sandbox.read("gpuenv.lock").contains(&line));
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
