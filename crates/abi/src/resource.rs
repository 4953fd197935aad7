//! `sys/resource.h`: resource limits.

/// Resources of `getrlimit(2)`, numbered as on Linux.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
#[expect(non_camel_case_types, reason = "C spelling")]
pub enum Resource {
    /// CPU time in seconds.
    RLIMIT_CPU = 0,
    /// Largest file a process may write.
    RLIMIT_FSIZE = 1,
    /// Data segment.
    RLIMIT_DATA = 2,
    /// Stack.
    RLIMIT_STACK = 3,
    /// Core file.
    RLIMIT_CORE = 4,
    /// Resident set.
    RLIMIT_RSS = 5,
    /// Processes of the user.
    RLIMIT_NPROC = 6,
    /// One more than the highest descriptor.
    RLIMIT_NOFILE = 7,
    /// Locked memory.
    RLIMIT_MEMLOCK = 8,
    /// Address space.
    RLIMIT_AS = 9,
    /// File locks.
    RLIMIT_LOCKS = 10,
    /// Queued signals.
    RLIMIT_SIGPENDING = 11,
    /// Message queues.
    RLIMIT_MSGQUEUE = 12,
    /// Nice ceiling.
    RLIMIT_NICE = 13,
    /// Real-time priority ceiling.
    RLIMIT_RTPRIO = 14,
    /// Real-time CPU time.
    RLIMIT_RTTIME = 15,
}

/// Number of resources.
pub const RLIM_NLIMITS: usize = 16;
/// No limit.
pub const RLIM_INFINITY: u64 = u64::MAX;

/// Soft and hard limit of one resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rlimit {
    /// Limit in force.
    pub soft: u64,
    /// Ceiling of the soft limit.
    pub hard: u64,
}
