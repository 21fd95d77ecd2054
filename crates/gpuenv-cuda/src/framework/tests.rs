//! Frameworks that mean no good, run by a real Python where there is one.
#![cfg(target_os = "linux")]

use std::{path::Path, time::Instant};

use gpuenv_core::probe::End;
use tempfile::TempDir;

use super::*;

/// What a Python on a busy machine may take to start.
const PATIENCE: Duration = Duration::from_secs(60);

/// Long enough for a Python to start, short enough to wait for.
const SHORT: Duration = Duration::from_secs(3);

/// Makes a Python that finds a module of that text in the framework's place.
fn python(framework: ProbeStep, module: &str) -> Option<(TempDir, Command)> {
    let found = Command::new("python3").arg("--version").output();
    if !found.is_ok_and(|output| output.status.success()) {
        println!("skipped: no python3 on PATH");
        return None;
    }
    let directory = TempDir::new().unwrap();
    let name = framework.module().unwrap();
    fs_err::write(directory.path().join(format!("{name}.py")), module).unwrap();
    let mut command = Command::new("python3");
    command.env("PYTHONPATH", directory.path());
    Some((directory, command))
}

fn run(framework: ProbeStep, module: &str, deadline: Duration) -> Option<FrameworkObservation> {
    let (_directory, command) = python(framework, module)?;
    Some(run_framework(command, (framework, true), 0, deadline))
}

#[test]
fn every_program_is_python() {
    let Some((_directory, _)) = python(ProbeStep::Pytorch, "") else {
        return;
    };
    for framework in ProbeStep::FRAMEWORKS {
        let text = program(framework).unwrap();
        let check = "import ast, sys; ast.parse(sys.argv[1], feature_version=(3, 6))";
        let output = Command::new("python3")
            .args(["-c", check, &text])
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{}: {said}", framework.name());
    }
    assert_eq!(program(ProbeStep::Driver), None);
}

#[test]
fn a_framework_that_is_not_there_is_absent() {
    let command = Command::new("python3");
    let Some(_) = python(ProbeStep::Pytorch, "") else {
        return;
    };
    // `-S` and an empty home: nothing but the standard library.
    let mut command = command;
    command.arg("-S").env_remove("PYTHONPATH");
    let seen = run_framework(command, (ProbeStep::Jax, false), 0, PATIENCE);
    assert_eq!(seen.end, End::Finished);
    assert!(seen.is_absent(), "{seen:?}");
}

#[test]
fn what_a_framework_raises_is_told_with_its_step() {
    let module = "raise OSError('libcudart.so.12: cannot open shared object file')";
    let Some(seen) = run(ProbeStep::Pytorch, module, PATIENCE) else {
        return;
    };
    assert_eq!(seen.end, End::Finished);
    let raised = seen.told.error.clone().unwrap();
    assert_eq!(
        (raised.kind.as_str(), raised.step.as_str()),
        ("OSError", "import torch")
    );
    assert!(raised.text.contains("libcudart.so.12"));
    assert!(!seen.is_absent());
}

#[test]
fn a_missing_dependency_is_not_a_missing_framework() {
    let Some(seen) = run(ProbeStep::Pytorch, "import gpuenv_no_such_module", PATIENCE) else {
        return;
    };
    assert!(!seen.is_absent());
    assert_eq!(
        seen.told.error.unwrap().missing.as_deref(),
        Some("gpuenv_no_such_module")
    );
}

#[test]
fn megabytes_of_output_drown_no_message() {
    let module = "import sys\n\
                  for _ in range(3000): print('x' * 1000); sys.stderr.write('y' * 1000)\n\
                  raise RuntimeError('the end')";
    let Some(seen) = run(ProbeStep::Tensorflow, module, PATIENCE) else {
        return;
    };
    assert_eq!(
        seen.told.error.clone().unwrap().text,
        "the end",
        "{:?}",
        seen.end
    );
    assert!(seen.noise.unwrap().len() <= 4 << 10);
}

#[test]
fn a_framework_that_asks_gets_no_answer() {
    let Some(seen) = run(ProbeStep::Numba, "input('Accept the licence? ')", PATIENCE) else {
        return;
    };
    assert_eq!(seen.told.error.unwrap().kind, "EOFError");
}

