//! Traced lines between their collection and the host, which takes one message after the other.

use std::sync::Arc;

use super::trace_lines::{TraceLines, Traced};

/// The trace of one VM. While the host has not taken a message the lines behind it wait where they are collected,
/// within the bound of [`TraceLines`].
pub(crate) struct TraceFlow {
    lines: Arc<TraceLines>,
    /// Messages that the host has not taken.
    under_way: u32,
}

impl TraceFlow {
    pub(crate) fn new(lines: Arc<TraceLines>) -> TraceFlow {
        TraceFlow {
            lines,
            under_way: 0,
        }
    }

    /// What may be sent now.
    pub(crate) fn next(&mut self) -> Option<Traced> {
        if self.under_way > 0 {
            return None;
        }
        self.rest()
    }

    /// Everything there is: what a program did is told before its end. The host has asked for each program, so that
    /// these are no more than it has asked for.
    pub(crate) fn rest(&mut self) -> Option<Traced> {
        let traced = self.lines.take();
        if traced.times.is_empty() {
            return None;
        }
        self.under_way += 1;
        Some(traced)
    }

    /// The host took a message.
    pub(crate) fn taken(&mut self) {
        self.under_way = self.under_way.saturating_sub(1);
    }
}

#[cfg(test)]
mod tests {
    use secure_exec_kernel::{Pid, ProcessEvent, Signal, Tracer};

    use super::*;
    use crate::mailbox::Mailbox;

    fn flow() -> (TraceFlow, Arc<TraceLines>) {
        let mailbox = Mailbox::new().expect("there is a descriptor for it");
        let lines = TraceLines::new(1, &mailbox);
        (TraceFlow::new(lines.clone()), lines)
    }

    fn line(lines: &TraceLines, pid: i32) {
        let pid = Pid::from_raw(pid);
        lines.process(&ProcessEvent::Stopped {
            pid,
            signal: Signal::SIGTERM,
        });
    }

    #[test]
    fn one_message_is_under_way_at_a_time() {
        let (mut flow, lines) = flow();
        assert!(flow.next().is_none(), "there is nothing to tell");
        line(&lines, 2);
        assert_eq!(flow.next().map(|traced| traced.times.len()), Some(1));
        line(&lines, 2);
        line(&lines, 3);
        assert!(flow.next().is_none(), "the host has not taken the first");
        flow.taken();
        assert_eq!(flow.next().map(|traced| traced.times.len()), Some(2));
    }

    #[test]
    fn the_rest_of_a_program_does_not_wait_but_what_follows_does() {
        let (mut flow, lines) = flow();
        line(&lines, 2);
        assert!(flow.next().is_some());
        line(&lines, 2);
        assert!(flow.rest().is_some());
        assert!(flow.rest().is_none());
        line(&lines, 2);
        flow.taken();
        assert!(flow.next().is_none(), "one of two is still under way");
        flow.taken();
        assert!(flow.next().is_some());
    }

    #[test]
    fn more_answers_than_messages_are_no_credit() {
        let (mut flow, lines) = flow();
        flow.taken();
        flow.taken();
        line(&lines, 2);
        assert!(flow.next().is_some());
        line(&lines, 2);
        assert!(flow.next().is_none());
    }
}
