//! `gpuenv create`: what a user gets, from the first run to the no-op.

mod places;

use fs_err as fs;
use gpuenv_testkit::{Channel, Sandbox, tree};

use crate::lab::{Lab, entries, recipe};

#[test]
fn a_recipe_becomes_a_lock_and_an_environment() {
    let lab = Lab::with_tool();
    insta::assert_snapshot!(lab.sandbox.gpuenv(["create", "./demo.yaml"]), @r#"
    exit code: 0
    ----- stdout -----
    lock `./gpuenv.lock` is written
    environment `demo` is ready: 2 packages (2 added, 0 changed, 0 removed)
    prefix: [SANDBOX]/gpuenv-home/envs/demo
    probe: skipped: the recipe uses no GPU
    use it: gpuenv run demo -- CMD
        or: eval "$(gpuenv shell-hook demo)"
    ----- stderr -----
    reading channels
    read 2 channel indexes ([SIZE]) in [TIME]
    solving for linux-64
    solved for linux-64: 2 packages in [TIME]
    fetching 2 packages ([SIZE])
    fetched 2 packages ([SIZE]) in [TIME]
    linking 2 packages
    linked 2 packages in [TIME]
    "#);
    let prefix = lab.prefix("demo");
    assert_eq!(
        fs::read_to_string(prefix.join("share/where")).unwrap(),
        prefix.to_str().unwrap()
    );
    assert_eq!(
        fs::read_to_string(prefix.join("conda-meta/gpuenv.lock")).unwrap(),
        lab.sandbox.read("gpuenv.lock")
    );
    let run = lab.sandbox.gpuenv(["run", "demo", "--", "tool", "a b"]);
    assert_eq!(run.success().stdout(), "tool 1.0 a b\n");
    lab.assert_only(&["demo"]);
    // Others may look at it as they may look at any file.
    let private = |line: &String| line.starts_with("file 600") || line.starts_with("dir  700");
    let listed = tree(&prefix);
    assert!(!listed.iter().any(private), "{listed:#?}");
}

#[test]
fn an_environment_that_is_right_needs_no_network_and_no_cache() {
    let lab = Lab::with_tool();
    let first = lab.sandbox.gpuenv(["create", "./demo.yaml"]);
    let _ = first.success();
    lab.server.forget_requests();
    fs::remove_dir_all(lab.sandbox.package_cache()).unwrap();
    let before = tree(&lab.sandbox.gpuenv_home());
    insta::assert_snapshot!(lab.sandbox.gpuenv(["create", "./demo.yaml"]), @r#"
    exit code: 0
    ----- stdout -----
    environment `demo` is already right
    prefix: [SANDBOX]/gpuenv-home/envs/demo
    probe: skipped: the recipe uses no GPU
    use it: gpuenv run demo -- CMD
        or: eval "$(gpuenv shell-hook demo)"
    ----- stderr -----
    "#);
    assert_eq!(lab.server.log(), [""; 0]);
    assert!(!lab.sandbox.package_cache().exists());
    assert_eq!(tree(&lab.sandbox.gpuenv_home()), before);
}

#[test]
fn an_edited_recipe_is_locked_anew_and_changes_the_environment_in_place() {
    let lab = Lab::with_tool();
    let _ = lab.sandbox.gpuenv(["create", "./demo.yaml"]).success();
    let prefix = lab.prefix("demo");
    fs::write(prefix.join("notes.txt"), "mine").unwrap();
    fs::create_dir_all(prefix.join("share/jupyter")).unwrap();
    fs::write(prefix.join("share/jupyter/kernel.json"), "{}").unwrap();
    // Newer versions are there, but what is locked stays.
    lab.publish_tool("2.0");
    lab.channel
        .package("extra", "3.1")
        .file("share/extra", "x")
        .publish();
    lab.recipe("demo", &["tool", "extra"]);
    insta::assert_snapshot!(lab.sandbox.gpuenv(["create", "./demo.yaml"]), @r#"
    exit code: 0
    ----- stdout -----
    lock `./gpuenv.lock` is written
    environment `demo` is ready: 3 packages (1 added, 0 changed, 0 removed)
    prefix: [SANDBOX]/gpuenv-home/envs/demo
    probe: skipped: the recipe uses no GPU
    use it: gpuenv run demo -- CMD
        or: eval "$(gpuenv shell-hook demo)"
    ----- stderr -----
    reading channels
    read 2 channel indexes ([SIZE]) in [TIME]
    solving for linux-64
    solved for linux-64: 3 packages in [TIME]
    fetching 1 package ([SIZE])
    fetched 1 package ([SIZE]) in [TIME]
    linking 1 package
    linked 1 package in [TIME]
    "#);
    assert_eq!(
        fs::read_to_string(prefix.join("notes.txt")).unwrap(),
        "mine"
    );
    assert!(prefix.join("share/jupyter/kernel.json").exists());
    assert!(prefix.join("share/extra").exists());

    lab.recipe("demo", &["extra"]);
    let shrunk = lab.sandbox.gpuenv(["create", "./demo.yaml"]).success();
    let _ = shrunk.stdout_has("1 package (0 added, 0 changed, 2 removed)");
    assert!(!prefix.join("bin/tool").exists());
    assert_eq!(
        fs::read_to_string(prefix.join("notes.txt")).unwrap(),
        "mine"
    );
    lab.assert_only(&["demo"]);
}

#[test]
fn locked_refuses_to_solve() {
    let lab = Lab::with_tool();
    let locked = ["create", "./demo.yaml", "--locked"];
    insta::assert_snapshot!(lab.sandbox.gpuenv(locked), @"
    exit code: 14
    ----- stdout -----
    ----- stderr -----
    error[GE407]: recipe `demo` has no lock
    help: make one with `gpuenv lock ./demo.yaml`, or leave out `--locked`
    docs: `gpuenv explain GE407`
    ");
    let _ = lab.sandbox.gpuenv(["lock", "./demo.yaml"]).success();
    lab.recipe("demo", &["tool >=2", "extra"]);
    lab.server.forget_requests();
    insta::assert_snapshot!(lab.sandbox.gpuenv(locked), @"
    exit code: 14
    ----- stdout -----
    ----- stderr -----
    error[GE402]: lock `./gpuenv.lock` no longer satisfies the recipe
    cause: linux-64: `tool >=2` is in the recipe, not in the lock
    cause: linux-64: `extra` is in the recipe, not in the lock
    cause: linux-64: `tool` is in the lock, not in the recipe
    cause: linux-64: the recipe needs `extra`, which is not there
    cause: linux-64: the recipe needs `tool >=2`, there is `tool 1.0 h0_0`
    help: bring it up to date with `gpuenv lock ./demo.yaml`
    docs: `gpuenv explain GE402`
    ");
    assert_eq!(lab.server.log(), [""; 0]);
    lab.assert_only(&[]);
    lab.recipe("demo", &["tool"]);
    let _ = lab.sandbox.gpuenv(locked).success();
    assert!(lab.server.requests_for("*repodata*").is_empty());
}

#[test]
fn a_lock_alone_is_enough() {
    let lab = Lab::with_tool();
    let _ = lab.sandbox.gpuenv(["lock", "./demo.yaml"]).success();
    fs::remove_file(lab.sandbox.work().join("demo.yaml")).unwrap();
    // It installs what the lock names, whatever is newer.
    lab.publish_tool("2.0");
    lab.server.forget_requests();
    insta::assert_snapshot!(lab.sandbox.gpuenv(["create", "gpuenv.lock"]), @r#"
    exit code: 0
    ----- stdout -----
    environment `demo` is ready: 2 packages (2 added, 0 changed, 0 removed)
    prefix: [SANDBOX]/gpuenv-home/envs/demo
    probe: skipped: the recipe uses no GPU
    use it: gpuenv run demo -- CMD
        or: eval "$(gpuenv shell-hook demo)"
    ----- stderr -----
    fetching 2 packages ([SIZE])
    fetched 2 packages ([SIZE]) in [TIME]
    linking 2 packages
    linked 2 packages in [TIME]
    "#);
    assert!(lab.server.requests_for("*repodata*").is_empty());
    let run = lab.sandbox.gpuenv(["run", "demo", "--", "tool"]).success();
    assert_eq!(run.stdout(), "tool 1.0\n");
    lab.server.forget_requests();
    let again = lab.sandbox.gpuenv(["create", "gpuenv.lock"]).success();
    let _ = again.stdout_has("environment `demo` is already right");
    assert_eq!(lab.server.log(), [""; 0]);
    let named = lab
        .sandbox
        .gpuenv(["create", "gpuenv.lock", "-n", "second"]);
    let _ = named.success().stdout_has("environment `second` is ready");
    lab.assert_only(&["demo", "second"]);
}

#[test]
fn offline_works_from_a_warm_cache_and_says_what_a_cold_one_lacks() {
    let lab = Lab::with_tool();
    let offline = ["create", "./demo.yaml", "--offline"];
    insta::assert_snapshot!(lab.sandbox.gpuenv(offline), @"
    exit code: 13
    ----- stdout -----
    ----- stderr -----
    error[GE304]: channel `conda-forge` is not in the cache, and gpuenv works offline
    help: run the command once without `--offline`
    docs: `gpuenv explain GE304`
    ");
    assert_eq!(lab.server.log(), [""; 0]);
    let _ = lab.sandbox.gpuenv(["create", "./demo.yaml"]).success();
    let _ = lab.sandbox.gpuenv(["remove", "demo", "--yes"]).success();
    lab.server.forget_requests();
    // With the lock, then without: packages and index are both in the cache.
    let _ = lab.sandbox.gpuenv(offline).success();
    let _ = lab.sandbox.gpuenv(["remove", "demo", "--yes"]).success();
    fs::remove_file(lab.sandbox.work().join("gpuenv.lock")).unwrap();
    let _ = lab.sandbox.gpuenv(offline).success();
    assert_eq!(lab.server.log(), [""; 0]);

    let _ = lab.sandbox.gpuenv(["remove", "demo", "--yes"]).success();
    fs::remove_dir_all(lab.sandbox.package_cache()).unwrap();
    insta::assert_snapshot!(lab.sandbox.gpuenv(offline), @"
    exit code: 15
    ----- stdout -----
    ----- stderr -----
    error[GE508]: offline, and 2 packages are not in the cache
    cause: missing: lib-1.0-h0_0.conda
    cause: missing: tool-1.0-h0_0.conda
    help: run it once without `--offline`
    docs: `gpuenv explain GE508`
    ");
    assert_eq!(lab.server.log(), [""; 0]);
    lab.assert_only(&[]);
}

#[test]
fn json_is_one_document_whatever_happens() {
    let lab = Lab::with_tool();
    let create = ["create", "./demo.yaml", "--json"];
    let made = lab.sandbox.gpuenv(create).success().json();
    assert_eq!(
        (&made["exit"], &made["command"]),
        (&0.into(), &"create".into())
    );
    assert_eq!(made["result"]["added"], 2);
    assert_eq!(made["result"]["already_right"], false);
    let again = lab.sandbox.gpuenv(create).success().json();
    assert_eq!(again["result"]["already_right"], true);
    let refused = lab
        .sandbox
        .gpuenv(["create", "./none.yaml", "--json"])
        .code(11)
        .json();
    assert_eq!(refused["diagnostics"][0]["code"], "GE107");
    assert_eq!(refused["exit"], 11);
}

#[test]
fn channels_are_strict() {
    let mut lab = Lab::new();
    let first = lab.channel.beside("first");
    first
        .package("tool", "1.0")
        .executable("bin/tool", "#!/bin/sh\necho first\n")
        .publish();
    lab.channel
        .package("tool", "9.0")
        .executable("bin/tool", "#!/bin/sh\necho second\n")
        .publish();
    lab.sandbox.set("GPUENV_MIRROR", lab.server.url());
    let text = recipe("demo", &["tool"]).replace("[conda-forge]", "[first, conda-forge]");
    lab.sandbox.write("demo.yaml", &text);
    let _ = lab.sandbox.gpuenv(["create", "./demo.yaml"]).success();
    let run = lab.sandbox.gpuenv(["run", "demo", "--", "tool"]).success();
    assert_eq!(run.stdout(), "first\n");
    let info = lab
        .sandbox
        .gpuenv(["info", "demo", "--json"])
        .success()
        .json();
    assert_eq!(info["result"]["packages"][0]["channel"], "first");

    lab.sandbox
        .write("demo.yaml", text.replace("- tool", "- tool >=2"));
    let hidden = lab.sandbox.gpuenv(["create", "./demo.yaml"]).code(13);
    let hidden = hidden.stderr_has("GE301").stderr_has("`first`");
    let _ = hidden.stderr_has("`conda-forge::tool >=2`");
}

#[test]
fn several_recipes_share_a_folder() {
    let lab = Lab::with_tool();
    lab.recipe("other", &["lib"]);
    let _ = lab.sandbox.gpuenv(["create", "./demo.yaml"]).success();
    let first = lab.sandbox.read("gpuenv.lock");
    let _ = lab.sandbox.gpuenv(["create", "./other.yaml"]).success();
    assert_eq!(
        entries(&lab.sandbox.work()),
        [
            "demo.yaml",
            "gpuenv.lock",
            "other.gpuenv.lock",
            "other.yaml"
        ]
    );
    assert_eq!(lab.sandbox.read("gpuenv.lock"), first);
    lab.server.forget_requests();
    for name in ["demo", "other"] {
        let again = lab
            .sandbox
            .gpuenv(["create", &format!("./{name}.yaml"), "--locked"])
            .success();
        let _ = again.stdout_has("is already right");
    }
    assert_eq!(lab.server.log(), [""; 0]);
}

#[test]
fn hello_gpu_needs_no_network_and_an_empty_home() {
    let mut sandbox = Sandbox::new(env!("CARGO_BIN_EXE_gpuenv"));
    sandbox.unset("GPUENV_HOME");
    sandbox.unset("RATTLER_CACHE_DIR");
    for name in [
        "XDG_CACHE_HOME",
        "XDG_CONFIG_HOME",
        "XDG_DATA_HOME",
        "XDG_STATE_HOME",
    ] {
        sandbox.unset(name);
    }
    // Whoever asks for a host by name, or for a proxy, would fail loudly.
    sandbox.set("ALL_PROXY", "http://127.0.0.1:9");
    insta::assert_snapshot!(sandbox.gpuenv(["create", "hello-gpu", "--no-probe"]), @r#"
    exit code: 0
    ----- stdout -----
    environment `hello-gpu` is ready: 3 packages (3 added, 0 changed, 0 removed)
    prefix: [SANDBOX]/home/.local/share/gpuenv/envs/hello-gpu
    probe: skipped: `--no-probe`
    use it: gpuenv run hello-gpu -- CMD
        or: eval "$(gpuenv shell-hook hello-gpu)"
    ----- stderr -----
    solving for linux-64
    solved for linux-64: 3 packages in [TIME]
    fetching 3 packages (4.5 KiB)
    fetched 3 packages (4.5 KiB) in [TIME]
    linking 3 packages
    linked 3 packages in [TIME]
    "#);
    let run = sandbox.gpuenv(["run", "hello-gpu", "--", "hello-gpu"]);
    insta::assert_snapshot!(run, @r#"
    exit code: 0
    ----- stdout -----
    hello-gpu lives in [SANDBOX]/home/.local/share/gpuenv/envs/hello-gpu
    the environment is active
    the kernel is in [SANDBOX]/home/.local/share/gpuenv/envs/hello-gpu/share/hello-gpu/saxpy.ptx
    does the GPU compute? gpuenv probe "[SANDBOX]/home/.local/share/gpuenv/envs/hello-gpu"
    ----- stderr -----
    "#);
    assert_eq!(entries(&sandbox.work()), [""; 0]);
    assert_eq!(entries(&sandbox.home()), [".cache", ".conda", ".local"]);
    let again = sandbox.gpuenv(["create", "hello-gpu", "--no-probe", "--offline"]);
    let _ = again.success().stdout_has("is already right");
}

#[test]
fn scripts_of_packages_run_at_activation() {
    let lab = Lab::new();
    lab.channel
        .package("hooked", "1.0")
        .activate_script("hooked.sh", "export HOOKED=\"$CONDA_PREFIX and more\"\n")
        .deactivate_script("hooked.sh", "unset HOOKED\n")
        .variables([("SET_BY_PACKAGE", "yes")])
        .publish();
    let text = recipe("demo", &["hooked"]) + "activation:\n  env: { FROM_RECIPE: \"a 'b' $c\" }\n";
    lab.sandbox.write("demo.yaml", text);
    let _ = lab.sandbox.gpuenv(["create", "./demo.yaml"]).success();
    let script = "printf '%s|%s|%s\\n' \"$HOOKED\" \"$SET_BY_PACKAGE\" \"$FROM_RECIPE\"";
    let run = lab
        .sandbox
        .gpuenv(["run", "demo", "--", "sh", "-c", script])
        .success();
    let expected = format!("{} and more|yes|a 'b' $c\n", lab.prefix("demo").display());
    assert_eq!(run.stdout(), expected);
}

#[test]
fn a_file_mirror_is_as_good_as_a_server() {
    let channel = Channel::new("conda-forge");
    channel
        .package("tool", "1.0")
        .file("share/tool", "x")
        .publish();
    let mut sandbox = Sandbox::new(env!("CARGO_BIN_EXE_gpuenv"));
    sandbox.set("GPUENV_MIRROR", channel.file_url());
    sandbox.write("demo.yaml", recipe("demo", &["tool"]));
    let _ = sandbox
        .gpuenv(["create", "./demo.yaml", "--offline"])
        .success();
    assert!(
        sandbox
            .read("gpuenv.lock")
            .contains("https://conda.anaconda.org/conda-forge/linux-64/tool-1.0-h0_0.conda")
    );
    assert!(!sandbox.read("gpuenv.lock").contains("file:"));
}
