//! Processor time of threads.

use secure_exec_cpu_clock::CpuClock;
use secure_exec_kernel::CpuTime;

/// What a thread had used at some moment.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Reading {
    /// By the thread's clock, which is exact. What `getrusage(2)` tells moves only when the scheduler looks at the thread:
    /// a process that is shorter than that would have used nothing.
    total_ns: u64,
    /// By `getrusage(2)`, which alone tells time in the system from the rest.
    system_ns: u64,
}

/// What the calling thread has used so far.
pub(crate) fn of_this_thread() -> Reading {
    let total = CpuClock::of_this_thread().time();
    Reading {
        total_ns: u64::try_from(total.as_nanos()).unwrap_or(u64::MAX),
        system_ns: system_ns(),
    }
}

fn system_ns() -> u64 {
    // SAFETY: zeroes are a valid rusage.
    let mut usage: libc::rusage = unsafe { std::mem::zeroed() };
    // SAFETY: `usage` is valid for the call.
    if unsafe { libc::getrusage(libc::RUSAGE_THREAD, &raw mut usage) } != 0 {
        return 0;
    }
    let libc::timeval { tv_sec, tv_usec } = usage.ru_stime;
    let micros = tv_sec.saturating_mul(1_000_000).saturating_add(tv_usec);
    u64::try_from(micros).unwrap_or(0).saturating_mul(1000)
}

/// What has been used since `base`.
pub(crate) fn since(base: Reading, now: Reading) -> CpuTime {
    let total = now.total_ns.saturating_sub(base.total_ns);
    let system_ns = now.system_ns.saturating_sub(base.system_ns).min(total);
    CpuTime {
        user_ns: total - system_ns,
        system_ns,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::hint::black_box;

    #[test]
    fn work_shorter_than_a_tick_counts() {
        // The kernel keeps getrusage(2) up to date every 1 to 10 ms.
        let begun = of_this_thread();
        let mut parts = 0;
        let mut base = begun;
        for _ in 0..100 {
            (0..2_000u32).for_each(|number| {
                black_box(number);
            });
            let now = of_this_thread();
            let part = since(base, now);
            assert!(part.user_ns + part.system_ns > 0, "{base:?} {now:?}");
            parts += part.user_ns + part.system_ns;
            base = now;
        }
        let whole = since(begun, base);
        assert_eq!(parts, whole.user_ns + whole.system_ns);
    }
}
