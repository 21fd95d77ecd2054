//! `gpuenv run`: the command is in the environment, and everything else is its own.

use std::os::unix::fs::PermissionsExt;

use fs_err as fs;

use crate::lab::{Lab, interrupt};

/// Makes a laboratory with the environment `demo`.
fn lab() -> Lab {
    let lab = Lab::with_tool();
    let _ = lab
        .sandbox
        .gpuenv(["create", "./demo.yaml", "--quiet"])
        .success();
    lab
}

#[test]
fn exit_code_output_and_input_are_those_of_the_command() {
    let lab = lab();
    let run = lab.sandbox.gpuenv([
        "run",
        "demo",
        "--",
        "sh",
        "-c",
        "echo out; echo err >&2; exit 42",
    ]);
    assert_eq!(
        (run.stdout().as_str(), run.stderr().as_str()),
        ("out\n", "err\n")
    );
    let _ = run.code(42);
    let input = "line\n\0\u{ff}".repeat(50_000);
    let cat = lab
        .sandbox
        .command(["run", "demo", "cat"])
        .input(input.clone())
        .run();
    assert_eq!(cat.success().stdout(), input);
    // Arguments arrive as they are, also those that gpuenv knows itself.
    let script = "for a in \"$@\"; do printf '[%s]' \"$a\"; done";
    let run = lab.sandbox.gpuenv([
        "run", "demo", "sh", "-c", script, "sh", "--quiet", "", "a b", "$HOME", "-h", "--",
    ]);
    assert_eq!(run.success().stdout(), "[--quiet][][a b][$HOME][-h][--]");
}

