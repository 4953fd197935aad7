//! Descriptors and paths.

use std::ffi::{CStr, CString, OsString, c_char};
use std::io;
use std::path::{Path, PathBuf};

use super::{check, imports};
use crate::Fd;
use crate::stat::{Stat, Time};

const STAT_LEN: usize = 120;

fn bytes(path: &Path) -> &[u8] {
    path.as_os_str().as_encoded_bytes()
}

fn path_from(bytes: Vec<u8>) -> PathBuf {
    // SAFETY: on this target an `OsString` may hold any bytes.
    PathBuf::from(unsafe { OsString::from_encoded_bytes_unchecked(bytes) })
}

unsafe extern "C" {
    /// What the C library puts before relative paths: `/` until `chdir` changes it.
    static mut __wasilibc_cwd: *mut c_char;
}

/// A working directory that has been removed, or that cannot be reached by its path.
const WITHOUT_PATH: &CStr = c"/proc/self/cwd";

/// Tells the C library where relative paths begin. Where that has no path, they must not begin in `/`: what removes files
/// below `.` would remove others.
pub(crate) fn tell_c_library() {
    let cwd = path_getcwd().ok();
    let cwd = cwd.and_then(|cwd| CString::new(bytes(&cwd)).ok());
    // SAFETY: a string that ends in NUL.
    if cwd.is_some_and(|cwd| unsafe { libc::chdir(cwd.as_ptr()) } == 0) {
        return;
    }
    // SAFETY: a string that ends in NUL. The C library's variable may be what `malloc` gave, as `chdir` has it, which frees
    // the one before if it had made it; there is one thread.
    unsafe {
        let copy = libc::strdup(WITHOUT_PATH.as_ptr());
        if !copy.is_null() {
            __wasilibc_cwd = copy;
        }
    }
}

pub(crate) fn fd_pipe(flags: i32) -> io::Result<(Fd, Fd)> {
    let mut out = [0; 2];
    // SAFETY: room for two descriptors.
    check(unsafe { imports::fd_pipe(out.as_mut_ptr(), flags) })?;
    Ok((out[0], out[1]))
}

pub(crate) fn fd_dup(fd: Fd, minimum: Fd, cloexec: bool) -> io::Result<Fd> {
    let mut out = 0;
    // SAFETY: room for a descriptor.
    check(unsafe { imports::fd_dup(fd, minimum, i32::from(cloexec), &raw mut out) })?;
    Ok(out)
}

pub(crate) fn fd_dup2(oldfd: Fd, newfd: Fd, flags: i32) -> io::Result<()> {
    // SAFETY: no pointers.
    check(unsafe { imports::fd_dup2(oldfd, newfd, flags) })
}

pub(crate) fn fd_cloexec(fd: Fd, set: bool) -> io::Result<()> {
    // SAFETY: no pointers.
    check(unsafe { imports::fd_cloexec(fd, i32::from(set)) })
}

// The call of preview 1 itself: the C library must not be asked, it has its own ideas of descriptor 3.
#[link(wasm_import_module = "wasi_snapshot_preview1")]
unsafe extern "C" {
    #[link_name = "fd_close"]
    fn wasi_fd_close(fd: i32) -> i32;
    #[link_name = "fd_read"]
    fn wasi_fd_read(fd: i32, iovs: *const Iovec, count: usize, out: *mut usize) -> i32;
    #[link_name = "fd_write"]
    fn wasi_fd_write(fd: i32, iovs: *const Iovec, count: usize, out: *mut usize) -> i32;
    #[link_name = "fd_seek"]
    fn wasi_fd_seek(fd: i32, offset: i64, whence: i32, out: *mut u64) -> i32;
}

#[repr(C)]
struct Iovec {
    data: *const u8,
    len: usize,
}

pub(crate) fn fd_close(fd: Fd) -> io::Result<()> {
    // SAFETY: no pointers.
    check(unsafe { wasi_fd_close(fd) })
}

pub(crate) fn fd_read(fd: Fd, buffer: &mut [u8]) -> io::Result<usize> {
    let iovec = Iovec {
        data: buffer.as_mut_ptr(),
        len: buffer.len(),
    };
    let mut n = 0;
    // SAFETY: one vector over a buffer that is ours to fill.
    check(unsafe { wasi_fd_read(fd, &raw const iovec, 1, &raw mut n) })?;
    Ok(n)
}

pub(crate) fn fd_write(fd: Fd, data: &[u8]) -> io::Result<usize> {
    let iovec = Iovec {
        data: data.as_ptr(),
        len: data.len(),
    };
    let mut n = 0;
    // SAFETY: one vector over bytes that live long enough.
    check(unsafe { wasi_fd_write(fd, &raw const iovec, 1, &raw mut n) })?;
    Ok(n)
}

/// The numbers of `whence` are Linux's, with those that preview 1 does not have.
pub(crate) fn fd_seek(fd: Fd, offset: i64, whence: i32) -> io::Result<u64> {
    let mut position = 0;
    // SAFETY: room for the position.
    check(unsafe { wasi_fd_seek(fd, offset, whence, &raw mut position) })?;
    Ok(position)
}

