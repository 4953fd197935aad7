//! Error numbers (`__wasi_errno_t`).

use secure_exec_kernel::Errno;

/// Nothing is wrong.
pub const SUCCESS: u16 = 0;
/// `EAGAIN`.
pub const AGAIN: u16 = 6;
/// `EBADF`.
pub const BADF: u16 = 8;
/// `EINVAL`.
pub const INVAL: u16 = 28;
/// `EIO`.
pub const IO: u16 = 29;
/// `ELOOP`.
pub const LOOP: u16 = 32;
/// `ENOBUFS`.
pub const NOBUFS: u16 = 42;
/// `ENOSYS`.
pub const NOSYS: u16 = 52;
/// `ENOTDIR`.
pub const NOTDIR: u16 = 54;
/// `ENOTSOCK`.
pub const NOTSOCK: u16 = 57;
/// `ENOTSUP`.
pub const NOTSUP: u16 = 58;
/// `EOVERFLOW`.
pub const OVERFLOW: u16 = 61;
/// `EPERM`.
pub const PERM: u16 = 63;
/// The descriptor lacks a right. No error of Linux says so.
pub const NOTCAPABLE: u16 = 76;

/// Names by number, as C spells them.
const NAMES: [&str; 77] = [
    "ESUCCESS",
    "E2BIG",
    "EACCES",
    "EADDRINUSE",
    "EADDRNOTAVAIL",
    "EAFNOSUPPORT",
    "EAGAIN",
    "EALREADY",
    "EBADF",
    "EBADMSG",
    "EBUSY",
    "ECANCELED",
    "ECHILD",
    "ECONNABORTED",
    "ECONNREFUSED",
    "ECONNRESET",
    "EDEADLK",
    "EDESTADDRREQ",
    "EDOM",
    "EDQUOT",
    "EEXIST",
    "EFAULT",
    "EFBIG",
    "EHOSTUNREACH",
    "EIDRM",
    "EILSEQ",
    "EINPROGRESS",
    "EINTR",
    "EINVAL",
    "EIO",
    "EISCONN",
    "EISDIR",
    "ELOOP",
    "EMFILE",
    "EMLINK",
    "EMSGSIZE",
    "EMULTIHOP",
    "ENAMETOOLONG",
    "ENETDOWN",
    "ENETRESET",
    "ENETUNREACH",
    "ENFILE",
    "ENOBUFS",
    "ENODEV",
    "ENOENT",
    "ENOEXEC",
    "ENOLCK",
    "ENOLINK",
    "ENOMEM",
    "ENOMSG",
    "ENOPROTOOPT",
    "ENOSPC",
    "ENOSYS",
    "ENOTCONN",
    "ENOTDIR",
    "ENOTEMPTY",
    "ENOTRECOVERABLE",
    "ENOTSOCK",
    "ENOTSUP",
    "ENOTTY",
    "ENXIO",
    "EOVERFLOW",
    "EOWNERDEAD",
    "EPERM",
    "EPIPE",
    "EPROTO",
    "EPROTONOSUPPORT",
    "EPROTOTYPE",
    "ERANGE",
    "EROFS",
    "ESPIPE",
    "ESRCH",
    "ESTALE",
    "ETIMEDOUT",
    "ETXTBSY",
    "EXDEV",
    "ENOTCAPABLE",
];

/// The name of a number, as C spells it: `EINVAL`.
#[must_use]
pub fn name(number: u16) -> Option<&'static str> {
    NAMES.get(usize::from(number)).copied()
}

macro_rules! mapping {
    ($($errno:ident $number:literal)*) => {
        /// The number of an error of the kernel.
        #[must_use]
        pub const fn number(errno: Errno) -> u16 {
            $(if errno.raw() == Errno::$errno.raw() { return $number; })*
            // An error that no error number of preview 1 tells.
            IO
        }

        #[cfg(test)]
        const MAPPED: &[Errno] = &[$(Errno::$errno),*];
    };
}

// Those without a number of their own have the nearest one.
mapping! {
    EPERM 63
    ENOENT 44
    ESRCH 71
    EINTR 27
    EIO 29
    ENXIO 60
    E2BIG 1
    ENOEXEC 45
    EBADF 8
    ECHILD 12
    EAGAIN 6
    ENOMEM 48
    EACCES 2
    EFAULT 21
    ENOTBLK 28
    EBUSY 10
    EEXIST 20
    EXDEV 75
    ENODEV 43
    ENOTDIR 54
    EISDIR 31
    EINVAL 28
    ENFILE 41
    EMFILE 33
    ENOTTY 59
    ETXTBSY 74
    EFBIG 22
    ENOSPC 51
    ESPIPE 70
    EROFS 69
    EMLINK 34
    EPIPE 64
    EDOM 18
    ERANGE 68
    EDEADLK 16
    ENAMETOOLONG 37
    ENOLCK 46
    ENOSYS 52
    ENOTEMPTY 55
    ELOOP 32
    EIDRM 24
    ENODATA 49
    EPROTO 65
    EOVERFLOW 61
    EILSEQ 25
    EUSERS 6
    ENOTSOCK 57
    EDESTADDRREQ 17
    EMSGSIZE 35
    EPROTOTYPE 67
    ENOPROTOOPT 50
    EPROTONOSUPPORT 66
    ESOCKTNOSUPPORT 66
    ENOTSUP 58
    EAFNOSUPPORT 5
    EADDRINUSE 3
    EADDRNOTAVAIL 4
    ENETDOWN 38
    ENETUNREACH 40
    ECONNABORTED 13
    ECONNRESET 15
    ENOBUFS 42
    EISCONN 30
    ENOTCONN 53
    ESHUTDOWN 64
    ETOOMANYREFS 42
    ETIMEDOUT 73
    ECONNREFUSED 14
    EHOSTDOWN 23
    EHOSTUNREACH 23
    EALREADY 7
    EINPROGRESS 26
    ESTALE 72
    EDQUOT 19
    ECANCELED 11
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_error_of_the_kernel_has_a_number() {
        assert_eq!(MAPPED, Errno::ALL);
        assert!(
            Errno::ALL
                .iter()
                .all(|errno| (1..=76).contains(&number(*errno)))
        );
        assert_eq!(number(Errno::from_raw(4095)), IO);
    }

    #[test]
    fn numbers_have_the_names_of_their_errors() {
        for (constant, expected) in [
            (AGAIN, "EAGAIN"),
            (BADF, "EBADF"),
            (INVAL, "EINVAL"),
            (IO, "EIO"),
            (LOOP, "ELOOP"),
            (NOBUFS, "ENOBUFS"),
            (NOSYS, "ENOSYS"),
            (NOTDIR, "ENOTDIR"),
            (NOTSOCK, "ENOTSOCK"),
            (NOTSUP, "ENOTSUP"),
            (OVERFLOW, "EOVERFLOW"),
            (PERM, "EPERM"),
            (NOTCAPABLE, "ENOTCAPABLE"),
            (number(Errno::EXDEV), "EXDEV"),
            (number(Errno::ENOENT), "ENOENT"),
        ] {
            assert_eq!(name(constant), Some(expected));
        }
        assert_eq!(name(77), None);
    }
}
