//! Waiting for a point in time, as a future: one thread of the process keeps all of them.
//!
//! The event loop has its own timer for JavaScript; this is for native handles that tick by themselves.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};

struct Entry {
    due: Instant,
    order: u64,
    waker: Waker,
}

impl PartialEq for Entry {
    fn eq(&self, other: &Self) -> bool {
        (self.due, self.order) == (other.due, other.order)
    }
}

impl Eq for Entry {}

impl PartialOrd for Entry {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Entry {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.due, self.order).cmp(&(other.due, other.order))
    }
}

#[derive(Default)]
struct Queue {
    entries: Mutex<(BinaryHeap<Reverse<Entry>>, u64)>,
    changed: Condvar,
}

static QUEUE: OnceLock<Arc<Queue>> = OnceLock::new();

fn queue() -> &'static Arc<Queue> {
    QUEUE.get_or_init(|| {
        let queue = Arc::new(Queue::default());
        let worker = queue.clone();
        let started = std::thread::Builder::new()
            .name("delay".into())
            .spawn(move || run(&worker));
        // Without the thread nothing is ever due: native tickers stand still, nothing else depends on them.
        drop(started);
        queue
    })
}

fn run(queue: &Queue) {
    let mut entries = queue.entries.lock();
    loop {
        let now = Instant::now();
        match entries.0.peek() {
            Some(Reverse(entry)) if entry.due <= now => {
                if let Some(Reverse(entry)) = entries.0.pop() {
                    parking_lot::MutexGuard::unlocked(&mut entries, || entry.waker.wake());
                }
            }
            Some(Reverse(entry)) => {
                let due = entry.due;
                queue.changed.wait_until(&mut entries, due);
            }
            None => queue.changed.wait(&mut entries),
        }
    }
}

/// Done once `duration` has passed since it was made.
pub struct Delay {
    due: Instant,
}

/// Waits for `duration`.
#[must_use]
pub fn delay(duration: Duration) -> Delay {
    Delay {
        due: Instant::now() + duration,
    }
}

impl Future for Delay {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        if Instant::now() >= self.due {
            return Poll::Ready(());
        }
        let queue = queue();
        let mut entries = queue.entries.lock();
        entries.1 += 1;
        let order = entries.1;
        entries.0.push(Reverse(Entry {
            due: self.due,
            order,
            waker: cx.waker().clone(),
        }));
        queue.changed.notify_one();
        Poll::Pending
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;
    use std::task::Wake;

    use super::*;

    struct Send(mpsc::Sender<()>);

    impl Wake for Send {
        fn wake(self: Arc<Self>) {
            let _ = self.0.send(());
        }
    }

    #[test]
    fn a_delay_wakes_its_task_when_it_is_due() {
        let (sender, receiver) = mpsc::channel();
        let waker = Waker::from(Arc::new(Send(sender)));
        let mut waiting = Box::pin(delay(Duration::from_millis(20)));
        assert!(
            waiting
                .as_mut()
                .poll(&mut Context::from_waker(&waker))
                .is_pending()
        );
        receiver
            .recv_timeout(Duration::from_secs(10))
            .expect("the waker is called");
        assert!(
            waiting
                .as_mut()
                .poll(&mut Context::from_waker(&waker))
                .is_ready()
        );
    }
}
