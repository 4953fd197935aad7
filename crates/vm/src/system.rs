//! Time and randomness of the machine, for the kernel.

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};
use std::task::Waker;
use std::time::Duration;

use parking_lot::{Condvar, Mutex};
use secure_exec_kernel::{Clock, RandomSource, Timespec};
use secure_exec_node::frozen_clock;

const NANOS: i64 = 1_000_000_000;

/// The clocks of the host, in steps; on the thread of a guest whose clocks are frozen, those of its turn.
#[derive(Debug)]
pub(crate) struct SystemClock {
    /// Length of a step; 1 for the full resolution.
    resolution_ns: i64,
    /// The thread that wakes, once somebody has asked for it.
    alarms: OnceLock<Arc<Alarms>>,
}

/// Those who wait for a time, in its order.
#[derive(Debug, Default)]
struct Alarms {
    waiting: Mutex<BTreeMap<(i64, u32), Vec<Waker>>>,
    changed: Condvar,
}

impl SystemClock {
    pub(crate) fn new(resolution_ns: u32) -> SystemClock {
        SystemClock {
            resolution_ns: i64::from(resolution_ns.max(1)),
            alarms: OnceLock::new(),
        }
    }

    fn read(&self, clock: libc::clockid_t) -> Timespec {
        let mut time = libc::timespec {
            tv_sec: 0,
            tv_nsec: 0,
        };
        // SAFETY: `time` is valid for the call; these clocks always exist.
        unsafe { libc::clock_gettime(clock, &raw mut time) };
        let total = time
            .tv_sec
            .saturating_mul(NANOS)
            .saturating_add(time.tv_nsec);
        let total = total - total.rem_euclid(self.resolution_ns);
        Timespec {
            sec: total.div_euclid(NANOS),
            nsec: u32::try_from(total.rem_euclid(NANOS)).unwrap_or(0),
        }
    }
}

impl Clock for SystemClock {
    fn realtime(&self) -> Timespec {
        frozen_clock::realtime().unwrap_or_else(|| self.read(libc::CLOCK_REALTIME))
    }

    fn monotonic(&self) -> Timespec {
        frozen_clock::monotonic().unwrap_or_else(|| self.read(libc::CLOCK_MONOTONIC))
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
        struct Parked(std::thread::Thread);
        impl std::task::Wake for Parked {
            fn wake(self: Arc<Self>) {
                self.0.unpark();
            }
        }
        let clock = SystemClock::new(1);
        let deadline = clock.monotonic().plus_ms(20);
        let waker = Waker::from(Arc::new(Parked(std::thread::current())));
        clock.wake_at(deadline, waker);
        std::thread::park();
        let now = clock.monotonic();
        assert!((now.sec, now.nsec) >= (deadline.sec, deadline.nsec));
    }

    #[test]
    fn random_bytes_differ() {
        let (mut first, mut second) = ([0; 32], [0; 32]);
        SystemRandom.fill(&mut first);
        SystemRandom.fill(&mut second);
        assert_ne!(first, second);
    }
}
