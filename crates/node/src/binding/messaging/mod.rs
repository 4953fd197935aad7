//! `internalBinding('messaging')`: structured clones and message ports. Follows Node's `src/node_messaging.cc`.

mod dom_exception;

use dom_exception::dom_exception_getter;

use super::Definition;
use crate::env::{Env, Slot};
use crate::exception::throw_invalid_argument;

/// Declares the binding.
pub fn define(definition: &mut Definition) {
    definition
        .function("setDeserializerCreateObjectFunction", set_deserializer_create_object_function)
        .function("exposeLazyDOMExceptionProperty", dom_exception::expose_lazy_dom_exception_property)
        .accessor_reference(dom_exception_getter)
        .init(initialize);
}

fn initialize(scope: &mut v8::PinScope<'_, '_>, binding: v8::Local<'_, v8::Object>) {
    dom_exception::define_lazily(scope, binding);
}

fn set_deserializer_create_object_function(
    scope: &mut v8::PinScope<'_, '_>,
    args: v8::FunctionCallbackArguments<'_>,
    _rv: v8::ReturnValue<'_, v8::Value>,
) {
    if !args.get(0).is_function() {
        throw_invalid_argument(scope, "The \"function\" argument must be a function");
        return;
    }
    Env::of(scope).set_slot(scope, Slot::DeserializerCreateObject, args.get(0));
}
