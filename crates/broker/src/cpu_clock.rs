//! The kernel's clock of another process's processor time, and its limit.

use std::time::Duration;

/// What all threads of a process have used, living and dead; zero if it is no more.
pub(crate) fn time(pid: libc::pid_t) -> Duration {
    let mut time = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: `time` is a valid place for the result; a clock of nobody yields an error.
    if unsafe { libc::clock_gettime(clock_of(pid), &raw mut time) } != 0 {
        return Duration::ZERO;
    }
    let seconds = u64::try_from(time.tv_sec).unwrap_or(0);
    Duration::new(seconds, u32::try_from(time.tv_nsec).unwrap_or(0))
}

/// `MAKE_PROCESS_CPUCLOCK` of Linux, as clock_getcpuclockid(3) gives it.
fn clock_of(pid: libc::pid_t) -> libc::clockid_t {
    const SCHEDULER: i32 = 2;
    (!pid << 3) | SCHEDULER
}

/// Has the kernel end a process that has used this much, by SIGXCPU. False if it is not for this process to say.
pub(crate) fn bound(pid: libc::pid_t, time: Duration) -> bool {
    let mut limit = libc::rlimit {
        rlim_cur: 0,
        rlim_max: 0,
    };
    // SAFETY: the structure is valid for both calls.
    unsafe {
        if libc::prlimit(pid, libc::RLIMIT_CPU, std::ptr::null(), &raw mut limit) != 0 {
            return false;
        }
        limit.rlim_cur = time.as_secs().saturating_add(1).min(limit.rlim_max);
        libc::prlimit(
            pid,
            libc::RLIMIT_CPU,
            &raw const limit,
            std::ptr::null_mut(),
        ) == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::process::ExitStatusExt;
    use std::process::{Command, Stdio};

    #[test]
    fn process_that_uses_its_time_up_is_ended_by_the_kernel() {
        let mut command = Command::new("/bin/sh");
        command
            .args(["-c", "while :; do :; done"])
            .stdin(Stdio::null());
        let mut child = command.spawn().unwrap();
        let pid = child.id().cast_signed();
        let before = time(pid);
        assert!(bound(pid, before));
        let status = child.wait().unwrap();
        assert_eq!(status.signal(), Some(libc::SIGXCPU));
        assert_eq!(time(pid), Duration::ZERO);
    }
}
