//! Error numbers.

use core::fmt;

/// A Linux error number (x86-64 numbering, as in `errno(3)`).
///
/// The only error type inside the kernel. Context (path, syscall name) is added once, at the edge
/// that shows the error to a guest.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Errno(i32);

macro_rules! errnos {
    ($($name:ident $number:literal $message:literal)*) => {
        impl Errno {
            $(#[doc = concat!("`", stringify!($name), "`: ", $message, ".")] pub const $name: Errno = Errno($number);)*

            /// Name as C spells it, `"ENOENT"`.
            pub const fn name(self) -> &'static str {
                match self.0 {
                    $($number => stringify!($name),)*
                    _ => "UNKNOWN",
                }
            }

            /// Text that libuv's `uv_strerror` gives; where libuv has none, the one of `strerror(3)`.
            pub const fn message(self) -> &'static str {
                match self.0 {
                    $($number => $message,)*
                    _ => "unknown error",
                }
            }

            /// Every error number the kernel knows, ascending.
            pub const ALL: &'static [Errno] = &[$(Errno($number)),*];
        }
    };
}

errnos! {
    EPERM 1 "operation not permitted"
    ENOENT 2 "no such file or directory"
    ESRCH 3 "no such process"
    EINTR 4 "interrupted system call"
    EIO 5 "i/o error"
    ENXIO 6 "no such device or address"
    E2BIG 7 "argument list too long"
    ENOEXEC 8 "exec format error"
    EBADF 9 "bad file descriptor"
    ECHILD 10 "no child processes"
    EAGAIN 11 "resource temporarily unavailable"
    ENOMEM 12 "not enough memory"
    EACCES 13 "permission denied"
    EFAULT 14 "bad address in system call argument"
    ENOTBLK 15 "block device required"
    EBUSY 16 "resource busy or locked"
    EEXIST 17 "file already exists"
    EXDEV 18 "cross-device link not permitted"
    ENODEV 19 "no such device"
    ENOTDIR 20 "not a directory"
    EISDIR 21 "illegal operation on a directory"
    EINVAL 22 "invalid argument"
    ENFILE 23 "file table overflow"
    EMFILE 24 "too many open files"
    ENOTTY 25 "inappropriate ioctl for device"
    ETXTBSY 26 "text file is busy"
    EFBIG 27 "file too large"
    ENOSPC 28 "no space left on device"
    ESPIPE 29 "invalid seek"
    EROFS 30 "read-only file system"
    EMLINK 31 "too many links"
    EPIPE 32 "broken pipe"
    EDOM 33 "numerical argument out of domain"
    ERANGE 34 "result too large"
    EDEADLK 35 "resource deadlock avoided"
    ENAMETOOLONG 36 "name too long"
    ENOLCK 37 "no locks available"
    ENOSYS 38 "function not implemented"
    ENOTEMPTY 39 "directory not empty"
    ELOOP 40 "too many symbolic links encountered"
    EIDRM 43 "identifier removed"
    ENODATA 61 "no data available"
    EPROTO 71 "protocol error"
    EOVERFLOW 75 "value too large for defined data type"
    EILSEQ 84 "illegal byte sequence"
    EUSERS 87 "too many users"
    ENOTSOCK 88 "socket operation on non-socket"
    EDESTADDRREQ 89 "destination address required"
    EMSGSIZE 90 "message too long"
    EPROTOTYPE 91 "protocol wrong type for socket"
    ENOPROTOOPT 92 "protocol not available"
    EPROTONOSUPPORT 93 "protocol not supported"
    ESOCKTNOSUPPORT 94 "socket type not supported"
    ENOTSUP 95 "operation not supported on socket"
    EAFNOSUPPORT 97 "address family not supported"
    EADDRINUSE 98 "address already in use"
    EADDRNOTAVAIL 99 "address not available"
    ENETDOWN 100 "network is down"
    ENETUNREACH 101 "network is unreachable"
    ECONNABORTED 103 "software caused connection abort"
    ECONNRESET 104 "connection reset by peer"
    ENOBUFS 105 "no buffer space available"
    EISCONN 106 "socket is already connected"
    ENOTCONN 107 "socket is not connected"
    ESHUTDOWN 108 "cannot send after transport endpoint shutdown"
    ETOOMANYREFS 109 "too many references: cannot splice"
    ETIMEDOUT 110 "connection timed out"
    ECONNREFUSED 111 "connection refused"
    EHOSTDOWN 112 "host is down"
    EHOSTUNREACH 113 "host is unreachable"
    EALREADY 114 "connection already in progress"
    EINPROGRESS 115 "operation now in progress"
    ESTALE 116 "stale file handle"
    EDQUOT 122 "disk quota exceeded"
    ECANCELED 125 "operation canceled"
}

impl Errno {
    /// `EWOULDBLOCK`, on Linux the same number as `EAGAIN`.
    pub const EWOULDBLOCK: Errno = Errno::EAGAIN;
    /// `EOPNOTSUPP`, on Linux the same number as `ENOTSUP`.
    pub const EOPNOTSUPP: Errno = Errno::ENOTSUP;

    /// Takes an error number as a foreign interface gave it (a positive number).
    pub const fn from_raw(number: i32) -> Errno {
        Errno(number)
    }

    /// Positive number as in `errno.h`.
    pub const fn raw(self) -> i32 {
        self.0
    }
}

impl fmt::Debug for Errno {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl fmt::Display for Errno {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.name(), self.message())
    }
}

impl core::error::Error for Errno {}

/// Result of everything a guest can ask of the kernel.
pub type Result<T> = core::result::Result<T, Errno>;
