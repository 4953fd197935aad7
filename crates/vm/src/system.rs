//! Time and randomness of the machine, for the kernel.

use std::task::Waker;
use std::time::{Duration, Instant};

use secure_exec_kernel::{Clock, RandomSource, Timespec};
use secure_exec_node::{frozen_clock, sleep};

const NANOS: i64 = 1_000_000_000;

/// What the monotonic clock of a machine shows when it boots. Not zero, which some programs take for no time at all.
const BOOT_NS: i64 = NANOS;

/// The clocks of the host, in steps, the monotonic one from the machine's boot on: how long the host is up is nobody's
/// business, and would tell guests that they share it. On the thread of a guest whose clocks are frozen, those of its turn.
#[derive(Debug)]
pub(crate) struct SystemClock {
    /// Length of a step; 1 for the full resolution.
    resolution_ns: i64,
    /// The host's monotonic clock when the machine's showed zero, nanoseconds.
    zero_ns: i64,
}

impl SystemClock {
    pub(crate) fn new(resolution_ns: u64) -> SystemClock {
        SystemClock {
            resolution_ns: i64::try_from(resolution_ns.max(1)).unwrap_or(i64::MAX),
            zero_ns: nanoseconds(libc::CLOCK_MONOTONIC) - BOOT_NS,
        }
    }

    fn in_steps(&self, total: i64) -> Timespec {
        let total = total - total.rem_euclid(self.resolution_ns);
        Timespec {
            sec: total.div_euclid(NANOS),
            nsec: u32::try_from(total.rem_euclid(NANOS)).unwrap_or(0),
        }
    }
}

/// A clock that never stands still, exact to some milliseconds: for how old something is.
pub(crate) fn age() -> Duration {
    Duration::from_nanos(
        nanoseconds(libc::CLOCK_MONOTONIC_COARSE)
            .try_into()
            .unwrap_or(0),
    )
}

/// A clock of the host.
fn nanoseconds(clock: libc::clockid_t) -> i64 {
    let mut time = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: `time` is valid for the call; these clocks always exist.
    unsafe { libc::clock_gettime(clock, &raw mut time) };
    time.tv_sec
        .saturating_mul(NANOS)
        .saturating_add(time.tv_nsec)
}

impl Clock for SystemClock {
    fn realtime(&self) -> Timespec {
        frozen_clock::realtime().unwrap_or_else(|| self.in_steps(nanoseconds(libc::CLOCK_REALTIME)))
    }

    fn monotonic(&self) -> Timespec {
        frozen_clock::monotonic()
            .unwrap_or_else(|| self.in_steps(nanoseconds(libc::CLOCK_MONOTONIC) - self.zero_ns))
    }

    fn wake_at(&self, deadline: Timespec, waker: Waker) {
        let deadline = deadline
            .sec
            .saturating_mul(NANOS)
            .saturating_add(deadline.nsec.into());
        // It is shown from the next step on.
        let late = (-deadline).rem_euclid(self.resolution_ns);
        let shown = deadline.saturating_add(late);
        let left = shown.saturating_sub(nanoseconds(libc::CLOCK_MONOTONIC) - self.zero_ns);
        let left = Duration::from_nanos(u64::try_from(left).unwrap_or(0));
        // Else it is later than any time.
        if let Some(due) = Instant::now().checked_add(left) {
            sleep::wake_at(due, waker);
        }
    }
}

/// `getrandom(2)` of the host.
#[derive(Debug)]
pub(crate) struct SystemRandom;

impl RandomSource for SystemRandom {
    fn fill(&self, mut buf: &mut [u8]) {
        while !buf.is_empty() {
            // SAFETY: the buffer is valid for its length.
            let count = unsafe { libc::getrandom(buf.as_mut_ptr().cast(), buf.len(), 0) };
            match usize::try_from(count) {
                Ok(count) => buf = buf.get_mut(count..).unwrap_or_default(),
                // Only a signal interrupts it, and then nothing was written.
                Err(_) => continue,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clock_moves_in_steps() {
        let clock = SystemClock::new(1_000_000);
        assert_eq!(clock.monotonic().nsec % 1_000_000, 0);
        assert_eq!(clock.realtime().nsec % 1_000_000, 0);
    }

    #[test]
    fn alarm_rings_at_its_time_and_not_before() {
        use std::sync::Arc;
        struct Parked(std::thread::Thread);
        impl std::task::Wake for Parked {
            fn wake(self: Arc<Self>) {
                self.0.unpark();
            }
        }
        for resolution in [1, 10_000_000] {
            let clock = SystemClock::new(resolution);
            let deadline = clock.monotonic().plus_ms(17);
            let waker = Waker::from(Arc::new(Parked(std::thread::current())));
            clock.wake_at(deadline, waker);
            std::thread::park();
            let now = clock.monotonic();
            assert!((now.sec, now.nsec) >= (deadline.sec, deadline.nsec));
        }
    }

    #[test]
    fn random_bytes_differ() {
        let (mut first, mut second) = ([0; 32], [0; 32]);
        SystemRandom.fill(&mut first);
        SystemRandom.fill(&mut second);
        assert_ne!(first, second);
    }
}
