//! The class `StatementSync`.

use std::ffi::CStr;
use std::rc::Rc;

use libsqlite3_sys as ffi;

use super::config::StatementConfig;
use super::statement::{Statement, changes, nullable};
use super::{error, illegal_constructor, iterator, option, value};
use crate::callback::{Args, Return, Scope};
use crate::js::class::Definition;
use crate::js::{convert, exception, wrap};

/// Declares the class.
pub(super) fn define(definition: &mut Definition) {
    definition
        .class("StatementSync", illegal_constructor)
        .method("iterate", iterate)
        .method("all", all)
        .method("get", get)
        .method("run", run)
        .method("columns", columns)
        .method("setAllowBareNamedParameters", set_bare_names)
        .method("setAllowUnknownNamedParameters", set_unknown_names)
        .method("setReadBigInts", set_big_integers)
        .method("setReturnArrays", set_arrays)
        .instance_getter("sourceSQL", source_sql)
        .instance_getter("expandedSQL", expanded_sql);
}

/// The statement behind `this`, if it can be used; else an exception is pending.
fn statement_of(scope: Scope, args: &Args) -> Option<Rc<Statement>> {
    let Some(statement) = wrap::unwrap::<Rc<Statement>>(scope, args.this().into()) else {
        exception::throw_invalid_argument(scope, "Illegal invocation");
        return None;
    };
    statement.check(scope).then(|| (*statement).clone())
}

/// All rows from here on, and the statement before its first again. None with an exception pending.
pub(super) fn read_all<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    statement: &Statement,
) -> Option<v8::Local<'s, v8::Value>> {
    let rows = collect(scope, statement);
    statement.reset(scope);
    rows
}

fn collect<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    statement: &Statement,
) -> Option<v8::Local<'s, v8::Value>> {
    let mut rows = Vec::new();
    let mut keys = None;
    loop {
        match statement.step(scope) {
            ffi::SQLITE_ROW => {}
            ffi::SQLITE_DONE => break,
            _ => {
                error::throw_last(scope, &statement.database);
                return None;
            }
        }
        if keys.is_none() {
            keys = Some(statement.keys(scope)?);
        }
        let keys = keys.as_deref().unwrap_or_default();
        v8::escapable_handle_scope!(let inner, scope);
        let row = statement.row(inner, keys)?;
        rows.push(inner.escape(row));
    }
    Some(v8::Array::new_with_elements(scope, &rows).into())
}

/// The first row or `undefined`, and the statement before its first again. None with an exception pending.
pub(super) fn read_first<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    statement: &Statement,
) -> Option<v8::Local<'s, v8::Value>> {
    let row = match statement.step(scope) {
        ffi::SQLITE_ROW if statement.columns() > 0 => {
            let keys = statement.keys(scope);
            keys.and_then(|keys| statement.row(scope, &keys))
        }
        ffi::SQLITE_ROW | ffi::SQLITE_DONE => Some(v8::undefined(scope).into()),
        _ => {
            error::throw_last(scope, &statement.database);
            None
        }
    };
    statement.reset(scope);
    row
}

/// What running the statement changed. None with an exception pending.
pub(super) fn execute<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    statement: &Statement,
) -> Option<v8::Local<'s, v8::Value>> {
    statement.step(scope);
    if statement.reset(scope) != ffi::SQLITE_OK {
        error::throw_last(scope, &statement.database);
        return None;
    }
    Some(changes(scope, statement))
}

fn all<'s>(scope: Scope<'_, 's, '_>, args: Args<'s>, mut rv: Return<'s>) {
    if let Some(statement) = statement_of(scope, &args)
        && statement.restart(scope, &args).is_some()
        && let Some(rows) = read_all(scope, &statement)
    {
        rv.set(rows);
    }
}

fn get<'s>(scope: Scope<'_, 's, '_>, args: Args<'s>, mut rv: Return<'s>) {
    if let Some(statement) = statement_of(scope, &args)
        && statement.restart(scope, &args).is_some()
        && let Some(row) = read_first(scope, &statement)
    {
        rv.set(row);
    }
}

