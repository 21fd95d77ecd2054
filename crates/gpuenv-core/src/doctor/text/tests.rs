//! Logs as users paste them, and the rows that they must lead to.

use super::*;
use crate::facts::Facts;

fn read(log: &str) -> Reading {
    read_log(log, &Facts::shipped().modes)
}

fn ids(reading: &Reading) -> Vec<String> {
    reading.matches.iter().map(|m| m.mode.to_string()).collect()
}

#[test]
fn p04_the_warning_about_tensorrt_is_cleared_by_name() {
    let log = "2024-01-01 W tensorflow/compiler/tf2tensorrt/utils/py_utils.cc:38] TF-TRT Warning: Could not find TensorRT\n";
    let reading = read(log);
    assert!(reading.matches.is_empty());
    assert_eq!(reading.cleared[0].name, "tensorrt");
    assert_eq!(reading.cleared[0].mode, Some(ModeId(4)));
}

#[test]
fn lines_about_numa_are_cleared_by_name() {
    let line = "I external/local_xla/xla/stream_executor/cuda/cuda_executor.cc:887] successful NUMA node read from SysFS had negative value (-1), but there must be at least one NUMA node, so returning NUMA node zero\n";
    let reading = read(&line.repeat(6));
    assert!(reading.matches.is_empty());
    assert_eq!((reading.cleared.len(), reading.cleared[0].count), (1, 6));
    assert_eq!(reading.cleared[0].name, "numa-node");
}

#[test]
fn messages_of_real_programs_lead_to_their_rows() {
    for (line, expected) in [
        (
            "RuntimeError: CUDA error: no kernel image is available for execution on the device",
            "P10",
        ),
        (
            "docker: Error response from daemon: could not select device driver \"\" with capabilities: [[gpu]].",
            "P42",
        ),
        (
            "RuntimeError: CUDA error: out of memory\ntorch.cuda.OutOfMemoryError: CUDA out of memory. Tried to allocate 20.00 MiB",
            "P63",
        ),
        (
            "ImportError: /lib64/libm.so.6: version `GLIBC_2.27' not found (required by /x/libcurand.so.10)",
            "P20",
        ),
        (
            "ImportError: /lib/libstdc++.so.6: version `GLIBCXX_3.4.29' not found (required by x)",
            "P25",
        ),
        (
            "Failed to initialize NVML: Driver/library version mismatch",
            "P28",
        ),
        ("Failed to initialize NVML: Unknown Error", "P54"),
        (
            "OSError: [WinError 126] The specified module could not be found. Error loading \"C:\\x\\torch\\lib\\fbgemm.dll\" or one of its dependencies.",
            "P36",
        ),
        (
            "OSError: [WinError 206] The filename or extension is too long",
            "P60",
        ),
        (
            "RuntimeError: Unexpected error from cudaGetDeviceCount(). Error 802: system not yet initialized",
            "P29",
        ),
        (
            "RuntimeError: Error 803: system has unsupported display driver / cuda driver combination",
            "P30",
        ),
        (
            "RuntimeError: Error 804: forward compatibility was attempted on non supported HW",
            "P31",
        ),
        (
            "Could not load dynamic library 'libcudnn.so.8'; dlerror: libcudnn.so.8: cannot open shared object file: No such file or directory; LD_LIBRARY_PATH: /usr/local/cuda/lib64",
            "P02",
        ),
        (
            "NVIDIA-SMI has failed because it couldn't communicate with the NVIDIA driver. Make sure that the latest NVIDIA driver is installed and running.",
            "P27",
        ),
    ] {
        assert_eq!(ids(&read(line))[0], expected, "{line}");
    }
}

#[test]
fn one_message_can_have_several_causes() {
    let reading = read("CUDA driver version is insufficient for CUDA runtime version (35)");
    assert_eq!(ids(&reading), ["P08", "P09"]);
    assert!(reading.matches.iter().all(|m| !m.confirm.is_empty()));
}

#[test]
fn the_symptom_of_the_table_is_recognised_by_its_own_patterns() {
    let modes = &Facts::shipped().modes;
    let mut recognised = 0;
    for mode in modes.modes.iter().filter(|mode| !mode.patterns.is_empty()) {
        let reading = read(&mode.symptom);
        let itself = reading.matches.iter().any(|m| m.mode == mode.id);
        let cleared = reading.cleared.iter().any(|s| s.mode == Some(mode.id));
        recognised += usize::from(itself || cleared);
    }
    // The others paraphrase what users see.
    assert!(recognised >= 34, "{recognised}");
}

