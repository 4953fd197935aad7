//! `internalBinding('worker')`: the class `Worker` of the library, and what a thread knows of itself. Follows Node's
//! `src/node_worker.cc`; the threads are in `crate::worker`.

mod start;
mod taker;

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;

use super::messaging::{PortData, new_port};
use crate::callback::{Args, Return, Scope};
use crate::env::clock::monotonic_nanoseconds;
use crate::env::{Env, Slot};
use crate::event_loop::Completion;
use crate::js::class::Definition;
use crate::js::exception::{self, string};
use crate::js::{async_wrap, callback_scope, convert, wrap};
use crate::worker::{self, LIMIT_COUNT, ResourceLimits, Worker};

/// Declares the binding.
pub fn define(definition: &mut Definition) {
    definition
        .function("getEnvMessagePort", get_env_message_port)
        .init(initialize);
    let class = definition
        .class("Worker", start::new_worker)
        .inherits("AsyncWrap")
        .method("startThread", start::start_thread)
        .method("stopThread", stop_thread)
        .method("hasRef", has_ref)
        .method("ref", reference)
        .method("unref", unreference)
        .method("getResourceLimits", get_resource_limits)
        .method("loopIdleTime", loop_idle_time)
        .method("loopStartTime", loop_start_time)
        .method("startCpuProfile", refuse_profile)
        .method("stopCpuProfile", refuse_profile)
        .method("startHeapProfile", refuse_profile)
        .method("stopHeapProfile", refuse_profile);
    taker::add_methods(class);
}

/// The tables have the values of a main thread.
fn initialize(scope: &mut v8::PinScope<'_, '_>, binding: v8::Local<'_, v8::Object>) {
    if Env::of(scope).is_worker.get() {
        for name in ["isMainThread", "ownsProcessState"] {
            let value = v8::Boolean::new(scope, false).into();
            convert::set(scope, binding, name, value);
        }
    }
}

/// The native side of a `Worker` object.
pub(super) struct WorkerHandle {
    worker: Arc<Worker>,
    start: RefCell<Option<start::Prepared>>,
    referenced: Cell<bool>,
    /// Between the start of the thread and the event of its end.
    running: Cell<bool>,
    /// Some time after that event: the object stands for nothing any more.
    gone: Cell<bool>,
}

/// The workers that a thread has started and not yet heard of their end.
#[derive(Default)]
struct Children {
    running: RefCell<Vec<Child>>,
}

struct Child {
    object: v8::Global<v8::Object>,
    handle: Rc<WorkerHandle>,
}

/// The port to the parent.
#[derive(Default)]
struct ParentPort {
    object: RefCell<Option<v8::Global<v8::Object>>>,
}

/// Tells a worker's context which thread it is, before its main script runs.
fn install(scope: &mut v8::PinScope<'_, '_>, port: Arc<PortData>) {
    let env = Env::of(scope);
    let (Some(worker), Some(bindings)) = (env.worker(), env.object(scope, Slot::Bindings)) else {
        return;
    };
    let binding = convert::get(scope, bindings, "worker");
    if let Some(Ok(binding)) = binding.map(v8::Local::<v8::Object>::try_from) {
        let id = v8::Integer::new_from_unsigned(scope, worker.id).into();
        convert::set(scope, binding, "threadId", id);
        let name = string(scope, &worker.name).into();
        convert::set(scope, binding, "threadName", name);
        let internal = v8::Boolean::new(scope, worker.internal).into();
        convert::set(scope, binding, "isInternalThread", internal);
        let limits = limits_array(scope, worker.limits());
        convert::set(scope, binding, "resourceLimits", limits);
    }
    if let Some(port) = new_port(scope, port) {
        let state = env.state::<ParentPort>();
        *state.object.borrow_mut() = Some(v8::Global::new(scope, port));
    }
}

