//! Values of SQLite and of JavaScript, into each other.

use std::ffi::{c_int, c_uchar, c_void};

use libsqlite3_sys as ffi;

use super::database::Database;
use super::error;
use crate::js::convert;
use crate::js::exception::throw_invalid_argument;
use crate::memory::memory_guard;

/// `Number.MAX_SAFE_INTEGER`.
const MOST_SAFE: u64 = (1 << 53) - 1;

/// `SQLITE_UTF8`, in the type that texts of any length come with.
const UTF8: c_uchar = 1;

/// A value that SQLite has, for as long as it has it.
pub(super) enum Value<'a> {
    Integer(i64),
    Real(f64),
    Text(&'a [u8]),
    Blob(&'a [u8]),
    Null,
}

/// Bytes that SQLite has.
///
/// # Safety
/// Null, or `length` bytes that live for `'a`.
unsafe fn bytes<'a>(start: *const c_uchar, length: c_int) -> &'a [u8] {
    if start.is_null() {
        return &[];
    }
    // SAFETY: by the caller.
    unsafe { std::slice::from_raw_parts(start, usize::try_from(length).unwrap_or(0)) }
}

impl Value<'_> {
    /// A column of the row that a statement stands at.
    ///
    /// # Safety
    /// The statement is live and has the column; it is not changed while the value is used.
    pub unsafe fn of_column<'a>(statement: *mut ffi::sqlite3_stmt, column: c_int) -> Value<'a> {
        // SAFETY: by the caller. The length is asked for after the bytes, as SQLite wants it.
        unsafe {
            match ffi::sqlite3_column_type(statement, column) {
                ffi::SQLITE_INTEGER => Value::Integer(ffi::sqlite3_column_int64(statement, column)),
                ffi::SQLITE_FLOAT => Value::Real(ffi::sqlite3_column_double(statement, column)),
                ffi::SQLITE_TEXT => {
                    let start = ffi::sqlite3_column_text(statement, column);
                    Value::Text(bytes(start, ffi::sqlite3_column_bytes(statement, column)))
                }
                ffi::SQLITE_BLOB => {
                    let start = ffi::sqlite3_column_blob(statement, column);
                    let length = ffi::sqlite3_column_bytes(statement, column);
                    Value::Blob(bytes(start.cast(), length))
                }
                _ => Value::Null,
            }
        }
    }

    /// An argument of a function.
    ///
    /// # Safety
    /// The value is one that SQLite calls the function with, and that call lasts for `'a`.
    pub unsafe fn of_argument<'a>(value: *mut ffi::sqlite3_value) -> Value<'a> {
        // SAFETY: by the caller.
        unsafe {
            match ffi::sqlite3_value_type(value) {
                ffi::SQLITE_INTEGER => Value::Integer(ffi::sqlite3_value_int64(value)),
                ffi::SQLITE_FLOAT => Value::Real(ffi::sqlite3_value_double(value)),
                ffi::SQLITE_TEXT => {
                    let start = ffi::sqlite3_value_text(value);
                    Value::Text(bytes(start, ffi::sqlite3_value_bytes(value)))
                }
                ffi::SQLITE_BLOB => {
                    let start = ffi::sqlite3_value_blob(value);
                    Value::Blob(bytes(start.cast(), ffi::sqlite3_value_bytes(value)))
                }
                _ => Value::Null,
            }
        }
    }

    /// The value in JavaScript. None with an exception pending.
    pub fn to_js<'s>(
        &self,
        scope: &mut v8::PinScope<'s, '_>,
        big_integers: bool,
    ) -> Option<v8::Local<'s, v8::Value>> {
        Some(match *self {
            Value::Null => v8::null(scope).into(),
            Value::Real(number) => v8::Number::new(scope, number).into(),
            Value::Integer(number) if big_integers => {
                v8::BigInt::new_from_i64(scope, number).into()
            }
            Value::Integer(number) if number.unsigned_abs() <= MOST_SAFE => {
                v8::Number::new(scope, number as f64).into()
            }
            Value::Integer(number) => {
                let message = format!(
                    "Value is too large to be represented as a JavaScript number: {number}"
                );
                error::throw_range(scope, &message);
                return None;
            }
            Value::Text(text) => js_text(scope, text)?.into(),
            Value::Blob(bytes) => js_bytes(scope, bytes)?.into(),
        })
    }
}

/// A string of UTF-8, in which what is none is replaced.
pub(super) fn js_text<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    text: &[u8],
) -> Option<v8::Local<'s, v8::String>> {
    if !memory_guard::admit(text.len()) {
        return None;
    }
    let string = v8::String::new_from_utf8(scope, text, v8::NewStringType::Normal);
    if string.is_none() {
        error::throw_message(scope, "The text is longer than a string can be");
    }
    string
}

