//! How many isolates may exist at a time.
//!
//! Every running program takes an isolate's memory, and V8 gives up the whole operating system process when there is
//! none left. A fork bomb must get `EAGAIN` before that.

use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};
use secure_exec_kernel::{Errno, Process};

use crate::embedder::events::EngineEvents;
use crate::memory::pool;
use crate::memory::sizes::PROGRAM_BYTES;

/// How long a program waits for the isolate of one that has ended. Taking one down needs milliseconds, or
/// more where native code has made much for it.
const PATIENCE: Duration = Duration::from_secs(5);

/// The processes whose isolates exist.
#[derive(Default)]
pub(super) struct Population {
    running: Mutex<Vec<Arc<Process>>>,
    changed: Condvar,
}

impl Population {
    /// Takes a place for `process` among at most `max`, if there is memory for it.
    ///
    /// # Errors
    /// - `EAGAIN`: none is free.
    pub fn admit(
        &self,
        process: &Arc<Process>,
        max: usize,
        events: &Arc<dyn EngineEvents>,
    ) -> Result<(), Errno> {
        let mut running = self.running.lock();
        let deadline = Instant::now() + PATIENCE;
        while running.len() >= max || !events.has_any(PROGRAM_BYTES) {
            let leaving = running.iter().any(|process| !process.is_alive());
            if leaving && !self.changed.wait_until(&mut running, deadline).timed_out() {
                continue;
            }
            if running.len() >= max || !is_left(&**events) {
                return Err(Errno::EAGAIN);
            }
        }
        running.push(process.clone());
        Ok(())
    }

    /// Bytes that would be set aside for programs if there was one more.
    pub fn reserved_with_one_more(&self) -> u64 {
        (self.running.lock().len() as u64 + 1) * PROGRAM_BYTES
    }

    /// Gives the place back.
    pub fn leave(&self, process: &Arc<Process>) {
        let left = {
            let mut running = self.running.lock();
            let at = running.iter().position(|other| Arc::ptr_eq(other, process));
            at.map(|at| running.swap_remove(at))
        };
        self.changed.notify_all();
        drop(left);
    }
}

/// Whether there is memory for one more in what others have left.
fn is_left(events: &dyn EngineEvents) -> bool {
    pool::release_pooled_memory();
    events.reclaim();
    events.has_any(PROGRAM_BYTES)
}
