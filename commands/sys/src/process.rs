//! Processes: starting, forking, waiting, groups, limits and times.

use std::ffi::OsString;
use std::io;
use std::path::PathBuf;
use std::time::Duration;

use secure_exec_abi::wait::WaitFlags;

use crate::{Fd, Pid, backend};

/// Search `PATH` of the new environment when the file has no slash.
pub const SEARCH_PATH: u32 = 1;
/// Start a session.
pub const SETSID: u32 = 2;
/// Set all dispositions to default.
pub const RESET_SIGNALS: u32 = 4;
/// Join or start the process group `pgid` (0: one of its own).
pub const SETPGID: u32 = 8;
/// Put that group into the foreground of the terminal before the program runs, if this one is there.
pub const FOREGROUND: u32 = 16;

pub const WNOHANG: i32 = WaitFlags::WNOHANG.bits();
pub const WUNTRACED: i32 = WaitFlags::WUNTRACED.bits();
pub const WCONTINUED: i32 = WaitFlags::WCONTINUED.bits();

/// One step taken in the child before the program starts.
#[derive(Clone, Debug)]
pub enum Action {
    Open {
        fd: Fd,
        path: PathBuf,
        flags: i32,
        mode: u32,
    },
    Close {
        fd: Fd,
    },
    Dup2 {
        oldfd: Fd,
        fd: Fd,
    },
}

/// What to run, as `posix_spawn(3)` takes it.
#[derive(Clone, Debug, Default)]
pub struct Program {
    pub flags: u32,
    pub pgid: Pid,
    pub file: PathBuf,
    /// All arguments with the name at 0.
    pub args: Vec<OsString>,
    /// `NAME=value`, each.
    pub env: Vec<OsString>,
    /// Empty: the working directory of the parent.
    pub cwd: PathBuf,
    pub actions: Vec<Action>,
}

/// How a child changed, in Linux's encoding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WaitStatus(pub i32);

impl WaitStatus {
    /// The status given to `exit`.
    #[must_use]
    pub fn exited(self) -> Option<i32> {
        (self.0 & 0x7f == 0).then_some((self.0 >> 8) & 0xff)
    }

    /// The signal that ended it.
    #[must_use]
    pub fn signaled(self) -> Option<i32> {
        let low = self.0 & 0x7f;
        (low != 0 && low != 0x7f).then_some(low)
    }

    /// What a shell says of it in `$?`: the status given to `exit`, or 128 and the signal that ended it.
    #[must_use]
    pub fn shell_status(self) -> i32 {
        self.exited()
            .unwrap_or_else(|| 128 + self.signaled().unwrap_or(0))
    }

    /// Whether it left a core dump.
    #[must_use]
    pub fn core_dumped(self) -> bool {
        self.signaled().is_some() && self.0 & 0x80 != 0
    }

    /// The signal that stopped it.
    #[must_use]
    pub fn stopped(self) -> Option<i32> {
        (self.0 & 0xff == 0x7f).then_some((self.0 >> 8) & 0xff)
    }

    #[must_use]
    pub fn continued(self) -> bool {
        self.0 == 0xffff
    }
}

/// Starts a child.
///
/// # Errors
/// `ENOENT`, `EACCES`, `ENOEXEC`, ...: as `execve(2)`; also what an action fails with.
pub fn spawn(program: &Program) -> io::Result<Pid> {
    backend::proc_spawn(program)
}

/// Replaces this process. Uses only file, arguments, environment and [`SEARCH_PATH`].
/// Returns only when it failed.
#[must_use]
pub fn exec(program: &Program) -> io::Error {
    backend::proc_exec(program)
}

/// Starts a child with a copy of this process, which calls `child` and exits with its result.
///
/// # Errors
/// `EAGAIN`: the limit of processes is reached. `ENOMEM`: no room for the copy.
pub fn fork_call<F: FnOnce() -> i32>(child: F) -> io::Result<Pid> {
    backend::proc_fork_call(child)
}

