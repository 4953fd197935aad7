//! A VM process, or the server thread that stands for one in this process.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::time::Duration;

use secure_exec_cpu_clock::CpuClock;
use secure_exec_protocol::{CallId, FrameWriter, Limit, VmId};

use crate::cpu_budget::CpuBudget;
use crate::cpu_limit;
use crate::files::FilesChannel;
use crate::isolation::{IsolationReport, Level};
pub(crate) use crate::keys::ProcessId;
use crate::keys::{TimerId, VmKey};
use crate::poller::{Interest, Poller};
use crate::sweep;
use crate::timer::Patience;

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
    pub(crate) writer: FrameWriter,
    pub(crate) files: FilesChannel,
    /// None for a thread of this process.
    pub(crate) child: Option<Box<dyn Life>>,
    pub(crate) stage: Stage,
    /// It said hello.
    pub(crate) ready: bool,
    /// What holds it back, looked at when it said so.
    pub(crate) isolation: Option<IsolationReport>,
    /// It said that it must not be used any more.
    pub(crate) gave_up: bool,
    /// It broke a rule or slept through a deadline: nothing is tried again that it was part of.
    pub(crate) faulty: bool,
    /// The VMs it serves, by its own numbers.
    pub(crate) vms: BTreeMap<VmId, VmKey>,
    /// VMs that were taken from it, each with the call that has told it to destroy the VM.
    pub(crate) leaving: BTreeMap<VmId, CallId>,
    /// End of file was seen on the socket.
    pub(crate) closed: bool,
    /// Nothing is read while the embedder has too much of it to take in.
    pub(crate) paused: bool,
    /// Bytes on their way to it that the embedder has given.
    pub(crate) from_embedder: u64,
    /// What its socket had taken when that was last looked at.
    pub(crate) seen_taken: u64,
    pub(crate) deadlines: Deadlines,
    /// What it takes of the processors, once it is ready; none of a thread of this process.
    pub(crate) cpu: Option<CpuBudget>,
    last_vm: VmId,
    interest: Interest,
}

/// Deadlines of a process that are set.
#[derive(Debug, Default)]
pub(crate) struct Deadlines {
    pub(crate) hello: Option<Patience>,
    pub(crate) frame: Option<Patience>,
    pub(crate) stuck: Option<Patience>,
    pub(crate) export: Option<TimerId>,
    pub(crate) end: Option<TimerId>,
}

impl Deadlines {
    /// Takes all of them, to cancel them.
    pub(crate) fn take(&mut self) -> impl Iterator<Item = TimerId> + use<> {
        let all = std::mem::take(self);
        let patience = [all.hello, all.frame, all.stuck].into_iter().flatten();
        let timers = [all.export, all.end].into_iter().flatten();
        patience.map(|patience| patience.timer).chain(timers)
    }
}

impl VmProcess {
    /// A process that was just started, and whose socket the poller waits for.
    pub(crate) fn new(
        writer: FrameWriter,
        files: FilesChannel,
        child: Option<Box<dyn Life>>,
    ) -> VmProcess {
        VmProcess {
            writer,
            files,
            child,
            stage: Stage::Serving,
            ready: false,
            isolation: None,
            gave_up: false,
            faulty: false,
            vms: BTreeMap::new(),
            leaving: BTreeMap::new(),
            closed: false,
            paused: false,
            from_embedder: 0,
            seen_taken: 0,
            deadlines: Deadlines::default(),
            cpu: None,
            last_vm: 0,
            interest: Interest {
                frames: true,
                room: false,
            },
        }
    }

    /// Looks at the process that says that it has confined itself.
    pub(crate) fn look_at(&mut self) {
        self.isolation = self.child.as_mut().map(|child| child.look_at());
    }

    /// Takes the timers that are set for it, to cancel them.
    pub(crate) fn timers(&mut self) -> impl Iterator<Item = TimerId> + use<> {
        let look = self.cpu.as_mut().and_then(|cpu| cpu.look.take());
        self.deadlines.take().chain(look)
    }

    /// Takes in a VM and gives it a number.
    pub(crate) fn adopt(&mut self, vm: VmKey) -> VmId {
        self.last_vm += 1;
        self.vms.insert(self.last_vm, vm);
        self.last_vm
    }

    pub(crate) fn wait_for_room(&mut self, poller: &Poller, id: ProcessId, room: bool) {
        self.set_interest(
            poller,
            id,
            Interest {
                room,
                ..self.interest
            },
        );
    }

    pub(crate) fn wait_for_frames(&mut self, poller: &Poller, id: ProcessId, frames: bool) {
        self.set_interest(
            poller,
            id,
            Interest {
                frames,
                ..self.interest
            },
        );
    }

    fn set_interest(&mut self, poller: &Poller, id: ProcessId, interest: Interest) {
        if !self.closed && std::mem::replace(&mut self.interest, interest) != interest {
            poller.set_socket(self.writer.fd(), id, interest);
        }
    }

    /// Ends the connection.
    pub(crate) fn close(&mut self, poller: &Poller) {
        if !std::mem::replace(&mut self.closed, true) {
            poller.remove(self.writer.fd());
        }
        self.writer.shut_down();
    }

    /// Whether it would like to go on and cannot. The threads of a VM in this process are not looked at.
    pub(crate) fn is_busy(&self) -> bool {
        let held = self.cpu.as_ref().is_some_and(|cpu| cpu.held);
        held || self.child.as_ref().is_none_or(|child| child.is_busy())
    }
}

