//! Descriptors.

use secure_exec_kernel::{Errno, FdFlags, OpenFlags};

use super::stat_record;
use crate::call::{Call, Outcome};

pub(super) fn fd_pipe(call: &mut Call<'_>, out: u32, flags: i32) -> Outcome<()> {
    call.memory.check(out, 8)?;
    let (read, write) = call
        .host
        .process
        .pipe2(OpenFlags::from_bits_retain(flags))?;
    call.memory.put_i32(out, read)?;
    call.memory.put_i32(out + 4, write)
}

pub(super) fn fd_dup(
    call: &mut Call<'_>,
    fd: i32,
    minimum: i32,
    cloexec: i32,
    out: u32,
) -> Outcome<()> {
    call.memory.check(out, 4)?;
    let copy = call.host.process.dup_from(fd, minimum, cloexec != 0)?;
    call.memory.put_i32(out, copy)
}

pub(super) fn fd_dup2(call: &mut Call<'_>, oldfd: i32, newfd: i32, flags: i32) -> Outcome<()> {
    let flags = OpenFlags::from_bits_retain(flags);
    let process = &call.host.process;
    if oldfd == newfd {
        if flags.intersects(!OpenFlags::O_CLOEXEC) {
            return Err(Errno::EINVAL.into());
        }
        process.dup2(oldfd, newfd)?;
    } else {
        process.dup3(oldfd, newfd, flags)?;
    }
    Ok(())
}

pub(super) fn fd_cloexec(call: &mut Call<'_>, fd: i32, set: i32) -> Outcome<()> {
    let flags = if set != 0 {
        FdFlags::FD_CLOEXEC
    } else {
        FdFlags::empty()
    };
    Ok(call.host.process.set_fd_flags(fd, flags)?)
}

pub(super) fn fd_stat(call: &mut Call<'_>, fd: i32, out: u32) -> Outcome<()> {
    let stat = call.host.process.fstat(fd)?;
    call.memory.put(out, &stat_record::encode(&stat))
}

pub(super) fn fd_chdir(call: &mut Call<'_>, fd: i32) -> Outcome<()> {
    Ok(call.host.process.fchdir(fd)?)
}

pub(super) fn fd_chmod(call: &mut Call<'_>, fd: i32, mode: u32) -> Outcome<()> {
    Ok(call.host.process.fchmod(fd, mode)?)
}
