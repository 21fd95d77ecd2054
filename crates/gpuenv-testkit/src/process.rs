//! A program that runs: captures what it says, waits with a deadline, sends signals.

use std::{
    io::{Read, Write},
    process::{Child, Command, ExitStatus, Stdio},
    sync::{Arc, Mutex, PoisonError, mpsc},
    thread,
    time::{Duration, Instant},
};

use crate::{output::Output, sandbox::Invocation, snapshot::Filters};

/// Of what a program says no more than this is kept.
const MAX_OUTPUT: usize = 32 * 1024 * 1024;

/// How often to look whether it has ended.
const GLANCE: Duration = Duration::from_millis(5);

/// How long a grandchild may keep the output open after the program's end.
const GRACE: Duration = Duration::from_secs(5);

/// A program that was started; dropping it kills it and what it started.
#[must_use = "dropping it kills the program at once"]
pub struct Running {
    child: Child,
    stdout: Capture,
    stderr: Capture,
    command: String,
    started: Instant,
    deadline: Duration,
    filters: Filters,
    reaped: bool,
}

/// Collects a stream in the background.
struct Capture {
    bytes: Arc<Mutex<Vec<u8>>>,
    finished: mpsc::Receiver<()>,
}

/// Starts a prepared run.
#[track_caller]
pub(crate) fn start(invocation: Invocation) -> Running {
    let mut command = Command::new(&invocation.program);
    command
        .args(&invocation.arguments)
        .env_clear()
        .envs(&invocation.variables)
        .current_dir(&invocation.folder)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    own_group(&mut command);
    let text = format!("{command:?}");
    let mut child = match command.spawn() {
        Ok(child) => child,
        Err(error) => panic!("cannot start {text}: {error}"),
    };
    let stdout = Capture::start(child.stdout.take().expect("piped above"));
    let stderr = Capture::start(child.stderr.take().expect("piped above"));
    let mut stdin = child.stdin.take().expect("piped above");
    // A thread, because the program may write before it reads; it need not read at all.
    thread::spawn(move || stdin.write_all(&invocation.input));
    Running {
        child,
        stdout,
        stderr,
        command: text,
        started: Instant::now(),
        deadline: invocation.deadline,
        filters: invocation.filters,
        reaped: false,
    }
}

impl Running {
    /// Waits for its end; past the deadline it is killed, and the test fails.
    ///
    /// What it started and left behind is ended as well.
    #[track_caller]
    pub fn wait(mut self) -> Output {
        loop {
            if self.has_ended() {
                return self.finish();
            }
            if self.started.elapsed() > self.deadline {
                let deadline = self.deadline;
                let output = self.finish();
                panic!("killed after {deadline:?}\n{}", output.report());
            }
            thread::sleep(GLANCE);
        }
    }

    /// Waits until a text stands on stderr; fails past the deadline or if the program ends first.
    #[track_caller]
    pub fn wait_for_stderr(&mut self, text: &str) {
        self.wait_until(&format!("`{text}` on stderr"), |running| {
            running.stderr_so_far().contains(text)
        });
    }

    /// Waits until a text stands on stdout; fails past the deadline or if the program ends first.
    #[track_caller]
    pub fn wait_for_stdout(&mut self, text: &str) {
        self.wait_until(&format!("`{text}` on stdout"), |running| {
            running.stdout_so_far().contains(text)
        });
    }

    /// Waits until something is so; fails past the deadline or if the program ends first.
    #[track_caller]
    pub fn wait_until(&mut self, what: &str, is_so: impl Fn(&Self) -> bool) {
        loop {
            // Asked for before the look, so that nothing is missed in between.
            let ended = self.has_ended();
            if ended {
                self.drain();
            }
            if is_so(self) {
                return;
            }
            assert!(
                !ended && self.started.elapsed() <= self.deadline,
                "waited in vain for {what}\ncommand: {}\n----- stdout -----\n{}\n----- stderr -----\n{}",
                self.command,
                self.stdout_so_far(),
                self.stderr_so_far()
            );
            thread::sleep(GLANCE);
        }
    }

    /// Returns its process number.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Tells whether it still runs.
    pub fn is_running(&mut self) -> bool {
        !self.has_ended()
    }

    /// Returns what it has written to stdout so far.
    pub fn stdout_so_far(&self) -> String {
        String::from_utf8_lossy(&self.stdout.so_far()).into_owned()
    }

    /// Returns what it has written to stderr so far.
    pub fn stderr_so_far(&self) -> String {
        String::from_utf8_lossy(&self.stderr.so_far()).into_owned()
    }

