//! What the standard library does not offer: process groups, a look at a
//! child's end that leaves it in place, and manners for the worker itself.
#![cfg_attr(unix, expect(unsafe_code, reason = "plain system calls"))]

use std::process::{Child, Command};

/// Gives this process the manners of a worker.
///
/// It dies with its parent, since nobody would be left to end it when the
/// driver hangs; and when the driver crashes it, no core file is left behind.
#[cfg(target_os = "linux")]
pub(crate) fn become_worker() {
    no_core_file();
    // SAFETY: sets a property of this process.
    unsafe { libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL) };
}

/// Gives this process the manners of a worker.
#[cfg(all(unix, not(target_os = "linux")))]
pub(crate) fn become_worker() {
    no_core_file();
}

/// Gives this process the manners of a worker.
#[cfg(not(unix))]
pub(crate) fn become_worker() {}

#[cfg(unix)]
fn no_core_file() {
    let none = libc::rlimit {
        rlim_cur: 0,
        rlim_max: 0,
    };
    // SAFETY: reads the limit that we hand over.
    unsafe { libc::setrlimit(libc::RLIMIT_CORE, &none) };
}

/// Gives a program that is not ours the manners of a worker.
#[cfg(unix)]
pub(crate) fn tame(command: &mut Command) {
    let manners = || {
        become_worker();
        Ok(())
    };
    // SAFETY: two system calls, which may stand between fork and exec.
    unsafe { std::os::unix::process::CommandExt::pre_exec(command, manners) };
}

/// Gives a program that is not ours the manners of a worker.
#[cfg(not(unix))]
pub(crate) fn tame(_command: &mut Command) {}

/// Kills a child that has not been waited for yet, and its whole process group.
#[cfg(unix)]
pub(crate) fn kill_group(child: &mut Child) {
    // An id that has not been waited for cannot belong to anybody else.
    if let Ok(id) = libc::pid_t::try_from(child.id()) {
        // SAFETY: sends a signal; the group was made for the child.
        unsafe { libc::kill(-id, libc::SIGKILL) };
    }
}

/// Kills a child that has not been waited for yet.
#[cfg(not(unix))]
pub(crate) fn kill_group(child: &mut Child) {
    // It fails where the child has ended, which is as good.
    let _ = child.kill();
}

/// Tells whether a child has ended, and leaves it to be waited for.
#[cfg(unix)]
pub(crate) fn has_ended(child: &mut Child) -> bool {
    let mut info = std::mem::MaybeUninit::<libc::siginfo_t>::zeroed();
    let options = libc::WEXITED | libc::WNOWAIT | libc::WNOHANG;
    // SAFETY: the place is ours; zeroes are a valid value of it, and the call
    // fills it in. Without an ended child it leaves the id zero.
    unsafe {
        let answer = libc::waitid(libc::P_PID, child.id(), info.as_mut_ptr(), options);
        // An error means that there is no such child, so it has ended.
        answer != 0 || info.assume_init().si_pid() != 0
    }
}

/// Tells whether a child has ended.
#[cfg(not(unix))]
pub(crate) fn has_ended(child: &mut Child) -> bool {
    !matches!(child.try_wait(), Ok(None))
}
