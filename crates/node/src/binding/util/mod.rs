//! `internalBinding('util')`: looks behind values, lazy properties, call sites. Follows Node's `src/node_util.cc`.

mod call_sites;
pub mod dotenv;
mod inspect;
mod lazy;

pub use lazy::lazy_property_getter;

use secure_exec_kernel::abi::socket::{
    AF_INET, AF_INET6, AF_UNIX, SO_DOMAIN, SO_TYPE, SOCK_DGRAM, SOCK_STREAM, SOL_SOCKET,
};
use secure_exec_kernel::{Errno, FileKind, Process};

use crate::callback::{self, Args, Return, Scope};
use crate::env::{Env, Slot};
use crate::js::class::Definition;
use crate::js::convert;
use crate::js::exception::{self, ErrorKind, throw_invalid_argument};
use crate::library::tables::tables;
use crate::process::frozen_clock;

/// Declares the binding.
pub fn define(definition: &mut Definition) {
    definition
        .function("getPromiseDetails", inspect::get_promise_details)
        .function("getProxyDetails", inspect::get_proxy_details)
        .function("previewEntries", inspect::preview_entries)
        .function(
            "getOwnNonIndexProperties",
            inspect::get_own_non_index_properties,
        )
        .function("getConstructorName", inspect::get_constructor_name)
        .function("getExternalValue", inspect::get_external_value)
        .function(
            "arrayBufferViewHasBuffer",
            inspect::array_buffer_view_has_buffer,
        )
        .function("getCallerLocation", call_sites::get_caller_location)
        .function("getCallSites", call_sites::get_call_sites)
        .function("isInsideNodeModules", call_sites::is_inside_node_modules)
        .function("defineLazyProperties", lazy::define_lazy_properties)
        .function("parseEnv", dotenv::parse_env)
        .function("sleep", sleep)
        .function("constructSharedArrayBuffer", construct_shared_array_buffer)
        .function("markPromiseAsHandled", mark_promise_as_handled)
        .function("guessHandleType", guess_handle_type)
        .function("isArrayBufferView", is_array_buffer_view)
        .function("isTypedArray", is_typed_array)
        .function("isUint8Array", is_uint8_array)
        .function("isDataView", is_data_view)
        .accessor_reference(callback::accessor_getter(lazy_property_getter))
        .init(initialize);
}

fn initialize(scope: &mut v8::PinScope<'_, '_>, binding: v8::Local<'_, v8::Object>) {
    let env = Env::of(scope);
    let privates = private_symbols(scope);
    convert::set(scope, binding, "privateSymbols", privates.into());
    let toggle = env.aliased_array::<u32>(scope, Slot::ShouldAbortOnUncaught, 1);
    env.aliased::<u32>(Slot::ShouldAbortOnUncaught).set(0, 1);
    convert::set(scope, binding, "shouldAbortOnUncaughtToggle", toggle);
}

/// `privateSymbols`: V8 privates as property values. To JavaScript they are symbols, but properties under them are
/// invisible to reflection and pass by proxies. Made once per isolate.
pub fn private_symbols<'s>(scope: &mut v8::PinScope<'s, '_>) -> v8::Local<'s, v8::Object> {
    let env = Env::of(scope);
    if let Some(object) = env.object(scope, Slot::PrivateSymbols) {
        return object;
    }
    // Only a template takes a private as a property's value.
    let template = v8::ObjectTemplate::new(scope);
    for (key, _) in tables()["privateSymbols"].as_object().into_iter().flatten() {
        let private = env.private(scope, key);
        let name = exception::string(scope, key);
        template.set(name.into(), private.into());
    }
    let Some(object) = template.new_instance(scope) else {
        return v8::Object::new(scope);
    };
    let null = v8::null(scope).into();
    object.set_prototype(scope, null);
    env.set_slot(scope, Slot::PrivateSymbols, object.into());
    object
}

fn sleep(scope: Scope, args: Args, _rv: Return) {
    let Some(milliseconds) = args.get(0).uint32_value(scope) else {
        return;
    };
    let isolate = scope.thread_safe_handle();
    let until = std::time::Instant::now() + std::time::Duration::from_millis(milliseconds.into());
    // In slices, so that a kill ends it.
    loop {
        let left = until.saturating_duration_since(std::time::Instant::now());
        if left.is_zero() || isolate.is_execution_terminating() {
            return;
        }
        std::thread::sleep(left.min(std::time::Duration::from_millis(20)));
    }
}

