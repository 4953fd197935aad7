//! What a VM process leaves behind. One that has confined itself cannot start another; one that could not, or that is
//! not what it should be, is ended with all that descends from it.
//!
//! Descendants are found by parent while the process lives, and by session when it is gone: it leads one of its own. A
//! process that leaves both, its session and its parents, is not found; where the kernel counts children only for
//! parents that live, nobody else can.

use std::collections::BTreeSet;
use std::fs;
use std::os::fd::{AsRawFd, OwnedFd};

/// Threads that are looked at, at most: one that has more does not count as without children.
const MAX_THREADS: usize = 64;

/// Descendants that are ended at once, at most: some ten microseconds for each.
const FEW: usize = 16;

/// Ends a child of this process that lives, and all that descends from it: a few at once, since this process may end at any
/// time, more on a thread of their own.
pub(crate) fn end(pid: i32, pidfd: &OwnedFd) {
    if !descendants(pid, FEW)
        && let Ok(child) = pidfd.try_clone()
    {
        let sweep = move || {
            descendants(pid, usize::MAX);
            signal_fd(&child, libc::SIGKILL);
        };
        let thread = std::thread::Builder::new().name("secure-exec-sweep".into());
        if thread.spawn(sweep).is_ok() {
            return;
        }
    }
    signal_fd(pidfd, libc::SIGKILL);
}

/// Signals the process of a pidfd, if it has not ended.
pub(crate) fn signal_fd(pidfd: &OwnedFd, signal: i32) {
    // SAFETY: takes plain numbers and a null siginfo; a dead process makes it fail without effect.
    unsafe {
        libc::syscall(
            libc::SYS_pidfd_send_signal,
            pidfd.as_raw_fd(),
            signal,
            std::ptr::null::<libc::c_void>(),
            0,
        )
    };
}

/// Ends the descendants of a process that lives, which is stopped so that it makes no more. False if there are more than
/// `most`.
fn descendants(pid: i32, most: usize) -> bool {
    signal(pid, libc::SIGSTOP);
    let mut found = BTreeSet::new();
    let mut unseen = children(pid);
    while let Some(child) = unseen.pop() {
        if found.len() == most {
            return false;
        }
        if found.insert(child) {
            signal(child, libc::SIGSTOP);
            unseen.extend(children(child));
        }
    }
    for child in found {
        signal(child, libc::SIGKILL);
    }
    true
}

/// Whether a process has children, or too many threads to tell.
pub(crate) fn has_children(pid: i32) -> bool {
    let threads = fs::read_dir(format!("/proc/{pid}/task"));
    threads.map_or(0, |threads| threads.take(MAX_THREADS + 1).count()) > MAX_THREADS
        || !children(pid).is_empty()
}

/// Ends what is left of the session of a process that has just ended, on a thread of its own: every process of the
/// machine is looked at.
pub(crate) fn session(leader: i32) {
    let Some(now) = ticks_since_boot() else {
        return;
    };
    let sweep = move || {
        // Each round may miss what is started during it.
        for _ in 0..8 {
            if !kill_session(leader, now) {
                return;
            }
        }
    };
    // Without a thread to be had there is still the limit that its user has.
    let _ = std::thread::Builder::new()
        .name("secure-exec-sweep".into())
        .spawn(sweep);
}

/// Whether there was somebody. Whoever has started after the leader's end is of another session of the same number.
fn kill_session(leader: i32, ended: u64) -> bool {
    let Ok(entries) = fs::read_dir("/proc") else {
        return false;
    };
    let mut some = false;
    for entry in entries.flatten() {
        let name = entry.file_name();
        let Some(pid) = name.to_str().and_then(|name| name.parse::<i32>().ok()) else {
            continue;
        };
        let member = membership(pid);
        if member.is_some_and(|(session, started)| session == leader && started <= ended) {
            signal(pid, libc::SIGKILL);
            some = true;
        }
    }
    some
}

