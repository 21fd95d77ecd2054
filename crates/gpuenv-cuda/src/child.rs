//! The parent's side: starts the child, listens, and always comes back in time.

use std::{
    env::consts::OS,
    process::{Child, Command, ExitStatus, Stdio},
    thread,
    time::{Duration, Instant},
};

use gpuenv_core::probe::{End, LibraryObservation, Observation, Timing};
use serde::de::DeserializeOwned;

use crate::{
    device::milliseconds,
    orphans::Run,
    process,
    stream::{self, Heard, Listener},
    transcript::Transcript,
};

/// How long a probe may take where nobody says otherwise.
///
/// A machine with many GPUs and no persistence daemon needs many seconds for
/// its first context; nothing that works needs a minute.
pub const DEADLINE: Duration = Duration::from_secs(60);

/// How long a killed child is waited for. One that is stuck in the kernel's
/// part of the driver does not even die.
const GRACE: Duration = Duration::from_secs(2);

/// How often a silent child is looked at.
const GLANCE: Duration = Duration::from_millis(20);

/// A child that says more than this has lost its mind.
const MOST_BYTES: u64 = 16 << 20;

/// How the listening came to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Outcome {
    Ended,
    OutOfTime,
    TooLoud,
}

/// What became of a child.
#[derive(Debug)]
pub(crate) struct Watched<T> {
    /// What it told last.
    pub(crate) seen: Option<T>,
    /// How it ended.
    pub(crate) end: End,
    /// The end of what it printed besides.
    pub(crate) noise: Option<String>,
    /// How long it took in all.
    pub(crate) timing: Timing,
}

/// Runs a command that calls [`worker`](crate::worker), and returns what it saw.
///
/// The command brings program, arguments and environment; its streams are ours.
/// Whatever the child does, this returns soon after the deadline at the latest,
/// and leaves neither child nor grandchild behind.
pub fn run_in_child(mut command: Command, deadline: Duration) -> Observation {
    // A kernel out of the driver's cache would prove nothing about its
    // compiler, and a probe has no business to write there.
    command.env("CUDA_CACHE_DISABLE", "1");
    let watched = watch::<Observation>(command, deadline);
    let started = !matches!(watched.end, End::NotStarted { .. });
    let new = || Observation::new(OS, watched.end.clone());
    let mut observation = watched.seen.unwrap_or_else(new);
    observation.end = watched.end;
    observation.noise = watched.noise;
    observation
        .timings
        .extend(Some(watched.timing).filter(|_| started));
    observation
}

/// Runs a command that calls [`library_worker`](crate::library_worker), and
/// returns what it saw.
pub fn run_library(command: Command, deadline: Duration) -> LibraryObservation {
    let watched = watch::<LibraryObservation>(command, deadline);
    let new = || LibraryObservation::new(watched.end.clone());
    let mut seen = watched.seen.unwrap_or_else(new);
    seen.end = watched.end;
    seen.noise = watched.noise;
    seen.timings.push(watched.timing);
    seen
}

/// Runs a command that writes messages, and returns what became of it.
pub(crate) fn watch<T: DeserializeOwned>(command: Command, deadline: Duration) -> Watched<T> {
    let start = Instant::now();
    let timing = || Timing {
        step: "process".to_string(),
        milliseconds: milliseconds(start.elapsed()),
    };
    let run = Run::begin();
    let (mut child, mut listener) = match spawn(command, &run) {
        Ok(started) => started,
        Err(why) => {
            return Watched {
                seen: None,
                end: End::NotStarted { why },
                noise: None,
                timing: timing(),
            };
        }
    };
    let mut transcript = Transcript::default();
    let outcome = listen(&mut child, &mut listener, &mut transcript, start + deadline);
    // Before the child is waited for: until then its group's id is taken. An
    // ended child does not mind, and its own children go with it.
    process::kill_group(&mut child);
    let group = child.id();
    let status = reap(&mut child);
    run.end(group);
    if outcome == Outcome::Ended {
        drain(&mut listener, &mut transcript);
    }
    let end = end(&transcript, outcome, status, start.elapsed());
    let (seen, noise) = transcript.into_parts();
    Watched {
        seen,
        end,
        noise,
        timing: timing(),
    }
}

