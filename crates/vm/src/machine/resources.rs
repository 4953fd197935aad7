//! What a machine holds right now.
//!
//! Whoever kills a process ends it at once; its thread, which may be inside a system call with a file, notices when it
//! comes to run. What is only in the hands of the dead is not counted: the answer waits for them a moment, and what the
//! host says meanwhile waits behind it.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use secure_exec_kernel::ResourceCounts;
use secure_exec_protocol::{CallId, HostMessage, ResourceSnapshot, VmMessage};

use super::{Machine, Outbox};

/// Longest wait for threads that have nothing more to do than to let go.
const LETTING_GO: Duration = Duration::from_millis(100);
/// How often it is looked whether they have.
const LOOK_AGAIN: Duration = Duration::from_millis(1);

/// The answer that waits, and what came behind its request.
#[derive(Default)]
pub(crate) struct Counting {
    pending: Option<Pending>,
    held: VecDeque<(CallId, HostMessage)>,
}

#[derive(Clone, Copy)]
struct Pending {
    call: CallId,
    until: Instant,
    look_again: Instant,
}

impl Counting {
    /// Gives a message back that can be taken now: answers come in the order of their requests.
    pub(super) fn hold(&mut self, call: CallId, message: HostMessage) -> Option<HostMessage> {
        if self.pending.is_none() {
            return Some(message);
        }
        self.held.push_back((call, message));
        None
    }

    pub(super) fn look_again(&self) -> Option<Instant> {
        self.pending.map(|pending| pending.look_again)
    }
}

impl Machine {
    /// Answers with the counts, or waits until nothing is only in the hands of the dead.
    pub(super) fn count(&mut self, call: CallId, now: Instant, outbox: &mut Outbox) {
        self.counting.pending = Some(Pending {
            call,
            until: now + LETTING_GO,
            look_again: now,
        });
        self.look(now, outbox);
    }

    /// Looks again, and takes what has waited once there is an answer.
    pub(super) fn count_again(&mut self, now: Instant, outbox: &mut Outbox) {
        while self.look(now, outbox) {
            // A further count among them holds the rest.
            while self.counting.pending.is_none()
                && let Some((call, message)) = self.counting.held.pop_front()
            {
                self.receive(call, message, outbox);
            }
        }
    }

    /// Answers with what there is, and takes what has waited.
    pub(super) fn stop_counting(&mut self, outbox: &mut Outbox) {
        while let Some(pending) = &mut self.counting.pending {
            let now = Instant::now();
            pending.until = now;
            self.count_again(now, outbox);
        }
    }

    /// True if an answer has waited and was given.
    fn look(&mut self, now: Instant, outbox: &mut Outbox) -> bool {
        let Some(pending) = &mut self.counting.pending else {
            return false;
        };
        let counts = self.kernel.resource_counts();
        let held = counts.ptys + counts.pipes + counts.sockets > 0;
        let abandoned =
            held && counts.processes == 0 && self.calls.is_empty() && self.connections.is_empty();
        if abandoned && now < pending.until {
            pending.look_again = now + LOOK_AGAIN;
            return false;
        }
        let call = pending.call;
        self.counting.pending = None;
        outbox.push(call, VmMessage::Resources(self.snapshot(&counts)));
        true
    }

    fn snapshot(&self, counts: &ResourceCounts) -> ResourceSnapshot {
        ResourceSnapshot {
            processes: counts.processes as u64,
            zombies: counts.zombies as u64,
            fds: counts.fds as u64,
            pipes: counts.pipes as u64,
            sockets: counts.sockets as u64,
            ptys: counts.ptys as u64,
            filesystem_bytes: counts.filesystem_bytes,
            inodes: counts.inodes,
            listeners: counts.listeners as u64,
            buffered_bytes: counts.buffered_bytes as u64,
            heap_bytes: self.guests.heap_bytes(),
        }
    }
}
