//! Paths.

use std::future::poll_fn;
use std::rc::Rc;

use secure_exec_kernel::{AT_FDCWD, AtFlags, OpenFlags};
use secure_exec_preview1::flags::{self, SYMLINK_FOLLOW, fdflags, oflags};
use secure_exec_preview1::{errno, file, record, rights};

use super::call::Call;
use super::memory::Outcome;
use super::resolve::resolve;
use super::table::{self, Entry, Opened};
use super::{descriptor, error};

/// Longest path that is looked at, however many detours it takes; what it comes to has `PATH_MAX` bytes at most.
const MOST_PATH_BYTES: u32 = 64 << 10;
/// `ENAMETOOLONG`.
const TOO_LONG: u16 = 37;
/// Flags have 16 bits in preview 1.
const SIXTEEN_BITS: u32 = 0xffff;

/// A path of the guest.
fn given(call: &Call<'_>, pointer: u32, length: u32) -> Outcome<Vec<u8>> {
    if length > MOST_PATH_BYTES {
        return Err(TOO_LONG);
    }
    let mut path = vec![0; length as usize];
    call.memory.read(u64::from(pointer), &mut path)?;
    Ok(path)
}

/// The process' path of one that begins at a descriptor; links in its last component are followed by request.
fn located(
    call: &Call<'_>,
    entry: &Entry,
    (pointer, length): (u32, u32),
    lookup: u32,
) -> Outcome<Vec<u8>> {
    let path = given(call, pointer, length)?;
    resolve(&call.process, entry, &path, lookup & SYMLINK_FOLLOW != 0)
}

/// Checks the places of paths.
fn check(call: &Call<'_>, paths: &[(u32, u32)]) -> Outcome {
    paths
        .iter()
        .try_for_each(|(pointer, length)| call.memory.check(*pointer, u64::from(*length)))
}

pub(super) fn path_create_directory(
    call: &mut Call<'_>,
    fd: u32,
    path: u32,
    length: u32,
) -> Outcome {
    check(call, &[(path, length)])?;
    let entry = call.entry(fd, rights::PATH_CREATE_DIRECTORY)?;
    let path = located(call, &entry, (path, length), 0)?;
    call.process.mkdir(&path, 0o777).map_err(error::of)
}

pub(super) fn path_filestat_get(
    call: &mut Call<'_>,
    fd: u32,
    lookup: u32,
    path: u32,
    length: u32,
    out: u32,
) -> Outcome {
    check(call, &[(path, length)])?;
    call.memory.check(out, record::FILESTAT as u64)?;
    let entry = call.entry(fd, rights::PATH_FILESTAT_GET)?;
    let path = located(call, &entry, (path, length), lookup)?;
    let stat = call.process.lstat(&path).map_err(error::of)?;
    descriptor::put_stat(call, out, &stat)
}

#[expect(clippy::too_many_arguments, reason = "as preview 1 declares it")]
pub(super) fn path_filestat_set_times(
    call: &mut Call<'_>,
    fd: u32,
    lookup: u32,
    path: u32,
    length: u32,
    access: u64,
    change: u64,
    flags: u32,
) -> Outcome {
    check(call, &[(path, length)])?;
    let entry = call.entry(fd, rights::PATH_FILESTAT_SET_TIMES)?;
    let flags = descriptor::time_flags(flags)?;
    let path = located(call, &entry, (path, length), lookup)?;
    let (access, change) = descriptor::times(call, flags, (access, change), || {
        call.process.lstat(&path).map_err(error::of)
    })?;
    call.process
        .utimensat(
            AT_FDCWD,
            &path,
            access,
            change,
            AtFlags::AT_SYMLINK_NOFOLLOW,
        )
        .map_err(error::of)
}

/// Two descriptors and their rights; one that is both has both.
fn pair(
    call: &Call<'_>,
    (old, source): (u32, u64),
    (new, target): (u32, u64),
) -> Outcome<(Rc<Entry>, Rc<Entry>)> {
    if old == new {
        let entry = call.entry(old, source | target)?;
        return Ok((entry.clone(), entry));
    }
    Ok((call.entry(old, source)?, call.entry(new, target)?))
}

#[expect(clippy::too_many_arguments, reason = "as preview 1 declares it")]
pub(super) fn path_link(
    call: &mut Call<'_>,
    old_fd: u32,
    lookup: u32,
    old: u32,
    old_length: u32,
    new_fd: u32,
    new: u32,
    new_length: u32,
) -> Outcome {
    check(call, &[(old, old_length), (new, new_length)])?;
    let (source, target) = pair(
        call,
        (old_fd, rights::PATH_LINK_SOURCE),
        (new_fd, rights::PATH_LINK_TARGET),
    )?;
    let old = located(call, &source, (old, old_length), lookup)?;
    let new = located(call, &target, (new, new_length), 0)?;
    call.process.link(&old, &new).map_err(error::of)
}

pub(super) fn path_rename(
    call: &mut Call<'_>,
    old_fd: u32,
    old: u32,
    old_length: u32,
    new_fd: u32,
    new: u32,
    new_length: u32,
) -> Outcome {
    check(call, &[(old, old_length), (new, new_length)])?;
    let (source, target) = pair(
        call,
        (old_fd, rights::PATH_RENAME_SOURCE),
        (new_fd, rights::PATH_RENAME_TARGET),
    )?;
    let old = located(call, &source, (old, old_length), 0)?;
    let new = located(call, &target, (new, new_length), 0)?;
    call.process.rename(&old, &new).map_err(error::of)
}

