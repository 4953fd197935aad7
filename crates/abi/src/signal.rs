//! `signal.h`: signals and their default actions.

use core::fmt;

/// A signal number, 1 to 64.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Signal(u8);

/// What a signal does when no disposition was set (`signal(7)`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DefaultAction {
    /// Ends the process.
    Term,
    /// Ends the process and dumps core.
    Core,
    /// Nothing.
    Ign,
    /// Stops the process.
    Stop,
    /// Continues the process if it is stopped.
    Cont,
}

macro_rules! signals {
    ($($name:ident $number:literal $action:ident)*) => {
        impl Signal {
            $(#[doc = concat!("`", stringify!($name), "`.")] pub const $name: Signal = Signal($number);)*

            /// Named signals, ascending.
            pub const ALL: &'static [Signal] = &[$(Signal($number)),*];

            /// Name as C spells it; real-time signals are `"SIGRT"`.
            pub const fn name(self) -> &'static str {
                match self.0 {
                    $($number => stringify!($name),)*
                    _ => "SIGRT",
                }
            }

            /// Finds a signal by its C name.
            pub fn from_name(name: &str) -> Option<Signal> {
                match name {
                    $(stringify!($name) => Some(Signal($number)),)*
                    "SIGIOT" => Some(Signal::SIGABRT),
                    "SIGPOLL" => Some(Signal::SIGIO),
                    _ => None,
                }
            }

            /// Default action.
            pub const fn default_action(self) -> DefaultAction {
                match self.0 {
                    $($number => DefaultAction::$action,)*
                    _ => DefaultAction::Term,
                }
            }
        }
    };
}

signals! {
    SIGHUP 1 Term
    SIGINT 2 Term
    SIGQUIT 3 Core
    SIGILL 4 Core
    SIGTRAP 5 Core
    SIGABRT 6 Core
    SIGBUS 7 Core
    SIGFPE 8 Core
    SIGKILL 9 Term
    SIGUSR1 10 Term
    SIGSEGV 11 Core
    SIGUSR2 12 Term
    SIGPIPE 13 Term
    SIGALRM 14 Term
    SIGTERM 15 Term
    SIGSTKFLT 16 Term
    SIGCHLD 17 Ign
    SIGCONT 18 Cont
    SIGSTOP 19 Stop
    SIGTSTP 20 Stop
    SIGTTIN 21 Stop
    SIGTTOU 22 Stop
    SIGURG 23 Ign
    SIGXCPU 24 Core
    SIGXFSZ 25 Core
    SIGVTALRM 26 Term
    SIGPROF 27 Term
    SIGWINCH 28 Ign
    SIGIO 29 Term
    SIGPWR 30 Term
    SIGSYS 31 Core
}

impl Signal {
    /// Highest signal number.
    pub const MAX: u8 = 64;

    /// Takes a number from a guest; `None` outside 1 to 64.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "it was just compared, and `u8::try_from` is not const"
    )]
    pub const fn from_raw(number: i32) -> Option<Signal> {
        if number >= 1 && number <= Signal::MAX as i32 {
            Some(Signal(number as u8))
        } else {
            None
        }
    }

    /// Signal number.
    pub const fn raw(self) -> u8 {
        self.0
    }
}

impl fmt::Debug for Signal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0 < 32 {
            f.write_str(self.name())
        } else {
            write!(f, "SIGRT_{}", self.0 - 32)
        }
    }
}

/// What a process does with a signal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Disposition {
    /// The default action.
    #[default]
    Default,
    /// The signal is discarded.
    Ignore,
    /// The signal is queued for the guest's handler (`Process::poll_signal`).
    Handle,
}
