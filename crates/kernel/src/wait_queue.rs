//! Waiting for a condition.

use core::task::{Context, Poll, Waker};
use parking_lot::Mutex;

/// Wakers of those who wait for one condition.
///
/// A waiter registers and then looks at the condition once more; whoever changes the condition wakes
/// after the change is visible. A waker is registered once however often its owner polls, and leaves
/// the queue when it is woken.
#[derive(Debug, Default)]
pub struct WaitQueue {
    wakers: Mutex<Vec<Waker>>,
}

impl WaitQueue {
    /// Makes an empty queue.
    pub const fn new() -> WaitQueue {
        WaitQueue {
            wakers: Mutex::new(Vec::new()),
        }
    }

    /// Adds the waker of `cx` unless it is there already.
    pub fn register(&self, cx: &Context<'_>) {
        let mut wakers = self.wakers.lock();
        if !wakers.iter().any(|waker| waker.will_wake(cx.waker())) {
            wakers.push(cx.waker().clone());
        }
    }

    /// Wakes everybody.
    ///
    /// # Locking
    /// The caller holds no lock that a waker could take.
    pub fn wake_all(&self) {
        let wakers = {
            let mut wakers = self.wakers.lock();
            if wakers.is_empty() {
                return;
            }
            core::mem::take(&mut *wakers)
        };
        for waker in wakers {
            waker.wake();
        }
    }

    /// Number of registered waiters.
    pub fn len(&self) -> usize {
        self.wakers.lock().len()
    }

    /// Whether nobody waits.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Runs `attempt` until it yields a value, registering before the last look so that no wake-up is lost.
    pub fn poll_until<T>(
        &self,
        cx: &Context<'_>,
        mut attempt: impl FnMut() -> Option<T>,
    ) -> Poll<T> {
        if let Some(value) = attempt() {
            return Poll::Ready(value);
        }
        self.register(cx);
        match attempt() {
            Some(value) => Poll::Ready(value),
            None => Poll::Pending,
        }
    }
}