/// What the broker can do with a child process.
pub(crate) trait Life: Send {
    fn pid(&self) -> i32;
    /// Becomes readable when it ends.
    fn fd(&self) -> RawFd;
    /// What holds it back.
    fn look_at(&mut self) -> IsolationReport;
    /// Sends SIGKILL, to what descends from it as well.
    fn kill(&self);
    /// Reaps it if it has ended and says how.
    fn try_wait(&mut self) -> Option<String>;
    /// Whether one of its threads runs, waits for the processor or waits for the disk.
    fn is_busy(&self) -> bool;
    /// Processor time that it has used.
    fn cpu_time(&self) -> Duration;
    /// Threads that it has; 0 where the system does not tell.
    fn threads(&self) -> usize;
    /// Stops it, or lets it go on.
    fn hold(&self, held: bool);
    /// Has the kernel end it when it has used this much, where that can be.
    fn bound_cpu(&mut self, most: Duration);
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
    /// The kernel does not take limits for it from this process.
    unbounded: bool,
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
        sweep::expect(pid);
        Ok(Child {
            pid,
            pidfd,
            reaped: false,
            alone: false,
            swept: Cell::new(false),
            unbounded: false,
        })
    }
}

impl Life for Child {
    fn fd(&self) -> RawFd {
        self.pidfd.as_raw_fd()
    }

    fn pid(&self) -> i32 {
        self.pid
    }

    fn look_at(&mut self) -> IsolationReport {
        let report = IsolationReport::of(self.pid);
        self.alone = report.level >= Level::Partial && !sweep::has_children(self.pid);
        if self.alone {
            sweep::expect_nothing(self.pid);
        }
        report
    }

    fn kill(&self) {
        if self.alone || self.reaped {
            sweep::signal_fd(&self.pidfd, libc::SIGKILL);
        } else if !self.swept.replace(true) {
            sweep::end(self.pid, &self.pidfd);
        }
    }

    fn try_wait(&mut self) -> Option<String> {
        let mut status = 0;
        let mut pid = 0;
        let reaped = sweep::reap(self.pid, || {
            // SAFETY: `status` is valid for the call; the pid is our own unreaped child.
            pid = unsafe { libc::waitpid(self.pid, &raw mut status, libc::WNOHANG) };
            pid != 0
        });
        if !reaped {
            return None;
        }
        self.reaped = true;
        if pid < 0 {
            return Some("unknown cause".into());
        }
        if libc::WIFSIGNALED(status) {
            return Some(format!("signal {}", signal_name(libc::WTERMSIG(status))));
        }
        Some(format!("exit status {}", libc::WEXITSTATUS(status)))
    }

    fn is_busy(&self) -> bool {
        let Ok(threads) = std::fs::read_dir(format!("/proc/{}/task", self.pid)) else {
            return false;
        };
        threads.flatten().any(|thread| {
            std::fs::read_to_string(thread.path().join("stat")).is_ok_and(|stat| is_busy(&stat))
        })
    }

    fn cpu_time(&self) -> Duration {
        if self.reaped {
            return Duration::ZERO;
        }
        CpuClock::of_process(self.pid).time()
    }

    fn threads(&self) -> usize {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.pid));
        stat.ok().and_then(|stat| threads(&stat)).unwrap_or(0)
    }

    fn hold(&self, held: bool) {
        let signal = if held { libc::SIGSTOP } else { libc::SIGCONT };
        sweep::signal_fd(&self.pidfd, signal);
    }

    fn bound_cpu(&mut self, most: Duration) {
        if !self.unbounded && !self.reaped {
            self.unbounded = !cpu_limit::bound(self.pid, most);
        }
    }
}

/// The fields of a `stat` (`proc_pid_stat(5)`) from the third on: they follow the name, which is in parentheses and may
/// have some of its own.
fn fields(stat: &str) -> impl Iterator<Item = &str> {
    let rest = stat.rsplit_once(") ").map_or("", |(_, rest)| rest);
    rest.split_ascii_whitespace()
}

/// Whether a thread runs or waits uninterruptibly, by its `stat`: the state is the third field.
fn is_busy(stat: &str) -> bool {
    matches!(fields(stat).next(), Some("R" | "D"))
}

/// The number of threads, by the `stat` of a process: the 20th field.
fn threads(stat: &str) -> Option<usize> {
    fields(stat).nth(17)?.parse().ok()
}

impl Drop for Child {
    fn drop(&mut self) {
        if self.reaped {
            return;
        }
        self.kill();
        let mut status = 0;
        sweep::reap(self.pid, || {
            // SAFETY: as in `try_wait`; SIGKILL is on its way, so this ends.
            unsafe { libc::waitpid(self.pid, &raw mut status, 0) };
            true
        });
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_busy_thread_is_told_by_its_state() {
        assert!(is_busy("12 (secure-exec-vm) R 1 12"));
        assert!(is_busy("12 (a) S 1) D 1 12"));
        assert!(!is_busy("12 (R) S 1 12"));
        assert!(!is_busy(""));
    }

    #[test]
    fn threads_are_counted() {
        let (stopped, running) = std::sync::mpsc::channel::<()>();
        let stat = || std::fs::read_to_string("/proc/self/stat").expect("own status");
        let before = threads(&stat()).expect("a number");
        assert!(before >= 1);
        let thread = std::thread::spawn(move || running.recv());
        // Other tests start threads of theirs meanwhile, and theirs end.
        while threads(&stat()).expect("a number") == before {
            std::thread::yield_now();
        }
        drop(stopped);
        let _ = thread.join();
        let line = format!("12 (a) R) S {}7 0", "1 ".repeat(16));
        assert_eq!(threads(&line), Some(7));
        assert_eq!(threads("12 (a) S 1"), None);
    }
}
