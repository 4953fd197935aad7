//! Numbers that name things to a guest.

use core::fmt;

/// A file descriptor.
pub type Fd = i32;

/// A process id.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Pid(i32);

impl Pid {
    /// The process that adopts orphans.
    pub const INIT: Pid = Pid(1);
    /// Highest number; counting starts over after it (`kernel.pid_max`).
    pub const MAX: Pid = Pid(4_194_304);

    /// Takes a number.
    pub const fn from_raw(number: i32) -> Pid {
        Pid(number)
    }

    /// Number.
    pub const fn raw(self) -> i32 {
        self.0
    }
}

impl fmt::Debug for Pid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl fmt::Display for Pid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}
