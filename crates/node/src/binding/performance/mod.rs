//! `internalBinding('performance')`. Follows Node's `src/node_perf.cc`.

pub mod histogram;

use std::cell::Cell;

use crate::callback::{Args, Return, Scope, contain_bare};
use crate::env::clock::monotonic_nanoseconds;
use crate::env::{Env, Slot};
use crate::js::class::Definition;
use crate::js::context_settings::ForcedCollection;
use crate::js::{convert, exception};

/// Index of collections in `observerCounts`.
const ENTRY_GC: usize = 0;

/// Index of the entries of HTTP/2 in `observerCounts`.
pub(crate) const ENTRY_HTTP2: usize = 2;

/// Entry types, in the order of `observerCounts`.
const ENTRY_TYPES: [&str; 6] = ["GC", "HTTP", "HTTP2", "NET", "DNS", "QUIC"];

/// Indices of `milestones`.
const MILESTONES: [&str; 8] = [
    "TIME_ORIGIN_TIMESTAMP",
    "TIME_ORIGIN",
    "ENVIRONMENT",
    "NODE_START",
    "V8_START",
    "LOOP_START",
    "LOOP_EXIT",
    "BOOTSTRAP_COMPLETE",
];

/// A point in the life of a process that `performance.nodeTiming` shows.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(usize)]
pub enum Milestone {
    /// Wall clock at the origin, microseconds since the epoch.
    TimeOriginTimestamp = 0,
    /// The zero of `performance.now()`.
    TimeOrigin = 1,
    /// The environment was set up.
    Environment = 2,
    /// The process started.
    NodeStart = 3,
    /// V8 was ready.
    V8Start = 4,
    /// The event loop began.
    LoopStart = 5,
    /// The event loop ended.
    LoopExit = 6,
    /// The library was ready to run the main script.
    BootstrapComplete = 7,
}

/// Declares the binding.
pub fn define(definition: &mut Definition) {
    definition
        .function("now", now)
        .function("setupObservers", setup_observers)
        .function("notify", notify)
        .function("markBootstrapComplete", mark_bootstrap_complete)
        .function("loopIdleTime", loop_idle_time)
        .function("uvMetricsInfo", uv_metrics_info)
        .function(
            "installGarbageCollectionTracking",
            install_garbage_collection_tracking,
        )
        .function(
            "removeGarbageCollectionTracking",
            remove_garbage_collection_tracking,
        )
        .init(initialize);
    histogram::define(definition);
}

fn initialize(scope: &mut v8::PinScope<'_, '_>, binding: v8::Local<'_, v8::Object>) {
    let env = Env::of(scope);
    let milestones = env.aliased_array::<f64>(scope, Slot::PerformanceMilestones, MILESTONES.len());
    convert::set(scope, binding, "milestones", milestones);
    let counts =
        env.aliased_array::<u32>(scope, Slot::PerformanceObserverCounts, ENTRY_TYPES.len());
    convert::set(scope, binding, "observerCounts", counts);
    let Some(constants) =
        convert::get(scope, binding, "constants").and_then(|c| c.to_object(scope))
    else {
        return;
    };
    // Hidden: the object itself is public as `perf_hooks.constants`.
    let groups = [
        ("ENTRY_TYPE", &ENTRY_TYPES[..]),
        ("MILESTONE", &MILESTONES[..]),
    ];
    for (group, names) in groups {
        for (index, name) in (0u32..).zip(names) {
            let key = exception::string(scope, &format!("NODE_PERFORMANCE_{group}_{name}"));
            let value = v8::Integer::new_from_unsigned(scope, index).into();
            let hidden = v8::PropertyAttribute::READ_ONLY
                | v8::PropertyAttribute::DONT_ENUM
                | v8::PropertyAttribute::DONT_DELETE;
            constants.define_own_property(scope, key.into(), value, hidden);
        }
    }
}

impl Milestone {
    /// Nanoseconds after the origin at which it is reached at the soonest. Clocks of the machine tick each millisecond;
    /// what comes one after the other in a tick is told in its order.
    fn soonest(self) -> f64 {
        let order = match self {
            Milestone::TimeOriginTimestamp | Milestone::TimeOrigin => 0,
            Milestone::NodeStart => 1,
            Milestone::V8Start => 2,
            Milestone::Environment => 3,
            Milestone::BootstrapComplete => 4,
            Milestone::LoopStart => 5,
            Milestone::LoopExit => 6,
        };
        f64::from(order) * 1e3
    }
}

