//! The bound of a guest's JavaScript heap: V8's limit, and what happens when it is reached.

use std::ffi::c_void;
use std::rc::Rc;

use secure_exec_kernel::LimitBreach;

use crate::callback::contain_bare;
use crate::embedder::events::{HEAP_LIMIT, mebibytes};
use crate::env::Env;
use crate::heap::heap_usage;

/// Address space that a heap may use beyond V8's limit while the process is being ended: V8 aborts the whole operating
/// system process when the limit it was given is reached for good.
const HEAP_HEADROOM: usize = 2 << 30;

/// What V8's own limit has beyond the bound. Where V8's collector finds no room for what survives, on threads of its own,
/// V8 gives up the whole process and asks nobody. So the bound counts after each collection, and V8's limit is met only by
/// what grows faster than it is collected. V8 collects half-way to its limit at the latest, so half of this is left for
/// what the young generation has.
const RESERVE: usize = 16 << 20;

/// A bound that a program sets itself is kept more closely, as Node does: it may be smaller than the reserve.
const PART_OF_OWN: usize = 8;

fn reserve(env: &Env, bound: usize) -> usize {
    let machine = env
        .program()
        .map(|program| program.options.heap_limit_bytes);
    if machine.is_some_and(|machine| bound < machine) {
        (bound / PART_OF_OWN).min(RESERVE)
    } else {
        RESERVE
    }
}

fn limit_of_v8(env: &Env, bound: usize) -> usize {
    bound.saturating_add(reserve(env, bound))
}

/// What V8 says the limit is, as the program knows it; bytes of all generations.
pub(crate) fn size_limit(isolate: &mut v8::Isolate) -> usize {
    let limit = isolate.get_heap_statistics().heap_size_limit();
    let env = Env::of(isolate);
    match env.heap.bound.get() {
        Some(bound) => limit - reserve(&env, bound),
        None => limit,
    }
}

/// Bounds the heap of an isolate, or lowers its bound; bytes. The environment must outlive the isolate.
pub(crate) fn set(isolate: &mut v8::Isolate, env: &Rc<Env>, bound: usize) {
    let data = Rc::as_ptr(env).cast_mut().cast();
    if env.heap.bound.replace(Some(bound)).is_none() {
        isolate.add_near_heap_limit_callback(near_heap_limit, data);
    }
    // Isolates are made before their bound is known.
    lower(isolate, data, limit_of_v8(env, bound));
}

/// Lowers V8's limit, for which its way is to take the callback away.
fn lower(isolate: &mut v8::Isolate, data: *mut c_void, limit: usize) {
    isolate.remove_near_heap_limit_callback(near_heap_limit, limit);
    isolate.add_near_heap_limit_callback(near_heap_limit, data);
}

/// Has the bound count before what others have asked V8 to do about a full heap since: V8 asks who came last, and its
/// debugger raises the limit.
pub(crate) fn keep_first(isolate: &mut v8::Isolate, env: &Rc<Env>) {
    if env.heap.bound.get().is_some() {
        isolate.remove_near_heap_limit_callback(near_heap_limit, 0);
        isolate.add_near_heap_limit_callback(near_heap_limit, Rc::as_ptr(env).cast_mut().cast());
    }
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
        let bound = env.heap.bound.get();
        let is_raised = bound.is_some_and(|bound| current > limit_of_v8(env, bound));
        // Else the collection that is on its way tells.
        if (is_raised || !env.heap.collecting.get()) && !collects_first(env) {
            reached(env);
        }
        current.saturating_add(HEAP_HEADROOM)
    })
    // V8 gives up the process where the limit stays.
    .unwrap_or(current.saturating_add(HEAP_HEADROOM))
}

/// Looks at the bound, behind a collection of the old generation.
pub(crate) fn check(isolate: &mut v8::Isolate, env: &Env) {
    let Some(bound) = env.heap.bound.get() else {
        return;
    };
    if env.heap.limit_reached.get() || env.heap.collecting.get() {
        return;
    }
    let used = old_generation(isolate);
    note_use(env, used);
    if used > bound && !collects_first(env) {
        reached(env);
    }
}

/// Tells how much of the machine's bound is in use. A bound of the program's own is not the host's to hear of.
fn note_use(env: &Env, used: usize) {
    let machine = env
        .program()
        .map(|program| program.options.heap_limit_bytes);
    let bound = env.heap.bound.get().filter(|bound| machine == Some(*bound));
    if let (Some(bound), Some(process)) = (bound, env.try_process()) {
        let usage = LimitBreach {
            limit: HEAP_LIMIT,
            bound: mebibytes(bound),
            used: mebibytes(used),
        };
        if let Ok(kernel) = process.kernel() {
            kernel.note_limit_use(Some(&process), usage);
        }
    }
}

/// Bytes that the old generation has in use.
fn old_generation(isolate: &mut v8::Isolate) -> usize {
    let spaces = 0..isolate.number_of_heap_spaces();
    let used = spaces.filter_map(|index| {
        let space = isolate.get_heap_space_statistics(index)?;
        let is_young = space.space_name().to_bytes().starts_with(b"new_");
        (!is_young).then(|| space.space_used_size())
    });
    used.sum()
}

/// Whether a collection of everything comes before the limit counts: what was allocated while V8 marked in the background
/// survives its collection, garbage or not, and what native state holds goes with the one after that. V8 asks in the
/// middle of a collection, where no other is possible.
fn collects_first(env: &Env) -> bool {
    if env.heap.limit_reached.get() || env.heap.collecting.replace(true) {
        return false;
    }
    let data = std::ptr::from_ref(env).cast_mut().cast();
    let terminate = env.heap.isolate.borrow();
    let requested = terminate
        .as_ref()
        .is_some_and(|isolate| isolate.request_interrupt(collect, data));
    if !requested {
        env.heap.collecting.set(false);
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
        env.heap.collecting.set(false);
        let Some(bound) = env.heap.bound.get() else {
            return;
        };
        let used = isolate.get_heap_statistics().used_heap_size();
        if used > bound - bound / WORTH {
            return reached(env);
        }
        lower(isolate, data, limit_of_v8(env, bound));
    });
}

/// A collection must free this part of the bound: one that frees less would be needed again at once.
const WORTH: usize = 4;

/// A bound of a worker's own (`resourceLimits`) ends the worker, and its parent hears why; that of the machine ends the
/// process, which its thread does once it is out of JavaScript.
pub(crate) fn reached(env: &Env) {
    if let Some(gauge) = &*env.heap.gauge.borrow() {
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
    note_use(env, env.heap.bound.get().unwrap_or_default());
    env.heap.limit_reached.set(true);
    if let Some(terminate) = env.heap.isolate.borrow().as_ref() {
        terminate.terminate_execution();
    }
}
