//! Resource limits of a process (`getrlimit(2)`).

use crate::abi::resource::{RLIM_INFINITY, RLIM_NLIMITS, Resource, Rlimit};
use crate::limits::Limits;

/// Limits that processes start with.
pub(crate) fn initial(limits: &Limits) -> [Rlimit; RLIM_NLIMITS] {
    let mut table = [Rlimit {
        soft: RLIM_INFINITY,
        hard: RLIM_INFINITY,
    }; RLIM_NLIMITS];
    let mut set =
        |resource: Resource, soft: u64, hard: u64| table[resource as usize] = Rlimit { soft, hard };
    set(
        Resource::RLIMIT_NOFILE,
        limits.max_open_fds as u64,
        limits.max_open_fds as u64,
    );
    set(
        Resource::RLIMIT_NPROC,
        limits.max_processes as u64,
        limits.max_processes as u64,
    );
    // Where programs learn how long arguments may be (`sysconf(_SC_ARG_MAX)`): a quarter of the stack, execve(2).
    let stack = (limits.max_argv_bytes as u64).saturating_mul(4);
    set(Resource::RLIMIT_STACK, stack, RLIM_INFINITY);
    set(Resource::RLIMIT_CORE, 0, 0);
    set(Resource::RLIMIT_MEMLOCK, 8 << 20, 8 << 20);
    set(Resource::RLIMIT_NICE, 0, 0);
    set(Resource::RLIMIT_RTPRIO, 0, 0);
    table
}