/// Waits for a child as `wait4(2)`; `None`: [`WNOHANG`] was given and nothing changed.
///
/// # Errors
/// `ECHILD`: no such child. `EINTR`: a caught signal came first.
pub fn wait(pid: Pid, options: i32) -> io::Result<Option<(Pid, WaitStatus)>> {
    backend::proc_wait(pid, options)
}

/// Sends a signal; 0 asks whether that is possible.
///
/// # Errors
/// `ESRCH`: no such process or group. `EPERM`: not allowed.
pub fn kill(pid: Pid, signal: i32) -> io::Result<()> {
    backend::proc_kill(pid, signal)
}

#[must_use]
pub fn getpid() -> Pid {
    backend::proc_getpid()
}

/// The name that the program was called by, as the caller gave it: that of place 0 of the arguments names the program of a
/// module that is several.
///
/// # Errors
/// `ERANGE`: it is longer than 4096 bytes.
pub fn argv0() -> io::Result<Vec<u8>> {
    backend::proc_argv0()
}

#[must_use]
pub fn getppid() -> Pid {
    backend::proc_getppid()
}

/// # Errors
/// `ESRCH`: no such process.
pub fn getpgid(pid: Pid) -> io::Result<Pid> {
    backend::proc_getpgid(pid)
}

/// # Errors
/// `EACCES`: the child has already started a program. `EPERM`: another session. `ESRCH`: no such process.
pub fn setpgid(pid: Pid, pgid: Pid) -> io::Result<()> {
    backend::proc_setpgid(pid, pgid)
}

/// # Errors
/// `ESRCH`: no such process.
pub fn getsid(pid: Pid) -> io::Result<Pid> {
    backend::proc_getsid(pid)
}

/// # Errors
/// `EPERM`: already leads a process group.
pub fn setsid() -> io::Result<Pid> {
    backend::proc_setsid()
}

/// Sets the mask of modes and gives the old one.
#[must_use]
pub fn umask(mask: u32) -> u32 {
    backend::proc_umask(mask)
}

/// Time used by this process and by its children that were waited for.
#[derive(Clone, Copy, Debug, Default)]
pub struct Times {
    pub user: Duration,
    pub system: Duration,
    pub children_user: Duration,
    pub children_system: Duration,
}

/// # Errors
/// None in practice.
pub fn times() -> io::Result<Times> {
    let [user, system, children_user, children_system] =
        backend::proc_times()?.map(Duration::from_nanos);
    Ok(Times {
        user,
        system,
        children_user,
        children_system,
    })
}

/// No limit.
pub const RLIM_INFINITY: u64 = u64::MAX;

/// A soft and a hard limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rlimit {
    pub soft: u64,
    pub hard: u64,
}

/// # Errors
/// `EINVAL`: no such resource.
pub fn getrlimit(resource: i32) -> io::Result<Rlimit> {
    backend::proc_getrlimit(resource)
}

/// # Errors
/// `EINVAL`: no such resource, or soft above hard. `EPERM`: raises the hard limit.
pub fn setrlimit(resource: i32, limit: Rlimit) -> io::Result<()> {
    backend::proc_setrlimit(resource, limit)
}

/// Whom the process runs as.
#[derive(Clone, Debug, Default)]
pub struct Ids {
    pub uid: u32,
    pub euid: u32,
    pub gid: u32,
    pub egid: u32,
    pub groups: Vec<u32>,
}

/// # Errors
/// None in practice.
pub fn ids() -> io::Result<Ids> {
    backend::proc_ids()
}

#[cfg(test)]
mod tests {
    use super::WaitStatus;

    #[test]
    fn statuses_decode_as_on_linux() {
        assert_eq!(WaitStatus(0x0300).exited(), Some(3));
        assert_eq!(WaitStatus(9).signaled(), Some(9));
        assert!(WaitStatus(0x8b).core_dumped());
        assert_eq!(WaitStatus(0x137f).stopped(), Some(19));
        assert_eq!(WaitStatus(0x137f).signaled(), None);
        assert!(WaitStatus(0xffff).continued());
        assert_eq!(WaitStatus(0xffff).exited(), None);
    }
}
