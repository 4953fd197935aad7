//! Listing directories.

use std::sync::Arc;

use super::Sysno;
use crate::abi::Fd;
use crate::abi::fcntl::OpenFlags;
use crate::abi::stat::{DirEntry, FileKind};
use crate::errno::{Errno, Result};
use crate::process::Process;
use crate::trace::{Args, Quoted};
use crate::vfs::{FileDescription, OpenRequest};

/// Entries that one `getdents64` returns at most.
const DIRENT_BATCH: usize = 1024;
/// Buffer that the C library and libuv give to it.
const BUFFER: usize = 32 << 10;

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

    /// The open directory behind a descriptor, which still has a name.
    fn directory(&self, fd: Fd) -> Result<Arc<FileDescription>> {
        let file = self.file(fd)?;
        if file.kind() != FileKind::Directory {
            return Err(Errno::ENOTDIR);
        }
        if file.inode().removed() {
            return Err(Errno::ENOENT);
        }
        Ok(file)
    }

    /// As [`Process::getdents`], with at most `max` entries.
    ///
    /// # Errors
    /// As [`Process::getdents`].
    pub fn getdents_up_to(&self, fd: Fd, max: usize) -> Result<Vec<DirEntry>> {
        self.enter(
            Sysno::Getdents,
            Args::around(format_args!("{fd}, "), format_args!(", {BUFFER}")),
            || {
                let file = self.directory(fd)?;
                file.read_dir(max.min(DIRENT_BATCH), &self.caller())
            },
        )
    }

    /// Entries of a directory from a position on, each with the position that follows it (`telldir(3)`); 0 is the
    /// start.
    ///
    /// # Errors
    /// As [`Process::getdents`].
    pub fn getdents_from(&self, fd: Fd, position: u64, max: usize) -> Result<Vec<(DirEntry, u64)>> {
        self.enter(
            Sysno::Getdents,
            Args::around(format_args!("{fd}, "), format_args!(", {BUFFER}")),
            || {
                let file = self.directory(fd)?;
                let cursors =
                    file.read_dir_from(position, max.clamp(1, DIRENT_BATCH), &self.caller())?;
                Ok(cursors
                    .into_iter()
                    .map(|cursor| (cursor.entry, cursor.next))
                    .collect())
            },
        )
    }

    /// Lists a directory by its path.
    ///
    /// # Errors
    /// As [`Process::openat`] and [`Process::getdents`].
    pub fn read_dir(&self, path: &[u8]) -> Result<Vec<DirEntry>> {
        self.enter(
            Sysno::Getdents,
            Args::around(
                format_args!("{}, ", Quoted(path)),
                format_args!(", {BUFFER}"),
            ),
            || {
                let at = self.at_cwd();
                let flags = OpenFlags::O_DIRECTORY;
                let dir = self.vfs.open(&at, path, OpenRequest { flags, mode: 0 })?;
                let mut entries = Vec::new();
                loop {
                    let batch = dir.read_dir(DIRENT_BATCH, &at.caller)?;
                    if batch.is_empty() {
                        return Ok(entries);
                    }
                    entries.extend(batch);
                }
            },
        )
    }
}