#[test]
fn a_log_of_a_healthy_program_matches_nothing() {
    let log = "Epoch 1/5\n1875/1875 [====] - 4s 2ms/step - loss: 0.2\ncuda:0 NVIDIA A100-SXM4-40GB\nTrue\n12.4\n";
    let reading = read(log);
    assert!(reading.matches.is_empty() && reading.cleared.is_empty());
}

#[test]
fn hostile_logs_are_read_in_time() {
    let long = "a*".repeat(1 << 20);
    assert!(read(&long).matches.is_empty());
    let wide = format!("{}CUDA out of memory", "ä".repeat(line::LONGEST_LINE));
    assert!(read(&wide).matches.is_empty());
    let reading = read(&"CUDA out of memory\0\u{1b}[2J\n".repeat(50_000));
    assert_eq!(
        (reading.matches[0].count, reading.matches[0].lines.len()),
        (50_000, 3)
    );
}

/// Returns the logs of a file: title, what the title line tells, and the log.
fn logs(file: &'static str) -> Vec<(&'static str, Vec<Vec<&'static str>>, &'static str)> {
    let mut logs = Vec::new();
    for log in file.split("### ").skip(1) {
        let (title, text) = log.split_once('\n').unwrap();
        let mut parts = title.split('|');
        let name = parts.next().unwrap().trim();
        let lists = parts.map(|part| part.split_whitespace().collect());
        logs.push((name, lists.collect(), text));
    }
    logs
}

fn sorted(names: impl IntoIterator<Item = impl ToString>) -> Vec<String> {
    let mut names: Vec<String> = names.into_iter().map(|name| name.to_string()).collect();
    names.sort();
    names
}

/// Returns what is wrong with the reading of the logs.
fn wrong(change: impl Fn(&str) -> String) -> Vec<String> {
    let mut wrong = Vec::new();
    for (name, lists, log) in logs(include_str!("logs.txt")) {
        let reading = read(&change(log));
        let cleared = sorted(reading.cleared.iter().map(|cleared| &cleared.name));
        let found = (sorted(ids(&reading)), cleared);
        let expected = (sorted(&lists[0]), sorted(&lists[1]));
        if found != expected {
            wrong.push(format!("{name}: {found:?} instead of {expected:?}"));
        }
    }
    wrong
}

#[test]
fn logs_lead_to_their_rows_and_to_no_others() {
    assert_eq!(wrong(str::to_string), Vec::<String>::new());
}

#[test]
fn what_surrounds_a_message_does_not_count() {
    let coloured = |log: &str| log.replace("CUDA", "\u{1b}[1;31mCUDA\u{1b}[0m");
    assert_eq!(wrong(coloured), Vec::<String>::new());
    let stamped = |log: &str| {
        let lines = log.lines();
        lines.fold(String::new(), |all, line| {
            all + "2026-01-02T03:04:05.678Z node17 " + line + "\r\n"
        })
    };
    // What belongs together cannot be told once each line has its own stamp.
    let several = ["wrapped", "the channel that ended"];
    let rest: Vec<String> = wrong(stamped)
        .into_iter()
        .filter(|wrong| !several.iter().any(|name| wrong.starts_with(name)))
        .collect();
    assert_eq!(rest, Vec::<String>::new());
    let shouted = |log: &str| log.to_uppercase();
    assert_eq!(wrong(shouted), Vec::<String>::new());
}

#[test]
fn unrelated_logs_lead_nowhere() {
    let unrelated = logs(include_str!("unrelated.txt"));
    assert!(unrelated.len() >= 15);
    for (name, _, log) in unrelated {
        let reading = read(log);
        assert_eq!(ids(&reading), Vec::<String>::new(), "{name}");
        assert!(reading.cleared.is_empty(), "{name}");
    }
}

#[test]
fn every_row_with_patterns_is_in_a_log() {
    let modes = &Facts::shipped().modes;
    let shown: Vec<String> = logs(include_str!("logs.txt"))
        .into_iter()
        .flat_map(|(_, lists, _)| lists[0].iter().map(ToString::to_string).collect::<Vec<_>>())
        .collect();
    let missing: Vec<String> = modes
        .modes
        .iter()
        .filter(|mode| !mode.patterns.is_empty() && mode.id != ModeId(4))
        .map(|mode| mode.id.to_string())
        .filter(|id| !shown.contains(id))
        .collect();
    assert_eq!(missing, Vec::<String>::new());
}
