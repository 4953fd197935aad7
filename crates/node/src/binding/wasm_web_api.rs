//! `internalBinding('wasm_web_api')`: streaming compilation. Follows Node's `src/node_wasm_web_api.cc`.
//!
//! The library sets its implementation while it boots. V8 asks for it through the isolate's streaming callback, which
//! is not installed yet: `WebAssembly.compileStreaming` does not exist then, which is what `typeof` tells a program.

use super::Definition;
use crate::env::{Env, Slot};

/// Declares the binding.
pub fn define(definition: &mut Definition) {
    definition.function("setImplementation", set_implementation);
}

fn set_implementation(
    scope: &mut v8::PinScope<'_, '_>,
    args: v8::FunctionCallbackArguments<'_>,
    _rv: v8::ReturnValue<'_, v8::Value>,
) {
    Env::of(scope).set_slot(scope, Slot::WasmStreamingImplementation, args.get(0));
}
