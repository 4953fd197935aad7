//! The threads that processes run on.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Weak};

use parking_lot::Mutex;
use secure_exec_kernel::Errno;

use crate::config::WasmOptions;
use crate::events::EngineEvents;

/// Threads that wait for the next process.
const MOST_IDLE: usize = 8;

/// Stack that a thread has beyond that of compiled code: for the kernel, and for the compiler.
const HOST_STACK: usize = 1 << 20;

/// Writable address space of one thread.
#[must_use]
pub fn thread_bytes(options: &WasmOptions) -> u64 {
    stack_size(options) as u64
}

fn stack_size(options: &WasmOptions) -> usize {
    options.max_stack_bytes.saturating_add(HOST_STACK)
}

/// One process from start to end. It does not unwind.
pub(crate) type Job = Box<dyn FnOnce() + Send>;

/// Idle threads.
pub(crate) struct Workers {
    idle: Mutex<Vec<Sender<Job>>>,
    stack_size: usize,
    events: Arc<dyn EngineEvents>,
    this: Weak<Workers>,
}

impl Workers {
    pub(crate) fn new(options: &WasmOptions, events: Arc<dyn EngineEvents>) -> Arc<Workers> {
        Arc::new_cyclic(|this| Workers {
            idle: Mutex::default(),
            stack_size: stack_size(options),
            events,
            this: this.clone(),
        })
    }

    /// Runs a job on an idle thread or a new one.
    ///
    /// # Errors
    /// - `EAGAIN`: the operating system gives no thread.
    pub(crate) fn run(&self, job: Job) -> Result<(), Errno> {
        let mut job = job;
        loop {
            // In a statement of its own, so that the lock is not held while sending.
            let idle = self.idle.lock().pop();
            let Some(worker) = idle else { break };
            match worker.send(job) {
                Ok(()) => return Ok(()),
                Err(refused) => job = refused.0,
            }
        }
        self.start(job)
    }

    fn start(&self, job: Job) -> Result<(), Errno> {
        let pool = self.this.clone();
        let events = self.events.clone();
        events.on_thread_start();
        let spawned = std::thread::Builder::new()
            .name("wasm".to_owned())
            .stack_size(self.stack_size)
            .spawn(move || {
                serve(&pool, job);
                events.on_thread_end();
            });
        match spawned {
            Ok(_) => Ok(()),
            Err(_) => {
                self.events.on_thread_end();
                Err(Errno::EAGAIN)
            }
        }
    }
}

/// Runs jobs until nobody needs the thread.
fn serve(pool: &Weak<Workers>, first: Job) {
    let mut job = first;
    loop {
        // A job reports its own panics; what is left must not end the thread with the pool's count wrong.
        let _ = catch_unwind(AssertUnwindSafe(job));
        let (sender, receiver) = channel();
        let Some(workers) = pool.upgrade() else {
            return;
        };
        {
            let mut idle = workers.idle.lock();
            if idle.len() >= MOST_IDLE {
                return;
            }
            idle.push(sender);
        }
        drop(workers);
        // The pool drops the sender when the VM goes.
        let Ok(next) = receiver.recv() else { return };
        job = next;
    }
}
