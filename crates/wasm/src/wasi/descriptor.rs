//! Descriptors: their flags, offsets, closing and renumbering.

use secure_exec_kernel::{Errno, FileKind, OpenFlags};
use secure_exec_preview1::flags::{self, fdflags};
use secure_exec_preview1::rights::{
    ALL, FD_ADVISE, FD_ALLOCATE, FD_DATASYNC, FD_FDSTAT_SET_FLAGS, FD_SEEK, FD_SYNC, FD_TELL,
};
use secure_exec_preview1::{file, record};

use super::ROOT_FD;
use super::rights::{self, Rights, stands_for_root};
use crate::call::{Call, Fault, Outcome};

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

/// Type, flags and rights of a descriptor.
fn described(call: &Call<'_>, fd: i32) -> Result<(FileKind, OpenFlags, Rights), Errno> {
    let (kind, open) = if stands_for_root(call.host, fd) {
        (FileKind::Directory, OpenFlags::empty())
    } else {
        let file = call.host.process.file(fd)?;
        (file.kind(), file.status_flags())
    };
    let (most, lost) = (rights::of_kind(kind, open), rights::lost(call.host, fd));
    let left = Rights {
        base: most.base & !lost.base,
        inheriting: most.inheriting & !lost.inheriting,
    };
    Ok((kind, open, left))
}

pub(super) fn fd_fdstat_get(call: &mut Call<'_>, fd: i32, out: u32) -> Outcome<()> {
    let (kind, open, Rights { base, inheriting }) = described(call, fd)?;
    let record = record::fdstat(file::of_kind(kind), fd_flags(open), base, inheriting);
    call.memory.put(out, &record)
}

pub(super) fn fd_fdstat_set_flags(call: &mut Call<'_>, fd: i32, flags: u32) -> Outcome<()> {
    call.check_right(fd, FD_FDSTAT_SET_FLAGS)?;
    let open = open_flags(flags)?;
    Ok(call.host.process.set_status_flags(fd, open)?)
}

/// Gives rights up.
///
/// # Errors
/// - `ENOTCAPABLE`: the descriptor lacks what is to be kept.
pub(super) fn fd_fdstat_set_rights(
    call: &mut Call<'_>,
    fd: i32,
    base: u64,
    inheriting: u64,
) -> Outcome<()> {
    let (_, _, left) = described(call, fd)?;
    if base & !left.base != 0 || inheriting & !left.inheriting != 0 {
        return Err(Fault::NotCapable);
    }
    let lost = Rights {
        base: !base & ALL,
        inheriting: !inheriting & ALL,
    };
    rights::lose(call.host, fd, lost);
    Ok(())
}

fn check_root(call: &Call<'_>, fd: i32) -> Result<(), Errno> {
    if fd == ROOT_FD && call.host.descriptors.has_root() {
        return Ok(());
    }
    Err(Errno::EBADF)
}

pub(super) fn fd_prestat_get(call: &mut Call<'_>, fd: i32, out: u32) -> Outcome<()> {
    check_root(call, fd)?;
    // A directory whose name has one byte.
    call.memory.put_u64(out, 1 << 32)
}

pub(super) fn fd_prestat_dir_name(
    call: &mut Call<'_>,
    fd: i32,
    buf: u32,
    length: u32,
) -> Outcome<()> {
    check_root(call, fd)?;
    if length < 1 {
        return Err(Errno::ENAMETOOLONG.into());
    }
    call.memory.put(buf, b"/")
}

/// Whether the root directory can be closed and renumbered: programs of ours could not do without it, and ask for
/// whatever is open.
fn is_own_root(call: &Call<'_>, fd: i32) -> bool {
    call.host.module.plain && stands_for_root(call.host, fd)
}

pub(super) fn fd_close(call: &mut Call<'_>, fd: i32) -> Outcome<()> {
    let descriptors = &call.host.descriptors;
    if is_own_root(call, fd) {
        descriptors.close_root();
        return Ok(());
    }
    call.host.process.close(fd)?;
    descriptors.closed(fd);
    Ok(())
}

