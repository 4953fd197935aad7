//! What Rust's standard library wants of its C library and Debian's wasi-libc of 2022 has not.
//!
//! Preview 1 has no threads: newer versions of wasi-libc have these functions as well, and they fail there, too.

use std::ffi::{CStr, OsStr, c_char, c_int, c_void};
use std::os::wasi::ffi::OsStrExt;
use std::path::Path;

/// `chmod(2)`.
///
/// # Safety
/// `path` is a C string.
#[unsafe(no_mangle)]
unsafe extern "C" fn chmod(path: *const c_char, mode: u32) -> c_int {
    // SAFETY: by the contract.
    let path = unsafe { CStr::from_ptr(path) };
    let path = Path::new(OsStr::from_bytes(path.to_bytes()));
    match super::path_chmod(path, mode) {
        Ok(()) => 0,
        Err(error) => {
            let number = error.raw_os_error().unwrap_or(libc::EIO);
            // SAFETY: programs here have one thread.
            unsafe { super::c_library::errno = number };
            -1
        }
    }
}

#[unsafe(no_mangle)]
extern "C" fn pthread_attr_init(_attributes: *mut c_void) -> c_int {
    0
}

#[unsafe(no_mangle)]
extern "C" fn pthread_attr_setstacksize(_attributes: *mut c_void, _size: usize) -> c_int {
    0
}

#[unsafe(no_mangle)]
extern "C" fn pthread_attr_destroy(_attributes: *mut c_void) -> c_int {
    0
}

/// Fails with `EAGAIN`: there are no threads.
#[unsafe(no_mangle)]
extern "C" fn pthread_create(
    _thread: *mut c_void,
    _attributes: *const c_void,
    _start: *const c_void,
    _argument: *mut c_void,
) -> c_int {
    libc::EAGAIN
}

/// Fails with `ESRCH`: no thread was ever made.
#[unsafe(no_mangle)]
extern "C" fn pthread_join(_thread: *mut c_void, _result: *mut *mut c_void) -> c_int {
    libc::ESRCH
}

/// Fails with `ESRCH`: no thread was ever made.
#[unsafe(no_mangle)]
extern "C" fn pthread_detach(_thread: *mut c_void) -> c_int {
    libc::ESRCH
}
