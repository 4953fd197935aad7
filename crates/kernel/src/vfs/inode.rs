//! The interface between the VFS and file systems.

use super::{Caller, File, Followed, VirtualDentry, Watchers};
use crate::abi::fcntl::{OpenFlags, RenameFlags};
use crate::abi::inotify::InotifyMask;
use crate::abi::stat::{DirEntry, FileKind, PERMISSIONS, Stat, StatFs, Timespec};
use crate::errno::{Errno, Result};
use core::any::Any;
use std::sync::{Arc, Weak};

/// A mountable file system.
pub trait FileSystem: Send + Sync {
    /// Type name as `/proc/mounts` shows it.
    fn name(&self) -> &'static str;
    /// Root directory.
    fn root(&self) -> Arc<dyn Inode>;
    /// Capacity and use (`statfs(2)`).
    ///
    /// # Errors
    /// Whatever the backing store reports.
    fn statfs(&self) -> Result<StatFs>;

    /// Whether a directory that something is to be mounted on is made in it where it is missing. Else the mount has the
    /// name for it ([`Inode::path_below_root`]).
    fn keeps_mount_points(&self) -> bool {
        true
    }

    /// The same file system over another directory, for one that keeps its changes in the directory that its mount
    /// covers; none for all others.
    fn over(&self, _covered: &Arc<dyn Inode>) -> Option<Result<Arc<dyn FileSystem>>> {
        None
    }
}

/// Owner and permissions: what access checks look at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ownership {
    /// Permission bits, `S_ISUID`, `S_ISGID` and `S_ISVTX` included.
    pub mode: u32,
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
}

/// What a new name is to refer to.
#[derive(Clone, Copy, Debug)]
pub enum NewInodeKind<'a> {
    /// Empty regular file.
    Regular,
    /// Empty directory.
    Directory,
    /// Symbolic link with this target.
    Symlink(&'a [u8]),
    /// FIFO.
    Fifo,
    /// Socket, and what its name leads to.
    Socket(&'a SocketNode),
}

/// What the name of a socket leads to, which only the family of sockets knows.
pub type SocketNode = Arc<dyn Any + Send + Sync>;

/// Description of an inode to be created.
#[derive(Clone, Copy, Debug)]
pub struct NewInode<'a> {
    /// Type.
    pub kind: NewInodeKind<'a>,
    /// Permissions and owner.
    pub ownership: Ownership,
}

/// Attributes to change; absent ones stay.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SetAttributes {
    /// Permission bits.
    pub mode: Option<u32>,
    /// Owner.
    pub uid: Option<u32>,
    /// Group.
    pub gid: Option<u32>,
    /// Last access.
    pub atime: Option<Timespec>,
    /// Last change of the contents.
    pub mtime: Option<Timespec>,
}

/// Where a symbolic link leads.
#[derive(Debug)]
pub enum LinkTarget {
    /// To a path, walked from the link's directory.
    Path(Vec<u8>),
    /// Directly to an object, as the links of `/proc/self/fd` do.
    Jump(VirtualDentry),
}

/// One directory entry together with the position that follows it.
#[derive(Debug)]
pub struct DirCursor {
    /// The entry.
    pub entry: DirEntry,
    /// Position from which reading continues.
    pub next: u64,
}

/// A file object: everything about a file except its names.
///
/// Methods never block for long and never call back into the VFS. Access checks, mount flags and
/// inotify are the VFS's; an implementation checks what must be atomic with the change (existence,
/// type, emptiness). Defaults are those of a read-only file system without the object in question.
pub trait Inode: Any + Send + Sync {
    /// Inode number, unique within the file system and never reused.
    fn ino(&self) -> u64;

    /// Type.
    fn kind(&self) -> FileKind;

    /// Owner and permissions.
    fn ownership(&self) -> Ownership;

    /// All metadata.
    ///
    /// # Errors
    /// Whatever the backing store reports.
    fn stat(&self) -> Result<Stat>;

    /// Changes metadata; the change time follows.
    ///
    /// # Errors
    /// - `EROFS`: the file system cannot be changed.
    fn set_attributes(&self, _attributes: &SetAttributes) -> Result<()> {
        Err(Errno::EROFS)
    }