fn construct_shared_array_buffer(scope: Scope, args: Args, mut rv: Return) {
    let Some(length) = args.get(0).integer_value(scope) else {
        return;
    };
    let env = Env::of(scope);
    // The library's own shared memory could be had by guest code, and a counter in it is a clock.
    let is_shared = !frozen_clock::stand_still(&env);
    let store = usize::try_from(length).ok().and_then(|length| {
        if is_shared {
            env.array_buffers.shared_backing_store(length)
        } else {
            env.array_buffers.backing_store(length)
        }
    });
    let Some(store) = store else {
        exception::throw(
            scope,
            ErrorKind::RangeError,
            "",
            "Array buffer allocation failed",
        );
        return;
    };
    rv.set(if is_shared {
        v8::SharedArrayBuffer::with_backing_store(scope, &store).into()
    } else {
        v8::ArrayBuffer::with_backing_store(scope, &store).into()
    });
}

fn mark_promise_as_handled(scope: Scope, args: Args, _rv: Return) {
    let Ok(promise) = v8::Local::<v8::Promise>::try_from(args.get(0)) else {
        throw_invalid_argument(scope, "The \"promise\" argument must be a Promise");
        return;
    };
    promise.mark_as_handled();
    if promise.state() != v8::PromiseState::Rejected {
        return;
    }
    // The rejection may have been reported already: take it back the way V8 does for a handler added late.
    if let Some(callback) = Env::of(scope).function(scope, Slot::PromiseRejectCallback) {
        let handler_added_after_reject = v8::Integer::new(scope, 1).into();
        let undefined: v8::Local<v8::Value> = v8::undefined(scope).into();
        callback.call(
            scope,
            undefined,
            &[handler_added_after_reject, promise.into(), undefined],
        );
    }
}

/// Index into the library's `handleTypes` by the kind of the open file.
fn guess_handle_type(scope: Scope, args: Args, mut rv: Return) {
    let Some(fd) = args.get(0).int32_value(scope) else {
        return;
    };
    rv.set_uint32(handle_type(scope, fd) as u32);
}

/// What a descriptor is, numbered as the library's `handleTypes` are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HandleType {
    Tcp,
    Tty,
    Udp,
    File,
    Pipe,
    Unknown,
}

/// As `uv_guess_handle`.
pub fn handle_type(scope: &v8::PinScope<'_, '_>, fd: i32) -> HandleType {
    let Some(process) = Env::of(scope).try_process() else {
        return HandleType::Unknown;
    };
    match process.file(fd).map(|file| file.kind()) {
        Ok(FileKind::Tty) => HandleType::Tty,
        // libuv takes a character device that is no terminal for a file.
        Ok(FileKind::Regular | FileKind::CharDevice) => HandleType::File,
        Ok(FileKind::Pipe) => HandleType::Pipe,
        Ok(FileKind::Socket) => socket_type(&process, fd).unwrap_or(HandleType::Unknown),
        _ => HandleType::Unknown,
    }
}

fn socket_type(process: &Process, fd: i32) -> Result<HandleType, Errno> {
    let option = |name| process.getsockopt(fd, SOL_SOCKET, name);
    let (domain, kind) = (option(SO_DOMAIN)?.int(), option(SO_TYPE)?.int());
    Ok(match (domain, kind) {
        (Some(AF_INET | AF_INET6), Some(SOCK_STREAM)) => HandleType::Tcp,
        (Some(AF_INET | AF_INET6), Some(SOCK_DGRAM)) => HandleType::Udp,
        (Some(AF_UNIX), Some(SOCK_STREAM)) => HandleType::Pipe,
        _ => HandleType::Unknown,
    })
}

macro_rules! view_predicates {
    ($($function:ident $test:ident;)*) => {
        $(fn $function(
            _scope: Scope,
            args: Args,
            mut rv: Return,
        ) {
            rv.set_bool(args.get(0).$test());
        })*
    };
}

view_predicates! {
    is_array_buffer_view is_array_buffer_view;
    is_typed_array is_typed_array;
    is_uint8_array is_uint8_array;
    is_data_view is_data_view;
}
