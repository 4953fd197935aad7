//! Listing directories.

use secure_exec_kernel::{AT_FDCWD, AtFlags, DirEntry, Errno, FileKind, OpenFlags, Process};
use secure_exec_preview1::{file, record, rights};

use super::rights::stands_for_root;
use crate::call::{Call, Outcome};

/// Cookies below this one stand before `.` and `..`, which the kernel does not list; the kernel's positions follow.
const FIRST_LISTED: u64 = 2;

/// Fills the buffer with entries from `cookie` on. The last one may be cut off, which tells that there is more.
pub(super) fn fd_readdir(
    call: &mut Call<'_>,
    fd: i32,
    buf: u32,
    length: u32,
    cookie: u64,
    out: u32,
) -> Outcome<()> {
    call.memory.check(buf, length)?;
    call.memory.check(out, 4)?;
    call.check_right(fd, rights::FD_READDIR)?;
    if stands_for_root(call.host, fd) {
        let flags = OpenFlags::O_RDONLY | OpenFlags::O_DIRECTORY | OpenFlags::O_CLOEXEC;
        let opened = call.host.process.open(b"/", flags, 0)?;
        let listed = list(call, opened, buf, length, cookie, out);
        call.host.process.close(opened)?;
        return listed;
    }
    list(call, fd, buf, length, cookie, out)
}

fn list(call: &mut Call<'_>, fd: i32, buf: u32, length: u32, cookie: u64, out: u32) -> Outcome<()> {
    let process = call.host.process.clone();
    let file = process.file(fd)?;
    if file.kind() != FileKind::Directory {
        return Err(Errno::ENOTDIR.into());
    }
    let room = length as usize;
    let mut filled = Vec::with_capacity(room.min(64 << 10));
    let mut cookie = cookie;
    while cookie < FIRST_LISTED && filled.len() < room {
        let (name, ino): (&[u8], u64) = if cookie == 0 {
            (b".", file.stat()?.ino)
        } else {
            (b"..", parent_ino(&process, fd))
        };
        cookie += 1;
        append(&mut filled, name, ino, FileKind::Directory, cookie);
    }
    let mut position = cookie.saturating_sub(FIRST_LISTED);
    while filled.len() < room {
        let most = (room - filled.len()).div_ceil(record::DIRENT);
        let entries = process.getdents_from(fd, position, most)?;
        if entries.is_empty() {
            break;
        }
        for (DirEntry { name, ino, kind }, next) in &entries {
            if filled.len() >= room {
                break;
            }
            position = *next;
            append(
                &mut filled,
                name,
                *ino,
                *kind,
                next.saturating_add(FIRST_LISTED),
            );
        }
    }
    filled.truncate(room);
    call.memory.put(buf, &filled)?;
    call.memory.put_length(out, filled.len())
}

fn append(filled: &mut Vec<u8>, name: &[u8], ino: u64, kind: FileKind, next: u64) {
    filled.extend_from_slice(&record::dirent(next, ino, name, file::of_kind(kind)));
    filled.extend_from_slice(name);
}

/// Inode of the directory above; 0 if it cannot be known.
fn parent_ino(process: &Process, fd: i32) -> u64 {
    debug_assert_ne!(fd, AT_FDCWD);
    process
        .fstatat(fd, b"..", AtFlags::empty())
        .map_or(0, |stat| stat.ino)
}
