//! What the embedder gives: files that are not the kernel's.

use crate::abi::fcntl::RenameFlags;
use crate::abi::stat::{StatFs, Timespec};
use crate::errno::{Errno, Result};
use core::time::Duration;
use std::sync::Arc;

/// Files of the embedder's. Everything is named by its path below the root: names apart by single slashes, none of them
/// empty, `.` or `..`; the root itself is the empty path. No method follows a symbolic link, in whatever place of a path:
/// that is the VFS's.
///
/// A method may wait for the embedder. No lock is held around it, so that a slow one holds up its caller alone.
pub trait HostFiles: Send + Sync {
    /// Metadata.
    ///
    /// # Errors
    /// - `ENOENT`: nothing has that name.
    /// - `EIO`: the embedder does not answer. So for all others.
    fn stat(&self, path: &[u8]) -> Result<HostAttributes>;

    /// A piece of a directory's listing from a position on; 0 is the beginning.
    ///
    /// # Errors
    /// - `ENOTDIR`: it is no directory.
    fn read_dir(&self, path: &[u8], position: u64) -> Result<HostListing>;

    /// At most so many names of a directory from a position on; none at its end.
    ///
    /// # Errors
    /// - `ENOSYS`: names come with what they name ([`HostFiles::read_dir`]).
    fn read_names(&self, _path: &[u8], _position: u64, _most: usize) -> Result<Vec<HostName>> {
        Err(Errno::ENOSYS)
    }

    /// A directory's listing from the beginning, which is to be taken for true until [`HostFiles::broken`] tells of a change:
    /// what is named in `leases` is watched from before it is read.
    ///
    /// # Errors
    /// - `ENOSYS`: the embedder tells of nothing.
    fn read_leased(&self, _path: &[u8], _leases: &[HostLease]) -> Result<HostLeased> {
        Err(Errno::ENOSYS)
    }

    /// What has changed by leases, after what was heard of before; and lets go of those that have ended.
    ///
    /// # Errors
    /// - `ENOSYS`: the embedder tells of nothing.
    fn broken(&self, _heard: u64, _ended: &[u64]) -> Result<HostBroken> {
        Err(Errno::ENOSYS)
    }

    /// Where a symbolic link leads.
    ///
    /// # Errors
    /// - `EINVAL`: it is no symbolic link.
    fn read_link(&self, path: &[u8]) -> Result<HostLink>;

    /// Is told of a link that leads out of the mount and was not followed, for the caller to hear of it.
    fn refused(&self, _link: &[u8], _target: Option<&[u8]>) {}

    /// Opens a regular file.
    ///
    /// # Errors
    /// - `EROFS`: for writing, and nothing can be changed.
    /// - `ENXIO`: it is no regular file.
    fn open(&self, path: &[u8], access: HostAccess) -> Result<(HostAttributes, Arc<dyn HostFile>)>;

    /// Regular files of a directory as they are, of these names: those that are short and for which there is room in an
    /// answer. What is left out may be had by [`HostFiles::open`].
    ///
    /// # Errors
    /// - `ENOSYS`: the embedder has files one by one only.
    fn read_whole(&self, _directory: &[u8], _names: &[&[u8]]) -> Result<Vec<HostWhole>> {
        Err(Errno::ENOSYS)
    }

    /// Makes a regular file that must not be there, open for reading and writing.
    ///
    /// # Errors
    /// - `EEXIST`: the name is taken.
    /// - `ENOSPC`: the quota is used up.
    fn create(&self, path: &[u8], mode: u32) -> Result<(HostAttributes, Arc<dyn HostFile>)>;

    /// Makes a directory.
    ///
    /// # Errors
    /// As [`HostFiles::create`].
    fn make_directory(&self, path: &[u8], mode: u32) -> Result<()>;

    /// Makes a symbolic link.
    ///
    /// # Errors
    /// As [`HostFiles::create`].
    fn symlink(&self, path: &[u8], target: &[u8]) -> Result<()>;

    /// Gives a file another name.
    ///
    /// # Errors
    /// As [`HostFiles::create`].
    fn link(&self, from: &[u8], to: &[u8]) -> Result<()>;

    /// Removes the name of what is no directory.
    ///
    /// # Errors
    /// - `EISDIR`: it is one.
    fn unlink(&self, path: &[u8]) -> Result<()>;

    /// Removes an empty directory.
    ///
    /// # Errors
    /// - `ENOTEMPTY`: it is not empty.
    fn remove_directory(&self, path: &[u8]) -> Result<()>;

    /// Renames.
    ///
    /// # Errors
    /// Those of `renameat2(2)`.
    fn rename(&self, from: &[u8], to: &[u8], flags: RenameFlags) -> Result<()>;

    /// Changes metadata; what is absent stays.
    ///
    /// # Errors
    /// - `EPERM`: the file is not the embedder's.
    fn set_attributes(&self, path: &[u8], change: &HostChange) -> Result<()>;

    /// Has `hear` told of what happens to what has this path, a link itself, until what it gives is dropped.
    ///
    /// # Errors
    /// - `ENOSYS`: the embedder tells of nothing.
    /// - `ENOSPC`, `EMFILE`: it has no means left to.
    fn watch(&self, _path: &[u8], _hear: HostHearer) -> Result<HostWatch> {
        Err(Errno::ENOSYS)
    }

