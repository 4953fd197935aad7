//! The native bases of `KeyObject` and `CryptoKey`. Follows `NativeKeyObject` and `NativeCryptoKey` in Node's
//! `src/crypto/crypto_keys.cc`.

use std::cell::RefCell;

use super::{KeyData, KeyObjectHandle, handle};
use crate::binding::crypto::error::{CryptoError, Result};
use crate::binding::crypto::input::{self, attempt};
use crate::binding::{Definition, class_template};
use crate::env::Env;
use crate::exception;
use crate::wrap;

/// Declares the functions and the hidden base classes.
pub fn define(definition: &mut Definition) {
    definition.class("NativeKeyObject", new_key_object).hidden();
    definition.class("NativeCryptoKey", new_crypto_key).hidden();
    definition
        .function("createNativeKeyObjectClass", create_native_key_object_class)
        .function("createCryptoKeyClass", create_crypto_key_class)
        .function("getKeyObjectSlots", key_object_slots)
        .function("getCryptoKeySlots", crypto_key_slots);
}

struct NativeKeyObject {
    data: KeyData,
}

struct NativeCryptoKey {
    data: KeyData,
    algorithm: v8::Global<v8::Value>,
    usages: u32,
    extractable: bool,
}

/// Classes that the library made of the bases.
#[derive(Default)]
struct Classes {
    internal_crypto_key: RefCell<Option<v8::Global<v8::Function>>>,
}

fn handle_data(
    scope: &mut v8::PinScope<'_, '_>,
    value: v8::Local<'_, v8::Value>,
) -> Result<KeyData> {
    wrap::unwrap::<KeyObjectHandle>(scope, value)
        .and_then(|handle| handle.data())
        .ok_or_else(|| input::invalid("handle", "a KeyObjectHandle"))
}

/// `new NativeKeyObject(handle)`
fn new_key_object(
    scope: &mut v8::PinScope<'_, '_>,
    args: v8::FunctionCallbackArguments<'_>,
    _rv: v8::ReturnValue<'_, v8::Value>,
) {
    if args.new_target().is_undefined() {
        return exception::throw_invalid_argument(scope, "NativeKeyObject is made with new");
    }
    let data = attempt!(scope, handle_data(scope, args.get(0)));
    wrap::wrap(scope, args.this(), NativeKeyObject { data });
}

/// `new NativeCryptoKey(handle, algorithm, usages, extractable)`
fn new_crypto_key(
    scope: &mut v8::PinScope<'_, '_>,
    args: v8::FunctionCallbackArguments<'_>,
    _rv: v8::ReturnValue<'_, v8::Value>,
) {
    if args.new_target().is_undefined() {
        return exception::throw_invalid_argument(scope, "NativeCryptoKey is made with new");
    }
    let data = attempt!(scope, handle_data(scope, args.get(0)));
    let usages = attempt!(scope, input::uint32(scope, args.get(2), "usages"));
    let algorithm = v8::Global::new(scope, args.get(1));
    wrap::wrap(
        scope,
        args.this(),
        NativeCryptoKey {
            data,
            algorithm,
            usages,
            extractable: args.get(3).is_true(),
        },
    );
}

/// Calls `callback` with the base class; its result is an array of classes.
fn derive<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    callback: v8::Local<'_, v8::Value>,
    base: &str,
) -> Option<v8::Local<'s, v8::Value>> {
    let Ok(callback) = v8::Local::<v8::Function>::try_from(callback) else {
        exception::throw_invalid_argument(scope, "The callback must be a function");
        return None;
    };
    let base = class_template(scope, base)?.get_function(scope)?;
    let undefined = v8::undefined(scope).into();
    callback.call(scope, undefined, &[base.into()])
}

fn create_native_key_object_class(
    scope: &mut v8::PinScope<'_, '_>,
    args: v8::FunctionCallbackArguments<'_>,
    mut rv: v8::ReturnValue<'_, v8::Value>,
) {
    if let Some(classes) = derive(scope, args.get(0), "NativeKeyObject") {
        rv.set(classes);
    }
}

fn create_crypto_key_class(
    scope: &mut v8::PinScope<'_, '_>,
    args: v8::FunctionCallbackArguments<'_>,
    mut rv: v8::ReturnValue<'_, v8::Value>,
) {
    let Some(classes) = derive(scope, args.get(0), "NativeCryptoKey") else {
        return;
    };
    let internal = classes
        .to_object(scope)
        .and_then(|classes| classes.get_index(scope, 1))
        .and_then(|class| v8::Local::<v8::Function>::try_from(class).ok());
    if let Some(internal) = internal {
        let state = Env::of(scope).state::<Classes>();
        *state.internal_crypto_key.borrow_mut() = Some(v8::Global::new(scope, internal));
    }
    rv.set(classes);
}

/// A `CryptoKey`; `None` leaves an exception pending.
pub fn create_crypto_key<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    data: KeyData,
    algorithm: v8::Local<'s, v8::Value>,
    usages: u32,
    extractable: bool,
) -> Option<v8::Local<'s, v8::Value>> {
    let class = Env::of(scope)
        .state::<Classes>()
        .internal_crypto_key
        .borrow()
        .clone();
    let Some(class) = class else {
        CryptoError::operation_failed("CryptoKey is not set up").throw(scope);
        return None;
    };
    let class = v8::Local::new(scope, class);
    let handle = handle::create(scope, data)?.into();
    let usages = v8::Integer::new_from_unsigned(scope, usages).into();
    let extractable = v8::Boolean::new(scope, extractable).into();
    class
        .new_instance(scope, &[handle, algorithm, usages, extractable])
        .map(Into::into)
}

fn invalid_this(scope: &mut v8::PinScope<'_, '_>, class: &str) {
    let message = format!("Value of \"this\" must be of type {class}");
    CryptoError::type_error("ERR_INVALID_THIS", message).throw(scope);
}

/// `[type, handle]`
fn key_object_slots(
    scope: &mut v8::PinScope<'_, '_>,
    args: v8::FunctionCallbackArguments<'_>,
    mut rv: v8::ReturnValue<'_, v8::Value>,
) {
    let Some(key) = wrap::unwrap::<NativeKeyObject>(scope, args.get(0)) else {
        return invalid_this(scope, "KeyObject");
    };
    let Some(handle) = handle::create(scope, key.data.clone()) else {
        return;
    };
    let kind = v8::Integer::new_from_unsigned(scope, handle::type_number(&key.data)).into();
    rv.set(v8::Array::new_with_elements(scope, &[kind, handle.into()]).into());
}

/// `[type, extractable, algorithm, usages, handle]`
fn crypto_key_slots(
    scope: &mut v8::PinScope<'_, '_>,
    args: v8::FunctionCallbackArguments<'_>,
    mut rv: v8::ReturnValue<'_, v8::Value>,
) {
    let Some(key) = wrap::unwrap::<NativeCryptoKey>(scope, args.get(0)) else {
        return invalid_this(scope, "CryptoKey");
    };
    let Some(handle) = handle::create(scope, key.data.clone()) else {
        return;
    };
    let slots = [
        v8::Integer::new_from_unsigned(scope, handle::type_number(&key.data)).into(),
        v8::Boolean::new(scope, key.extractable).into(),
        v8::Local::new(scope, &key.algorithm),
        v8::Integer::new_from_unsigned(scope, key.usages).into(),
        handle.into(),
    ];
    rv.set(v8::Array::new_with_elements(scope, &slots).into());
}
