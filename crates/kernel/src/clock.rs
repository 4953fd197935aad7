//! Time, injected by the embedder.

use crate::abi::stat::Timespec;
use core::task::Waker;
use parking_lot::Mutex;

/// Source of time.
pub trait Clock: Send + Sync {
    /// Wall-clock time.
    fn realtime(&self) -> Timespec;
    /// Time since some fixed point, never going back.
    fn monotonic(&self) -> Timespec;
    /// Wakes when [`Clock::monotonic`] has reached a time. Early is harmless: without timers of its own a
    /// clock wakes at once, and whoever waits looks at the time again.
    fn wake_at(&self, _deadline: Timespec, waker: Waker) {
        waker.wake();
    }
}

/// Clock that moves only when told to; what tests run on.
#[derive(Debug)]
pub struct VirtualClock {
    elapsed_ns: Mutex<u64>,
    timers: Mutex<Vec<(Timespec, Waker)>>,
}

/// Wall-clock second at which a virtual clock starts: 2024-01-01T00:00:00Z.
const EPOCH: i64 = 1_704_067_200;

impl VirtualClock {
    /// Starts at 2024-01-01T00:00:00Z.
    pub fn new() -> VirtualClock {
        VirtualClock {
            elapsed_ns: Mutex::new(0),
            timers: Mutex::default(),
        }
    }

    /// Moves forward.
    pub fn advance(&self, ns: u64) {
        *self.elapsed_ns.lock() += ns;
        let now = self.elapsed();
        let due: Vec<(Timespec, Waker)> = (self
            .timers
            .lock()
            .extract_if(.., |(deadline, _)| *deadline <= now))
        .collect();
        for (_, waker) in due {
            waker.wake();
        }
    }

    fn elapsed(&self) -> Timespec {
        let ns = *self.elapsed_ns.lock();
        Timespec {
            sec: (ns / 1_000_000_000) as i64,
            nsec: (ns % 1_000_000_000) as u32,
        }
    }
}

impl Default for VirtualClock {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock for VirtualClock {
    fn realtime(&self) -> Timespec {
        let elapsed = self.elapsed();
        Timespec {
            sec: EPOCH + elapsed.sec,
            nsec: elapsed.nsec,
        }
    }

    fn monotonic(&self) -> Timespec {
        self.elapsed()
    }

    fn wake_at(&self, deadline: Timespec, waker: Waker) {
        self.timers.lock().push((deadline, waker));
    }
}