fn spawn(mut command: Command, run: &Run) -> Result<(Child, Listener), String> {
    let program = command.get_program().display().to_string();
    let explain = |error: std::io::Error| format!("`{program}`: {error}");
    let (listener, out, error) = stream::open().map_err(explain)?;
    run.mark(&mut command);
    command.stdin(Stdio::null()).stdout(out).stderr(error);
    #[cfg(unix)]
    std::os::unix::process::CommandExt::process_group(&mut command, 0);
    let child = command.spawn().map_err(explain)?;
    // With the command go our copies of the child's ends of the stream.
    Ok((child, listener))
}

fn listen<T: DeserializeOwned>(
    child: &mut Child,
    listener: &mut Listener,
    transcript: &mut Transcript<T>,
    deadline: Instant,
) -> Outcome {
    let mut buffer = vec![0; 1 << 16];
    let mut closed = false;
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Outcome::OutOfTime;
        }
        let heard = match closed {
            false => listener.hear(&mut buffer, left.min(GLANCE)),
            true => {
                thread::sleep(left.min(Duration::from_millis(2)));
                Heard::Silence
            }
        };
        match heard {
            Heard::Bytes(length) => transcript.feed(&buffer[..length]),
            Heard::Closed => closed = true,
            // A grandchild may hold the stream open for as long as it likes.
            Heard::Silence if process::has_ended(child) => return Outcome::Ended,
            Heard::Silence => {}
        }
        if transcript.bytes() > MOST_BYTES {
            return Outcome::TooLoud;
        }
    }
}

/// Hears what was said before the end and not yet listened to.
fn drain<T: DeserializeOwned>(listener: &mut Listener, transcript: &mut Transcript<T>) {
    let start = Instant::now();
    let mut buffer = vec![0; 1 << 16];
    // Somebody else may hold the stream open and go on talking.
    while transcript.bytes() <= MOST_BYTES
        && start.elapsed() < GRACE
        && let Heard::Bytes(length) = listener.hear(&mut buffer, Duration::ZERO)
    {
        transcript.feed(&buffer[..length]);
    }
}

fn reap(child: &mut Child) -> Option<ExitStatus> {
    let start = Instant::now();
    loop {
        match child.try_wait() {
            Ok(Some(status)) => return Some(status),
            Ok(None) if start.elapsed() < GRACE => thread::sleep(Duration::from_millis(2)),
            Ok(None) | Err(_) => return None,
        }
    }
}

fn end<T: DeserializeOwned>(
    transcript: &Transcript<T>,
    outcome: Outcome,
    status: Option<ExitStatus>,
    elapsed: Duration,
) -> End {
    let last_step = transcript.last_step();
    match (outcome, status) {
        (Outcome::OutOfTime, status) => End::Hung {
            after_ms: u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX),
            last_step,
            killed: status.is_some(),
        },
        (Outcome::TooLoud, _) => End::Garbled {
            why: format!("it said more than {} MiB", MOST_BYTES >> 20),
        },
        (Outcome::Ended, Some(status)) if status.success() => transcript.end(),
        (Outcome::Ended, status) => End::Crashed {
            signal: status.and_then(signal),
            exit_code: status.and_then(|status| status.code()),
            last_step,
        },
    }
}

#[cfg(unix)]
fn signal(status: ExitStatus) -> Option<i32> {
    std::os::unix::process::ExitStatusExt::signal(&status)
}

#[cfg(not(unix))]
fn signal(_status: ExitStatus) -> Option<i32> {
    None
}

#[cfg(test)]
mod tests;
