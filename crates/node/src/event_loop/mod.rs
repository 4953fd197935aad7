//! What an event loop has to do: futures over kernel readiness, completions for each phase, the native timer. Phases are
//! run by `process::phases`.
//!
//! Everything that finishes later is a future that yields a [`Completion`]; kernel operations become futures by
//! `std::future::poll_fn` over the kernel's `poll_*` methods, work on other threads by [`LoopHandle::post`]. A future
//! is polled on the loop's own thread only.

pub mod foreground;
mod idle;
mod park;
mod task;

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

pub use idle::IdleMeter;
pub use park::LoopHandle;
use park::Posted;
use task::Tasks;

/// What runs on the loop when something finished; may call into JavaScript by `callback_scope`.
pub type Completion = Box<dyn for<'s, 'i> FnOnce(&mut v8::PinScope<'s, 'i>)>;

/// A future of a completion.
pub type Pending = Pin<Box<dyn Future<Output = Completion>>>;

/// One isolate's loop. All methods are for the loop's own thread; other threads use [`LoopHandle`].
pub struct EventLoop {
    shared: Arc<park::Shared>,
    tasks: RefCell<Tasks>,
    /// Completions for the next poll phase. Each has a reference.
    ready: RefCell<VecDeque<Completion>>,
    /// Completions for the end of this poll phase.
    last: RefCell<VecDeque<Completion>>,
    closing: RefCell<VecDeque<Completion>>,
    immediates: RefCell<VecDeque<Completion>>,
    /// How many of them have a reference.
    ref_immediates: Cell<usize>,
    /// Handles that are active and referenced, plus requests in flight.
    references: Cell<usize>,
    /// Due time of the one native timer, milliseconds of loop time; None when idle.
    timer: Cell<Option<f64>>,
    /// Not before the library says so: a timer may be unreferenced from the start.
    timer_referenced: Cell<bool>,
    immediate_referenced: Cell<bool>,
    /// Loop time, milliseconds since `Env::time_origin`, fixed within a phase (`uv_now`).
    now: Cell<f64>,
    /// Total time spent waiting, nanoseconds (`performance.eventLoopUtilization`).
    idle: Arc<IdleMeter>,
    stop: Cell<bool>,
}

impl EventLoop {
    /// An idle loop.
    #[must_use]
    pub fn new() -> EventLoop {
        let shared = Arc::new(park::Shared::default());
        EventLoop {
            tasks: RefCell::new(Tasks::new(shared.clone())),
            shared,
            ready: RefCell::default(),
            last: RefCell::default(),
            closing: RefCell::default(),
            immediates: RefCell::default(),
            ref_immediates: Cell::new(0),
            references: Cell::new(0),
            timer: Cell::new(None),
            timer_referenced: Cell::new(false),
            immediate_referenced: Cell::new(false),
            now: Cell::new(0.0),
            idle: Arc::default(),
            stop: Cell::new(false),
        }
    }

    /// Whether the process or thread was told to end.
    #[must_use]
    pub fn is_aborted(&self) -> bool {
        self.shared.aborted()
    }

    /// A handle for other threads.
    #[must_use]
    pub fn handle(&self) -> LoopHandle {
        LoopHandle::new(self.shared.clone())
    }

    /// Runs `future` on the loop; its completion runs in a poll phase. Keeps the loop alive until then. Dropping the
    /// returned key does not cancel; [`EventLoop::cancel`] does.
    pub fn spawn(&self, future: impl Future<Output = Completion> + 'static) -> TaskKey {
        self.add_reference();
        self.tasks.borrow_mut().insert(Box::pin(future), true)
    }

    /// As [`EventLoop::spawn`] without keeping the loop alive: for handles, which count their own reference.
    pub fn spawn_unref(&self, future: impl Future<Output = Completion> + 'static) -> TaskKey {
        self.tasks.borrow_mut().insert(Box::pin(future), false)
    }

    /// Forgets a future that has not finished; nothing if it has.
    pub fn cancel(&self, key: TaskKey) {
        let removed = self.tasks.borrow_mut().remove(key);
        if let Some(task) = removed
            && task.referenced
        {
            self.remove_reference();
        }
    }

    /// Runs `completion` in the next poll phase: the way of an asynchronous request whose result is known already.
    /// Keeps the loop alive until then.
    pub fn defer(&self, completion: Completion) {
        self.add_reference();
        self.ready.borrow_mut().push_back(completion);
    }

    /// Runs `completion` behind everything else of this poll phase, as libuv handles signals and the ends of children:
    /// what a child wrote before is read first. For completions of a poll phase.
    pub fn run_last(&self, completion: Completion) {
        self.last.borrow_mut().push_back(completion);
    }

    /// Runs `completion` in the closing phase (`uv_close` callbacks).
    pub fn defer_close(&self, completion: Completion) {
        self.closing.borrow_mut().push_back(completion);
    }

    /// Runs `completion` in the check phase without keeping the loop alive (Node's native unref'd immediates).
    pub fn set_immediate_unref(&self, completion: Completion) {
        self.immediates.borrow_mut().push_back(completion);
    }

