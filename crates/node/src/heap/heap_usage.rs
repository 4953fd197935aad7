//! What an isolate uses, written down for other threads (`gauge.rs`): after every garbage collection and whenever its
//! event loop is about to wait.

use std::ffi::c_void;
use std::sync::Arc;

use crate::callback::contain_bare;
use crate::callback::unwinding::set_collecting;
use crate::env::Env;
use crate::heap::heap_limit;
use crate::memory::gauge::Gauge;
use crate::memory::memory_guard;
use crate::memory::sizes::CODE_RANGE;

/// This share of a heap is left when it counts as full.
const HEAP_RESERVE_SHARE: u64 = 8;

/// Machine code counts as a heap that is full when it takes this much. V8 has a range of addresses for it, and ends the
/// whole operating system process when that is full.
const MOST_CODE: usize = CODE_RANGE / 4 * 3;

/// Makes an isolate write down what it uses from now on.
pub(crate) fn watch(isolate: &mut v8::Isolate, env: &Env, gauge: Arc<Gauge>) {
    env.heap.gauge.replace(Some(gauge));
    env.heap
        .memory_use
        .replace(env.try_process().map(|process| process.memory_use()));
    let data = std::ptr::from_ref(env).cast_mut().cast();
    isolate.add_gc_prologue_callback(collecting, data, v8::GCType::kGCTypeAll);
    isolate.add_gc_epilogue_callback(collected, data, v8::GCType::kGCTypeAll);
    note(isolate, env);
}

/// Whether V8's near-heap-limit callback is about an array buffer, and not about a heap that may grow to `limit` bytes: V8
/// calls it for every allocation that fails.
pub(crate) fn is_about_array_buffer(env: &Env, limit: usize) -> bool {
    let used = env.heap.gauge.borrow().as_ref().map(|gauge| gauge.used());
    let full = limit as u64 - limit as u64 / HEAP_RESERVE_SHARE;
    used.is_some_and(|used| used < full) && env.array_buffers.refused()
}

/// Writes down what the isolate uses.
pub(crate) fn note(isolate: &mut v8::Isolate, env: &Env) {
    let statistics = isolate.get_heap_statistics();
    if statistics.total_heap_size_executable() > MOST_CODE {
        heap_limit::reached(env);
    }
    if let Some(gauge) = &*env.heap.gauge.borrow() {
        // V8's own number has the memories of WebAssembly in it, and is not always up to date.
        let outside = statistics.external_memory().max(env.array_buffers.used());
        let held = statistics.total_heap_size() + outside;
        gauge.note(statistics.used_heap_size() as u64, held as u64);
    }
    if let Some(memory) = &*env.heap.memory_use.borrow() {
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
    kind: v8::GCType,
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
        if kind == v8::GCType::kGCTypeMarkSweepCompact {
            heap_limit::check(isolate, env);
        }
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
