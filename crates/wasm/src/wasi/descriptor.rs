//! Descriptors: their flags, offsets, closing and renumbering.

use secure_exec_kernel::{Errno, FileKind, OpenFlags, Process};

use super::ROOT_FD;
use crate::call::{Call, Outcome};

/// `__wasi_filetype_t`.
pub(super) fn filetype(kind: FileKind) -> u8 {
    match kind {
        FileKind::BlockDevice => 1,
        FileKind::CharDevice | FileKind::Tty => 2,
        FileKind::Directory => 3,
        FileKind::Regular => 4,
        FileKind::Socket => 6,
        FileKind::Symlink => 7,
        // There is no number for pipes.
        FileKind::Pipe | FileKind::Anonymous => 0,
    }
}

pub(super) mod fdflags {
    pub(in crate::wasi) const APPEND: u32 = 1;
    pub(in crate::wasi) const DSYNC: u32 = 2;
    pub(in crate::wasi) const NONBLOCK: u32 = 4;
    pub(in crate::wasi) const RSYNC: u32 = 8;
    pub(in crate::wasi) const SYNC: u32 = 16;
    pub(in crate::wasi) const ALL: u32 = 31;
}

/// The rights that the C library looks at; to guests all others are always there.
pub(super) mod rights {
    pub(in crate::wasi) const FD_DATASYNC: u64 = 1;
    pub(in crate::wasi) const FD_READ: u64 = 1 << 1;
    pub(in crate::wasi) const FD_SEEK: u64 = 1 << 2;
    pub(in crate::wasi) const FD_TELL: u64 = 1 << 5;
    pub(in crate::wasi) const FD_WRITE: u64 = 1 << 6;
    pub(in crate::wasi) const FD_ALLOCATE: u64 = 1 << 8;
    pub(in crate::wasi) const FD_READDIR: u64 = 1 << 14;
    pub(in crate::wasi) const FD_FILESTAT_SET_SIZE: u64 = 1 << 22;
    pub(in crate::wasi) const ALL: u64 = (1 << 30) - 1;
}

/// Flags of `open(2)` for preview 1's.
pub(super) fn open_flags(flags: u32) -> Result<OpenFlags, Errno> {
    if flags & !fdflags::ALL != 0 {
        return Err(Errno::EINVAL);
    }
    let mut open = OpenFlags::empty();
    open.set(OpenFlags::O_APPEND, flags & fdflags::APPEND != 0);
    open.set(OpenFlags::O_NONBLOCK, flags & fdflags::NONBLOCK != 0);
    open.set(OpenFlags::O_DSYNC, flags & fdflags::DSYNC != 0);
    if flags & (fdflags::SYNC | fdflags::RSYNC) != 0 {
        open |= OpenFlags::O_SYNC;
    }
    Ok(open)
}

fn fd_flags(open: OpenFlags) -> u16 {
    let mut flags = 0;
    for (bit, flag) in [
        (OpenFlags::O_APPEND, fdflags::APPEND),
        (OpenFlags::O_NONBLOCK, fdflags::NONBLOCK),
        (OpenFlags::O_DSYNC, fdflags::DSYNC),
        (OpenFlags::O_SYNC, fdflags::SYNC),
    ] {
        if open.contains(bit) {
            flags |= u16::try_from(flag).unwrap_or_default();
        }
    }
    flags
}

fn rights_of(kind: FileKind, open: OpenFlags) -> u64 {
    let mut rights = rights::ALL;
    if kind != FileKind::Directory {
        if !open.readable() {
            rights &= !(rights::FD_READ | rights::FD_READDIR);
        }
        if !open.writable() {
            rights &= !rights::FD_WRITE;
        }
    }
    // A character device that cannot be positioned is what `isatty` takes for a terminal.
    if kind == FileKind::Tty {
        rights &= !(rights::FD_SEEK | rights::FD_TELL);
    }
    rights
}

/// Whether a descriptor is the root directory because the kernel has none with its number.
pub(super) fn stands_for_root(process: &Process, fd: i32) -> bool {
    fd == ROOT_FD && process.file(fd).is_err()
}

pub(super) fn fd_fdstat_get(call: &mut Call<'_>, fd: i32, out: u32) -> Outcome<()> {
    let (kind, open) = if stands_for_root(&call.host.process, fd) {
        (FileKind::Directory, OpenFlags::empty())
    } else {
        let file = call.host.process.file(fd)?;
        (file.kind(), file.status_flags())
    };
    let mut record = [0; 24];
    record[0] = filetype(kind);
    record[2..4].copy_from_slice(&fd_flags(open).to_le_bytes());
    record[8..16].copy_from_slice(&rights_of(kind, open).to_le_bytes());
    record[16..24].copy_from_slice(&rights::ALL.to_le_bytes());
    call.memory.put(out, &record)
}

