//! The way into every system call.

use super::Sysno;
use crate::abi::fcntl::AT_FDCWD;
use crate::errno::{Errno, Result};
use crate::limits::act_for;
use crate::process::{Fd, Process};
use crate::trace::{Outcome, SyscallEvent};
use crate::vfs::{At, FileDescription};
use core::fmt;
use core::sync::atomic::Ordering;
use core::task::{Context, Poll};
use std::sync::Arc;

impl Process {
    /// Runs a system call: a process that has ended gets `ESRCH`, a tracer is told.
    pub(crate) fn enter<T: fmt::Debug>(
        &self,
        call: Sysno,
        args: fmt::Arguments<'_>,
        run: impl FnOnce() -> Result<T>,
    ) -> Result<T> {
        act_for(self.origin());
        let result = if self.is_alive() {
            run()
        } else {
            Err(Errno::ESRCH)
        };
        if self.trace.enabled() {
            let outcome = match &result {
                Ok(value) => Outcome::Value(value),
                Err(errno) => Outcome::Failed(*errno),
            };
            self.trace.emit(&SyscallEvent {
                pid: self.pid(),
                name: call.name(),
                args,
                outcome,
            });
        }
        result
    }

    /// As [`Process::enter`], for a call that may have to wait; a stopped process waits in it.
    pub(crate) fn enter_poll<T: fmt::Debug>(
        &self,
        call: Sysno,
        args: fmt::Arguments<'_>,
        cx: &mut Context<'_>,
        run: impl FnOnce(&mut Context<'_>) -> Poll<Result<T>>,
    ) -> Poll<Result<T>> {
        act_for(self.origin());
        let result = if !self.is_alive() {
            Poll::Ready(Err(Errno::ESRCH))
        } else if self.waits_for_continue(cx) {
            Poll::Pending
        } else {
            run(cx)
        };
        let result = if result.is_pending() && self.ends_while_waiting(cx) {
            Poll::Ready(Err(Errno::ESRCH))
        } else {
            result
        };
        if self.trace.enabled() {
            let outcome = match &result {
                Poll::Ready(Ok(value)) => Outcome::Value(value),
                Poll::Ready(Err(errno)) => Outcome::Failed(*errno),
                Poll::Pending => Outcome::Pending,
            };
            self.trace.emit(&SyscallEvent {
                pid: self.pid(),
                name: call.name(),
                args,
                outcome,
            });
        }
        result
    }

    /// Registers for the end of the process, so that a kill ends every wait; tells whether it has ended.
    fn ends_while_waiting(&self, cx: &Context<'_>) -> bool {
        self.exited.register(cx);
        !self.is_alive()
    }

    /// Whether the process is stopped; if so, registers for its continuation.
    fn waits_for_continue(&self, cx: &Context<'_>) -> bool {
        let stopped = || self.stopped.load(Ordering::Acquire);
        if !stopped() {
            return false;
        }
        self.resumed.register(cx);
        stopped()
    }

    /// The open file behind a descriptor.
    ///
    /// # Errors
    /// - `EBADF`: the descriptor is not open.
    pub fn file(&self, fd: Fd) -> Result<Arc<FileDescription>> {
        self.fds.lock().entry(fd).map(|entry| entry.file.clone())
    }

    /// Starting points for a path relative to the working directory.
    pub(crate) fn at_cwd(&self) -> At {
        let fs = self.fs.lock();
        At {
            root: fs.root.clone(),
            base: fs.cwd.clone(),
            caller: self.caller(),
        }
    }

    /// Starting points for a path relative to `dirfd`, which absolute paths ignore.
    pub(crate) fn at(&self, dirfd: Fd, path: &[u8]) -> Result<At> {
        let mut at = self.at_cwd();
        if dirfd != AT_FDCWD && path.first() != Some(&b'/') {
            let base = self.file(dirfd)?.open_path().dentry.clone();
            // An empty path may name the descriptor itself, whatever it is.
            if !base.is_dir() && !path.is_empty() {
                return Err(Errno::ENOTDIR);
            }
            at.base = base;
        }
        Ok(at)
    }
}
