//! Clocks and times (`__wasi_clockid_t`, `__wasi_timestamp_t`).

use secure_exec_kernel::Timespec;

/// The time of day.
pub const REALTIME: u32 = 0;
/// A clock that never goes back.
pub const MONOTONIC: u32 = 1;
/// Processor time of the process.
pub const PROCESS_CPUTIME: u32 = 2;
/// Processor time of the thread.
pub const THREAD_CPUTIME: u32 = 3;

/// Nanoseconds of a second.
pub const NANOS: u64 = 1_000_000_000;

/// Nanoseconds of a time; what does not fit is the nearest that does.
#[must_use]
pub fn nanoseconds(time: Timespec) -> u64 {
    u64::try_from(time.sec)
        .unwrap_or(0)
        .saturating_mul(NANOS)
        .saturating_add(u64::from(time.nsec))
}

/// Time of nanoseconds since the epoch.
#[must_use]
pub fn timespec(nanoseconds: u64) -> Timespec {
    let sec = i64::try_from(nanoseconds / NANOS).unwrap_or(i64::MAX);
    let nsec = u32::try_from(nanoseconds % NANOS).unwrap_or(0);
    Timespec::new(sec, nsec)
}
