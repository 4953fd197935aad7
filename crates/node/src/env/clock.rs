//! The clock of an isolate's process.

use std::cell::Cell;

use secure_exec_kernel::{Clock, Timespec};

use super::Env;

/// When the loop of an isolate started.
#[derive(Default)]
pub struct TimeOrigin {
    monotonic: Cell<u64>,
    realtime: Cell<f64>,
}

impl TimeOrigin {
    /// Nanoseconds of the kernel's monotonic clock: the zero of `performance.now()`.
    pub fn monotonic(&self) -> u64 {
        self.monotonic.get()
    }

    /// Wall clock at that moment, microseconds since the epoch.
    pub fn realtime(&self) -> f64 {
        self.realtime.get()
    }

    /// Starts at the present of a clock.
    pub fn start(&self, clock: &dyn Clock) {
        self.monotonic.set(nanoseconds(clock.monotonic()));
        let wall = clock.realtime();
        self.realtime
            .set(wall.sec as f64 * 1e6 + f64::from(wall.nsec) / 1e3);
    }
}

fn nanoseconds(time: Timespec) -> u64 {
    u64::try_from(time.sec)
        .unwrap_or(0)
        .saturating_mul(1_000_000_000)
        .saturating_add(u64::from(time.nsec))
}

/// The monotonic clock of the kernel in nanoseconds; zero where no process runs.
pub fn monotonic_nanoseconds(env: &Env) -> u64 {
    let Some(kernel) = env.try_process().and_then(|process| process.kernel().ok()) else {
        return 0;
    };
    nanoseconds(kernel.clock().monotonic())
}

/// Milliseconds of the kernel's wall clock since the epoch; zero where no process runs.
pub fn realtime_milliseconds(env: &Env) -> f64 {
    let Some(kernel) = env.try_process().and_then(|process| process.kernel().ok()) else {
        return 0.0;
    };
    let now = kernel.clock().realtime();
    now.sec as f64 * 1e3 + f64::from(now.nsec) / 1e6
}

/// Milliseconds of the kernel's monotonic clock since the process started.
pub fn clock_now(env: &Env) -> f64 {
    monotonic_nanoseconds(env).saturating_sub(env.time_origin.monotonic()) as f64 / 1e6
}

/// Reads the clock (`uv_update_time`).
pub fn update_time(env: &Env) {
    // Whole milliseconds, as libuv's clock.
    env.event_loop.set_now(clock_now(env).floor());
}
