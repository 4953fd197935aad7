//! Arguments of the fs functions, checked as Node's `src/node_file.cc` checks them; what Node would abort on throws.

use crate::js::convert;
use crate::js::exception::{self, ErrorKind};

/// Marks a call that has thrown already.
pub struct Thrown;

/// A value, or nothing because an exception is pending.
pub type Checked<T> = Result<T, Thrown>;

/// A path: string or bytes, without a NUL.
pub fn path(scope: &mut v8::PinScope<'_, '_>, value: v8::Local<'_, v8::Value>) -> Checked<Vec<u8>> {
    let Some(path) = convert::path_bytes(scope, value) else {
        exception::throw_invalid_argument(
            scope,
            "The \"path\" argument must be of type string or Buffer",
        );
        return Err(Thrown);
    };
    if path.contains(&0) {
        let message =
            "The argument 'path' must be a string, Uint8Array, or URL without null bytes.";
        exception::throw(
            scope,
            ErrorKind::TypeError,
            "ERR_INVALID_ARG_VALUE",
            message,
        );
        return Err(Thrown);
    }
    Ok(path)
}

/// A file descriptor (`GetValidatedFd`).
pub fn fd(scope: &mut v8::PinScope<'_, '_>, value: v8::Local<'_, v8::Value>) -> Checked<i32> {
    if !value.is_number() {
        let received = received(scope, value);
        let message = format!("The \"fd\" argument must be of type number. Received {received}");
        exception::throw_invalid_argument(scope, &message);
        return Err(Thrown);
    }
    let number = value.number_value(scope).unwrap_or(f64::NAN);
    let text = |scope: &mut v8::PinScope<'_, '_>| value.to_rust_string_lossy(scope);
    let out_of_range = number < 0.0 || number > f64::from(i32::MAX);
    if out_of_range && number.is_finite() {
        let text = text(scope);
        let message = format!(
            "The value of \"fd\" is out of range. It must be >= 0 && <= {}. Received {text}",
            i32::MAX
        );
        exception::throw(scope, ErrorKind::RangeError, "ERR_OUT_OF_RANGE", &message);
        return Err(Thrown);
    }
    if !number.is_finite() || number.fract() != 0.0 {
        let text = text(scope);
        let message =
            format!("The value of \"fd\" is out of range. It must be an integer. Received {text}");
        exception::throw(scope, ErrorKind::RangeError, "ERR_OUT_OF_RANGE", &message);
        return Err(Thrown);
    }
    Ok(value.int32_value(scope).unwrap_or(-1))
}

/// What an error message says of a value of the wrong type (`DetermineSpecificErrorType`).
fn received(scope: &mut v8::PinScope<'_, '_>, value: v8::Local<'_, v8::Value>) -> String {
    if value.is_function() {
        return "function".to_owned();
    }
    if value.is_null_or_undefined() || value.is_symbol() {
        let text = value.to_detail_string(scope);
        return text.map_or_else(String::new, |text| text.to_rust_string_lossy(scope));
    }
    if value.is_string() {
        let text = value.to_rust_string_lossy(scope);
        if text.chars().count() > 28 {
            let head: String = text.chars().take(25).collect();
            return format!("type string ('{head}...')");
        }
        return format!("type string ('{text}')");
    }
    if let Ok(object) = v8::Local::<v8::Object>::try_from(value) {
        return format!(
            "an instance of {}",
            object.get_constructor_name().to_rust_string_lossy(scope)
        );
    }
    let kind = value.type_of(scope).to_rust_string_lossy(scope);
    let text = value.to_rust_string_lossy(scope);
    format!("type {kind} ({text})")
}

