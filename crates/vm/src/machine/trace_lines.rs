//! System calls, signals and ends of guests, as lines on their way to the host.

use std::fmt::{Display, Write};
use std::sync::Arc;
use std::thread::ThreadId;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use parking_lot::{Condvar, Mutex};
use secure_exec_kernel::{Pid, ProcessEvent, SyscallEvent, Tracer};
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

/// Lines, and when each was made: microseconds since 1970.
#[derive(Debug)]
pub(crate) struct Traced {
    pub(crate) text: String,
    pub(crate) times: Vec<u64>,
}

#[derive(Debug, Default)]
struct Lines {
    text: String,
    /// Of each line.
    times: Vec<u64>,
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
    pub(crate) fn take(&self) -> Traced {
        let mut lines = std::mem::take(&mut *self.lines.lock());
        self.room.notify_all();
        if lines.dropped > 0 {
            let dropped = lines.dropped;
            lines.add(format_args!("... {dropped} more calls"));
        }
        Traced {
            text: lines.text,
            times: lines.times,
        }
    }

    fn add(&self, pid: Pid, line: impl Display) {
        // Before them are the host's own file methods and init, which are no guests.
        if pid <= Pid::INIT {
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
        lines.add(line);
        if !std::mem::replace(&mut lines.posted, true) {
            drop(lines);
            self.mailbox.post(Mail::Trace(self.vm));
        }
    }
}

impl Lines {
    fn add(&mut self, line: impl Display) {
        let since = SystemTime::now().duration_since(UNIX_EPOCH);
        let micros = since.map_or(0, |since| since.as_micros());
        self.times.push(u64::try_from(micros).unwrap_or(u64::MAX));
        // Writing to a string succeeds.
        let _ = writeln!(self.text, "{line}");
    }
}

impl Tracer for TraceLines {
    fn syscall(&self, event: &SyscallEvent<'_>) {
        self.add(event.pid, event);
    }

    fn process(&self, event: &ProcessEvent) {
        self.add(event.pid(), event);
    }
}
