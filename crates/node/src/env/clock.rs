//! The clock of an isolate's process.

use super::Env;

/// The monotonic clock of the kernel in nanoseconds; zero where no process runs.
pub fn monotonic_nanoseconds(env: &Env) -> u64 {
    let Some(kernel) = env.try_process().and_then(|process| process.kernel().ok()) else {
        return 0;
    };
    let now = kernel.clock().monotonic();
    u64::try_from(now.sec)
        .unwrap_or(0)
        .saturating_mul(1_000_000_000)
        .saturating_add(u64::from(now.nsec))
}

/// Milliseconds of the kernel's monotonic clock since the process started.
pub fn clock_now(env: &Env) -> f64 {
    let Some(kernel) = env.try_process().and_then(|process| process.kernel().ok()) else {
        return 0.0;
    };
    let now = kernel.clock().monotonic();
    let nanoseconds = u64::try_from(now.sec).unwrap_or(0) * 1_000_000_000 + u64::from(now.nsec);
    nanoseconds.saturating_sub(env.time_origin.get()) as f64 / 1e6
}

/// Reads the clock (`uv_update_time`).
pub fn update_time(env: &Env) {
    // Whole milliseconds, as libuv's clock.
    env.event_loop.set_now(clock_now(env).floor());
}
