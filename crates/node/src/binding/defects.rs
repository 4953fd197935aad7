//! `internalBinding('secure_exec_defects')`: panics on demand, in each kind of place that V8 or a thread of ours calls.
//!
//! For the tests of what a defect costs. Only the library's own tests reach it (`--expose-internals`), and a guest that
//! uses it ends its own VM.

use std::cell::RefCell;

use crate::callback::{self, Args, Contained, Return, Scope, contain_bare};
use crate::env::Env;
use crate::js::class::Definition;
use crate::js::exception::throw_invalid_argument;
use crate::threads::thread_pool;

/// Declares the binding.
pub fn define(definition: &mut Definition) {
    definition
        .function("call", fail_with_arguments)
        .function("borrowTwice", borrow_twice)
        .function("handlers", handlers)
        .function("accessor", accessor)
        .function("serialize", serialize)
        .function("collect", collect)
        .function("later", later);
    definition
        .class("Defect", construct)
        .method("method", fail_with_arguments)
        .getter("getter", fail_with_arguments)
        .accessor("accessor", fail_with_arguments, fail_with_arguments)
        .static_function("of", fail_with_arguments);
}

fn fail() -> ! {
    panic!("a defect made by a test")
}

fn fail_with_arguments(_scope: Scope, _args: Args, _rv: Return) {
    fail()
}

/// `new Defect(fails)`.
fn construct(_scope: Scope, args: Args, _rv: Return) {
    if args.get(0).is_true() {
        fail()
    }
}

fn borrow_twice(_scope: Scope, _args: Args, _rv: Return) {
    let cell = RefCell::new(0);
    let held = cell.borrow_mut();
    *cell.borrow_mut() += *held;
}

/// An object whose every access fails.
fn handlers(scope: Scope, _args: Args, mut rv: Return) {
    let template = v8::ObjectTemplate::new(scope);
    template.set_named_property_handler(
        v8::NamedPropertyHandlerConfiguration::new()
            .getter(callback::named_getter(|_, _, _, _| fail()))
            .setter(callback::named_setter(|_, _, _, _, _| fail()))
            .query(callback::named_query(|_, _, _, _| fail()))
            .deleter(callback::named_deleter(|_, _, _, _| fail()))
            .enumerator(callback::property_enumerator(|_, _, _| fail()))
            .definer(callback::named_definer(|_, _, _, _, _| fail()))
            .descriptor(callback::named_descriptor(|_, _, _, _| fail())),
    );
    template.set_indexed_property_handler(
        v8::IndexedPropertyHandlerConfiguration::new()
            .getter(callback::indexed_getter(|_, _, _, _| fail()))
            .setter(callback::indexed_setter(|_, _, _, _, _| fail()))
            .query(callback::indexed_query(|_, _, _, _| fail()))
            .deleter(callback::indexed_deleter(|_, _, _, _| fail()))
            .enumerator(callback::property_enumerator(|_, _, _| fail()))
            .definer(callback::indexed_definer(|_, _, _, _, _| fail()))
            .descriptor(callback::indexed_descriptor(|_, _, _, _| fail())),
    );
    if let Some(object) = template.new_instance(scope) {
        rv.set(object.into());
    }
}

/// An object with a native data property `value`.
fn accessor(scope: Scope, _args: Args, mut rv: Return) {
    let object = v8::Object::new(scope);
    let name = Env::of(scope).name(scope, "value");
    object.set_accessor_with_setter(
        scope,
        name.into(),
        callback::accessor_getter(|_, _, _, _| fail()),
        callback::accessor_setter(|_, _, _, _, _| fail()),
    );
    rv.set(object.into());
}

struct Delegate;

impl v8::ValueSerializerImpl for Delegate {
    fn throw_data_clone_error<'s>(
        &self,
        _scope: &mut v8::PinScope<'s, '_>,
        _message: v8::Local<'s, v8::String>,
    ) {
        fail()
    }
}

/// `serialize(value)`, with a delegate that fails for what cannot be cloned.
fn serialize(scope: Scope, args: Args, _rv: Return) {
    let serializer = v8::ValueSerializer::new(scope, Box::new(Contained(Delegate)));
    let context = scope.get_current_context();
    v8::ValueSerializerHelper::write_value(&serializer, context, args.get(0));
}

/// Collects garbage with a callback that fails in it.
fn collect(scope: Scope, _args: Args, _rv: Return) {
    scope.add_gc_prologue_callback(in_collection, std::ptr::null_mut(), v8::GCType::kGCTypeAll);
    scope.low_memory_notification();
    scope.remove_gc_prologue_callback(in_collection, std::ptr::null_mut());
}

unsafe extern "C" fn in_collection(
    _isolate: v8::UnsafeRawIsolatePtr,
    _kind: v8::GCType,
    _flags: v8::GCCallbackFlags,
    _data: *mut std::ffi::c_void,
) {
    contain_bare(|| fail());
}

/// `later(place)`: fails soon in the loop, on the thread pool, or on a thread of its own.
fn later(scope: Scope, args: Args, _rv: Return) {
    let place = crate::js::convert::text(scope, args.get(0));
    match place.as_str() {
        "loop" => Env::of(scope).event_loop.defer(Box::new(|_| fail())),
        "pool" => thread_pool::submit(|| fail()),
        "thread" => {
            // Whether there is a thread for it is the test's to see.
            let _ = std::thread::Builder::new()
                .name("defect".to_owned())
                .spawn(|| fail());
        }
        _ => throw_invalid_argument(scope, "place must be loop, pool or thread"),
    }
}
