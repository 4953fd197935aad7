//! Descriptors: their flags and rights, offsets, metadata, closing and renumbering.

use secure_exec_kernel::{Fd, OpenFlags, SetTime, Stat, Timespec};
use secure_exec_preview1::flags::{self, fstflags};
use secure_exec_preview1::time::NANOS;
use secure_exec_preview1::{errno, file, record, rights};

use super::call::Call;
use super::memory::Outcome;
use super::table::{self, Entry};
use super::{environment, error};

/// Flags have 16 bits in preview 1: what is beyond them is not seen.
const SIXTEEN_BITS: u32 = 0xffff;
/// Other numbers have 8.
const EIGHT_BITS: u32 = 0xff;
/// `POSIX_FADV_NOREUSE`, the last of the advice.
const LAST_ADVICE: u32 = 5;

pub(super) fn fd_advise(
    call: &mut Call<'_>,
    fd: u32,
    offset: u64,
    length: u64,
    advice: u32,
) -> Outcome {
    let advice = advice & EIGHT_BITS;
    if advice > LAST_ADVICE {
        return Err(errno::INVAL);
    }
    let entry = call.entry(fd, rights::FD_ADVISE)?;
    if entry.filetype == file::DIRECTORY {
        return Err(errno::BADF);
    }
    // `posix_fadvise(2)` looks at the length alone.
    let _ = offset;
    file::advise(&call.process, entry.fd, length, advice).map_err(error::of)
}

/// The file reaches at least that far afterwards. Node's uvwasi does not call `posix_fallocate(3)`, so it takes what
/// that refuses.
pub(super) fn fd_allocate(call: &mut Call<'_>, fd: u32, offset: u64, length: u64) -> Outcome {
    let entry = call.entry(fd, rights::FD_ALLOCATE)?;
    let end = offset.wrapping_add(length);
    let stat = call.process.fstat(entry.fd).map_err(error::of)?;
    if stat.size >= end {
        return Ok(());
    }
    truncate(call, entry.fd, end)
}

/// `ftruncate(2)`, whose length has a sign.
fn truncate(call: &Call<'_>, fd: Fd, length: u64) -> Outcome {
    if i64::try_from(length).is_err() {
        return Err(errno::INVAL);
    }
    call.process.ftruncate(fd, length).map_err(error::of)
}

pub(super) fn fd_close(call: &mut Call<'_>, fd: u32) -> Outcome {
    call.wasi.table.borrow_mut().close(fd)
}

pub(super) fn fd_datasync(call: &mut Call<'_>, fd: u32) -> Outcome {
    let entry = call.entry(fd, rights::FD_DATASYNC)?;
    call.process.fdatasync(entry.fd).map_err(error::of)
}

pub(super) fn fd_sync(call: &mut Call<'_>, fd: u32) -> Outcome {
    let entry = call.entry(fd, rights::FD_SYNC)?;
    call.process.fsync(entry.fd).map_err(error::of)
}

/// The flags are those of `F_GETFL`, whose numbers are others than preview 1's: as in uvwasi, whose programs see these.
pub(super) fn fd_fdstat_get(call: &mut Call<'_>, fd: u32, out: u32) -> Outcome {
    call.memory.check(out, record::FDSTAT as u64)?;
    let entry = call.entry(fd, 0)?;
    let status = call.process.status_flags(entry.fd).map_err(error::of)?;
    let mut flags = status.bits().cast_unsigned() & SIXTEEN_BITS;
    if !matches!(entry.filetype, file::SOCKET_STREAM | file::SOCKET_DGRAM) {
        // Linux sets it for whatever was opened by a path.
        flags |= OpenFlags::O_LARGEFILE.bits().cast_unsigned();
    }
    let record = record::fdstat(
        entry.filetype,
        u16::try_from(flags).unwrap_or(u16::MAX),
        entry.base.get(),
        entry.inheriting.get(),
    );
    call.memory.write(u64::from(out), &record)
}

pub(super) fn fd_fdstat_set_flags(call: &mut Call<'_>, fd: u32, flags: u32) -> Outcome {
    let entry = call.entry(fd, rights::FD_FDSTAT_SET_FLAGS)?;
    let status = flags::status_flags(flags & SIXTEEN_BITS);
    call.process
        .set_status_flags(entry.fd, status)
        .map_err(error::of)
}

/// Rights can be given up only.
pub(super) fn fd_fdstat_set_rights(
    call: &mut Call<'_>,
    fd: u32,
    base: u64,
    inheriting: u64,
) -> Outcome {
    let entry = call.entry(fd, 0)?;
    if base & !entry.base.get() != 0 || inheriting & !entry.inheriting.get() != 0 {
        return Err(errno::NOTCAPABLE);
    }
    entry.base.set(base);
    entry.inheriting.set(inheriting);
    Ok(())
}

/// Stores metadata.
pub(super) fn put_stat(call: &Call<'_>, out: u32, stat: &Stat) -> Outcome {
    let record = record::filestat(stat, table::filetype_of(stat.mode));
    call.memory.write(u64::from(out), &record)
}

pub(super) fn fd_filestat_get(call: &mut Call<'_>, fd: u32, out: u32) -> Outcome {
    call.memory.check(out, record::FILESTAT as u64)?;
    let entry = call.entry(fd, rights::FD_FILESTAT_GET)?;
    let stat = call.process.fstat(entry.fd).map_err(error::of)?;
    put_stat(call, out, &stat)
}

