//! The end of the largest guest when the memory of the VM is used up.
//!
//! What is missing for a while is lent by the embedder, so that nothing fails before the guest is gone: V8 and most
//! native code give up the whole operating system process when they get no memory.

use std::sync::Arc;
use std::time::{Duration, Instant};

use secure_exec_kernel::{Process, Signal};

use crate::embedder::events::EngineEvents;
use crate::memory::gauge::HeapUsage;
use crate::memory::pool;

/// How long a guest that is being ended may hold its memory before the next one is. Taking down what native code has made
/// for it takes its time.
const PATIENCE: Duration = Duration::from_secs(5);

/// How often is looked for memory that nobody uses while there is too little.
const RECLAIM: Duration = Duration::from_millis(100);

/// How long guests have to write down what they use. One that does not get to it has just done so: it waits for memory.
const ANSWER: Duration = Duration::from_millis(5);

/// What is done about it.
#[derive(Default)]
pub(crate) struct Shortage {
    /// Since when a guest that is being ended has its memory still.
    leaving: Option<Instant>,
    reclaimed: Option<Instant>,
    asked: Option<Instant>,
}

impl Shortage {
    /// Ends the largest guest if there is too little memory, one at a time. Whether that is going on. `ask` has the guests
    /// write down what they use now.
    pub fn relieve(
        &mut self,
        usage: &HeapUsage,
        events: &dyn EngineEvents,
        ask: impl FnOnce(),
    ) -> bool {
        for process in usage.overdrawn() {
            end(&process, events, 0);
        }
        if !events.is_overdrawn() {
            *self = Shortage::default();
            return false;
        }
        if usage.has_leaving() {
            let since = *self.leaving.get_or_insert_with(Instant::now);
            if since.elapsed() < PATIENCE {
                return true;
            }
        } else if self.leaving.take().is_some() {
            self.reclaimed = None;
        }
        if self.reclaimed.is_none_or(|at| at.elapsed() >= RECLAIM) {
            self.reclaimed = Some(Instant::now());
            pool::release_pooled_memory();
            events.reclaim();
            if !events.is_overdrawn() {
                return false;
            }
        }
        if self.asked.is_none() {
            self.asked = Some(Instant::now());
            ask();
        }
        if self.asked.is_some_and(|at| at.elapsed() < ANSWER) {
            return true;
        }
        let Some(process) = usage.largest(events.memory_in_use()) else {
            return false;
        };
        self.asked = None;
        usage.end(&process);
        end(&process, events, 0);
        self.leaving = Some(Instant::now());
        true
    }
}

/// Ends a guest because there is no room for this much memory more.
pub(crate) fn end(process: &Arc<Process>, events: &dyn EngineEvents, bytes: u64) {
    let pid = process.pid();
    events.on_overdrawn(pid, bytes);
    // The status is that of a full heap, also where the guest listens for the signal. It may have ended meanwhile.
    let _ = process.kill(pid.raw(), Signal::SIGABRT);
    let _ = process.kill(pid.raw(), Signal::SIGKILL);
}
