//! What calls give back: through memory, and as their value.

use super::flags::{Descriptor, Events, Mode, Open};
use super::structs::Shown;
use super::terminal::WindowSize;
use super::text::{Data, Hex, POINTER, Quoted, list};
use crate::abi::fcntl::{FdFlags, OpenFlags};
use crate::abi::inotify::InotifyEvent;
use crate::abi::poll::PollEvents;
use crate::abi::resource::Rlimit;
use crate::abi::signal::{Disposition, Signal};
use crate::abi::stat::{DirEntry, Stat, StatFs, Timespec};
use crate::abi::termios::{Termios, Winsize};
use crate::abi::utsname::Utsname;
use crate::abi::wait::ExitStatus;
use crate::abi::{Fd, Pid};
use core::fmt::{self, Display};

/// A result as strace shows it.
pub(crate) trait Traced {
    /// What the call gives back through memory, among its arguments.
    fn out(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(POINTER)
    }

    /// What it returns.
    fn value(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("0")
    }
}

impl Traced for () {}

macro_rules! numbers {
    ($($type:ty)*) => {
        $(impl Traced for $type {
            fn value(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        })*
    };
}

numbers! { Fd Pid usize u64 }

/// A number that is given back through memory.
pub(crate) struct Stored<T>(pub T);

impl<T: fmt::Display> Traced for Stored<T> {
    fn out(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "[{}]", self.0)
    }
}

/// A mode that is returned.
pub(crate) struct Octal(pub u32);

impl Traced for Octal {
    fn value(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Mode(self.0).fmt(f)
    }
}

/// Two descriptors; the second may be handed over to somebody else before it has a number.
impl Traced for (Fd, Option<Fd>) {
    fn out(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            (first, Some(second)) => write!(f, "[{first}, {second}]"),
            (first, None) => write!(f, "[{first}, ...]"),
        }
    }
}

impl Traced for (Fd, Fd) {
    fn out(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (self.0, Some(self.1)).out(f)
    }
}

impl Traced for OpenFlags {
    fn value(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#x} (flags {})", self.bits(), Open(*self))
    }
}

impl Traced for FdFlags {
    fn value(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_empty() {
            return f.write_str("0");
        }
        write!(f, "{:#x} (flags {})", self.bits(), Descriptor(*self))
    }
}

/// Readiness that `poll(2)` found.
pub(crate) struct Revents(pub Fd, pub PollEvents);

impl Traced for Revents {
    fn value(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "1 ([{{fd={}, revents={}}}])", self.0, Events(self.1))
    }
}

/// Bytes read, of a buffer.
pub(crate) struct Read<'b, B: ?Sized>(pub &'b B, pub usize);

/// A buffer that a call fills.
pub(crate) trait Filled {
    /// Shows the first `count` bytes.
    fn filled(&self, count: usize, f: &mut fmt::Formatter<'_>) -> fmt::Result;
}

impl Filled for [u8] {
    fn filled(&self, count: usize, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Data(&self[..count.min(self.len())]).fmt(f)
    }
}

impl Filled for [&mut [u8]] {
    fn filled(&self, count: usize, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut left = count;
        let parts: Vec<(&[u8], usize)> = self
            .iter()
            .map(|buf| {
                let taken = left.min(buf.len());
                left -= taken;
                (&buf[..taken], buf.len())
            })
            .collect();
        list(f, &parts, |(data, length), f| {
            write!(f, "{{iov_base={}, iov_len={length}}}", Data(data))
        })
    }
}

impl<B: Filled + ?Sized> Traced for Read<'_, B> {
    fn out(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.filled(self.1, f)
    }

    fn value(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.1.fmt(f)
    }
}

/// Random bytes.
pub(crate) struct Random<'b>(pub &'b mut [u8]);

impl Filled for Random<'_> {
    fn filled(&self, count: usize, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Hex(&self.0[..count.min(self.0.len())]).fmt(f)
    }
}

/// Buffers that a call writes.
pub(crate) struct Vectors<'b>(pub &'b [&'b [u8]]);

impl fmt::Display for Vectors<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        list(f, self.0, |data, f| {
            write!(f, "{{iov_base={}, iov_len={}}}", Data(data), data.len())
        })
    }
}

