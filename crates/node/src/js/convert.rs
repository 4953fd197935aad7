//! Between Rust values and V8 values.

use serde_json::Value;

use crate::callback::{Args, Scope};
use crate::js::exception::{self, string};
use crate::memory::memory_guard;

/// A V8 value of `value`. An object `{"$null": …}` has no prototype; `{"$number": …}` and `{"$bigint": …}` stand for
/// numbers that JSON cannot hold.
pub fn from_json<'s>(scope: &mut v8::PinScope<'s, '_>, value: &Value) -> v8::Local<'s, v8::Value> {
    match value {
        Value::Null => v8::null(scope).into(),
        Value::Bool(value) => v8::Boolean::new(scope, *value).into(),
        Value::Number(number) => v8::Number::new(scope, number.as_f64().unwrap_or(f64::NAN)).into(),
        Value::String(text) => string(scope, text).into(),
        Value::Array(items) => {
            let items: Vec<_> = items.iter().map(|item| from_json(scope, item)).collect();
            v8::Array::new_with_elements(scope, &items).into()
        }
        Value::Object(map) => {
            if let Some(Value::String(text)) = map.get("$number") {
                return v8::Number::new(scope, text.parse().unwrap_or(f64::NAN)).into();
            }
            if let Some(Value::String(text)) = map.get("$bigint") {
                return v8::BigInt::new_from_i64(scope, text.parse().unwrap_or(0)).into();
            }
            let (object, map) = match map.get("$null") {
                Some(Value::Object(inner)) if map.len() == 1 => {
                    (null_prototype_object(scope), inner)
                }
                _ => (v8::Object::new(scope), map),
            };
            for (key, value) in map {
                let key = string(scope, key).into();
                let value = from_json(scope, value);
                object.create_data_property(scope, key, value);
            }
            object.into()
        }
    }
}

/// An object without a prototype.
pub fn null_prototype_object<'s>(scope: &mut v8::PinScope<'s, '_>) -> v8::Local<'s, v8::Object> {
    let null = v8::null(scope).into();
    v8::Object::with_prototype_and_properties(scope, null, &[], &[])
}

/// The function in argument `index`, which the message calls `name`; throws where it is none.
pub fn function_argument<'s>(
    scope: Scope,
    args: &Args<'s>,
    index: i32,
    name: &str,
) -> Option<v8::Local<'s, v8::Function>> {
    let function = args.get(index).try_cast().ok();
    if function.is_none() {
        let message = format!("The \"{name}\" argument must be of type function");
        exception::throw_invalid_argument(scope, &message);
    }
    function
}

/// The bytes of a string argument as UTF-8, or of a Buffer or other view, as Node's `BufferValue` takes a path.
pub fn path_bytes(
    scope: &mut v8::PinScope<'_, '_>,
    value: v8::Local<'_, v8::Value>,
) -> Option<Vec<u8>> {
    if value.is_string() {
        return Some(text(scope, value).into_bytes());
    }
    bytes(value)
}

/// The text of a value, as `to_rust_string_lossy` gives it; for values of the guest's that may be as long as it likes.
pub fn text(scope: &mut v8::PinScope<'_, '_>, value: v8::Local<'_, v8::Value>) -> String {
    let length = v8::Local::<v8::String>::try_from(value).map_or(0, |string| string.length());
    // Once flat in V8's heap, once as UTF-8 of mostly one byte.
    if memory_guard::admit(length.saturating_mul(2)) {
        value.to_rust_string_lossy(scope)
    } else {
        String::new()
    }
}

/// The characters of a string as UTF-16, lone surrogates included. None where there is no memory for them: the program is
/// being ended.
pub fn units(scope: &v8::PinScope<'_, '_>, text: v8::Local<'_, v8::String>) -> Option<Vec<u16>> {
    if !memory_guard::admit(text.length().saturating_mul(4)) {
        return None;
    }
    let mut units = vec![0; text.length()];
    text.write_v2(scope, 0, &mut units, v8::WriteFlags::empty());
    Some(units)
}

/// A copy of the bytes of an ArrayBufferView, ArrayBuffer or SharedArrayBuffer.
pub fn bytes(value: v8::Local<'_, v8::Value>) -> Option<Vec<u8>> {
    with_bytes(value, |bytes| {
        if memory_guard::admit(bytes.len()) {
            bytes.to_vec()
        } else {
            Vec::new()
        }
    })
}

