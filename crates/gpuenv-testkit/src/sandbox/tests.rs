//! The sandbox lets nothing in and loses nothing that a program says.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    time::{Duration, Instant},
};

use super::*;

const NOTHING: [&str; 0] = [];

fn shell() -> Sandbox {
    Sandbox::new("/bin/sh")
}

/// Returns the text of the panic that the closure must end with.
fn panic_of(what: impl FnOnce()) -> String {
    let panic = catch_unwind(AssertUnwindSafe(what)).expect_err("it must panic");
    panic.downcast_ref::<String>().cloned().unwrap_or_default()
}

#[test]
fn a_program_sees_the_variables_of_the_sandbox_only() {
    let mut sandbox = shell();
    // Tests inherit this one from cargo; the program must not.
    assert!(std::env::var_os("CARGO_MANIFEST_DIR").is_some());
    sandbox.set("EXTRA", "1");
    sandbox.set("GONE", "1");
    sandbox.unset("GONE");
    let program = find_program("env").unwrap();
    let output = sandbox
        .other(program, NOTHING)
        .env("ONCE", "2")
        .run()
        .success();
    let text = output.snapshot();
    let mut lines: Vec<&str> = text.lines().filter(|line| line.contains('=')).collect();
    lines.sort_unstable();
    insta::assert_snapshot!(lines.join("\n"), @r"
    COLUMNS=100
    EXTRA=1
    GPUENV_HOME=[SANDBOX]/gpuenv-home
    HOME=[SANDBOX]/home
    LC_ALL=C.UTF-8
    NO_COLOR=1
    ONCE=2
    PATH=[SANDBOX]/bin
    RATTLER_CACHE_DIR=[SANDBOX]/package-cache
    RUST_BACKTRACE=0
    TMPDIR=[SANDBOX]/tmp
    XDG_CACHE_HOME=[SANDBOX]/home/.cache
    XDG_CONFIG_HOME=[SANDBOX]/home/.config
    XDG_DATA_HOME=[SANDBOX]/home/.local/share
    XDG_RUNTIME_DIR=[SANDBOX]/tmp
    XDG_STATE_HOME=[SANDBOX]/home/.local/state
    ");
}

#[test]
fn programs_are_found_only_if_allowed() {
    let mut sandbox = shell();
    let look = ["-c", "command -v ls; command -v find"];
    insta::assert_snapshot!(sandbox.gpuenv(look), @r"
    exit code: 127
    ----- stdout -----
    [SANDBOX]/bin/ls
    ----- stderr -----
    ");
    sandbox.allow_program("find").unwrap();
    let output = sandbox.gpuenv(look).success();
    assert!(output.stdout().contains("/bin/find"));
    let why = sandbox.allow_program("no-such-program").unwrap_err();
    assert_eq!(why, "no `no-such-program` on PATH");
}

#[test]
fn a_snapshot_holds_code_stdout_and_stderr() {
    let sandbox = shell();
    let script = "pwd; echo http://127.0.0.1:4711/x; printf 'took 3 ms' >&2; exit 3";
    insta::assert_snapshot!(sandbox.gpuenv(["-c", script]).code(3), @r"
    exit code: 3
    ----- stdout -----
    [SANDBOX]/work
    [SERVER]/x
    ----- stderr -----
    took [TIME]
    [no line end]
    ");
}

#[test]
fn input_folder_and_files_reach_the_program() {
    let sandbox = shell();
    sandbox.write("deep/recipe.yaml", "name: x\n");
    let output = sandbox
        .command(["-c", "cat recipe.yaml -; echo new > made"])
        .in_folder(sandbox.work().join("deep"))
        .input("typed\n")
        .run()
        .success();
    assert_eq!(output.stdout(), "name: x\ntyped\n");
    assert_eq!(sandbox.read("deep/made"), "new\n");
}

#[test]
fn assertions_show_the_whole_output() {
    let sandbox = shell();
    let run = || sandbox.gpuenv(["-c", "echo out; echo err >&2; exit 4"]);
    for panic in [
        panic_of(|| drop(run().success())),
        panic_of(|| drop(run().stdout_has("nothing"))),
        panic_of(|| drop(run().stderr_has("nothing"))),
        panic_of(|| drop(run().says_nowhere("err"))),
        panic_of(|| drop(run().json())),
        panic_of(|| drop(run().killed_by(9))),
    ] {
        for part in ["exit code: 4", "out\n", "err\n", "/bin/sh"] {
            assert!(panic.contains(part), "{part} {panic}");
        }
    }
    let _ = run()
        .code(4)
        .stdout_has("out")
        .stderr_has("err")
        .says_nowhere("nothing");
    let output = sandbox
        .gpuenv(["-c", r#"echo '{"a":1}'; echo '[2]'"#])
        .success();
    assert_eq!(output.json_lines()[1][0], 2);
}

#[test]
fn past_the_deadline_a_program_and_its_children_are_killed() {
    let sandbox = shell();
    let started = Instant::now();
    let panic = panic_of(|| {
        let command = sandbox.command(["-c", "echo so far; sleep 60 & echo $! > pid; wait"]);
        let _ = command.deadline(Duration::from_millis(500)).run();
    });
    assert!(panic.contains("killed after 500ms"), "{panic}");
    assert!(panic.contains("so far"), "{panic}");
    assert!(started.elapsed() < Duration::from_secs(30));
    assert_gone(sandbox.read("pid").trim());
}

#[track_caller]
fn assert_gone(pid: &str) {
    let proc = Path::new("/proc").join(pid).join("stat");
    let started = Instant::now();
    // An orphan stays as a zombie until init looks after it.
    while let Ok(stat) = fs::read_to_string(&proc) {
        if stat.contains(") Z ") {
            return;
        }
        assert!(started.elapsed() < Duration::from_secs(10), "{stat}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn a_running_program_can_be_watched_and_killed() {
    let sandbox = shell();
    let mut running = sandbox.spawn(["-c", "echo ready >&2; exec sleep 60"]);
    running.wait_for_stderr("ready");
    assert!(running.is_running());
    let _ = running.kill().killed_by(9).stderr_has("ready");
}

#[test]
fn signals_reach_a_running_program() {
    // A shell in the background has its children ignore SIGINT for good.
    let status = fs_err::read_to_string("/proc/self/status").unwrap_or_default();
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let ignored = ignored.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    if ignored.is_some_and(|mask| mask & 0b10 != 0) {
        println!("skipped: SIGINT is ignored where these tests run");
        return;
    }
    let sandbox = shell();
    let script = "trap 'echo int; exit 5' INT; trap 'echo term; exit 6' TERM; \
        echo ready; while :; do sleep 0.05; done";
    let mut running = sandbox.spawn(["-c", script]);
    running.wait_for_stdout("ready");
    running.interrupt();
    let _ = running.wait().code(5).stdout_has("int");
    let mut running = sandbox.spawn(["-c", script]);
    running.wait_for_stdout("ready");
    running.terminate();
    let _ = running.wait().code(6).stdout_has("term");
    let mut running = sandbox.spawn(["-c", "echo ready; sleep 60"]);
    running.wait_for_stdout("ready");
    running.interrupt_all();
    let _ = running.wait().killed_by(2);
}

#[test]
fn waiting_for_what_never_comes_fails_with_the_output() {
    let sandbox = shell();
    let mut running = sandbox.spawn(["-c", "echo something else"]);
    let panic = panic_of(|| running.wait_for_stdout("ready"));
    assert!(panic.contains("in vain for `ready`"), "{panic}");
    assert!(panic.contains("something else"), "{panic}");
}

#[test]
fn a_dropped_program_leaves_nothing_behind() {
    let sandbox = shell();
    let mut running = sandbox.spawn(["-c", "sleep 60 & echo $! > pid; echo ready; wait"]);
    running.wait_for_stdout("ready");
    let pid = sandbox.read("pid");
    drop(running);
    assert_gone(pid.trim());
}

#[test]
fn a_fake_driver_is_on_the_path_of_the_loader() {
    let mut sandbox = shell();
    let library = sandbox.write("fake.so", "not really a library");
    sandbox.fake_driver(&library, "driver 12.4\n");
    let script = r#"cat "$LD_LIBRARY_PATH/libcuda.so.1"; echo; cat "$GPUENV_FAKECUDA""#;
    let output = sandbox.gpuenv(["-c", script]).success();
    assert_eq!(output.stdout(), "not really a library\ndriver 12.4\n");
}

#[test]
fn a_library_that_nobody_built_is_a_reason_to_skip() {
    let why = built_library("gpuenv-no-such-crate").unwrap_err();
    assert!(why.contains("cargo build -p gpuenv-no-such-crate"), "{why}");
}