pub(super) fn fd_filestat_set_size(call: &mut Call<'_>, fd: u32, size: u64) -> Outcome {
    let entry = call.entry(fd, rights::FD_FILESTAT_SET_SIZE)?;
    truncate(call, entry.fd, size)
}

/// Checks the flags of times, which have 16 bits.
pub(super) fn time_flags(flags: u32) -> Outcome<u32> {
    const ACCESS: u32 = fstflags::ATIM | fstflags::ATIM_NOW;
    const CHANGE: u32 = fstflags::MTIM | fstflags::MTIM_NOW;
    let flags = flags & SIXTEEN_BITS;
    // A time and the present at once make no sense.
    let contradicts = |both| flags & both == both;
    if flags & !fstflags::ALL != 0 || contradicts(ACCESS) || contradicts(CHANGE) {
        return Err(errno::INVAL);
    }
    Ok(flags)
}

/// Both times as uvwasi sets them: in whole seconds, those that are left out too.
pub(super) fn times(
    call: &Call<'_>,
    flags: u32,
    given: (u64, u64),
    stat: impl FnOnce() -> Outcome<Stat>,
) -> Outcome<(SetTime, SetTime)> {
    const ACCESS: u32 = fstflags::ATIM | fstflags::ATIM_NOW;
    const CHANGE: u32 = fstflags::MTIM | fstflags::MTIM_NOW;
    let old = if flags & ACCESS == 0 || flags & CHANGE == 0 {
        Some(stat()?)
    } else {
        None
    };
    let now = environment::seconds_now(call);
    let one = |set: u32, set_now: u32, given: u64, old: Option<Timespec>| {
        let seconds = if flags & set_now != 0 {
            i64::try_from(now).unwrap_or(i64::MAX)
        } else if flags & set != 0 {
            // Less than 2^64 nanoseconds.
            i64::try_from(given / NANOS).unwrap_or(i64::MAX)
        } else {
            old.map_or(0, |time| time.sec)
        };
        SetTime::At(Timespec::new(seconds, 0))
    };
    Ok((
        one(
            fstflags::ATIM,
            fstflags::ATIM_NOW,
            given.0,
            old.as_ref().map(|stat| stat.atime),
        ),
        one(
            fstflags::MTIM,
            fstflags::MTIM_NOW,
            given.1,
            old.as_ref().map(|stat| stat.mtime),
        ),
    ))
}

pub(super) fn fd_filestat_set_times(
    call: &mut Call<'_>,
    fd: u32,
    access: u64,
    change: u64,
    flags: u32,
) -> Outcome {
    let flags = time_flags(flags)?;
    let entry = call.entry(fd, rights::FD_FILESTAT_SET_TIMES)?;
    let (access, change) = times(call, flags, (access, change), || {
        call.process.fstat(entry.fd).map_err(error::of)
    })?;
    call.process
        .futimens(entry.fd, access, change)
        .map_err(error::of)
}

pub(super) fn fd_prestat_get(call: &mut Call<'_>, fd: u32, out: u32) -> Outcome {
    call.memory.check(out, 8)?;
    let entry = call.entry(fd, 0)?;
    if !entry.preopen {
        return Err(errno::INVAL);
    }
    // A directory, and how long its name is.
    let length = u64::try_from(entry.path.len()).unwrap_or(u64::MAX);
    call.memory.put_u64(out, length << 32)
}

pub(super) fn fd_prestat_dir_name(call: &mut Call<'_>, fd: u32, path: u32, length: u32) -> Outcome {
    call.memory.check(path, u64::from(length))?;
    let entry = call.entry(fd, 0)?;
    if !entry.preopen {
        return Err(errno::BADF);
    }
    if entry.path.len() > length as usize {
        return Err(errno::NOBUFS);
    }
    call.memory.write(u64::from(path), &entry.path)
}

pub(super) fn fd_renumber(call: &mut Call<'_>, from: u32, to: u32) -> Outcome {
    call.wasi.table.borrow_mut().renumber(from, to)
}

fn seek(call: &Call<'_>, entry: &Entry, offset: i64, whence: u32, out: u32) -> Outcome {
    // The numbers are Linux's; `SEEK_DATA` and `SEEK_HOLE` do not exist here.
    let whence = i32::try_from(whence).ok().filter(|whence| *whence <= 2);
    let position = call
        .process
        .lseek(entry.fd, offset, whence.ok_or(errno::INVAL)?)
        .map_err(error::of)?;
    call.memory.put_u64(out, position)
}

pub(super) fn fd_seek(call: &mut Call<'_>, fd: u32, offset: i64, whence: u32, out: u32) -> Outcome {
    call.memory.check(out, 8)?;
    let entry = call.entry(fd, rights::FD_SEEK)?;
    seek(call, &entry, offset, whence & EIGHT_BITS, out)
}

pub(super) fn fd_tell(call: &mut Call<'_>, fd: u32, out: u32) -> Outcome {
    call.memory.check(out, 8)?;
    let entry = call.entry(fd, rights::FD_TELL)?;
    seek(call, &entry, 0, 1, out)
}
