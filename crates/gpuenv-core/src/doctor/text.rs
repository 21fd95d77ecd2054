//! A pasted log: which failure modes its lines look like, and how to make sure.

use serde::Serialize;

use crate::facts::{Mode, ModeId, Modes, Suspect};

/// So much of a log is read, in bytes.
pub const LONGEST_LOG: usize = 16 << 20;

/// So much of a line is read, in bytes.
const LONGEST_LINE: usize = 8 << 10;

/// So many lines are kept for one failure mode.
const MOST_LINES: usize = 3;

/// What a log looks like.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Reading {
    /// The failure modes, in the order in which the log shows them.
    pub matches: Vec<Match>,
    /// What looks bad in it and is not.
    pub cleared: Vec<Suspected>,
    /// How many lines were read.
    pub lines: usize,
}

/// A failure mode that a log looks like.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Match {
    /// The failure mode.
    pub mode: ModeId,
    /// What it is.
    pub title: String,
    /// What is behind it.
    pub cause: String,
    /// How to make sure.
    pub confirm: String,
    /// What to do then.
    pub fix: String,
    /// The lines, at most three.
    pub lines: Vec<LogLine>,
    /// How many lines there are.
    pub count: usize,
}

/// A line of a log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LogLine {
    /// Its number, from 1.
    pub number: usize,
    /// What it says.
    pub text: String,
}

/// Something in a log that looks bad and is not.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Suspected {
    /// What it is called.
    pub name: String,
    /// The failure mode that is about it.
    pub mode: Option<ModeId>,
    /// Why it is harmless.
    pub verdict: String,
    /// The first line.
    pub line: LogLine,
    /// How many lines there are.
    pub count: usize,
}

/// Reads a log.
pub fn read_log(log: &str, modes: &Modes) -> Reading {
    let mut reading = Reading::default();
    let suspects: Vec<(&Suspect, Vec<String>)> = modes
        .suspects
        .iter()
        .map(|suspect| (suspect, parts(&suspect.pattern)))
        .collect();
    // A row about something harmless is no failure.
    let harmful = |mode: &&Mode| !suspects.iter().any(|(s, _)| s.mode == Some(mode.id));
    let known: Vec<(&Mode, Vec<Vec<String>>)> = modes
        .modes
        .iter()
        .filter(harmful)
        .map(|mode| (mode, mode.patterns.iter().map(|p| parts(p)).collect()))
        .collect();
    for (index, line) in log.lines().enumerate() {
        reading.lines = index + 1;
        let line = cut(line.trim(), LONGEST_LINE);
        let lower = line.to_ascii_lowercase();
        let at = || LogLine {
            number: index + 1,
            text: line.to_string(),
        };
        if let Some((suspect, _)) = suspects.iter().find(|(_, pattern)| fits(pattern, &lower)) {
            clear(&mut reading, suspect, at());
            continue;
        }
        for (mode, patterns) in &known {
            if patterns.iter().any(|pattern| fits(pattern, &lower)) {
                note(&mut reading, mode, at());
            }
        }
    }
    reading
}

fn note(reading: &mut Reading, mode: &Mode, line: LogLine) {
    let mut matches = reading.matches.iter_mut();
    match matches.find(|known| known.mode == mode.id) {
        Some(known) => {
            known.count += 1;
            if known.lines.len() < MOST_LINES {
                known.lines.push(line);
            }
        }
        None => reading.matches.push(Match {
            mode: mode.id,
            title: mode.title.clone(),
            cause: mode.cause.clone(),
            confirm: mode.confirm.clone(),
            fix: mode.fix.clone(),
            lines: vec![line],
            count: 1,
        }),
    }
}

fn clear(reading: &mut Reading, suspect: &Suspect, line: LogLine) {
    let known = reading
        .cleared
        .iter_mut()
        .find(|known| known.verdict == suspect.verdict);
    match known {
        Some(known) => known.count += 1,
        None => reading.cleared.push(Suspected {
            name: suspect.name.clone(),
            mode: suspect.mode,
            verdict: suspect.verdict.clone(),
            line,
            count: 1,
        }),
    }
}

fn cut(line: &str, most: usize) -> &str {
    let mut end = line.len().min(most);
    while !line.is_char_boundary(end) {
        end -= 1;
    }
    &line[..end]
}

/// Returns the parts of a pattern, in lower case.
fn parts(pattern: &str) -> Vec<String> {
    let lower = pattern.to_ascii_lowercase();
    lower.split('*').map(str::to_string).collect()
}

/// Tells whether a lower-case line holds the parts of a pattern, in order.
fn fits(pattern: &[String], line: &str) -> bool {
    let mut rest = line;
    for part in pattern {
        match rest.find(part.as_str()) {
            Some(at) => rest = &rest[at + part.len()..],
            None => return false,
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::Facts;

    fn read(log: &str) -> Reading {
        read_log(log, &Facts::shipped().modes)
    }

    fn ids(reading: &Reading) -> Vec<String> {
        reading.matches.iter().map(|m| m.mode.to_string()).collect()
    }

    #[test]
    fn a_pattern_is_parts_in_order() {
        assert!(fits(&parts("a*c"), "xabcx"));
        assert!(!fits(&parts("c*a"), "xabcx"));
        assert!(fits(&parts("ABC"), "xabcx"));
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
        let wide = format!("{}CUDA out of memory", "ä".repeat(LONGEST_LINE));
        assert!(read(&wide).matches.is_empty());
        let reading = read(&"CUDA out of memory\0\u{1b}[2J\n".repeat(50_000));
        assert_eq!(
            (reading.matches[0].count, reading.matches[0].lines.len()),
            (50_000, 3)
        );
    }
}
