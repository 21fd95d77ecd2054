//! Runs that are cut short, and runs that meet: nothing half-made, nothing lost.

use fs_err as fs;
use gpuenv_testkit::{Fault, Running, tree_with_hashes};

use crate::lab::{Lab, entries, interrupt};

const CREATE: [&str; 4] = ["create", "./demo.yaml", "--progress", "json"];

/// How many files the largest package has: linking them takes a moment.
const FILES: usize = 240;

/// Makes a laboratory with enough packages to be in the middle of.
fn lab() -> Lab {
    let lab = Lab::with_tool();
    for name in ["one", "two", "three"] {
        lab.channel
            .package(name, "1.0")
            .many_files(&format!("share/{name}"), FILES / 4)
            .prefix_text(&format!("etc/{name}"), gpuenv_testkit::PLACEHOLDER)
            .payload(&format!("lib/{name}"), 150_000)
            .publish();
    }
    lab.channel
        .package("many", "1.0")
        .many_files("share/many", FILES)
        .publish();
    lab.recipe("demo", &["tool", "one", "two", "three", "many"]);
    lab
}

/// Lists an environment without what says when it was made.
fn content(lab: &Lab, name: &str) -> Vec<String> {
    let mut lines = tree_with_hashes(&lab.prefix(name));
    // What has been stays in the history, and has its time.
    let dated = ["history ", "gpuenv ", "gpuenv-history/"];
    lines.retain(|line| {
        let is_in = |name: &&str| line.contains(&format!("conda-meta/{name}"));
        !dated.iter().any(is_in)
    });
    lines
}

/// Waits until it has told so many events of a kind.
#[track_caller]
fn wait_for(running: &mut Running, event: &str, count: usize) {
    let text = format!("\"event\":\"{event}\"");
    running.wait_until(&format!("{count} × {text}"), |running| {
        running.stderr_so_far().matches(&text).count() >= count
    });
}

#[test]
fn an_install_cut_at_any_event_and_run_again_reaches_the_same_prefix() {
    let lab = lab();
    let _ = lab.sandbox.gpuenv(CREATE).success();
    let undisturbed = content(&lab, "demo");
    assert!(undisturbed.len() > FILES);
    for (event, count) in [
        ("solve-finished", 1),
        ("fetch-started", 1),
        ("fetch-finished", 1),
        ("fetch-finished", 4),
        ("link-started", 1),
        ("link-finished", 1),
        ("link-finished", 5),
    ] {
        let _ = lab.sandbox.gpuenv(["remove", "demo", "-y"]).success();
        fs::remove_dir_all(lab.sandbox.package_cache()).unwrap();
        let _ = fs::remove_file(lab.sandbox.work().join("gpuenv.lock"));
        let mut running = lab.sandbox.spawn(CREATE);
        wait_for(&mut running, event, count);
        let _ = running.kill();
        // All or nothing, even for those who look right now.
        if lab.prefix("demo").exists() {
            assert_eq!(content(&lab, "demo"), undisturbed, "{count} × {event}");
        }
        let _ = lab.sandbox.gpuenv(CREATE).success();
        println!(
            "{event}\n{}",
            fs::read_to_string(lab.prefix("demo").join("conda-meta/lib-1.0-h0_0.json")).unwrap()
        );
        assert_eq!(content(&lab, "demo"), undisturbed, "{count} × {event}");
        lab.assert_only(&["demo"]);
    }
}

#[test]
fn an_update_cut_at_any_event_leaves_the_old_or_the_new_environment() {
    let lab = lab();
    lab.publish_tool("2.0");
    let (old, new) = (
        ["tool <2", "lib <2", "two"],
        ["tool >=2", "lib >=2", "one", "many"],
    );
    lab.recipe("demo", &new);
    let _ = lab.sandbox.gpuenv(CREATE).success();
    let after = content(&lab, "demo");
    for (event, count) in [
        ("fetch-finished", 1),
        ("link-started", 1),
        ("link-finished", 1),
        ("link-finished", 4),
    ] {
        lab.recipe("demo", &old);
        fs::remove_file(lab.sandbox.work().join("gpuenv.lock")).unwrap();
        let _ = lab.sandbox.gpuenv(CREATE).success();
        let before = content(&lab, "demo");
        lab.recipe("demo", &new);
        fs::remove_dir_all(lab.sandbox.package_cache()).unwrap();
        let mut running = lab.sandbox.spawn(CREATE);
        wait_for(&mut running, event, count);
        let _ = running.kill();
        let found = content(&lab, "demo");
        assert!(
            found == before || found == after,
            "{count} × {event}: {found:#?}"
        );
        let _ = lab.sandbox.gpuenv(CREATE).success();
        assert_eq!(content(&lab, "demo"), after, "{count} × {event}");
        lab.assert_only(&["demo"]);
    }
}

