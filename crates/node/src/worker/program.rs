//! What all threads of one guest process share.

use std::any::{Any, TypeId};
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use parking_lot::Mutex;
use secure_exec_kernel::Process;

use super::{Variables, Worker};
use crate::embedder::options::NodeOptions;
use crate::event_loop::LoopHandle;
use crate::options::Options;
use crate::options::permission::Permissions;

/// How many worker threads a process may have at a time: each takes a thread and an isolate of the VM process.
const MAX_WORKERS: usize = 64;

/// Runs on a thread once, inside of its context.
pub type Once = Box<dyn for<'s, 'i> FnOnce(&mut v8::PinScope<'s, 'i>) + Send>;

/// Everything a new thread needs of its parent.
pub struct Start {
    /// The worker itself.
    pub worker: Arc<Worker>,
    /// The process it is a thread of.
    pub program: Arc<Program>,
    /// As the kernel knows it.
    pub process: Arc<Process>,
    /// Command line options; the script comes as a message.
    pub options: Options,
    /// What the parent may do: a thread may no more.
    pub permissions: Option<Permissions>,
    /// `process.env`: a copy, or what the parent has.
    pub variables: Arc<Variables>,
    /// Runs on the thread before its main script.
    pub install: Once,
    /// The parent's loop, which hears of the end.
    pub parent: LoopHandle,
    /// Runs on the parent's thread when the worker has ended.
    pub ended: Once,
}

/// Who makes threads of guests.
pub trait Starter: Send + Sync {
    /// Starts the thread of a worker.
    ///
    /// # Errors
    /// There is no memory for an isolate, or the system has no thread to give.
    fn start(&self, start: Start) -> Result<(), String>;
}

/// The threads of one process and what they have in common.
pub struct Program {
    starter: Arc<dyn Starter>,
    /// Settings of the process; they hold for each of its threads.
    pub options: NodeOptions,
    states: Mutex<HashMap<TypeId, Arc<dyn Any + Send + Sync>>>,
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
    pub fn new(starter: Arc<dyn Starter>, options: NodeOptions) -> Arc<Program> {
        Arc::new(Program {
            starter,
            options,
            states: Mutex::default(),
            last_id: AtomicU32::new(0),
            threads: Mutex::default(),
        })
    }

    /// What a module keeps for all threads of the process, one value of each type, made by `Default` at the first use.
    pub fn state<T: Default + Send + Sync + 'static>(&self) -> Arc<T> {
        let mut states = self.states.lock();
        let state = states
            .entry(TypeId::of::<T>())
            .or_insert_with(|| Arc::new(T::default()))
            .clone();
        state.downcast().expect("the key is the type")
    }

    /// Starts a further thread.
    ///
    /// # Errors
    /// There are too many workers, or the system has no thread to give.
    pub fn start(&self, start: Start) -> Result<(), String> {
        let worker = start.worker.clone();
        self.admit(&worker)?;
        self.starter
            .start(start)
            .inspect_err(|_| self.dismiss(&worker))
    }

    /// A new `threadId`; the main thread has 0.
    pub fn next_id(&self) -> u32 {
        self.last_id.fetch_add(1, Ordering::Relaxed) + 1
    }

    /// Notes a worker that is about to start.
    ///
    /// # Errors
    /// There are too many, or the process is being killed.
    fn admit(&self, worker: &Arc<Worker>) -> Result<(), String> {
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

    /// Runs `work` on each worker soon, between two steps of its JavaScript; it must not run JavaScript itself.
    pub fn interrupt_workers(&self, work: fn(&mut v8::PinScope<'_, '_>)) {
        let workers = self.threads.lock().workers.clone();
        for worker in workers {
            worker.interrupt(Box::new(work));
        }
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