    /// Capacity and use.
    ///
    /// # Errors
    /// Whatever the embedder has.
    fn statfs(&self) -> Result<StatFs>;

    /// A clock for how old what was found is. It is not shown to guests, and never stands still.
    fn now(&self) -> Duration;

    /// Whether a file was changed so long ago that a further change gives it other times.
    fn is_settled(&self, _attributes: &HostAttributes) -> bool {
        false
    }

    /// Counts the moments at which the embedder may have changed files: what was found before is not taken for true behind one.
    fn generation(&self) -> u64;
}

/// Takes what happens to a watched file.
pub type HostHearer = Arc<dyn Fn(&HostEvent) + Send + Sync>;

/// Keeps a watch.
pub type HostWatch = Box<dyn core::any::Any + Send + Sync>;

/// What has happened to a watched file (inotify(7)).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostEvent {
    /// Kinds of changes, as of `struct inotify_event`. `IN_IGNORED`: the watch has ended. `IN_Q_OVERFLOW`: more has happened
    /// than could be told, here or elsewhere.
    pub mask: u32,
    /// Ties the two halves of a rename together.
    pub cookie: u32,
    /// In a watched directory; empty if it is about the file itself.
    pub name: Vec<u8>,
}

/// An open file. Dropping it closes it.
pub trait HostFile: Send + Sync {
    /// Reads at an offset; 0 at the end of the file.
    ///
    /// # Errors
    /// Whatever the embedder has.
    fn read_at(&self, offset: u64, buf: &mut [u8]) -> Result<usize>;

    /// Writes at an offset, or at the end without one; gives the count and the offset after it.
    ///
    /// # Errors
    /// - `ENOSPC`: the quota is used up.
    fn write(&self, offset: Option<u64>, buf: &[u8]) -> Result<(usize, u64)>;

    /// Sets the length.
    ///
    /// # Errors
    /// As [`HostFile::write`].
    fn set_size(&self, size: u64) -> Result<()>;

    /// Makes contents durable.
    ///
    /// # Errors
    /// Whatever the embedder has.
    fn sync(&self) -> Result<()>;
}

/// What a file is opened for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HostAccess {
    /// Reading.
    Read,
    /// Writing.
    Write,
    /// Both.
    ReadWrite,
}

/// Metadata, but for the owner: everything belongs to the guest's user.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct HostAttributes {
    /// Inode number.
    pub ino: u64,
    /// Type and permissions.
    pub mode: u32,
    /// Number of names.
    pub nlink: u64,
    /// Length in bytes.
    pub size: u64,
    /// Allocated 512-byte blocks.
    pub blocks: u64,
    /// Last access.
    pub atime: Timespec,
    /// Last change of the contents.
    pub mtime: Timespec,
    /// Last change of the metadata.
    pub ctime: Timespec,
    /// Creation.
    pub btime: Timespec,
}

/// What is to be changed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct HostChange {
    /// Permission bits.
    pub mode: Option<u32>,
    /// Last access.
    pub atime: Option<Timespec>,
    /// Last change of the contents.
    pub mtime: Option<Timespec>,
}

/// A name in a directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostEntry {
    /// Name.
    pub name: Vec<u8>,
    /// What it names.
    pub attributes: HostAttributes,
    /// The position that follows it.
    pub next: u64,
}

/// A name in a directory, without the metadata of what it names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostName {
    /// Name.
    pub name: Vec<u8>,
    /// Inode number.
    pub ino: u64,
    /// The type, as in a mode.
    pub kind: u32,
    /// The position that follows it.
    pub next: u64,
}

/// A file as it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostWhole {
    /// Which of the names that were asked for.
    pub name: usize,
    /// Metadata, of before the bytes were read.
    pub attributes: HostAttributes,
    /// All of its bytes.
    pub bytes: Vec<u8>,
}

/// A piece of a directory.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HostListing {
    /// Names, without `.` and `..`.
    pub entries: Vec<HostEntry>,
    /// Whether the directory ends here.
    pub last: bool,
}

/// A lease of a directory on a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HostLease {
    /// How many bytes of the path lead to it.
    pub length: usize,
    /// What it is called in [`HostBroken`]; never 0, and never given twice.
    pub number: u64,
}

/// A directory with leases.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostLeased {
    /// The directory's own metadata, of before its names were read.
    pub attributes: HostAttributes,
    /// From the beginning.
    pub listing: HostListing,
    /// Whether changes will be told of.
    pub holds: bool,
}

/// What has changed by leases.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HostBroken {
    /// Numbers what was told up to now.
    pub last: u64,
    /// Those by which something is not true any more.
    pub broken: Vec<HostBrokenLease>,
}

/// A lease by which something is not true any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HostBrokenLease {
    /// Its number.
    pub number: u64,
    /// Paths through the directory may lead elsewhere, and nothing more is told of it.
    pub leads_elsewhere: bool,
}

/// Where a symbolic link leads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HostLink {
    /// To this path, walked from the link's directory.
    Target(Vec<u8>),
    /// Out of the mount. The text of the link, where it tells nothing of the embedder's.
    Outside(Option<Vec<u8>>),
}