/// Session and start of a process that is no zombie: fields 3, 6 and 22 of proc_pid_stat(5).
fn membership(pid: i32) -> Option<(i32, u64)> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name, in parentheses, may contain anything.
    let (_, fields) = stat.rsplit_once(')')?;
    let fields: Vec<&str> = fields.split_ascii_whitespace().collect();
    if matches!(fields.first(), Some(&("Z" | "X"))) {
        return None;
    }
    Some((fields.get(3)?.parse().ok()?, fields.get(19)?.parse().ok()?))
}

/// In the unit of proc_pid_stat(5).
fn ticks_since_boot() -> Option<u64> {
    let mut now = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: the structure is valid for the call; the other takes a plain number.
    let (read, per_second) = unsafe {
        (
            libc::clock_gettime(libc::CLOCK_BOOTTIME, &raw mut now),
            libc::sysconf(libc::_SC_CLK_TCK),
        )
    };
    let per_second = u64::try_from(per_second).ok().filter(|count| *count > 0)?;
    let (seconds, nanos) = (
        u64::try_from(now.tv_sec).ok()?,
        u64::try_from(now.tv_nsec).ok()?,
    );
    (read == 0).then(|| seconds * per_second + nanos * per_second / 1_000_000_000)
}

/// Children of all threads, as far as the kernel tells.
fn children(pid: i32) -> Vec<i32> {
    let Ok(tasks) = fs::read_dir(format!("/proc/{pid}/task")) else {
        return Vec::new();
    };
    let lists = tasks
        .flatten()
        .filter_map(|task| fs::read_to_string(task.path().join("children")).ok());
    lists
        .flat_map(|list| {
            list.split_ascii_whitespace()
                .filter_map(|child| child.parse().ok())
                .collect::<Vec<i32>>()
        })
        .collect()
}

fn signal(pid: i32, signal: i32) {
    // SAFETY: takes plain numbers; one that has ended makes it fail without effect.
    unsafe { libc::kill(pid, signal) };
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::process::CommandExt;
    use std::process::{Command, Stdio};

    fn is_alive(pid: i32) -> bool {
        membership(pid).is_some()
    }

    fn wait_for(mut condition: impl FnMut() -> bool) {
        while !condition() {
            std::thread::yield_now();
        }
    }

    /// A shell whose child has a session of its own where `setsid` is the command.
    fn parent_of(child: &str) -> (std::process::Child, i32) {
        let mut command = Command::new("/bin/sh");
        command.args(["-c", &format!("{child} & wait")]);
        command.stdin(Stdio::null());
        // SAFETY: setsid is safe between fork and exec.
        unsafe {
            command.pre_exec(|| {
                libc::setsid();
                Ok(())
            })
        };
        let parent = command.spawn().unwrap();
        let pid = parent.id().cast_signed();
        wait_for(|| has_children(pid));
        let child = *children(pid).first().unwrap();
        (parent, child)
    }

    #[test]
    fn children_of_a_living_process_end_whatever_their_session() {
        let (mut parent, child) = parent_of("setsid sleep 600");
        wait_for(|| membership(child).is_none_or(|(session, _)| session == child));
        let pid = parent.id().cast_signed();
        assert!(!descendants(pid, 0));
        assert!(is_alive(child));
        assert!(descendants(pid, 1));
        wait_for(|| !is_alive(child));
        parent.kill().unwrap();
        parent.wait().unwrap();
    }

    #[test]
    fn session_ends_behind_its_leader() {
        let (mut parent, child) = parent_of("sleep 600");
        let leader = parent.id().cast_signed();
        parent.kill().unwrap();
        parent.wait().unwrap();
        assert!(is_alive(child));
        session(leader);
        wait_for(|| !is_alive(child));
    }

    #[test]
    fn younger_process_is_of_another_session() {
        let (mut parent, child) = parent_of("sleep 600");
        assert!(!kill_session(parent.id().cast_signed(), 0));
        assert!(is_alive(child));
        assert!(descendants(parent.id().cast_signed(), FEW));
        parent.kill().unwrap();
        parent.wait().unwrap();
    }
}
