//! `applyChangeset(changeset, {onConflict, filter})`.

use std::ffi::{CStr, c_char, c_int, c_void};
use std::rc::Rc;

use libsqlite3_sys as ffi;

use super::database::{Database, open_database_of};
use super::option::{self, Thrown};
use super::undeclared_ffi::sqlite3changeset_apply;
use super::value::js_text;
use super::{error, scope};
use crate::callback::{Args, Return, Scope};
use crate::js::convert;
use crate::js::exception::{string, throw_invalid_argument};

/// Whom SQLite asks while it applies a changeset.
struct Callbacks {
    database: Rc<Database>,
    conflict: Option<v8::Global<v8::Function>>,
    filter: Option<v8::Global<v8::Function>>,
}

/// `applyChangeset(changeset, options)`: whether it was applied.
pub(super) fn apply(scope: Scope, args: Args, mut rv: Return) {
    let Some(database) = open_database_of(scope, args.this()) else {
        return;
    };
    if !args.get(0).is_uint8_array() {
        let message = "The \"changeset\" argument must be a Uint8Array.";
        return throw_invalid_argument(scope, message);
    }
    let Ok(callbacks) = callbacks(scope, &args, database.clone()) else {
        return;
    };
    let Some(mut changes) = convert::bytes(args.get(0)) else {
        return;
    };
    // A getter may have closed it.
    if !database.check_open(scope) {
        return;
    }
    let connection = database.connection();
    let size = c_int::try_from(changes.len()).unwrap_or(c_int::MAX);
    let context: *const Callbacks = &raw const callbacks;
    let code = database.call(scope, || {
        // SAFETY: an open connection, a copy of the changeset, and callbacks that live through the call.
        unsafe {
            sqlite3changeset_apply(
                connection,
                size,
                changes.as_mut_ptr().cast(),
                Some(filter),
                Some(conflict),
                context.cast_mut().cast(),
            )
        }
    });
    if database.take_thrown() {
        return;
    }
    match code {
        ffi::SQLITE_OK => rv.set_bool(true),
        ffi::SQLITE_ABORT => rv.set_bool(false),
        code => error::throw_code(scope, code),
    }
}

fn callbacks(scope: Scope, args: &Args, database: Rc<Database>) -> Result<Callbacks, Thrown> {
    let mut callbacks = Callbacks {
        database,
        conflict: None,
        filter: None,
    };
    if args.length() < 2 || args.get(1).is_undefined() {
        return Ok(callbacks);
    }
    let options = option::object(scope, args.get(1), "options")?;
    let conflict = option::function(scope, options, "onConflict")?;
    callbacks.conflict = conflict.map(|conflict| v8::Global::new(scope, conflict));
    let key = string(scope, "filter");
    if options.has_own_property(scope, key.into()).ok_or(Thrown)? {
        let Some(filter) = option::function(scope, options, "filter")? else {
            return Err(option::refuse(scope, "filter", "a function"));
        };
        callbacks.filter = Some(v8::Global::new(scope, filter));
    }
    Ok(callbacks)
}

/// What one of them is asked.
#[derive(Clone, Copy)]
enum Question<'a> {
    /// What to do about a conflict of this kind.
    Conflict(c_int),
    /// Whether to apply the changes of this table.
    Table(&'a CStr),
}

impl Question<'_> {
    fn argument<'s>(self, scope: &mut v8::PinScope<'s, '_>) -> Option<v8::Local<'s, v8::Value>> {
        Some(match self {
            Question::Conflict(kind) => v8::Integer::new(scope, kind).into(),
            Question::Table(name) => js_text(scope, name.to_bytes())?.into(),
        })
    }

    fn answer(self, scope: &mut v8::PinScope<'_, '_>, answer: v8::Local<'_, v8::Value>) -> c_int {
        match self {
            // A number that means nothing to SQLite is what it takes for one that is none.
            Question::Conflict(_) if !answer.is_int32() => -1,
            Question::Conflict(_) => answer.int32_value(scope).unwrap_or(-1),
            Question::Table(_) => c_int::from(answer.boolean_value(scope)),
        }
    }
}

/// Asks a function. None with an exception pending, now or since an earlier one.
fn ask(
    callbacks: &Callbacks,
    function: &v8::Global<v8::Function>,
    question: Question<'_>,
) -> Option<c_int> {
    let answer = scope::borrowed(|scope| {
        if callbacks.database.has_thrown() {
            return None;
        }
        let argument = question.argument(scope)?;
        let function = v8::Local::new(scope, function);
        let receiver = v8::null(scope).into();
        let answer = function.call(scope, receiver, &[argument])?;
        Some(question.answer(scope, answer))
    });
    let answer = answer.flatten();
    if answer.is_none() {
        callbacks.database.set_thrown();
    }
    answer
}

unsafe extern "C" fn conflict(context: *mut c_void, kind: c_int, _iterator: *mut c_void) -> c_int {
    // SAFETY: of the call in `apply`.
    let callbacks = unsafe { &*context.cast::<Callbacks>() };
    let Some(function) = &callbacks.conflict else {
        return ffi::SQLITE_CHANGESET_ABORT;
    };
    let answer = ask(callbacks, function, Question::Conflict(kind));
    answer.unwrap_or(ffi::SQLITE_CHANGESET_ABORT)
}

unsafe extern "C" fn filter(context: *mut c_void, table: *const c_char) -> c_int {
    // SAFETY: of the call in `apply`.
    let callbacks = unsafe { &*context.cast::<Callbacks>() };
    let Some(function) = &callbacks.filter else {
        return 1;
    };
    // SAFETY: SQLite's text for the time of the call.
    let table = unsafe { CStr::from_ptr(table) };
    ask(callbacks, function, Question::Table(table)).unwrap_or(0)
}
