//! Processor time of threads.

use std::time::Duration;

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

/// The clock of the calling thread's processor time, readable from other threads.
pub(crate) fn thread_clock() -> libc::clockid_t {
    let mut clock: libc::clockid_t = libc::CLOCK_THREAD_CPUTIME_ID;
    // SAFETY: the calling thread is alive and `clock` is a valid place for the result.
    let failed = unsafe { libc::pthread_getcpuclockid(libc::pthread_self(), &raw mut clock) };
    debug_assert_eq!(failed, 0);
    clock
}

/// Time on a clock; zero once its thread is gone.
pub(crate) fn read(clock: libc::clockid_t) -> Duration {
    let mut time = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: `time` is a valid place for the result; a stale clock is an error, not memory access.
    if unsafe { libc::clock_gettime(clock, &raw mut time) } != 0 {
        return Duration::ZERO;
    }
    Duration::new(
        u64::try_from(time.tv_sec).unwrap_or(0),
        u32::try_from(time.tv_nsec).unwrap_or(0),
    )
}
