//! What a VM process leaves behind. One that has confined itself cannot start another; one that could not, or that is
//! not what it should be, is ended with all that descends from it.
//!
//! Descendants are found by parent while the process lives, and by session when it is gone: it leads one of its own. A
//! process that leaves both, its session and its parents, is not found; where the kernel counts children only for
//! parents that live, nobody else can.

use std::collections::BTreeSet;
use std::fs;
use std::os::fd::{AsRawFd, OwnedFd};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{LazyLock, Once};
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};

/// Threads that are looked at, at most: one that has more does not count as without children.
const MAX_THREADS: usize = 64;

/// Descendants that are ended at once, at most: some ten microseconds for each.
const FEW: usize = 16;

/// How long killed processes may take to end, milliseconds.
const REAPING_MS: i32 = 1000;

/// What this process does not end without.
#[derive(Default)]
struct Unfinished {
    /// Children that may leave something behind, and have not been waited for.
    leaders: BTreeSet<i32>,
    /// Sweeps under way.
    sweeps: usize,
}

static UNFINISHED: LazyLock<Mutex<Unfinished>> = LazyLock::new(Mutex::default);

/// No sweep is under way any more.
static SWEPT: Condvar = Condvar::new();

/// How long the end of this process may wait for sweeps.
const LAST_SWEEPS: Duration = Duration::from_secs(1);

/// A sweep that is under way.
struct Sweep;

impl Sweep {
    fn begin(unfinished: &mut Unfinished) -> Sweep {
        unfinished.sweeps += 1;
        Sweep
    }
}

impl Drop for Sweep {
    fn drop(&mut self) {
        let mut unfinished = UNFINISHED.lock();
        unfinished.sweeps -= 1;
        if unfinished.sweeps == 0 {
            SWEPT.notify_all();
        }
    }
}

/// A child of this process may leave something behind, which is ended with this process if that comes first: the threads
/// that sweep do not live as long.
pub(crate) fn expect(pid: i32) {
    static AT_EXIT: Once = Once::new();
    AT_EXIT.call_once(|| {
        OWNER.store(std::process::id(), Ordering::Relaxed);
        // SAFETY: the handler does not unwind. Should it not be taken, only what it is for is missing.
        let _ = unsafe { libc::atexit(at_exit) };
    });
    UNFINISHED.lock().leaders.insert(pid);
}

/// A child leaves nothing behind.
pub(crate) fn expect_nothing(pid: i32) {
    UNFINISHED.lock().leaders.remove(&pid);
}

/// The process whose children these are: a copy of it (`fork(2)`) has none of them.
static OWNER: AtomicU32 = AtomicU32::new(0);

extern "C" fn at_exit() {
    if OWNER.load(Ordering::Relaxed) != std::process::id() {
        return;
    }
    let Some(mut unfinished) = UNFINISHED.try_lock_for(LAST_SWEEPS) else {
        return;
    };
    for leader in std::mem::take(&mut unfinished.leaders) {
        // The number is nobody else's: it has not been waited for.
        let has_ended = membership(leader).is_none();
        let found = stop(leader, usize::MAX).unwrap_or_default();
        for child in found.iter().chain([&leader]) {
            signal(*child, libc::SIGKILL);
        }
        if let Some(now) = ticks_since_boot().filter(|_| has_ended || !found.is_empty()) {
            kill_session(leader, now);
        }
    }
    let deadline = Instant::now() + LAST_SWEEPS;
    while unfinished.sweeps > 0 && !SWEPT.wait_until(&mut unfinished, deadline).timed_out() {}
}

/// Waits for a child by `wait`, which tells whether it has ended; what it has left is ended then. Nothing comes between the
/// two, so that its number is not taken for another's.
pub(crate) fn reap(pid: i32, wait: impl FnOnce() -> bool) -> bool {
    let mut unfinished = UNFINISHED.lock();
    let reaped = wait();
    if reaped && unfinished.leaders.remove(&pid) {
        let sweep = Sweep::begin(&mut unfinished);
        drop(unfinished);
        session(pid, sweep);
    }
    reaped
}

/// Ends a child of this process that lives, and all that descends from it: a few at once, since this process may end at any
/// time, more on a thread of their own.
pub(crate) fn end(pid: i32, pidfd: &OwnedFd) {
    let few = stop(pid, FEW);
    let Ok(child) = pidfd.try_clone() else {
        return signal_fd(pidfd, libc::SIGKILL);
    };
    let thread = std::thread::Builder::new().name("secure-exec-sweep".into());
    let started = match few {
        Some(found) if found.is_empty() => return signal_fd(pidfd, libc::SIGKILL),
        Some(found) => {
            let adoption = Adoption::begin();
            kill(&found, pidfd);
            thread.spawn(move || adoption.reap(&found, &child))
        }
        None => {
            let sweep = Sweep::begin(&mut UNFINISHED.lock());
            thread.spawn(move || {
                let found = stop(pid, usize::MAX).unwrap_or_default();
                let adoption = Adoption::begin();
                kill(&found, &child);
                drop(sweep);
                adoption.reap(&found, &child);
            })
        }
    };
    if started.is_err() {
        signal_fd(pidfd, libc::SIGKILL);
    }
}

