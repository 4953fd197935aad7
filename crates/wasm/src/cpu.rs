//! Processor time of threads.

use secure_exec_kernel::CpuTime;

/// Time that the calling thread has used so far.
pub(crate) fn of_this_thread() -> CpuTime {
    // SAFETY: zeroes are a valid rusage.
    let mut usage: libc::rusage = unsafe { std::mem::zeroed() };
    // SAFETY: `usage` is valid for the call.
    if unsafe { libc::getrusage(libc::RUSAGE_THREAD, &raw mut usage) } != 0 {
        return CpuTime::default();
    }
    CpuTime {
        user_ns: nanoseconds(usage.ru_utime),
        system_ns: nanoseconds(usage.ru_stime),
    }
}

fn nanoseconds(time: libc::timeval) -> u64 {
    let micros = time
        .tv_sec
        .saturating_mul(1_000_000)
        .saturating_add(time.tv_usec);
    u64::try_from(micros).unwrap_or(0).saturating_mul(1000)
}

/// What has been used since `base`.
pub(crate) fn since(base: CpuTime, now: CpuTime) -> CpuTime {
    CpuTime {
        user_ns: now.user_ns.saturating_sub(base.user_ns),
        system_ns: now.system_ns.saturating_sub(base.system_ns),
    }
}
