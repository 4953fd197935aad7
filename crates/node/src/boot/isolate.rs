//! Isolates of ours: callbacks and limits that every one of them has.

use std::rc::Rc;

use crate::binding::{
    contextify, declare_classes, install_wasm_streaming, module_wrap, task_queue,
};
use crate::callback::contain;
use crate::env::{Env, Slot};
use crate::inspector::Agent;
use crate::js::callback_scope;
use crate::js::exception::{self, string};
use crate::process::uncaught;

/// Installs the environment and every isolate-wide callback.
pub fn prepare(isolate: &mut v8::Isolate, env: &Rc<Env>) {
    isolate.set_slot(env.clone());
    declare_classes(env);
    callback_scope::on_uncaught(env, |scope, error, message| {
        uncaught::trigger_uncaught_with(scope, error, message, false);
    });
    Agent::of(env).on_start(contextify::announce_contexts);
    isolate.set_microtasks_policy(v8::MicrotasksPolicy::Explicit);
    isolate.set_promise_reject_callback(task_queue::promise_reject_callback);
    isolate.set_host_import_module_dynamically_callback(module_wrap::import_module_dynamically);
    isolate.set_host_import_module_with_phase_dynamically_callback(
        module_wrap::import_module_with_phase_dynamically,
    );
    isolate.set_host_initialize_import_meta_object_callback(
        module_wrap::initialize_import_meta_object,
    );
    isolate.set_prepare_stack_trace_callback(prepare_stack_trace);
    isolate.set_capture_stack_trace_for_uncaught_exceptions(true, 10);
    install_wasm_streaming(isolate);
    // Listeners are part of a snapshot, where one would be there twice.
    if !env.building_snapshot.get() {
        isolate.add_message_listener(uncaught_exception);
    }
}

/// Called by V8 with an exception that left a microtask or another job that nobody called
/// (`PerIsolateMessageListener` in Node's `src/api/environment.cc`).
///
/// # Safety
/// Called by V8 alone, with values of the current isolate.
unsafe extern "C" fn uncaught_exception(
    message: v8::Local<'_, v8::Message>,
    error: v8::Local<'_, v8::Value>,
) {
    v8::callback_scope!(unsafe scope, message);
    contain(scope, |scope| {
        if !uncaught::overflowed_in_a_hook(scope, error) {
            uncaught::trigger_uncaught_with(scope, error, message, false);
        }
    });
}

/// V8's hook for `error.stack`; it wants a value in any case.
fn prepare_stack_trace<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    error: v8::Local<'s, v8::Value>,
    sites: v8::Local<'s, v8::Array>,
) -> v8::Local<'s, v8::Value> {
    let stack = contain(scope, |scope| formatted_stack(scope, error, sites));
    stack.unwrap_or_else(|| v8::undefined(scope).into())
}

/// Formats `error.stack` through the library's callback (`PrepareStackTraceCallback` in Node's `src/node_errors.cc`).
fn formatted_stack<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    error: v8::Local<'s, v8::Value>,
    sites: v8::Local<'s, v8::Array>,
) -> v8::Local<'s, v8::Value> {
    let env = Env::of(scope);
    let Some(prepare) = env.function(scope, Slot::PrepareStackTrace) else {
        return default_stack(scope, error, sites);
    };
    let receiver: v8::Local<v8::Value> = v8::undefined(scope).into();
    let global = scope.get_current_context().global(scope).into();
    let prepared = exception::catch(scope, |scope| {
        prepare.call(scope, receiver, &[global, error, sites.into()])
    });
    match prepared {
        Ok(stack) => return stack,
        // V8 wants a value in any case; the exception of a user's hook replaces it.
        Err(Some(thrown)) => {
            scope.throw_exception(thrown);
        }
        Err(None) => {}
    }
    v8::undefined(scope).into()
}

/// The stack before the library is up.
fn default_stack<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    error: v8::Local<'s, v8::Value>,
    sites: v8::Local<'s, v8::Array>,
) -> v8::Local<'s, v8::Value> {
    let mut text = error
        .to_detail_string(scope)
        .map(|text| text.to_rust_string_lossy(scope))
        .unwrap_or_default();
    for index in 0..sites.length() {
        let site = sites
            .get_index(scope, index)
            .and_then(|site| site.to_string(scope));
        let site = site
            .map(|site| site.to_rust_string_lossy(scope))
            .unwrap_or_default();
        text.push_str(&format!("\n    at {site}"));
    }
    string(scope, &text).into()
}