fn run<'s>(scope: Scope<'_, 's, '_>, args: Args<'s>, mut rv: Return<'s>) {
    if let Some(statement) = statement_of(scope, &args)
        && statement.restart(scope, &args).is_some()
        && let Some(result) = execute(scope, &statement)
    {
        rv.set(result);
    }
}

fn iterate<'s>(scope: Scope<'_, 's, '_>, args: Args<'s>, mut rv: Return<'s>) {
    if let Some(statement) = statement_of(scope, &args)
        && statement.restart(scope, &args).is_some()
        && let Some(iterator) = iterator::create(scope, &statement, args.this())
    {
        rv.set(iterator.into());
    }
}

fn columns<'s>(scope: Scope<'_, 's, '_>, args: Args<'s>, mut rv: Return<'s>) {
    let Some(statement) = statement_of(scope, &args) else {
        return;
    };
    let mut columns = Vec::new();
    for column in 0..statement.columns() {
        let raw = statement.raw();
        // SAFETY: a live statement that has the column; texts live until the next call for the same column.
        let texts = unsafe {
            [
                ("column", ffi::sqlite3_column_origin_name(raw, column)),
                ("database", ffi::sqlite3_column_database_name(raw, column)),
                ("name", ffi::sqlite3_column_name(raw, column)),
                ("table", ffi::sqlite3_column_table_name(raw, column)),
                ("type", ffi::sqlite3_column_decltype(raw, column)),
            ]
        };
        let object = convert::null_prototype_object(scope);
        for (name, text) in texts {
            // SAFETY: as above.
            let Some(text) = (unsafe { nullable(scope, text) }) else {
                return;
            };
            convert::set(scope, object, name, text);
        }
        columns.push(object.into());
    }
    rv.set(v8::Array::new_with_elements(scope, &columns).into());
}

fn source_sql<'s>(scope: Scope<'_, 's, '_>, args: Args<'s>, mut rv: Return<'s>) {
    let Some(statement) = statement_of(scope, &args) else {
        return;
    };
    // SAFETY: a live statement; the text is its own.
    let sql = unsafe { nullable(scope, ffi::sqlite3_sql(statement.raw())) };
    if let Some(sql) = sql {
        rv.set(sql);
    }
}

fn expanded_sql<'s>(scope: Scope<'_, 's, '_>, args: Args<'s>, mut rv: Return<'s>) {
    let Some(statement) = statement_of(scope, &args) else {
        return;
    };
    // SAFETY: a live statement.
    let sql = unsafe { ffi::sqlite3_expanded_sql(statement.raw()) };
    if sql.is_null() {
        let message = "Expanded SQL text would exceed configured limits";
        return error::throw_message(scope, message);
    }
    // SAFETY: a text with a NUL.
    let text = value::js_text(scope, unsafe { CStr::from_ptr(sql) }.to_bytes());
    // SAFETY: the text is ours, and used no more.
    unsafe { ffi::sqlite3_free(sql.cast()) };
    if let Some(text) = text {
        rv.set(text.into());
    }
}

/// Takes a boolean setting from the first argument, which the message calls `name`.
fn set(scope: Scope, args: &Args, name: &str, apply: fn(&mut StatementConfig, bool)) {
    let Some(statement) = statement_of(scope, args) else {
        return;
    };
    if let Ok(value) = option::boolean_argument(scope, args.get(0), name) {
        let mut config = statement.config.get();
        apply(&mut config, value);
        statement.config.set(config);
    }
}

fn set_bare_names(scope: Scope, args: Args, _rv: Return) {
    set(scope, &args, "allowBareNamedParameters", |config, value| {
        config.bare_names = value;
    });
}

fn set_unknown_names(scope: Scope, args: Args, _rv: Return) {
    set(scope, &args, "enabled", |config, value| {
        config.unknown_names = value;
    });
}

fn set_big_integers(scope: Scope, args: Args, _rv: Return) {
    set(scope, &args, "readBigInts", |config, value| {
        config.big_integers = value;
    });
}

fn set_arrays(scope: Scope, args: Args, _rv: Return) {
    set(scope, &args, "returnArrays", |config, value| {
        config.arrays = value;
    });
}
