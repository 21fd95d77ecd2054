//! What a child leaves behind: processes that went into a session of their own,
//! where the signal to the child's group does not reach them.
//!
//! Such a process becomes ours when its parent ends, and a variable that it has
//! inherited tells from which child it comes. One that has emptied its
//! environment is not recognised.
#![cfg_attr(
    target_os = "linux",
    expect(unsafe_code, reason = "plain system calls")
)]

use std::{
    process::{self, Command},
    sync::atomic::{AtomicU64, Ordering},
};

/// The variable that all descendants of a child inherit.
const VARIABLE: &str = "GPUENV_PROBE_RUN";

/// One run of a child.
pub(crate) struct Run {
    value: String,
}

impl Run {
    /// Begins a run: from now on, orphans come to this process.
    pub(crate) fn begin() -> Self {
        static RUNS: AtomicU64 = AtomicU64::new(0);
        let number = RUNS.fetch_add(1, Ordering::Relaxed);
        adopt_orphans();
        Self {
            value: format!("{}-{number}", process::id()),
        }
    }

    /// Marks the child that is to be started, and with it all that it starts.
    pub(crate) fn mark(&self, command: &mut Command) {
        command.env(VARIABLE, &self.value);
    }

    /// Ends the run: no process of it is left.
    #[cfg(not(target_os = "linux"))]
    pub(crate) fn end(&self, _group: u32) {}

    /// Ends the run: no process of it is left.
    ///
    /// Call it when the child, whose group this is, has been waited for: only then
    /// are its orphans ours.
    #[cfg(target_os = "linux")]
    pub(crate) fn end(&self, group: u32) {
        // Those that are killed may have children, which are ours next.
        for _ in 0..MOST_GENERATIONS {
            let orphans = self.orphans(group);
            if orphans.is_empty() {
                return;
            }
            for orphan in orphans {
                // SAFETY: sends a signal to a child of ours, and waits for it; an id
                // that has not been waited for belongs to nobody else. It cannot
                // wait for long, for nothing survives this signal but a process that
                // is stuck in the kernel, and that one is not waited for.
                unsafe {
                    libc::kill(orphan, libc::SIGKILL);
                    wait_a_little(orphan);
                }
            }
        }
    }

    #[cfg(target_os = "linux")]
    fn orphans(&self, group: u32) -> Vec<libc::pid_t> {
        let mark = format!("{VARIABLE}={}", self.value);
        let marked = |id: &libc::pid_t| {
            // What has ended has no environment any more, but still its group.
            if group_of(*id) == Some(group) {
                return true;
            }
            let environment = fs_err::read(format!("/proc/{id}/environ")).unwrap_or_default();
            let mut variables = environment.split(|byte| *byte == 0);
            variables.any(|variable| variable == mark.as_bytes())
        };
        children().into_iter().filter(marked).collect()
    }
}

/// So many times is it looked for children of what was killed.
#[cfg(target_os = "linux")]
const MOST_GENERATIONS: usize = 8;

#[cfg(target_os = "linux")]
fn adopt_orphans() {
    // SAFETY: sets a property of this process.
    unsafe { libc::prctl(libc::PR_SET_CHILD_SUBREAPER, 1) };
}

#[cfg(not(target_os = "linux"))]
fn adopt_orphans() {}

/// Returns the children of this process, whichever thread started them.
#[cfg(target_os = "linux")]
fn children() -> Vec<libc::pid_t> {
    let Ok(threads) = fs_err::read_dir("/proc/self/task") else {
        return Vec::new();
    };
    let lists = threads
        .flatten()
        .filter_map(|thread| fs_err::read_to_string(thread.path().join("children")).ok());
    lists
        .flat_map(|list| {
            let ids = list.split_whitespace().map(str::parse);
            ids.flatten().collect::<Vec<_>>()
        })
        .collect()
}

/// Returns the group of a process, which may have ended.
#[cfg(target_os = "linux")]
fn group_of(id: libc::pid_t) -> Option<u32> {
    let stat = fs_err::read_to_string(format!("/proc/{id}/stat")).ok()?;
    // Behind the name, which may hold anything: state, parent, group (proc(5)).
    let (_, rest) = stat.rsplit_once(')')?;
    rest.split_whitespace().nth(2)?.parse().ok()
}

/// # Safety
///
/// The process must be a child of ours that nobody else waits for.
#[cfg(target_os = "linux")]
unsafe fn wait_a_little(id: libc::pid_t) {
    for _ in 0..100 {
        // SAFETY: as the caller vouches; no status is asked for.
        let waited = unsafe { libc::waitpid(id, std::ptr::null_mut(), libc::WNOHANG) };
        if waited != 0 {
            return;
        }
        std::thread::sleep(std::time::Duration::from_millis(1));
    }
}
