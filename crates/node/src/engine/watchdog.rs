//! Processor time and the end of guests that were killed.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use parking_lot::{Condvar, Mutex};
use secure_exec_kernel::{LimitBreach, Pid, Process};

use crate::embedder::events::{Breach, EngineEvents};
use crate::embedder::options::NodeOptions;
use crate::heap::heap_usage;
use crate::memory::gauge::HeapUsage;
use crate::memory::native_memory::Account;
use crate::memory::pool;
use crate::memory::shortage::Shortage;
use crate::threads::background_cpu;
use crate::threads::cpu_share::{self, CpuShare};
use crate::threads::watched::Watched;

const CPU_TIME_LIMIT: &str = "limits.jsRuntime.cpuTimeLimitMs";

/// How often processor times are read.
const TICK: Duration = Duration::from_millis(20);
/// The same while there is too little memory, and allocations wait.
const SHORT_TICK: Duration = Duration::from_millis(2);
/// How long no guest has run when the embedder hears of it.
const IDLE: Duration = Duration::from_secs(1);
/// When a killed guest is terminated once more: V8 drops the request when the outermost frame unwinds.
pub const RETERMINATE: Duration = Duration::from_millis(250);
/// When a killed guest counts as stuck: after so much of the processor, or when it gets none for as long.
pub const STUCK: Duration = Duration::from_millis(1250);
pub const STUCK_WAITING: Duration = Duration::from_millis(2500);
/// How many times as long it takes for one that is ended because it uses too much memory: native code may be in the middle
/// of copying hundreds of megabytes, which it does not look up from.
const COPYING: u32 = 4;

/// Has the thread write down how much memory it uses, as soon as it runs JavaScript.
fn note_usage(guest: &Watched) {
    guest
        .handle
        .request_interrupt(heap_usage::on_request, std::ptr::null_mut());
}

#[derive(Default)]
struct State {
    guests: Mutex<Vec<Arc<Watched>>>,
    wake: Condvar,
    /// The engine is gone; set under the lock of `guests`.
    closed: AtomicBool,
}

pub(super) struct Watchdog {
    state: Arc<State>,
}

