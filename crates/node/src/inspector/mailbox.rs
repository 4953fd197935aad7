//! How other threads reach the inspector of an isolate (`src/inspector/main_thread_interface.cc` in Node).

use std::collections::VecDeque;
use std::ffi::c_void;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use parking_lot::Mutex;

use super::Agent;
use super::session::LONGEST_COMMAND;
use super::workers::Target;
use crate::callback::contain_bare;
use crate::env::Env;
use crate::event_loop::LoopHandle;
use crate::js::callback_scope;
use crate::memory::memory_guard;

/// Names somebody who writes to a mailbox, among all who do.
pub type PeerId = u64;

/// Takes what the inspector says to a peer, from the isolate's thread.
pub trait Peer: Send + Sync {
    /// Whether there is room for `bytes` more, or nobody reads any more. The context is woken once that may have changed.
    fn poll_room(&self, bytes: usize, cx: &mut Context<'_>) -> Poll<()>;
    /// Takes a message.
    fn take(&self, text: String);
}

/// What arrives.
pub enum Incoming {
    /// Somebody connects; whether the end of the program waits for them.
    Connect(PeerId, Arc<dyn Peer>, bool),
    /// A command.
    Command(PeerId, String),
    /// Somebody is gone.
    Disconnect(PeerId),
    /// A worker of the process starts.
    WorkerStarted(Box<Target>),
    /// The worker of this `threadId` has ended.
    WorkerEnded(u32),
    /// What a worker says to a session of this thread, which knows it by a number.
    FromWorker(u32, u32, String),
}

impl Incoming {
    /// Bytes of its text.
    fn length(&self) -> usize {
        match self {
            Incoming::Command(_, text) | Incoming::FromWorker(_, _, text) => text.len(),
            _ => 0,
        }
    }

    /// Whether it is told to listeners of the domain `NodeWorker`.
    fn is_of_worker(&self) -> bool {
        matches!(
            self,
            Incoming::WorkerStarted(_) | Incoming::WorkerEnded(_) | Incoming::FromWorker(..)
        )
    }
}

/// Bytes of commands that wait: who sends more waits, too. One of the longest has room.
const MOST_WAITING: usize = 2 * LONGEST_COMMAND;

#[derive(Default)]
struct Queue {
    waiting: VecDeque<Incoming>,
    bytes: usize,
    /// Of the isolate's thread, where it stands still.
    reader: Option<Waker>,
    /// Of those who wait for room.
    writers: Vec<Waker>,
    /// The isolate's thread was asked to read.
    scheduled: bool,
    /// The isolate is gone.
    closed: bool,
}

/// The way to one isolate's inspector.
pub struct Mailbox {
    queue: Mutex<Queue>,
    event_loop: LoopHandle,
    isolate: v8::IsolateHandle,
}

impl Mailbox {
    /// That of the isolate.
    pub(super) fn new(scope: &v8::PinScope<'_, '_>) -> Arc<Mailbox> {
        Arc::new(Mailbox {
            queue: Mutex::default(),
            event_loop: Env::of(scope).event_loop.handle(),
            isolate: scope.thread_safe_handle(),
        })
    }

    /// Waits until there is room for a command of this length.
    pub fn poll_room(&self, bytes: usize, cx: &mut Context<'_>) -> Poll<()> {
        let mut queue = self.queue.lock();
        if queue.closed || queue.bytes.saturating_add(bytes) <= MOST_WAITING {
            return Poll::Ready(());
        }
        queue.writers.push(cx.waker().clone());
        Poll::Pending
    }

    /// Puts a command in, if there is room for it.
    #[must_use]
    pub fn post_if_room(&self, peer: PeerId, text: &str) -> bool {
        let has_room = {
            let queue = self.queue.lock();
            queue.closed || queue.bytes.saturating_add(text.len()) <= MOST_WAITING
        };
        if has_room && memory_guard::admit(text.len()) {
            self.post(Incoming::Command(peer, text.to_owned()));
            return true;
        }
        false
    }

