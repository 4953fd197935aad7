//! Arguments and the properties of options objects, checked in Node's words.

use std::ffi::CString;

use crate::js::convert;
use crate::js::exception::{ErrorKind, string, throw, throw_invalid_argument};

/// What the caller has thrown already.
pub(super) struct Thrown;

/// The value of a property, if it has one.
pub(super) fn property<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    options: v8::Local<'_, v8::Object>,
    name: &str,
) -> Result<Option<v8::Local<'s, v8::Value>>, Thrown> {
    let key = string(scope, name);
    let value = options.get(scope, key.into()).ok_or(Thrown)?;
    Ok((!value.is_undefined()).then_some(value))
}

/// Throws that a property is not of its type.
pub(super) fn refuse(scope: &mut v8::PinScope<'_, '_>, name: &str, expected: &str) -> Thrown {
    let message = format!("The \"options.{name}\" argument must be {expected}.");
    throw_invalid_argument(scope, &message);
    Thrown
}

/// A property that is a boolean, if it is there.
pub(super) fn boolean(
    scope: &mut v8::PinScope<'_, '_>,
    options: v8::Local<'_, v8::Object>,
    name: &str,
) -> Result<Option<bool>, Thrown> {
    match property(scope, options, name)? {
        None => Ok(None),
        Some(value) if value.is_boolean() => Ok(Some(value.is_true())),
        Some(_) => Err(refuse(scope, name, "a boolean")),
    }
}

/// A property that is a 32-bit integer, if it is there.
pub(super) fn integer(
    scope: &mut v8::PinScope<'_, '_>,
    options: v8::Local<'_, v8::Object>,
    name: &str,
) -> Result<Option<i32>, Thrown> {
    match property(scope, options, name)? {
        None => Ok(None),
        Some(value) if value.is_int32() => Ok(value.int32_value(scope)),
        Some(_) => Err(refuse(scope, name, "an integer")),
    }
}

/// A property that is a string, if it is there.
pub(super) fn text(
    scope: &mut v8::PinScope<'_, '_>,
    options: v8::Local<'_, v8::Object>,
    name: &str,
) -> Result<Option<CString>, Thrown> {
    match property(scope, options, name)? {
        None => Ok(None),
        Some(value) if value.is_string() => Ok(Some(c_text(scope, value))),
        Some(_) => Err(refuse(scope, name, "a string")),
    }
}

/// A property that is a function, if it is there.
pub(super) fn function<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    options: v8::Local<'_, v8::Object>,
    name: &str,
) -> Result<Option<v8::Local<'s, v8::Function>>, Thrown> {
    match property(scope, options, name)? {
        None => Ok(None),
        Some(value) => match value.try_cast() {
            Ok(function) => Ok(Some(function)),
            Err(_) => Err(refuse(scope, name, "a function")),
        },
    }
}

/// An argument that is an object of options; `name` in the message.
pub(super) fn object<'s>(
    scope: &mut v8::PinScope<'_, '_>,
    value: v8::Local<'s, v8::Value>,
    name: &str,
) -> Result<v8::Local<'s, v8::Object>, Thrown> {
    value.try_cast().map_err(|_| {
        let message = format!("The \"{name}\" argument must be an object.");
        throw_invalid_argument(scope, &message);
        Thrown
    })
}

/// An argument that is a string; `name` in the message.
pub(super) fn string_argument(
    scope: &mut v8::PinScope<'_, '_>,
    value: v8::Local<'_, v8::Value>,
    name: &str,
) -> Result<CString, Thrown> {
    if value.is_string() {
        return Ok(c_text(scope, value));
    }
    let message = format!("The \"{name}\" argument must be a string.");
    throw_invalid_argument(scope, &message);
    Err(Thrown)
}

/// An argument that names a database of the connection, `main` where there is none.
pub(super) fn schema_argument(
    scope: &mut v8::PinScope<'_, '_>,
    value: v8::Local<'_, v8::Value>,
) -> Result<CString, Thrown> {
    if value.is_undefined() {
        return Ok(c"main".to_owned());
    }
    string_argument(scope, value, "dbName")
}

/// An argument that is a boolean; `name` in the message.
pub(super) fn boolean_argument(
    scope: &mut v8::PinScope<'_, '_>,
    value: v8::Local<'_, v8::Value>,
    name: &str,
) -> Result<bool, Thrown> {
    if value.is_boolean() {
        return Ok(value.is_true());
    }
    let message = format!("The \"{name}\" argument must be a boolean.");
    throw_invalid_argument(scope, &message);
    Err(Thrown)
}

/// A string for C, which ends at its first NUL.
pub(super) fn c_text(scope: &mut v8::PinScope<'_, '_>, value: v8::Local<'_, v8::Value>) -> CString {
    c_bytes(convert::text(scope, value).into_bytes())
}

/// Bytes for C, which end at the first NUL.
pub(super) fn c_bytes(mut bytes: Vec<u8>) -> CString {
    if let Some(end) = bytes.iter().position(|byte| *byte == 0) {
        bytes.truncate(end);
    }
    CString::new(bytes).unwrap_or_default()
}

/// The path of a database: a string, bytes or a `file:` URL.
pub(super) fn location(
    scope: &mut v8::PinScope<'_, '_>,
    value: v8::Local<'_, v8::Value>,
) -> Result<CString, Thrown> {
    let is_plain = value.is_string() || value.is_uint8_array();
    let path = if is_plain {
        convert::path_bytes(scope, value)
    } else if let Ok(url) = value.try_cast::<v8::Object>() {
        let href = property(scope, url, "href")?.filter(|href| href.is_string());
        href.map(|href| convert::text(scope, href).into_bytes())
    } else {
        None
    };
    let path = path.and_then(|path| CString::new(path).ok());
    match path {
        Some(path) if is_plain || path.as_bytes().starts_with(b"file:") => Ok(path),
        Some(_) => {
            let code = "ERR_INVALID_URL_SCHEME";
            let message = "The URL must be of scheme file:";
            throw(scope, ErrorKind::TypeError, code, message);
            Err(Thrown)
        }
        None => {
            let message =
                "The \"path\" argument must be a string, Uint8Array, or URL without null bytes.";
            throw_invalid_argument(scope, message);
            Err(Thrown)
        }
    }
}
