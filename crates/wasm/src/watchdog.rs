//! The bound of processor time.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

use parking_lot::{Condvar, Mutex};
use secure_exec_cpu_clock::CpuClock;
use secure_exec_kernel::Account;

/// Never looked at more often: the clock of a thread moves in such steps.
const SHORTEST_SLEEP: Duration = Duration::from_millis(1);

/// Always looked at as often: a program's other processes use up what is left, too.
const LONGEST_SLEEP: Duration = Duration::from_millis(100);

/// A thread that runs a process with a limit.
pub(crate) struct Watched {
    clock: CpuClock,
    /// Reading of the clock when the process came to the thread.
    base: Duration,
    /// What the process's program has used, besides the threads that are watched.
    account: Arc<Account>,
    limit: Duration,
    exceeded: AtomicBool,
}

impl Watched {
    pub(crate) fn exceeded(&self) -> bool {
        self.exceeded.load(Ordering::Acquire)
    }

    /// Time of the thread for the process.
    fn time(&self) -> Duration {
        self.clock.time().saturating_sub(self.base)
    }

    /// What the program has left; `others` are all threads that are watched.
    fn left(&self, others: &[Arc<Watched>]) -> Duration {
        let together = others
            .iter()
            .filter(|other| Arc::ptr_eq(&other.account, &self.account));
        let running: Duration = together.map(|thread| thread.time()).sum();
        let noted = Duration::from_nanos(self.account.limited_cpu_ns());
        self.limit.saturating_sub(running.saturating_add(noted))
    }
}

/// Sleeps for a share of what the program that is nearest to its limit has left.
#[derive(Default)]
struct State {
    watched: Mutex<Vec<Arc<Watched>>>,
    changed: Condvar,
    /// The engine is gone; set under the lock of `watched`.
    closed: AtomicBool,
}

/// Watches the processes of a VM.
pub(crate) struct Watchdog {
    state: Arc<State>,
    started: AtomicBool,
    interrupt: Arc<dyn Fn() + Send + Sync>,
}

impl Watchdog {
    /// `interrupt` makes running processes look at their [`Watched`].
    pub(crate) fn new(interrupt: Arc<dyn Fn() + Send + Sync>) -> Watchdog {
        Watchdog {
            state: Arc::default(),
            started: AtomicBool::new(false),
            interrupt,
        }
    }

    /// Watches the calling thread, which runs a process of a program that may use `limit` in all.
    pub(crate) fn watch(&self, account: &Arc<Account>, limit: Duration) -> Arc<Watched> {
        let clock = CpuClock::of_this_thread();
        let watched = Arc::new(Watched {
            clock,
            base: clock.time(),
            account: account.clone(),
            limit,
            exceeded: AtomicBool::new(false),
        });
        self.state.watched.lock().push(watched.clone());
        if self.started.swap(true, Ordering::AcqRel) {
            self.state.changed.notify_one();
        } else {
            self.start();
        }
        watched
    }

    pub(crate) fn unwatch(&self, watched: &Arc<Watched>) {
        self.state
            .watched
            .lock()
            .retain(|other| !Arc::ptr_eq(other, watched));
    }

    fn start(&self) {
        let state = Arc::downgrade(&self.state);
        let interrupt = self.interrupt.clone();
        let spawned = std::thread::Builder::new()
            .name("wasm-watchdog".to_owned())
            .stack_size(128 << 10)
            .spawn(move || serve(&state, &*interrupt));
        if spawned.is_err() {
            // The next process tries again.
            self.started.store(false, Ordering::Release);
        }
    }
}

impl Drop for Watchdog {
    fn drop(&mut self) {
        let watched = self.state.watched.lock();
        self.state.closed.store(true, Ordering::Relaxed);
        drop(watched);
        self.state.changed.notify_one();
    }
}

fn serve(state: &Weak<State>, interrupt: &(dyn Fn() + Send + Sync)) {
    while let Some(state) = state.upgrade() {
        let mut watched = state.watched.lock();
        if state.closed.load(Ordering::Relaxed) {
            return;
        }
        let mut nearest = None;
        let mut exceeded = false;
        for process in watched.iter().filter(|process| !process.exceeded()) {
            let left = process.left(&watched);
            if left.is_zero() {
                process.exceeded.store(true, Ordering::Release);
                exceeded = true;
            } else {
                nearest = Some(nearest.map_or(left, |nearest: Duration| nearest.min(left)));
            }
        }
        if exceeded {
            drop(watched);
            interrupt();
            continue;
        }
        let threads = u32::try_from(watched.len()).unwrap_or(u32::MAX).max(1);
        // An upper bound even without anybody to watch: the state may be gone.
        let sleep = nearest.map_or(Duration::from_secs(10), |left| {
            (left / threads).clamp(SHORTEST_SLEEP, LONGEST_SLEEP)
        });
        state.changed.wait_for(&mut watched, sleep);
    }
}