/// Records that `milestone` is reached now.
pub fn mark(env: &Env, milestone: Milestone) {
    let soonest = env.time_origin.monotonic() as f64 + milestone.soonest();
    let reached = soonest.max(monotonic_nanoseconds(env) as f64);
    env.aliased::<f64>(Slot::PerformanceMilestones)
        .set(milestone as usize, reached);
}

/// Sets the milestones of a process that starts; `Env::time_origin` is set already.
pub fn start(env: &Env) {
    let milestones = env.aliased::<f64>(Slot::PerformanceMilestones);
    let origin = env.time_origin.monotonic() as f64;
    milestones.set(
        Milestone::TimeOriginTimestamp as usize,
        env.time_origin.realtime(),
    );
    for milestone in [
        Milestone::TimeOrigin,
        Milestone::NodeStart,
        Milestone::V8Start,
        Milestone::Environment,
    ] {
        milestones.set(milestone as usize, origin + milestone.soonest());
    }
    for milestone in [
        Milestone::LoopStart,
        Milestone::LoopExit,
        Milestone::BootstrapComplete,
    ] {
        milestones.set(milestone as usize, -1.0);
    }
}

/// Milliseconds since the origin.
fn now(scope: Scope, _args: Args, mut rv: Return) {
    let env = Env::of(scope);
    rv.set_double(
        monotonic_nanoseconds(&env).saturating_sub(env.time_origin.monotonic()) as f64 / 1e6,
    );
}

fn setup_observers(scope: Scope, args: Args, _rv: Return) {
    if let Some(callback) = convert::function_argument(scope, &args, 0, "callback") {
        Env::of(scope).set_slot(scope, Slot::PerformanceObserverCallback, callback.into());
    }
}

/// `notify(type, entry)`: passes the entry to the observers if there are any of that type.
fn notify(scope: Scope, args: Args, _rv: Return) {
    let kind = convert::text(scope, args.get(0));
    let Some(index) = ENTRY_TYPES
        .iter()
        .position(|name| name.eq_ignore_ascii_case(&kind))
    else {
        return;
    };
    let env = Env::of(scope);
    if env
        .aliased::<u32>(Slot::PerformanceObserverCounts)
        .get(index)
        == 0
    {
        return;
    }
    let Some(callback) = env.function(scope, Slot::PerformanceObserverCallback) else {
        return;
    };
    let receiver = v8::undefined(scope).into();
    callback.call(scope, receiver, &[args.get(1)]);
}

fn mark_bootstrap_complete(scope: Scope, _args: Args, _rv: Return) {
    mark(&Env::of(scope), Milestone::BootstrapComplete);
}

/// Milliseconds that the loop has waited.
fn loop_idle_time(scope: Scope, _args: Args, mut rv: Return) {
    let env = Env::of(scope);
    let idle = env
        .event_loop
        .idle_meter()
        .read(monotonic_nanoseconds(&env));
    rv.set_double(idle as f64 / 1e6);
}

/// Turns of the loop, events handled, events waiting (`uv_metrics_info`).
fn uv_metrics_info(scope: Scope, _args: Args, mut rv: Return) {
    // The loop does not count them; before its first turn libuv says zero, too.
    let zero: v8::Local<v8::Value> = v8::Integer::new(scope, 0).into();
    rv.set(v8::Array::new_with_elements(scope, &[zero; 3]).into());
}

/// Garbage collections as performance entries.
#[derive(Default)]
struct Tracking {
    installed: Cell<bool>,
    started: Cell<u64>,
}

fn install_garbage_collection_tracking(scope: Scope, _args: Args, _rv: Return) {
    if Env::of(scope).state::<Tracking>().installed.replace(true) {
        return;
    }
    scope.add_gc_prologue_callback(gc_started, std::ptr::null_mut(), v8::GCType::kGCTypeAll);
    scope.add_gc_epilogue_callback(gc_ended, std::ptr::null_mut(), v8::GCType::kGCTypeAll);
}