/// A worker of this thread has ended: `onexit` (`Worker::JoinThread`).
fn on_end(scope: &mut v8::PinScope<'_, '_>, id: u32) {
    let env = Env::of(scope);
    env.state::<worker::Children>().remove(id);
    let child = {
        let children = env.state::<Children>();
        let mut running = children.running.borrow_mut();
        let position = running
            .iter()
            .position(|child| child.handle.worker.id == id);
        position.map(|position| running.remove(position))
    };
    let Some(Child { object, handle }) = child else {
        return;
    };
    handle.running.set(false);
    if handle.referenced.get() {
        env.event_loop.remove_reference();
    }
    let object = v8::Local::new(scope, object);
    let undefined = v8::undefined(scope).into();
    convert::set(scope, object, "messagePort", undefined);
    let (code, failure) = handle.worker.outcome();
    let null: v8::Local<v8::Value> = v8::null(scope).into();
    let (name, reason) = match &failure {
        Some((name, reason)) => (string(scope, name).into(), string(scope, reason).into()),
        None => (null, null),
    };
    let code = v8::Integer::new(scope, code).into();
    callback_scope::make_named_callback(scope, object, "onexit", &[code, name, reason]);
    if let Some(state) = wrap::async_state(scope, object) {
        async_wrap::emit_destroy(scope, state.async_id.get());
    }
    let gone: Completion = Box::new(move |_| handle.gone.set(true));
    env.event_loop.set_immediate_unref(gone);
}

fn get_env_message_port(scope: Scope, _args: Args, mut rv: Return) {
    let port = Env::of(scope).state::<ParentPort>();
    let port = port.object.borrow();
    if let Some(port) = port.as_ref() {
        rv.set(v8::Local::new(scope, port).into());
    }
}

fn this(scope: &v8::PinScope<'_, '_>, args: &Args) -> Option<Rc<WorkerHandle>> {
    wrap::unwrap::<WorkerHandle>(scope, args.this().into())
}

fn stop_thread(scope: Scope, args: Args, _rv: Return) {
    if let Some(handle) = this(scope, &args) {
        handle.worker.exit_terminated();
    }
}

fn has_ref(scope: Scope, args: Args, mut rv: Return) {
    if let Some(handle) = this(scope, &args).filter(|handle| !handle.gone.get()) {
        rv.set_bool(handle.referenced.get());
    }
}

fn set_referenced(scope: &v8::PinScope<'_, '_>, args: &Args, referenced: bool) {
    let Some(handle) = this(scope, args) else {
        return;
    };
    let changed = handle.referenced.replace(referenced) != referenced;
    if changed && handle.running.get() {
        let env = Env::of(scope);
        if referenced {
            env.event_loop.add_reference();
        } else {
            env.event_loop.remove_reference();
        }
    }
}

fn reference(scope: Scope, args: Args, _rv: Return) {
    set_referenced(scope, &args, true);
}

fn unreference(scope: Scope, args: Args, _rv: Return) {
    set_referenced(scope, &args, false);
}

fn limits_array<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    limits: ResourceLimits,
) -> v8::Local<'s, v8::Value> {
    let bytes = limits.0.iter().flat_map(|limit| limit.to_ne_bytes());
    let buffer = convert::array_buffer(scope, bytes.collect());
    match v8::Float64Array::new(scope, buffer, 0, LIMIT_COUNT) {
        Some(array) => array.into(),
        None => v8::undefined(scope).into(),
    }
}

/// The limits in the array that the library passes.
pub(super) fn limits_of(value: v8::Local<'_, v8::Value>) -> ResourceLimits {
    let mut limits = [-1.0; LIMIT_COUNT];
    let bytes = convert::bytes(value).unwrap_or_default();
    for (limit, bytes) in limits.iter_mut().zip(bytes.chunks_exact(size_of::<f64>())) {
        *limit = bytes.try_into().map_or(-1.0, f64::from_ne_bytes);
    }
    ResourceLimits(limits)
}

fn get_resource_limits(scope: Scope, args: Args, mut rv: Return) {
    if let Some(handle) = this(scope, &args) {
        let limits = limits_array(scope, handle.worker.limits());
        rv.set(limits);
    }
}

fn loop_idle_time(scope: Scope, args: Args, mut rv: Return) {
    if let Some(handle) = this(scope, &args) {
        let now = monotonic_nanoseconds(&Env::of(scope));
        rv.set_double(handle.worker.idle_time(now) as f64 / 1e6);
    }
}

/// Milliseconds by the clock of `process.hrtime()`; -1 where the loop does not run.
fn loop_start_time(scope: Scope, args: Args, mut rv: Return) {
    if let Some(handle) = this(scope, &args) {
        let start = handle.worker.loop_start();
        rv.set_double(start.map_or(-1.0, |start| start as f64 / 1e6));
    }
}

fn refuse_profile(scope: Scope, _args: Args, _rv: Return) {
    exception::throw_unavailable(scope, "profiles of workers are not available in this VM");
}