pub(super) fn fd_fdstat_set_flags(call: &mut Call<'_>, fd: i32, flags: u32) -> Outcome<()> {
    let open = open_flags(flags)?;
    Ok(call.host.process.set_status_flags(fd, open)?)
}

/// Rights can be given up, which has no effect: descriptors have none beside their access mode.
pub(super) fn fd_fdstat_set_rights(
    call: &mut Call<'_>,
    fd: i32,
    _base: u64,
    _inheriting: u64,
) -> Outcome<()> {
    call.host.process.file(fd)?;
    Ok(())
}

pub(super) fn fd_prestat_get(call: &mut Call<'_>, fd: i32, out: u32) -> Outcome<()> {
    if fd != ROOT_FD {
        return Err(Errno::EBADF.into());
    }
    // A directory whose name has one byte.
    call.memory.put_u64(out, 1 << 32)
}

pub(super) fn fd_prestat_dir_name(
    call: &mut Call<'_>,
    fd: i32,
    buf: u32,
    length: u32,
) -> Outcome<()> {
    if fd != ROOT_FD {
        return Err(Errno::EBADF.into());
    }
    if length < 1 {
        return Err(Errno::ENAMETOOLONG.into());
    }
    call.memory.put(buf, b"/")
}

pub(super) fn fd_close(call: &mut Call<'_>, fd: i32) -> Outcome<()> {
    Ok(call.host.process.close(fd)?)
}

/// Moves a descriptor onto another one, which must be open.
pub(super) fn fd_renumber(call: &mut Call<'_>, fd: i32, to: i32) -> Outcome<()> {
    let process = &call.host.process;
    process.file(fd)?;
    process.file(to)?;
    if fd != to {
        let flags = process.fd_flags(fd)?;
        process.dup2(fd, to)?;
        process.set_fd_flags(to, flags)?;
        process.close(fd)?;
    }
    Ok(())
}

pub(super) fn fd_seek(
    call: &mut Call<'_>,
    fd: i32,
    offset: i64,
    whence: u32,
    out: u32,
) -> Outcome<()> {
    // The numbers are Linux's; `SEEK_DATA` and `SEEK_HOLE` do not exist here.
    let whence = i32::try_from(whence).ok().filter(|whence| *whence <= 2);
    call.memory.check(out, 8)?;
    let position = call
        .host
        .process
        .lseek(fd, offset, whence.ok_or(Errno::EINVAL)?)?;
    call.memory.put_u64(out, position)
}

pub(super) fn fd_tell(call: &mut Call<'_>, fd: i32, out: u32) -> Outcome<()> {
    let position = call.host.process.lseek(fd, 0, 1)?;
    call.memory.put_u64(out, position)
}

pub(super) fn fd_sync(call: &mut Call<'_>, fd: i32) -> Outcome<()> {
    Ok(call.host.process.fsync(fd)?)
}

pub(super) fn fd_datasync(call: &mut Call<'_>, fd: i32) -> Outcome<()> {
    Ok(call.host.process.fdatasync(fd)?)
}

/// `posix_fadvise(3)`: memory needs no advice, but the arguments are checked.
pub(super) fn fd_advise(
    call: &mut Call<'_>,
    fd: i32,
    _offset: u64,
    length: u64,
    advice: u32,
) -> Outcome<()> {
    let file = call.host.process.file(fd)?;
    if advice > 5 || i64::try_from(length).is_err() {
        return Err(Errno::EINVAL.into());
    }
    match file.kind() {
        FileKind::Pipe | FileKind::Socket => Err(Errno::ESPIPE.into()),
        _ => Ok(()),
    }
}

/// `posix_fallocate(3)`: the file reaches at least that far afterwards.
pub(super) fn fd_allocate(call: &mut Call<'_>, fd: i32, offset: u64, length: u64) -> Outcome<()> {
    let process = &call.host.process;
    let file = process.file(fd)?;
    if !file.status_flags().writable() {
        return Err(Errno::EBADF.into());
    }
    match file.kind() {
        FileKind::Regular => {}
        FileKind::Pipe => return Err(Errno::ESPIPE.into()),
        _ => return Err(Errno::ENODEV.into()),
    }
    if length == 0 || i64::try_from(offset).is_err() {
        return Err(Errno::EINVAL.into());
    }
    let end = offset
        .checked_add(length)
        .filter(|end| i64::try_from(*end).is_ok());
    let end = end.ok_or(Errno::EFBIG)?;
    if end > file.stat()?.size {
        process.ftruncate(fd, end)?;
    }
    Ok(())
}