/// An integer of 32 bits, such as flags or a mode.
pub fn int32(
    scope: &mut v8::PinScope<'_, '_>,
    value: v8::Local<'_, v8::Value>,
    name: &str,
) -> Checked<i32> {
    let number = if value.is_number() {
        value.number_value(scope)
    } else {
        None
    };
    match number {
        Some(number)
            if number.fract() == 0.0 && (-2_147_483_648.0..=4_294_967_295.0).contains(&number) =>
        {
            Ok(value.int32_value(scope).unwrap_or(0))
        }
        _ => {
            let message = format!("The \"{name}\" argument must be an integer of 32 bits");
            exception::throw_invalid_argument(scope, &message);
            Err(Thrown)
        }
    }
}

/// Bits of an int32 as unsigned: modes.
pub fn mode(scope: &mut v8::PinScope<'_, '_>, value: v8::Local<'_, v8::Value>) -> Checked<u32> {
    int32(scope, value, "mode").map(i32::cast_unsigned)
}

/// A number.
pub fn number(
    scope: &mut v8::PinScope<'_, '_>,
    value: v8::Local<'_, v8::Value>,
    name: &str,
) -> Checked<f64> {
    if let (true, Some(number)) = (value.is_number(), value.number_value(scope)) {
        return Ok(number);
    }
    exception::throw_invalid_argument(
        scope,
        &format!("The \"{name}\" argument must be of type number"),
    );
    Err(Thrown)
}

/// An integer that a double holds exactly.
pub fn integer(
    scope: &mut v8::PinScope<'_, '_>,
    value: v8::Local<'_, v8::Value>,
    name: &str,
) -> Checked<i64> {
    let number = number(scope, value, name)?;
    if number.fract() == 0.0 && number.abs() <= 9_007_199_254_740_991.0 {
        #[expect(clippy::cast_possible_truncation, reason = "a safe integer fits")]
        return Ok(number as i64);
    }
    exception::throw(
        scope,
        ErrorKind::RangeError,
        "ERR_OUT_OF_RANGE",
        &format!("The value of \"{name}\" is out of range. It must be an integer"),
    );
    Err(Thrown)
}

/// A user or group id; -1 leaves it as it is.
pub fn id(
    scope: &mut v8::PinScope<'_, '_>,
    value: v8::Local<'_, v8::Value>,
    name: &str,
) -> Checked<u32> {
    let id = integer(scope, value, name)?;
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "uid_t wraps as in C"
    )]
    Ok(id as u32)
}

/// A position in a file: a number or BigInt; `None` for the current position (`GetOffset`).
pub fn position(scope: &mut v8::PinScope<'_, '_>, value: v8::Local<'_, v8::Value>) -> Option<u64> {
    if let Ok(bigint) = v8::Local::<v8::BigInt>::try_from(value) {
        return u64::try_from(bigint.i64_value().0).ok();
    }
    if !value.is_number() {
        return None;
    }
    let number = value.number_value(scope)?;
    if number.fract() != 0.0 || number.abs() > 9_007_199_254_740_991.0 {
        return None;
    }
    #[expect(clippy::cast_possible_truncation, reason = "a safe integer fits")]
    u64::try_from(number as i64).ok()
}

/// The mode of access(2) or of copyFile (`GetValidFileMode`).
pub fn file_mode(
    scope: &mut v8::PinScope<'_, '_>,
    value: v8::Local<'_, v8::Value>,
) -> Checked<i32> {
    if value.is_null_or_undefined() {
        return Ok(0);
    }
    if !value.is_number() {
        exception::throw_invalid_argument(scope, "mode must be int32 or null/undefined");
        return Err(Thrown);
    }
    let number = value.number_value(scope).unwrap_or(f64::NAN);
    if !number.is_finite() {
        exception::throw(
            scope,
            ErrorKind::RangeError,
            "ERR_OUT_OF_RANGE",
            "mode is out of range",
        );
        return Err(Thrown);
    }
    let mode = value.int32_value(scope).unwrap_or(-1);
    if !(0..=7).contains(&mode) {
        let message = "mode is out of range: >= 0 && <= 7";
        exception::throw(scope, ErrorKind::RangeError, "ERR_OUT_OF_RANGE", message);
        return Err(Thrown);
    }
    Ok(mode)
}
