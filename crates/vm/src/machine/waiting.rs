//! Programs that wait for others to end.
//!
//! Each running program takes an isolate's memory. Many short ones at a time would only push each other over the
//! VM's memory limit, so those that the host merely waits for (`exec`, `run`) take turns. Programs with
//! a live handle never wait: they may be what the others wait for.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use secure_exec_protocol::{CallId, Program, Stream};

/// Memory that a running program is reckoned with.
const BYTES_PER_PROGRAM: u64 = 24 << 20;

/// Programs that may run at a time whatever the memory limit.
const AT_LEAST: usize = 4;

/// A program that has not started.
pub(crate) struct Waiting {
    pub(crate) call: CallId,
    program: Program,
    deadline: Option<Instant>,
    /// Input that came meanwhile.
    pub(crate) input: Vec<(Stream, Vec<u8>, bool)>,
}

impl Waiting {
    /// The program with the time that it has left.
    pub(crate) fn into_program(mut self) -> Program {
        if let Some(deadline) = self.deadline {
            let left = deadline.saturating_duration_since(Instant::now());
            self.program.timeout_ms =
                Some(u64::try_from(left.as_millis()).unwrap_or(u64::MAX).max(1));
        }
        self.program
    }
}

/// The programs of one VM that wait, in order.
#[derive(Default)]
pub(crate) struct WaitingPrograms {
    queue: VecDeque<Waiting>,
}

impl WaitingPrograms {
    /// How many programs may run at a time under a memory limit.
    pub(crate) fn turns(memory_bytes: u64) -> usize {
        usize::try_from(memory_bytes / BYTES_PER_PROGRAM)
            .unwrap_or(usize::MAX)
            .max(AT_LEAST)
    }

    pub(crate) fn push(&mut self, call: CallId, program: Program) {
        let deadline = program
            .timeout_ms
            .and_then(|after| Instant::now().checked_add(Duration::from_millis(after)));
        self.queue.push_back(Waiting {
            call,
            program,
            deadline,
            input: Vec::new(),
        });
    }

    pub(crate) fn pop(&mut self) -> Option<Waiting> {
        self.queue.pop_front()
    }

    pub(crate) fn find(&mut self, call: CallId) -> Option<&mut Waiting> {
        self.queue.iter_mut().find(|waiting| waiting.call == call)
    }

    /// Takes a program out; false if it does not wait.
    pub(crate) fn remove(&mut self, call: CallId) -> bool {
        let before = self.queue.len();
        self.queue.retain(|waiting| waiting.call != call);
        self.queue.len() < before
    }

    /// Takes out those whose time is over before they started.
    pub(crate) fn expire(&mut self, now: Instant) -> Vec<CallId> {
        let due = |waiting: &Waiting| waiting.deadline.is_some_and(|deadline| deadline <= now);
        let expired = self
            .queue
            .iter()
            .filter(|waiting| due(waiting))
            .map(|waiting| waiting.call)
            .collect();
        self.queue.retain(|waiting| !due(waiting));
        expired
    }

    pub(crate) fn next_deadline(&self) -> Option<Instant> {
        self.queue
            .iter()
            .filter_map(|waiting| waiting.deadline)
            .min()
    }
}
