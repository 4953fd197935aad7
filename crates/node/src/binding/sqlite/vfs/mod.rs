//! SQLite's VFS: the files of the guest whose thread it works on, by the kernel's system calls. Follows what SQLite's
//! `src/os_unix.c` does on Linux.
//!
//! # Deviations
//! Locks are those of the machine, kept here and not in the kernel ([`locks`]): they hold between all connections of all
//! programs of one machine. What a mount shows of the host is not locked against the host.

mod file;
mod locks;
mod path;
mod shared_memory;

use std::ffi::{CStr, c_char, c_int};
use std::ptr::null_mut;
use std::sync::Arc;
use std::time::Duration;

use libsqlite3_sys as ffi;
use secure_exec_kernel::{Errno, Process, Timespec};

use crate::callback::contain_bare;
use crate::memory::memory_guard;
use crate::process::frozen_clock;
use crate::threads::interruption;

/// `PATH_MAX` of Linux.
const LONGEST_PATH: c_int = 4096;

/// The epoch of Unix in milliseconds of the Julian day.
const UNIX_EPOCH: i64 = 24_405_875 * 8_640_000;

/// How often a sleeper looks whether its program is being ended.
const LOOK: Duration = Duration::from_millis(5);

/// The VFS, made at the first call.
pub(super) fn vfs() -> *mut ffi::sqlite3_vfs {
    struct Vfs(*mut ffi::sqlite3_vfs);
    // SAFETY: written by SQLite alone, under its own lock.
    unsafe impl Send for Vfs {}
    // SAFETY: as above.
    unsafe impl Sync for Vfs {}
    static VFS: std::sync::LazyLock<Vfs> = std::sync::LazyLock::new(|| {
        Vfs(Box::into_raw(Box::new(ffi::sqlite3_vfs {
            iVersion: 2,
            szOsFile: file::SIZE,
            mxPathname: LONGEST_PATH,
            pNext: null_mut(),
            zName: c"guest".as_ptr(),
            pAppData: null_mut(),
            xOpen: Some(file::open),
            xDelete: Some(delete),
            xAccess: Some(access),
            xFullPathname: Some(full_pathname),
            xDlOpen: None,
            xDlError: None,
            xDlSym: None,
            xDlClose: None,
            xRandomness: Some(randomness),
            xSleep: Some(sleep),
            xCurrentTime: Some(current_time),
            // The VFS of databases in memory asks without looking whether there is one.
            xGetLastError: Some(last_error),
            xCurrentTimeInt64: Some(current_time_int64),
            xSetSystemCall: None,
            xGetSystemCall: None,
            xNextSystemCall: None,
        })))
    });
    VFS.0
}

/// The process whose thread this is; none while its isolate is taken down, when it touches nothing any more.
fn guest() -> Option<Arc<Process>> {
    memory_guard::guest()
}

/// A name that SQLite gives.
///
/// # Safety
/// It is not null and ends with a NUL.
unsafe fn name<'a>(name: *const c_char) -> &'a [u8] {
    // SAFETY: by the caller.
    unsafe { CStr::from_ptr(name) }.to_bytes()
}

unsafe extern "C" fn delete(
    _vfs: *mut ffi::sqlite3_vfs,
    path: *const c_char,
    _sync_directory: c_int,
) -> c_int {
    // SAFETY: by SQLite.
    let path = unsafe { name(path) };
    let unlink = || match guest().map(|guest| guest.unlink(path)) {
        Some(Ok(())) => ffi::SQLITE_OK,
        Some(Err(Errno::ENOENT)) => ffi::SQLITE_IOERR_DELETE_NOENT,
        _ => ffi::SQLITE_IOERR_DELETE,
    };
    contain_bare(unlink).unwrap_or(ffi::SQLITE_IOERR_DELETE)
}

