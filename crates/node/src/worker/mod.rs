//! Worker threads: further isolates of one guest process, a thread each. Follows Node's `src/node_worker.cc`.
//!
//! A [`Worker`] is what the thread and its parent share; the parent's JavaScript object is in `binding/worker`, what runs
//! on the thread in `engine/worker_thread.rs`.
//! `docs/design/workers.md` says what ends a worker and who owns it.

mod limits;
mod options;
mod program;

use std::cell::RefCell;
use std::collections::VecDeque;
use std::ffi::c_void;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use indexmap::IndexMap;
use parking_lot::{Condvar, Mutex};

pub use limits::{COUNT as LIMIT_COUNT, ResourceLimits};
pub use options::parse as parse_exec_argv;
pub use program::{Once, Program, Start, Starter};

use crate::callback::contain_bare;
use crate::env::Env;
use crate::env::clock::monotonic_nanoseconds;
use crate::event_loop::{IdleMeter, LoopHandle};
use crate::threads::watched::Watched;

/// Environment variables by name; threads that share their environment share these.
pub type Variables = Mutex<IndexMap<String, String>>;

/// What runs on a worker's thread between two steps of its JavaScript; it must not run JavaScript itself.
type Interrupt = Box<dyn for<'s, 'i> FnOnce(&mut v8::PinScope<'s, 'i>) + Send>;

