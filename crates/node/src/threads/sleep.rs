//! Waiting for a moment, for native code that polls (`uv_timer_t` where no JavaScript timer is involved).
//!
//! One thread serves all isolates of the OS process; it starts with the first sleep.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};

/// A future that is done after some time.
pub struct Sleep {
    due: Instant,
    alarm: Option<Arc<Alarm>>,
}

struct Alarm {
    waker: Mutex<Waker>,
    cancelled: AtomicBool,
}

struct Entry {
    due: Instant,
    number: u64,
    alarm: Arc<Alarm>,
}

impl PartialEq for Entry {
    fn eq(&self, other: &Entry) -> bool {
        self.number == other.number
    }
}

impl Eq for Entry {}

impl PartialOrd for Entry {
    fn partial_cmp(&self, other: &Entry) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Entry {
    fn cmp(&self, other: &Entry) -> std::cmp::Ordering {
        (self.due, self.number).cmp(&(other.due, other.number))
    }
}

#[derive(Default)]
struct Queue {
    entries: BinaryHeap<Reverse<Entry>>,
    next_number: u64,
}

struct Clockwork {
    queue: Mutex<Queue>,
    condvar: Condvar,
}

impl Sleep {
    /// A sleep of `duration` from now.
    #[must_use]
    pub fn new(duration: Duration) -> Sleep {
        Sleep {
            due: Instant::now() + duration,
            alarm: None,
        }
    }
}

impl Future for Sleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        if Instant::now() >= self.due {
            return Poll::Ready(());
        }
        if let Some(alarm) = &self.alarm {
            alarm.waker.lock().clone_from(cx.waker());
            // The thread may have fired between the check above and the exchange of the waker.
            if Instant::now() >= self.due {
                return Poll::Ready(());
            }
            return Poll::Pending;
        }
        let alarm = Arc::new(Alarm {
            waker: Mutex::new(cx.waker().clone()),
            cancelled: AtomicBool::new(false),
        });
        self.alarm = Some(alarm.clone());
        clockwork().add(self.due, alarm);
        Poll::Pending
    }
}

impl Drop for Sleep {
    fn drop(&mut self) {
        if let Some(alarm) = &self.alarm {
            alarm.cancelled.store(true, Ordering::Release);
        }
    }
}

impl Clockwork {
    fn add(&self, due: Instant, alarm: Arc<Alarm>) {
        let mut queue = self.queue.lock();
        queue.next_number += 1;
        let number = queue.next_number;
        queue.entries.push(Reverse(Entry { due, number, alarm }));
        self.condvar.notify_one();
    }

    fn run(&self) {
        let mut queue = self.queue.lock();
        loop {
            let Some(Reverse(entry)) = queue.entries.peek() else {
                self.condvar.wait(&mut queue);
                continue;
            };
            if entry.alarm.cancelled.load(Ordering::Acquire) {
                queue.entries.pop();
                continue;
            }
            if Instant::now() < entry.due {
                let due = entry.due;
                self.condvar.wait_until(&mut queue, due);
                continue;
            }
            let Some(Reverse(entry)) = queue.entries.pop() else {
                continue;
            };
            // No lock is held while a waker runs.
            parking_lot::MutexGuard::unlocked(&mut queue, || {
                let waker = entry.alarm.waker.lock().clone();
                waker.wake();
            });
        }
    }
}

fn clockwork() -> &'static Clockwork {
    static CLOCKWORK: OnceLock<&'static Clockwork> = OnceLock::new();
    CLOCKWORK.get_or_init(|| {
        let clockwork: &'static Clockwork = Box::leak(Box::new(Clockwork {
            queue: Mutex::default(),
            condvar: Condvar::new(),
        }));
        std::thread::Builder::new()
            .name("sleep".to_owned())
            .stack_size(64 * 1024)
            .spawn(|| clockwork.run())
            .expect("a thread for sleeps can be started");
        clockwork
    })
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::mpsc::{Sender, channel};
    use std::task::{Context, Poll, Wake, Waker};
    use std::time::Duration;

    use super::*;

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
}
