//! Waiting: the thread of a process sleeps until a waker of the kernel fires.

use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::time::Instant;

use parking_lot::{Condvar, Mutex};

/// What wakers reach.
#[derive(Default)]
struct Signal {
    woken: Mutex<bool>,
    condvar: Condvar,
}

impl Wake for Signal {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        *self.woken.lock() = true;
        self.condvar.notify_one();
    }
}

/// How the thread of one process sleeps. All its waits use one waker, so wait queues keep it once.
pub(crate) struct Park {
    signal: Arc<Signal>,
    waker: Waker,
}

/// Why a wait ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Woken<T> {
    Ready(T),
    TimedOut,
}

impl Park {
    pub(crate) fn new() -> Park {
        let signal = Arc::<Signal>::default();
        let waker = Waker::from(signal.clone());
        Park { signal, waker }
    }

    /// Polls until there is a value or the deadline has passed.
    pub(crate) fn wait<T>(
        &self,
        deadline: Option<Instant>,
        mut poll: impl FnMut(&mut Context<'_>) -> Poll<T>,
    ) -> Woken<T> {
        let mut context = Context::from_waker(&self.waker);
        loop {
            if let Poll::Ready(value) = poll(&mut context) {
                return Woken::Ready(value);
            }
            let mut woken = self.signal.woken.lock();
            while !*woken {
                match deadline {
                    None => self.signal.condvar.wait(&mut woken),
                    Some(deadline) => {
                        if self
                            .signal
                            .condvar
                            .wait_until(&mut woken, deadline)
                            .timed_out()
                            && !*woken
                        {
                            return Woken::TimedOut;
                        }
                    }
                }
            }
            *woken = false;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn wake_before_the_wait_is_not_lost() {
        let park = Park::new();
        let mut polls = 0;
        let woken = park.wait(None, |cx| {
            polls += 1;
            cx.waker().wake_by_ref();
            if polls == 3 {
                Poll::Ready(polls)
            } else {
                Poll::Pending
            }
        });
        assert_eq!(woken, Woken::Ready(3));
    }

    #[test]
    fn deadline_ends_the_wait() {
        let park = Park::new();
        let deadline = Instant::now() + Duration::from_millis(1);
        assert_eq!(
            park.wait(Some(deadline), |_| Poll::<()>::Pending),
            Woken::TimedOut
        );
    }
}
