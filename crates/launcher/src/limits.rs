//! Resource limits that are the same for every VM process. That of memory is set when the VM is known, and there is none
//! of processor time: the process serves as long as its VM lives. The broker and the watchdogs of the guests watch that.

use std::io;

/// Descriptors besides the files that are handed over: the sockets, the mailbox, a few for libraries.
const OWN_FDS: u64 = 64;

/// Files of the host's that may be open, for guests with mounts.
const HOST_FILES: u64 = 1024;

/// Signals that may be queued for the process's user.
const PENDING_SIGNALS: u64 = 256;

/// Stack of the first thread, which serves the host and runs no guest.
const STACK_BYTES: u64 = 8 << 20;

/// Sets the limits, soft and hard, with room for this many open files.
///
/// # Errors
/// The operating system refused.
pub fn apply(files: usize) -> io::Result<()> {
    let limits = [
        (libc::RLIMIT_CORE, 0),
        (libc::RLIMIT_FSIZE, 0),
        (libc::RLIMIT_MEMLOCK, 0),
        (libc::RLIMIT_MSGQUEUE, 0),
        (libc::RLIMIT_NICE, 0),
        (libc::RLIMIT_RTPRIO, 0),
        (libc::RLIMIT_SIGPENDING, PENDING_SIGNALS),
        (libc::RLIMIT_STACK, STACK_BYTES),
        (libc::RLIMIT_NOFILE, OWN_FDS + HOST_FILES + files as u64),
    ];
    limits
        .into_iter()
        .try_for_each(|(resource, value)| set(resource, value))
}

/// Sets both limits; a lower hard limit of the host's stays.
fn set(resource: libc::__rlimit_resource_t, value: u64) -> io::Result<()> {
    let mut limit = libc::rlimit {
        rlim_cur: 0,
        rlim_max: 0,
    };
    // SAFETY: the structure is valid for both calls.
    let done = unsafe {
        libc::getrlimit(resource, &raw mut limit) == 0 && {
            limit.rlim_max = limit.rlim_max.min(value);
            limit.rlim_cur = limit.rlim_max;
            libc::setrlimit(resource, &raw const limit) == 0
        }
    };
    if done {
        Ok(())
    } else {
        Err(io::Error::last_os_error())
    }
}
