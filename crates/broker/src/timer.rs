//! Deadlines of the supervisor.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use secure_exec_protocol::{CallId, VmId};

use crate::process::ProcessId;

/// What is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Due {
    /// A call that was to be killed has not settled: its VM process does not obey.
    Overdue { vm: VmId, call: CallId },
    /// A condemned process had its time to export.
    Export(ProcessId),
    /// A process whose socket closed, or that was told to end, is still there.
    End(ProcessId),
}

/// Deadlines in order. They are not cancelled: what is due is checked against the state when it fires.
#[derive(Debug, Default)]
pub(crate) struct Timers {
    queue: BTreeMap<(Instant, u64), Due>,
    next: u64,
}

impl Timers {
    pub(crate) fn after(&mut self, delay: Duration, due: Due) {
        self.next += 1;
        self.queue.insert((Instant::now() + delay, self.next), due);
    }

    /// Time until the next one.
    pub(crate) fn wait(&self) -> Option<Duration> {
        let ((at, _), _) = self.queue.first_key_value()?;
        Some(at.saturating_duration_since(Instant::now()))
    }

    /// Takes one that is due.
    pub(crate) fn take_due(&mut self) -> Option<Due> {
        let entry = self.queue.first_entry()?;
        if entry.key().0 > Instant::now() {
            return None;
        }
        Some(entry.remove())
    }
}
