//! Listing directories.

use super::Sysno;
use crate::abi::fcntl::R_OK;
use crate::abi::stat::{DirEntry, FileKind};
use crate::errno::{Errno, Result};
use crate::process::{Fd, Process};
use crate::trace::Quoted;
use crate::vfs::{LastLink, check_permission};

/// Entries that one `getdents64` returns at most.
const DIRENT_BATCH: usize = 1024;

impl Process {
    /// Implements `getdents64(2)`: the next entries of a directory, none at its end.
    ///
    /// # Deviations
    /// `.` and `..` are not listed.
    ///
    /// # Errors
    /// - `EBADF`: the descriptor is not open.
    /// - `ENOTDIR`: not a directory.
    /// - `ENOENT`: the directory has been removed.
    pub fn getdents(&self, fd: Fd) -> Result<Vec<DirEntry>> {
        self.getdents_up_to(fd, DIRENT_BATCH)
    }

    /// As [`Process::getdents`], with at most `max` entries.
    ///
    /// # Errors
    /// As [`Process::getdents`].
    pub fn getdents_up_to(&self, fd: Fd, max: usize) -> Result<Vec<DirEntry>> {
        self.enter(Sysno::Getdents, format_args!("{fd}"), || {
            let file = self.file(fd)?;
            if file.kind() != FileKind::Directory {
                return Err(Errno::ENOTDIR);
            }
            if file.inode().removed() {
                return Err(Errno::ENOENT);
            }
            file.read_dir(max.min(DIRENT_BATCH), &self.caller())
        })
    }

    /// Lists a directory by its path.
    ///
    /// # Errors
    /// As [`Process::openat`] and [`Process::getdents`].
    pub fn read_dir(&self, path: &[u8]) -> Result<Vec<DirEntry>> {
        self.enter(Sysno::Getdents, format_args!("{}", Quoted(path)), || {
            let at = self.at_cwd();
            let dir = at.find(path, LastLink::Follow)?;
            if !dir.is_dir() {
                return Err(Errno::ENOTDIR);
            }
            check_permission(&*dir.inode, self.credentials(), R_OK)?;
            let mut entries = Vec::new();
            let mut position = 0;
            loop {
                let batch = dir.inode.read_dir(position, DIRENT_BATCH, &at.caller)?;
                let Some(last) = batch.last() else {
                    return Ok(entries);
                };
                position = last.next;
                entries.extend(batch.into_iter().map(|cursor| cursor.entry));
            }
        })
    }
}
