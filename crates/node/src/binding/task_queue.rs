//! `internalBinding('task_queue')`. Follows Node's `src/node_task_queue.cc`.

use crate::callback::{Args, Return, Scope, contain};
use crate::env::{Env, Slot};
use crate::js::class::Definition;

/// Declares the binding.
pub fn define(definition: &mut Definition) {
    definition
        .function("enqueueMicrotask", enqueue_microtask)
        .function("setTickCallback", set_tick_callback)
        .function("runMicrotasks", run_microtasks)
        .function("setPromiseRejectCallback", set_promise_reject_callback)
        .init(init);
}

fn init(scope: &mut v8::PinScope<'_, '_>, binding: v8::Local<'_, v8::Object>) {
    let tick_info = Env::of(scope).aliased_array::<u8>(scope, Slot::TickInfo, 2);
    crate::js::convert::set(scope, binding, "tickInfo", tick_info);
}

fn enqueue_microtask(scope: Scope, args: Args, _rv: Return) {
    if let Ok(microtask) = v8::Local::<v8::Function>::try_from(args.get(0)) {
        scope.enqueue_microtask(microtask);
    }
}

fn set_tick_callback(scope: Scope, args: Args, _rv: Return) {
    Env::of(scope).set_slot(scope, Slot::TickCallback, args.get(0));
}

fn run_microtasks(scope: Scope, _args: Args, _rv: Return) {
    scope.perform_microtask_checkpoint();
}

fn set_promise_reject_callback(scope: Scope, args: Args, _rv: Return) {
    Env::of(scope).set_slot(scope, Slot::PromiseRejectCallback, args.get(0));
}

/// The isolate's hook for rejected promises (`PromiseRejectCallback`).
///
/// # Safety
/// Called by V8 alone, with a message of the current isolate.
pub unsafe extern "C" fn promise_reject_callback(message: v8::PromiseRejectMessage<'_>) {
    v8::callback_scope!(unsafe scope, &message);
    contain(scope, |scope| report_rejection(scope, &message));
}

fn report_rejection(scope: &mut v8::PinScope<'_, '_>, message: &v8::PromiseRejectMessage<'_>) {
    let env = Env::of(scope);
    if env.is_halted(scope) {
        return;
    }
    let Some(callback) = env.function(scope, Slot::PromiseRejectCallback) else {
        return;
    };
    let event = message.get_event();
    let undefined: v8::Local<v8::Value> = v8::undefined(scope).into();
    let value = match event {
        v8::PromiseRejectEvent::PromiseRejectWithNoHandler
        | v8::PromiseRejectEvent::PromiseResolveAfterResolved
        | v8::PromiseRejectEvent::PromiseRejectAfterResolved => {
            message.get_value().unwrap_or(undefined)
        }
        v8::PromiseRejectEvent::PromiseHandlerAddedAfterReject => undefined,
    };
    let kind = v8::Integer::new(scope, event as i32).into();
    let promise = message.get_promise().into();
    v8::tc_scope!(let tc, scope);
    callback.call(tc, undefined, &[kind, promise, value]);
    if tc.has_terminated() {
        tc.rethrow();
    } else if let Some(error) = tc.exception() {
        let text = error.to_rust_string_lossy(tc);
        crate::process::report::write_stderr(
            tc,
            format!("Exception in PromiseRejectCallback:\n{text}\n").as_bytes(),
        );
    }
}
