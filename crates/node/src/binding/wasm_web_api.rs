//! `internalBinding('wasm_web_api')`: `WebAssembly.compileStreaming()` over the library's `Response`. Follows Node's
//! `src/node_wasm_web_api.cc`.

use std::cell::RefCell;
use std::rc::Rc;

use crate::callback::{Args, Return, Scope, contain};
use crate::env::{Env, Slot};
use crate::js::class::{Definition, class_template, illegal_constructor};
use crate::js::exception::throw_invalid_argument;
use crate::js::{convert, wrap};

/// Declares the binding.
pub fn define(definition: &mut Definition) {
    definition.function("setImplementation", set_implementation);
    definition
        .class("WasmStreamingObject", illegal_constructor)
        .hidden()
        .method("push", push)
        .method("finish", finish)
        .method("abort", abort)
        .method("setURL", set_url);
}

/// V8's side of one compilation; gone once it is finished or aborted.
struct Streaming(RefCell<Option<v8::WasmStreaming<false>>>);

fn set_implementation(scope: Scope, args: Args, _rv: Return) {
    if !args.get(0).is_function() {
        throw_invalid_argument(scope, "The \"implementation\" argument must be a function");
        return;
    }
    Env::of(scope).set_slot(scope, Slot::WasmStreamingImplementation, args.get(0));
}

/// Installs the streaming functions on the isolate's contexts; to be called before any context is made.
pub fn install_wasm_streaming(isolate: &mut v8::Isolate) {
    isolate.set_wasm_streaming_callback(on_streaming);
}

/// V8's hook for `WebAssembly.compileStreaming` and its like.
fn on_streaming<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    source: v8::Local<'s, v8::Value>,
    streaming: v8::WasmStreaming<false>,
) {
    contain(scope, |scope| start(scope, source, streaming));
}

/// Hands what is to be compiled to the library.
fn start<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    source: v8::Local<'s, v8::Value>,
    streaming: v8::WasmStreaming<false>,
) {
    let env = Env::of(scope);
    let Some(implementation) = env.function(scope, Slot::WasmStreamingImplementation) else {
        return;
    };
    let Some(template) = class_template(scope, "WasmStreamingObject") else {
        return;
    };
    let Some(object) = template.instance_template(scope).new_instance(scope) else {
        return;
    };
    wrap::wrap(scope, object, Streaming(RefCell::new(Some(streaming))));
    let receiver = v8::undefined(scope).into();
    implementation.call(scope, receiver, &[object.into(), source]);
}

fn this(scope: Scope, args: &Args) -> Option<Rc<Streaming>> {
    let streaming = wrap::unwrap::<Streaming>(scope, args.this().into());
    if streaming.is_none() {
        throw_invalid_argument(scope, "The receiver must be a WasmStreamingObject");
    }
    streaming
}

fn push(scope: Scope, args: Args, _rv: Return) {
    let Some(streaming) = this(scope, &args) else {
        return;
    };
    let Some(bytes) = convert::bytes(args.get(0)) else {
        throw_invalid_argument(scope, "chunk must be an ArrayBufferView or an ArrayBuffer");
        return;
    };
    if let Some(streaming) = streaming.0.borrow_mut().as_mut() {
        streaming.on_bytes_received(&bytes);
    }
}

fn finish(scope: Scope, args: Args, _rv: Return) {
    let Some(streaming) = this(scope, &args) else {
        return;
    };
    let streaming = streaming.0.borrow_mut().take();
    if let Some(streaming) = streaming {
        streaming.finish();
    }
}

fn abort(scope: Scope, args: Args, _rv: Return) {
    let Some(streaming) = this(scope, &args) else {
        return;
    };
    let streaming = streaming.0.borrow_mut().take();
    if let Some(streaming) = streaming {
        streaming.abort(Some(args.get(0)));
    }
}

fn set_url(scope: Scope, args: Args, _rv: Return) {
    let Some(streaming) = this(scope, &args) else {
        return;
    };
    let url = convert::text(scope, args.get(0));
    if let Some(streaming) = streaming.0.borrow_mut().as_mut() {
        streaming.set_url(&url);
    }
}
