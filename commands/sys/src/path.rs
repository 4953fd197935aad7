//! Paths, relative to the kernel's working directory of the process.

use std::io;
use std::path::{Path, PathBuf};

use secure_exec_abi::fcntl::AtFlags;

use crate::backend;
use crate::fd::AT_FDCWD;
use crate::stat::Stat;

pub use secure_exec_abi::fcntl::{F_OK, R_OK, W_OK, X_OK};

pub const AT_SYMLINK_NOFOLLOW: i32 = AtFlags::AT_SYMLINK_NOFOLLOW.bits();

/// Sets the working directory, the kernel's and the C library's.
///
/// # Errors
/// `ENOENT`, `ENOTDIR`, `EACCES`: as `chdir(2)`.
pub fn chdir(path: impl AsRef<Path>) -> io::Result<()> {
    backend::path_chdir(path.as_ref())
}

/// # Errors
/// `ENOENT`: the working directory was removed.
pub fn getcwd() -> io::Result<PathBuf> {
    backend::path_getcwd()
}

/// `stat(2)`.
///
/// # Errors
/// `ENOENT`, `ENOTDIR`, `EACCES`, `ELOOP`: as `stat(2)`.
pub fn stat(path: impl AsRef<Path>) -> io::Result<Stat> {
    backend::path_stat(AT_FDCWD, path.as_ref(), 0)
}

/// `lstat(2)`.
///
/// # Errors
/// As [`stat`].
pub fn lstat(path: impl AsRef<Path>) -> io::Result<Stat> {
    backend::path_stat(AT_FDCWD, path.as_ref(), AT_SYMLINK_NOFOLLOW)
}

/// `access(2)`.
///
/// # Errors
/// `EACCES`: not permitted; otherwise as [`stat`].
pub fn access(path: impl AsRef<Path>, mode: i32) -> io::Result<()> {
    backend::path_access(path.as_ref(), mode)
}

/// # Errors
/// `EPERM`: not the owner; otherwise as [`stat`].
pub fn chmod(path: impl AsRef<Path>, mode: u32) -> io::Result<()> {
    backend::path_chmod(path.as_ref(), mode)
}

/// `fchownat(2)`; `flags` may be [`AT_SYMLINK_NOFOLLOW`].
///
/// # Errors
/// `EPERM`: not permitted; otherwise as [`stat`].
pub fn chown(path: impl AsRef<Path>, uid: u32, gid: u32, flags: i32) -> io::Result<()> {
    backend::path_chown(path.as_ref(), uid, gid, flags)
}

/// # Errors
/// `EEXIST`: the name is taken; otherwise as `mkfifo(3)`.
pub fn mkfifo(path: impl AsRef<Path>, mode: u32) -> io::Result<()> {
    backend::path_mkfifo(path.as_ref(), mode)
}

/// # Errors
/// `EEXIST`: the name is taken; otherwise as `mkdir(2)`.
pub fn mkdir(path: impl AsRef<Path>, mode: u32) -> io::Result<()> {
    backend::path_mkdir(path.as_ref(), mode)
}

/// A mounted filesystem and its room.
#[derive(Clone, Copy, Debug, Default)]
pub struct Statfs {
    pub kind: u64,
    pub block_size: u64,
    pub blocks: u64,
    pub free: u64,
    pub available: u64,
    pub files: u64,
    pub files_free: u64,
    pub name_max: u64,
}

/// # Errors
/// As [`stat`].
pub fn statfs(path: impl AsRef<Path>) -> io::Result<Statfs> {
    let [
        kind,
        block_size,
        blocks,
        free,
        available,
        files,
        files_free,
        name_max,
    ] = backend::path_statfs(path.as_ref())?;
    Ok(Statfs {
        kind,
        block_size,
        blocks,
        free,
        available,
        files,
        files_free,
        name_max,
    })
}

/// `symlink(2)`: the standard library's own is not stable for WASI.
///
/// # Errors
/// `EEXIST`: `link` is there already; otherwise as `open(2)` that makes a file.
pub fn symlink(target: impl AsRef<Path>, link: impl AsRef<Path>) -> io::Result<()> {
    let name = |path: &Path| std::ffi::CString::new(path.as_os_str().as_encoded_bytes());
    let (target, link) = (name(target.as_ref())?, name(link.as_ref())?);
    // SAFETY: both are strings that end in NUL and live until the call returns.
    let result = unsafe { libc::symlink(target.as_ptr(), link.as_ptr()) };
    if result == 0 {
        Ok(())
    } else {
        Err(io::Error::last_os_error())
    }
}
