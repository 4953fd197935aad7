//! Paths, from the kernel's working directory on.

use secure_exec_kernel::abi::stat::S_IFIFO;
use secure_exec_kernel::{AT_FDCWD, AtFlags, Errno, OpenFlags};

use super::stat_record;
use crate::call::{Call, Outcome};
use crate::wasi::{open_waiting, path_at};

/// A path argument.
fn argument(call: &Call<'_>, path: u32, length: u32) -> Outcome<Vec<u8>> {
    path_at(call, path, length).map(<[u8]>::to_vec)
}

pub(super) fn path_chdir(call: &mut Call<'_>, path: u32, length: u32) -> Outcome<()> {
    Ok(call.host.process.chdir(path_at(call, path, length)?)?)
}

pub(super) fn path_getcwd(
    call: &mut Call<'_>,
    buf: u32,
    room: u32,
    length_out: u32,
) -> Outcome<()> {
    let cwd = call.host.process.getcwd()?;
    if cwd.len() > room as usize {
        return Err(Errno::ERANGE.into());
    }
    call.memory.put(buf, &cwd)?;
    call.memory.put_length(length_out, cwd.len())
}

pub(super) fn path_openat(
    call: &mut Call<'_>,
    dirfd: i32,
    path: u32,
    length: u32,
    flags: i32,
    mode: u32,
    out: u32,
) -> Outcome<()> {
    call.memory.check(out, 4)?;
    let path = argument(call, path, length)?;
    let flags = OpenFlags::from_bits_retain(flags);
    let fd = open_waiting(call, dirfd, &path, flags, mode)?;
    call.memory.put_i32(out, fd)
}

pub(super) fn path_stat(
    call: &mut Call<'_>,
    dirfd: i32,
    path: u32,
    length: u32,
    flags: i32,
    out: u32,
) -> Outcome<()> {
    let path = path_at(call, path, length)?;
    let flags = AtFlags::from_bits_retain(flags);
    let stat = call.host.process.fstatat(dirfd, path, flags)?;
    call.memory.put(out, &stat_record::encode(&stat))
}

pub(super) fn path_access(call: &mut Call<'_>, path: u32, length: u32, mode: i32) -> Outcome<()> {
    Ok(call
        .host
        .process
        .access(path_at(call, path, length)?, mode)?)
}

pub(super) fn path_chmod(call: &mut Call<'_>, path: u32, length: u32, mode: u32) -> Outcome<()> {
    Ok(call
        .host
        .process
        .chmod(path_at(call, path, length)?, mode)?)
}

pub(super) fn path_chown(
    call: &mut Call<'_>,
    path: u32,
    length: u32,
    uid: u32,
    gid: u32,
    flags: i32,
) -> Outcome<()> {
    let path = argument(call, path, length)?;
    let flags = AtFlags::from_bits_retain(flags);
    Ok(call
        .host
        .process
        .fchownat(AT_FDCWD, &path, uid, gid, flags)?)
}

pub(super) fn path_mkfifo(call: &mut Call<'_>, path: u32, length: u32, mode: u32) -> Outcome<()> {
    let path = path_at(call, path, length)?;
    Ok(call
        .host
        .process
        .mknodat(AT_FDCWD, path, S_IFIFO | mode & 0o7777)?)
}

pub(super) fn path_mkdir(call: &mut Call<'_>, path: u32, length: u32, mode: u32) -> Outcome<()> {
    Ok(call
        .host
        .process
        .mkdir(path_at(call, path, length)?, mode)?)
}

pub(super) fn path_statfs(call: &mut Call<'_>, path: u32, length: u32, out: u32) -> Outcome<()> {
    let found = call.host.process.statfs(path_at(call, path, length)?)?;
    let words = [
        found.kind,
        found.bsize,
        found.blocks,
        found.bfree,
        found.bavail,
        found.files,
        found.ffree,
        found.namelen,
    ];
    let record: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
    call.memory.put(out, &record)
}

pub(super) fn proc_umask(call: &mut Call<'_>, mask: u32) -> Outcome<i32> {
    Ok(call.host.process.umask(mask).cast_signed())
}
