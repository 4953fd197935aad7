//! How long a loop waits, for `performance.eventLoopUtilization()` on its own thread and on the parent's.

use parking_lot::Mutex;

/// A meter by the clock that guests see, nanoseconds: a finer one would be a clock that they are not to have.
#[derive(Default)]
pub struct IdleMeter {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    total: u64,
    waiting_since: Option<u64>,
}

impl IdleMeter {
    pub(crate) fn enter(&self, now: u64) {
        self.state.lock().waiting_since = Some(now);
    }

    pub(crate) fn leave(&self, now: u64) {
        let mut state = self.state.lock();
        if let Some(since) = state.waiting_since.take() {
            state.total += now.saturating_sub(since);
        }
    }

    /// The time spent waiting until `now`, also in a wait that goes on.
    #[must_use]
    pub fn read(&self, now: u64) -> u64 {
        let state = self.state.lock();
        let current = state
            .waiting_since
            .map_or(0, |since| now.saturating_sub(since));
        state.total + current
    }
}

#[cfg(test)]
mod tests {
    use super::IdleMeter;

    #[test]
    fn a_wait_counts_while_it_goes_on() {
        let meter = IdleMeter::default();
        meter.enter(10);
        assert_eq!(meter.read(15), 5);
        meter.leave(20);
        assert_eq!(meter.read(100), 10);
    }
}
