//! Signals: Linux's numbers and names, dispositions, and taking those that were caught.

use std::collections::VecDeque;
use std::io;
use std::sync::{Mutex, MutexGuard, PoisonError};

use secure_exec_abi::signal::Signal;

use crate::backend;

/// What a process does when a signal arrives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(i32)]
pub enum Disposition {
    Default = 0,
    Ignore = 1,
    /// The signal interrupts a blocking call and waits to be taken with [`take`].
    Catch = 2,
}

pub const SIGHUP: i32 = Signal::SIGHUP.raw() as i32;
pub const SIGINT: i32 = Signal::SIGINT.raw() as i32;
pub const SIGQUIT: i32 = Signal::SIGQUIT.raw() as i32;
pub const SIGKILL: i32 = Signal::SIGKILL.raw() as i32;
pub const SIGPIPE: i32 = Signal::SIGPIPE.raw() as i32;
pub const SIGALRM: i32 = Signal::SIGALRM.raw() as i32;
pub const SIGTERM: i32 = Signal::SIGTERM.raw() as i32;
pub const SIGCHLD: i32 = Signal::SIGCHLD.raw() as i32;
pub const SIGCONT: i32 = Signal::SIGCONT.raw() as i32;
pub const SIGSTOP: i32 = Signal::SIGSTOP.raw() as i32;
pub const SIGTSTP: i32 = Signal::SIGTSTP.raw() as i32;
pub const SIGTTIN: i32 = Signal::SIGTTIN.raw() as i32;
pub const SIGTTOU: i32 = Signal::SIGTTOU.raw() as i32;
pub const SIGWINCH: i32 = Signal::SIGWINCH.raw() as i32;

/// Names without `SIG`, by number; 0 is `EXIT` in the shell's sense.
const NAMES: [&str; 32] = [
    "EXIT", "HUP", "INT", "QUIT", "ILL", "TRAP", "ABRT", "BUS", "FPE", "KILL", "USR1", "SEGV",
    "USR2", "PIPE", "ALRM", "TERM", "STKFLT", "CHLD", "CONT", "STOP", "TSTP", "TTIN", "TTOU",
    "URG", "XCPU", "XFSZ", "VTALRM", "PROF", "WINCH", "POLL", "PWR", "SYS",
];

/// What `strsignal(3)` says, by number.
const DESCRIPTIONS: [&str; 32] = [
    "",
    "Hangup",
    "Interrupt",
    "Quit",
    "Illegal instruction",
    "Trace/breakpoint trap",
    "Aborted",
    "Bus error",
    "Floating point exception",
    "Killed",
    "User defined signal 1",
    "Segmentation fault",
    "User defined signal 2",
    "Broken pipe",
    "Alarm clock",
    "Terminated",
    "Stack fault",
    "Child exited",
    "Continued",
    "Stopped (signal)",
    "Stopped",
    "Stopped (tty input)",
    "Stopped (tty output)",
    "Urgent I/O condition",
    "CPU time limit exceeded",
    "File size limit exceeded",
    "Virtual timer expired",
    "Profiling timer expired",
    "Window changed",
    "I/O possible",
    "Power failure",
    "Bad system call",
];

/// The largest signal number.
pub const MAX: i32 = Signal::MAX as i32;
/// The first real-time signal as the C library counts them.
const RTMIN: i32 = 34;

/// The name without `SIG`; real-time signals are `RTMIN+n` and `RTMAX-n`.
#[must_use]
pub fn name(signal: i32) -> Option<String> {
    if let Some(name) = usize::try_from(signal).ok().and_then(|i| NAMES.get(i)) {
        return Some((*name).to_owned());
    }
    match signal {
        RTMIN => Some("RTMIN".to_owned()),
        MAX => Some("RTMAX".to_owned()),
        35..=49 => Some(format!("RTMIN+{}", signal - RTMIN)),
        50..=63 => Some(format!("RTMAX-{}", MAX - signal)),
        _ => None,
    }
}

/// The number of a signal given by name, with or without `SIG`, in any case.
#[must_use]
pub fn number(name: &str) -> Option<i32> {
    let upper = name.to_ascii_uppercase();
    let bare = upper.strip_prefix("SIG").unwrap_or(&upper);
    let alias = match bare {
        "IOT" => "ABRT",
        "CLD" => "CHLD",
        "IO" => "POLL",
        other => other,
    };
    (0..=MAX).find(|&n| self::name(n).is_some_and(|known| known == alias))
}

/// What happened, for a person: `Terminated`.
#[must_use]
pub fn description(signal: i32) -> String {
    match usize::try_from(signal)
        .ok()
        .and_then(|i| DESCRIPTIONS.get(i))
    {
        Some(text) => (*text).to_owned(),
        None if (RTMIN..=MAX).contains(&signal) => format!("Real-time signal {}", signal - RTMIN),
        None => format!("Unknown signal {signal}"),
    }
}

/// Sets what happens when `signal` arrives and gives what was set before.
///
/// # Errors
/// `EINVAL`: no such signal, or it cannot be caught or ignored.
pub fn action(signal: i32, disposition: Disposition) -> io::Result<Disposition> {
    backend::sig_action(signal, disposition)
}

/// A caught signal that has arrived, removing it.
#[must_use]
pub fn take() -> Option<i32> {
    let aside = aside().pop_front();
    aside.or_else(backend::sig_take)
}

/// Caught signals that were taken before somebody asked for them.
fn aside() -> MutexGuard<'static, VecDeque<i32>> {
    static ASIDE: Mutex<VecDeque<i32>> = Mutex::new(VecDeque::new());
    ASIDE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Sets the caught signals that have arrived aside, for [`take`] to give later. While they are pending, every call
/// that waits is interrupted at once.
pub fn set_aside() {
    aside().extend(std::iter::from_fn(backend::sig_take));
}

/// Forgets what was set aside, as a copy of the process must: the signals came for the original.
pub fn forget_set_aside() {
    aside().clear();
}

/// Waits for a caught signal, for ever or so many milliseconds.
///
/// # Errors
/// `ETIMEDOUT`: none came in time.
pub fn wait(timeout_ms: Option<u32>) -> io::Result<i32> {
    let aside = aside().pop_front();
    if let Some(signal) = aside {
        return Ok(signal);
    }
    backend::sig_wait(timeout_ms)
}

#[cfg(test)]
mod tests {
    use super::{name, number};

    #[test]
    fn names_and_numbers_agree() {
        for n in 1..=31 {
            assert_eq!(name(n).as_deref().and_then(number), Some(n));
        }
        assert_eq!(number("sigterm"), Some(15));
        assert_eq!(number("IOT"), Some(6));
        assert_eq!(number("NOPE"), None);
        assert_eq!(name(0).as_deref(), Some("EXIT"));
    }
}
