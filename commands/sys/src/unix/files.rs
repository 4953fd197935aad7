//! Descriptors and paths.

use std::ffi::CString;
use std::io;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

use super::check;
use crate::Fd;
use crate::stat::{Stat, Time};

pub(super) fn c_string(bytes: &[u8]) -> io::Result<CString> {
    CString::new(bytes).map_err(|_| io::Error::from_raw_os_error(libc::EINVAL))
}

fn c_path(path: &Path) -> io::Result<CString> {
    c_string(path.as_os_str().as_bytes())
}

pub(crate) fn fd_pipe(flags: i32) -> io::Result<(Fd, Fd)> {
    let mut out = [0; 2];
    // SAFETY: room for two descriptors.
    check(unsafe { libc::pipe2(out.as_mut_ptr(), flags) })?;
    Ok((out[0], out[1]))
}

pub(crate) fn fd_dup(fd: Fd, minimum: Fd, cloexec: bool) -> io::Result<Fd> {
    let command = if cloexec {
        libc::F_DUPFD_CLOEXEC
    } else {
        libc::F_DUPFD
    };
    // SAFETY: no pointers.
    check(unsafe { libc::fcntl(fd, command, minimum) })
}

pub(crate) fn fd_dup2(oldfd: Fd, newfd: Fd, flags: i32) -> io::Result<()> {
    // SAFETY: no pointers.
    check(unsafe {
        if oldfd == newfd {
            libc::dup2(oldfd, newfd)
        } else {
            libc::dup3(oldfd, newfd, flags)
        }
    })?;
    Ok(())
}

pub(crate) fn fd_cloexec(fd: Fd, set: bool) -> io::Result<()> {
    let flags = if set { libc::FD_CLOEXEC } else { 0 };
    // SAFETY: no pointers.
    check(unsafe { libc::fcntl(fd, libc::F_SETFD, flags) })?;
    Ok(())
}

pub(crate) fn fd_close(fd: Fd) -> io::Result<()> {
    // SAFETY: no pointers; the caller owns the descriptor.
    check(unsafe { libc::close(fd) })?;
    Ok(())
}

pub(crate) fn fd_read(fd: Fd, buffer: &mut [u8]) -> io::Result<usize> {
    // SAFETY: the buffer with its length.
    let n = unsafe { libc::read(fd, buffer.as_mut_ptr().cast(), buffer.len()) };
    usize::try_from(n).map_err(|_| io::Error::last_os_error())
}

pub(crate) fn fd_write(fd: Fd, bytes: &[u8]) -> io::Result<usize> {
    // SAFETY: the bytes with their length.
    let n = unsafe { libc::write(fd, bytes.as_ptr().cast(), bytes.len()) };
    usize::try_from(n).map_err(|_| io::Error::last_os_error())
}

pub(crate) fn fd_seek(fd: Fd, offset: i64, whence: i32) -> io::Result<u64> {
    // SAFETY: no pointers.
    let position = unsafe { libc::lseek(fd, offset, whence) };
    u64::try_from(position).map_err(|_| io::Error::last_os_error())
}

#[allow(
    clippy::unnecessary_cast,
    reason = "the fields differ in width between architectures"
)]
fn convert(st: &libc::stat) -> Stat {
    let time = |seconds, nanoseconds: i64| Time {
        seconds,
        nanoseconds: u32::try_from(nanoseconds).unwrap_or(0),
    };
    Stat {
        dev: st.st_dev as u64,
        ino: st.st_ino as u64,
        nlink: st.st_nlink as u64,
        mode: st.st_mode,
        uid: st.st_uid,
        gid: st.st_gid,
        rdev: st.st_rdev as u64,
        size: st.st_size as u64,
        blksize: st.st_blksize as u64,
        blocks: st.st_blocks as u64,
        atime: time(st.st_atime, st.st_atime_nsec as i64),
        mtime: time(st.st_mtime, st.st_mtime_nsec as i64),
        ctime: time(st.st_ctime, st.st_ctime_nsec as i64),
    }
}

pub(crate) fn fd_stat(fd: Fd) -> io::Result<Stat> {
    // SAFETY: a struct of numbers.
    let mut st: libc::stat = unsafe { std::mem::zeroed() };
    // SAFETY: room for the struct.
    check(unsafe { libc::fstat(fd, &raw mut st) })?;
    Ok(convert(&st))
}