    /// Kills it without warning (`kill -9`) and collects what it said.
    #[track_caller]
    pub fn kill(mut self) -> Output {
        // It may have ended by itself, which the caller sees in the output.
        let _ = self.child.kill();
        self.wait()
    }

    fn finish(mut self) -> Output {
        let status = self.reap();
        self.drain();
        Output {
            command: self.command.clone(),
            code: status.and_then(|status| status.code()),
            signal: status.and_then(signal),
            stdout: self.stdout.so_far(),
            stderr: self.stderr.so_far(),
            elapsed: self.started.elapsed(),
            filters: self.filters.clone(),
        }
    }

    /// Ends it and whatever it started, if they have not ended yet.
    fn reap(&mut self) -> Option<ExitStatus> {
        // While its leader is not waited for, the number of a group belongs to nobody else.
        #[cfg(unix)]
        if !self.reaped {
            // Nobody may be left in it.
            let _ = rustix::process::kill_process_group(
                rustix::process::Pid::from_child(&self.child),
                rustix::process::Signal::KILL,
            );
        }
        #[cfg(not(unix))]
        let _ = self.child.kill();
        self.reaped = true;
        self.child.wait().ok()
    }

    fn drain(&mut self) {
        self.stdout.finish();
        self.stderr.finish();
    }

    /// Looks without waiting for it, so that its number stays its own.
    #[cfg(unix)]
    fn has_ended(&mut self) -> bool {
        use rustix::process::{Pid, WaitId, WaitIdOptions, waitid};
        let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
        let id = WaitId::Pid(Pid::from_child(&self.child));
        waitid(id, options).is_ok_and(|status| status.is_some())
    }

    #[cfg(not(unix))]
    fn has_ended(&mut self) -> bool {
        self.child.try_wait().is_ok_and(|status| status.is_some())
    }
}

#[cfg(unix)]
impl Running {
    /// Sends SIGINT to the program alone.
    #[track_caller]
    pub fn interrupt(&self) {
        self.signal(rustix::process::Signal::INT);
    }

    /// Sends SIGTERM to the program alone.
    #[track_caller]
    pub fn terminate(&self) {
        self.signal(rustix::process::Signal::TERM);
    }

    /// Sends SIGINT to the program and its children, as Ctrl-C in a terminal does.
    #[track_caller]
    pub fn interrupt_all(&self) {
        rustix::process::kill_process_group(self.process(), rustix::process::Signal::INT)
            .expect("the group lives as long as its leader is not waited for");
    }

    #[track_caller]
    fn signal(&self, signal: rustix::process::Signal) {
        rustix::process::kill_process(self.process(), signal)
            .expect("a child can be signalled until it is waited for");
    }

    fn process(&self) -> rustix::process::Pid {
        rustix::process::Pid::from_child(&self.child)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.reap();
    }
}

impl Capture {
    fn start(mut stream: impl Read + Send + 'static) -> Self {
        let bytes = Arc::new(Mutex::new(Vec::new()));
        let (sender, finished) = mpsc::channel();
        let theirs = Arc::clone(&bytes);
        thread::spawn(move || {
            let mut chunk = [0; 16 * 1024];
            // Read on past the limit: a full pipe would stop the program.
            while let Ok(length @ 1..) = stream.read(&mut chunk) {
                let mut bytes = theirs.lock().unwrap_or_else(PoisonError::into_inner);
                let room = MAX_OUTPUT - bytes.len();
                bytes.extend_from_slice(&chunk[..length.min(room)]);
            }
            // Nobody may be waiting any more.
            let _ = sender.send(());
        });
        Self { bytes, finished }
    }

    fn so_far(&self) -> Vec<u8> {
        let bytes = self.bytes.lock().unwrap_or_else(PoisonError::into_inner);
        bytes.clone()
    }

    /// Waits for the end of the stream, but not for ever.
    fn finish(&mut self) {
        // A second call finds the channel closed, which is an end too.
        let _ = self.finished.recv_timeout(GRACE);
    }
}

#[cfg(unix)]
fn own_group(command: &mut Command) {
    use std::os::unix::process::CommandExt;
    command.process_group(0);
}

#[cfg(not(unix))]
fn own_group(_command: &mut Command) {}

#[cfg(unix)]
fn signal(status: ExitStatus) -> Option<i32> {
    use std::os::unix::process::ExitStatusExt;
    status.signal()
}

#[cfg(not(unix))]
fn signal(_status: ExitStatus) -> Option<i32> {
    None
}
