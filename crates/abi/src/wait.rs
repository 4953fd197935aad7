//! `sys/wait.h`: exit statuses.

use super::signal::Signal;
use bitflags::bitflags;

bitflags! {
    /// Options of `wait4(2)`.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
    pub struct WaitFlags: i32 {
        /// Returns at once when no child has changed state.
        const WNOHANG = 1;
        /// Also reports stopped children.
        const WUNTRACED = 2;
        /// Also reports continued children.
        const WCONTINUED = 8;
        const _ = !0;
    }
}

/// How a process ended, or, from `wait4(2)` with the options for it, how it changed state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ExitStatus {
    /// Ended by itself with this status.
    Exited(u8),
    /// Ended by a signal; the flag tells whether a core was written. No process of this kernel writes one.
    Signaled(Signal, bool),
    /// Stopped by a signal.
    Stopped(Signal),
    /// Continued by `SIGCONT`.
    Continued,
}

impl ExitStatus {
    /// Status as a shell shows it: the exit code, or 128 plus the signal's number.
    pub const fn code(self) -> i32 {
        match self {
            ExitStatus::Exited(code) => code as i32,
            ExitStatus::Signaled(signal, _) | ExitStatus::Stopped(signal) => {
                128 + signal.raw() as i32
            }
            ExitStatus::Continued => 0,
        }
    }

    /// Word that `wait4(2)` stores through its status pointer.
    pub const fn wait_status(self) -> i32 {
        match self {
            ExitStatus::Exited(code) => (code as i32) << 8,
            ExitStatus::Signaled(signal, core) => signal.raw() as i32 | if core { 0x80 } else { 0 },
            ExitStatus::Stopped(signal) => (signal.raw() as i32) << 8 | 0x7f,
            ExitStatus::Continued => 0xffff,
        }
    }

    /// Signal that ended the process, if one did.
    pub const fn signal(self) -> Option<Signal> {
        match self {
            ExitStatus::Signaled(signal, _) => Some(signal),
            _ => None,
        }
    }
}