/// Calls `body` with the bytes of an ArrayBufferView, ArrayBuffer or SharedArrayBuffer. No JavaScript may run inside.
pub fn with_bytes<T>(value: v8::Local<'_, v8::Value>, body: impl FnOnce(&[u8]) -> T) -> Option<T> {
    let (store, offset, length) = memory(value)?;
    let Some(data) = store.as_ref().and_then(|store| store.data()) else {
        return Some(body(&[]));
    };
    // SAFETY: the store is held for the call, offset and length were clamped to it, and guest code does not run
    // meanwhile. Memory shared with another thread may change under us: only bytes are read, any value is valid.
    Some(body(unsafe {
        std::slice::from_raw_parts(data.as_ptr().cast::<u8>().add(offset), length)
    }))
}

/// As [`with_bytes`], writable.
pub fn with_bytes_mut<T>(
    value: v8::Local<'_, v8::Value>,
    body: impl FnOnce(&mut [u8]) -> T,
) -> Option<T> {
    let (store, offset, length) = memory(value)?;
    let Some(data) = store.as_ref().and_then(|store| store.data()) else {
        return Some(body(&mut []));
    };
    // SAFETY: as in `with_bytes`; callers hold no other slice of the same memory.
    Some(body(unsafe {
        std::slice::from_raw_parts_mut(data.as_ptr().cast::<u8>().add(offset), length)
    }))
}

/// Backing store, byte offset and byte length of a view or buffer; the store is absent where it is empty.
pub fn memory(
    value: v8::Local<'_, v8::Value>,
) -> Option<(Option<v8::SharedRef<v8::BackingStore>>, usize, usize)> {
    let (store, offset, length) =
        if let Ok(view) = v8::Local::<v8::ArrayBufferView>::try_from(value) {
            (
                view.get_backing_store()?,
                view.byte_offset(),
                view.byte_length(),
            )
        } else if let Ok(buffer) = v8::Local::<v8::ArrayBuffer>::try_from(value) {
            (buffer.get_backing_store(), 0, buffer.byte_length())
        } else if let Ok(buffer) = v8::Local::<v8::SharedArrayBuffer>::try_from(value) {
            (buffer.get_backing_store(), 0, buffer.byte_length())
        } else {
            return None;
        };
    let length = length.min(store.byte_length().saturating_sub(offset));
    Some((Some(store), offset, length))
}

/// A new `ArrayBuffer` with `bytes`, without copying them.
pub fn array_buffer<'s>(
    scope: &v8::PinScope<'s, '_>,
    bytes: Vec<u8>,
) -> v8::Local<'s, v8::ArrayBuffer> {
    let store = v8::ArrayBuffer::new_backing_store_from_vec(bytes).make_shared();
    v8::ArrayBuffer::with_backing_store(scope, &store)
}

/// A new `Buffer` with `bytes` (`FastBuffer.prototype`), without copying them.
pub fn buffer<'s>(scope: &mut v8::PinScope<'s, '_>, bytes: Vec<u8>) -> v8::Local<'s, v8::Value> {
    let length = bytes.len();
    let array_buffer = array_buffer(scope, bytes);
    let Some(array) = v8::Uint8Array::new(scope, array_buffer, 0, length) else {
        return v8::undefined(scope).into();
    };
    let env = crate::env::Env::of(scope);
    if let Some(prototype) = env.slot(scope, crate::env::Slot::BufferPrototype) {
        array.set_prototype(scope, prototype);
    }
    array.into()
}

/// A number without its fraction. What is too large is the largest; what is below zero or no number is 0.
#[must_use]
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the cast saturates, which is what is wanted"
)]
pub const fn saturating_u64(number: f64) -> u64 {
    number as u64
}

/// Sets a property under a name in our code.
pub fn set(
    scope: &mut v8::PinScope<'_, '_>,
    object: v8::Local<'_, v8::Object>,
    key: &'static str,
    value: v8::Local<'_, v8::Value>,
) {
    let key = crate::env::Env::of(scope).name(scope, key);
    object.set(scope, key.into(), value);
}

/// Reads a property under a name in our code.
pub fn get<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    object: v8::Local<'_, v8::Object>,
    key: &'static str,
) -> Option<v8::Local<'s, v8::Value>> {
    let key = crate::env::Env::of(scope).name(scope, key);
    object.get(scope, key.into())
}
