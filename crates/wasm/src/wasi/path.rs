//! Paths.

use std::borrow::Cow;

use secure_exec_kernel::{AT_FDCWD, AtFlags, Errno, Fd, OpenFlags, Process, RenameFlags};
use secure_exec_preview1::flags::{self, SYMLINK_FOLLOW, oflags};
use secure_exec_preview1::rights;

use super::ROOT_FD;
use super::descriptor::open_flags;
use super::rights::Rights;
use crate::call::{Call, Fault, Outcome};

/// Longest path, without its NUL.
const PATH_MAX: u32 = 4095;

/// A path of the guest.
///
/// # Errors
/// - `ENAMETOOLONG`, `EINVAL`: too long, or with a NUL.
pub(crate) fn path_at<'a>(call: &'a Call<'_>, pointer: u32, length: u32) -> Outcome<&'a [u8]> {
    let path = call.memory.bytes(pointer, length)?;
    if length > PATH_MAX {
        return Err(Errno::ENAMETOOLONG.into());
    }
    if path.contains(&0) {
        return Err(Errno::EINVAL.into());
    }
    Ok(path)
}

/// Where a path of preview 1 starts, as the kernel's functions take it.
///
/// Descriptor 3 means the root directory here, until a plain program closes it. A program that cannot change its working directory, because it
/// imports nothing of ours, does not know it either: to its C library `file` is `/file`. So a path of such a program
/// whose first component is not in the root directory starts at the working directory.
pub(super) fn resolve<'a>(call: &Call<'_>, fd: i32, path: &'a [u8]) -> (Fd, Cow<'a, [u8]>) {
    let is_root = fd == ROOT_FD && call.host.descriptors.has_root();
    if !is_root || path.is_empty() || path.starts_with(b"/") {
        return (fd, Cow::Borrowed(path));
    }
    if call.host.module.plain && !in_root(&call.host.process, path) {
        return (AT_FDCWD, Cow::Borrowed(path));
    }
    (AT_FDCWD, Cow::Owned([b"/", path].concat()))
}

/// Whether the first component is the name of something in the root directory. `.` is not.
fn in_root(process: &Process, path: &[u8]) -> bool {
    let first = path.split(|byte| *byte == b'/').next().unwrap_or_default();
    if first == b"." || first == b".." {
        return false;
    }
    process.lstat(&[b"/", first].concat()).is_ok()
}

/// A path argument and where it starts, a descriptor that needs a right.
pub(super) fn argument(
    call: &Call<'_>,
    fd: i32,
    right: u64,
    pointer: u32,
    length: u32,
) -> Outcome<(Fd, Vec<u8>)> {
    call.check_right(fd, right)?;
    let path = path_at(call, pointer, length)?;
    let (dirfd, path) = resolve(call, fd, path);
    Ok((dirfd, path.into_owned()))
}

pub(super) fn follow(lookup: u32) -> AtFlags {
    if lookup & SYMLINK_FOLLOW != 0 {
        AtFlags::empty()
    } else {
        AtFlags::AT_SYMLINK_NOFOLLOW
    }
}

pub(super) fn path_create_directory(
    call: &mut Call<'_>,
    fd: i32,
    path: u32,
    length: u32,
) -> Outcome<()> {
    let (dirfd, path) = argument(call, fd, rights::PATH_CREATE_DIRECTORY, path, length)?;
    Ok(call.host.process.mkdirat(dirfd, &path, 0o777)?)
}

pub(super) fn path_remove_directory(
    call: &mut Call<'_>,
    fd: i32,
    path: u32,
    length: u32,
) -> Outcome<()> {
    let (dirfd, path) = argument(call, fd, rights::PATH_REMOVE_DIRECTORY, path, length)?;
    Ok(call
        .host
        .process
        .unlinkat(dirfd, &path, AtFlags::AT_REMOVEDIR)?)
}

pub(super) fn path_unlink_file(
    call: &mut Call<'_>,
    fd: i32,
    path: u32,
    length: u32,
) -> Outcome<()> {
    let (dirfd, path) = argument(call, fd, rights::PATH_UNLINK_FILE, path, length)?;
    Ok(call.host.process.unlinkat(dirfd, &path, AtFlags::empty())?)
}

#[expect(clippy::too_many_arguments, reason = "as preview 1 declares it")]
pub(super) fn path_link(
    call: &mut Call<'_>,
    fd: i32,
    lookup: u32,
    path: u32,
    length: u32,
    newfd: i32,
    new: u32,
    new_length: u32,
) -> Outcome<()> {
    let (olddirfd, old) = argument(call, fd, rights::PATH_LINK_SOURCE, path, length)?;
    let (newdirfd, new) = argument(call, newfd, rights::PATH_LINK_TARGET, new, new_length)?;
    let flags = if lookup & SYMLINK_FOLLOW != 0 {
        AtFlags::AT_SYMLINK_FOLLOW
    } else {
        AtFlags::empty()
    };
    Ok(call
        .host
        .process
        .linkat(olddirfd, &old, newdirfd, &new, flags)?)
}

