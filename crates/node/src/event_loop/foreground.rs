//! V8's tasks for the threads of its isolates: finalization registries, `Atomics.waitAsync`, results of background
//! compilation.
//!
//! V8's own platform only keeps them. Here they wake the event loop of their isolate, which runs them in a poll phase;
//! they do not keep the loop alive, as in Node.

use std::collections::{HashMap, VecDeque};
use std::ffi::c_void;
use std::sync::LazyLock;
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use crate::callback::contain_bare;
use crate::event_loop::LoopHandle;

#[derive(Default)]
struct Queue {
    ready: VecDeque<v8::Task>,
    delayed: Vec<(Instant, v8::Task)>,
    owner: Option<LoopHandle>,
    /// The isolate is being disposed of: nothing is taken any more.
    closed: bool,
}

impl Queue {
    fn next(&mut self) -> Option<v8::Task> {
        let now = Instant::now();
        let mut index = 0;
        while let Some((due, _)) = self.delayed.get(index) {
            if *due <= now {
                let (_, task) = self.delayed.remove(index);
                self.ready.push_back(task);
            } else {
                index += 1;
            }
        }
        self.ready.pop_front()
    }
}

/// By the address of the isolate.
static QUEUES: LazyLock<Mutex<HashMap<usize, Queue>>> = LazyLock::new(Mutex::default);

fn address(isolate: &v8::Isolate) -> usize {
    // SAFETY: only the address is used.
    let pointer = unsafe { isolate.as_raw_isolate_ptr() };
    // SAFETY: the type is a transparent wrapper of a pointer.
    unsafe { std::mem::transmute::<v8::UnsafeRawIsolatePtr, usize>(pointer) }
}

/// The part of V8's platform that hands over tasks.
pub struct Foreground;

fn put(isolate: *mut c_void, task: v8::Task, delay: Option<f64>) {
    contain_bare(|| enqueue(isolate, task, delay));
}

fn enqueue(isolate: *mut c_void, task: v8::Task, delay: Option<f64>) {
    let mut queues = QUEUES.lock();
    let queue = queues.entry(isolate.addr()).or_default();
    if queue.closed {
        drop(queues);
        drop(task);
        return;
    }
    match delay.and_then(|delay| Duration::try_from_secs_f64(delay).ok()) {
        Some(delay) => queue.delayed.push((Instant::now() + delay, task)),
        None => queue.ready.push_back(task),
    }
    if let Some(owner) = &queue.owner {
        owner.wake();
    }
}

impl v8::PlatformImpl for Foreground {
    fn post_task(&self, isolate: *mut c_void, task: v8::Task) {
        put(isolate, task, None);
    }

    fn post_non_nestable_task(&self, isolate: *mut c_void, task: v8::Task) {
        put(isolate, task, None);
    }

    fn post_delayed_task(&self, isolate: *mut c_void, task: v8::Task, delay: f64) {
        put(isolate, task, Some(delay));
    }

    fn post_non_nestable_delayed_task(&self, isolate: *mut c_void, task: v8::Task, delay: f64) {
        put(isolate, task, Some(delay));
    }

    fn post_idle_task(&self, _isolate: *mut c_void, _task: v8::IdleTask) {
        // V8 posts none: the platform is made without support for them.
    }
}

/// Makes the tasks of `isolate` wake a loop.
pub fn attach(isolate: &v8::Isolate, owner: LoopHandle) {
    let mut queues = QUEUES.lock();
    let queue = queues.entry(address(isolate)).or_default();
    queue.closed = false;
    queue.owner = Some(owner);
}

/// Disposes of an isolate and its tasks.
pub fn dispose(isolate: v8::OwnedIsolate) {
    let address = address(&isolate);
    let closed = Queue {
        closed: true,
        ..Queue::default()
    };
    let tasks = QUEUES.lock().insert(address, closed);
    drop(tasks);
    drop(isolate);
    // Unless another isolate has the address by now.
    let mut queues = QUEUES.lock();
    if queues.get(&address).is_some_and(|queue| queue.closed) {
        queues.remove(&address);
    }
}

/// The next task that is due.
pub fn next(isolate: &v8::Isolate) -> Option<v8::Task> {
    QUEUES.lock().get_mut(&address(isolate))?.next()
}

/// When the first of the delayed tasks is due, from now.
pub fn due(isolate: &v8::Isolate) -> Option<Duration> {
    let queues = QUEUES.lock();
    let queue = queues.get(&address(isolate))?;
    if !queue.ready.is_empty() {
        return Some(Duration::ZERO);
    }
    let first = queue.delayed.iter().map(|(due, _)| *due).min()?;
    Some(first.saturating_duration_since(Instant::now()))
}