/// Takes a stat record of 120 bytes apart.
fn decode(record: &[u8; STAT_LEN]) -> Stat {
    let at = |offset: usize| {
        let mut word = [0; 8];
        word.copy_from_slice(&record[offset..offset + 8]);
        u64::from_le_bytes(word)
    };
    let half = |offset: usize| {
        let mut word = [0; 4];
        word.copy_from_slice(&record[offset..offset + 4]);
        u32::from_le_bytes(word)
    };
    let time = |offset: usize| Time {
        seconds: at(offset).cast_signed(),
        nanoseconds: half(offset + 8),
    };
    Stat {
        dev: at(0),
        ino: at(8),
        nlink: at(16),
        mode: half(24),
        uid: half(28),
        gid: half(32),
        rdev: at(40),
        size: at(48),
        blksize: at(56),
        blocks: at(64),
        atime: time(72),
        mtime: time(88),
        ctime: time(104),
    }
}

pub(crate) fn fd_stat(fd: Fd) -> io::Result<Stat> {
    let mut record = [0; STAT_LEN];
    // SAFETY: room for a record.
    check(unsafe { imports::fd_stat(fd, record.as_mut_ptr()) })?;
    Ok(decode(&record))
}

pub(crate) fn path_stat(dirfd: Fd, path: &Path, flags: i32) -> io::Result<Stat> {
    let path = bytes(path);
    let mut record = [0; STAT_LEN];
    // SAFETY: the path with its length, room for a record.
    check(unsafe {
        imports::path_stat(dirfd, path.as_ptr(), path.len(), flags, record.as_mut_ptr())
    })?;
    Ok(decode(&record))
}

pub(crate) fn fd_chdir(fd: Fd) -> io::Result<()> {
    // SAFETY: no pointers.
    check(unsafe { imports::fd_chdir(fd) })?;
    tell_c_library();
    Ok(())
}

pub(crate) fn fd_chmod(fd: Fd, mode: u32) -> io::Result<()> {
    // SAFETY: no pointers.
    check(unsafe { imports::fd_chmod(fd, mode) })
}

pub(crate) fn path_chdir(path: &Path) -> io::Result<()> {
    let path = bytes(path);
    // SAFETY: the path with its length.
    check(unsafe { imports::path_chdir(path.as_ptr(), path.len()) })?;
    tell_c_library();
    Ok(())
}

pub(crate) fn path_getcwd() -> io::Result<PathBuf> {
    let mut buffer = vec![0; 256];
    loop {
        let mut len = 0;
        // SAFETY: the buffer with its length, room for the result's.
        let result =
            check(unsafe { imports::path_getcwd(buffer.as_mut_ptr(), buffer.len(), &raw mut len) });
        match result {
            Ok(()) => {
                buffer.truncate(len);
                return Ok(path_from(buffer));
            }
            Err(error) if error.raw_os_error() == Some(libc::ERANGE) && buffer.len() < 1 << 16 => {
                buffer.resize(buffer.len() * 4, 0);
            }
            Err(error) => return Err(error),
        }
    }
}

pub(crate) fn path_openat(dirfd: Fd, path: &Path, flags: i32, mode: u32) -> io::Result<Fd> {
    let path = bytes(path);
    let mut fd = 0;
    // SAFETY: the path with its length, room for a descriptor.
    check(unsafe {
        imports::path_openat(dirfd, path.as_ptr(), path.len(), flags, mode, &raw mut fd)
    })?;
    Ok(fd)
}

pub(crate) fn path_access(path: &Path, mode: i32) -> io::Result<()> {
    let path = bytes(path);
    // SAFETY: the path with its length.
    check(unsafe { imports::path_access(path.as_ptr(), path.len(), mode) })
}

pub(crate) fn path_chmod(path: &Path, mode: u32) -> io::Result<()> {
    let path = bytes(path);
    // SAFETY: the path with its length.
    check(unsafe { imports::path_chmod(path.as_ptr(), path.len(), mode) })
}

pub(crate) fn path_chown(path: &Path, uid: u32, gid: u32, flags: i32) -> io::Result<()> {
    let path = bytes(path);
    // SAFETY: the path with its length.
    check(unsafe { imports::path_chown(path.as_ptr(), path.len(), uid, gid, flags) })
}

pub(crate) fn path_mkfifo(path: &Path, mode: u32) -> io::Result<()> {
    let path = bytes(path);
    // SAFETY: the path with its length.
    check(unsafe { imports::path_mkfifo(path.as_ptr(), path.len(), mode) })
}

pub(crate) fn path_mkdir(path: &Path, mode: u32) -> io::Result<()> {
    let path = bytes(path);
    // SAFETY: the path with its length.
    check(unsafe { imports::path_mkdir(path.as_ptr(), path.len(), mode) })
}

pub(crate) fn path_statfs(path: &Path) -> io::Result<[u64; 8]> {
    let path = bytes(path);
    let mut out = [0; 8];
    // SAFETY: the path with its length, room for eight numbers.
    check(unsafe { imports::path_statfs(path.as_ptr(), path.len(), out.as_mut_ptr()) })?;
    Ok(out)
}
