//! Error numbers, as uvwasi makes them of libuv's (`src/uv_mapping.c`).

use secure_exec_kernel::Errno;
use secure_exec_preview1::errno;

/// Errors that have a number in preview 1 and that uvwasi leaves out, so that they become `ENOSYS`.
const LEFT_OUT: &[Errno] = &[
    Errno::ECHILD,
    Errno::EDEADLK,
    Errno::EDOM,
    Errno::EDQUOT,
    Errno::EHOSTDOWN,
    Errno::EIDRM,
    Errno::EILSEQ,
    Errno::EINPROGRESS,
    Errno::ENODATA,
    Errno::ENOEXEC,
    Errno::ENOLCK,
    Errno::ENOTBLK,
    Errno::ENOTTY,
    Errno::EOVERFLOW,
    Errno::ESHUTDOWN,
    Errno::ESOCKTNOSUPPORT,
    Errno::ESTALE,
    Errno::ETOOMANYREFS,
    Errno::EUSERS,
];

/// The number of a failed call of the kernel (`uvwasi__translate_uv_error`).
pub(super) fn of(error: Errno) -> u16 {
    if LEFT_OUT.contains(&error) {
        return errno::NOSYS;
    }
    errno::number(error)
}
