//! The native bases of `KeyObject` and `CryptoKey`. Follows `NativeKeyObject` and `NativeCryptoKey` in Node's
//! `src/crypto/crypto_keys.cc`.

use std::cell::RefCell;

use super::{KeyData, KeyObjectHandle, handle};
use crate::binding::crypto::error::{CryptoError, Result};
use crate::binding::crypto::input::{self, attempt};
use crate::binding::messaging::{self, Message};
use crate::callback::{Args, Return, Scope};
use crate::env::{Env, Slot};
use crate::js::class::{Definition, class_template};
use crate::js::transfer::TransferData;
use crate::js::{exception, wrap};

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
    /// Of secret, public and private keys.
    key_objects: RefCell<Vec<v8::Global<v8::Function>>>,
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
fn new_key_object(scope: Scope, args: Args, _rv: Return) {
    if args.new_target().is_undefined() {
        return exception::throw_invalid_argument(scope, "NativeKeyObject is made with new");
    }
    let data = attempt!(scope, handle_data(scope, args.get(0)));
    wrap::wrap(scope, args.this(), NativeKeyObject { data });
}

/// `new NativeCryptoKey(handle, algorithm, usages, extractable)`
fn new_crypto_key(scope: Scope, args: Args, _rv: Return) {
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

fn create_native_key_object_class(scope: Scope, args: Args, mut rv: Return) {
    let Some(classes) = derive(scope, args.get(0), "NativeKeyObject") else {
        return;
    };
    if let Some(array) = classes.to_object(scope) {
        let state = Env::of(scope).state::<Classes>();
        let made: Vec<_> = (1..=3)
            .filter_map(|index| array.get_index(scope, index))
            .filter_map(|class| v8::Local::<v8::Function>::try_from(class).ok())
            .map(|class| v8::Global::new(scope, class))
            .collect();
        *state.key_objects.borrow_mut() = made;
    }
    rv.set(classes);
}

fn create_crypto_key_class(scope: Scope, args: Args, mut rv: Return) {
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

/// A `KeyObject` or `CryptoKey` on its way to another heap.
struct KeyMessage {
    data: KeyData,
    /// Algorithm, usages and whether it can be exported, of a `CryptoKey`.
    crypto_key: Option<(Message, u32, bool)>,
}

/// A key for another heap; the key itself is shared.
pub fn clone_key(
    scope: &mut v8::PinScope<'_, '_>,
    object: v8::Local<'_, v8::Object>,
) -> Option<Box<dyn TransferData>> {
    if let Some(key) = wrap::unwrap::<NativeKeyObject>(scope, object.into()) {
        return Some(Box::new(KeyMessage {
            data: key.data.clone(),
            crypto_key: None,
        }));
    }
    let key = wrap::unwrap::<NativeCryptoKey>(scope, object.into())?;
    let algorithm = v8::Local::new(scope, &key.algorithm);
    let algorithm = messaging::serialize(scope, algorithm, &[], None)?;
    Some(Box::new(KeyMessage {
        data: key.data.clone(),
        crypto_key: Some((algorithm, key.usages, key.extractable)),
    }))
}

impl TransferData for KeyMessage {
    fn deserialize<'s>(
        &self,
        scope: &mut v8::PinScope<'s, '_>,
    ) -> Option<v8::Local<'s, v8::Object>> {
        // Makes the classes, where the receiver has not used them.
        let require = Env::of(scope).function(scope, Slot::RequireBuiltin)?;
        let id = exception::string(scope, "internal/crypto/keys").into();
        let undefined = v8::undefined(scope).into();
        require.call(scope, undefined, &[id])?;
        if let Some((algorithm, usages, extractable)) = &self.crypto_key {
            let (algorithm, _) = messaging::deserialize(scope, algorithm)?;
            let key =
                create_crypto_key(scope, self.data.clone(), algorithm, *usages, *extractable)?;
            return key.try_cast().ok();
        }
        let state = Env::of(scope).state::<Classes>();
        let index = match self.data {
            KeyData::Secret(_) => 0,
            KeyData::Public(_) => 1,
            KeyData::Private(_) => 2,
        };
        let class = state.key_objects.borrow().get(index).cloned()?;
        let handle = handle::create(scope, self.data.clone())?.into();
        v8::Local::new(scope, class).new_instance(scope, &[handle])
    }
}

fn invalid_this(scope: &mut v8::PinScope<'_, '_>, class: &str) {
    let message = format!("Value of \"this\" must be of type {class}");
    exception::throw_invalid_this(scope, &message);
}

/// `[type, handle]`
fn key_object_slots(scope: Scope, args: Args, mut rv: Return) {
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
fn crypto_key_slots(scope: Scope, args: Args, mut rv: Return) {
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
