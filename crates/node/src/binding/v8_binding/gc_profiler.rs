//! `v8.GCProfiler`: heap statistics before and after each collection.

use std::cell::{Cell, RefCell};
use std::ffi::c_void;
use std::rc::Rc;
use std::time::Instant;

use serde_json::{Value, json};

use crate::callback::{Args, Return, Scope, contain_bare};
use crate::env::Env;
use crate::heap::heap_limit;
use crate::js::class::Definition;
use crate::js::exception::{string, throw_invalid_argument};
use crate::js::wrap;

/// Adds the class.
pub fn define(definition: &mut Definition) {
    definition
        .class("GCProfiler", construct)
        .method("start", start)
        .method("stop", stop);
}

/// How many collections a report holds at most: a profile that is never read must not fill the memory.
const MAX_COLLECTIONS: usize = 10_000;

#[derive(Default)]
struct Profile {
    running: Cell<bool>,
    start_time: Cell<f64>,
    collections: RefCell<Vec<Value>>,
    began: RefCell<Option<(Value, Instant)>>,
}

#[derive(Default)]
struct GcProfiler(Rc<Profile>);

impl Drop for GcProfiler {
    fn drop(&mut self) {
        // `start` leaked one reference to V8's callbacks, and only `stop` can take those out. A profiler that is
        // dropped while it runs leaves that reference behind until the isolate is gone.
        self.0.running.set(false);
    }
}

/// The guest's wall clock, milliseconds.
fn now(scope: &v8::PinScope<'_, '_>) -> f64 {
    let kernel = Env::of(scope)
        .try_process()
        .and_then(|process| process.kernel().ok());
    let Some(time) = kernel.map(|kernel| kernel.clock().realtime()) else {
        return 0.0;
    };
    (time.sec as f64 * 1e3 + f64::from(time.nsec) / 1e6).floor()
}

fn construct(scope: Scope, args: Args, _rv: Return) {
    if args.new_target().is_undefined() {
        throw_invalid_argument(scope, "GCProfiler is a constructor");
        return;
    }
    wrap::wrap(scope, args.this(), GcProfiler::default());
}

fn this(scope: Scope, args: &Args) -> Option<Rc<GcProfiler>> {
    let profiler = wrap::unwrap::<GcProfiler>(scope, args.this().into());
    if profiler.is_none() {
        throw_invalid_argument(scope, "The receiver must be a GCProfiler");
    }
    profiler
}

fn start(scope: Scope, args: Args, _rv: Return) {
    let Some(profiler) = this(scope, &args) else {
        return;
    };
    if profiler.0.running.replace(true) {
        return;
    }
    profiler.0.start_time.set(now(scope));
    let data = Rc::into_raw(profiler.0.clone()).cast_mut().cast::<c_void>();
    scope.add_gc_prologue_callback(before, data, v8::GCType::kGCTypeAll);
    scope.add_gc_epilogue_callback(after, data, v8::GCType::kGCTypeAll);
}

/// The report, as JSON; undefined if the profiler does not run.
fn stop(scope: Scope, args: Args, mut rv: Return) {
    let Some(profiler) = this(scope, &args) else {
        return;
    };
    if !profiler.0.running.replace(false) {
        return;
    }
    let data = Rc::as_ptr(&profiler.0).cast_mut().cast::<c_void>();
    scope.remove_gc_prologue_callback(before, data);
    scope.remove_gc_epilogue_callback(after, data);
    // SAFETY: `start` made this reference by into_raw, `running` says that it was not given back yet, and the callbacks
    // that used it are gone.
    drop(unsafe { Rc::from_raw(data.cast::<Profile>()) });
    let report = json!({
        "version": 1,
        "startTime": profiler.0.start_time.get(),
        "statistics": profiler.0.collections.take(),
        "endTime": now(scope),
    });
    rv.set(string(scope, &report.to_string()).into());
}

fn snapshot(isolate: &mut v8::Isolate) -> Value {
    let limit = heap_limit::size_limit(isolate);
    let heap = isolate.get_heap_statistics();
    let spaces: Vec<Value> = (0..isolate.number_of_heap_spaces())
        .filter_map(|index| isolate.get_heap_space_statistics(index))
        .map(|space| {
            json!({
                "spaceName": space.space_name().to_string_lossy(),
                "spaceSize": space.space_size(),
                "spaceUsedSize": space.space_used_size(),
                "spaceAvailableSize": space.space_available_size(),
                "physicalSpaceSize": space.physical_space_size(),
            })
        })
        .collect();
    json!({
        "heapStatistics": {
            "totalHeapSize": heap.total_heap_size(),
            "totalHeapSizeExecutable": heap.total_heap_size_executable(),
            "totalPhysicalSize": heap.total_physical_size(),
            "totalAvailableSize": heap.total_available_size(),
            "totalGlobalHandlesSize": heap.total_global_handles_size(),
            "usedGlobalHandlesSize": heap.used_global_handles_size(),
            "usedHeapSize": heap.used_heap_size(),
            "heapSizeLimit": limit,
            "mallocedMemory": heap.malloced_memory(),
            "externalMemory": heap.external_memory(),
            "peakMallocedMemory": heap.peak_malloced_memory(),
        },
        "heapSpaceStatistics": spaces,
    })
}

fn type_name(kind: v8::GCType) -> &'static str {
    if kind == v8::GCType::kGCTypeScavenge {
        "Scavenge"
    } else if kind == v8::GCType::kGCTypeMarkSweepCompact {
        "MarkSweepCompact"
    } else if kind == v8::GCType::kGCTypeIncrementalMarking {
        "IncrementalMarking"
    } else if kind == v8::GCType::kGCTypeProcessWeakCallbacks {
        "ProcessWeakCallbacks"
    } else {
        "Unknown"
    }
}

unsafe extern "C" fn before(
    isolate: v8::UnsafeRawIsolatePtr,
    _kind: v8::GCType,
    _flags: v8::GCCallbackFlags,
    data: *mut c_void,
) {
    // SAFETY: V8 calls with the live isolate, and `data` is the reference that `start` made and `stop` gives back after
    // taking this callback out.
    let (mut isolate, profile) = unsafe {
        (
            v8::Isolate::from_raw_isolate_ptr(isolate),
            &*data.cast::<Profile>(),
        )
    };
    contain_bare(|| {
        if profile.running.get() && profile.collections.borrow().len() < MAX_COLLECTIONS {
            *profile.began.borrow_mut() = Some((snapshot(&mut isolate), Instant::now()));
        }
    });
}

unsafe extern "C" fn after(
    isolate: v8::UnsafeRawIsolatePtr,
    kind: v8::GCType,
    _flags: v8::GCCallbackFlags,
    data: *mut c_void,
) {
    // SAFETY: as in `before`.
    let (mut isolate, profile) = unsafe {
        (
            v8::Isolate::from_raw_isolate_ptr(isolate),
            &*data.cast::<Profile>(),
        )
    };
    contain_bare(|| {
        let Some((before, began)) = profile.began.borrow_mut().take() else {
            return;
        };
        profile.collections.borrow_mut().push(json!({
            "gcType": type_name(kind),
            "beforeGC": before,
            "cost": began.elapsed().as_micros() as f64,
            "afterGC": snapshot(&mut isolate),
        }));
    });
}
