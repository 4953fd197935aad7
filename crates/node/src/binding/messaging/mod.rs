//! `internalBinding('messaging')`: structured clones and message ports. Follows Node's `src/node_messaging.cc`.
//!
//! A [`message::Message`] is bytes and memory without handles into a heap, queues are behind locks, and a port is woken
//! through its owner's loop: nothing here depends on both ends being in one isolate.

mod deserialize;
mod dom_exception;
mod group;
mod message;
mod native;
mod port;
mod queued;
mod serialize;

use std::rc::Rc;
use std::sync::Arc;

pub use deserialize::deserialize;
pub use dom_exception::dom_exception_getter;

use group::Dispatched;
pub use message::Message;
use port::MessagePort;
pub use port::{PortData, close_all as close_ports, new_half_pair, new_port};
pub use serialize::serialize;

use crate::binding::contextify::context_of;
use crate::callback::{self, Args, Return, Scope};
use crate::env::{Env, Slot};
use crate::js::class::Definition;
use crate::js::exception::{self, ErrorKind, throw_invalid_argument};
use crate::js::{convert, wrap};
use crate::process::process_env;

/// Stands in the bytes for an object that is copied as a plain one.
const NORMAL_OBJECT: u32 = u32::MAX;

/// Declares the binding.
pub fn define(definition: &mut Definition) {
    definition
        .function(
            "setDeserializerCreateObjectFunction",
            set_deserializer_create_object_function,
        )
        .function(
            "exposeLazyDOMExceptionProperty",
            dom_exception::expose_lazy_dom_exception_property,
        )
        .function("structuredClone", structured_clone)
        .function("stopMessagePort", stop_message_port)
        .function("drainMessagePort", drain_message_port)
        .function("receiveMessageOnPort", receive_message_on_port)
        .function("moveMessagePortToContext", move_message_port_to_context)
        .function("broadcastChannel", broadcast_channel)
        .accessor_reference(callback::accessor_getter(dom_exception_getter))
        .init(initialize);
    definition.class("MessageChannel", new_message_channel);
    definition
        .class("MessagePort", new_message_port)
        .inherits("AsyncWrap")
        .method("postMessage", post_message)
        .method("start", start)
        .method("close", close)
        .method("ref", reference)
        .method("unref", unreference)
        .method("hasRef", has_reference);
}

fn initialize(scope: &mut v8::PinScope<'_, '_>, binding: v8::Local<'_, v8::Object>) {
    dom_exception::define_lazily(scope, binding);
}

fn set_deserializer_create_object_function(scope: Scope, args: Args, _rv: Return) {
    if !args.get(0).is_function() {
        throw_invalid_argument(scope, "The \"function\" argument must be a function");
        return;
    }
    Env::of(scope).set_slot(scope, Slot::DeserializerCreateObject, args.get(0));
}

/// The elements of an iterable; `Ok(None)` where `value` is none, `Err` with an exception pending.
fn read_iterable<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    value: v8::Local<'s, v8::Value>,
) -> Result<Option<Vec<v8::Local<'s, v8::Value>>>, ()> {
    let Ok(object) = v8::Local::<v8::Object>::try_from(value) else {
        return Ok(None);
    };
    let mut entries = Vec::new();
    if let Ok(array) = v8::Local::<v8::Array>::try_from(value) {
        for index in 0..array.length() {
            entries.push(array.get_index(scope, index).ok_or(())?);
        }
        return Ok(Some(entries));
    }
    let key = v8::Symbol::get_iterator(scope);
    let method = object.get(scope, key.into()).ok_or(())?;
    let Ok(method) = v8::Local::<v8::Function>::try_from(method) else {
        return Ok(None);
    };
    let iterator = method.call(scope, value, &[]).ok_or(())?;
    let Ok(iterator) = v8::Local::<v8::Object>::try_from(iterator) else {
        return Ok(None);
    };
    let next = convert::get(scope, iterator, "next").ok_or(())?;
    let Ok(next) = v8::Local::<v8::Function>::try_from(next) else {
        return Ok(None);
    };
    loop {
        let result = next.call(scope, iterator.into(), &[]).ok_or(())?;
        let Ok(result) = v8::Local::<v8::Object>::try_from(result) else {
            return Ok(None);
        };
        let done = convert::get(scope, result, "done").ok_or(())?;
        if done.boolean_value(scope) {
            return Ok(Some(entries));
        }
        entries.push(convert::get(scope, result, "value").ok_or(())?);
    }
}

