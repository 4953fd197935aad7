//! Waiting for a condition.

use core::task::{Context, Poll, Waker};
use parking_lot::Mutex;

/// Wakers that a queue keeps before it clears itself out.
const MOST_WAKERS: usize = 1024;

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
        if wakers.iter().any(|waker| waker.will_wake(cx.waker())) {
            return;
        }
        // Waiters that gave up leave their wakers behind; those who still wait register again.
        let stale = if wakers.len() >= MOST_WAKERS {
            core::mem::take(&mut *wakers)
        } else {
            Vec::new()
        };
        wakers.push(cx.waker().clone());
        drop(wakers);
        for waker in stale {
            waker.wake();
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

#[cfg(test)]
mod tests {
    use super::*;
    use core::sync::atomic::{AtomicUsize, Ordering};
    use std::sync::Arc;
    use std::task::Wake;

    #[derive(Default)]
    struct Count(AtomicUsize);

    impl Wake for Count {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }

    #[test]
    fn waker_is_registered_once_and_woken_once() {
        let queue = WaitQueue::new();
        let count = Arc::new(Count::default());
        let waker = Waker::from(count.clone());
        let cx = Context::from_waker(&waker);
        queue.register(&cx);
        queue.register(&cx);
        assert_eq!(queue.len(), 1);
        queue.wake_all();
        queue.wake_all();
        assert_eq!(count.0.load(Ordering::SeqCst), 1);
        assert!(queue.is_empty());
    }

    #[test]
    fn abandoned_wakers_do_not_pile_up() {
        let queue = WaitQueue::new();
        for _ in 0..10 * MOST_WAKERS {
            let waker = Waker::from(Arc::new(Count::default()));
            queue.register(&Context::from_waker(&waker));
        }
        assert!(queue.len() <= MOST_WAKERS);
    }
}