    /// As [`EventLoop::set_immediate_unref`], keeping the loop alive until then (Node's native immediates).
    pub fn set_immediate(&self, completion: Completion) {
        self.add_reference();
        self.ref_immediates.set(self.ref_immediates.get() + 1);
        self.set_immediate_unref(completion);
    }

    /// One more active, referenced handle.
    pub fn add_reference(&self) {
        self.references.set(self.references.get() + 1);
    }

    /// One fewer active, referenced handle.
    pub fn remove_reference(&self) {
        debug_assert!(self.references.get() > 0, "a reference is given back once");
        self.references.set(self.references.get().saturating_sub(1));
    }

    /// Arms the native timer `delay` milliseconds from now.
    pub fn schedule_timer(&self, delay: f64) {
        self.timer.set(Some(self.now.get() + delay.max(1.0)));
    }

    /// Whether the native timer keeps the loop alive.
    pub fn reference_timer(&self, referenced: bool) {
        self.timer_referenced.set(referenced);
    }

    /// Whether immediates keep the loop alive and stop it from waiting.
    pub fn reference_immediate(&self, referenced: bool) {
        self.immediate_referenced.set(referenced);
    }

    /// Loop time in milliseconds (`uv_now` relative to the loop's start).
    #[must_use]
    pub fn now(&self) -> f64 {
        self.now.get()
    }

    /// Sets the loop time; the caller reads the clock.
    pub fn set_now(&self, now: f64) {
        self.now.set(now);
    }

    /// Measures how long the loop waits; other threads may read it.
    #[must_use]
    pub fn idle_meter(&self) -> &Arc<IdleMeter> {
        &self.idle
    }

    /// Ends the loop after the current callback.
    pub fn stop(&self) {
        self.stop.set(true);
    }

    /// Whether anything keeps the loop running (`uv_loop_alive`).
    #[must_use]
    pub fn alive(&self) -> bool {
        self.references.get() > 0
            || !self.closing.borrow().is_empty()
            || (self.timer.get().is_some() && self.timer_referenced.get())
            || self.immediate_referenced.get()
    }

    /// Whether the loop was told to end.
    pub(crate) fn is_stopped(&self) -> bool {
        self.stop.get()
    }

    /// Whether there is something to do in this turn, so that it does not wait.
    pub(crate) fn is_busy(&self) -> bool {
        self.immediate_referenced.get()
            || !self.closing.borrow().is_empty()
            || !self.ready.borrow().is_empty()
            || !self.immediates.borrow().is_empty()
    }

    /// When the native timer is due, milliseconds of loop time; None when it is idle.
    pub(crate) fn timer_due(&self) -> Option<f64> {
        self.timer.get()
    }

    /// Makes the native timer idle.
    pub(crate) fn disarm_timer(&self) {
        self.timer.set(None);
    }

    /// Waits until a task was woken or work was posted, at most as long as `timeout`, and takes both.
    pub(crate) fn wait(&self, timeout: Option<Duration>) -> (VecDeque<u64>, VecDeque<Posted>) {
        self.shared.take(timeout)
    }

    /// Polls the task of `key`, which was woken. Its completion, once there is one.
    pub(crate) fn poll_task(&self, key: u64) -> Option<Completion> {
        let mut task = self.tasks.borrow_mut().take(key)?;
        match task.poll() {
            Poll::Pending => {
                self.tasks.borrow_mut().put_back(key, task);
                None
            }
            Poll::Ready(completion) => {
                if task.referenced {
                    self.remove_reference();
                }
                Some(completion)
            }
        }
    }

    /// Takes the completions of this poll phase; each has a reference to be given back.
    pub(crate) fn take_ready(&self) -> VecDeque<Completion> {
        self.ready.take()
    }

    /// Takes the completions of the end of this poll phase.
    pub(crate) fn take_last(&self) -> VecDeque<Completion> {
        self.last.take()
    }

    /// Takes the completions of the closing phase.
    pub(crate) fn take_closing(&self) -> VecDeque<Completion> {
        self.closing.take()
    }

    /// Takes the completions of the check phase.
    pub(crate) fn take_immediates(&self) -> VecDeque<Completion> {
        for _ in 0..self.ref_immediates.take() {
            self.remove_reference();
        }
        self.immediates.take()
    }

    /// Drops all pending work with the handles it holds.
    pub(crate) fn clear(&self) {
        let tasks = std::mem::replace(
            &mut *self.tasks.borrow_mut(),
            Tasks::new(self.shared.clone()),
        );
        drop(tasks);
        drop(self.ready.take());
        drop(self.last.take());
        drop(self.closing.take());
        drop(self.immediates.take());
    }

    /// Blocks the thread until `future` is done, without running JavaScript: synchronous calls of the library. `None`
    /// when the process was killed meanwhile.
    pub fn block_on<T>(&self, future: impl Future<Output = T>) -> Option<T> {
        park::block_on(&self.shared, future)
    }
}

impl Default for EventLoop {
    fn default() -> Self {
        EventLoop::new()
    }
}

pub use task::TaskKey;