/// Moves a descriptor onto another one, which must be open.
pub(super) fn fd_renumber(call: &mut Call<'_>, fd: i32, to: i32) -> Outcome<()> {
    let (process, descriptors) = (&call.host.process, &call.host.descriptors);
    if is_own_root(call, fd) {
        process.file(to)?;
        let flags = OpenFlags::O_RDONLY | OpenFlags::O_DIRECTORY | OpenFlags::O_CLOEXEC;
        let opened = process.open(b"/", flags, 0)?;
        let lost = rights::lost(call.host, fd);
        let moved = process.dup3(opened, to, OpenFlags::O_CLOEXEC);
        process.close(opened)?;
        moved?;
        descriptors.close_root();
        descriptors.closed(to);
        rights::lose(call.host, to, lost);
        return Ok(());
    }
    process.file(fd)?;
    if !is_own_root(call, to) {
        process.file(to)?;
    }
    if fd != to {
        let flags = process.fd_flags(fd)?;
        process.dup2(fd, to)?;
        process.set_fd_flags(to, flags)?;
        process.close(fd)?;
        if to == ROOT_FD && call.host.module.plain {
            descriptors.close_root();
        }
        descriptors.moved(fd, to);
    }
    Ok(())
}

/// Checks that a descriptor can be positioned. On Linux directories can, with positions that mean something there only;
/// programs of ours are Linux's.
fn check_seekable(call: &Call<'_>, fd: i32, right: u64) -> Outcome<()> {
    call.check_right(fd, right)?;
    let is_directory = match call.host.process.file(fd) {
        Ok(file) => file.kind() == FileKind::Directory,
        Err(_) => stands_for_root(call.host, fd),
    };
    if is_directory && call.host.module.plain {
        return Err(Fault::NotCapable);
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
    // The numbers are Linux's. Preview 1 has no `SEEK_DATA` and `SEEK_HOLE`; programs of ours do.
    let most = if call.host.module.plain { 2 } else { 4 };
    let whence = i32::try_from(whence).ok().filter(|whence| *whence <= most);
    call.memory.check(out, 8)?;
    // Asking for the position is another right than changing it.
    let right = if whence == Some(1) && offset == 0 {
        FD_TELL
    } else {
        FD_SEEK
    };
    check_seekable(call, fd, right)?;
    let position = call
        .host
        .process
        .lseek(fd, offset, whence.ok_or(Errno::EINVAL)?)?;
    call.memory.put_u64(out, position)
}

pub(super) fn fd_tell(call: &mut Call<'_>, fd: i32, out: u32) -> Outcome<()> {
    check_seekable(call, fd, FD_TELL)?;
    let position = call.host.process.lseek(fd, 0, 1)?;
    call.memory.put_u64(out, position)
}

pub(super) fn fd_sync(call: &mut Call<'_>, fd: i32) -> Outcome<()> {
    call.check_right(fd, FD_SYNC)?;
    Ok(call.host.process.fsync(fd)?)
}

pub(super) fn fd_datasync(call: &mut Call<'_>, fd: i32) -> Outcome<()> {
    call.check_right(fd, FD_DATASYNC)?;
    Ok(call.host.process.fdatasync(fd)?)
}

pub(super) fn fd_advise(
    call: &mut Call<'_>,
    fd: i32,
    _offset: u64,
    length: u64,
    advice: u32,
) -> Outcome<()> {
    call.check_right(fd, FD_ADVISE)?;
    Ok(file::advise(&call.host.process, fd, length, advice)?)
}

pub(super) fn fd_allocate(call: &mut Call<'_>, fd: i32, offset: u64, length: u64) -> Outcome<()> {
    call.check_right(fd, FD_ALLOCATE)?;
    Ok(file::allocate(&call.host.process, fd, offset, length)?)
}
