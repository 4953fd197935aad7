//! How much heap the running guests use, for threads that must not touch their isolates.
//!
//! An isolate answers on its own thread only, so each guest writes its number down: after every garbage collection and
//! whenever its event loop is about to wait.

use std::ffi::c_void;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Weak};

use parking_lot::Mutex;

use crate::callback::contain_bare;
use crate::env::Env;

/// This share of a heap is left when it counts as full.
const HEAP_RESERVE_SHARE: u64 = 8;

/// The numbers of all guests of one engine.
#[derive(Default)]
pub struct HeapUsage {
    guests: Mutex<Vec<Weak<AtomicU64>>>,
}

impl HeapUsage {
    /// The number of a new guest; it counts until it is dropped.
    pub(crate) fn enter(&self) -> Arc<AtomicU64> {
        let bytes = Arc::new(AtomicU64::new(0));
        let mut guests = self.guests.lock();
        guests.retain(|guest| guest.strong_count() > 0);
        guests.push(Arc::downgrade(&bytes));
        bytes
    }

    /// Bytes that all guests used when they last wrote it down.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        let guests = self.guests.lock();
        let running = guests.iter().filter_map(Weak::upgrade);
        running.map(|bytes| bytes.load(Ordering::Relaxed)).sum()
    }
}

/// Makes an isolate write down what it uses from now on.
pub(crate) fn watch(isolate: &mut v8::Isolate, env: &Env, bytes: Arc<AtomicU64>) {
    env.heap_bytes.replace(Some(bytes));
    env.memory_use
        .replace(env.try_process().map(|process| process.memory_use()));
    let data = std::ptr::from_ref(env).cast_mut().cast();
    isolate.add_gc_epilogue_callback(collected, data, v8::GCType::kGCTypeAll);
    note(isolate, env);
}

/// Whether V8's near-heap-limit callback is about an array buffer, and not about a heap that may grow to `limit` bytes: V8
/// calls it for every allocation that fails.
pub(crate) fn is_about_array_buffer(env: &Env, limit: usize) -> bool {
    let used = env.heap_bytes.borrow();
    let used = used.as_ref().map(|bytes| bytes.load(Ordering::Relaxed));
    let full = limit as u64 - limit as u64 / HEAP_RESERVE_SHARE;
    used.is_some_and(|used| used < full) && env.array_buffers.refused()
}

/// Writes down what the isolate uses.
pub(crate) fn note(isolate: &mut v8::Isolate, env: &Env) {
    let statistics = isolate.get_heap_statistics();
    if let Some(bytes) = &*env.heap_bytes.borrow() {
        bytes.store(statistics.used_heap_size() as u64, Ordering::Relaxed);
    }
    if let Some(memory) = &*env.memory_use.borrow() {
        let heap = statistics.total_heap_size();
        memory.touch((heap + env.array_buffers.take_peak()) as u64);
        memory.set((heap + env.array_buffers.used()) as u64);
    }
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
}