pub(crate) fn path_stat(dirfd: Fd, path: &Path, flags: i32) -> io::Result<Stat> {
    let path = c_path(path)?;
    // SAFETY: a struct of numbers.
    let mut st: libc::stat = unsafe { std::mem::zeroed() };
    // SAFETY: a C string and room for the struct.
    check(unsafe { libc::fstatat(dirfd, path.as_ptr(), &raw mut st, flags) })?;
    Ok(convert(&st))
}

pub(crate) fn fd_chdir(fd: Fd) -> io::Result<()> {
    // SAFETY: no pointers.
    check(unsafe { libc::fchdir(fd) })?;
    Ok(())
}

pub(crate) fn fd_chmod(fd: Fd, mode: u32) -> io::Result<()> {
    // SAFETY: no pointers.
    check(unsafe { libc::fchmod(fd, mode) })?;
    Ok(())
}

pub(crate) fn path_chdir(path: &Path) -> io::Result<()> {
    let path = c_path(path)?;
    // SAFETY: a C string.
    check(unsafe { libc::chdir(path.as_ptr()) })?;
    Ok(())
}

pub(crate) fn path_getcwd() -> io::Result<PathBuf> {
    let mut buffer = vec![0_u8; 4096];
    // SAFETY: the buffer with its length.
    let result = unsafe { libc::getcwd(buffer.as_mut_ptr().cast(), buffer.len()) };
    if result.is_null() {
        return Err(io::Error::last_os_error());
    }
    buffer.truncate(buffer.iter().position(|b| *b == 0).unwrap_or(0));
    Ok(PathBuf::from(std::ffi::OsString::from_vec(buffer)))
}

pub(crate) fn path_openat(dirfd: Fd, path: &Path, flags: i32, mode: u32) -> io::Result<Fd> {
    let path = c_path(path)?;
    // SAFETY: a C string.
    check(unsafe { libc::openat(dirfd, path.as_ptr(), flags, mode) })
}

pub(crate) fn path_access(path: &Path, mode: i32) -> io::Result<()> {
    let path = c_path(path)?;
    // SAFETY: a C string.
    check(unsafe { libc::faccessat(libc::AT_FDCWD, path.as_ptr(), mode, libc::AT_EACCESS) })?;
    Ok(())
}

pub(crate) fn path_chmod(path: &Path, mode: u32) -> io::Result<()> {
    let path = c_path(path)?;
    // SAFETY: a C string.
    check(unsafe { libc::chmod(path.as_ptr(), mode) })?;
    Ok(())
}

pub(crate) fn path_chown(path: &Path, uid: u32, gid: u32, flags: i32) -> io::Result<()> {
    let path = c_path(path)?;
    // SAFETY: a C string.
    check(unsafe { libc::fchownat(libc::AT_FDCWD, path.as_ptr(), uid, gid, flags) })?;
    Ok(())
}

pub(crate) fn path_mkfifo(path: &Path, mode: u32) -> io::Result<()> {
    let path = c_path(path)?;
    // SAFETY: a C string.
    check(unsafe { libc::mkfifo(path.as_ptr(), mode) })?;
    Ok(())
}

pub(crate) fn path_mkdir(path: &Path, mode: u32) -> io::Result<()> {
    let path = c_path(path)?;
    // SAFETY: a C string.
    check(unsafe { libc::mkdir(path.as_ptr(), mode) })?;
    Ok(())
}

#[allow(
    clippy::unnecessary_cast,
    reason = "the fields differ in width between architectures"
)]
pub(crate) fn path_statfs(path: &Path) -> io::Result<[u64; 8]> {
    let path = c_path(path)?;
    // SAFETY: a struct of numbers.
    let mut st: libc::statfs = unsafe { std::mem::zeroed() };
    // SAFETY: a C string and room for the struct.
    check(unsafe { libc::statfs(path.as_ptr(), &raw mut st) })?;
    Ok([
        st.f_type as u64,
        st.f_bsize as u64,
        st.f_blocks as u64,
        st.f_bfree as u64,
        st.f_bavail as u64,
        st.f_files as u64,
        st.f_ffree as u64,
        st.f_namelen as u64,
    ])
}
