//! The way into every system call.

use super::Sysno;
use crate::abi::Fd;
use crate::abi::fcntl::AT_FDCWD;
use crate::errno::{Errno, Result};
use crate::limits::act_for;
use crate::process::Process;
use crate::trace::{Args, Filled, Outcome, Read, SyscallEvent, Traced};
use crate::vfs::{At, FileDescription};
use core::sync::atomic::Ordering;
use core::task::{Context, Poll};
use std::sync::Arc;

impl Process {
    /// Runs a system call: a process that has ended gets `ESRCH`, a tracer is told.
    pub(crate) fn enter<'a, T: Traced>(
        &self,
        call: Sysno,
        args: impl Into<Args<'a>>,
        run: impl FnOnce() -> Result<T>,
    ) -> Result<T> {
        act_for(self.origin(), self.pid());
        if !self.is_alive() {
            return Err(Errno::ESRCH);
        }
        let result = run();
        if self.trace.enabled() {
            self.emit(call, args.into(), result.as_ref().map(|value| value as _));
        }
        result
    }

    /// As [`Process::enter`], for a call that fills a buffer.
    pub(crate) fn enter_into<'a, B: Filled + ?Sized>(
        &self,
        call: Sysno,
        args: Args<'a>,
        buf: &mut B,
        run: impl FnOnce(&mut B) -> Result<usize>,
    ) -> Result<usize> {
        act_for(self.origin(), self.pid());
        if !self.is_alive() {
            return Err(Errno::ESRCH);
        }
        let result = run(buf);
        self.emit_read(call, args, buf, &result);
        result
    }

    /// As [`Process::enter`], for a call that may have to wait; a stopped process waits in it.
    pub(crate) fn enter_poll<'a, T: Traced>(
        &self,
        call: Sysno,
        args: impl Into<Args<'a>>,
        cx: &mut Context<'_>,
        run: impl FnOnce(&mut Context<'_>) -> Poll<Result<T>>,
    ) -> Poll<Result<T>> {
        let Some(polled) = self.poll_alive(cx, run) else {
            self.emit_unfinished(call, args.into());
            return Poll::Ready(Err(Errno::ESRCH));
        };
        if let Poll::Ready(result) = &polled
            && self.trace.enabled()
        {
            self.emit(call, args.into(), result.as_ref().map(|value| value as _));
        }
        polled
    }

    /// As [`Process::enter_poll`], for a call that fills a buffer.
    pub(crate) fn enter_poll_into<'a, B: Filled + ?Sized>(
        &self,
        call: Sysno,
        args: Args<'a>,
        buf: &mut B,
        cx: &mut Context<'_>,
        run: impl FnOnce(&mut B, &mut Context<'_>) -> Poll<Result<usize>>,
    ) -> Poll<Result<usize>> {
        let Some(polled) = self.poll_alive(cx, |cx| run(buf, cx)) else {
            self.emit_unfinished(call, args);
            return Poll::Ready(Err(Errno::ESRCH));
        };
        if let Poll::Ready(result) = &polled {
            self.emit_read(call, args, buf, result);
        }
        polled
    }

    /// Polls for a process that goes on; none once it has ended.
    fn poll_alive<T>(
        &self,
        cx: &mut Context<'_>,
        run: impl FnOnce(&mut Context<'_>) -> Poll<Result<T>>,
    ) -> Option<Poll<Result<T>>> {
        act_for(self.origin(), self.pid());
        if !self.is_alive() {
            return None;
        }
        let polled = if self.waits_for_continue(cx) {
            Poll::Pending
        } else {
            run(cx)
        };
        let ended = polled.is_pending() && self.ends_while_waiting(cx);
        (!ended).then_some(polled)
    }

    /// Tells the tracer of a call.
    pub(super) fn emit(
        &self,
        call: Sysno,
        args: Args<'_>,
        result: core::result::Result<&dyn Traced, &Errno>,
    ) {
        let outcome = match result {
            Ok(value) => Outcome::Value(value),
            Err(errno) => Outcome::Failed(*errno),
        };
        self.emit_outcome(call, args, outcome);
    }

    fn emit_read<B: Filled + ?Sized>(
        &self,
        call: Sysno,
        args: Args<'_>,
        buf: &B,
        result: &Result<usize>,
    ) {
        if self.trace.enabled() {
            let read = result.as_ref().map(|count| Read(buf, *count));
            let told = read.as_ref().map(|read| read as _);
            self.emit(call, args, told.map_err(|errno| *errno));
        }
    }

    /// Tells of a call in which the process has ended.
    pub(super) fn emit_unfinished(&self, call: Sysno, args: Args<'_>) {
        if self.trace.enabled() {
            self.emit_outcome(call, args, Outcome::Never);
        }
    }

    fn emit_outcome(&self, call: Sysno, args: Args<'_>, outcome: Outcome<'_>) {
        self.trace.emit(&SyscallEvent {
            pid: self.pid(),
            name: call.name(),
            shown: call.shown(),
            args,
            outcome,
        });
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
