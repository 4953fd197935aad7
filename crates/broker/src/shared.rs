//! The state machine behind its lock, and how threads get at it without waiting.
//!
//! An API call is a job: it is put into a queue, and whoever holds the lock does it before letting go. A thread that
//! brings a job takes the lock itself only if it is free, so the embedder's main thread never waits for a portion of
//! somebody else's frames.

use std::collections::VecDeque;

use parking_lot::{Mutex, MutexGuard};

use crate::core::Core;

type Job = Box<dyn FnOnce(&mut Core) + Send>;

/// The one lock of the broker, and the jobs that wait for it.
pub(crate) struct Shared {
    core: Mutex<Core>,
    jobs: Mutex<VecDeque<Job>>,
}

impl Shared {
    pub(crate) fn new(core: Core) -> Shared {
        Shared {
            core: Mutex::new(core),
            jobs: Mutex::default(),
        }
    }

    /// Has a job done, in the order of the posts: here if the lock is free, else by the thread that has it.
    pub(crate) fn post(&self, job: impl FnOnce(&mut Core) + Send + 'static) {
        self.jobs.lock().push_back(Box::new(job));
        self.work_off();
    }

    /// Waits for the lock. For threads of the broker, which may.
    pub(crate) fn with<T>(&self, action: impl FnOnce(&mut Core) -> T) -> T {
        let mut core = self.core.lock();
        self.run_jobs(&mut core);
        let result = action(&mut core);
        self.run_jobs(&mut core);
        MutexGuard::unlock_fair(core);
        self.work_off();
        result
    }

    /// Does what waits, unless somebody else is at it. Whoever posts while the lock is held has posted before it is
    /// let go, so that looking once more afterwards leaves nothing behind.
    fn work_off(&self) {
        while !self.jobs.lock().is_empty() {
            let Some(mut core) = self.core.try_lock() else {
                return;
            };
            self.run_jobs(&mut core);
        }
    }

    fn run_jobs(&self, core: &mut Core) {
        loop {
            let job = self.jobs.lock().pop_front();
            match job {
                Some(job) => job(core),
                None => return,
            }
        }
    }
}