impl Traced for Vec<u8> {
    fn out(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Quoted(self).fmt(f)
    }

    fn value(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.len().fmt(f)
    }
}

/// A string whose final NUL counts.
pub(crate) struct Terminated(pub Vec<u8>);

impl Traced for Terminated {
    fn out(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Quoted(&self.0).fmt(f)
    }

    fn value(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (self.0.len() + 1).fmt(f)
    }
}

impl Traced for Option<(Pid, ExitStatus)> {
    fn out(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some((_, status)) = self else {
            return f.write_str(POINTER);
        };
        match status {
            ExitStatus::Exited(code) => {
                write!(f, "[{{WIFEXITED(s) && WEXITSTATUS(s) == {code}}}]")
            }
            ExitStatus::Signaled(signal, core) => {
                let core = if *core { " && WCOREDUMP(s)" } else { "" };
                write!(f, "[{{WIFSIGNALED(s) && WTERMSIG(s) == {signal:?}{core}}}]")
            }
            ExitStatus::Stopped(signal) => {
                write!(f, "[{{WIFSTOPPED(s) && WSTOPSIG(s) == {signal:?}}}]")
            }
            ExitStatus::Continued => f.write_str("[{WIFCONTINUED(s)}]"),
        }
    }

    fn value(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.map_or(Pid::from_raw(0), |(pid, _)| pid).fmt(f)
    }
}

impl Traced for Signal {
    fn out(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{{si_signo={self:?}, ...}}")
    }

    fn value(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({self:?})", self.raw())
    }
}

impl fmt::Display for Shown<'_, Disposition> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let handler = match self.0 {
            Disposition::Default => "SIG_DFL",
            Disposition::Ignore => "SIG_IGN",
            Disposition::Handle => POINTER,
        };
        write!(f, "{{sa_handler={handler}, sa_mask=[], sa_flags=0}}")
    }
}

macro_rules! structures {
    ($($type:ty)*) => {
        $(impl Traced for $type {
            fn out(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(&Shown(self), f)
            }
        })*
    };
}

structures! { Disposition Rlimit Stat StatFs Termios Timespec Utsname }

impl Traced for Winsize {
    fn out(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        WindowSize(*self).fmt(f)
    }
}

/// Entries of a directory; strace shows their number.
fn entries<'e>(
    names: impl Iterator<Item = &'e DirEntry> + Clone,
    out: bool,
    f: &mut fmt::Formatter<'_>,
) -> fmt::Result {
    if out {
        return write!(f, "{POINTER} /* {} entries */", names.count());
    }
    // `struct linux_dirent64`: 19 bytes and the name with its NUL, padded to 8.
    let bytes: usize = names
        .map(|entry| (entry.name.len() + 20).next_multiple_of(8))
        .sum();
    bytes.fmt(f)
}

impl Traced for Vec<DirEntry> {
    fn out(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        entries(self.iter(), true, f)
    }

    fn value(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        entries(self.iter(), false, f)
    }
}

impl Traced for Vec<(DirEntry, u64)> {
    fn out(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        entries(self.iter().map(|(entry, _)| entry), true, f)
    }

    fn value(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        entries(self.iter().map(|(entry, _)| entry), false, f)
    }
}

/// Events as `read(2)` gives them: `struct inotify_event` with the name padded to 16 bytes.
fn inotify_bytes(events: &[InotifyEvent]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for event in events {
        let length = if event.name.is_empty() {
            0
        } else {
            (event.name.len() + 1).next_multiple_of(16)
        };
        bytes.extend_from_slice(&event.wd.to_le_bytes());
        bytes.extend_from_slice(&event.mask.bits().to_le_bytes());
        bytes.extend_from_slice(&event.cookie.to_le_bytes());
        bytes.extend_from_slice(&u32::try_from(length).unwrap_or(u32::MAX).to_le_bytes());
        let end = bytes.len() + length;
        bytes.extend_from_slice(&event.name);
        bytes.resize(end, 0);
    }
    bytes
}

impl Traced for Vec<InotifyEvent> {
    fn out(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Data(&inotify_bytes(self)).fmt(f)
    }

    fn value(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        inotify_bytes(self).len().fmt(f)
    }
}
