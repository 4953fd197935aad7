//! Signals (`__wasi_signal_t`).

use secure_exec_kernel::Signal;

/// By number, from 1 on.
const SIGNALS: [Signal; 30] = [
    Signal::SIGHUP,
    Signal::SIGINT,
    Signal::SIGQUIT,
    Signal::SIGILL,
    Signal::SIGTRAP,
    Signal::SIGABRT,
    Signal::SIGBUS,
    Signal::SIGFPE,
    Signal::SIGKILL,
    Signal::SIGUSR1,
    Signal::SIGSEGV,
    Signal::SIGUSR2,
    Signal::SIGPIPE,
    Signal::SIGALRM,
    Signal::SIGTERM,
    Signal::SIGCHLD,
    Signal::SIGCONT,
    Signal::SIGSTOP,
    Signal::SIGTSTP,
    Signal::SIGTTIN,
    Signal::SIGTTOU,
    Signal::SIGURG,
    Signal::SIGXCPU,
    Signal::SIGXFSZ,
    Signal::SIGVTALRM,
    Signal::SIGPROF,
    Signal::SIGWINCH,
    Signal::SIGIO,
    Signal::SIGPWR,
    Signal::SIGSYS,
];

/// The signal of a number. 0 is none.
#[must_use]
pub fn signal(number: u32) -> Option<Signal> {
    let index = usize::try_from(number.checked_sub(1)?).ok()?;
    SIGNALS.get(index).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_those_of_preview_1() {
        assert_eq!(signal(0), None);
        assert_eq!(signal(9), Some(Signal::SIGKILL));
        assert_eq!(signal(16), Some(Signal::SIGCHLD));
        assert_eq!(signal(30), Some(Signal::SIGSYS));
        assert_eq!(signal(31), None);
    }
}
