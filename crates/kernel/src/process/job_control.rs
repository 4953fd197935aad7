//! Job control: groups without a shell, access to the terminal, hang-ups (POSIX XBD 11.1).

use super::{Process, ProcessState, ProcessTable};
use crate::abi::Pid;
use crate::abi::signal::{Disposition, Signal};
use crate::errno::{Errno, Result};
use crate::kernel::Kernel;
use crate::tty::{Pty, SignalSink, Terminal};
use crate::vfs::FileDescription;
use std::sync::Arc;

/// What a process does with a terminal that only the foreground group may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TerminalUse {
    /// Reads.
    Read,
    /// Writes, which `TOSTOP` decides about.
    Write,
    /// Changes settings.
    Change,
}

/// Answer to a process that wants to use its terminal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Access {
    /// It may.
    Granted,
    /// It has been signalled instead, and may try again when it has been continued.
    Signalled,
}

impl ProcessTable {
    /// Whether nobody outside a group, but in its session, is parent of a member; `leaving` is not counted.
    pub fn orphaned(&self, pgid: Pid, leaving: Option<Pid>) -> bool {
        !self.rows().any(|(pid, row)| {
            let counts = row.pgid == pgid
                && leaving != Some(pid)
                && !matches!(row.state, ProcessState::Zombie(_))
                && row.ppid != Pid::INIT;
            counts
                && self
                    .row(row.ppid)
                    .is_ok_and(|parent| parent.pgid != pgid && parent.sid == row.sid)
        })
    }

    fn has_stopped(&self, pgid: Pid) -> bool {
        self.rows()
            .any(|(_, row)| row.pgid == pgid && matches!(row.state, ProcessState::Stopped(_)))
    }

    /// Groups that the end of `pid` leaves without a parent in their session while members are stopped. They
    /// get `SIGHUP` and `SIGCONT`, for nobody is left to continue them.
    pub fn groups_orphaned_by(&self, pid: Pid) -> Vec<Pid> {
        let Ok(row) = self.row(pid) else {
            return Vec::new();
        };
        let mut groups = Vec::new();
        if let Ok(parent) = self.row(row.ppid)
            && parent.pgid != row.pgid
            && parent.sid == row.sid
            && self.orphaned(row.pgid, Some(pid))
        {
            groups.push(row.pgid);
        }
        for child in row
            .children
            .iter()
            .filter_map(|child| self.row(*child).ok())
        {
            let apart = child.pgid != row.pgid && child.sid == row.sid;
            if apart && !groups.contains(&child.pgid) && self.orphaned_without(child.pgid, pid) {
                groups.push(child.pgid);
            }
        }
        groups.retain(|group| self.has_stopped(*group));
        groups
    }

    /// As [`ProcessTable::orphaned`], when the children of `parent` have gone to init.
    fn orphaned_without(&self, pgid: Pid, parent: Pid) -> bool {
        !self.rows().any(|(pid, row)| {
            let counts = row.pgid == pgid
                && pid != parent
                && row.ppid != parent
                && row.ppid != Pid::INIT
                && !matches!(row.state, ProcessState::Zombie(_));
            counts
                && self
                    .row(row.ppid)
                    .is_ok_and(|other| other.pgid != pgid && other.sid == row.sid)
        })
    }
}

impl Kernel {
    /// Delivers a signal to every process of a group.
    pub(crate) fn deliver_to_group(&self, pgid: Pid, signal: Signal) {
        let members: Vec<Arc<Process>> = {
            let table = self.table.lock();
            let rows = table.rows().filter(|(_, row)| row.pgid == pgid);
            rows.map(|(_, row)| row.process.clone()).collect()
        };
        for member in members {
            member.deliver(signal);
        }
    }
}

impl SignalSink for Kernel {
    fn signal_process(&self, pid: Pid, signal: Signal) {
        if let Some(process) = self.process(pid) {
            process.deliver(signal);
        }
    }

    fn signal_group(&self, pgid: Pid, signal: Signal) {
        self.deliver_to_group(pgid, signal);
    }

    fn session_of(&self, pid: Pid) -> Option<Pid> {
        self.table.lock().row(pid).ok().map(|row| row.sid)
    }
}

impl Process {
    /// Controlling terminal.
    pub(crate) fn controlling_terminal(&self) -> Option<Arc<Pty>> {
        let kernel = self.kernel().ok()?;
        let sid = kernel.session_of(self.pid())?;
        kernel.ttys().of_session(sid)
    }

    /// Checks whether this process may use an open file, should it be its terminal; Linux's
    /// `__tty_check_change`.
    ///
    /// # Errors
    /// - `EIO`: it is in the background, and nobody could bring it to the foreground or it would not hear.
    pub(crate) fn check_terminal(
        &self,
        file: &FileDescription,
        purpose: TerminalUse,
    ) -> Result<Access> {
        match Terminal::of(file) {
            Some(Terminal::Slave(pty)) => self.check_pty(pty, purpose),
            _ => Ok(Access::Granted),
        }
    }

    pub(crate) fn check_pty(&self, pty: &Pty, purpose: TerminalUse) -> Result<Access> {
        if purpose == TerminalUse::Write && !pty.tostop() {
            return Ok(Access::Granted);
        }
        let (Some(session), Some(foreground)) = (pty.session(), pty.foreground()) else {
            return Ok(Access::Granted);
        };
        let kernel = self.kernel()?;
        let (group, orphaned) = {
            let table = kernel.table.lock();
            let row = table.row(self.pid())?;
            if row.sid != session || row.pgid == foreground {
                return Ok(Access::Granted);
            }
            (row.pgid, table.orphaned(row.pgid, None))
        };
        let signal = if purpose == TerminalUse::Read {
            Signal::SIGTTIN
        } else {
            Signal::SIGTTOU
        };
        if self.signals.disposition(signal) == Disposition::Ignore {
            return if signal == Signal::SIGTTIN {
                Err(Errno::EIO)
            } else {
                Ok(Access::Granted)
            };
        }
        if orphaned {
            return Err(Errno::EIO);
        }
        kernel.deliver_to_group(group, signal);
        Ok(Access::Signalled)
    }
}
