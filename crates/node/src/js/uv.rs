//! Results as libuv has them: zero or more, or a negative error number.

use secure_exec_kernel::Errno;

/// The result of a call that failed.
#[must_use]
pub const fn error(errno: Errno) -> i32 {
    -errno.raw()
}

/// The result of a call that gives nothing back but whether it failed.
#[must_use]
pub fn status<T>(result: Result<T, Errno>) -> i32 {
    result.map_or_else(error, |_| 0)
}
