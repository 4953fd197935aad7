//! The bound of processor time.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};
use secure_exec_cpu_clock::CpuClock;
use secure_exec_kernel::{LimitBreach, Process};

pub(crate) const CPU_TIME_LIMIT: &str = "limits.jsRuntime.cpuTimeLimitMs";

/// Never looked at more often: the clock of a thread moves in such steps.
const SHORTEST_SLEEP: Duration = Duration::from_millis(1);

/// Always looked at as often: a program's other processes use up what is left, too.
const LONGEST_SLEEP: Duration = Duration::from_millis(100);

/// A thread that runs a process with a limit.
pub(crate) struct Watched {
    clock: CpuClock,
    /// Reading of the clock when the process came to the thread.
    base: Duration,
    /// Its account has what its program has used, besides the threads that are watched.
    process: Arc<Process>,
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
            .filter(|other| Arc::ptr_eq(other.process.account(), self.process.account()));
        let running: Duration = together.map(|thread| thread.time()).sum();
        let noted = Duration::from_nanos(self.process.account().limited_cpu_ns());
        self.limit.saturating_sub(running.saturating_add(noted))
    }

    /// Tells how much of its limit the program has used that has so much left.
    fn note_use(&self, left: Duration) {
        let milliseconds = |time: Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        let usage = LimitBreach {
            limit: CPU_TIME_LIMIT,
            bound: milliseconds(self.limit),
            used: milliseconds(self.limit.saturating_sub(left)),
        };
        // A kernel that is gone has nobody who would ask.
        if let Ok(kernel) = self.process.kernel() {
            kernel.note_limit_use(Some(&self.process), usage);
        }
    }
}

/// Who is watched, and when they are looked at next.
#[derive(Default)]
struct Watch {
    threads: Vec<Arc<Watched>>,
    next_look: Option<Instant>,
}

impl Watch {
    /// A share of what a program has left that could be used up by then at the earliest.
    fn sleep(&self, left: Duration) -> Duration {
        let threads = u32::try_from(self.threads.len()).unwrap_or(u32::MAX);
        (left / threads.max(1)).clamp(SHORTEST_SLEEP, LONGEST_SLEEP)
    }
}

/// Sleeps for a share of what the program that is nearest to its limit has left.
#[derive(Default)]
struct State {
    watched: Mutex<Watch>,
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
    pub(crate) fn watch(&self, process: &Arc<Process>, limit: Duration) -> Arc<Watched> {
        let clock = CpuClock::of_this_thread();
        let watched = Arc::new(Watched {
            clock,
            base: clock.time(),
            process: process.clone(),
            limit,
            exceeded: AtomicBool::new(false),
        });
        let is_looking = {
            let mut watch = self.state.watched.lock();
            watch.threads.push(watched.clone());
            let latest = Instant::now() + watch.sleep(watched.left(&watch.threads));
            watch.next_look.is_some_and(|look| look <= latest)
        };
        if !self.started.swap(true, Ordering::AcqRel) {
            self.start();
        } else if !is_looking {
            self.state.changed.notify_one();
        }
        watched
    }

    pub(crate) fn unwatch(&self, watched: &Arc<Watched>) {
        self.state
            .watched
            .lock()
            .threads
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
        let running = watched.threads.iter();
        for process in running.filter(|process| !process.exceeded()) {
            let left = process.left(&watched.threads);
            process.note_use(left);
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
        // An upper bound even without anybody to watch: the state may be gone.
        let sleep = nearest.map_or(Duration::from_secs(10), |left| watched.sleep(left));
        watched.next_look = Some(Instant::now() + sleep);
        state.changed.wait_for(&mut watched, sleep);
    }
}

#[cfg(test)]
mod tests {
    use std::hint::spin_loop;

    use secure_exec_kernel::{Kernel, KernelConfig};

    use super::*;

    #[test]
    fn who_comes_while_it_sleeps_is_looked_at_in_time() {
        let watchdog = Watchdog::new(Arc::new(|| {}));
        let kernel = Kernel::boot(KernelConfig::default()).expect("boots");
        let process = kernel.init();
        let patient = watchdog.watch(&process, Duration::from_secs(3600));
        // It sleeps for long only when nobody is left.
        watchdog.unwatch(&patient);
        for limit in [5, 1, 20].map(Duration::from_millis) {
            let watched = watchdog.watch(&process, limit);
            let deadline = Instant::now() + Duration::from_secs(30);
            while !watched.exceeded() {
                assert!(Instant::now() < deadline, "nobody looked after {limit:?}");
                spin_loop();
            }
            watchdog.unwatch(&watched);
        }
        assert!(!patient.exceeded());
    }
}
