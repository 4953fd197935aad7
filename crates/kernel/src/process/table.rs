//! The process table: who exists, whose child it is, and which group and session it belongs to.

use super::Process;
use crate::abi::Pid;
use crate::abi::signal::Signal;
use crate::abi::wait::ExitStatus;
use crate::errno::{Errno, Result};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// State of a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProcessState {
    /// Runs.
    Running,
    /// Stopped by a signal.
    Stopped(Signal),
    /// Ended, and its parent has not collected the status.
    Zombie(ExitStatus),
}

/// What is publicly known about a process.
#[derive(Clone, Debug)]
pub struct ProcessInfo {
    /// Process id.
    pub pid: Pid,
    /// Parent.
    pub ppid: Pid,
    /// Process group.
    pub pgid: Pid,
    /// Session.
    pub sid: Pid,
    /// Real user id.
    pub uid: u32,
    /// State.
    pub state: ProcessState,
    /// Arguments.
    pub argv: Vec<Vec<u8>>,
    /// Executable.
    pub exe: Vec<u8>,
    /// Open descriptors.
    pub fds: usize,
}

/// A row of the table.
pub(crate) struct Row {
    pub process: Arc<Process>,
    pub ppid: Pid,
    pub pgid: Pid,
    pub sid: Pid,
    pub state: ProcessState,
    pub children: BTreeSet<Pid>,
    /// Whether the image was replaced since the start; `setpgid(2)` from the parent then fails.
    pub execed: bool,
    /// A stop or continuation that `wait4(2)` has not reported yet.
    pub unreported: Option<ExitStatus>,
}

/// All processes.
#[derive(Default)]
pub(crate) struct ProcessTable {
    rows: BTreeMap<Pid, Row>,
    last_pid: i32,
}

impl ProcessTable {
    /// Processes, zombies included, without init.
    pub fn len(&self) -> usize {
        self.rows.len().saturating_sub(1)
    }

    pub fn zombies(&self) -> usize {
        self.rows
            .values()
            .filter(|row| matches!(row.state, ProcessState::Zombie(_)))
            .count()
    }

    pub fn row(&self, pid: Pid) -> Result<&Row> {
        self.rows.get(&pid).ok_or(Errno::ESRCH)
    }

    pub fn row_mut(&mut self, pid: Pid) -> Result<&mut Row> {
        self.rows.get_mut(&pid).ok_or(Errno::ESRCH)
    }

    pub fn rows(&self) -> impl Iterator<Item = (Pid, &Row)> {
        self.rows.iter().map(|(pid, row)| (*pid, row))
    }

    /// Next number that names neither a process nor a group nor a session.
    pub fn allocate_pid(&mut self) -> Pid {
        loop {
            self.last_pid = if self.last_pid >= Pid::MAX.raw() {
                2
            } else {
                self.last_pid + 1
            };
            let pid = Pid::from_raw(self.last_pid);
            let taken = self.rows.contains_key(&pid)
                || self
                    .rows
                    .values()
                    .any(|row| row.pgid == pid || row.sid == pid);
            if !taken {
                return pid;
            }
        }
    }

    /// Makes init's row.
    pub fn insert_init(&mut self, init: &Arc<Process>) {
        self.last_pid = self.last_pid.max(Pid::INIT.raw());
        let row = Row {
            process: init.clone(),
            ppid: Pid::from_raw(0),
            pgid: Pid::INIT,
            sid: Pid::INIT,
            state: ProcessState::Running,
            children: BTreeSet::new(),
            execed: false,
            unreported: None,
        };
        self.insert(Pid::INIT, row);
    }

    pub fn insert(&mut self, pid: Pid, row: Row) {
        if let Some(parent) = self.rows.get_mut(&row.ppid) {
            parent.children.insert(pid);
        }
        self.rows.insert(pid, row);
    }

    /// Takes a process out of the table.
    pub fn remove(&mut self, pid: Pid) -> Option<Row> {
        let row = self.rows.remove(&pid)?;
        if let Some(parent) = self.rows.get_mut(&row.ppid) {
            parent.children.remove(&pid);
        }
        Some(row)
    }

    /// Hands the children of `pid` to init and takes those out that have ended already.
    pub fn reparent_children(&mut self, pid: Pid) -> Vec<Row> {
        let Some(row) = self.rows.get_mut(&pid) else {
            return Vec::new();
        };
        let children = core::mem::take(&mut row.children);
        let mut reaped = Vec::new();
        for child in children {
            let Some(row) = self.rows.get_mut(&child) else {
                continue;
            };
            row.ppid = Pid::INIT;
            if matches!(row.state, ProcessState::Zombie(_)) {
                reaped.extend(self.rows.remove(&child));
            } else if let Some(init) = self.rows.get_mut(&Pid::INIT) {
                init.children.insert(child);
            }
        }
        reaped
    }

    /// Whether a process group with this number exists in the session.
    pub fn group_in_session(&self, pgid: Pid, sid: Pid) -> bool {
        self.rows
            .values()
            .any(|row| row.pgid == pgid && row.sid == sid)
    }
}
