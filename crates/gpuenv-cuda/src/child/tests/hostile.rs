//! Drivers and children that mean no good: the answer comes in time all the same.

use super::*;

/// Long enough for a child to start on a busy machine, short enough to wait for.
const DEADLINE: Duration = Duration::from_secs(3);

/// The same for a shell, which has nothing to do.
const SHORT: Duration = Duration::from_secs(1);

/// What ending a child may take beyond the deadline.
const SLACK: Duration = Duration::from_secs(2);

fn shell(script: &str) -> Observation {
    let mut command = Command::new("sh");
    command.args(["-c", script]);
    run_in_child(command, SHORT)
}

fn is_gone(process: &str) -> bool {
    // A killed process is gone as soon as somebody has waited for it.
    let start = Instant::now();
    while Path::new("/proc").join(process).exists() {
        if start.elapsed() > SLACK {
            return false;
        }
        thread::sleep(Duration::from_millis(10));
    }
    true
}

#[test]
fn a_hanging_driver_is_killed_at_the_deadline() {
    for call in ["cuInit", "cuCtxSynchronize"] {
        let start = Instant::now();
        let seen = Scene::new(&format!("hang = {call}\n")).run_within(DEADLINE);
        assert!(start.elapsed() < DEADLINE + SLACK, "{:?}", start.elapsed());
        let verdict = seen.verdict(VerdictKind::Hung, false);
        assert!(
            verdict.summary.contains(&format!("in `{call}`")),
            "{}",
            verdict.summary
        );
        assert_eq!(verdict.diagnostic.unwrap().code.to_string(), "GE705");
        assert!(matches!(
            seen.observation.end,
            End::Hung { killed: true, .. }
        ));
        assert_eq!(seen.observation.cuda.is_some(), call != "cuInit");
    }
}

#[test]
fn a_crashing_driver_is_a_crash() {
    for (script, signal, exit_code) in [
        ("abort = cuInit", Some(6), None),
        ("segfault = cuMemAlloc_v2 2", Some(11), None),
        ("exit = cuModuleLoadDataEx", None, Some(3)),
    ] {
        let seen = Scene::new(script).run();
        let verdict = seen.verdict(VerdictKind::Crashed, false);
        assert_eq!(verdict.diagnostic.unwrap().code.to_string(), "GE704");
        let call = script.split_whitespace().nth(2).unwrap();
        let step = Step {
            call: call.to_string(),
            device: (call != "cuInit").then_some(0),
        };
        let expected = End::Crashed {
            signal,
            exit_code,
            last_step: Some(step),
        };
        assert_eq!(seen.observation.end, expected);
        assert!(seen.observation.driver.is_some());
    }
}

#[test]
fn a_driver_that_breaks_at_the_very_end_is_no_success() {
    let seen = Scene::new("segfault = exit\n").run();
    let verdict = seen.verdict(VerdictKind::Crashed, false);
    assert!(
        verdict.summary.ends_with("in `exit`"),
        "{}",
        verdict.summary
    );
    assert!(seen.device(0).computes());
    let seen = Scene::new("hang = exit\n").run_within(DEADLINE);
    seen.verdict(VerdictKind::Hung, false);
    assert!(seen.device(0).computes());
}

#[test]
fn what_was_seen_on_one_gpu_survives_a_crash_on_the_next() {
    // A GPU that computes takes six launches.
    let seen = Scene::new("device = A\ndevice = B\nabort = cuLaunchKernel 7\n").run();
    let verdict = seen.verdict(VerdictKind::Crashed, false);
    assert!(
        verdict.summary.ends_with("in `cuLaunchKernel` on GPU 1"),
        "{}",
        verdict.summary
    );
    assert!(seen.device(0).computes());
    assert_eq!(seen.device(1).name.as_deref(), Some("B"));
    assert_eq!(seen.device(1).comparison, None);
}

#[test]
fn a_driver_may_print_what_it_likes() {
    let seen = Scene::new("noise = NVRM: {\"final\":\nflood = 3000000\n").run();
    seen.verdict(VerdictKind::Computes, true);
    assert!(seen.observation.noise.unwrap().contains("NVRM"));
}

