//! Metadata.

use secure_exec_kernel::{Errno, SetTime, Stat};
use secure_exec_preview1::flags::fstflags;
use secure_exec_preview1::time::timespec;
use secure_exec_preview1::{file, record, rights};

use super::path::{argument, follow};
use super::rights::stands_for_root;
use crate::call::{Call, Outcome};

fn put(call: &mut Call<'_>, out: u32, stat: &Stat) -> Outcome<()> {
    let record = record::filestat(stat, file::of_mode(stat.mode));
    call.memory.put(out, &record)
}

pub(super) fn fd_filestat_get(call: &mut Call<'_>, fd: i32, out: u32) -> Outcome<()> {
    call.check_right(fd, rights::FD_FILESTAT_GET)?;
    let process = &call.host.process;
    let stat = if stands_for_root(call.host, fd) {
        process.stat(b"/")?
    } else {
        process.fstat(fd)?
    };
    put(call, out, &stat)
}

pub(super) fn path_filestat_get(
    call: &mut Call<'_>,
    fd: i32,
    lookup: u32,
    path: u32,
    length: u32,
    out: u32,
) -> Outcome<()> {
    let (dirfd, path) = argument(call, fd, rights::PATH_FILESTAT_GET, path, length)?;
    let stat = call.host.process.fstatat(dirfd, &path, follow(lookup))?;
    put(call, out, &stat)
}

pub(super) fn fd_filestat_set_size(call: &mut Call<'_>, fd: i32, size: u64) -> Outcome<()> {
    call.check_right(fd, rights::FD_FILESTAT_SET_SIZE)?;
    Ok(call.host.process.ftruncate(fd, size)?)
}

/// Both times as `utimensat(2)` takes them.
fn times(atime: u64, mtime: u64, flags: u32) -> Result<(SetTime, SetTime), Errno> {
    if flags & !fstflags::ALL != 0 {
        return Err(Errno::EINVAL);
    }
    let one = |time: u64, given: bool, now: bool| match (given, now) {
        (true, true) => Err(Errno::EINVAL),
        (true, false) => Ok(SetTime::At(timespec(time))),
        (false, true) => Ok(SetTime::Now),
        (false, false) => Ok(SetTime::Omit),
    };
    Ok((
        one(
            atime,
            flags & fstflags::ATIM != 0,
            flags & fstflags::ATIM_NOW != 0,
        )?,
        one(
            mtime,
            flags & fstflags::MTIM != 0,
            flags & fstflags::MTIM_NOW != 0,
        )?,
    ))
}

pub(super) fn fd_filestat_set_times(
    call: &mut Call<'_>,
    fd: i32,
    atime: u64,
    mtime: u64,
    flags: u32,
) -> Outcome<()> {
    call.check_right(fd, rights::FD_FILESTAT_SET_TIMES)?;
    let (atime, mtime) = times(atime, mtime, flags)?;
    Ok(call.host.process.futimens(fd, atime, mtime)?)
}

#[expect(clippy::too_many_arguments, reason = "as preview 1 declares it")]
pub(super) fn path_filestat_set_times(
    call: &mut Call<'_>,
    fd: i32,
    lookup: u32,
    path: u32,
    length: u32,
    atime: u64,
    mtime: u64,
    flags: u32,
) -> Outcome<()> {
    let (dirfd, path) = argument(call, fd, rights::PATH_FILESTAT_SET_TIMES, path, length)?;
    let (atime, mtime) = times(atime, mtime, flags)?;
    let process = &call.host.process;
    Ok(process.utimensat(dirfd, &path, atime, mtime, follow(lookup))?)
}
