//! Inodes without a name: pipes, sockets and inotify instances.

use super::dev;
use crate::abi::fcntl::OpenFlags;
use crate::abi::stat::{FileKind, PERMISSIONS, Stat, StatFs, Timespec};
use crate::clock::{Clock, VirtualClock};
use crate::errno::{Errno, Result};
use crate::limits::Slot;
use crate::pipe::Pipe;
use crate::vfs::{Caller, File, FileSystem, Inode, Ownership, SetAttributes};
use parking_lot::Mutex;
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
        let owner = Ownership::new(0o555, 0, 0);
        // Nobody comes here to ask for times.
        let clock = Arc::new(VirtualClock::new());
        Arc::new(AnonInode::new(0, FileKind::Directory, owner, clock, None))
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
    ino: u64,
    kind: FileKind,
    created: Timespec,
    attributes: Mutex<Attributes>,
    clock: Arc<dyn Clock>,
    /// Pipe behind the inode, so that it can be opened again through `/proc/self/fd`.
    pipe: Option<(Arc<Pipe>, Option<Slot>)>,
}

struct Attributes {
    ownership: Ownership,
    atime: Timespec,
    mtime: Timespec,
    ctime: Timespec,
}

impl AnonInode {
    pub fn new(
        ino: u64,
        kind: FileKind,
        ownership: Ownership,
        clock: Arc<dyn Clock>,
        pipe: Option<(Arc<Pipe>, Option<Slot>)>,
    ) -> AnonInode {
        let created = clock.realtime();
        AnonInode {
            ino,
            kind,
            created,
            attributes: Mutex::new(Attributes {
                ownership,
                atime: created,
                mtime: created,
                ctime: created,
            }),
            clock,
            pipe,
        }
    }
}

impl Inode for AnonInode {
    fn ino(&self) -> u64 {
        self.ino
    }

    fn kind(&self) -> FileKind {
        self.kind
    }

    fn ownership(&self) -> Ownership {
        self.attributes.lock().ownership
    }

    fn stat(&self) -> Result<Stat> {
        let attributes = self.attributes.lock();
        let owner = attributes.ownership;
        Ok(Stat {
            dev: dev::PIPEFS,
            ino: self.ino,
            mode: self.kind.mode() | owner.mode,
            nlink: 1,
            uid: owner.uid,
            gid: owner.gid,
            blksize: 4096,
            atime: attributes.atime,
            mtime: attributes.mtime,
            ctime: attributes.ctime,
            btime: self.created,
            ..Stat::default()
        })
    }

    fn set_attributes(&self, change: &SetAttributes) -> Result<()> {
        let now = self.clock.realtime();
        let mut attributes = self.attributes.lock();
        let owner = &mut attributes.ownership;
        owner.mode = change.mode.map_or(owner.mode, |mode| mode & PERMISSIONS);
        owner.uid = change.uid.unwrap_or(owner.uid);
        owner.gid = change.gid.unwrap_or(owner.gid);
        attributes.atime = change.atime.unwrap_or(attributes.atime);
        attributes.mtime = change.mtime.unwrap_or(attributes.mtime);
        attributes.ctime = now;
        Ok(())
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