pub(super) fn path_rename(
    call: &mut Call<'_>,
    fd: i32,
    path: u32,
    length: u32,
    newfd: i32,
    new: u32,
    new_length: u32,
) -> Outcome<()> {
    let (olddirfd, old) = argument(call, fd, rights::PATH_RENAME_SOURCE, path, length)?;
    let (newdirfd, new) = argument(call, newfd, rights::PATH_RENAME_TARGET, new, new_length)?;
    let process = &call.host.process;
    Ok(process.renameat2(olddirfd, &old, newdirfd, &new, RenameFlags::empty())?)
}

pub(super) fn path_symlink(
    call: &mut Call<'_>,
    target: u32,
    target_length: u32,
    fd: i32,
    path: u32,
    length: u32,
) -> Outcome<()> {
    let target = path_at(call, target, target_length)?.to_vec();
    let (dirfd, path) = argument(call, fd, rights::PATH_SYMLINK, path, length)?;
    Ok(call.host.process.symlinkat(&target, dirfd, &path)?)
}

pub(super) fn path_readlink(
    call: &mut Call<'_>,
    fd: i32,
    path: u32,
    length: u32,
    buf: u32,
    room: u32,
    out: u32,
) -> Outcome<()> {
    call.memory.check(buf, room)?;
    call.memory.check(out, 4)?;
    let (dirfd, path) = argument(call, fd, rights::PATH_READLINK, path, length)?;
    let target = call.host.process.readlinkat(dirfd, &path)?;
    let kept = target.get(..room as usize).unwrap_or(&target);
    call.memory.put(buf, kept)?;
    call.memory.put_length(out, kept.len())
}

/// Opens a file. The descriptor is not below 4, and closes when another program is executed.
#[expect(clippy::too_many_arguments, reason = "as preview 1 declares it")]
pub(super) fn path_open(
    call: &mut Call<'_>,
    fd: i32,
    lookup: u32,
    path: u32,
    length: u32,
    oflags: u32,
    base: u64,
    inheriting: u64,
    flags: u32,
    out: u32,
) -> Outcome<()> {
    call.memory.check(out, 4)?;
    let (dirfd, path) = argument(call, fd, opening_rights(oflags), path, length)?;
    // What the directory does not pass on cannot be had from it.
    let lost = super::rights::lost(call.host, fd).inheriting;
    if lost & (base | inheriting) != 0 {
        return Err(Fault::NotCapable);
    }
    let open = opening(lookup, oflags, base, flags)?;
    let opened = open_waiting(call, dirfd, &path, open, 0o666)?;
    let placed = place(call, opened)?;
    let (base, inheriting) = (lost, lost);
    super::rights::lose(call.host, placed, Rights { base, inheriting });
    call.memory.put_i32(out, placed)
}

/// What a directory needs for something to be opened in it.
fn opening_rights(oflags: u32) -> u64 {
    let mut needed = rights::PATH_OPEN;
    for (flag, right) in [
        (oflags::CREAT, rights::PATH_CREATE_FILE),
        (oflags::TRUNC, rights::PATH_FILESTAT_SET_SIZE),
    ] {
        if oflags & flag != 0 {
            needed |= right;
        }
    }
    needed
}

/// Gives a descriptor a number that is not the root directory's, nor below it.
pub(super) fn place(call: &Call<'_>, opened: Fd) -> Outcome<Fd> {
    if opened > ROOT_FD {
        return Ok(opened);
    }
    let process = &call.host.process;
    let moved = process.dup_from(opened, ROOT_FD + 1, true);
    process.close(opened)?;
    Ok(moved?)
}

/// `openat(2)`, which waits for the other end of a FIFO.
pub(crate) fn open_waiting(
    call: &mut Call<'_>,
    dirfd: i32,
    path: &[u8],
    flags: OpenFlags,
    mode: u32,
) -> Outcome<Fd> {
    let mut opening = None;
    call.wait_for(|process, _, cx| {
        process
            .poll_openat(&mut opening, dirfd, path, flags, mode, cx)
            .map_err(Fault::from)
    })
}

/// Flags of `open(2)`. Preview 1 has no access mode: it is in the rights that are asked for.
fn opening(lookup: u32, oflags: u32, base: u64, flags: u32) -> Result<OpenFlags, Errno> {
    if oflags & !oflags::ALL != 0 {
        return Err(Errno::EINVAL);
    }
    // A directory may be asked for with what only files have; not to write it, which is `EISDIR`.
    let asked = match (oflags & oflags::DIRECTORY, base & rights::FD_WRITE) {
        (oflags::DIRECTORY, 0) => base & !rights::WRITING,
        _ => base,
    };
    let mut open = open_flags(flags)? | OpenFlags::O_CLOEXEC;
    open |= flags::access_mode(asked) | flags::creation_flags(oflags);
    open.set(OpenFlags::O_NOFOLLOW, lookup & SYMLINK_FOLLOW == 0);
    Ok(open)
}
