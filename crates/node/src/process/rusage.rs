//! Processor time of the thread that runs a guest (`getrusage(2)`).
//!
//! A guest process is one thread of the host; its clock is that thread's.

/// Processor time and counters of the calling thread.
#[derive(Clone, Copy, Default, Debug)]
pub struct ThreadUsage {
    /// Microseconds in user mode.
    pub user: f64,
    /// Microseconds in the host's kernel.
    pub system: f64,
    /// Page faults without and with I/O.
    pub page_faults: (f64, f64),
    /// Voluntary and involuntary context switches.
    pub context_switches: (f64, f64),
}

/// The usage of the calling thread.
#[cfg(target_os = "linux")]
#[must_use]
pub fn thread_usage() -> ThreadUsage {
    if let Some(frozen) = crate::process::frozen_clock::usage() {
        return frozen;
    }
    // SAFETY: rusage is plain data for which all zeroes is a valid value.
    let mut usage: libc::rusage = unsafe { std::mem::zeroed() };
    // SAFETY: the pointer is to a live rusage.
    if unsafe { libc::getrusage(libc::RUSAGE_THREAD, &raw mut usage) } != 0 {
        return ThreadUsage::default();
    }
    let microseconds = |time: libc::timeval| time.tv_sec as f64 * 1e6 + time.tv_usec as f64;
    ThreadUsage {
        user: microseconds(usage.ru_utime),
        system: microseconds(usage.ru_stime),
        page_faults: (usage.ru_minflt as f64, usage.ru_majflt as f64),
        context_switches: (usage.ru_nvcsw as f64, usage.ru_nivcsw as f64),
    }
}

/// The usage of the calling thread; this platform does not tell user from system time.
#[cfg(not(target_os = "linux"))]
#[must_use]
pub fn thread_usage() -> ThreadUsage {
    if let Some(frozen) = crate::process::frozen_clock::usage() {
        return frozen;
    }
    let mut time = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: the pointer is to a live timespec.
    if unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &raw mut time) } != 0 {
        return ThreadUsage::default();
    }
    ThreadUsage {
        user: time.tv_sec as f64 * 1e6 + time.tv_nsec as f64 / 1e3,
        ..ThreadUsage::default()
    }
}
