//! Error numbers of preview 1.

use secure_exec_kernel::Errno;

macro_rules! mapping {
    ($($errno:ident $number:literal)*) => {
        /// The number that a guest sees (`__wasi_errno_t`).
        pub(crate) const fn wasi(errno: Errno) -> i32 {
            $(if errno.raw() == Errno::$errno.raw() { return $number; })*
            // `io`: an error that no error number of preview 1 tells.
            29
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
                .all(|errno| (1..=76).contains(&wasi(*errno)))
        );
        assert_eq!(wasi(Errno::from_raw(4095)), 29);
    }
}