fn remove_garbage_collection_tracking(scope: Scope, _args: Args, _rv: Return) {
    if !Env::of(scope).state::<Tracking>().installed.replace(false) {
        return;
    }
    scope.remove_gc_prologue_callback(gc_started, std::ptr::null_mut());
    scope.remove_gc_epilogue_callback(gc_ended, std::ptr::null_mut());
}

/// The environment behind a raw isolate, for V8's callbacks that come without a scope.
fn env_of(isolate: v8::UnsafeRawIsolatePtr) -> std::rc::Rc<Env> {
    // SAFETY: V8 passes the isolate it is collecting, on whose thread the callback runs.
    let isolate = unsafe { v8::Isolate::from_raw_isolate_ptr(isolate) };
    Env::of(&isolate)
}

unsafe extern "C" fn gc_started(
    isolate: v8::UnsafeRawIsolatePtr,
    _kind: v8::GCType,
    _flags: v8::GCCallbackFlags,
    _data: *mut std::ffi::c_void,
) {
    contain_bare(|| {
        let env = env_of(isolate);
        let now = monotonic_nanoseconds(&env);
        env.state::<Tracking>().started.set(now);
    });
}

unsafe extern "C" fn gc_ended(
    isolate: v8::UnsafeRawIsolatePtr,
    kind: v8::GCType,
    flags: v8::GCCallbackFlags,
    _data: *mut std::ffi::c_void,
) {
    contain_bare(|| note_collection(&env_of(isolate), kind, flags));
}

fn note_collection(env: &Env, kind: v8::GCType, flags: v8::GCCallbackFlags) {
    if !is_observed(env, ENTRY_GC) {
        return;
    }
    let start = env.state::<Tracking>().started.get();
    let end = monotonic_nanoseconds(env);
    let kind = kind.0;
    // V8 has no word for who asked it to collect everything.
    let flags = if env.state::<ForcedCollection>().0.get() {
        v8::GCCallbackFlags::kGCCallbackFlagForced.0
    } else {
        flags.0
    };
    // No JavaScript may run in the middle of a collection.
    env.event_loop.set_immediate_unref(Box::new(move |scope| {
        report_collection(scope, start, end, kind, flags)
    }));
}

fn report_collection(
    scope: &mut v8::PinScope<'_, '_>,
    start: u64,
    end: u64,
    kind: u32,
    flags: u32,
) {
    let details = v8::Object::new(scope);
    let value = v8::Integer::new_from_unsigned(scope, kind).into();
    convert::set(scope, details, "kind", value);
    let value = v8::Integer::new_from_unsigned(scope, flags).into();
    convert::set(scope, details, "flags", value);
    let times = (start, end.saturating_sub(start));
    report(scope, ENTRY_GC, "gc", times, details);
}

/// Whether anybody listens to entries of the type at an index of `observerCounts`.
pub(crate) fn is_observed(env: &Env, entry_type: usize) -> bool {
    let counts = env.aliased::<u32>(Slot::PerformanceObserverCounts);
    counts.get(entry_type) > 0
}

/// `callback(name, type, startTime, duration, details)`, as the library's observer takes it, if anybody listens. Times are
/// nanoseconds, the first one of the kernel's clock.
pub(crate) fn report(
    scope: &mut v8::PinScope<'_, '_>,
    entry_type: usize,
    name: &'static str,
    (start, duration): (u64, u64),
    details: v8::Local<'_, v8::Object>,
) {
    let env = Env::of(scope);
    if !is_observed(&env, entry_type) {
        return;
    }
    let Some(callback) = env.function(scope, Slot::PerformanceObserverCallback) else {
        return;
    };
    let Some(process) = env.object(scope, Slot::Process) else {
        return;
    };
    let entry_type = ENTRY_TYPES[entry_type].to_ascii_lowercase();
    let since_origin = start.saturating_sub(env.time_origin.monotonic());
    let arguments = [
        env.name(scope, name).into(),
        exception::string(scope, &entry_type).into(),
        v8::Number::new(scope, since_origin as f64 / 1e6).into(),
        v8::Number::new(scope, duration as f64 / 1e6).into(),
        v8::Local::new(scope, details).into(),
    ];
    crate::js::callback_scope::make_callback(scope, process, callback, &arguments);
}