#[test]
fn what_cannot_be_started_ends_as_with_env() {
    let lab = lab();
    let prefix = lab.prefix("demo");
    fs::write(prefix.join("bin/data"), "no program").unwrap();
    fs::set_permissions(prefix.join("bin/data"), PermissionsExt::from_mode(0o644)).unwrap();
    fs::write(prefix.join("bin/lost"), "#!/no/such/interpreter\n").unwrap();
    fs::set_permissions(prefix.join("bin/lost"), PermissionsExt::from_mode(0o755)).unwrap();
    insta::assert_snapshot!(lab.sandbox.gpuenv(["run", "nothing", "--", "true"]), @"
    exit code: 125
    ----- stdout -----
    ----- stderr -----
    error[GE511]: there is no environment `nothing`
    cause: looked at [SANDBOX]/gpuenv-home/envs/nothing
    help: `gpuenv list` shows the environments that are there
    help: create one from a recipe: `gpuenv create RECIPE`
    docs: `gpuenv explain GE511`
    ");
    insta::assert_snapshot!(lab.sandbox.gpuenv(["run", "demo", "--", "no-such-program"]), @"
    exit code: 127
    ----- stdout -----
    ----- stderr -----
    error[GE602]: `no-such-program` cannot be started
    cause: No such file or directory (os error 2)
    help: `gpuenv info demo` shows what the environment holds
    docs: `gpuenv explain GE602`
    ");
    insta::assert_snapshot!(lab.sandbox.gpuenv(["run", "demo", "--", "data"]), @"
    exit code: 126
    ----- stdout -----
    ----- stderr -----
    error[GE602]: `data` cannot be started
    cause: Permission denied (os error 13)
    help: `gpuenv info demo` shows what the environment holds
    docs: `gpuenv explain GE602`
    ");
    insta::assert_snapshot!(lab.sandbox.gpuenv(["run", "demo", "--", "./"]), @"
    exit code: 126
    ----- stdout -----
    ----- stderr -----
    error[GE602]: `./` cannot be started
    cause: Permission denied (os error 13)
    help: `gpuenv info demo` shows what the environment holds
    docs: `gpuenv explain GE602`
    ");
    insta::assert_snapshot!(lab.sandbox.gpuenv(["run", "demo", "--", "lost"]), @"
    exit code: 127
    ----- stdout -----
    ----- stderr -----
    error[GE602]: `lost` cannot be started
    cause: No such file or directory (os error 2)
    cause: `[SANDBOX]/gpuenv-home/envs/demo/bin/lost` is there, so what its first line names is not
    help: `gpuenv info demo` shows what the environment holds
    docs: `gpuenv explain GE602`
    ");
    insta::assert_snapshot!(lab.sandbox.gpuenv(["run", "../../etc", "--", "true"]), @"
    exit code: 125
    ----- stdout -----
    ----- stderr -----
    error[GE511]: there is no environment `../../etc`
    cause: looked at /tmp/etc
    help: `gpuenv list` shows the environments that are there
    help: create one from a recipe: `gpuenv create RECIPE`
    docs: `gpuenv explain GE511`
    ");
    insta::assert_snapshot!(lab.sandbox.gpuenv(["run", "demo"]), @"
    exit code: 2
    ----- stdout -----
    ----- stderr -----
    error: the following required arguments were not provided:
      <CMD>...

    Usage: gpuenv run <ENV> <CMD>...

    For more information, try '--help'.
    ");
}

#[test]
fn the_same_holds_where_scripts_of_packages_have_to_run_first() {
    let lab = Lab::new();
    lab.channel
        .package("hooked", "1.0")
        .activate_script("hooked.sh", "export HOOKED=yes\n")
        .publish();
    lab.recipe("demo", &["hooked"]);
    let _ = lab
        .sandbox
        .gpuenv(["create", "./demo.yaml", "--quiet"])
        .success();
    let run = lab
        .sandbox
        .gpuenv(["run", "demo", "sh", "-c", "echo $HOOKED; exit 42"]);
    assert_eq!(run.stdout(), "yes\n");
    let _ = run.code(42);
    let _ = lab
        .sandbox
        .gpuenv(["run", "demo", "no-such-program"])
        .code(127);
    let _ = lab.sandbox.gpuenv(["run", "demo", "/etc/passwd"]).code(126);
    let cat = lab
        .sandbox
        .command(["run", "demo", "cat"])
        .input("text")
        .run();
    assert_eq!(cat.success().stdout(), "text");
    let mut running = lab
        .sandbox
        .spawn(["run", "demo", "sh", "-c", "echo ready; exec sleep 60"]);
    running.wait_for_stdout("ready");
    running.terminate();
    let _ = running.wait().killed_by(15);
}

#[test]
fn a_signal_reaches_the_command_because_gpuenv_has_become_it() {
    let lab = lab();
    let script = "trap 'echo caught; exit 7' TERM; echo $$; while :; do sleep 0.05; done";
    let mut running = lab.sandbox.spawn(["run", "demo", "--", "sh", "-c", script]);
    let pid = running.pid().to_string();
    running.wait_for_stdout(&format!("{pid}\n"));
    running.terminate();
    let ended = running.wait().code(7);
    assert_eq!(ended.stdout(), format!("{pid}\ncaught\n"));

    let mut running =
        lab.sandbox
            .spawn(["run", "demo", "--", "sh", "-c", "echo ready; exec sleep 60"]);
    running.wait_for_stdout("ready");
    let signal = interrupt(&running);
    let _ = running.wait().killed_by(signal);
}

#[test]
fn the_environment_is_active_and_nothing_of_it_leaks() {
    let lab = lab();
    let prefix = lab.prefix("demo").display().to_string();
    let script = "printf '%s\\n' \"$CONDA_PREFIX\" \"$CONDA_DEFAULT_ENV\" \"$CONDA_SHLVL\" \"${PATH%%:*}\" \"$MINE\"";
    let run = lab
        .sandbox
        .command(["run", "demo", "sh", "-c", script])
        .env("MINE", "kept")
        .run();
    assert_eq!(
        run.success().stdout(),
        format!("{prefix}\ndemo\n1\n{prefix}/bin\nkept\n")
    );
    // Inside another environment it is the only one on PATH.
    let nested = lab
        .sandbox
        .gpuenv(["create", "./demo.yaml", "-n", "other", "--quiet"]);
    let _ = nested.success();
    let gpuenv = env!("CARGO_BIN_EXE_gpuenv");
    let run = lab.sandbox.gpuenv([
        "run",
        "demo",
        gpuenv,
        "run",
        "other",
        "sh",
        "-c",
        "echo $CONDA_PREFIX; tool",
    ]);
    assert_eq!(
        run.success().stdout(),
        format!("{}\ntool 1.0\n", lab.prefix("other").display())
    );
}

#[test]
fn a_relative_path_and_the_current_directory_are_the_commands() {
    let lab = lab();
    let _ = lab
        .sandbox
        .gpuenv(["create", "./demo.yaml", "-p", "env", "--quiet"])
        .success();
    let run = lab.sandbox.gpuenv(["run", "./env", "pwd"]).success();
    assert_eq!(run.stdout(), format!("{}\n", lab.sandbox.work().display()));
    lab.sandbox.write("script.sh", "echo here\n");
    let run = lab
        .sandbox
        .gpuenv(["run", "./env", "sh", "script.sh"])
        .success();
    assert_eq!(run.stdout(), "here\n");
}
