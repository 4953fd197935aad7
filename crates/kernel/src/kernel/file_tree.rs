//! A tree of files without a machine around it.

use crate::abi::Pid;
use crate::abi::fcntl::{OpenFlags, RenameFlags};
use crate::abi::stat::{DirEntry, FileKind, Stat, StatFs};
use crate::clock::Clock;
use crate::errno::{Errno, Result};
use crate::fs::tmpfs::Tmpfs;
use crate::limits::{LimitBreach, LimitLedger, Limits};
use crate::vfs::{
    At, Caller, Credentials, FileDescription, FileSystem, LastLink, Mount, NewInodeKind,
    OpenRequest, SetAttributes, USER_ID, Vfs,
};
use std::sync::Arc;

/// Entries that are read from a directory in one go.
const BATCH: usize = 1024;

/// Files that belong to the embedder: a file system, of its own or given, with the path walk and the checks of a machine's, but
/// for permissions. What is made belongs to the guests' user (uid 1000).
///
/// Paths are walked from the root; symbolic links are followed within the tree.
pub struct FileTree {
    vfs: Vfs,
    at: At,
    ledger: Arc<LimitLedger>,
}

/// Whether a symbolic link in the last place is followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Links {
    /// It is.
    Follow,
    /// The link itself is meant.
    Keep,
}

impl Links {
    fn last(self) -> LastLink {
        match self {
            Links::Follow => LastLink::Follow,
            Links::Keep => LastLink::NoFollow,
        }
    }
}

impl FileTree {
    /// Makes an empty tmpfs. Of the limits those of files count.
    ///
    /// # Errors
    /// - `ENOSPC`: the limits leave no room for a root directory.
    pub fn new(limits: &Limits, clock: Arc<dyn Clock>) -> Result<FileTree> {
        let ledger = Arc::new(LimitLedger::default());
        let tmpfs = Tmpfs::new(
            limits,
            ledger.clone(),
            clock.clone(),
            crate::fs::dev::FILE_TREE,
        )?;
        tmpfs.root().set_attributes(&SetAttributes {
            uid: Some(USER_ID),
            gid: Some(USER_ID),
            ..SetAttributes::default()
        })?;
        Ok(FileTree::with(tmpfs, limits.clone(), ledger, clock))
    }

    /// The files of a file system.
    pub fn over(fs: Arc<dyn FileSystem>, clock: Arc<dyn Clock>) -> FileTree {
        FileTree::with(fs, Limits::default(), Arc::default(), clock)
    }

    fn with(
        fs: Arc<dyn FileSystem>,
        limits: Limits,
        ledger: Arc<LimitLedger>,
        clock: Arc<dyn Clock>,
    ) -> FileTree {
        let root = Mount::new_root(fs, "tree").root();
        let caller = Caller {
            pid: Pid::INIT,
            credentials: Arc::new(Credentials::user(USER_ID).with_capabilities()),
        };
        let at = At {
            root: root.clone(),
            base: root.clone(),
            caller,
        };
        let vfs = Vfs::new(root, clock, limits, ledger.clone());
        FileTree { vfs, at, ledger }
    }

    /// Opens a file; see `open(2)`.
    ///
    /// # Errors
    /// As [`Process::openat`](crate::Process::openat).
    pub fn open(&self, path: &[u8], flags: OpenFlags, mode: u32) -> Result<Arc<FileDescription>> {
        self.vfs.open(&self.at, path, OpenRequest { flags, mode })
    }

    /// Sets the length of an open file.
    ///
    /// # Errors
    /// - `EFBIG`: beyond the largest file.
    pub fn set_size(&self, file: &FileDescription, size: u64) -> Result<()> {
        file.check_writable()?;
        file.inode().set_size(size)
    }

    /// Writes at the end of an open file, atomically; gives the count and the offset after it.
    ///
    /// # Errors
    /// As [`FileDescription::pwrite`].
    pub fn append(&self, file: &FileDescription, buf: &[u8]) -> Result<(usize, u64)> {
        file.check_writable()?;
        file.inode().append(buf)
    }

    /// Metadata.
    ///
    /// # Errors
    /// As the path walk; so for all others.
    pub fn stat(&self, path: &[u8], links: Links) -> Result<Stat> {
        self.at.find(path, links.last())?.inode.stat()
    }

    /// Changes metadata.
    ///
    /// # Errors
    /// - `ENOENT`: there is nothing.
    pub fn set_attributes(&self, path: &[u8], change: &SetAttributes, links: Links) -> Result<()> {
        self.at
            .find(path, links.last())?
            .inode
            .set_attributes(change)
    }

    /// Makes a directory.
    ///
    /// # Errors
    /// - `EEXIST`: the name is taken.
    /// - `ENOSPC`: no inode is left.
    pub fn mkdir(&self, path: &[u8], mode: u32) -> Result<()> {
        self.vfs.make(&self.at, path, NewInodeKind::Directory, mode)
    }