#[test]
fn a_driver_that_never_stops_printing_is_stopped() {
    let seen = Scene::new("flood = 2000000000\n").run();
    seen.verdict(VerdictKind::Crashed, false);
    assert!(matches!(seen.observation.end, End::Garbled { why } if why.contains("MiB")));
}

#[test]
fn a_child_that_cannot_be_started_is_its_own_verdict() {
    let observation = run_in_child(Command::new("/nowhere/gpuenv"), DEADLINE);
    let verdict = judge(Gpu::Required, false, &observation);
    assert_eq!((verdict.kind, verdict.ok), (VerdictKind::NotStarted, false));
    let diagnostic = verdict.diagnostic.unwrap();
    assert_eq!(diagnostic.code.to_string(), "GE708");
    assert!(
        diagnostic.causes[0].contains("/nowhere/gpuenv"),
        "{:?}",
        diagnostic.causes
    );
}

#[test]
fn a_child_without_an_answer_is_no_success() {
    let silent = shell("exit 0");
    assert!(matches!(&silent.end, End::Garbled { why } if why.contains("last message")));
    assert!(!judge(Gpu::Optional, false, &silent).ok);
    let garbage = shell("head -c 300000 /dev/urandom; exit 0");
    assert!(matches!(garbage.end, End::Garbled { .. }));
}

#[test]
fn a_crash_after_the_last_message_is_still_a_crash() {
    let directory = TempDir::new().unwrap();
    let file = directory.path().join("messages");
    let mut messages = Vec::new();
    let seen = Observation::new("linux", End::Finished);
    message::write(&mut messages, &Message::Final(Box::new(seen))).unwrap();
    let step = Step {
        call: "exit".to_string(),
        device: None,
    };
    message::write(&mut messages, &Message::<()>::At(step.clone())).unwrap();
    fs::File::create(&file)
        .unwrap()
        .write_all(&messages)
        .unwrap();
    let file = file.display();
    assert_eq!(shell(&format!("cat '{file}'")).end, End::Finished);
    let crashed = shell(&format!("cat '{file}'; kill -SEGV $$"));
    let expected = End::Crashed {
        signal: Some(11),
        exit_code: None,
        last_step: Some(step),
    };
    assert_eq!(crashed.end, expected);
    let hung = shell(&format!("cat '{file}'; sleep 60"));
    assert!(matches!(hung.end, End::Hung { .. }));
}

#[test]
fn neither_child_nor_grandchild_outlives_the_probe() {
    let start = Instant::now();
    let observation = shell("sleep 61 & echo $! $$; wait");
    assert!(matches!(observation.end, End::Hung { killed: true, .. }));
    assert!(start.elapsed() < SHORT + SLACK);
    let noise = observation.noise.unwrap();
    let processes: Vec<&str> = noise.split_whitespace().collect();
    assert_eq!(processes.len(), 2);
    assert!(
        processes.iter().all(|process| is_gone(process)),
        "{processes:?}"
    );
}

#[test]
fn a_grandchild_that_holds_the_stream_is_not_waited_for() {
    let start = Instant::now();
    let observation = shell("sleep 62 & echo $!; exit 0");
    assert!(start.elapsed() < SHORT, "{:?}", start.elapsed());
    assert!(matches!(observation.end, End::Garbled { .. }));
    assert!(is_gone(observation.noise.unwrap().trim()));
    // One that leaves its group escapes the kill, but cannot hold us up.
    let start = Instant::now();
    let escaped = shell("setsid sleep 5 & exit 0");
    assert!(start.elapsed() < SHORT, "{:?}", start.elapsed());
    assert!(matches!(escaped.end, End::Garbled { .. }));
}

#[test]
fn a_child_that_closes_its_streams_and_stays_is_waited_for() {
    let start = Instant::now();
    let observation = shell("exec >&- 2>&-; sleep 63");
    assert!(start.elapsed() >= SHORT && start.elapsed() < SHORT + SLACK);
    assert!(matches!(observation.end, End::Hung { .. }));
}
