//! `internalBinding('trace_events')`. Follows Node's `src/node_trace_events.cc`.
//!
//! There is no tracing agent: every category is off, and turning one on refuses.

use crate::env::{Env, Slot};
use crate::js::class::Definition;
use crate::js::{convert, exception, wrap};

/// Declares the binding.
pub fn define(definition: &mut Definition) {
    definition
        .function("getEnabledCategories", get_enabled_categories)
        .function(
            "setTraceCategoryStateUpdateHandler",
            set_trace_category_state_update_handler,
        )
        .function("getCategoryEnabledBuffer", get_category_enabled_buffer)
        .function("isTraceCategoryEnabled", is_trace_category_enabled)
        .function("trace", trace);
    definition
        .class("CategorySet", new_category_set)
        .method("enable", enable)
        .method("disable", disable);
}

/// A set of categories that was never turned on.
struct CategorySet;

fn new_category_set(
    scope: &mut v8::PinScope<'_, '_>,
    args: v8::FunctionCallbackArguments<'_>,
    _rv: v8::ReturnValue<'_, v8::Value>,
) {
    if !args.is_construct_call() || !args.get(0).is_array() {
        exception::throw_invalid_argument(scope, "The \"categories\" argument must be an array");
        return;
    }
    wrap::wrap(scope, args.this(), CategorySet);
}

fn enable(
    scope: &mut v8::PinScope<'_, '_>,
    _args: v8::FunctionCallbackArguments<'_>,
    _rv: v8::ReturnValue<'_, v8::Value>,
) {
    exception::throw_unavailable(
        scope,
        "trace_events is not available in this VM: nothing collects the events",
    );
}

fn disable(
    _scope: &mut v8::PinScope<'_, '_>,
    _args: v8::FunctionCallbackArguments<'_>,
    _rv: v8::ReturnValue<'_, v8::Value>,
) {
    // Nothing can have been enabled.
}

/// `undefined`: no category is on.
fn get_enabled_categories(
    _scope: &mut v8::PinScope<'_, '_>,
    _args: v8::FunctionCallbackArguments<'_>,
    _rv: v8::ReturnValue<'_, v8::Value>,
) {
}

fn set_trace_category_state_update_handler(
    scope: &mut v8::PinScope<'_, '_>,
    args: v8::FunctionCallbackArguments<'_>,
    _rv: v8::ReturnValue<'_, v8::Value>,
) {
    if let Some(handler) = convert::function_argument(scope, &args, 0, "handler") {
        Env::of(scope).set_slot(scope, Slot::TraceCategoryStateUpdate, handler.into());
    }
}

/// One byte that says whether the category is on: zero for ever.
fn get_category_enabled_buffer(
    scope: &mut v8::PinScope<'_, '_>,
    _args: v8::FunctionCallbackArguments<'_>,
    mut rv: v8::ReturnValue<'_, v8::Value>,
) {
    let buffer = convert::array_buffer(scope, vec![0]);
    if let Some(array) = v8::Uint8Array::new(scope, buffer, 0, 1) {
        rv.set(array.into());
    }
}

fn is_trace_category_enabled(
    _scope: &mut v8::PinScope<'_, '_>,
    _args: v8::FunctionCallbackArguments<'_>,
    mut rv: v8::ReturnValue<'_, v8::Value>,
) {
    rv.set_bool(false);
}

/// An event of a category that is off.
fn trace(
    _scope: &mut v8::PinScope<'_, '_>,
    _args: v8::FunctionCallbackArguments<'_>,
    _rv: v8::ReturnValue<'_, v8::Value>,
) {
}
