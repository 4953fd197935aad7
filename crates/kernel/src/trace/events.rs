//! What happens to processes beside their calls.

use crate::abi::Pid;
use crate::abi::signal::Signal;
use crate::abi::wait::ExitStatus;
use core::fmt;

/// Nanoseconds of a tick, in which processor time is told.
const TICK_NS: u64 = 10_000_000;

/// Where a signal comes from (`siginfo_t`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SignalInfo {
    /// The kernel: the terminal.
    Kernel,
    /// `kill(2)`, or an error of the process's own (`SIGPIPE`).
    User {
        /// Who sent it.
        pid: Pid,
        /// Whose that is.
        uid: u32,
    },
    /// A child changed its state.
    Child {
        /// The child.
        pid: Pid,
        /// Whose that is.
        uid: u32,
        /// How it changed.
        status: ExitStatus,
        /// Its processor time in nanoseconds: of the program and of the kernel.
        cpu_ns: (u64, u64),
    },
}

/// Something that happened to a process. It displays as a line of strace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProcessEvent {
    /// A signal arrived.
    Signalled {
        /// Whom it reached.
        pid: Pid,
        /// Which.
        signal: Signal,
        /// Where it comes from.
        info: SignalInfo,
    },
    /// A signal stopped the process.
    Stopped {
        /// Who was stopped.
        pid: Pid,
        /// By which signal.
        signal: Signal,
    },
    /// The process ended.
    Ended {
        /// Who ended.
        pid: Pid,
        /// How.
        status: ExitStatus,
    },
}

impl ProcessEvent {
    /// To whom it happened.
    pub fn pid(&self) -> Pid {
        match self {
            ProcessEvent::Signalled { pid, .. }
            | ProcessEvent::Stopped { pid, .. }
            | ProcessEvent::Ended { pid, .. } => *pid,
        }
    }
}

impl fmt::Display for ProcessEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "[pid {:>5}] ", self.pid())?;
        match self {
            ProcessEvent::Signalled { signal, info, .. } => {
                write!(f, "--- {signal:?} {{si_signo={signal:?}, {info}}} ---")
            }
            ProcessEvent::Stopped { signal, .. } => write!(f, "--- stopped by {signal:?} ---"),
            ProcessEvent::Ended { status, .. } => match status {
                ExitStatus::Signaled(signal, core) => {
                    let core = if *core { " (core dumped)" } else { "" };
                    write!(f, "+++ killed by {signal:?}{core} +++")
                }
                status => write!(f, "+++ exited with {} +++", status.code()),
            },
        }
    }
}

impl fmt::Display for SignalInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SignalInfo::Kernel => f.write_str("si_code=SI_KERNEL"),
            SignalInfo::User { pid, uid } => {
                write!(f, "si_code=SI_USER, si_pid={pid}, si_uid={uid}")
            }
            SignalInfo::Child {
                pid,
                uid,
                status,
                cpu_ns: (user, system),
            } => {
                let (code, status) = child_code(*status);
                let (utime, stime) = (user / TICK_NS, system / TICK_NS);
                write!(
                    f,
                    "si_code={code}, si_pid={pid}, si_uid={uid}, si_status={status}, si_utime={utime}, si_stime={stime}"
                )
            }
        }
    }
}

fn child_code(status: ExitStatus) -> (&'static str, String) {
    match status {
        ExitStatus::Exited(code) => ("CLD_EXITED", code.to_string()),
        ExitStatus::Signaled(signal, true) => ("CLD_DUMPED", format!("{signal:?}")),
        ExitStatus::Signaled(signal, false) => ("CLD_KILLED", format!("{signal:?}")),
        ExitStatus::Stopped(signal) => ("CLD_STOPPED", format!("{signal:?}")),
        ExitStatus::Continued => ("CLD_CONTINUED", "SIGCONT".into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_those_of_strace() {
        let pid = Pid::from_raw(7);
        let child = SignalInfo::Child {
            pid: Pid::from_raw(8),
            uid: 1000,
            status: ExitStatus::Exited(3),
            cpu_ns: (25_000_000, 0),
        };
        let user = SignalInfo::User {
            pid: Pid::from_raw(9),
            uid: 0,
        };
        let signalled = |signal, info| ProcessEvent::Signalled { pid, signal, info };
        let ended = |status| ProcessEvent::Ended { pid, status };
        let lines = [
            signalled(Signal::SIGCHLD, child),
            signalled(Signal::SIGUSR1, user),
            signalled(Signal::SIGWINCH, SignalInfo::Kernel),
            ProcessEvent::Stopped {
                pid,
                signal: Signal::SIGSTOP,
            },
            ended(ExitStatus::Exited(0)),
            ended(ExitStatus::Signaled(Signal::SIGKILL, false)),
            ended(ExitStatus::Signaled(Signal::SIGABRT, true)),
        ]
        .map(|event| event.to_string());
        assert_eq!(
            lines,
            [
                "[pid     7] --- SIGCHLD {si_signo=SIGCHLD, si_code=CLD_EXITED, si_pid=8, si_uid=1000, si_status=3, \
                 si_utime=2, si_stime=0} ---",
                "[pid     7] --- SIGUSR1 {si_signo=SIGUSR1, si_code=SI_USER, si_pid=9, si_uid=0} ---",
                "[pid     7] --- SIGWINCH {si_signo=SIGWINCH, si_code=SI_KERNEL} ---",
                "[pid     7] --- stopped by SIGSTOP ---",
                "[pid     7] +++ exited with 0 +++",
                "[pid     7] +++ killed by SIGKILL +++",
                "[pid     7] +++ killed by SIGABRT (core dumped) +++",
            ]
        );
    }
}
