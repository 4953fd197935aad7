//! Descriptors: pipes, duplicates, reading and writing.

use std::io;
use std::path::Path;

use secure_exec_abi::fcntl::{OpenFlags, SEEK_CUR, SEEK_DATA, SEEK_HOLE};

use crate::stat::Stat;
use crate::{Fd, backend, errno};

pub use secure_exec_abi::fcntl::AT_FDCWD;

pub const O_RDONLY: i32 = OpenFlags::O_RDONLY.bits();
pub const O_WRONLY: i32 = OpenFlags::O_WRONLY.bits();
pub const O_RDWR: i32 = OpenFlags::O_RDWR.bits();
pub const O_CREAT: i32 = OpenFlags::O_CREAT.bits();
pub const O_EXCL: i32 = OpenFlags::O_EXCL.bits();
pub const O_NOCTTY: i32 = OpenFlags::O_NOCTTY.bits();
pub const O_TRUNC: i32 = OpenFlags::O_TRUNC.bits();
pub const O_APPEND: i32 = OpenFlags::O_APPEND.bits();
pub const O_NONBLOCK: i32 = OpenFlags::O_NONBLOCK.bits();
pub const O_DIRECTORY: i32 = OpenFlags::O_DIRECTORY.bits();
pub const O_NOFOLLOW: i32 = OpenFlags::O_NOFOLLOW.bits();
pub const O_CLOEXEC: i32 = OpenFlags::O_CLOEXEC.bits();

/// `pipe2(2)`: the reading and the writing end.
///
/// # Errors
/// `EMFILE`: too many descriptors.
pub fn pipe(flags: i32) -> io::Result<(Fd, Fd)> {
    backend::fd_pipe(flags)
}

/// A duplicate that is at least `minimum`, with `FD_CLOEXEC` or without.
///
/// # Errors
/// `EBADF`: not open. `EMFILE`: too many descriptors.
pub fn dup_from(fd: Fd, minimum: Fd, cloexec: Cloexec) -> io::Result<Fd> {
    backend::fd_dup(fd, minimum, cloexec == Cloexec::Set)
}

/// Whether a descriptor closes at `exec`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cloexec {
    Set,
    Clear,
}

/// `dup2(2)`; equal numbers succeed when open.
///
/// # Errors
/// `EBADF`: not open, or `newfd` is out of range.
pub fn dup2(oldfd: Fd, newfd: Fd) -> io::Result<()> {
    backend::fd_dup2(oldfd, newfd, 0)
}

/// # Errors
/// `EBADF`: not open.
pub fn set_cloexec(fd: Fd, cloexec: Cloexec) -> io::Result<()> {
    backend::fd_cloexec(fd, cloexec == Cloexec::Set)
}

/// # Errors
/// `EBADF`: not open.
pub fn close(fd: Fd) -> io::Result<()> {
    backend::fd_close(fd)
}

/// `openat(2)` from the working directory.
///
/// # Errors
/// As `open(2)`.
pub fn open(path: impl AsRef<Path>, flags: i32, mode: u32) -> io::Result<Fd> {
    backend::path_openat(AT_FDCWD, path.as_ref(), flags, mode)
}

/// `openat(2)`.
///
/// # Errors
/// As `open(2)`.
pub fn openat(dirfd: Fd, path: impl AsRef<Path>, flags: i32, mode: u32) -> io::Result<Fd> {
    backend::path_openat(dirfd, path.as_ref(), flags, mode)
}

/// `read(2)`.
///
/// # Errors
/// `EBADF`, `EISDIR`, `EIO`, `EINTR`, `EAGAIN`: as `read(2)`.
pub fn read(fd: Fd, buffer: &mut [u8]) -> io::Result<usize> {
    backend::fd_read(fd, buffer)
}

/// `write(2)`.
///
/// # Errors
/// `EBADF`, `EPIPE`, `ENOSPC`, `EINTR`, `EAGAIN`: as `write(2)`.
pub fn write(fd: Fd, bytes: &[u8]) -> io::Result<usize> {
    backend::fd_write(fd, bytes)
}

/// Writes everything, going on after signals.
///
/// # Errors
/// As [`write`], but not `EINTR`.
pub fn write_all(fd: Fd, mut bytes: &[u8]) -> io::Result<()> {
    while !bytes.is_empty() {
        match write(fd, bytes) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(n) => bytes = &bytes[n..],
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Waits until a read does not block, or the time is over; true when there is something to read.
#[must_use]
pub fn wait_readable(fd: Fd, timeout: std::time::Duration) -> bool {
    let mut poll = libc::pollfd {
        fd,
        events: libc::POLLIN,
        revents: 0,
    };
    let milliseconds = i32::try_from(timeout.as_millis()).unwrap_or(i32::MAX);
    // SAFETY: one descriptor.
    unsafe { libc::poll(&raw mut poll, 1, milliseconds) > 0 }
}

/// Whether nobody writes to a pipe any more, of which `fd` is the end to read from.
#[must_use]
pub fn hung_up(fd: Fd) -> bool {
    let mut poll = libc::pollfd {
        fd,
        events: libc::POLLIN,
        revents: 0,
    };
    // SAFETY: one descriptor.
    unsafe { libc::poll(&raw mut poll, 1, 0) > 0 && poll.revents & libc::POLLHUP != 0 }
}

/// Sets the position, counted from the current one; gives the new one.
///
/// # Errors
/// `ESPIPE`: a pipe or a terminal.
pub fn seek_by(fd: Fd, offset: i64) -> io::Result<u64> {
    backend::fd_seek(fd, offset, SEEK_CUR)
}

/// What [`seek_extent`] looks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Extent {
    Data,
    /// The end of the file counts as one.
    Hole,
}

/// Sets the position to the first byte at or after `from` that is stored, or is not (`SEEK_DATA` and `SEEK_HOLE` of
/// `lseek(2)`). Nothing where there is none.
///
/// # Errors
/// `EINVAL`: not to be known here. `ESPIPE`: a pipe or a terminal.
pub fn seek_extent(fd: Fd, from: u64, extent: Extent) -> io::Result<Option<u64>> {
    let from = i64::try_from(from).map_err(|_| errno::error(errno::EINVAL))?;
    let whence = match extent {
        Extent::Data => SEEK_DATA,
        Extent::Hole => SEEK_HOLE,
    };
    match backend::fd_seek(fd, from, whence) {
        Ok(position) => Ok(Some(position)),
        Err(error) if errno::is(&error, errno::ENXIO) => Ok(None),
        Err(error) => Err(error),
    }
}

/// # Errors
/// `EBADF`: not open.
pub fn stat(fd: Fd) -> io::Result<Stat> {
    backend::fd_stat(fd)
}

/// # Errors
/// `EBADF`: not open. `EPERM`: not the owner.
pub fn chmod(fd: Fd, mode: u32) -> io::Result<()> {
    backend::fd_chmod(fd, mode)
}

/// # Errors
/// `ENOTDIR`: not a directory.
pub fn chdir(fd: Fd) -> io::Result<()> {
    backend::fd_chdir(fd)
}
