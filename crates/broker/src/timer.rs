//! Deadlines of the supervisor, and the clock that they are measured by.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use secure_exec_protocol::CallId;

pub(crate) use crate::keys::TimerId;
use crate::keys::{ProcessId, VmKey};

/// What is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Due {
    /// A call that was to be killed has not settled: its VM process does not obey.
    Overdue { vm: VmKey, call: CallId },
    /// A connection that the embedder let go of has not ended.
    Closing { vm: VmKey, call: CallId },
    /// A process has not said hello.
    Hello(ProcessId),
    /// A VM has not answered the oldest request that is answered at once.
    Answer(VmKey),
    /// A process has begun a frame and not ended it.
    Frame(ProcessId),
    /// A process has taken nothing of what was sent.
    Stuck(ProcessId),
    /// A condemned process had its time to export.
    Export(ProcessId),
    /// A process whose socket closed is still there.
    End(ProcessId),
    /// What a process takes of the processors is looked at: no deadline, and again and again.
    Cpu(ProcessId),
}

/// Tells the time.
pub(crate) trait Clock: Send + Sync {
    fn now(&self) -> Instant;
}

/// The system's monotonic clock.
pub(crate) struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Instant {
        Instant::now()
    }
}

/// A deadline that may be put off, and since when it is waited.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Patience {
    pub(crate) timer: TimerId,
    pub(crate) begun: Instant,
}

/// Deadlines in order.
pub(crate) struct Timers {
    clock: Arc<dyn Clock>,
    queue: BTreeMap<TimerId, Due>,
    next: u64,
}

impl Timers {
    pub(crate) fn new(clock: Arc<dyn Clock>) -> Timers {
        Timers {
            clock,
            queue: BTreeMap::new(),
            next: 0,
        }
    }

    pub(crate) fn after(&mut self, delay: Duration, due: Due) -> TimerId {
        self.next += 1;
        let id = (self.clock.now() + delay, self.next);
        self.queue.insert(id, due);
        id
    }

    /// Takes a deadline back. One that is past stays past.
    pub(crate) fn cancel(&mut self, id: Option<TimerId>) {
        if let Some(id) = id {
            self.queue.remove(&id);
        }
    }

    /// Takes a deadline back that may have been put off.
    pub(crate) fn give_up(&mut self, patience: Option<Patience>) {
        self.cancel(patience.map(|patience| patience.timer));
    }

    pub(crate) fn now(&self) -> Instant {
        self.clock.now()
    }

    /// The next one.
    pub(crate) fn next_at(&self) -> Option<Instant> {
        let ((at, _), _) = self.queue.first_key_value()?;
        Some(*at)
    }

    /// Takes one that is due.
    pub(crate) fn take_due(&mut self) -> Option<Due> {
        let entry = self.queue.first_entry()?;
        if entry.key().0 > self.clock.now() {
            return None;
        }
        Some(entry.remove())
    }

    /// Deadlines that wait.
    #[cfg(any(test, feature = "harness"))]
    pub(crate) fn len(&self) -> usize {
        let deadlines = self.queue.values();
        deadlines.filter(|due| !matches!(due, Due::Cpu(_))).count()
    }
}
