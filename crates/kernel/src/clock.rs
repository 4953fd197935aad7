//! Time, injected by the embedder.

use crate::abi::stat::Timespec;
use parking_lot::Mutex;

/// Source of time.
pub trait Clock: Send + Sync {
    /// Wall-clock time.
    fn realtime(&self) -> Timespec;
    /// Time since some fixed point, never going back.
    fn monotonic(&self) -> Timespec;
}

/// Clock that moves only when told to; what tests run on.
#[derive(Debug)]
pub struct VirtualClock {
    elapsed_ns: Mutex<u64>,
}

/// Wall-clock second at which a virtual clock starts: 2024-01-01T00:00:00Z.
const EPOCH: i64 = 1_704_067_200;

impl VirtualClock {
    /// Starts at 2024-01-01T00:00:00Z.
    pub fn new() -> VirtualClock {
        VirtualClock {
            elapsed_ns: Mutex::new(0),
        }
    }

    /// Moves forward.
    pub fn advance(&self, ns: u64) {
        *self.elapsed_ns.lock() += ns;
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
}
