//! What all threads of one guest process share.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use parking_lot::Mutex;

use super::Worker;
use crate::binding::{Broadcasts, LockManager, QueuedBytes};
use crate::engine::{Engine, NodeOptions};

/// How many worker threads a process may have at a time: each takes a thread and an isolate of the VM process.
const MAX_WORKERS: usize = 64;

/// The threads of one process and what they have in common.
pub struct Program {
    /// Runs the process.
    pub engine: Arc<Engine>,
    /// Settings of the process; they hold for each of its threads.
    pub options: NodeOptions,
    /// Broadcast channels.
    pub broadcasts: Broadcasts,
    /// `navigator.locks`.
    pub locks: LockManager,
    /// What is in the queues of its message ports.
    pub queued: QueuedBytes,
    last_id: AtomicU32,
    threads: Mutex<Threads>,
}

#[derive(Default)]
struct Threads {
    workers: Vec<Arc<Worker>>,
    killed: bool,
}

impl Program {
    /// A process without workers.
    pub fn new(engine: Arc<Engine>, options: NodeOptions) -> Arc<Program> {
        Arc::new(Program {
            engine,
            options,
            broadcasts: Broadcasts::default(),
            locks: LockManager::default(),
            queued: Arc::default(),
            last_id: AtomicU32::new(0),
            threads: Mutex::default(),
        })
    }

    /// A new `threadId`; the main thread has 0.
    pub fn next_id(&self) -> u32 {
        self.last_id.fetch_add(1, Ordering::Relaxed) + 1
    }

    /// Notes a worker that is about to start.
    ///
    /// # Errors
    /// There are too many, or the process is being killed.
    pub fn admit(&self, worker: &Arc<Worker>) -> Result<(), String> {
        let mut threads = self.threads.lock();
        if threads.killed {
            return Err("the process is ending".to_owned());
        }
        if threads.workers.len() >= MAX_WORKERS {
            return Err(format!("a process may have {MAX_WORKERS} workers"));
        }
        threads.workers.push(worker.clone());
        Ok(())
    }

    /// Forgets a worker that has ended.
    pub fn dismiss(&self, worker: &Arc<Worker>) {
        let mut threads = self.threads.lock();
        threads.workers.retain(|known| !Arc::ptr_eq(known, worker));
    }

    /// Ends all workers because the process was killed; none starts any more.
    pub fn kill(&self) {
        let workers = {
            let mut threads = self.threads.lock();
            threads.killed = true;
            threads.workers.clone()
        };
        for worker in workers {
            worker.kill();
        }
    }
}
