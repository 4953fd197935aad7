//! The bound of a guest's JavaScript heap: V8's limit, and what happens when it is reached.

use std::ffi::c_void;
use std::rc::Rc;

use crate::callback::contain_bare;
use crate::env::Env;
use crate::heap::heap_usage;

/// Address space that a heap may use beyond V8's limit while the process is being ended: V8 aborts the whole operating
/// system process when the limit it was given is reached for good.
const HEAP_HEADROOM: usize = 2 << 30;

/// Bounds the heap of an isolate, or lowers its bound; bytes. The environment must outlive the isolate.
pub(crate) fn set(isolate: &mut v8::Isolate, env: &Rc<Env>, bound: usize) {
    let data = Rc::as_ptr(env).cast_mut().cast();
    if env.heap_bound.replace(Some(bound)).is_none() {
        isolate.add_near_heap_limit_callback(near_heap_limit, data);
    }
    // Isolates are made before their bound is known.
    lower(isolate, data, bound);
}

/// Lowers V8's limit, for which its way is to take the callback away.
fn lower(isolate: &mut v8::Isolate, data: *mut c_void, bound: usize) {
    isolate.remove_near_heap_limit_callback(near_heap_limit, bound);
    isolate.add_near_heap_limit_callback(near_heap_limit, data);
}

/// Called by V8 when the heap reaches its limit, and when an allocation fails.
///
/// # Safety
/// `data` is the pointer registered with the callback: an `Rc<Env>` that the isolate keeps alive.
unsafe extern "C" fn near_heap_limit(data: *mut c_void, current: usize, _initial: usize) -> usize {
    // SAFETY: the registrant passes the address of an Env that outlives the isolate.
    let env = unsafe { &*data.cast::<Env>() };
    contain_bare(|| {
        if heap_usage::is_about_array_buffer(env, current) {
            // The program gets a RangeError.
            return current;
        }
        if !collects_first(env) {
            reached(env);
        }
        current.saturating_add(HEAP_HEADROOM)
    })
    // V8 gives up the process where the limit stays.
    .unwrap_or(current.saturating_add(HEAP_HEADROOM))
}

/// Whether a collection of everything comes before the limit counts: what was allocated while V8 marked in the background
/// survives its collection, garbage or not, and what native state holds goes with the one after that. V8 asks in the
/// middle of a collection, where no other is possible.
fn collects_first(env: &Env) -> bool {
    if env.heap_limit_reached.get() || env.heap_collecting.replace(true) {
        return false;
    }
    let data = std::ptr::from_ref(env).cast_mut().cast();
    let terminate = env.terminate.borrow();
    let requested = terminate
        .as_ref()
        .is_some_and(|isolate| isolate.request_interrupt(collect, data));
    if !requested {
        env.heap_collecting.set(false);
    }
    requested
}

/// Collects everything, and puts the limit back where that made room.
///
/// # Safety
/// As for [`near_heap_limit`], on the thread of the isolate.
unsafe extern "C" fn collect(mut isolate: v8::UnsafeRawIsolatePtr, data: *mut c_void) {
    // SAFETY: V8 passes the isolate that runs on this thread, and nothing else uses it during the call.
    let isolate = unsafe { v8::Isolate::ref_from_raw_isolate_ptr_mut(&mut isolate) };
    // SAFETY: the requester passes the address of an Env that outlives the isolate.
    let env = unsafe { &*data.cast::<Env>() };
    contain_bare(|| {
        isolate.low_memory_notification();
        env.heap_collecting.set(false);
        let Some(bound) = env.heap_bound.get() else {
            return;
        };
        let used = isolate.get_heap_statistics().used_heap_size();
        if used > bound - bound / WORTH {
            return reached(env);
        }
        lower(isolate, data, bound);
    });
}

/// A collection must free this part of the bound: one that frees less would be needed again at once.
const WORTH: usize = 4;

/// A bound of a worker's own (`resourceLimits`) ends the worker, and its parent hears why; that of the machine ends the
/// process, which its thread does once it is out of JavaScript.
pub(crate) fn reached(env: &Env) {
    if let Some(gauge) = &*env.gauge.borrow() {
        gauge.native().end();
    }
    let own = env.worker().zip(env.program()).filter(|(worker, program)| {
        let process = program.options.heap_limit_bytes;
        worker.limits().old_generation(process) < process
    });
    if let Some((worker, _)) = own {
        let message = "JS heap out of memory".to_owned();
        worker.exit(1, Some(("ERR_WORKER_OUT_OF_MEMORY", message)));
        return;
    }
    env.heap_limit_reached.set(true);
    if let Some(terminate) = env.terminate.borrow().as_ref() {
        terminate.terminate_execution();
    }
}
