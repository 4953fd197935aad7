//! Errors of SQLite as JavaScript errors, with `code`, `errcode` and `errstr`.

use std::ffi::{CStr, c_char, c_int};

use libsqlite3_sys as ffi;

use super::database::Database;
use crate::js::convert;
use crate::js::exception::{self, ErrorKind, string};

const CODE: &str = "ERR_SQLITE_ERROR";

/// A text of SQLite's.
///
/// # Safety
/// Null, or a text with a NUL that lives during the call.
pub(super) unsafe fn text(text: *const c_char) -> String {
    if text.is_null() {
        return String::new();
    }
    // SAFETY: by the caller.
    unsafe { CStr::from_ptr(text) }
        .to_string_lossy()
        .into_owned()
}

fn name_of(code: c_int) -> String {
    // SAFETY: SQLite has a static text for every number.
    unsafe { text(ffi::sqlite3_errstr(code)) }
}

fn new_error<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    message: &str,
    code: c_int,
) -> v8::Local<'s, v8::Value> {
    let error = exception::new_error(scope, ErrorKind::Error, CODE, message);
    if let Ok(object) = error.try_cast::<v8::Object>() {
        let number = v8::Integer::new(scope, code).into();
        convert::set(scope, object, "errcode", number);
    }
    error
}

fn add_name(scope: &mut v8::PinScope<'_, '_>, error: v8::Local<'_, v8::Value>, code: c_int) {
    if let Ok(object) = error.try_cast::<v8::Object>() {
        let name = string(scope, &name_of(code)).into();
        convert::set(scope, object, "errstr", name);
    }
}

/// The last error of a connection.
pub(super) fn last<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    connection: *mut ffi::sqlite3,
) -> v8::Local<'s, v8::Value> {
    // SAFETY: callers have the connection open; null is out of memory to SQLite.
    let code = unsafe { ffi::sqlite3_extended_errcode(connection) };
    // SAFETY: as above.
    let message = unsafe { text(ffi::sqlite3_errmsg(connection)) };
    let error = new_error(scope, &message, code);
    add_name(scope, error, code);
    error
}

/// The error of a result code, with its name.
pub(super) fn of_code<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    code: c_int,
) -> v8::Local<'s, v8::Value> {
    let error = new_error(scope, &name_of(code), code);
    add_name(scope, error, code);
    error
}

/// Throws the error of a result code, which has no name then.
pub(super) fn throw_code(scope: &mut v8::PinScope<'_, '_>, code: c_int) {
    let error = new_error(scope, &name_of(code), code);
    scope.throw_exception(error);
}

/// Throws an error with no more than a message.
pub(super) fn throw_message(scope: &mut v8::PinScope<'_, '_>, message: &str) {
    exception::throw(scope, ErrorKind::Error, CODE, message);
}

/// Throws the last error of a database, if it is not that of an exception which is on its way already.
pub(super) fn throw_last(scope: &mut v8::PinScope<'_, '_>, database: &Database) {
    if database.take_thrown() {
        return;
    }
    let error = last(scope, database.connection());
    scope.throw_exception(error);
}

/// Throws `ERR_INVALID_STATE`.
pub(super) fn throw_state(scope: &mut v8::PinScope<'_, '_>, message: &str) {
    exception::throw(scope, ErrorKind::Error, "ERR_INVALID_STATE", message);
}

/// Throws `ERR_OUT_OF_RANGE`.
pub(super) fn throw_range(scope: &mut v8::PinScope<'_, '_>, message: &str) {
    exception::throw(scope, ErrorKind::RangeError, "ERR_OUT_OF_RANGE", message);
}

/// Throws `ERR_INVALID_ARG_VALUE`.
pub(super) fn throw_value(scope: &mut v8::PinScope<'_, '_>, message: &str) {
    let code = "ERR_INVALID_ARG_VALUE";
    exception::throw(scope, ErrorKind::TypeError, code, message);
}