    /// Puts something in. It is read soon, also in the middle of a loop of JavaScript and where that stands still. Nothing
    /// once the isolate is gone.
    pub fn post(&self, incoming: Incoming) {
        let (reader, asks) = {
            let mut queue = self.queue.lock();
            if queue.closed {
                return;
            }
            queue.bytes += incoming.length();
            queue.waiting.push_back(incoming);
            let asks = !std::mem::replace(&mut queue.scheduled, true);
            (queue.reader.take(), asks)
        };
        if let Some(reader) = reader {
            reader.wake();
        }
        if asks {
            self.event_loop.post(on_turn);
            self.isolate
                .request_interrupt(on_interrupt, std::ptr::null_mut());
        }
    }

    /// Takes what has come first; without what is about workers where `workers` is false.
    pub(super) fn next(&self, workers: bool) -> Option<Incoming> {
        let (next, writers) = {
            let mut queue = self.queue.lock();
            let is_wanted = |incoming: &Incoming| workers || !incoming.is_of_worker();
            let first = queue.waiting.iter().position(is_wanted);
            let next = first.and_then(|first| queue.waiting.remove(first));
            queue.scheduled = next.is_some();
            let length = next.as_ref().map_or(0, Incoming::length);
            queue.bytes = queue.bytes.saturating_sub(length);
            (next, std::mem::take(&mut queue.writers))
        };
        writers.into_iter().for_each(Waker::wake);
        next
    }

    /// Waits until there is something.
    pub(super) fn poll_waiting(&self, cx: &mut Context<'_>) -> Poll<()> {
        let mut queue = self.queue.lock();
        if queue.waiting.is_empty() {
            queue.reader = Some(cx.waker().clone());
            return Poll::Pending;
        }
        Poll::Ready(())
    }

    pub(super) fn close(&self) {
        let (waiting, writers) = {
            let mut queue = self.queue.lock();
            queue.closed = true;
            let waiting = std::mem::take(&mut queue.waiting);
            (waiting, std::mem::take(&mut queue.writers))
        };
        drop(waiting);
        writers.into_iter().for_each(Waker::wake);
    }
}

/// In a turn of the loop: what was evaluated is followed by its microtasks.
fn on_turn(scope: &mut v8::PinScope<'_, '_>) {
    v8::scope!(let scope, scope);
    let env = Env::of(scope);
    Agent::of(&env).read_mail(scope);
    if !env.is_halted(scope) {
        callback_scope::run_task_queues(scope);
    }
}

unsafe extern "C" fn on_interrupt(mut isolate: v8::UnsafeRawIsolatePtr, _data: *mut c_void) {
    // SAFETY: V8 passes the isolate that runs on this thread, and nothing else uses it during the call.
    let isolate = unsafe { v8::Isolate::ref_from_raw_isolate_ptr_mut(&mut isolate) };
    v8::scope!(let scope, isolate);
    contain_bare(|| {
        let env = Env::of(scope);
        let context = env.context(scope);
        let scope = &mut v8::ContextScope::new(scope, context);
        Agent::of(&env).read_mail(scope);
    });
}

/// How the workers of a process reach its main thread.
#[derive(Default)]
pub struct MainThread(Mutex<Option<Arc<Mailbox>>>);

impl MainThread {
    /// Makes the calling thread known to the workers that it starts, if it is the main thread.
    pub fn announce(scope: &v8::PinScope<'_, '_>) {
        let env = Env::of(scope);
        let main = env.program().filter(|_| env.worker().is_none());
        if let Some(program) = main {
            let mailbox = Agent::of(&env).mailbox(scope);
            *program.state::<MainThread>().0.lock() = Some(mailbox);
        }
    }

    /// The main thread's mailbox.
    #[must_use]
    pub fn mailbox(env: &Env) -> Option<Arc<Mailbox>> {
        env.program()?.state::<MainThread>().0.lock().clone()
    }
}