/// A `Uint8Array` with a copy of `bytes`.
pub(super) fn js_bytes<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    bytes: &[u8],
) -> Option<v8::Local<'s, v8::Uint8Array>> {
    if !memory_guard::admit(bytes.len()) {
        return None;
    }
    let buffer = convert::array_buffer(scope, bytes.to_vec());
    v8::Uint8Array::new(scope, buffer, 0, bytes.len())
}

/// The number of a `BigInt` where SQLite has it.
fn integer(value: v8::Local<'_, v8::Value>) -> Option<Option<i64>> {
    let value: v8::Local<v8::BigInt> = value.try_cast().ok()?;
    let (number, lossless) = value.i64_value();
    Some(lossless.then_some(number))
}

/// Binds `value` to parameter `index`. None with an exception pending.
pub(super) fn bind(
    scope: &mut v8::PinScope<'_, '_>,
    database: &Database,
    statement: *mut ffi::sqlite3_stmt,
    index: c_int,
    value: v8::Local<'_, v8::Value>,
) -> Option<()> {
    let code = if value.is_number() {
        let number = value.number_value(scope)?;
        // SAFETY: the statement is live and not running; so for the others.
        unsafe { ffi::sqlite3_bind_double(statement, index, number) }
    } else if value.is_string() {
        let text = convert::text(scope, value);
        let (start, length) = (text.as_ptr().cast(), text.len() as u64);
        let copy = ffi::SQLITE_TRANSIENT();
        // SAFETY: SQLite copies the text.
        unsafe { ffi::sqlite3_bind_text64(statement, index, start, length, copy, UTF8) }
    } else if value.is_null() {
        // SAFETY: as above.
        unsafe { ffi::sqlite3_bind_null(statement, index) }
    } else if value.is_boolean() {
        let number = c_int::from(value.is_true());
        // SAFETY: as above.
        unsafe { ffi::sqlite3_bind_int(statement, index, number) }
    } else if value.is_array_buffer_view() {
        convert::with_bytes(value, |bytes| {
            let start: *const c_void = match bytes.len() {
                // Nothing is not NULL.
                0 => c"".as_ptr().cast(),
                _ => bytes.as_ptr().cast(),
            };
            let (length, copy) = (bytes.len() as u64, ffi::SQLITE_TRANSIENT());
            // SAFETY: SQLite copies the bytes.
            unsafe { ffi::sqlite3_bind_blob64(statement, index, start, length, copy) }
        })?
    } else if let Some(number) = integer(value) {
        let Some(number) = number else {
            error::throw_value(scope, "BigInt value is too large to bind.");
            return None;
        };
        // SAFETY: as above.
        unsafe { ffi::sqlite3_bind_int64(statement, index, number) }
    } else {
        let message = format!("Provided value cannot be bound to SQLite parameter {index}.");
        throw_invalid_argument(scope, &message);
        return None;
    };
    if code != ffi::SQLITE_OK {
        error::throw_last(scope, database);
        return None;
    }
    Some(())
}

/// Makes `value` the result of a function, or an error where SQLite has nothing like it.
///
/// # Safety
/// The context is that of a call that SQLite makes now.
pub(super) unsafe fn set_result(
    scope: &mut v8::PinScope<'_, '_>,
    context: *mut ffi::sqlite3_context,
    value: v8::Local<'_, v8::Value>,
) {
    // SAFETY: by the caller; SQLite copies texts and bytes.
    unsafe {
        if value.is_null_or_undefined() {
            ffi::sqlite3_result_null(context);
        } else if value.is_number() {
            let number = value.number_value(scope).unwrap_or(f64::NAN);
            ffi::sqlite3_result_double(context, number);
        } else if value.is_string() {
            let text = convert::text(scope, value);
            let (start, length) = (text.as_ptr().cast(), text.len() as u64);
            let copy = ffi::SQLITE_TRANSIENT();
            ffi::sqlite3_result_text64(context, start, length, copy, UTF8);
        } else if value.is_array_buffer_view() {
            convert::with_bytes(value, |bytes| {
                let (start, length) = (bytes.as_ptr().cast(), bytes.len() as u64);
                let copy = ffi::SQLITE_TRANSIENT();
                ffi::sqlite3_result_blob64(context, start, length, copy);
            });
        } else if let Some(number) = integer(value) {
            match number {
                Some(number) => ffi::sqlite3_result_int64(context, number),
                None => set_error(context, "BigInt value is too large for SQLite"),
            }
        } else if value.is_promise() {
            set_error(
                context,
                "Asynchronous user-defined functions are not supported",
            );
        } else {
            set_error(
                context,
                "Returned JavaScript value cannot be converted to a SQLite value",
            );
        }
    }
}

/// Makes an error the result of a function.
///
/// # Safety
/// The context is that of a call that SQLite makes now.
pub(super) unsafe fn set_error(context: *mut ffi::sqlite3_context, message: &str) {
    let length = c_int::try_from(message.len()).unwrap_or(0);
    // SAFETY: by the caller; SQLite copies the text.
    unsafe { ffi::sqlite3_result_error(context, message.as_ptr().cast(), length) };
}
