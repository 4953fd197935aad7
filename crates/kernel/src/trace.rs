//! Tracing of system calls.

use crate::errno::Errno;
use crate::process::Pid;
use core::fmt;
use core::sync::atomic::{AtomicBool, Ordering};
use parking_lot::RwLock;
use std::sync::Arc;

/// A system call that has returned.
pub struct SyscallEvent<'a> {
    /// Who called; 0 is the host's file agent.
    pub pid: Pid,
    /// Name as in the man page.
    pub name: &'static str,
    /// Arguments as `strace(1)` would show them.
    pub args: fmt::Arguments<'a>,
    /// Result.
    pub outcome: Outcome<'a>,
}

/// Result of a traced system call.
pub enum Outcome<'a> {
    /// It succeeded with this value.
    Value(&'a dyn fmt::Debug),
    /// It failed.
    Failed(Errno),
    /// It waits, and will be called again.
    Pending,
}

impl fmt::Display for SyscallEvent<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "[{}] {}({}) = ", self.pid, self.name, self.args)?;
        match self.outcome {
            Outcome::Value(value) => write!(f, "{value:?}"),
            Outcome::Failed(errno) => write!(f, "-1 {} ({})", errno.name(), errno.message()),
            Outcome::Pending => f.write_str("?"),
        }
    }
}

/// Receiver of traced system calls; runs on the calling thread, without kernel locks held.
pub trait Tracer: Send + Sync {
    /// Takes note of a call.
    fn syscall(&self, event: &SyscallEvent<'_>);
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
}

/// Bytes as a quoted string.
pub(crate) struct Quoted<'a>(pub &'a [u8]);

impl fmt::Display for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{}\"", self.0.escape_ascii())
    }
}
