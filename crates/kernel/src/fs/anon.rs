//! Inodes without a name: pipes, sockets and inotify instances.

use super::dev;
use crate::abi::fcntl::OpenFlags;
use crate::abi::stat::{FileKind, Stat, StatFs, Timespec};
use crate::errno::{Errno, Result};
use crate::limits::Slot;
use crate::pipe::Pipe;
use crate::vfs::{Caller, File, FileSystem, Inode, Ownership};
use std::sync::Arc;

/// Magic number that `statfs(2)` reports for pipefs.
const PIPEFS_MAGIC: u64 = 0x5049_5045;

/// The file system that nameless inodes belong to; it is mounted nowhere.
pub(crate) struct AnonFs;

impl FileSystem for AnonFs {
    fn name(&self) -> &'static str {
        "pipefs"
    }

    fn root(&self) -> Arc<dyn Inode> {
        Arc::new(AnonInode {
            ino: 0,
            kind: FileKind::Directory,
            owner: Ownership::new(0o555, 0, 0),
            created: Timespec::default(),
            pipe: None,
        })
    }

    fn statfs(&self) -> Result<StatFs> {
        Ok(StatFs {
            kind: PIPEFS_MAGIC,
            bsize: 4096,
            namelen: 255,
            ..StatFs::default()
        })
    }
}

/// A nameless inode.
pub(crate) struct AnonInode {
    pub ino: u64,
    pub kind: FileKind,
    pub owner: Ownership,
    pub created: Timespec,
    /// Pipe behind the inode, so that it can be opened again through `/proc/self/fd`.
    pub pipe: Option<(Arc<Pipe>, Option<Slot>)>,
}

impl Inode for AnonInode {
    fn ino(&self) -> u64 {
        self.ino
    }

    fn kind(&self) -> FileKind {
        self.kind
    }

    fn ownership(&self) -> Ownership {
        self.owner
    }

    fn stat(&self) -> Result<Stat> {
        Ok(Stat {
            dev: dev::PIPEFS,
            ino: self.ino,
            mode: self.kind.mode() | self.owner.mode,
            nlink: 1,
            uid: self.owner.uid,
            gid: self.owner.gid,
            blksize: 4096,
            atime: self.created,
            mtime: self.created,
            ctime: self.created,
            btime: self.created,
            ..Stat::default()
        })
    }

    /// # Errors
    /// - `ENXIO`: a socket, which only `connect(2)` reaches.
    fn open(self: Arc<Self>, flags: OpenFlags, _caller: &Caller) -> Result<Option<Arc<dyn File>>> {
        if self.kind == FileKind::Socket {
            return Err(Errno::ENXIO);
        }
        Ok(self
            .pipe
            .as_ref()
            .map(|(pipe, slot)| Arc::new(pipe.open(flags, slot.clone())) as Arc<dyn File>))
    }
}
