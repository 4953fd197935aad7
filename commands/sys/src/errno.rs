//! Error numbers of the target and their messages.

use std::io;

#[rustfmt::skip]
pub use libc::{
    E2BIG, EACCES, EAGAIN, EBADF, EBUSY, ECHILD, EEXIST, EFAULT, EFBIG, EINTR, EINVAL, EIO, EISDIR, ELOOP,
    EMFILE, ENAMETOOLONG, ENODEV, ENOENT, ENOEXEC, ENOMEM, ENOSPC, ENOSYS, ENOTDIR, ENOTEMPTY, ENOTTY,
    ENXIO, EPERM, EPIPE, ERANGE, EROFS, ESPIPE, ESRCH, ETIMEDOUT, EXDEV,
};

/// An error of the number `errno`.
#[must_use]
pub fn error(errno: i32) -> io::Error {
    io::Error::from_raw_os_error(errno)
}

/// Whether `error` has the number `errno`.
#[must_use]
pub fn is(error: &io::Error, errno: i32) -> bool {
    error.raw_os_error() == Some(errno)
}

/// The text of an error as `strerror(3)` on Linux gives it, without std's "(os error 2)".
#[must_use]
pub fn message(error: &io::Error) -> String {
    let text = error.to_string();
    match text.rfind(" (os error ") {
        Some(at) => text[..at].to_owned(),
        None => text,
    }
}
