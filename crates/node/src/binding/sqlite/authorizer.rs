//! The authorizer: a function of the guest's that SQLite asks about every action of a statement that it compiles.

use std::ffi::{c_char, c_int, c_void};

use libsqlite3_sys as ffi;

use super::database::{Database, open_database_of};
use super::statement::nullable;
use super::{OWNER_FIELD, error, scope};
use crate::callback::{Args, Return, Scope};
use crate::js::exception::{ErrorKind, throw, throw_invalid_argument};

/// `setAuthorizer(function | null)`.
pub(super) fn set(scope: Scope, args: Args, _rv: Return) {
    let this = args.this();
    let Some(database) = open_database_of(scope, this) else {
        return;
    };
    let connection = database.connection();
    if args.get(0).is_null() {
        // SAFETY: an open connection.
        unsafe { ffi::sqlite3_set_authorizer(connection, None, std::ptr::null_mut()) };
        database.authorizer.replace(None);
        this.set_internal_field(OWNER_FIELD, v8::null(scope).into());
        return;
    }
    let Ok(function) = args.get(0).try_cast::<v8::Function>() else {
        let message = "The \"callback\" argument must be a function or null.";
        return throw_invalid_argument(scope, message);
    };
    // The object keeps the function, which may refer to it.
    this.set_internal_field(OWNER_FIELD, function.into());
    *database.authorizer.borrow_mut() = Some(v8::Weak::new(scope, function));
    let data: *const Database = &raw const *database;
    // SAFETY: an open connection; it is closed before the database is dropped.
    let code =
        unsafe { ffi::sqlite3_set_authorizer(connection, Some(ask), data.cast_mut().cast()) };
    if code != ffi::SQLITE_OK {
        error::throw_last(scope, &database);
    }
}

unsafe extern "C" fn ask(
    data: *mut c_void,
    action: c_int,
    first: *const c_char,
    second: *const c_char,
    third: *const c_char,
    fourth: *const c_char,
) -> c_int {
    // SAFETY: the database of the connection, see `set`.
    let database = unsafe { &*data.cast::<Database>() };
    if database.has_thrown() {
        return ffi::SQLITE_DENY;
    }
    let texts = [first, second, third, fourth];
    let answer = scope::borrowed(|scope| {
        let before = database.authorizing.replace(true);
        let answer = call(scope, database, action, texts);
        database.authorizing.set(before);
        answer
    });
    answer.flatten().unwrap_or_else(|| {
        database.set_thrown();
        ffi::SQLITE_DENY
    })
}

/// What the function answers. None with an exception pending.
fn call(
    scope: &mut v8::PinScope<'_, '_>,
    database: &Database,
    action: c_int,
    texts: [*const c_char; 4],
) -> Option<c_int> {
    let function = database.authorizer.borrow().as_ref()?.to_local(scope)?;
    let mut arguments = vec![v8::Integer::new(scope, action).into()];
    for text in texts {
        // SAFETY: null, or SQLite's text for the time of the call.
        arguments.push(unsafe { nullable(scope, text) }?);
    }
    let receiver = v8::undefined(scope).into();
    let answer = function.call(scope, receiver, &arguments)?;
    let Ok(answer) = answer.try_cast::<v8::Int32>() else {
        let message = "Authorizer callback must return an integer authorization code";
        throw(scope, ErrorKind::TypeError, "", message);
        return None;
    };
    match answer.value() {
        code @ (ffi::SQLITE_OK | ffi::SQLITE_DENY | ffi::SQLITE_IGNORE) => Some(code),
        _ => {
            let message = "Authorizer callback returned a invalid authorization code";
            throw(scope, ErrorKind::RangeError, "", message);
            None
        }
    }
}
