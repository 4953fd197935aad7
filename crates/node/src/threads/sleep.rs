//! Waiting for a moment, for native code that polls (`uv_timer_t` where no JavaScript timer is involved) and for the
//! kernel's clock.
//!
//! One thread serves the whole OS process; it starts when the first waits. Time is the host's, which goes on where the
//! clocks of a guest stand still.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex, MutexGuard};

/// A future that is done after some time.
pub struct Sleep {
    alarm: Alarm,
}

impl Sleep {
    /// A sleep of `duration` from now.
    #[must_use]
    pub fn new(duration: Duration) -> Sleep {
        let due = Instant::now() + duration;
        Sleep {
            alarm: Alarm::at(due),
        }
    }
}

impl Future for Sleep {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        if Instant::now() >= self.alarm.due {
            return Poll::Ready(());
        }
        ALARMS.set(self.alarm, cx.waker().clone());
        Poll::Pending
    }
}

impl Drop for Sleep {
    fn drop(&mut self) {
        ALARMS.forget(self.alarm);
    }
}

/// Wakes once it is `due`.
pub fn wake_at(due: Instant, waker: Waker) {
    ALARMS.set(Alarm::at(due), waker);
}

/// A moment, and one of those who wait for it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Alarm {
    due: Instant,
    number: u64,
}

impl Alarm {
    fn at(due: Instant) -> Alarm {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        Alarm {
            due,
            number: NEXT.fetch_add(1, Ordering::Relaxed),
        }
    }
}

/// Those who wait.
struct Alarms {
    waiting: Mutex<Waiting>,
    changed: Condvar,
}

struct Waiting {
    /// In the order of time.
    wakers: BTreeMap<Alarm, Waker>,
    has_thread: bool,
}

static ALARMS: Alarms = Alarms {
    waiting: Mutex::new(Waiting {
        wakers: BTreeMap::new(),
        has_thread: false,
    }),
    changed: Condvar::new(),
};

impl Alarms {
    /// Sets an alarm, or whom it wakes. Without a thread to wait on it wakes at once: whoever waits looks at the time
    /// again.
    fn set(&'static self, alarm: Alarm, waker: Waker) {
        let mut waiting = self.waiting.lock();
        if !waiting.has_thread {
            let thread = std::thread::Builder::new().name("alarms".to_owned());
            waiting.has_thread = thread.stack_size(64 * 1024).spawn(|| self.run()).is_ok();
        }
        if !waiting.has_thread {
            drop(waiting);
            waker.wake();
            return;
        }
        let former = waiting.wakers.insert(alarm, waker);
        let first = waiting.wakers.first_key_value().map(|(first, _)| *first);
        drop(waiting);
        if first == Some(alarm) {
            self.changed.notify_one();
        }
        // What it belongs to may end here, and set or forget alarms.
        drop(former);
    }

    /// Takes an alarm away that nobody waits for any more.
    fn forget(&self, alarm: Alarm) {
        let former = self.waiting.lock().wakers.remove(&alarm);
        drop(former);
    }

    fn run(&self) {
        let mut waiting = self.waiting.lock();
        loop {
            let Some(first) = waiting.wakers.first_entry() else {
                self.changed.wait(&mut waiting);
                continue;
            };
            let due = first.key().due;
            if Instant::now() < due {
                self.changed.wait_until(&mut waiting, due);
                continue;
            }
            let waker = first.remove();
            // No lock is held while a waker runs.
            MutexGuard::unlocked(&mut waiting, || waker.wake());
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::mpsc::{Sender, channel};
    use std::task::{Context, Poll, Wake, Waker};
    use std::time::Duration;

    use super::*;

    /// The alarm of nobody else: tests run beside each other.
    fn is_set(alarm: Alarm) -> bool {
        ALARMS.waiting.lock().wakers.contains_key(&alarm)
    }

    struct Signal(Mutex<Sender<()>>);

    impl Wake for Signal {
        fn wake(self: Arc<Self>) {
            self.0.lock().send(()).unwrap();
        }
    }

    #[test]
    fn sleep_wakes_its_waker_once_it_is_due() {
        let (sender, receiver) = channel();
        let waker = Waker::from(Arc::new(Signal(Mutex::new(sender))));
        let mut sleep = Box::pin(Sleep::new(Duration::from_millis(5)));
        assert_eq!(
            sleep.as_mut().poll(&mut Context::from_waker(&waker)),
            Poll::Pending
        );
        receiver.recv().unwrap();
        assert_eq!(
            sleep.as_mut().poll(&mut Context::from_waker(&waker)),
            Poll::Ready(())
        );
    }

    #[test]
    fn sleep_that_nobody_waits_for_leaves_nothing_behind() {
        let mut sleep = Box::pin(Sleep::new(Duration::from_secs(3600)));
        let alarm = sleep.alarm;
        for _ in 0..2 {
            let cx = &mut Context::from_waker(Waker::noop());
            assert_eq!(sleep.as_mut().poll(cx), Poll::Pending);
            assert!(is_set(alarm));
        }
        drop(sleep);
        assert!(!is_set(alarm));
    }

    #[test]
    fn earlier_alarm_does_not_wait_for_a_later_one() {
        let (sender, receiver) = channel();
        let mut later = Box::pin(Sleep::new(Duration::from_secs(3600)));
        let cx = &mut Context::from_waker(Waker::noop());
        assert_eq!(later.as_mut().poll(cx), Poll::Pending);
        let waker = Waker::from(Arc::new(Signal(Mutex::new(sender))));
        let due = Instant::now() + Duration::from_millis(5);
        wake_at(due, waker);
        receiver.recv().unwrap();
        assert!(Instant::now() >= due);
    }
}
