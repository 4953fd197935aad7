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

/// How often who waits for memory looks at whether it still runs.
const LOOK: Duration = Duration::from_millis(20);

/// How often memory that nobody uses is looked for on behalf of a guest: it takes locks that all need.
const RECLAIM: Duration = Duration::from_millis(100);

/// The processes whose isolates exist.
#[derive(Default)]
pub(crate) struct Population {
    running: Mutex<Vec<Arc<Process>>>,
    changed: Condvar,
}

impl Population {
    /// Takes a place for `process` among at most `max`, if there is memory for it.
    ///
    /// # Errors
    /// - `EAGAIN`: none is free.
    pub(crate) fn admit(
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

    /// Waits for the memory of programs that have ended; false if none is to be waited for, or not any longer.
    pub(crate) fn wait_for_leaving(&self, asking: &Arc<Process>, deadline: Instant) -> bool {
        let mut running = self.running.lock();
        let mut others = running.iter().filter(|other| !Arc::ptr_eq(other, asking));
        let is_leaving = others.any(|other| !other.is_alive());
        let now = Instant::now();
        if !is_leaving || !asking.is_alive() || now >= deadline {
            return false;
        }
        self.changed
            .wait_until(&mut running, deadline.min(now + LOOK));
        true
    }

    /// Bytes that would be set aside for programs if there was one more.
    pub(crate) fn reserved_with_one_more(&self) -> u64 {
        (self.running.lock().len() as u64 + 1) * PROGRAM_BYTES
    }

    /// Gives the place back.
    pub(crate) fn leave(&self, process: &Arc<Process>) {
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
    reclaim(events);
    events.has_any(PROGRAM_BYTES)
}

fn reclaim(events: &dyn EngineEvents) {
    pool::release_pooled_memory();
    events.reclaim();
}

/// Gives back what others have left, unless that was just done.
pub(crate) fn reclaim_now_and_then(events: &dyn EngineEvents) {
    static LAST: Mutex<Option<Instant>> = Mutex::new(None);
    let now = Instant::now();
    {
        let mut last = LAST.lock();
        if last.is_some_and(|last| now.saturating_duration_since(last) < RECLAIM) {
            return;
        }
        *last = Some(now);
    }
    reclaim(events);
}

#[cfg(test)]
mod tests {
    use secure_exec_kernel::{Kernel, KernelConfig};

    use super::*;
    use crate::embedder::events::Quiet;

    #[test]
    fn who_asks_for_memory_waits_for_programs_that_have_ended_and_for_no_others() {
        let kernels = [(); 2].map(|()| Kernel::boot(KernelConfig::default()).expect("it boots"));
        let [one, other] = kernels.each_ref().map(|kernel| kernel.file_agent());
        let events: Arc<dyn EngineEvents> = Arc::new(Quiet);
        let population = Population::default();
        for process in [&one, &other] {
            population
                .admit(process, 2, &events)
                .expect("there is a place");
        }
        let later = Instant::now() + Duration::from_secs(60);
        assert!(
            !population.wait_for_leaving(&one, later),
            "the other one runs"
        );
        other.exit(0);
        assert!(!population.wait_for_leaving(&one, Instant::now()));
        std::thread::scope(|scope| {
            scope.spawn(|| population.leave(&other));
            while population.wait_for_leaving(&one, later) {}
        });
        assert_eq!(population.running.lock().len(), 1);
        population
            .admit(&other, 2, &events)
            .expect("there is a place");
        one.exit(0);
        assert!(
            !population.wait_for_leaving(&one, later),
            "it has ended itself"
        );
    }
}
