//! What a VM process takes away from itself before a guest runs.
//!
//! Done: resource limits, no core dumps, no tracing by others, no new privileges. System call filters
//! (seccomp) and file system rules (Landlock) belong at the end of [`confine`], which runs before the first thread
//! besides the server's exists.

use std::io;

/// How far the server may go in confining its process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Confinement {
    /// The process is a VM process.
    Process,
    /// The process is the user's: nothing of it may be changed.
    None,
}

/// Descriptors of a VM process: the socket, the mailbox, a few for libraries.
const MAX_FDS: u64 = 64;

/// Address space for data beyond the memory limit, so that a VM that has used its memory up can still
/// export its filesystem.
const EXPORT_HEADROOM: u64 = 64 << 20;

/// What is writable in every VM process without being used: address space for compiled code (64 MiB for each of the
/// running guests and the spare isolate), stacks, the tables of V8. Few guests run at a time.
const ENGINE_OVERHEAD: u64 = 256 << 20;

/// Confines the process for good.
///
/// # Errors
/// The operating system refused; the process must not go on.
pub(crate) fn confine() -> io::Result<()> {
    set_limit(libc::RLIMIT_CORE, 0, 0)?;
    set_limit(libc::RLIMIT_FSIZE, 0, 0)?;
    set_limit(libc::RLIMIT_NOFILE, MAX_FDS, MAX_FDS)?;
    // SAFETY: these take plain numbers.
    unsafe {
        check(libc::prctl(libc::PR_SET_DUMPABLE, 0, 0, 0, 0))?;
        check(libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))?;
    }
    Ok(())
}

/// Bounds the process's memory: everything private and writable, which is what every allocator of V8, of
/// ICU and of ours takes. Address space that is only reserved does not count.
///
/// # Errors
/// The operating system refused.
pub(crate) fn limit_memory(bytes: u64, filesystem_bytes: u64) -> io::Result<()> {
    let bytes = bytes.saturating_add(ENGINE_OVERHEAD);
    let hard = bytes
        .saturating_add(filesystem_bytes.saturating_mul(2))
        .saturating_add(EXPORT_HEADROOM);
    set_limit(libc::RLIMIT_DATA, bytes, hard)
}

/// Gives the process the headroom that is kept for the export.
pub(crate) fn release_memory_headroom() {
    let mut limit = libc::rlimit {
        rlim_cur: 0,
        rlim_max: 0,
    };
    // SAFETY: `limit` is valid for both calls. Should they fail, the export has to do with what there is.
    unsafe {
        if libc::getrlimit(libc::RLIMIT_DATA, &raw mut limit) == 0 {
            limit.rlim_cur = limit.rlim_max;
            libc::setrlimit(libc::RLIMIT_DATA, &raw const limit);
        }
    }
}

fn set_limit(resource: libc::__rlimit_resource_t, soft: u64, hard: u64) -> io::Result<()> {
    let limit = libc::rlimit {
        rlim_cur: soft,
        rlim_max: hard,
    };
    // SAFETY: `limit` is valid for the call.
    check(unsafe { libc::setrlimit(resource, &raw const limit) })
}

fn check(result: libc::c_int) -> io::Result<()> {
    if result == 0 {
        Ok(())
    } else {
        Err(io::Error::last_os_error())
    }
}
