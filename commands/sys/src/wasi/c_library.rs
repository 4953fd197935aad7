//! What the C library of preview 1 lacks or words differently.
//!
//! Debian's wasi-libc of 2022 has no `__errno_location` (the `errno` crate wants it) and no `realpath`
//! (std's `canonicalize` wants it). Its `strerror` has musl's texts; programs here speak as on Linux with
//! glibc, because scripts compare messages.

use std::ffi::{CStr, OsStr, c_char, c_int, c_void};
use std::io;
use std::path::{Component, Path, PathBuf};

unsafe extern "C" {
    pub(super) static mut errno: c_int;
}

#[unsafe(no_mangle)]
extern "C" fn __errno_location() -> *mut c_int {
    &raw mut errno
}

/// How many symbolic links a path may lead through, as on Linux.
const MAX_LINKS: usize = 40;

/// Resolves symbolic links, `.` and `..` in a path; every component must exist.
fn resolve(path: &Path) -> io::Result<PathBuf> {
    if path.as_os_str().is_empty() {
        return Err(io::Error::from_raw_os_error(libc::ENOENT));
    }
    let mut result = if path.is_absolute() {
        PathBuf::from("/")
    } else {
        super::path_getcwd()?
    };
    let mut rest: Vec<std::ffi::OsString> = Vec::new();
    let push = |rest: &mut Vec<_>, path: &Path| {
        rest.extend(
            path.components()
                .rev()
                .filter(|c| !matches!(c, Component::RootDir))
                .map(|c| c.as_os_str().to_owned()),
        );
    };
    push(&mut rest, path);
    let mut links = 0;
    while let Some(name) = rest.pop() {
        if name == "." {
            continue;
        }
        if name == ".." {
            result.pop();
            continue;
        }
        result.push(&name);
        let stat = super::path_stat(
            crate::fd::AT_FDCWD,
            &result,
            crate::path::AT_SYMLINK_NOFOLLOW,
        )?;
        if stat.is_symlink() {
            links += 1;
            if links > MAX_LINKS {
                return Err(io::Error::from_raw_os_error(libc::ELOOP));
            }
            let target = std::fs::read_link(&result)?;
            result.pop();
            if target.is_absolute() {
                result = PathBuf::from("/");
            }
            push(&mut rest, &target);
        } else if !stat.is_dir() && !rest.is_empty() {
            return Err(io::Error::from_raw_os_error(libc::ENOTDIR));
        }
    }
    Ok(result)
}

/// `realpath(3)`.
///
/// # Safety
/// `path` is a C string; `resolved` is null or has room for `PATH_MAX` bytes.
#[unsafe(no_mangle)]
unsafe extern "C" fn realpath(path: *const c_char, resolved: *mut c_char) -> *mut c_char {
    // SAFETY: the caller gives a C string; any bytes may be in an OsStr here.
    let path = unsafe { OsStr::from_encoded_bytes_unchecked(CStr::from_ptr(path).to_bytes()) };
    let result = resolve(Path::new(path)).map(|p| p.into_os_string().into_encoded_bytes());
    let set_errno = |number| {
        // SAFETY: the C library's own variable; there is one thread.
        unsafe { errno = number };
        std::ptr::null_mut()
    };
    let bytes = match result {
        Ok(bytes) if !resolved.is_null() && bytes.len() >= 4096 => {
            return set_errno(libc::ENAMETOOLONG);
        }
        Ok(bytes) => bytes,
        Err(error) => return set_errno(error.raw_os_error().unwrap_or(libc::EIO)),
    };
    let out = if resolved.is_null() {
        // SAFETY: plain allocation; the caller frees it.
        unsafe { libc::malloc(bytes.len() + 1) }.cast::<c_char>()
    } else {
        resolved
    };
    if out.is_null() {
        return set_errno(libc::ENOMEM);
    }
    // SAFETY: `out` has room for the bytes and a NUL.
    unsafe {
        std::ptr::copy_nonoverlapping(bytes.as_ptr(), out.cast(), bytes.len());
        *out.add(bytes.len()) = 0;
    }
    out
}

/// Messages of glibc by the error numbers of preview 1.
const MESSAGES: [&CStr; 77] = [
    c"Success",
    c"Argument list too long",
    c"Permission denied",
    c"Address already in use",
    c"Cannot assign requested address",
    c"Address family not supported by protocol",
    c"Resource temporarily unavailable",
    c"Operation already in progress",
    c"Bad file descriptor",
    c"Bad message",
    c"Device or resource busy",
    c"Operation canceled",
    c"No child processes",
    c"Software caused connection abort",
    c"Connection refused",
    c"Connection reset by peer",
    c"Resource deadlock avoided",
    c"Destination address required",
    c"Numerical argument out of domain",
    c"Disk quota exceeded",
    c"File exists",
    c"Bad address",
    c"File too large",
    c"No route to host",
    c"Identifier removed",
    c"Invalid or incomplete multibyte or wide character",
    c"Operation now in progress",
    c"Interrupted system call",
    c"Invalid argument",
    c"Input/output error",
    c"Transport endpoint is already connected",
    c"Is a directory",
    c"Too many levels of symbolic links",
    c"Too many open files",
    c"Too many links",
    c"Message too long",
    c"Multihop attempted",
    c"File name too long",
    c"Network is down",
    c"Network dropped connection on reset",
    c"Network is unreachable",
    c"Too many open files in system",
    c"No buffer space available",
    c"No such device",
    c"No such file or directory",
    c"Exec format error",
    c"No locks available",
    c"Link has been severed",
    c"Cannot allocate memory",
    c"No message of desired type",
    c"Protocol not available",
    c"No space left on device",
    c"Function not implemented",
    c"Transport endpoint is not connected",
    c"Not a directory",
    c"Directory not empty",
    c"State not recoverable",
    c"Socket operation on non-socket",
    c"Operation not supported",
    c"Inappropriate ioctl for device",
    c"No such device or address",
    c"Value too large for defined data type",
    c"Owner died",
    c"Operation not permitted",
    c"Broken pipe",
    c"Protocol error",
    c"Protocol not supported",
    c"Protocol wrong type for socket",
    c"Numerical result out of range",
    c"Read-only file system",
    c"Illegal seek",
    c"No such process",
    c"Stale file handle",
    c"Connection timed out",
    c"Text file busy",
    c"Invalid cross-device link",
    c"Operation not permitted",
];

#[unsafe(no_mangle)]
extern "C" fn strerror(number: c_int) -> *mut c_char {
    let message = usize::try_from(number)
        .ok()
        .and_then(|n| MESSAGES.get(n))
        .copied();
    message.unwrap_or(c"Unknown error").as_ptr().cast_mut()
}

#[unsafe(no_mangle)]
extern "C" fn strerror_l(number: c_int, _locale: *mut c_void) -> *mut c_char {
    strerror(number)
}

/// `strerror_r(3)` as POSIX has it.
///
/// # Safety
/// `buffer` has room for `len` bytes.
#[unsafe(no_mangle)]
unsafe extern "C" fn strerror_r(number: c_int, buffer: *mut c_char, len: usize) -> c_int {
    // SAFETY: `strerror` gives a C string.
    let message = unsafe { CStr::from_ptr(strerror(number)) }.to_bytes();
    if len == 0 {
        return libc::ERANGE;
    }
    let n = message.len().min(len - 1);
    // SAFETY: `n + 1` bytes fit by the line above.
    unsafe {
        std::ptr::copy_nonoverlapping(message.as_ptr(), buffer.cast(), n);
        *buffer.add(n) = 0;
    }
    if n < message.len() { libc::ERANGE } else { 0 }
}
