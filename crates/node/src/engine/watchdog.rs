//! Processor time and the end of guests that were killed.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};
use secure_exec_kernel::{CpuTime, Pid, Process, Signal};

use super::{Breach, Engine, EngineEvents};

/// How often processor times are read.
const TICK: Duration = Duration::from_millis(20);
/// How long no guest has run when the embedder hears of it.
const IDLE: Duration = Duration::from_secs(1);
/// When a killed guest is terminated once more: V8 drops the request when the outermost frame unwinds.
const RETERMINATE: Duration = Duration::from_millis(250);
/// When a killed guest counts as stuck.
const STUCK: Duration = Duration::from_millis(1250);

/// Processor time of one guest besides that of its running threads.
#[derive(Debug, Default)]
pub struct CpuAccount {
    /// Of threads that ended, nanoseconds.
    ended: AtomicU64,
    /// What does not count against the limit any more, nanoseconds.
    forgiven: AtomicU64,
}

/// One running thread of a guest.
pub(crate) struct Watched {
    pid: Pid,
    process: Arc<Process>,
    handle: v8::IsolateHandle,
    clock: libc::clockid_t,
    limit: Option<Duration>,
    /// The guest's, which all of its threads share.
    spent: Arc<CpuAccount>,
    /// Processor time of the thread before this guest, nanoseconds.
    base: u64,
    killed_at: Mutex<Option<Instant>>,
    stopped_at: Mutex<Option<Instant>>,
    reterminated: AtomicBool,
    reported: AtomicBool,
    finished: AtomicBool,
    used: AtomicU64,
    /// What the process's account knows of, nanoseconds.
    charged: AtomicU64,
}

impl Watched {
    /// Whether both are threads of one guest, and this one still runs.
    fn is_thread_of(&self, other: &Watched) -> bool {
        Arc::ptr_eq(&self.spent, &other.spent) && !self.finished.load(Ordering::Acquire)
    }

    /// The thread was told to end, and its process goes on.
    pub(crate) fn stopped(&self) {
        self.stopped_at.lock().get_or_insert_with(Instant::now);
    }

    /// Starts the ladder.
    pub(crate) fn killed(&self) {
        let mut killed_at = self.killed_at.lock();
        if killed_at.is_none() {
            *killed_at = Some(Instant::now());
        }
    }

    /// The thread has left JavaScript for good.
    pub(crate) fn finished(&self) {
        if !self.finished.swap(true, Ordering::AcqRel) {
            self.spent.ended.fetch_add(self.time(), Ordering::AcqRel);
            self.charge();
        }
    }

    /// Brings the process's account up to date.
    pub(crate) fn charge(&self) {
        let now = self.time();
        let before = self.charged.fetch_max(now, Ordering::AcqRel);
        if now > before {
            self.process.charge_cpu(CpuTime {
                user_ns: now - before,
                system_ns: 0,
            });
        }
    }

    /// Processor time of the thread for this guest, nanoseconds.
    fn time(&self) -> u64 {
        clock_time(self.clock).saturating_sub(self.base)
    }
}

#[derive(Default)]
struct State {
    guests: Mutex<Vec<Arc<Watched>>>,
    wake: Condvar,
}

pub(super) struct Watchdog {
    state: Arc<State>,
}

impl Watchdog {
    pub(super) fn start(events: Arc<dyn EngineEvents>, engine: Weak<Engine>) -> Watchdog {
        let state = Arc::new(State::default());
        let weak = Arc::downgrade(&state);
        let thread = std::thread::Builder::new()
            .name("watchdog".to_owned())
            .stack_size(128 << 10);
        let spawned = thread.spawn(move || {
            // Whether guests have run since the embedder last heard that none does, and whether memory was given back
            // then.
            let (mut used, mut renewed) = (false, false);
            while let Some(state) = weak.upgrade() {
                let mut guests = state.guests.lock();
                if guests.is_empty() {
                    let waited = state.wake.wait_for(&mut guests, IDLE);
                    if (used || renewed) && waited.timed_out() && guests.is_empty() {
                        renewed = parking_lot::MutexGuard::unlocked(&mut guests, || {
                            let grown = events.on_idle(!used);
                            if grown && let Some(engine) = engine.upgrade() {
                                engine.renew_spares();
                            }
                            grown
                        });
                        used = false;
                    }
                } else {
                    used = true;
                    state.wake.wait_for(&mut guests, TICK);
                }
                guests.retain(|guest| !guest.finished.load(Ordering::Acquire));
                let current: Vec<_> = guests.clone();
                drop(guests);
                drop(state);
                for guest in &current {
                    guest.used.store(guest.time(), Ordering::Relaxed);
                    guest.charge();
                }
                for guest in &current {
                    // All threads of a guest count together.
                    let threads = current.iter().filter(|other| other.is_thread_of(guest));
                    let used = threads
                        .map(|thread| thread.used.load(Ordering::Relaxed))
                        .sum();
                    check(guest, used, &*events);
                }
            }
        });
        // Without a watchdog no guest may run: `watch` would promise limits that nobody keeps.
        spawned.expect("the process can start a thread");
        Watchdog { state }
    }

