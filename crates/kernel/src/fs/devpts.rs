//! `/dev/pts`: the slaves of pseudoterminals.

use super::dev;
use crate::abi::fcntl::OpenFlags;
use crate::abi::stat::{DirEntry, FileKind, Stat, StatFs, Timespec};
use crate::errno::{Errno, Result};
use crate::tty::{Pty, SlaveEnd, TtyTable};
use crate::vfs::{Caller, DirCursor, File, FileSystem, Inode, Ownership, SetAttributes};
use std::sync::Arc;

/// Magic number that `statfs(2)` reports.
const DEVPTS_SUPER_MAGIC: u64 = 0x1cd1;
/// Group of terminals, `tty` in `/etc/group`.
const TTY_GROUP: u32 = 5;
/// Inode number of the first pseudoterminal, as on Linux.
const FIRST_INO: u64 = 3;

/// The file system of terminals.
pub(crate) struct Devpts {
    ttys: Arc<TtyTable>,
    booted: Timespec,
}

impl Devpts {
    pub fn new(ttys: Arc<TtyTable>, booted: Timespec) -> Arc<Devpts> {
        Arc::new(Devpts { ttys, booted })
    }
}

impl FileSystem for Devpts {
    fn name(&self) -> &'static str {
        "devpts"
    }

    fn root(&self) -> Arc<dyn Inode> {
        Arc::new(PtsDir {
            ttys: self.ttys.clone(),
            booted: self.booted,
        })
    }

    fn statfs(&self) -> Result<StatFs> {
        Ok(StatFs {
            kind: DEVPTS_SUPER_MAGIC,
            bsize: 4096,
            namelen: 255,
            ..StatFs::default()
        })
    }
}

/// The directory.
struct PtsDir {
    ttys: Arc<TtyTable>,
    booted: Timespec,
}

impl Inode for PtsDir {
    fn ino(&self) -> u64 {
        1
    }

    fn kind(&self) -> FileKind {
        FileKind::Directory
    }

    fn ownership(&self) -> Ownership {
        Ownership::new(0o755, 0, 0)
    }

    fn stat(&self) -> Result<Stat> {
        Ok(stat_of(self, self.booted, 0))
    }

    fn set_attributes(&self, _attributes: &SetAttributes) -> Result<()> {
        Err(Errno::EPERM)
    }

    fn lookup(&self, name: &[u8], _caller: &Caller) -> Result<Arc<dyn Inode>> {
        let number = core::str::from_utf8(name)
            .ok()
            .and_then(|name| name.parse::<usize>().ok())
            .filter(|number| number.to_string().as_bytes() == name);
        let pty = number.and_then(|number| self.ttys.find(number));
        Ok(Arc::new(PtsInode(pty.ok_or(Errno::ENOENT)?)))
    }

    fn read_dir(&self, position: u64, max: usize, _caller: &Caller) -> Result<Vec<DirCursor>> {
        let following = self.ttys.all().into_iter();
        let cursors = following
            .filter(|pty| pty.index() as u64 >= position)
            .take(max)
            .map(|pty| DirCursor {
                entry: DirEntry {
                    name: pty.index().to_string().into_bytes(),
                    ino: FIRST_INO + pty.index() as u64,
                    kind: FileKind::CharDevice,
                },
                next: pty.index() as u64 + 1,
            });
        Ok(cursors.collect())
    }
}

/// A terminal.
struct PtsInode(Arc<Pty>);

impl Inode for PtsInode {
    fn ino(&self) -> u64 {
        FIRST_INO + self.0.index() as u64
    }

    fn kind(&self) -> FileKind {
        FileKind::CharDevice
    }

    fn ownership(&self) -> Ownership {
        Ownership::new(0o620, self.0.uid(), TTY_GROUP)
    }

    fn stat(&self) -> Result<Stat> {
        Ok(stat_of(self, self.0.created(), self.0.device()))
    }

    fn set_attributes(&self, attributes: &SetAttributes) -> Result<()> {
        // Times may be set, and mean nothing.
        let owner = attributes.mode.is_some() || attributes.uid.is_some();
        if owner || attributes.gid.is_some() {
            Err(Errno::EPERM)
        } else {
            Ok(())
        }
    }

    fn open(self: Arc<Self>, _flags: OpenFlags, _caller: &Caller) -> Result<Option<Arc<dyn File>>> {
        Ok(Some(Arc::new(SlaveEnd::open(self.0.clone())?)))
    }
}

fn stat_of(inode: &dyn Inode, time: Timespec, rdev: u64) -> Stat {
    let owner = inode.ownership();
    let directory = inode.kind() == FileKind::Directory;
    Stat {
        dev: dev::DEVPTS,
        ino: inode.ino(),
        mode: inode.kind().mode() | owner.mode,
        nlink: if directory { 2 } else { 1 },
        uid: owner.uid,
        gid: owner.gid,
        rdev,
        blksize: 1024,
        atime: time,
        mtime: time,
        ctime: time,
        btime: time,
        ..Stat::default()
    }
}