unsafe extern "C" fn access(
    _vfs: *mut ffi::sqlite3_vfs,
    path: *const c_char,
    flags: c_int,
    result: *mut c_int,
) -> c_int {
    // SAFETY: by SQLite.
    let path = unsafe { name(path) };
    let look = || {
        let guest = guest()?;
        if flags == ffi::SQLITE_ACCESS_EXISTS {
            // An empty file is as good as none: a journal that nothing was written to.
            let found = guest.stat(path).ok()?;
            return (found.size > 0 || !found.is_file()).then_some(());
        }
        // Only `PRAGMA temp_store_directory` asks for anything else. It sets a variable of the operating system process,
        // which other guests would read; answered with «not a writable directory».
        None
    };
    let is_there = contain_bare(look).flatten().is_some();
    // SAFETY: by SQLite.
    unsafe { result.write(c_int::from(is_there)) };
    ffi::SQLITE_OK
}

unsafe extern "C" fn full_pathname(
    _vfs: *mut ffi::sqlite3_vfs,
    path: *const c_char,
    size: c_int,
    result: *mut c_char,
) -> c_int {
    // SAFETY: by SQLite.
    let path = unsafe { name(path) };
    let resolved = contain_bare(|| path::full(&*guest()?, path)).flatten();
    let Some(path::Full {
        path,
        has_symbolic_links,
    }) = resolved
    else {
        return ffi::SQLITE_CANTOPEN;
    };
    if path.len() >= usize::try_from(size).unwrap_or(0) {
        return ffi::SQLITE_CANTOPEN;
    }
    // SAFETY: SQLite has room for `size` bytes there, and the path is shorter.
    unsafe {
        std::ptr::copy_nonoverlapping(path.as_ptr(), result.cast::<u8>(), path.len());
        result.add(path.len()).write(0);
    }
    if has_symbolic_links {
        ffi::SQLITE_OK_SYMLINK
    } else {
        ffi::SQLITE_OK
    }
}

unsafe extern "C" fn randomness(
    _vfs: *mut ffi::sqlite3_vfs,
    size: c_int,
    result: *mut c_char,
) -> c_int {
    let length = usize::try_from(size).unwrap_or(0);
    // SAFETY: SQLite has initialised room for `size` bytes there.
    let bytes = unsafe { std::slice::from_raw_parts_mut(result.cast::<u8>(), length) };
    contain_bare(|| {
        if let Some(kernel) = guest().and_then(|guest| guest.kernel().ok()) {
            kernel.random().fill(bytes);
        }
    });
    size
}

unsafe extern "C" fn sleep(_vfs: *mut ffi::sqlite3_vfs, microseconds: c_int) -> c_int {
    let mut left = Duration::from_micros(u64::try_from(microseconds).unwrap_or(0));
    while !left.is_zero() && !interruption::is_requested() {
        let pause = left.min(LOOK);
        std::thread::sleep(pause);
        left -= pause;
    }
    microseconds
}

unsafe extern "C" fn last_error(
    _vfs: *mut ffi::sqlite3_vfs,
    _size: c_int,
    _text: *mut c_char,
) -> c_int {
    0
}

/// The guest's time of day.
fn now() -> Timespec {
    let clock = || Some(guest()?.kernel().ok()?.clock().realtime());
    let read = || frozen_clock::realtime().or_else(clock);
    contain_bare(read)
        .flatten()
        .unwrap_or(Timespec { sec: 0, nsec: 0 })
}

unsafe extern "C" fn current_time_int64(
    _vfs: *mut ffi::sqlite3_vfs,
    result: *mut ffi::sqlite3_int64,
) -> c_int {
    let now = now();
    let milliseconds = now.sec * 1000 + i64::from(now.nsec / 1_000_000);
    // SAFETY: by SQLite.
    unsafe { result.write(UNIX_EPOCH + milliseconds) };
    ffi::SQLITE_OK
}

unsafe extern "C" fn current_time(vfs: *mut ffi::sqlite3_vfs, result: *mut f64) -> c_int {
    let mut milliseconds = 0;
    // SAFETY: the time is written to the stack.
    let code = unsafe { current_time_int64(vfs, &raw mut milliseconds) };
    // SAFETY: by SQLite.
    unsafe { result.write(milliseconds as f64 / 86_400_000.0) };
    code
}
