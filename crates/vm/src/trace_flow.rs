//! Traced lines between their collection and the host, which takes one message after the other.

use std::sync::Arc;

use crate::trace_lines::{TraceLines, Traced};

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
