//! Files: their types (`__wasi_filetype_t`), and what `posix_fadvise(3)` and `posix_fallocate(3)` do to them.

use secure_exec_kernel::abi::stat::{
    S_IFBLK, S_IFCHR, S_IFDIR, S_IFLNK, S_IFMT, S_IFREG, S_IFSOCK,
};
use secure_exec_kernel::{Errno, Fd, FileKind, Process};

/// None of the others; pipes have no number of their own.
pub const UNKNOWN: u8 = 0;
/// Block device.
pub const BLOCK_DEVICE: u8 = 1;
/// Character device, terminals too.
pub const CHARACTER_DEVICE: u8 = 2;
/// Directory.
pub const DIRECTORY: u8 = 3;
/// Regular file.
pub const REGULAR_FILE: u8 = 4;
/// Socket for datagrams.
pub const SOCKET_DGRAM: u8 = 5;
/// Socket for streams.
pub const SOCKET_STREAM: u8 = 6;
/// Symbolic link.
pub const SYMBOLIC_LINK: u8 = 7;

/// Advice that `fd_advise` takes, `POSIX_FADV_NORMAL` and five more.
const LAST_ADVICE: u32 = 5;

/// The type of an open file.
#[must_use]
pub fn of_kind(kind: FileKind) -> u8 {
    match kind {
        FileKind::BlockDevice => BLOCK_DEVICE,
        FileKind::CharDevice | FileKind::Tty => CHARACTER_DEVICE,
        FileKind::Directory => DIRECTORY,
        FileKind::Regular => REGULAR_FILE,
        FileKind::Socket => SOCKET_STREAM,
        FileKind::Symlink => SYMBOLIC_LINK,
        FileKind::Pipe | FileKind::Anonymous => UNKNOWN,
    }
}

/// The type that a mode tells.
#[must_use]
pub fn of_mode(mode: u32) -> u8 {
    match mode & S_IFMT {
        S_IFBLK => BLOCK_DEVICE,
        S_IFCHR => CHARACTER_DEVICE,
        S_IFDIR => DIRECTORY,
        S_IFLNK => SYMBOLIC_LINK,
        S_IFREG => REGULAR_FILE,
        S_IFSOCK => SOCKET_STREAM,
        _ => UNKNOWN,
    }
}

/// `posix_fadvise(3)`: memory needs no advice, but the arguments are checked.
///
/// # Errors
/// - `EBADF`: the descriptor is not open.
/// - `EINVAL`: no such advice, or a negative length.
/// - `ESPIPE`: a pipe or socket.
pub fn advise(process: &Process, fd: Fd, length: u64, advice: u32) -> Result<(), Errno> {
    let file = process.file(fd)?;
    if advice > LAST_ADVICE || i64::try_from(length).is_err() {
        return Err(Errno::EINVAL);
    }
    match file.kind() {
        FileKind::Pipe | FileKind::Socket => Err(Errno::ESPIPE),
        _ => Ok(()),
    }
}

/// `posix_fallocate(3)`: the file reaches at least that far afterwards.
///
/// # Errors
/// - `EBADF`: not open for writing.
/// - `ESPIPE`, `ENODEV`: a pipe, or anything else but a regular file.
/// - `EINVAL`: nothing to allocate, or a negative offset.
/// - `EFBIG`, `ENOSPC`: too much.
pub fn allocate(process: &Process, fd: Fd, offset: u64, length: u64) -> Result<(), Errno> {
    let file = process.file(fd)?;
    if !file.status_flags().writable() {
        return Err(Errno::EBADF);
    }
    match file.kind() {
        FileKind::Regular => {}
        FileKind::Pipe => return Err(Errno::ESPIPE),
        _ => return Err(Errno::ENODEV),
    }
    if length == 0 || i64::try_from(offset).is_err() {
        return Err(Errno::EINVAL);
    }
    let end = offset
        .checked_add(length)
        .filter(|end| i64::try_from(*end).is_ok())
        .ok_or(Errno::EFBIG)?;
    if end > file.stat()?.size {
        process.ftruncate(fd, end)?;
    }
    Ok(())
}