impl Watchdog {
    pub(super) fn start(events: Arc<dyn EngineEvents>, usage: Arc<HeapUsage>) -> Watchdog {
        let state = Arc::new(State::default());
        let weak = Arc::downgrade(&state);
        let thread = std::thread::Builder::new()
            .name("watchdog".to_owned())
            .stack_size(128 << 10);
        let spawned = thread.spawn(move || {
            // Whether guests have run since the embedder last heard that none does.
            let mut used = false;
            let mut background = background_cpu::time();
            let mut shortage = Shortage::default();
            let mut short = false;
            while let Some(state) = weak.upgrade() {
                let mut guests = state.guests.lock();
                if state.closed.load(Ordering::Relaxed) {
                    return;
                }
                if guests.is_empty() && !short {
                    let waited = state.wake.wait_for(&mut guests, IDLE);
                    if used && waited.timed_out() && guests.is_empty() {
                        used = false;
                        parking_lot::MutexGuard::unlocked(&mut guests, || rest(&*events));
                    }
                } else {
                    used = true;
                    let tick = if short { SHORT_TICK } else { TICK };
                    state.wake.wait_for(&mut guests, tick);
                }
                guests.retain(|guest| !guest.finished.load(Ordering::Acquire));
                let current: Vec<_> = guests.clone();
                drop(guests);
                drop(state);
                charge_all(&current, &mut background);
                let ask = || current.iter().for_each(|guest| note_usage(guest));
                events.on_tick();
                short = shortage.relieve(&usage, &*events, ask);
                for guest in &current {
                    check(guest, &*events);
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
        let mut threads = guests.iter().filter(|guest| guest.pid == pid).peekable();
        let Some(any) = threads.peek() else { return };
        let account = any.process.account().clone();
        threads.for_each(|thread| thread.charge());
        cpu_share::charge_helpers();
        account.renew_cpu();
    }

    /// Watches the calling thread as one of `process`.
    pub(super) fn watch(
        &self,
        process: &Arc<Process>,
        handle: v8::IsolateHandle,
        options: &NodeOptions,
        memory: Arc<Account>,
    ) -> Arc<Watched> {
        let watched = Arc::new(Watched {
            pid: process.pid(),
            process: process.clone(),
            handle,
            cpu: CpuShare::of_this_thread(process),
            limit: process
                .account()
                .terms()
                .cpu_limit
                .or(options.cpu_time_limit),
            background: options.own_process.then(AtomicBool::default),
            killed_at: Mutex::default(),
            memory,
            stopped_at: Mutex::default(),
            reterminated: AtomicBool::new(false),
            reported: AtomicBool::new(false),
            finished: AtomicBool::new(false),
        });
        self.state.guests.lock().push(watched.clone());
        self.state.wake.notify_one();
        watched
    }
}

impl Drop for Watchdog {
    fn drop(&mut self) {
        let guests = self.state.guests.lock();
        self.state.closed.store(true, Ordering::Relaxed);
        drop(guests);
        self.state.wake.notify_one();
    }
}

/// Brings the accounts of all guests up to date. The time of V8's own threads since `background` is that of the guests
/// they are known to work for, or else of those that have run meanwhile.
fn charge_all(guests: &[Arc<Watched>], background: &mut u64) {
    cpu_share::charge_helpers();
    let ran: Vec<u64> = guests.iter().map(|guest| guest.cpu.charge()).collect();
    let now = background_cpu::time();
    let added = now.saturating_sub(std::mem::replace(background, now));
    let is_awaited = |guest: &Arc<Watched>| {
        let background = guest.background.as_ref();
        background.is_some_and(|background| background.load(Ordering::Relaxed))
    };
    let mut shares: Vec<u64> = guests
        .iter()
        .map(|guest| is_awaited(guest).into())
        .collect();
    if shares.iter().sum::<u64>() == 0 {
        let own = |(guest, ran): (&Arc<Watched>, u64)| guest.background.as_ref().map_or(0, |_| ran);
        shares = guests.iter().zip(ran).map(own).collect();
    }
    let sum: u64 = shares.iter().sum();
    for (guest, share) in guests.iter().zip(shares).filter(|(_, share)| *share > 0) {
        let part = u128::from(added) * u128::from(share) / u128::from(sum);
        cpu_share::charge(&guest.process, u64::try_from(part).unwrap_or(u64::MAX));
    }
}

/// Gives back what guests have left behind. V8's own task for its pool is not posted within 12 s of the last one
/// (`MemoryPool::PostDelayedReleaseTaskIfNeeded`), so the pages of the last guests before a pause would stay for the whole
/// pause.
fn rest(events: &dyn EngineEvents) {
    if events.on_idle() {
        pool::release_pooled_memory();
    }
}

fn check(guest: &Watched, events: &dyn EngineEvents) {
    if guest.finished.load(Ordering::Acquire) {
        return;
    }
    let killed_at = *guest.killed_at.lock();
    if let Some((killed_at, time)) = killed_at {
        let waited = killed_at.elapsed();
        let worked = Duration::from_nanos(guest.cpu.time().saturating_sub(time));
        let patience = if guest.memory.is_ending() { COPYING } else { 1 };
        let stuck = worked >= STUCK * patience || waited >= STUCK_WAITING * patience;
        if waited >= RETERMINATE && !guest.reterminated.swap(true, Ordering::AcqRel) {
            guest.handle.terminate_execution();
        }
        if stuck && !guest.reported.swap(true, Ordering::AcqRel) {
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
    let used = Duration::from_nanos(guest.process.account().limited_cpu_ns());
    let Some(limit) = guest.limit else { return };
    let milliseconds = |time: Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
    let usage = LimitBreach {
        limit: CPU_TIME_LIMIT,
        bound: milliseconds(limit),
        used: milliseconds(used),
    };
    if let Ok(kernel) = guest.process.kernel() {
        kernel.note_limit_use(Some(&guest.process), usage);
    }
    if used > limit {
        end_program(&guest.process, usage, events);
    }
}

/// Ends a program that has used up its time, with all that it started: they used it together.
fn end_program(process: &Process, usage: LimitBreach, events: &dyn EngineEvents) {
    let origin = process.origin();
    events.on_breach(Breach {
        pid: Some(origin),
        limit: usage.limit,
        bound: usage.bound,
        used: usage.used,
    });
    // Not SIGXCPU, which a guest could handle. Those that have ended meanwhile need none.
    if let Ok(kernel) = process.kernel() {
        kernel.kill_program(origin);
    }
}

#[cfg(test)]
mod tests {
    use secure_exec_kernel::{Kernel, KernelConfig};

    use super::*;
    use crate::embedder::events::Quiet;

    const SOME: u64 = 20_000_000;

    fn work(watched: &Watched) {
        let account = watched.process.account();
        let end = account.limited_cpu_ns() + SOME;
        while account.limited_cpu_ns() < end {
            watched.charge();
        }
    }

    #[test]
    fn renewed_time_counts_from_then_on() {
        crate::threads::watchdog::initialize_v8_for_tests();
        let isolate = v8::Isolate::new(v8::CreateParams::default());
        let kernel = Kernel::boot(KernelConfig::default()).expect("it boots");
        let process = kernel.init();
        let watchdog = Watchdog::start(Arc::new(Quiet), Arc::default());
        let options = NodeOptions {
            cpu_time_limit: None,
            ..NodeOptions::default()
        };
        let watched = watchdog.watch(
            &process,
            isolate.thread_safe_handle(),
            &options,
            Arc::default(),
        );
        work(&watched);
        let account = process.account();
        watchdog.renew(Pid::from_raw(77));
        assert!(account.limited_cpu_ns() >= SOME, "that is another process");
        watchdog.renew(process.pid());
        assert!(account.limited_cpu_ns() < SOME);
        assert!(
            account.cpu_ns() >= SOME,
            "what was used is told all the same"
        );
        work(&watched);
        assert!(account.limited_cpu_ns() >= SOME);
        watched.finished();
    }
}
