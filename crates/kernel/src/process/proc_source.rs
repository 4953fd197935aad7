//! The machine and its processes, as `/proc` shows them.

use super::{Process, ProcessState};
use crate::abi::resource::{RLIM_NLIMITS, Rlimit};
use crate::abi::stat::{FileKind, Timespec};
use crate::abi::{Fd, Pid};
use crate::errno::Result;
use crate::fs::procfs::{ProcEntry, ProcSource, ProcState, SignalMasks, Standing};
use crate::kernel::Kernel;
use crate::vfs::{Credentials, FileDescription, Vfs, VirtualDentry};
use std::sync::Arc;

impl ProcSource for Kernel {
    fn pids(&self) -> Vec<Pid> {
        self.table.lock().rows().map(|(pid, _)| pid).collect()
    }

    fn process(&self, pid: Pid) -> Option<Arc<dyn ProcEntry>> {
        let process = Kernel::process(self, pid)?;
        Some(process)
    }

    fn sockets(&self) -> Vec<Arc<FileDescription>> {
        let processes: Vec<Arc<Process>> = {
            let table = self.table.lock();
            table.rows().map(|(_, row)| row.process.clone()).collect()
        };
        let mut sockets: Vec<Arc<FileDescription>> = Vec::new();
        for process in processes {
            let fds = process.fds.lock();
            let open = fds.iter().map(|(_, entry)| &entry.file);
            sockets.extend(open.filter(|file| file.kind() == FileKind::Socket).cloned());
        }
        sockets.sort_by_key(|file| file.inode().ino());
        sockets.dedup_by_key(|file| file.inode().ino());
        sockets
    }

    fn vfs(&self) -> &Arc<Vfs> {
        &self.vfs
    }

    fn hostname(&self) -> &str {
        Kernel::hostname(self)
    }

    fn cpu_count(&self) -> usize {
        self.config.cpu_count
    }

    fn memory(&self) -> (u64, u64) {
        (self.config.memory_bytes, self.tmpfs().used_bytes())
    }

    fn uptime(&self) -> Timespec {
        Kernel::uptime(self)
    }
}

impl ProcEntry for Process {
    fn pid(&self) -> Pid {
        Process::pid(self)
    }

    fn origin(&self) -> Pid {
        Process::origin(self)
    }

    fn credentials(&self) -> &Arc<Credentials> {
        Process::credentials(self)
    }

    fn argv(&self) -> Vec<Vec<u8>> {
        Process::shown_argv(self)
    }

    fn envp(&self) -> Vec<(Vec<u8>, Vec<u8>)> {
        Process::envp(self)
    }

    fn exe(&self) -> Vec<u8> {
        Process::exe(self)
    }

    fn comm(&self) -> Vec<u8> {
        self.image.lock().comm.clone()
    }

    fn directories(&self) -> (VirtualDentry, VirtualDentry) {
        let fs = self.fs.lock();
        (fs.root.clone(), fs.cwd.clone())
    }

    fn umask(&self) -> u32 {
        self.fs.lock().umask
    }

    fn fds(&self) -> Vec<Fd> {
        self.fds.lock().iter().map(|(fd, _)| fd).collect()
    }

    fn open_file(&self, fd: Fd) -> Option<Arc<FileDescription>> {
        let fds = self.fds.lock();
        Some(fds.entry(fd).ok()?.file.clone())
    }

    fn rlimits(&self) -> [Rlimit; RLIM_NLIMITS] {
        *self.rlimits.lock()
    }

    fn signal_masks(&self) -> SignalMasks {
        let (pending, ignored, caught) = self.signals.masks();
        SignalMasks {
            pending,
            ignored,
            caught,
        }
    }

    fn started(&self) -> Timespec {
        self.started
    }

    fn standing(&self) -> Result<Standing> {
        let kernel = self.kernel()?;
        let (ppid, pgid, sid, state) = {
            let table = kernel.table.lock();
            let row = table.row(self.pid())?;
            (row.ppid, row.pgid, row.sid, row.state)
        };
        let terminal = kernel.ttys().of_session(sid);
        Ok(Standing {
            ppid,
            pgid,
            sid,
            state: match state {
                ProcessState::Running => ProcState::Alive,
                ProcessState::Stopped(_) => ProcState::Stopped,
                ProcessState::Zombie(_) => ProcState::Zombie,
            },
            tty: terminal.as_ref().map_or(0, |pty| pty.device()),
            foreground: terminal.and_then(|pty| pty.foreground()),
        })
    }
}
