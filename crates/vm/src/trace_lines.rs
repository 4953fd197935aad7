//! System calls of guests, as lines on their way to the host.

use std::fmt::Write;
use std::sync::Arc;
use std::thread::ThreadId;
use std::time::Duration;

use parking_lot::{Condvar, Mutex};
use secure_exec_kernel::{SyscallEvent, Tracer};
use secure_exec_protocol::VmId;

use crate::mailbox::{Mail, Mailbox};

/// Bytes that may wait for the host. Calls beyond that wait a moment for it; what still finds no room is counted and
/// dropped.
const CAPACITY: usize = 1 << 20;

/// Longest wait of one call. A guest that is killed meanwhile leaves its thread long before it counts as stuck.
const PATIENCE: Duration = Duration::from_millis(20);

/// Collects lines until the server takes them.
#[derive(Debug)]
pub(crate) struct TraceLines {
    vm: VmId,
    mailbox: Arc<Mailbox>,
    lines: Mutex<Lines>,
    /// Lines have been taken.
    room: Condvar,
    /// The thread that takes the lines, whose own calls must not wait for it.
    server: ThreadId,
}

#[derive(Debug, Default)]
struct Lines {
    text: String,
    dropped: u64,
    posted: bool,
}

impl TraceLines {
    pub(crate) fn new(vm: VmId, mailbox: &Arc<Mailbox>) -> Arc<TraceLines> {
        Arc::new(TraceLines {
            vm,
            mailbox: mailbox.clone(),
            lines: Mutex::default(),
            room: Condvar::new(),
            server: std::thread::current().id(),
        })
    }

    /// Takes what has come since the last time. The server's thread does.
    pub(crate) fn take(&self) -> String {
        let mut lines = std::mem::take(&mut *self.lines.lock());
        self.room.notify_all();
        if lines.dropped > 0 {
            // Writing to a string succeeds.
            let _ = writeln!(lines.text, "... {} more calls", lines.dropped);
        }
        lines.text
    }
}

impl Tracer for TraceLines {
    fn syscall(&self, event: &SyscallEvent<'_>) {
        // Waiting calls are made again and again until there is something to tell.
        if matches!(event.outcome, secure_exec_kernel::trace::Outcome::Pending) {
            return;
        }
        let mut lines = self.lines.lock();
        if lines.text.len() >= CAPACITY && std::thread::current().id() != self.server {
            self.room.wait_for(&mut lines, PATIENCE);
        }
        if lines.text.len() >= CAPACITY {
            lines.dropped += 1;
            return;
        }
        // Writing to a string succeeds.
        let _ = writeln!(lines.text, "{event}");
        if !std::mem::replace(&mut lines.posted, true) {
            drop(lines);
            self.mailbox.post(Mail::Trace(self.vm));
        }
    }
}
