//! How much memory the running guests use, for threads that must not touch their isolates.
//!
//! An isolate answers on its own thread only, so each guest writes its numbers down: after every garbage collection and
//! whenever its event loop is about to wait. What native code holds for it is counted as it comes and goes.

use std::ffi::c_void;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Weak};

use parking_lot::Mutex;
use secure_exec_kernel::Process;

use crate::callback::contain_bare;
use crate::callback::unwinding::set_collecting;
use crate::engine::CODE_RANGE;
use crate::env::Env;
use crate::heap::heap_limit;
use crate::memory::memory_guard;
use crate::memory::native_memory::Account;

/// This share of a heap is left when it counts as full.
const HEAP_RESERVE_SHARE: u64 = 8;

/// Machine code counts as a heap that is full when it takes this much. V8 has a range of addresses for it, and ends the
/// whole operating system process when that is full.
const MOST_CODE: usize = CODE_RANGE / 4 * 3;

/// What the operating system process itself and an idle isolate take.
const UNCOUNTED_BYTES: u64 = 32 << 20;

/// The numbers of one isolate.
#[derive(Debug)]
pub struct Gauge {
    process: Arc<Process>,
    /// Bytes of objects.
    used: AtomicU64,
    /// Bytes of the heap and of all buffers.
    held: AtomicU64,
    native: Arc<Account>,
}

impl Gauge {
    /// Bytes of objects in the heap.
    pub(crate) fn used(&self) -> u64 {
        self.used.load(Ordering::Relaxed)
    }

    /// What native code holds.
    pub(crate) fn native(&self) -> &Arc<Account> {
        &self.native
    }

    /// All of it, bytes.
    fn bytes(&self) -> u64 {
        let native = u64::try_from(self.native.bytes()).unwrap_or(0);
        self.held.load(Ordering::Relaxed).saturating_add(native)
    }
}

/// The numbers of all guests of one engine.
#[derive(Default)]
pub struct HeapUsage {
    guests: Mutex<Vec<Weak<Gauge>>>,
}

impl HeapUsage {
    /// The numbers of a new isolate of `process`; they count until they are dropped.
    pub(crate) fn enter(&self, process: &Arc<Process>) -> Arc<Gauge> {
        let gauge = Arc::new(Gauge {
            process: process.clone(),
            used: AtomicU64::default(),
            held: AtomicU64::default(),
            native: Arc::default(),
        });
        let mut guests = self.guests.lock();
        guests.retain(|guest| guest.strong_count() > 0);
        guests.push(Arc::downgrade(&gauge));
        gauge
    }

    /// Bytes of objects that all guests used when they last wrote it down.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.running().iter().map(|gauge| gauge.used()).sum()
    }

    /// The process that holds the most among those that are alive, where all use `total` bytes. What nobody has written
    /// down is reckoned to those that have mapped as much.
    pub(crate) fn largest(&self, total: u64) -> Option<Arc<Process>> {
        let running = self.running();
        let known: u64 = running.iter().map(|gauge| gauge.bytes()).sum();
        let unknown = total.saturating_sub(known.saturating_add(UNCOUNTED_BYTES));
        let of = |process: &Arc<Process>| -> u64 {
            let same = |gauge: &&Arc<Gauge>| Arc::ptr_eq(&gauge.process, process);
            let bytes = |gauge: &Arc<Gauge>| gauge.bytes() + gauge.native.mapped().min(unknown);
            running.iter().filter(same).map(bytes).sum()
        };
        let processes = running.iter().map(|gauge| &gauge.process);
        let alive = processes.filter(|process| process.is_alive());
        alive.max_by_key(|process| of(process)).cloned()
    }

    /// The processes that cannot go on without memory that there is not, each once.
    pub(crate) fn overdrawn(&self) -> Vec<Arc<Process>> {
        let of = |gauge: Arc<Gauge>| {
            let cannot_go_on = gauge.native.take_overdrawn() && gauge.process.is_alive();
            cannot_go_on.then(|| gauge.process.clone())
        };
        self.running().into_iter().filter_map(of).collect()
    }

    /// Whether a process still holds memory that it will soon give back: it is being ended, or has been.
    pub(crate) fn has_leaving(&self) -> bool {
        let mut running = self.running().into_iter();
        running.any(|gauge| gauge.native.is_ending() || !gauge.process.is_alive())
    }

    /// A process is being ended: what it needs for that is there.
    pub(crate) fn end(&self, process: &Arc<Process>) {
        for gauge in self.running() {
            if Arc::ptr_eq(&gauge.process, process) {
                gauge.native.end();
            }
        }
    }

    fn running(&self) -> Vec<Arc<Gauge>> {
        self.guests
            .lock()
            .iter()
            .filter_map(Weak::upgrade)
            .collect()
    }
}

