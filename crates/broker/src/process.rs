//! A VM process, or the server thread that stands for one in this process.

use std::cell::Cell;
use std::collections::BTreeSet;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};

use secure_exec_protocol::{Channel, Limit, VmId};

use crate::isolation::{IsolationReport, Level};
use crate::sweep;

/// Number of a VM process, living or dead, within this broker.
pub(crate) type ProcessId = u64;

/// Where a process is in its life.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    /// Takes calls, or will as soon as it is up.
    Serving,
    /// Takes no calls any more; exports its filesystems.
    Condemned { why: String, limit: Option<Limit> },
    /// Being killed; the reason its VMs will be told.
    Ending { why: String, limit: Option<Limit> },
}

/// One VM process.
pub(crate) struct VmProcess {
    pub(crate) connection: Channel,
    /// None for a thread of this process.
    pub(crate) child: Option<Child>,
    pub(crate) stage: Stage,
    /// It said hello.
    pub(crate) ready: bool,
    /// What holds it back, looked at when it said so.
    pub(crate) isolation: Option<IsolationReport>,
    /// The VMs it serves.
    pub(crate) vms: BTreeSet<VmId>,
    /// End of file was seen on the socket.
    pub(crate) closed: bool,
}

impl VmProcess {
    /// Looks at the process that says that it has confined itself.
    pub(crate) fn look_at(&mut self) {
        self.isolation = self.child.as_mut().map(Child::look_at);
    }
}

/// A child process, named by a pidfd, which can neither be reused nor reaped by somebody else's `wait`.
pub(crate) struct Child {
    pid: libc::pid_t,
    pidfd: OwnedFd,
    reaped: bool,
    /// It has no children and cannot have any.
    alone: bool,
    /// It is being ended with what descends from it.
    swept: Cell<bool>,
}

impl Child {
    /// Takes over a child that was just started.
    pub(crate) fn adopt(pid: libc::pid_t) -> std::io::Result<Child> {
        // SAFETY: takes plain numbers; returns a new descriptor or -1.
        let fd = unsafe { libc::syscall(libc::SYS_pidfd_open, pid, 0) };
        let fd = RawFd::try_from(fd).unwrap_or(-1);
        if fd < 0 {
            return Err(std::io::Error::last_os_error());
        }
        // SAFETY: the descriptor is new and nobody else's.
        let pidfd = unsafe { OwnedFd::from_raw_fd(fd) };
        Ok(Child {
            pid,
            pidfd,
            reaped: false,
            alone: false,
            swept: Cell::new(false),
        })
    }

    pub(crate) fn fd(&self) -> RawFd {
        self.pidfd.as_raw_fd()
    }

    pub(crate) fn pid(&self) -> i32 {
        self.pid
    }

    fn look_at(&mut self) -> IsolationReport {
        let report = IsolationReport::of(self.pid);
        self.alone = report.level >= Level::Partial && !sweep::has_children(self.pid);
        report
    }

    /// Sends SIGKILL, to what descends from it as well.
    pub(crate) fn kill(&self) {
        if !self.alone
            && !self.reaped
            && (self.swept.replace(true) || sweep::end(self.pid, &self.pidfd))
        {
            return;
        }
        sweep::signal_fd(&self.pidfd, libc::SIGKILL);
    }

    /// Reaps the child if it has ended and says how.
    pub(crate) fn try_wait(&mut self) -> Option<String> {
        let mut status = 0;
        // SAFETY: `status` is valid for the call; the pid is our own unreaped child.
        let pid = unsafe { libc::waitpid(self.pid, &raw mut status, libc::WNOHANG) };
        if pid == 0 {
            return None;
        }
        self.reaped = true;
        if !self.alone {
            sweep::session(self.pid);
        }
        if pid < 0 {
            return Some("unknown cause".into());
        }
        if libc::WIFSIGNALED(status) {
            return Some(format!("signal {}", signal_name(libc::WTERMSIG(status))));
        }
        Some(format!("exit status {}", libc::WEXITSTATUS(status)))
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        if self.reaped {
            return;
        }
        self.kill();
        let mut status = 0;
        // SAFETY: as in `try_wait`; SIGKILL is on its way, so this ends.
        unsafe { libc::waitpid(self.pid, &raw mut status, 0) };
    }
}

fn signal_name(signal: i32) -> String {
    let name = match signal {
        libc::SIGABRT => "SIGABRT",
        libc::SIGBUS => "SIGBUS",
        libc::SIGFPE => "SIGFPE",
        libc::SIGHUP => "SIGHUP",
        libc::SIGILL => "SIGILL",
        libc::SIGINT => "SIGINT",
        libc::SIGKILL => "SIGKILL",
        libc::SIGSEGV => "SIGSEGV",
        libc::SIGSYS => "SIGSYS",
        libc::SIGTERM => "SIGTERM",
        libc::SIGTRAP => "SIGTRAP",
        libc::SIGXCPU => "SIGXCPU",
        _ => return signal.to_string(),
    };
    name.into()
}
