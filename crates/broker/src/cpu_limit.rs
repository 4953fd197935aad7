//! The limit of another process's processor time.

use std::time::Duration;

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
        assert!(bound(pid, Duration::ZERO));
        let status = child.wait().unwrap();
        assert_eq!(status.signal(), Some(libc::SIGXCPU));
    }
}
