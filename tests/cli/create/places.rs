//! Where an environment is made: any prefix that is nobody else's, known to conda.

use fs_err as fs;

use crate::lab::{Lab, entries};

#[test]
fn a_prefix_may_have_any_name_that_a_directory_has() {
    let lab = Lab::with_tool();
    for name in [
        "env",
        "./sub/env",
        "two words",
        "it's",
        "a\"b",
        "$HOME",
        "`id`",
        "a;b&c",
        "ünïcode 環境",
        "-dash",
        "a\\b",
        "100%",
        "{x}",
        "a=b,c",
        "*",
    ] {
        let created = lab
            .sandbox
            .gpuenv(["create", "./demo.yaml", &format!("--prefix={name}")]);
        let _ = created.success();
        let prefix = lab.sandbox.work().join(name.trim_start_matches("./"));
        let inside = fs::read_to_string(prefix.join("share/where")).unwrap();
        assert_eq!(inside, prefix.to_str().unwrap());
        let prefix_text = prefix.to_str().unwrap();
        let run = lab.sandbox.gpuenv([
            "run",
            prefix_text,
            "--",
            "bash",
            "-c",
            "echo \"$CONDA_PREFIX\"; tool x",
        ]);
        assert_eq!(
            run.success().stdout(),
            format!("{prefix_text}\ntool 1.0 x\n"),
            "{name}"
        );
        let hook = lab
            .sandbox
            .gpuenv(["shell-hook", prefix_text, "--shell", "bash"]);
        let script = hook.success().stdout() + "\necho \"$CONDA_PREFIX\"; tool y";
        let bash = lab.sandbox.other("/bin/bash", ["-c", &script]).run();
        assert_eq!(
            bash.success().stdout(),
            format!("{prefix_text}\ntool 1.0 y\n"),
            "{name}"
        );
    }
    let relative = lab.sandbox.gpuenv(["run", "./env", "--", "tool"]);
    let _ = relative.success();
}

#[test]
fn what_is_not_ours_is_refused_and_only_moved_aside_by_force() {
    let lab = Lab::with_tool();
    lab.sandbox.write("env/precious", "data");
    lab.sandbox.write("conda/conda-meta/history", "");
    lab.sandbox.write("file", "data");
    // Before anything is asked of a server, and before a lock is written.
    insta::assert_snapshot!(lab.sandbox.gpuenv(["create", "./demo.yaml", "-p", "env"]), @"
    exit code: 15
    ----- stdout -----
    ----- stderr -----
    error[GE505]: `[SANDBOX]/work/env` is a directory with other things in it
    help: choose another name or `--prefix`
    help: or install with `--force`; what is there is then moved aside, not deleted
    docs: `gpuenv explain GE505`
    ");
    for name in ["conda", "file"] {
        let refused = lab.sandbox.gpuenv(["create", "./demo.yaml", "-p", name]);
        let _ = refused.code(15).stderr_has("GE505");
    }
    assert_eq!(lab.sandbox.read("env/precious"), "data");
    assert_eq!(
        entries(&lab.sandbox.work()),
        ["conda", "demo.yaml", "env", "file"]
    );
    assert_eq!(lab.server.log(), [""; 0]);

    insta::assert_snapshot!(lab.sandbox.gpuenv(["create", "./demo.yaml", "-p", "env", "--force"]), @r#"
    exit code: 0
    ----- stdout -----
    lock `./gpuenv.lock` is written
    environment `[SANDBOX]/work/env` is ready: 2 packages (2 added, 0 changed, 0 removed)
    prefix: [SANDBOX]/work/env
    what was there before is now at [SANDBOX]/work/env.replaced-1
    probe: skipped: the recipe uses no GPU
    use it: gpuenv run [SANDBOX]/work/env -- CMD
        or: eval "$(gpuenv shell-hook [SANDBOX]/work/env)"
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
    assert_eq!(lab.sandbox.read("env.replaced-1/precious"), "data");
    for name in ["conda", "file"] {
        let forced = lab
            .sandbox
            .gpuenv(["create", "./demo.yaml", "-p", name, "--force"]);
        let _ = forced.success();
    }
    assert_eq!(lab.sandbox.read("file.replaced-1"), "data");
    assert!(
        lab.sandbox
            .work()
            .join("conda.replaced-1/conda-meta/history")
            .exists()
    );
}

#[test]
fn the_home_and_the_current_directory_are_never_moved_aside() {
    let lab = Lab::with_tool();
    for prefix in [".", "../home", "..", "/"] {
        let refused = lab
            .sandbox
            .gpuenv(["create", "./demo.yaml", "--force", "-p", prefix]);
        let _ = refused.code(15);
        let refused = lab.sandbox.gpuenv(["create", "./demo.yaml", "-p", prefix]);
        let _ = refused.code(15);
        assert!(lab.sandbox.work().join("demo.yaml").exists());
    }
    assert_eq!(
        entries(&lab.sandbox.root().join(".."))
            .iter()
            .filter(|n| n.contains("replaced"))
            .count(),
        0
    );
}

#[test]
fn environments_are_registered_with_conda_and_listed() {
    let lab = Lab::with_tool();
    let _ = lab.sandbox.gpuenv(["create", "./demo.yaml"]).success();
    let _ = lab
        .sandbox
        .gpuenv(["create", "./demo.yaml", "-p", "env"])
        .success();
    let _ = lab
        .sandbox
        .gpuenv(["create", "./demo.yaml", "-p", "env"])
        .success();
    let register = lab.sandbox.home().join(".conda/environments.txt");
    let expected = format!(
        "{}\n{}\n",
        lab.prefix("demo").display(),
        lab.sandbox.work().join("env").display()
    );
    assert_eq!(fs::read_to_string(&register).unwrap(), expected);
    insta::assert_snapshot!(lab.sandbox.gpuenv(["list"]), @"
    exit code: 0
    ----- stdout -----
    Name  Recipe  Packages  Prefix                                 Probe
    demo  demo    2         [SANDBOX]/gpuenv-home/envs/demo  not probed
    -     demo    2         [SANDBOX]/work/env               not probed
    ----- stderr -----
    ");
    let _ = lab.sandbox.gpuenv(["remove", "./env", "-y"]).success();
    assert_eq!(
        fs::read_to_string(&register).unwrap(),
        format!("{}\n", lab.prefix("demo").display())
    );
}

#[test]
fn a_register_that_cannot_be_written_costs_only_the_registration() {
    let mut lab = Lab::with_tool();
    lab.sandbox.set("HOME", lab.sandbox.work());
    lab.sandbox
        .write(".conda", "a file where a directory should be");
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
    warning[GE513]: conda does not know of `[SANDBOX]/gpuenv-home/envs/demo`
    cause: cannot read `[SANDBOX]/work/.conda/environments.txt`
    cause: failed to open file `[SANDBOX]/work/.conda/environments.txt`: Not a directory (os error 20)
    docs: `gpuenv explain GE513`
    "#);
}