/// Makes an isolate write down what it uses from now on.
pub(crate) fn watch(isolate: &mut v8::Isolate, env: &Env, gauge: Arc<Gauge>) {
    env.gauge.replace(Some(gauge));
    env.memory_use
        .replace(env.try_process().map(|process| process.memory_use()));
    let data = std::ptr::from_ref(env).cast_mut().cast();
    isolate.add_gc_prologue_callback(collecting, data, v8::GCType::kGCTypeAll);
    isolate.add_gc_epilogue_callback(collected, data, v8::GCType::kGCTypeAll);
    note(isolate, env);
}

/// Whether V8's near-heap-limit callback is about an array buffer, and not about a heap that may grow to `limit` bytes: V8
/// calls it for every allocation that fails.
pub(crate) fn is_about_array_buffer(env: &Env, limit: usize) -> bool {
    let used = env.gauge.borrow().as_ref().map(|gauge| gauge.used());
    let full = limit as u64 - limit as u64 / HEAP_RESERVE_SHARE;
    used.is_some_and(|used| used < full) && env.array_buffers.refused()
}

/// Writes down what the isolate uses.
pub(crate) fn note(isolate: &mut v8::Isolate, env: &Env) {
    let statistics = isolate.get_heap_statistics();
    if statistics.total_heap_size_executable() > MOST_CODE {
        heap_limit::reached(env);
    }
    if let Some(gauge) = &*env.gauge.borrow() {
        // V8's own number has the memories of WebAssembly in it, and is not always up to date.
        let outside = statistics.external_memory().max(env.array_buffers.used());
        let held = statistics.total_heap_size() + outside;
        gauge.held.store(held as u64, Ordering::Relaxed);
        let used = statistics.used_heap_size() as u64;
        gauge.used.store(used, Ordering::Relaxed);
    }
    if let Some(memory) = &*env.memory_use.borrow() {
        let heap = statistics.total_heap_size();
        memory.touch((heap + env.array_buffers.take_peak()) as u64);
        memory.set((heap + env.array_buffers.used()) as u64);
    }
}

unsafe extern "C" fn collecting(
    _isolate: v8::UnsafeRawIsolatePtr,
    _kind: v8::GCType,
    _flags: v8::GCCallbackFlags,
    _data: *mut c_void,
) {
    set_collecting(true);
    contain_bare(memory_guard::wait_for_memory);
}

/// # Safety
/// `data` is an `Env` that lives as long as the isolate.
unsafe extern "C" fn collected(
    mut isolate: v8::UnsafeRawIsolatePtr,
    _kind: v8::GCType,
    _flags: v8::GCCallbackFlags,
    data: *mut c_void,
) {
    // SAFETY: V8 passes the isolate that has just collected, on its thread.
    let isolate = unsafe { v8::Isolate::ref_from_raw_isolate_ptr_mut_unchecked(&mut isolate) };
    // SAFETY: by the registration in `watch`.
    let env = unsafe { &*data.cast::<Env>() };
    contain_bare(|| {
        env.array_buffers.collected();
        note(isolate, env);
    });
    set_collecting(false);
}

/// Writes down what the isolate uses, as an interrupt.
///
/// # Safety
/// V8 passes the isolate that runs on this thread.
pub(crate) unsafe extern "C" fn on_request(
    mut isolate: v8::UnsafeRawIsolatePtr,
    _data: *mut c_void,
) {
    contain_bare(|| {
        // SAFETY: by the caller; nothing else uses it during the call.
        let isolate = unsafe { v8::Isolate::ref_from_raw_isolate_ptr_mut(&mut isolate) };
        let env = Env::of(isolate);
        note(isolate, &env);
    });
}
