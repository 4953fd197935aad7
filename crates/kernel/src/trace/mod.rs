//! Tracing of system calls, signals and ends, in the format of `strace(1)`.
//!
//! A line is what `strace -f -a1` prints: the process in brackets, the call as Linux has it, its arguments and its
//! result by name. Where a call of this kernel is none of Linux's, the one is shown that does it there (`ioctl(2)` for
//! the terminal's). Nothing of this runs while nobody traces.

mod errors;
mod events;
mod flags;
mod socket;
mod structs;
mod terminal;
mod text;
mod values;

pub use events::{ProcessEvent, SignalInfo};
pub(crate) use flags::{
    Access, At, Descriptor, Dir, Events, FileMode, Id, Inotify, Mode, Offset, Open, Pipe, Rename,
    Wait, Watch, Whence,
};
pub(crate) use socket::{
    Address, Half, Header, MessageFlags, OptionRead, OptionSet, OptionalAddress, Sender,
    SocketFamily, SocketFlags, SocketKind, SocketOption,
};
pub(crate) use structs::{SetTimes, Shown};
pub(crate) use terminal::WindowSize;
pub(crate) use text::{Data, Quoted, Strings, Variables, list};
pub(crate) use values::{
    Filled, Octal, Random, Read, Revents, Stored, Terminated, Traced, Vectors,
};

use crate::abi::Pid;
use crate::errno::Errno;
use core::fmt;
use core::sync::atomic::{AtomicBool, Ordering};
use parking_lot::RwLock;
use std::sync::Arc;
use text::POINTER;

/// A system call that has returned. It displays as a line of strace.
pub struct SyscallEvent<'a> {
    /// Who called; 0 is the host's file agent.
    pub pid: Pid,
    /// Name in the table of system calls.
    pub name: &'static str,
    /// Name that strace shows.
    pub(crate) shown: &'static str,
    pub(crate) args: Args<'a>,
    pub(crate) outcome: Outcome<'a>,
}

/// Result of a traced system call.
pub(crate) enum Outcome<'a> {
    /// It succeeded.
    Value(&'a dyn Traced),
    /// It failed.
    Failed(Errno),
    /// It did not return: the process ended in it.
    Never,
}

/// Arguments of a system call: those before what it gives back through memory, and those behind.
pub(crate) struct Args<'a> {
    before: fmt::Arguments<'a>,
    /// None if the call gives nothing back that way.
    after: Option<fmt::Arguments<'a>>,
}

impl<'a> Args<'a> {
    /// Arguments around what the call gives back through memory.
    pub fn around(before: fmt::Arguments<'a>, after: fmt::Arguments<'a>) -> Args<'a> {
        Args {
            before,
            after: Some(after),
        }
    }
}

impl<'a> From<fmt::Arguments<'a>> for Args<'a> {
    fn from(before: fmt::Arguments<'a>) -> Args<'a> {
        Args {
            before,
            after: None,
        }
    }
}

impl fmt::Display for SyscallEvent<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (args, outcome) = (&self.args, &self.outcome);
        write!(f, "[pid {:>5}] {}({}", self.pid, self.shown, args.before)?;
        if let Some(after) = args.after {
            match outcome {
                Outcome::Value(value) => value.out(f)?,
                Outcome::Failed(_) | Outcome::Never => f.write_str(POINTER)?,
            }
            write!(f, "{after}")?;
        }
        f.write_str(") = ")?;
        match outcome {
            Outcome::Value(value) => value.value(f),
            Outcome::Failed(errno) => {
                write!(f, "-1 {} ({})", errno.name(), errors::strerror(*errno))
            }
            Outcome::Never => f.write_str("?"),
        }
    }
}

/// Receiver of what is traced; runs on the calling thread, without kernel locks held.
pub trait Tracer: Send + Sync {
    /// Takes note of a call that has returned.
    fn syscall(&self, event: &SyscallEvent<'_>);

    /// Takes note of a signal, a stop or an end.
    fn process(&self, event: &ProcessEvent);
}

/// Switch and target of tracing.
#[derive(Default)]
pub(crate) struct Trace {
    enabled: AtomicBool,
    tracer: RwLock<Option<Arc<dyn Tracer>>>,
}

impl Trace {
    pub fn set(&self, tracer: Option<Arc<dyn Tracer>>) {
        self.enabled.store(tracer.is_some(), Ordering::Release);
        *self.tracer.write() = tracer;
    }

    pub fn enabled(&self) -> bool {
        self.enabled.load(Ordering::Relaxed)
    }

    pub fn emit(&self, event: &SyscallEvent<'_>) {
        let tracer = self.tracer.read().clone();
        if let Some(tracer) = tracer {
            tracer.syscall(event);
        }
    }

    /// Tells of a process; `event` is made only if somebody listens.
    pub fn tell(&self, event: impl FnOnce() -> ProcessEvent) {
        if !self.enabled() {
            return;
        }
        let tracer = self.tracer.read().clone();
        if let Some(tracer) = tracer {
            tracer.process(&event());
        }
    }
}
