//! What serves the files of a mount.

use std::io;
use std::os::fd::OwnedFd;
use std::sync::Arc;

use secure_exec_protocol::Mount;
use secure_exec_protocol::files::{
    ChangedAttributes, FileAccess, HostAttributes, HostEntry, HostName, HostSpace,
};

use super::deferred::Deferred;

/// A mount of a VM, and who serves it.
#[derive(Clone)]
pub struct HostMount {
    pub mount: Mount,
    pub server: Server,
}

/// Who serves files: on the channel's thread, or when it comes to it.
#[derive(Clone)]
pub enum Server {
    Backend(Arc<dyn Backend>),
    Deferred(Arc<dyn Deferred>),
}

/// Files that are served.
///
/// Paths are relative to the root, without empty names, `.` and `..`; the root is the empty path. No method follows a symbolic
/// link anywhere in a path. What a guest is told of an error is its number (`raw_os_error`); one without is `EIO`.
///
/// The thread of a VM process's channel calls them, one after the other. They may take their time: only that VM process waits.
pub trait Backend: Send + Sync {
    /// Metadata, of a link its own.
    ///
    /// # Errors
    /// What `lstat(2)` has. So for the others.
    fn stat(&self, path: &[u8]) -> io::Result<HostAttributes>;

    /// Names behind a position; 0 is the beginning. Encoded they are no longer than `room` bytes.
    ///
    /// # Errors
    /// As `getdents(2)`.
    fn read_dir(&self, path: &[u8], position: u64, room: usize) -> io::Result<Listing>;

    /// At most so many names behind a position, with no more of what they name than the names are listed with. Encoded they are
    /// no longer than an answer.
    ///
    /// # Errors
    /// - `ENOSYS`: names come with what they name.
    fn read_names(&self, _path: &[u8], _position: u64, _most: usize) -> io::Result<Vec<HostName>> {
        Err(io::Error::from_raw_os_error(libc::ENOSYS))
    }

    /// Where a link leads.
    ///
    /// # Errors
    /// As `readlink(2)`.
    fn read_link(&self, path: &[u8]) -> io::Result<Target>;

    /// Opens a regular file, and nothing else.
    ///
    /// # Errors
    /// As `open(2)`; `ENXIO` for what is no regular file.
    fn open(&self, path: &[u8], access: FileAccess) -> io::Result<Opened>;

    /// Makes a regular file that is not there, open for reading and writing.
    ///
    /// # Errors
    /// As `open(2)`.
    fn create(&self, path: &[u8], mode: u32) -> io::Result<Opened>;

    /// Makes a directory.
    ///
    /// # Errors
    /// As `mkdir(2)`.
    fn make_directory(&self, path: &[u8], mode: u32) -> io::Result<()>;

    /// Makes a symbolic link.
    ///
    /// # Errors
    /// As `symlink(2)`.
    fn symlink(&self, path: &[u8], target: &[u8]) -> io::Result<()>;

    /// Gives a file another name.
    ///
    /// # Errors
    /// As `link(2)`.
    fn link(&self, from: &[u8], to: &[u8]) -> io::Result<()>;

    /// Removes the name of what is no directory.
    ///
    /// # Errors
    /// As `unlink(2)`.
    fn unlink(&self, path: &[u8]) -> io::Result<()>;

    /// Removes an empty directory.
    ///
    /// # Errors
    /// As `rmdir(2)`.
    fn remove_directory(&self, path: &[u8]) -> io::Result<()>;

    /// Renames, with the flags of `renameat2(2)`.
    ///
    /// # Errors
    /// As `renameat2(2)`.
    fn rename(&self, from: &[u8], to: &[u8], flags: u32) -> io::Result<()>;

    /// Changes permissions and times.
    ///
    /// # Errors
    /// As `chmod(2)` and `utimensat(2)`.
    fn set_attributes(&self, path: &[u8], change: &ChangedAttributes) -> io::Result<()>;

    /// What is to be watched, for the system: a descriptor of what has this path (`O_PATH`).
    ///
    /// # Errors
    /// - `ENOSYS`: nobody tells of changes.
    fn watched(&self, _path: &[u8]) -> io::Result<OwnedFd> {
        Err(io::Error::from_raw_os_error(libc::ENOSYS))
    }

    /// Capacity and use.
    ///
    /// # Errors
    /// As `statfs(2)`.
    fn space(&self) -> io::Result<HostSpace>;
}

/// An open file that is asked for its bytes. Dropping it closes it.
pub trait BackendFile: Send + Sync {
    /// Reads at an offset; nothing at the end of the file.
    ///
    /// # Errors
    /// As `pread(2)`.
    fn read(&self, offset: u64, buf: &mut [u8]) -> io::Result<usize>;

    /// Writes at an offset, or at the end without one; gives the count and the offset after it.
    ///
    /// # Errors
    /// As `pwrite(2)`.
    fn write(&self, offset: Option<u64>, data: &[u8]) -> io::Result<(usize, u64)>;

    /// Sets the length.
    ///
    /// # Errors
    /// As `ftruncate(2)`.
    fn set_size(&self, size: u64) -> io::Result<()>;

    /// Makes contents durable.
    ///
    /// # Errors
    /// As `fsync(2)`.
    fn sync(&self) -> io::Result<()>;
}

/// A piece of a directory.
#[derive(Debug, Default)]
pub struct Listing {
    pub entries: Vec<HostEntry>,
    /// Whether the directory ends here.
    pub last: bool,
}

/// Where a link leads.
#[derive(Debug, PartialEq, Eq)]
pub struct Target {
    /// Empty where it would tell of the host.
    pub path: Vec<u8>,
    /// It leads out of the mount.
    pub outside: bool,
}

/// An open file: a descriptor that the VM process gets to read from, or a file that is asked.
pub struct Opened {
    pub attributes: HostAttributes,
    pub descriptor: Option<OwnedFd>,
    pub file: Option<Arc<dyn BackendFile>>,
}
