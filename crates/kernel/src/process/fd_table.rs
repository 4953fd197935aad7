//! Descriptors of a process.

use crate::abi::Fd;
use crate::abi::fcntl::FdFlags;
use crate::errno::{Errno, Result};
use crate::vfs::FileDescription;
use parking_lot::Mutex;
use std::sync::{Arc, Weak};

/// A descriptor's entry.
#[derive(Clone, Debug)]
pub(crate) struct FdEntry {
    pub file: Arc<FileDescription>,
    pub flags: FdFlags,
}

/// A file whose open waits for the other end of a FIFO; `None` once it is open or given up.
pub(crate) type PendingFile = Mutex<Option<Arc<FileDescription>>>;

/// Map from descriptors to open file descriptions.
///
/// # Locking
/// Nothing is dropped here: closing a file may wake others, so displaced entries go to the caller, who
/// drops them without the table's lock.
#[derive(Debug, Default)]
pub(crate) struct FdTable {
    slots: Vec<Option<FdEntry>>,
    /// No descriptor below this one is free.
    lowest_free: usize,
    open: usize,
    /// Opens that wait.
    pending: Vec<Weak<PendingFile>>,
    /// Set when the process has ended; nothing can be installed any more.
    finished: bool,
}

impl FdTable {
    pub fn len(&self) -> usize {
        self.open
    }

    pub fn entry(&self, fd: Fd) -> Result<&FdEntry> {
        usize::try_from(fd)
            .ok()
            .and_then(|fd| self.slots.get(fd)?.as_ref())
            .ok_or(Errno::EBADF)
    }

    pub fn entry_mut(&mut self, fd: Fd) -> Result<&mut FdEntry> {
        usize::try_from(fd)
            .ok()
            .and_then(|fd| self.slots.get_mut(fd)?.as_mut())
            .ok_or(Errno::EBADF)
    }

    /// Puts files at the lowest free descriptors not below `min`: all of them or none.
    ///
    /// # Errors
    /// - `EMFILE`: one of them would not be below `limit`.
    /// - `ESRCH`: the process has ended.
    pub fn install<const N: usize>(
        &mut self,
        min: Fd,
        files: [Arc<FileDescription>; N],
        flags: FdFlags,
        limit: usize,
    ) -> Result<[Fd; N]> {
        if self.finished {
            return Err(Errno::ESRCH);
        }
        let min = usize::try_from(min).map_err(|_| Errno::EINVAL)?;
        let mut fds = [0; N];
        let mut next = min.max(self.lowest_free);
        for fd in &mut fds {
            while self.slots.get(next).is_some_and(Option::is_some) {
                next += 1;
            }
            if next >= limit {
                return Err(Errno::EMFILE);
            }
            *fd = Fd::try_from(next).map_err(|_| Errno::EMFILE)?;
            next += 1;
        }
        for (fd, file) in fds.iter().zip(files) {
            let index = usize::try_from(*fd).map_err(|_| Errno::EMFILE)?;
            self.put(index, FdEntry { file, flags });
        }
        if min <= self.lowest_free {
            self.lowest_free = next;
        }
        Ok(fds)
    }

    /// Puts a file at a given descriptor and returns what it displaced.
    ///
    /// # Errors
    /// - `EBADF`: the descriptor is negative or not below `limit`.
    /// - `ESRCH`: the process has ended.
    pub fn install_at(&mut self, fd: Fd, entry: FdEntry, limit: usize) -> Result<Option<FdEntry>> {
        if self.finished {
            return Err(Errno::ESRCH);
        }
        let index = usize::try_from(fd).map_err(|_| Errno::EBADF)?;
        if index >= limit {
            return Err(Errno::EBADF);
        }
        Ok(self.put(index, entry))
    }

    fn put(&mut self, index: usize, entry: FdEntry) -> Option<FdEntry> {
        if self.slots.len() <= index {
            self.slots.resize_with(index + 1, || None);
        }
        let displaced = self.slots[index].replace(entry);
        self.open += usize::from(displaced.is_none());
        displaced
    }

    /// Takes a descriptor out.
    ///
    /// # Errors
    /// - `EBADF`: it is not open.
    pub fn remove(&mut self, fd: Fd) -> Result<FdEntry> {
        let index = usize::try_from(fd).map_err(|_| Errno::EBADF)?;
        let entry = self
            .slots
            .get_mut(index)
            .and_then(Option::take)
            .ok_or(Errno::EBADF)?;
        self.open -= 1;
        self.lowest_free = self.lowest_free.min(index);
        Ok(entry)
    }

    /// Open descriptors, ascending.
    pub fn iter(&self) -> impl Iterator<Item = (Fd, &FdEntry)> {
        self.slots
            .iter()
            .enumerate()
            .filter_map(|(fd, slot)| Some((Fd::try_from(fd).ok()?, slot.as_ref()?)))
    }

    /// Remembers an open that waits.
    ///
    /// # Errors
    /// - `ESRCH`: the process has ended.
    pub fn wait_for(&mut self, pending: &Arc<PendingFile>) -> Result<()> {
        if self.finished {
            return Err(Errno::ESRCH);
        }
        self.pending.retain(|known| known.strong_count() > 0);
        self.pending.push(Arc::downgrade(pending));
        Ok(())
    }

    /// Takes everything out for good, also what waits to be opened; the process has ended.
    pub fn finish(&mut self) -> (Vec<FdEntry>, Vec<Arc<PendingFile>>) {
        self.finished = true;
        self.open = 0;
        let slots = core::mem::take(&mut self.slots);
        let pending = core::mem::take(&mut self.pending);
        (
            slots.into_iter().flatten().collect(),
            pending.iter().filter_map(Weak::upgrade).collect(),
        )
    }

    /// Takes out what `execve(2)` closes.
    pub fn take_cloexec(&mut self) -> Vec<FdEntry> {
        let closing: Vec<Fd> = self
            .iter()
            .filter(|(_, entry)| entry.flags.contains(FdFlags::FD_CLOEXEC))
            .map(|(fd, _)| fd)
            .collect();
        closing
            .into_iter()
            .filter_map(|fd| self.remove(fd).ok())
            .collect()
    }
}
