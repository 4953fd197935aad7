//! Copying a process (`fork(2)`), for runtimes that can copy a running program.

use super::{FdTable, Image, NewProcess, Process};
use crate::abi::Pid;
use crate::errno::Result;
use std::sync::Arc;

impl Process {
    /// Makes the child of `fork(2)`: it has copies of the descriptors (those that close on exec too), of the
    /// directories, the mask, the limits and the dispositions, and no pending signal. `start` gives it a program; when
    /// that fails the child never was.
    pub(crate) fn fork_with(&self, start: impl FnOnce(&Arc<Process>) -> Result<()>) -> Result<Pid> {
        let kernel = self.kernel()?;
        let image = self.image.lock().clone();
        let new = NewProcess {
            pid: Pid::from_raw(0),
            origin: Pid::from_raw(0),
            credentials: self.credentials().clone(),
            image: Image {
                argv: image.argv.clone(),
                envp: image.envp.clone(),
                exe: image.exe.clone(),
                comm: image.comm.clone(),
                title: image.title.clone(),
            },
            fs: self.fs.lock().clone(),
            fds: self.fds.lock().duplicate(),
            rlimits: *self.rlimits.lock(),
            signals: self.signals.for_fork(),
            account: self.account().clone(),
            attachment: None,
        };
        let child = kernel.enter_table(&self.arc()?, new, false, None)?;
        match start(&child) {
            Ok(()) => Ok(child.pid()),
            Err(errno) => {
                kernel.discard(&child);
                Err(errno)
            }
        }
    }
}

impl FdTable {
    /// A table with the same descriptors, which refer to the same open file descriptions.
    fn duplicate(&self) -> FdTable {
        let mut copy = FdTable::default();
        for (fd, entry) in self.iter() {
            // A fresh table takes everything that another one held.
            let placed: Result<_> = copy.install_at(fd, entry.clone(), usize::MAX);
            debug_assert!(placed.is_ok(), "a new table is not finished");
        }
        copy
    }
}
