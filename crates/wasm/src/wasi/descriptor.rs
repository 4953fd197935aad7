//! Descriptors: their flags, offsets, closing and renumbering.

use secure_exec_kernel::{Errno, FileKind, OpenFlags, Process};
use secure_exec_preview1::flags::{self, fdflags};
use secure_exec_preview1::{file, record, rights};

use super::ROOT_FD;
use crate::call::{Call, Outcome};

/// Flags of `open(2)` for preview 1's.
pub(super) fn open_flags(flags: u32) -> Result<OpenFlags, Errno> {
    if flags & !fdflags::ALL != 0 {
        return Err(Errno::EINVAL);
    }
    Ok(flags::status_flags(flags))
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

/// The rights that the C library looks at; all others are always there.
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
    let record = record::fdstat(
        file::of_kind(kind),
        fd_flags(open),
        rights_of(kind, open),
        rights::ALL,
    );
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

pub(super) fn fd_advise(
    call: &mut Call<'_>,
    fd: i32,
    _offset: u64,
    length: u64,
    advice: u32,
) -> Outcome<()> {
    Ok(file::advise(&call.host.process, fd, length, advice)?)
}

pub(super) fn fd_allocate(call: &mut Call<'_>, fd: i32, offset: u64, length: u64) -> Outcome<()> {
    Ok(file::allocate(&call.host.process, fd, offset, length)?)
}
