//! Arguments of the binding's functions. The library validates what guests pass; here everything is checked again,
//! since a guest can reach the binding without it.

use super::error::{CryptoError, Result};
use super::keys::KeyObjectHandle;
use crate::js::string_bytes::{self, Encoding};
use crate::js::{convert, wrap};

/// The bytes of a string (UTF-8), ArrayBuffer or view.
pub fn bytes(
    scope: &mut v8::PinScope<'_, '_>,
    value: v8::Local<'_, v8::Value>,
    name: &str,
) -> Result<Vec<u8>> {
    convert::path_bytes(scope, value)
        .ok_or_else(|| invalid(name, "a string, an ArrayBuffer or a view"))
}

/// As [`bytes`]; `None` for undefined and null.
pub fn optional_bytes(
    scope: &mut v8::PinScope<'_, '_>,
    value: v8::Local<'_, v8::Value>,
    name: &str,
) -> Result<Option<Vec<u8>>> {
    if value.is_null_or_undefined() {
        Ok(None)
    } else {
        bytes(scope, value, name).map(Some)
    }
}

/// The bytes of a secret key: of a `KeyObjectHandle`, or as [`bytes`].
pub fn secret(
    scope: &mut v8::PinScope<'_, '_>,
    value: v8::Local<'_, v8::Value>,
    name: &str,
) -> Result<Vec<u8>> {
    match wrap::unwrap::<KeyObjectHandle>(scope, value) {
        Some(handle) => handle
            .secret_bytes()
            .ok_or_else(|| invalid(name, "a secret key")),
        None => bytes(scope, value, name),
    }
}

/// Data for an `update`: a string in the encoding that `encoding` names, or bytes.
pub fn data(
    scope: &mut v8::PinScope<'_, '_>,
    value: v8::Local<'_, v8::Value>,
    encoding: v8::Local<'_, v8::Value>,
) -> Result<Vec<u8>> {
    if let Ok(string) = v8::Local::<v8::String>::try_from(value) {
        let encoding = Encoding::from_value(scope, encoding, Encoding::Utf8);
        return Ok(string_bytes::decode(scope, string, encoding));
    }
    convert::bytes(value).ok_or_else(|| invalid("data", "a string, an ArrayBuffer or a view"))
}

/// A string.
pub fn string(
    scope: &mut v8::PinScope<'_, '_>,
    value: v8::Local<'_, v8::Value>,
    name: &str,
) -> Result<String> {
    if value.is_string() {
        Ok(value.to_rust_string_lossy(scope))
    } else {
        Err(invalid(name, "a string"))
    }
}

/// A string; `None` for undefined and null.
pub fn optional_string(
    scope: &mut v8::PinScope<'_, '_>,
    value: v8::Local<'_, v8::Value>,
    name: &str,
) -> Result<Option<String>> {
    if value.is_null_or_undefined() {
        Ok(None)
    } else {
        string(scope, value, name).map(Some)
    }
}

/// An unsigned 32-bit integer.
pub fn uint32(
    scope: &mut v8::PinScope<'_, '_>,
    value: v8::Local<'_, v8::Value>,
    name: &str,
) -> Result<u32> {
    match value.uint32_value(scope) {
        Some(number) if value.is_uint32() => Ok(number),
        _ => Err(invalid(name, "an unsigned 32-bit integer")),
    }
}

/// A signed 32-bit integer.
pub fn int32(
    scope: &mut v8::PinScope<'_, '_>,
    value: v8::Local<'_, v8::Value>,
    name: &str,
) -> Result<i32> {
    match value.int32_value(scope) {
        Some(number) if value.is_int32() => Ok(number),
        _ => Err(invalid(name, "a 32-bit integer")),
    }
}

/// A signed 32-bit integer; `None` for undefined and null.
pub fn optional_int32(
    scope: &mut v8::PinScope<'_, '_>,
    value: v8::Local<'_, v8::Value>,
    name: &str,
) -> Result<Option<i32>> {
    if value.is_null_or_undefined() {
        Ok(None)
    } else {
        int32(scope, value, name).map(Some)
    }
}

/// A length in bytes, at most 2^31 - 1 as Node's own limit.
pub fn length(
    scope: &mut v8::PinScope<'_, '_>,
    value: v8::Local<'_, v8::Value>,
    name: &str,
) -> Result<usize> {
    let number = uint32(scope, value, name)?;
    if number > i32::MAX.unsigned_abs() {
        return Err(CryptoError::range_error(
            "ERR_OUT_OF_RANGE",
            format!("{name} is too big"),
        ));
    }
    Ok(number as usize)
}

/// A zeroed buffer, or an error where memory does not suffice.
pub fn buffer(length: usize) -> Result<Vec<u8>> {
    let mut buffer = Vec::new();
    buffer
        .try_reserve_exact(length)
        .map_err(|_| CryptoError::out_of_memory())?;
    buffer.resize(length, 0);
    Ok(buffer)
}

/// The argument `name` is not what it has to be.
pub fn invalid(name: &str, expected: &str) -> CryptoError {
    CryptoError::type_error(
        "ERR_INVALID_ARG_TYPE",
        format!("The \"{name}\" argument must be {expected}"),
    )
}

/// Yields the value, or throws and leaves the callback.
macro_rules! attempt {
    ($scope:expr, $result:expr) => {
        match $result {
            Ok(value) => value,
            Err(error) => return $crate::binding::crypto::error::CryptoError::throw(&error, $scope),
        }
    };
}

pub(in crate::binding) use attempt;
