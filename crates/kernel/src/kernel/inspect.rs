//! What a kernel holds, and which limits were met.

use super::Kernel;
use crate::abi::Pid;
use crate::limits::LimitBreach;
use crate::process::{Process, ProcessInfo};
use core::sync::atomic::Ordering;
use std::collections::BTreeMap;

/// What a kernel holds right now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ResourceCounts {
    /// Processes, zombies included, init not.
    pub processes: usize,
    /// Processes that have ended and were not waited for.
    pub zombies: usize,
    /// Open descriptors of all processes.
    pub fds: usize,
    /// Pipes made by guests.
    pub pipes: usize,
    /// Sockets made by guests.
    pub sockets: usize,
    /// Connections of TCP.
    pub connections: usize,
    /// Sockets of TCP that listen.
    pub listeners: usize,
    /// Bytes that wait in sockets, and in pipes that a process has open.
    pub buffered_bytes: usize,
    /// Pseudoterminals.
    pub ptys: usize,
    /// Inotify instances.
    pub inotify_instances: usize,
    /// Bytes that files hold, in whole 4 KiB blocks.
    pub filesystem_bytes: u64,
    /// Inodes.
    pub inodes: u64,
}

impl Kernel {
    /// All processes, ascending, init included.
    pub fn processes(&self) -> Vec<ProcessInfo> {
        let table = self.table.lock();
        let infos = table.rows().map(|(pid, row)| {
            let image = row.process.image.lock().clone();
            ProcessInfo {
                pid,
                ppid: row.ppid,
                pgid: row.pgid,
                sid: row.sid,
                uid: row.process.uid(),
                state: row.state,
                argv: image.argv.clone(),
                exe: image.exe.clone(),
                fds: row.process.fds.lock().len(),
            }
        });
        infos.collect()
    }

    /// What the kernel holds.
    pub fn resource_counts(&self) -> ResourceCounts {
        let mut fds = 0;
        let mut pipes = BTreeMap::new();
        let (processes, zombies) = {
            let table = self.table.lock();
            for (_, row) in table.rows() {
                let open = row.process.fds.lock();
                fds += open.len();
                let files = open.iter().filter_map(|(_, entry)| entry.file.file());
                pipes.extend(files.filter_map(|file| file.buffered()));
            }
            (table.len(), table.zombies())
        };
        ResourceCounts {
            processes,
            zombies,
            fds,
            pipes: self.vfs.pipes.load(Ordering::Relaxed),
            sockets: self.net.sockets(),
            connections: self.net.connections(),
            listeners: self.net.loopback.listeners().len(),
            buffered_bytes: self.net.buffered.used() + pipes.values().sum::<usize>(),
            ptys: self.ttys.count(),
            inotify_instances: self.vfs.watches.instances.load(Ordering::Relaxed),
            filesystem_bytes: self.tmpfs.used_bytes(),
            inodes: self.tmpfs.used_inodes(),
        }
    }

    /// Takes the breaches of limits noted since the last call.
    pub fn take_limit_breaches(&self) -> Vec<LimitBreach> {
        self.vfs.ledger.take()
    }

    /// Takes those of one process of the embedder's and all that descend from it; with `None` those of the embedder's
    /// own file operations and of programs that did not start.
    pub fn take_limit_breaches_of(&self, origin: Option<Pid>) -> Vec<LimitBreach> {
        self.vfs.ledger.take_of(origin)
    }

    /// Notes how much is in use of a limit that a runtime keeps: by a process, or by nobody in particular. Whoever watches
    /// is told once it is most of it.
    pub fn note_limit_use(&self, process: Option<&Process>, usage: LimitBreach) {
        let ledger = &self.vfs.ledger;
        match process {
            Some(process) => ledger.in_use_for(process.origin(), usage),
            None => ledger.in_use_for(Pid::from_raw(0), usage),
        }
    }

    /// Notes a breach of a limit that a runtime keeps: by a process, or by whomever the calling thread works for.
    pub fn note_limit_breach(&self, pid: Option<Pid>, breach: LimitBreach) {
        let process = pid.and_then(|pid| self.process(pid));
        match process {
            Some(process) => self.vfs.ledger.record_for(process.origin(), breach),
            None => self
                .vfs
                .ledger
                .record(breach.limit, breach.bound, breach.used),
        }
    }
}