    /// Makes a directory and those on the way to it; one that is there is no failure.
    ///
    /// # Errors
    /// - `EEXIST`, `ENOTDIR`: something else is there.
    /// - `ENOSPC`: no inode is left.
    pub fn mkdir_all(&self, path: &[u8], mode: u32) -> Result<()> {
        let slashes = path.iter().enumerate().skip(1);
        let ends = slashes
            .filter(|(_, byte)| **byte == b'/')
            .map(|(end, _)| end);
        for end in ends.chain([path.len()]) {
            let prefix = &path[..end];
            match self.mkdir(prefix, mode) {
                Err(Errno::EEXIST) if self.is_dir(prefix) => {}
                Err(Errno::EEXIST) if end < path.len() => return Err(Errno::ENOTDIR),
                made => made?,
            }
        }
        Ok(())
    }

    fn is_dir(&self, path: &[u8]) -> bool {
        let found = self.at.find(path, LastLink::Follow);
        found.is_ok_and(|found| found.is_dir())
    }

    /// Makes a symbolic link.
    ///
    /// # Errors
    /// - `EEXIST`: the name is taken.
    /// - `ENOENT`: the target is empty.
    /// - `ENAMETOOLONG`: the target is longer than a path.
    pub fn symlink(&self, target: &[u8], path: &[u8]) -> Result<()> {
        if target.is_empty() {
            return Err(Errno::ENOENT);
        }
        if target.len() >= crate::abi::fcntl::PATH_MAX {
            return Err(Errno::ENAMETOOLONG);
        }
        if target.contains(&0) {
            return Err(Errno::EINVAL);
        }
        self.vfs
            .make(&self.at, path, NewInodeKind::Symlink(target), 0o777)
    }

    /// Target of a symbolic link.
    ///
    /// # Errors
    /// - `EINVAL`: it is no symbolic link.
    pub fn read_link(&self, path: &[u8]) -> Result<Vec<u8>> {
        let link = self.at.find(path, LastLink::NoFollow)?;
        link.inode.read_link(&self.at.caller)
    }

    /// Gives a file another name.
    ///
    /// # Errors
    /// - `EEXIST`: the name is taken.
    /// - `EPERM`: a directory.
    pub fn link(&self, from: &[u8], to: &[u8]) -> Result<()> {
        let source = self.at.find(from, LastLink::NoFollow)?;
        self.vfs.link(&source, &self.at, to)
    }

    /// Removes the name of a non-directory.
    ///
    /// # Errors
    /// - `EISDIR`: a directory.
    pub fn unlink(&self, path: &[u8]) -> Result<()> {
        self.vfs.unlink(&self.at, path)
    }

    /// Removes an empty directory.
    ///
    /// # Errors
    /// - `ENOTEMPTY`: it has entries.
    /// - `EBUSY`: the root.
    pub fn rmdir(&self, path: &[u8]) -> Result<()> {
        self.vfs.rmdir(&self.at, path)
    }

    /// Removes what a path names, and everything below it.
    ///
    /// # Errors
    /// As [`FileTree::unlink`] and [`FileTree::rmdir`].
    pub fn remove_tree(&self, path: &[u8]) -> Result<()> {
        self.vfs.remove_tree(&self.at, path)
    }

    /// Renames; see `renameat2(2)`.
    ///
    /// # Errors
    /// As [`Process::renameat2`](crate::Process::renameat2).
    pub fn rename(&self, from: &[u8], to: &[u8], flags: RenameFlags) -> Result<()> {
        self.vfs.rename(&self.at, from, &self.at, to, flags)
    }

    /// The path of an existing object without links.
    ///
    /// # Errors
    /// As the path walk.
    pub fn realpath(&self, path: &[u8]) -> Result<Vec<u8>> {
        self.vfs.realpath(&self.at, path)
    }

    /// All names in a directory.
    ///
    /// # Errors
    /// - `ENOTDIR`: it is none.
    pub fn read_dir(&self, path: &[u8]) -> Result<Vec<DirEntry>> {
        let dir = self.open(path, OpenFlags::O_DIRECTORY, 0)?;
        let mut entries = Vec::new();
        loop {
            let batch = dir.read_dir(BATCH, &self.at.caller)?;
            if batch.is_empty() {
                return Ok(entries);
            }
            entries.extend(batch);
        }
    }

    /// Names in a directory behind a position, up to `max` of them, each with the position that follows it and its
    /// metadata.
    ///
    /// # Errors
    /// - `ENOTDIR`: it is none.
    pub fn read_dir_from(
        &self,
        path: &[u8],
        position: u64,
        max: usize,
    ) -> Result<Vec<(DirEntry, u64, Stat)>> {
        let dir = self.at.find(path, LastLink::NoFollow)?;
        if dir.inode.kind() != FileKind::Directory {
            return Err(Errno::ENOTDIR);
        }
        let read = dir.inode.read_dir(position, max, &self.at.caller)?;
        let with_stat = read.into_iter().filter_map(|cursor| {
            // Removed since.
            let inode = dir.inode.lookup(&cursor.entry.name, &self.at.caller).ok()?;
            Some((cursor.entry, cursor.next, inode.stat().ok()?))
        });
        Ok(with_stat.collect())
    }

    /// Capacity and use.
    ///
    /// # Errors
    /// None at present.
    pub fn statfs(&self) -> Result<StatFs> {
        self.at.root.mount.fs().statfs()
    }

    /// Limits that were reached since the last time.
    pub fn take_limit_breaches(&self) -> Vec<LimitBreach> {
        self.ledger.take()
    }
}

impl core::fmt::Debug for FileTree {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("FileTree")
            .field("fs", &self.at.root.mount.fs().name())
            .finish_non_exhaustive()
    }
}