/// Why a worker ended, besides its exit code: a key of the library's error codes and a message.
pub type Failure = (&'static str, String);

/// What a worker is made with.
pub struct Settings {
    /// `threadName`.
    pub name: String,
    /// The URL of its script; nothing where that is no file.
    pub url: String,
    /// Whether it runs a module of the library.
    pub internal: bool,
    /// Whether descriptors that it opened are closed when it ends.
    pub tracks_fds: bool,
    /// `resourceLimits`.
    pub limits: ResourceLimits,
}

/// What a thread and its parent share.
pub struct Worker {
    /// `threadId`.
    pub id: u32,
    /// `threadName`.
    pub name: String,
    /// The URL of its script; nothing where that is no file.
    pub url: String,
    /// Whether it runs a module of the library (the loader's hooks) and no program of the guest's.
    pub internal: bool,
    /// Whether descriptors that it opened are closed when it ends.
    pub tracks_fds: bool,
    limits: Mutex<ResourceLimits>,
    state: Mutex<State>,
    ended: Condvar,
    /// Start of the event loop by the kernel's monotonic clock, nanoseconds; zero before.
    loop_start: AtomicU64,
}

#[derive(Default)]
struct State {
    stopped: bool,
    ended: bool,
    exit_code: i32,
    failure: Option<Failure>,
    running: Option<Running>,
    interrupts: VecDeque<Interrupt>,
}

/// How a running thread is reached.
pub(crate) struct Running {
    /// Its isolate.
    pub isolate: v8::IsolateHandle,
    /// Its event loop.
    pub event_loop: LoopHandle,
    /// How long the loop has waited.
    pub idle: Arc<IdleMeter>,
    /// Its watchdog's view.
    pub watched: Arc<Watched>,
}

impl Running {
    fn stop(&self) {
        self.event_loop.abort();
        self.isolate.terminate_execution();
    }
}

impl Worker {
    /// A worker that has not started.
    pub fn new(id: u32, settings: Settings) -> Arc<Worker> {
        Arc::new(Worker {
            id,
            name: settings.name,
            url: settings.url,
            internal: settings.internal,
            tracks_fds: settings.tracks_fds,
            limits: Mutex::new(settings.limits),
            state: Mutex::default(),
            ended: Condvar::new(),
            loop_start: AtomicU64::new(0),
        })
    }

    /// The limits; what was not asked for is filled in once the thread runs.
    pub fn limits(&self) -> ResourceLimits {
        *self.limits.lock()
    }

    /// Fills in the limits that were not asked for; bytes of the young generation, and of the process's heap.
    pub(crate) fn fill_limits(&self, young: usize, process: usize) {
        self.limits.lock().fill(young, process);
    }

    /// Ends the thread (`Worker::Exit`): running JavaScript is terminated and waits end. A worker that does not run yet
    /// will not.
    pub fn exit(&self, code: i32, failure: Option<Failure>) {
        let mut state = self.state.lock();
        if failure.is_some() {
            state.failure = failure;
        }
        state.stopped = true;
        if let Some(running) = &state.running {
            running.watched.stopped();
            running.stop();
            state.exit_code = code;
        }
    }

    /// As `worker.terminate()`.
    pub fn exit_terminated(&self) {
        self.exit(1, None);
    }

    /// Ends the thread because its process ends: a thread that does not obey ends the operating system process.
    pub fn kill(&self) {
        let mut state = self.state.lock();
        state.stopped = true;
        if let Some(running) = &state.running {
            running.watched.killed();
            running.stop();
            state.exit_code = 1;
        }
    }

    /// Makes the calling thread known; false if the worker was stopped before it ran.
    pub(crate) fn attach(&self, running: Running) -> bool {
        let mut state = self.state.lock();
        let go = !state.stopped;
        if go {
            state.running = Some(running);
        }
        go
    }

    /// The thread runs no JavaScript any more.
    pub(crate) fn detach(&self) {
        let mut state = self.state.lock();
        state.running = None;
        let interrupts = std::mem::take(&mut state.interrupts);
        drop(state);
        // Whoever waits for their results hears that there are none.
        drop(interrupts);
    }

    /// Sets the exit code of a thread that ends by itself, unless it was stopped with another.
    pub fn set_exit_code(&self, code: i32) {
        let mut state = self.state.lock();
        if !state.stopped && state.exit_code == 0 {
            state.exit_code = code;
        }
    }

    /// The thread has given everything back.
    pub(crate) fn finish(&self) {
        self.state.lock().ended = true;
        self.ended.notify_all();
    }

    /// Blocks until the thread has given everything back.
    pub fn wait(&self) {
        let mut state = self.state.lock();
        while !state.ended {
            self.ended.wait(&mut state);
        }
    }

    /// Exit code and failure of an ended thread.
    pub fn outcome(&self) -> (i32, Option<Failure>) {
        let state = self.state.lock();
        (state.exit_code, state.failure.clone())
    }

    /// Notes that the event loop starts.
    pub fn loop_started(&self, env: &Env) {
        self.loop_start
            .store(monotonic_nanoseconds(env), Ordering::Release);
    }

    /// Start of the loop in nanoseconds; `None` where it does not run.
    pub fn loop_start(&self) -> Option<u64> {
        self.state.lock().running.as_ref()?;
        Some(self.loop_start.load(Ordering::Acquire)).filter(|start| *start > 0)
    }

    /// How long the loop has waited until `now`, nanoseconds.
    pub fn idle_time(&self, now: u64) -> u64 {
        let state = self.state.lock();
        let running = state.running.as_ref();
        running.map_or(0, |running| running.idle.read(now))
    }

    /// Runs `work` on the thread soon, also in the middle of a loop of its JavaScript; false if it does not run.
    pub fn interrupt(&self, work: Interrupt) -> bool {
        let mut state = self.state.lock();
        let Some(running) = &state.running else {
            return false;
        };
        running.event_loop.post(run_interrupts);
        running
            .isolate
            .request_interrupt(on_interrupt, std::ptr::null_mut());
        state.interrupts.push_back(work);
        true
    }
}

fn run_interrupts(scope: &mut v8::PinScope<'_, '_>) {
    let Some(worker) = Env::of(scope).worker() else {
        return;
    };
    loop {
        let work = worker.state.lock().interrupts.pop_front();
        let Some(work) = work else { return };
        work(scope);
    }
}

unsafe extern "C" fn on_interrupt(mut isolate: v8::UnsafeRawIsolatePtr, _data: *mut c_void) {
    // SAFETY: V8 passes the isolate that runs on this thread, and nothing else uses it during the call.
    let isolate = unsafe { v8::Isolate::ref_from_raw_isolate_ptr_mut(&mut isolate) };
    v8::scope!(let scope, isolate);
    contain_bare(|| {
        let context = Env::of(scope).context(scope);
        let scope = &mut v8::ContextScope::new(scope, context);
        run_interrupts(scope);
    });
}

/// Where an isolate belongs.
#[derive(Default)]
struct Place {
    program: RefCell<Option<Arc<Program>>>,
    worker: RefCell<Option<Arc<Worker>>>,
}

impl Env {
    /// Binds the isolate to the other threads of its process; `worker` is absent on the main thread.
    pub fn set_threads(&self, program: Arc<Program>, worker: Option<Arc<Worker>>) {
        let place = self.isolate_state::<Place>();
        *place.program.borrow_mut() = Some(program);
        *place.worker.borrow_mut() = worker;
    }

    /// What all threads of the process share; absent where [`Env::try_process`] is.
    pub fn program(&self) -> Option<Arc<Program>> {
        self.isolate_state::<Place>().program.borrow().clone()
    }

    /// The worker thread that the isolate belongs to; absent on the main thread.
    pub fn worker(&self) -> Option<Arc<Worker>> {
        self.isolate_state::<Place>().worker.borrow().clone()
    }
}

/// The workers that a thread has started and not yet heard of their end.
#[derive(Default)]
pub struct Children(RefCell<Vec<Arc<Worker>>>);

impl Children {
    /// Adds one that has started.
    pub fn add(&self, worker: Arc<Worker>) {
        self.0.borrow_mut().push(worker);
    }

    /// Forgets one that has ended.
    pub fn remove(&self, id: u32) {
        self.0.borrow_mut().retain(|worker| worker.id != id);
    }
}

/// Ends the workers that a thread started and waits until they are gone.
pub fn end_children(env: &Env, end: impl Fn(&Worker)) {
    let children = env.state::<Children>();
    let children = children.0.borrow().clone();
    children.iter().for_each(|child| end(child));
    children.iter().for_each(|child| child.wait());
}
