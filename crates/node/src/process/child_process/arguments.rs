//! Reading the options out of JavaScript values.

use crate::env::Env;
use crate::js::convert;
use crate::js::exception::{self, ErrorKind};

/// A value that cannot be used: an exception is pending.
pub struct Malformed;

/// A property of an options object.
///
/// # Errors
/// A getter threw.
pub fn property<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    object: v8::Local<'s, v8::Object>,
    name: &'static str,
) -> Result<v8::Local<'s, v8::Value>, Malformed> {
    let key = Env::of(scope).name(scope, name);
    object.get(scope, key.into()).ok_or(Malformed)
}

/// A string as UTF-8, up to its first NUL as C takes it.
///
/// # Errors
/// Converting it threw.
pub fn text(
    scope: &mut v8::PinScope<'_, '_>,
    value: v8::Local<'_, v8::Value>,
) -> Result<Vec<u8>, Malformed> {
    let text = value.to_string(scope).ok_or(Malformed)?;
    let mut bytes = text.to_rust_string_lossy(scope).into_bytes();
    if let Some(end) = bytes.iter().position(|byte| *byte == 0) {
        bytes.truncate(end);
    }
    Ok(bytes)
}

/// The strings of an array; `None` where the value is no array.
///
/// # Errors
/// Converting an element threw.
pub fn string_list(
    scope: &mut v8::PinScope<'_, '_>,
    value: v8::Local<'_, v8::Value>,
) -> Result<Option<Vec<Vec<u8>>>, Malformed> {
    let Ok(array) = v8::Local::<v8::Array>::try_from(value) else {
        return Ok(None);
    };
    let mut list = Vec::new();
    for index in 0..array.length() {
        v8::scope!(let scope, scope);
        let item = array.get_index(scope, index).ok_or(Malformed)?;
        list.push(text(scope, item)?);
    }
    Ok(Some(list))
}

/// A user or group id, or nothing.
///
/// # Errors
/// Neither a 32-bit integer nor absent.
pub fn id(
    scope: &mut v8::PinScope<'_, '_>,
    value: v8::Local<'_, v8::Value>,
    name: &str,
) -> Result<Option<u32>, Malformed> {
    if value.is_null_or_undefined() {
        return Ok(None);
    }
    let number = value.is_int32().then(|| value.int32_value(scope)).flatten();
    match number {
        Some(number) => Ok(Some(number.cast_unsigned())),
        None => {
            let message = format!("options.{name} should be a number");
            exception::throw(
                scope,
                ErrorKind::TypeError,
                "ERR_INVALID_ARG_TYPE",
                &message,
            );
            Err(Malformed)
        }
    }
}

/// The bytes of a view, where the value is one.
pub fn view_bytes(value: v8::Local<'_, v8::Value>) -> Option<Vec<u8>> {
    value
        .is_array_buffer_view()
        .then(|| convert::bytes(value))
        .flatten()
}