    /// Has the limit of a process count from now on.
    pub(super) fn renew(&self, pid: Pid) {
        let guests = self.state.guests.lock();
        let of_process = |guest: &&Arc<Watched>| guest.pid == pid;
        let Some(any) = guests.iter().find(of_process) else {
            return;
        };
        let threads = guests.iter().filter(|other| other.is_thread_of(any));
        let running: u64 = threads.map(|thread| thread.time()).sum();
        let ended = any.spent.ended.load(Ordering::Acquire);
        any.spent
            .forgiven
            .store(running.saturating_add(ended), Ordering::Release);
    }

    /// Watches the calling thread as one of `process`; `spent` counts what its other threads have used.
    pub(super) fn watch(
        &self,
        process: &Arc<Process>,
        handle: v8::IsolateHandle,
        limit: Option<Duration>,
        spent: Arc<CpuAccount>,
    ) -> Arc<Watched> {
        let clock = thread_clock();
        let watched = Arc::new(Watched {
            pid: process.pid(),
            process: process.clone(),
            handle,
            clock,
            limit,
            spent,
            base: clock_time(clock),
            killed_at: Mutex::default(),
            stopped_at: Mutex::default(),
            reterminated: AtomicBool::new(false),
            reported: AtomicBool::new(false),
            finished: AtomicBool::new(false),
            used: AtomicU64::new(0),
            charged: AtomicU64::new(0),
        });
        self.state.guests.lock().push(watched.clone());
        self.state.wake.notify_one();
        watched
    }
}

fn check(guest: &Watched, threads: u64, events: &dyn EngineEvents) {
    if guest.finished.load(Ordering::Acquire) {
        return;
    }
    let killed_at = *guest.killed_at.lock();
    if let Some(killed_at) = killed_at {
        let waited = killed_at.elapsed();
        if waited >= RETERMINATE && !guest.reterminated.swap(true, Ordering::AcqRel) {
            guest.handle.terminate_execution();
        }
        if waited >= STUCK && !guest.reported.swap(true, Ordering::AcqRel) {
            events.on_stuck(guest.pid);
        }
        return;
    }
    let stopped_at = *guest.stopped_at.lock();
    if stopped_at.is_some_and(|at| at.elapsed() >= RETERMINATE)
        && !guest.reterminated.swap(true, Ordering::AcqRel)
    {
        guest.handle.terminate_execution();
    }
    let used = threads.saturating_add(guest.spent.ended.load(Ordering::Acquire));
    let forgiven = guest.spent.forgiven.load(Ordering::Acquire);
    let used = Duration::from_nanos(used.saturating_sub(forgiven));
    if let Some(limit) = guest.limit
        && used > limit
    {
        events.on_breach(Breach {
            pid: Some(guest.pid),
            limit: "limits.jsRuntime.cpuTimeLimitMs",
            bound: u64::try_from(limit.as_millis()).unwrap_or(u64::MAX),
            used: u64::try_from(used.as_millis()).unwrap_or(u64::MAX),
        });
        // Not SIGXCPU, which a guest could handle. One that has ended meanwhile needs none.
        let _ = guest.process.kill(guest.pid.raw(), Signal::SIGKILL);
    }
}

/// The clock of the calling thread's processor time, readable from other threads.
fn thread_clock() -> libc::clockid_t {
    let mut clock: libc::clockid_t = libc::CLOCK_THREAD_CPUTIME_ID;
    // SAFETY: the calling thread is alive and `clock` is a valid place for the result.
    let failed = unsafe { libc::pthread_getcpuclockid(libc::pthread_self(), &raw mut clock) };
    debug_assert_eq!(failed, 0);
    clock
}

/// Nanoseconds of `clock`; zero once its thread is gone.
fn clock_time(clock: libc::clockid_t) -> u64 {
    let mut time = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: `time` is a valid place for the result; a stale clock id yields an error, not memory access.
    if unsafe { libc::clock_gettime(clock, &raw mut time) } != 0 {
        return 0;
    }
    u64::try_from(time.tv_sec).unwrap_or(0) * 1_000_000_000
        + u64::try_from(time.tv_nsec).unwrap_or(0)
}
