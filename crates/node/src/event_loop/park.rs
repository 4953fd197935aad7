//! Sleeping and waking: the part of a loop that other threads see.

use std::collections::VecDeque;
use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use parking_lot::{Condvar, Mutex};

pub(super) type Posted = Box<dyn for<'s, 'i> FnOnce(&mut v8::PinScope<'s, 'i>) + Send>;

#[derive(Default)]
struct Inbox {
    /// Keys of tasks whose waker fired.
    woken: VecDeque<u64>,
    posted: VecDeque<Posted>,
    /// A wake without a task: abort, or a blocked `block_on`.
    notified: bool,
}

/// What the loop and its wakers share.
#[derive(Default)]
pub(super) struct Shared {
    inbox: Mutex<Inbox>,
    condvar: Condvar,
    aborted: AtomicBool,
}

impl Shared {
    pub(super) fn wake_task(&self, key: u64) {
        self.inbox.lock().woken.push_back(key);
        self.condvar.notify_one();
    }

    fn notify(&self) {
        self.inbox.lock().notified = true;
        self.condvar.notify_one();
    }

    pub(super) fn aborted(&self) -> bool {
        self.aborted.load(Ordering::Acquire)
    }

    /// Takes what arrived; waits for it up to `timeout` (`None`: for ever, zero: not at all).
    pub(super) fn take(&self, timeout: Option<Duration>) -> (VecDeque<u64>, VecDeque<Posted>) {
        let mut inbox = self.inbox.lock();
        let idle =
            |inbox: &Inbox| inbox.woken.is_empty() && inbox.posted.is_empty() && !inbox.notified;
        if idle(&inbox) && !self.aborted() {
            match timeout {
                Some(timeout) if timeout.is_zero() => {}
                Some(timeout) => {
                    self.condvar.wait_while_for(
                        &mut inbox,
                        |inbox| idle(inbox) && !self.aborted(),
                        timeout,
                    );
                }
                None => self
                    .condvar
                    .wait_while(&mut inbox, |inbox| idle(inbox) && !self.aborted()),
            }
        }
        inbox.notified = false;
        (
            std::mem::take(&mut inbox.woken),
            std::mem::take(&mut inbox.posted),
        )
    }
}

/// Reaches a loop from other threads.
#[derive(Clone)]
pub struct LoopHandle {
    shared: Arc<Shared>,
}

impl LoopHandle {
    pub(super) fn new(shared: Arc<Shared>) -> LoopHandle {
        LoopHandle { shared }
    }

    /// Runs `work` on the loop's thread in a poll phase. Does not keep the loop alive: pair it with
    /// `EventLoop::add_reference` at the start of the operation and `remove_reference` inside `work`.
    pub fn post(&self, work: impl for<'s, 'i> FnOnce(&mut v8::PinScope<'s, 'i>) + Send + 'static) {
        self.shared.inbox.lock().posted.push_back(Box::new(work));
        self.shared.condvar.notify_one();
    }

    /// Makes the loop take a turn.
    pub fn wake(&self) {
        self.shared.notify();
    }

    /// Ends every wait of the loop, now and later: the process is being killed.
    pub fn abort(&self) {
        self.shared.aborted.store(true, Ordering::Release);
        self.shared.notify();
    }

    /// Whether the process is being killed.
    #[must_use]
    pub fn aborted(&self) -> bool {
        self.shared.aborted()
    }
}

struct Unpark(Arc<Shared>, AtomicBool);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.1.store(true, Ordering::Release);
        self.0.notify();
    }
}

/// Polls `future` until it is done or the loop is aborted. What wakes or arrives for the loop's tasks meanwhile stays
/// in the inbox.
pub(super) fn block_on<T>(shared: &Arc<Shared>, future: impl Future<Output = T>) -> Option<T> {
    let mut future = pin!(future);
    let unpark = Arc::new(Unpark(shared.clone(), AtomicBool::new(false)));
    let waker = Waker::from(unpark.clone());
    let mut context = Context::from_waker(&waker);
    loop {
        if let Poll::Ready(value) = future.as_mut().poll(&mut context) {
            return Some(value);
        }
        let mut inbox = shared.inbox.lock();
        shared.condvar.wait_while(&mut inbox, |_| {
            !unpark.1.load(Ordering::Acquire) && !shared.aborted()
        });
        unpark.1.store(false, Ordering::Release);
        if shared.aborted() {
            return None;
        }
    }
}