fn kill(descendants: &BTreeSet<i32>, parent: &OwnedFd) {
    for child in descendants {
        signal(*child, libc::SIGKILL);
    }
    signal_fd(parent, libc::SIGKILL);
}

/// How many are adopting, and whether this process was a subreaper before the first of them.
static ADOPTING: Mutex<(usize, bool)> = Mutex::new((0, false));

/// For as long as it lives, what loses its parents among this process's descendants becomes its child
/// (`PR_SET_CHILD_SUBREAPER`), so that it can be reaped: init may take its time. It is that short because orphans of the
/// application's own children would come here as well.
struct Adoption;

impl Adoption {
    fn begin() -> Adoption {
        let mut adopting = ADOPTING.lock();
        let (count, before) = &mut *adopting;
        if *count == 0 {
            let mut is_one: libc::c_int = 0;
            // SAFETY: the place is valid for the call; the other takes plain numbers.
            unsafe {
                libc::prctl(libc::PR_GET_CHILD_SUBREAPER, &raw mut is_one);
                libc::prctl(libc::PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
            }
            *before = is_one != 0;
        }
        *count += 1;
        Adoption
    }

    /// Waits for the end of the parent, whose children are this process's then, and for theirs.
    fn reap(&self, descendants: &BTreeSet<i32>, parent: &OwnedFd) {
        let mut ended = libc::pollfd {
            fd: parent.as_raw_fd(),
            events: libc::POLLIN,
            revents: 0,
        };
        // SAFETY: the structure is valid for the call.
        unsafe { libc::poll(&raw mut ended, 1, REAPING_MS) };
        for child in descendants {
            for _ in 0..REAPING_MS {
                // SAFETY: a null status is allowed. One that is no child of this process makes it fail.
                let waited = unsafe {
                    libc::waitpid(*child, std::ptr::null_mut(), libc::WNOHANG | libc::__WALL)
                };
                if waited != 0 {
                    break;
                }
                std::thread::sleep(Duration::from_millis(1));
            }
        }
    }
}

impl Drop for Adoption {
    fn drop(&mut self) {
        let mut adopting = ADOPTING.lock();
        let (count, before) = &mut *adopting;
        *count -= 1;
        if *count == 0 && !*before {
            // SAFETY: takes plain numbers.
            unsafe { libc::prctl(libc::PR_SET_CHILD_SUBREAPER, 0, 0, 0, 0) };
        }
    }
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

/// Stops a process that lives, so that it makes no more descendants, and all of them. None if there are more than `most`.
fn stop(pid: i32, most: usize) -> Option<BTreeSet<i32>> {
    signal(pid, libc::SIGSTOP);
    let mut found = BTreeSet::new();
    let mut unseen = children(pid);
    while let Some(child) = unseen.pop() {
        if found.len() == most {
            return None;
        }
        if found.insert(child) {
            signal(child, libc::SIGSTOP);
            unseen.extend(children(child));
        }
    }
    Some(found)
}

/// Whether a process has children, or too many threads to tell.
pub(crate) fn has_children(pid: i32) -> bool {
    let threads = fs::read_dir(format!("/proc/{pid}/task"));
    threads.map_or(0, |threads| threads.take(MAX_THREADS + 1).count()) > MAX_THREADS
        || !children(pid).is_empty()
}

/// Ends what is left of the session of a process that has just ended, on a thread of its own: every process of the
/// machine is looked at.
fn session(leader: i32, under_way: Sweep) {
    let Some(now) = ticks_since_boot() else {
        return;
    };
    let sweep = move || {
        // Each round may miss what is started during it.
        for _ in 0..8 {
            if !kill_session(leader, now) {
                break;
            }
        }
        drop(under_way);
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
    use std::os::fd::FromRawFd;
    use std::os::unix::process::CommandExt;
    use std::process::{Command, Stdio};

    fn is_alive(pid: i32) -> bool {
        membership(pid).is_some()
    }

    fn pidfd_of(pid: i32) -> OwnedFd {
        // SAFETY: takes plain numbers.
        let fd = unsafe { libc::syscall(libc::SYS_pidfd_open, pid, 0) };
        // SAFETY: the descriptor is new and nobody else's.
        unsafe { OwnedFd::from_raw_fd(i32::try_from(fd).unwrap()) }
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
        assert_eq!(stop(pid, 0), None);
        assert!(is_alive(child));
        end(pid, &pidfd_of(pid));
        // Not even a zombie of it is left, whatever init does.
        wait_for(|| fs::metadata(format!("/proc/{child}")).is_err());
        parent.wait().unwrap();
        wait_for(|| ADOPTING.lock().0 == 0);
    }

    #[test]
    fn session_ends_behind_its_leader() {
        let (mut parent, child) = parent_of("sleep 600");
        let leader = parent.id().cast_signed();
        parent.kill().unwrap();
        parent.wait().unwrap();
        assert!(is_alive(child));
        session(leader, Sweep::begin(&mut UNFINISHED.lock()));
        wait_for(|| !is_alive(child));
    }

    #[test]
    fn younger_process_is_of_another_session() {
        let (mut parent, child) = parent_of("sleep 600");
        assert!(!kill_session(parent.id().cast_signed(), 0));
        assert!(is_alive(child));
        let pid = parent.id().cast_signed();
        end(pid, &pidfd_of(pid));
        parent.wait().unwrap();
    }
}