#[test]
fn a_signal_while_downloading_leaves_nothing() {
    for interrupt in [Running::interrupt as fn(&Running), Running::terminate] {
        let lab = lab();
        lab.server
            .inject(Fault::stall_after(50_000).on("*/one-1.0*"));
        let mut running = lab.sandbox.spawn(["create", "./demo.yaml"]);
        running.wait_until("the stall", |_| {
            !lab.server.requests_for("*/one-1.0*").is_empty()
        });
        interrupt(&running);
        let ended = running.wait();
        assert!(ended.elapsed().as_secs() < 20);
        let _ = ended
            .code(15)
            .stderr_has("error[GE510]: interrupted")
            .stderr_has("has changed");
        lab.assert_only(&[]);
        assert_eq!(entries(&lab.sandbox.root().join("tmp")), [""; 0]);
        lab.server.heal();
        let _ = lab.sandbox.gpuenv(CREATE).success();
    }
}

#[test]
fn a_signal_while_linking_leaves_nothing() {
    for interrupt in [
        Running::interrupt as fn(&Running),
        Running::terminate,
        Running::interrupt_all,
    ] {
        let lab = lab();
        let mut running = lab.sandbox.spawn(CREATE);
        wait_for(&mut running, "link-started", 1);
        interrupt(&running);
        let ended = running.wait();
        match ended.exit_code() {
            // It was quicker than the signal.
            Some(0) => lab.assert_only(&["demo"]),
            _ => {
                let _ = ended.code(15).stderr_has("GE510");
                lab.assert_only(&[]);
            }
        }
        let _ = lab.sandbox.gpuenv(CREATE).success();
        lab.assert_only(&["demo"]);
    }
}

#[test]
fn a_signal_while_reading_an_index_ends_it_at_once() {
    let lab = lab();
    lab.server.inject(Fault::stall().on("*/linux-64/repodata*"));
    let mut running = lab.sandbox.spawn(CREATE);
    running.wait_until("the stall", |_| {
        !lab.server.requests_for("*/linux-64/repodata*").is_empty()
    });
    let signal = interrupt(&running);
    let ended = running.wait();
    assert!(ended.elapsed().as_secs() < 20, "{ended}");
    // Nothing has been changed, so nothing has to be said.
    let _ = ended.killed_by(signal);
    assert_eq!(entries(&lab.sandbox.work()), ["demo.yaml"]);
    lab.assert_only(&[]);
}

#[test]
fn two_runs_for_one_environment_get_along() {
    let lab = lab();
    let running = [lab.sandbox.spawn(CREATE), lab.sandbox.spawn(CREATE)];
    for running in running {
        let _ = running.wait().success();
    }
    lab.assert_only(&["demo"]);
    assert_eq!(
        lab.server.requests_for("*.conda").len(),
        6,
        "{:?}",
        lab.server.log()
    );
    lab.server.forget_requests();
    let _ = lab
        .sandbox
        .gpuenv(["create", "./demo.yaml"])
        .success()
        .stdout_has("is already right");
}

#[test]
fn two_environments_share_a_cold_cache() {
    let lab = lab();
    let _ = lab.sandbox.gpuenv(["lock", "./demo.yaml"]).success();
    let create = |name| lab.sandbox.spawn(["create", "./demo.yaml", "--name", name]);
    let running = ["a", "b", "c"].map(create);
    for running in running {
        let _ = running.wait().success();
    }
    lab.assert_only(&["a", "b", "c"]);
    assert_eq!(
        lab.server.requests_for("*.conda").len(),
        6,
        "{:?}",
        lab.server.log()
    );
    let of_a: Vec<String> = content(&lab, "a")
        .iter()
        .map(|line| line.split(' ').take(3).collect())
        .collect();
    let of_b: Vec<String> = content(&lab, "b")
        .iter()
        .map(|line| line.split(' ').take(3).collect())
        .collect();
    assert_eq!(of_a, of_b);
}

#[test]
fn a_run_that_was_killed_does_not_keep_the_next_one_waiting() {
    let lab = lab();
    let mut first = lab.sandbox.spawn(CREATE);
    wait_for(&mut first, "fetch-started", 1);
    let second = lab.sandbox.spawn(CREATE);
    let _ = first.kill();
    let second = second.wait().success();
    assert!(second.elapsed().as_secs() < 30);
    lab.assert_only(&["demo"]);
}