    /// Finds a child by a name that is neither `.` nor `..`.
    ///
    /// # Errors
    /// - `ENOENT`: there is none.
    /// - `ENOTDIR`: this is not a directory.
    fn lookup(&self, _name: &[u8], _caller: &Caller) -> Result<Arc<dyn Inode>> {
        Err(Errno::ENOTDIR)
    }

    /// Parent and name of a directory; `None` for the root of the file system.
    fn parent(&self) -> Option<(Arc<dyn Inode>, Vec<u8>)> {
        None
    }

    /// Path of a directory below the root of its file system, if that is one that keeps no mount points.
    fn path_below_root(&self) -> Option<Vec<u8>> {
        None
    }

    /// What a socket's name leads to.
    fn socket_node(&self) -> Option<SocketNode> {
        None
    }

    /// Whether a directory has been removed.
    fn removed(&self) -> bool {
        false
    }

    /// Creates a child.
    ///
    /// # Errors
    /// - `EEXIST`: the name is taken.
    /// - `ENOENT`: this directory has been removed.
    /// - `ENOSPC`: no inode or no space is left.
    fn create(&self, _name: &[u8], _new: &NewInode<'_>) -> Result<Arc<dyn Inode>> {
        Err(Errno::EROFS)
    }

    /// Makes an inode without a name in this directory's file system (`O_TMPFILE`).
    ///
    /// # Errors
    /// - `ENOTSUP`: the file system has no unnamed files.
    fn create_unnamed(&self, _ownership: Ownership) -> Result<Arc<dyn Inode>> {
        Err(Errno::ENOTSUP)
    }

    /// Gives `target`, an inode of the same file system, another name.
    ///
    /// # Errors
    /// - `EEXIST`: the name is taken.
    /// - `EPERM`: the target is a directory.
    /// - `ENOENT`: the target has no name any more.
    fn link(&self, _name: &[u8], _target: &Arc<dyn Inode>) -> Result<()> {
        Err(Errno::EROFS)
    }

    /// Removes the name of a non-directory and returns what it named.
    ///
    /// # Errors
    /// - `ENOENT`: no such name.
    /// - `EISDIR`: it names a directory.
    fn unlink(&self, _name: &[u8]) -> Result<Arc<dyn Inode>> {
        Err(Errno::EROFS)
    }

    /// Removes an empty directory and returns it.
    ///
    /// # Errors
    /// - `ENOENT`: no such name.
    /// - `ENOTDIR`: it does not name a directory.
    /// - `ENOTEMPTY`: the directory has entries.
    fn rmdir(&self, _name: &[u8]) -> Result<Arc<dyn Inode>> {
        Err(Errno::EROFS)
    }

    /// Moves a name to `new_dir`, a directory of the same file system, and returns what it replaced.
    ///
    /// # Errors
    /// In this order:
    /// - `ENOENT`: no such name.
    /// - `EEXIST`: the new name is taken and `RENAME_NOREPLACE` is set.
    /// - `EINVAL`: a directory would move below itself.
    /// - `ENOTEMPTY`: the new name is an ancestor of the old one.
    /// - `ENOTDIR`: a directory would replace a non-directory.
    /// - `EISDIR`: a non-directory would replace a directory.
    /// - `ENOTEMPTY`: the replaced directory has entries.
    fn rename(
        &self,
        _old_name: &[u8],
        _new_dir: &Arc<dyn Inode>,
        _new_name: &[u8],
        _flags: RenameFlags,
    ) -> Result<Option<Arc<dyn Inode>>> {
        Err(Errno::EROFS)
    }

    /// Target of a symbolic link.
    ///
    /// # Errors
    /// - `EINVAL`: this is not a symbolic link.
    fn read_link(&self, _caller: &Caller) -> Result<Vec<u8>> {
        Err(Errno::EINVAL)
    }

    /// Where a path walk continues at a symbolic link.
    ///
    /// # Errors
    /// As [`Inode::read_link`].
    fn follow_link(&self, caller: &Caller) -> Result<LinkTarget> {
        self.read_link(caller).map(LinkTarget::Path)
    }

