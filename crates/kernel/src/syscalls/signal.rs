//! Sending and receiving signals.

use super::Sysno;
use crate::abi::Pid;
use crate::abi::signal::{Disposition, Signal};
use crate::errno::{Errno, Result};
use crate::process::{Process, ProcessState};
use crate::trace::{self, Args, SignalInfo};
use core::task::{Context, Poll};
use std::sync::Arc;

impl Process {
    /// Implements `kill(2)`: to a process (positive), the own group (0), everybody (-1) or a group (negative).
    ///
    /// # Errors
    /// - `ESRCH`: nobody is meant.
    /// - `EPERM`: nobody who is meant may be signalled.
    pub fn kill(&self, pid: i32, signal: Signal) -> Result<()> {
        self.enter(Sysno::Kill, format_args!("{pid}, {signal:?}"), || {
            let permitted = self.permitted_targets(pid)?;
            let info = self.signal_info();
            for target in permitted {
                target.deliver_from(signal, info);
            }
            Ok(())
        })
    }

    /// Implements `kill(2)` with signal 0: checks that somebody could be signalled.
    ///
    /// # Errors
    /// As [`Process::kill`].
    pub fn kill_check(&self, pid: i32) -> Result<()> {
        self.enter(Sysno::Kill, format_args!("{pid}, 0"), || {
            self.permitted_targets(pid).map(drop)
        })
    }

    /// What tells a target who has signalled it.
    pub(crate) fn signal_info(&self) -> SignalInfo {
        SignalInfo::User {
            pid: self.pid(),
            uid: self.uid(),
        }
    }

    fn permitted_targets(&self, pid: i32) -> Result<Vec<Arc<Process>>> {
        let kernel = self.kernel()?;
        let table = kernel.table.lock();
        let own_pgid = table.row(self.pid()).map(|row| row.pgid);
        let mut targets = Vec::new();
        match pid {
            1.. => targets.push(table.row(Pid::from_raw(pid))?.process.clone()),
            // As on Linux, everybody means neither init nor the caller.
            -1 => targets.extend(
                table
                    .rows()
                    .filter(|(target, _)| *target != Pid::INIT && *target != self.pid())
                    .map(|(_, row)| row.process.clone()),
            ),
            _ => {
                let group = if pid == 0 {
                    own_pgid?
                } else {
                    Pid::from_raw(pid.checked_neg().ok_or(Errno::ESRCH)?)
                };
                targets.extend(
                    table
                        .rows()
                        .filter(|(_, row)| row.pgid == group)
                        .map(|(_, row)| row.process.clone()),
                );
            }
        }
        drop(table);
        if targets.is_empty() {
            return Err(Errno::ESRCH);
        }
        targets.retain(|target| self.may_signal(target));
        if targets.is_empty() {
            Err(Errno::EPERM)
        } else {
            Ok(targets)
        }
    }

    fn may_signal(&self, target: &Process) -> bool {
        let credentials = self.credentials();
        credentials.privileged()
            || credentials.euid == target.uid()
            || credentials.uid == target.uid()
    }

    /// Implements `sigaction(2)`; returns what the signal did before.
    ///
    /// # Errors
    /// - `EINVAL`: `SIGKILL` and `SIGSTOP` cannot be changed.
    pub fn sigaction(&self, signal: Signal, disposition: Disposition) -> Result<Disposition> {
        self.enter(
            Sysno::Sigaction,
            Args::around(
                format_args!("{signal:?}, {}, ", trace::Shown(&disposition)),
                format_args!(", 8"),
            ),
            || self.change_disposition(signal, disposition),
        )
    }

    /// Waits for the next signal that has a handler.
    ///
    /// # Blocking
    /// Pending until there is one; for good once the process has ended.
    pub fn poll_signal(&self, cx: &mut Context<'_>) -> Poll<Signal> {
        let polled = self.enter_poll(
            Sysno::Sigtimedwait,
            Args::around(format_args!("~[], "), format_args!(", NULL, 8")),
            cx,
            |cx| self.signals.poll_take(cx).map(Ok),
        );
        match polled {
            Poll::Ready(Ok(signal)) => Poll::Ready(signal),
            Poll::Ready(Err(_)) | Poll::Pending => Poll::Pending,
        }
    }

    /// Waits for one signal, which must have a handler (`sigtimedwait(2)` for a set of one).
    ///
    /// # Blocking
    /// Pending until there is one; for good once the process has ended.
    pub fn poll_signal_of(&self, signal: Signal, cx: &mut Context<'_>) -> Poll<()> {
        let polled = self.enter_poll(
            Sysno::Sigtimedwait,
            Args::around(format_args!("[{signal:?}], "), format_args!(", NULL, 8")),
            cx,
            |cx| self.signals.poll_take_one(signal, cx).map(|()| Ok(signal)),
        );
        match polled {
            Poll::Ready(Ok(_)) => Poll::Ready(()),
            Poll::Ready(Err(_)) | Poll::Pending => Poll::Pending,
        }
    }

    /// Whether a signal has stopped the process.
    pub fn is_stopped(&self) -> bool {
        self.kernel().is_ok_and(|kernel| {
            kernel
                .table
                .lock()
                .row(self.pid())
                .is_ok_and(|row| matches!(row.state, ProcessState::Stopped(_)))
        })
    }
}