/// `structuredClone(value, options)`.
fn structured_clone<'s>(scope: Scope<'_, 's, '_>, args: Args<'s>, mut rv: Return<'s>) {
    let Ok(transfer_list) = transfer_option(scope, args.get(1)) else {
        return;
    };
    let Some(message) = serialize(scope, args.get(0), &transfer_list, None) else {
        return;
    };
    if let Some((value, _)) = deserialize(scope, &message) {
        rv.set(value);
    }
}

/// The transfer list in `{ transfer }`.
fn transfer_option<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    options: v8::Local<'s, v8::Value>,
) -> Result<Vec<v8::Local<'s, v8::Value>>, ()> {
    let Ok(options) = v8::Local::<v8::Object>::try_from(options) else {
        return Ok(Vec::new());
    };
    let transfer = convert::get(scope, options, "transfer").ok_or(())?;
    if transfer.is_undefined() {
        return Ok(Vec::new());
    }
    match read_iterable(scope, transfer)? {
        Some(entries) => Ok(entries),
        None => {
            throw_invalid_argument(
                scope,
                "Optional options.transfer argument must be an iterable",
            );
            Err(())
        }
    }
}

fn new_message_channel(scope: Scope, args: Args, _rv: Return) {
    if args.new_target().is_undefined() {
        return exception::throw_construct_call_required(scope, exception::NO_NEW);
    }
    let Some((first, second)) = port::new_pair(scope) else {
        return;
    };
    convert::set(scope, args.this(), "port1", first.into());
    convert::set(scope, args.this(), "port2", second.into());
}

fn new_message_port(scope: Scope, _args: Args, _rv: Return) {
    exception::throw(
        scope,
        ErrorKind::TypeError,
        "ERR_CONSTRUCT_CALL_INVALID",
        "Constructor cannot be called",
    );
}

fn this(scope: Scope, args: &Args) -> Option<Rc<MessagePort>> {
    wrap::unwrap::<MessagePort>(scope, args.this().into())
}

/// `port.postMessage(value, transferList | { transfer })`.
fn post_message<'s>(scope: Scope<'_, 's, '_>, args: Args<'s>, mut rv: Return<'s>) {
    if args.length() == 0 {
        let message = "Not enough arguments to MessagePort.postMessage";
        exception::throw(scope, ErrorKind::TypeError, "ERR_MISSING_ARGS", message);
        return;
    }
    let Ok(transfer_list) = transfer_argument(scope, args.get(1)) else {
        return;
    };
    // A closed port serializes all the same: the specification wants the transfers done.
    let Some(mut message) = serialize(scope, args.get(0), &transfer_list, Some(args.this())) else {
        return;
    };
    if queued::count(scope, &mut message).is_none() {
        return;
    }
    rv.set_bool(true);
    let Some(port) = this(scope, &args).filter(|port| !port.is_detached()) else {
        return;
    };
    let Some(data) = port.data() else { return };
    match data.dispatch(&Arc::new(message)) {
        Dispatched::Sent => {}
        Dispatched::PostedToItself => {
            let message =
                "The target port was posted to itself, and the communication channel was lost";
            process_env::emit_warning(scope, message, "Warning", "");
        }
        Dispatched::ManyReaders => {
            let message = exception::string(
                scope,
                "Transferables cannot be used with multiple destinations.",
            );
            dom_exception::throw_data_clone_error(scope, message);
        }
    }
}