/// The target is held to the directory as if it began there.
pub(super) fn path_symlink(
    call: &mut Call<'_>,
    old: u32,
    old_length: u32,
    fd: u32,
    new: u32,
    new_length: u32,
) -> Outcome {
    check(call, &[(old, old_length), (new, new_length)])?;
    let entry = call.entry(fd, rights::PATH_SYMLINK)?;
    let target = given(call, old, old_length)?;
    if target.starts_with(b"/") {
        return Err(errno::PERM);
    }
    resolve(&call.process, &entry, &target, false)?;
    let new = located(call, &entry, (new, new_length), 0)?;
    let target = target.strip_suffix(b"\0").unwrap_or(&target);
    call.process.symlink(target, &new).map_err(error::of)
}

/// Stores the target with a NUL behind it, for which there must be room.
pub(super) fn path_readlink(
    call: &mut Call<'_>,
    fd: u32,
    path: u32,
    length: u32,
    buffer: u32,
    room: u32,
    out: u32,
) -> Outcome {
    check(call, &[(path, length), (buffer, room)])?;
    call.memory.check(out, 4)?;
    let entry = call.entry(fd, rights::PATH_READLINK)?;
    let path = located(call, &entry, (path, length), 0)?;
    let mut target = call.process.readlink(&path).map_err(error::of)?;
    let length = target.len();
    if length >= room as usize {
        return Err(errno::NOBUFS);
    }
    target.push(0);
    call.memory.write(u64::from(buffer), &target)?;
    call.memory.put_length(out, length)
}

pub(super) fn path_remove_directory(
    call: &mut Call<'_>,
    fd: u32,
    path: u32,
    length: u32,
) -> Outcome {
    check(call, &[(path, length)])?;
    let entry = call.entry(fd, rights::PATH_REMOVE_DIRECTORY)?;
    let path = located(call, &entry, (path, length), 0)?;
    call.process.rmdir(&path).map_err(error::of)
}

pub(super) fn path_unlink_file(call: &mut Call<'_>, fd: u32, path: u32, length: u32) -> Outcome {
    check(call, &[(path, length)])?;
    let entry = call.entry(fd, rights::PATH_UNLINK_FILE)?;
    let path = located(call, &entry, (path, length), 0)?;
    call.process.unlink(&path).map_err(error::of)
}

/// How a file is opened, and which rights of the directory that needs.
struct Opening {
    flags: OpenFlags,
    base: u64,
    inheriting: u64,
}

fn opening(creation: u32, base: u64, inheriting: u64, status: u32) -> Opening {
    let writes = base & rights::WRITING != 0;
    let flags =
        flags::access_mode(base) | flags::creation_flags(creation) | flags::status_flags(status);
    let mut needed = Opening {
        flags,
        base: rights::PATH_OPEN,
        inheriting: base | inheriting,
    };
    if creation & oflags::CREAT != 0 {
        needed.base |= rights::PATH_CREATE_FILE;
    }
    if creation & oflags::TRUNC != 0 {
        needed.base |= rights::PATH_FILESTAT_SET_SIZE;
    }
    if status & fdflags::DSYNC != 0 {
        needed.inheriting |= rights::FD_DATASYNC;
    }
    if status & (fdflags::RSYNC | fdflags::SYNC) != 0 {
        needed.inheriting |= rights::FD_SYNC;
    }
    if writes && !flags.intersects(OpenFlags::O_APPEND | OpenFlags::O_TRUNC) {
        needed.inheriting |= rights::FD_SEEK;
    }
    needed
}

#[expect(clippy::too_many_arguments, reason = "as preview 1 declares it")]
pub(super) fn path_open(
    call: &mut Call<'_>,
    fd: u32,
    lookup: u32,
    path: u32,
    length: u32,
    creation: u32,
    base: u64,
    inheriting: u64,
    status: u32,
    out: u32,
) -> Outcome {
    check(call, &[(path, length)])?;
    call.memory.check(out, 4)?;
    let creation = creation & SIXTEEN_BITS;
    let needed = opening(creation, base, inheriting, status & SIXTEEN_BITS);
    let directory = call
        .wasi
        .table
        .borrow()
        .get(fd, needed.base, needed.inheriting)?;
    let path = located(call, &directory, (path, length), lookup)?;
    let flags = needed.flags | OpenFlags::O_CLOEXEC;
    let mut pending = None;
    let process = &call.process;
    let opened = call.block(poll_fn(|cx| {
        process.poll_openat(&mut pending, AT_FDCWD, &path, flags, 0o666, cx)
    }))?;
    let id = install(call, opened, path, creation, flags, (base, inheriting));
    if id.is_err() {
        // The first error is the one to tell.
        let _ = call.process.close(opened);
    }
    call.memory.put_u32(out, id?)
}

/// Gives an open file its number, with the rights that were asked for and that a file of its type can have.
fn install(
    call: &Call<'_>,
    opened: i32,
    path: Vec<u8>,
    creation: u32,
    flags: OpenFlags,
    (base, inheriting): (u64, u64),
) -> Outcome<u32> {
    let filetype = table::filetype(&call.process, opened)?;
    let asked = creation & oflags::DIRECTORY != 0 || path.ends_with(b"/");
    if asked && filetype != file::DIRECTORY {
        return Err(errno::NOTDIR);
    }
    let terminal = table::is_terminal(&call.process, opened);
    let most = super::rights::most(filetype, terminal, flags)?;
    call.wasi.table.borrow_mut().insert(Opened {
        fd: opened,
        path: path.clone(),
        real_path: path,
        filetype,
        base: base & most.0,
        inheriting: inheriting & most.1,
        preopen: false,
        owned: true,
    })
}