#[test]
fn a_framework_that_hangs_is_ended_with_its_children() {
    let directory = TempDir::new().unwrap();
    let file = directory.path().join("child");
    let module = format!(
        "import os, time\nchild = os.fork()\nif child: open({:?}, 'w').write(str(child))\ntime.sleep(600)",
        file.display()
    );
    let start = Instant::now();
    let Some(seen) = run(ProbeStep::Pytorch, &module, SHORT) else {
        return;
    };
    assert!(start.elapsed() < SHORT * 2, "{:?}", start.elapsed());
    let End::Hung { last_step, .. } = &seen.end else {
        panic!("{seen:?}");
    };
    assert_eq!(last_step.as_ref().unwrap().call, "import torch");
    let child = fs_err::read_to_string(&file).unwrap();
    let gone = || !Path::new("/proc").join(&child).exists();
    while !gone() {
        assert!(start.elapsed() < SHORT * 3, "{child} is still there");
        std::thread::sleep(Duration::from_millis(10));
    }
}

#[test]
fn a_framework_leaves_no_daemon_behind() {
    let directory = TempDir::new().unwrap();
    let file = directory.path().join("daemon");
    // A session of its own, a parent that is gone, and the streams held open.
    let module = format!(
        "import os, signal, time\n\
         if os.fork():\n    os.wait()\n\
         else:\n    os.setsid()\n    if os.fork(): os._exit(0)\n    \
         signal.signal(signal.SIGTERM, signal.SIG_IGN)\n    \
         open({:?}, 'w').write(str(os.getpid()))\n    \
         if os.fork(): time.sleep(600)\n    time.sleep(600)\n\
         while not os.path.exists({:?}): time.sleep(0.01)\n\
         raise RuntimeError('the end')",
        file.display(),
        file.display(),
    );
    let start = Instant::now();
    let Some(seen) = run(ProbeStep::Cupy, &module, PATIENCE) else {
        return;
    };
    assert_eq!(seen.told.error.clone().unwrap().text, "the end", "{seen:?}");
    assert!(start.elapsed() < PATIENCE / 2, "{:?}", start.elapsed());
    let daemon = fs_err::read_to_string(&file).unwrap();
    assert!(!Path::new("/proc").join(&daemon).exists(), "{daemon}");
}

#[test]
fn a_message_that_is_no_message_is_noise() {
    let module = "import os, sys\n\
                  os.write(1, b'\\xff\\xfe\\x00 {\"seen\": {}}\\n' * 3)\n\
                  os.write(1, b'{\"so_far\": 1}\\n')\n\
                  os.kill(os.getpid(), 9)";
    let Some(seen) = run(ProbeStep::Jax, module, PATIENCE) else {
        return;
    };
    let End::Crashed { signal, .. } = &seen.end else {
        panic!("{seen:?}");
    };
    assert_eq!(*signal, Some(9));
    assert!(seen.told.devices.is_empty() && seen.told.error.is_none());
}

#[test]
fn a_framework_that_ends_its_process_is_a_crash_or_says_so() {
    let Some(seen) = run(ProbeStep::Pytorch, "import os\nos.abort()", PATIENCE) else {
        return;
    };
    assert!(
        matches!(
            seen.end,
            End::Crashed {
                signal: Some(6),
                ..
            }
        ),
        "{seen:?}"
    );
    let seen = run(ProbeStep::Pytorch, "import sys\nsys.exit(3)", PATIENCE).unwrap();
    assert_eq!(seen.end, End::Finished);
    assert_eq!(seen.told.error.unwrap().kind, "SystemExit");
    let quits = "import os\nos._exit(3)";
    let seen = run(ProbeStep::Pytorch, quits, PATIENCE).unwrap();
    assert!(
        matches!(
            seen.end,
            End::Crashed {
                exit_code: Some(3),
                ..
            }
        ),
        "{seen:?}"
    );
}

#[test]
fn a_python_that_is_not_there_is_not_started() {
    let command = Command::new("/nonexistent/python");
    let seen = run_framework(command, (ProbeStep::Cupy, true), 0, SHORT);
    assert!(matches!(seen.end, End::NotStarted { .. }));
}