    /// Reads up to `max` entries from a position; 0 is the beginning. `.` and `..` are not listed.
    ///
    /// # Errors
    /// - `ENOTDIR`: this is not a directory.
    fn read_dir(&self, _position: u64, _max: usize, _caller: &Caller) -> Result<Vec<DirCursor>> {
        Err(Errno::ENOTDIR)
    }

    /// Makes the object behind a new open file description, for files that are more than bytes
    /// at offsets. `None`: I/O goes to [`Inode::read_at`] and [`Inode::write_at`].
    ///
    /// # Errors
    /// - `ENXIO`: there is nothing behind the file.
    fn open(self: Arc<Self>, _flags: OpenFlags, _caller: &Caller) -> Result<Option<Arc<dyn File>>> {
        Ok(None)
    }

    /// Reads at an offset; 0 at the end of the file.
    ///
    /// # Errors
    /// - `EINVAL`: the file has no bytes.
    fn read_at(&self, _offset: u64, _buf: &mut [u8]) -> Result<usize> {
        Err(Errno::EINVAL)
    }

    /// Writes at an offset.
    ///
    /// # Errors
    /// - `EFBIG`: the end would lie beyond the largest file.
    /// - `ENOSPC`: the quota is used up.
    fn write_at(&self, _offset: u64, _buf: &[u8]) -> Result<usize> {
        Err(Errno::EROFS)
    }

    /// Writes at the end atomically; returns the count and the offset after it.
    ///
    /// # Errors
    /// As [`Inode::write_at`].
    fn append(&self, _buf: &[u8]) -> Result<(usize, u64)> {
        Err(Errno::EROFS)
    }

    /// Length in bytes.
    fn size(&self) -> u64 {
        0
    }

    /// Sets the length.
    ///
    /// # Errors
    /// - `EFBIG`: beyond the largest file.
    fn set_size(&self, _size: u64) -> Result<()> {
        Err(Errno::EROFS)
    }

    /// Next offset at or after `offset` that holds data (`hole` false) or lies in a hole (`hole` true).
    ///
    /// # Errors
    /// - `ENXIO`: the offset is at or beyond the end, or no data follows.
    fn seek_extent(&self, offset: u64, extent: SeekExtent) -> Result<u64> {
        let size = self.size();
        match extent {
            _ if offset >= size => Err(Errno::ENXIO),
            SeekExtent::Data => Ok(offset),
            SeekExtent::Hole => Ok(size),
        }
    }

    /// Makes contents durable.
    ///
    /// # Errors
    /// Whatever the backing store reports.
    fn sync(&self) -> Result<()> {
        Ok(())
    }

    /// Inotify watches on this inode; `None` if the file system has no events.
    fn watchers(&self) -> Option<&Watchers> {
        None
    }

    /// Has whoever keeps the file tell of changes that are made elsewhere, for as long as what it gives is kept: `heard` gets
    /// them ([`Inode::hear`]), which is this inode or one that shows it. None where nobody else makes any.
    ///
    /// # Errors
    /// Whatever whoever keeps it has.
    fn follow(&self, _heard: Weak<dyn Inode>) -> Result<Option<Followed>> {
        Ok(None)
    }

    /// Takes a change that was made elsewhere: in a directory that of a name, else of the file itself.
    fn hear(&self, mask: InotifyMask, cookie: u32, name: &[u8]) {
        if let Some(watchers) = self.watchers() {
            watchers.tell(mask, cookie, name);
        }
    }
}

/// What `lseek(2)` looks for with `SEEK_DATA` and `SEEK_HOLE`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SeekExtent {
    /// Allocated bytes.
    Data,
    /// A hole; the end of the file counts as one.
    Hole,
}

impl Ownership {
    /// Takes the permission bits of `mode`.
    pub const fn new(mode: u32, uid: u32, gid: u32) -> Ownership {
        Ownership {
            mode: mode & PERMISSIONS,
            uid,
            gid,
        }
    }
}