fn transfer_argument<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    value: v8::Local<'s, v8::Value>,
) -> Result<Vec<v8::Local<'s, v8::Value>>, ()> {
    if value.is_null_or_undefined() {
        return Ok(Vec::new());
    }
    if !value.is_object() {
        throw_invalid_argument(scope, "Optional transferList argument must be an iterable");
        return Err(());
    }
    match read_iterable(scope, value)? {
        Some(entries) => Ok(entries),
        None => transfer_option(scope, value),
    }
}

fn start(scope: Scope, args: Args, _rv: Return) {
    if let Some(port) = this(scope, &args) {
        port.start();
    }
}

fn close(scope: Scope, args: Args, _rv: Return) {
    if let Some(port) = this(scope, &args) {
        port::close(scope, &port);
    }
}

fn reference(scope: Scope, args: Args, _rv: Return) {
    if let Some(port) = this(scope, &args) {
        port.reference(&Env::of(scope), true);
    }
}

fn unreference(scope: Scope, args: Args, _rv: Return) {
    if let Some(port) = this(scope, &args) {
        port.reference(&Env::of(scope), false);
    }
}

fn has_reference(scope: Scope, args: Args, mut rv: Return) {
    if let Some(referenced) = this(scope, &args).and_then(|port| port.has_reference()) {
        rv.set_bool(referenced);
    }
}

/// The port in the first argument; throws where there is none.
fn port_argument<'s>(
    scope: Scope<'_, 's, '_>,
    args: &Args<'s>,
) -> Option<(v8::Local<'s, v8::Object>, Rc<MessagePort>)> {
    let port = wrap::unwrap::<MessagePort>(scope, args.get(0));
    let object = v8::Local::<v8::Object>::try_from(args.get(0)).ok();
    if port.is_none() {
        throw_invalid_argument(
            scope,
            "The \"port\" argument must be a MessagePort instance",
        );
    }
    object.zip(port)
}

fn stop_message_port<'s>(scope: Scope<'_, 's, '_>, args: Args<'s>, _rv: Return<'s>) {
    // The library also calls this for ports that are closed.
    if let Some(port) = wrap::unwrap::<MessagePort>(scope, args.get(0)) {
        port.stop();
    }
}

fn drain_message_port<'s>(scope: Scope<'_, 's, '_>, args: Args<'s>, _rv: Return<'s>) {
    if let Some((object, port)) = port_argument(scope, &args) {
        port::deliver(scope, object, &port, true);
    }
}

fn receive_message_on_port<'s>(scope: Scope<'_, 's, '_>, args: Args<'s>, mut rv: Return<'s>) {
    let Some((_, port)) = port_argument(scope, &args) else {
        return;
    };
    match port::receive(scope, &port) {
        Ok(Some(value)) => rv.set(value),
        Ok(None) => rv.set(Env::of(scope).symbol(scope, "no_message_symbol").into()),
        Err(()) => {}
    }
}

/// `moveMessagePortToContext(port, contextifiedObject)`: the port as an object of that context.
fn move_message_port_to_context<'s>(scope: Scope<'_, 's, '_>, args: Args<'s>, mut rv: Return<'s>) {
    let Some((_, port)) = port_argument(scope, &args) else {
        return;
    };
    if port.is_detached() {
        let message = "Cannot send data on closed MessagePort";
        exception::throw(scope, ErrorKind::Error, "ERR_CLOSED_MESSAGE_PORT", message);
        return;
    }
    let context = context_of(scope, args.get(1));
    let Some(context) = context else {
        throw_invalid_argument(scope, "Invalid context argument");
        return;
    };
    let Some(data) = port::detach(scope, &port) else {
        return;
    };
    let scope = &mut v8::ContextScope::new(scope, context);
    if let Some(object) = port::new_port(scope, data) {
        rv.set(object.into());
    }
}

fn broadcast_channel(scope: Scope, args: Args, mut rv: Return) {
    let name = convert::text(scope, args.get(0));
    if let Some(object) = port::new_broadcast_port(scope, &name) {
        rv.set(object.into());
    }
}
