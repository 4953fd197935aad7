//! The class `DatabaseSync`: opening, closing, running SQL, and what is asked of a connection.

use std::ffi::{CStr, c_int};
use std::ptr::null_mut;

use libsqlite3_sys as ffi;

use super::config::{Config, Order};
use super::database::{Database, database_of, open_database_of};
use super::option::{self, Thrown};
use super::statement::Statement;
use super::value::js_text;
use super::{
    aggregate, authorizer, changeset, error, function, limits, serialize, session, start, tag_store,
};
use crate::callback::{Args, Return, Scope};
use crate::env::Env;
use crate::js::class::Definition;
use crate::js::exception::{self, string};
use crate::js::wrap;

/// Declares the class.
pub(super) fn define(definition: &mut Definition) {
    definition
        .class("DatabaseSync", new_database)
        .method("open", open)
        .method("close", close)
        .method("prepare", prepare)
        .method("exec", exec)
        .method("function", function::create)
        .method("createTagStore", tag_store::create)
        .method("location", location)
        .method("aggregate", aggregate::create)
        .method("createSession", session::create)
        .method("applyChangeset", changeset::apply)
        .method("enableLoadExtension", enable_load_extension)
        .method("enableDefensive", enable_defensive)
        .method("loadExtension", load_extension)
        .method("serialize", serialize::serialize)
        .method("deserialize", serialize::deserialize)
        .method("setAuthorizer", authorizer::set)
        .disposed_by(dispose)
        .instance_getter("isOpen", is_open)
        .instance_getter("isTransaction", is_transaction)
        .instance_getter("limits", limits::limits);
}

fn new_database(scope: Scope, args: Args, _rv: Return) {
    if !args.is_construct_call() {
        return exception::throw_construct_call_required(scope, exception::NO_NEW);
    }
    let _ = construct(scope, &args);
}

fn construct(scope: Scope, args: &Args) -> Result<(), Thrown> {
    let mut config = Config::new(option::location(scope, args.get(0))?);
    let mut opens = true;
    if args.length() > 1 {
        let options = option::object(scope, args.get(1), "options")?;
        opens = config.read(scope, options)?;
    }
    if config.allows_extensions && Env::of(scope).permissions.borrow().is_some() {
        let code = "ERR_LOAD_SQLITE_EXTENSION";
        let message = "Cannot load SQLite extensions when the permission model is enabled.";
        exception::throw(scope, exception::ErrorKind::Error, code, message);
        return Err(Thrown);
    }
    let code = start::start();
    if code != ffi::SQLITE_OK {
        error::throw_code(scope, code);
        return Err(Thrown);
    }
    let env = Env::of(scope);
    let database = Database::new(&env, config);
    let this = args.this();
    wrap::wrap(scope, this, database.clone());
    let key = string(scope, "sqlite-type");
    let key = v8::Symbol::for_key(scope, key);
    let name = string(scope, "node:sqlite");
    this.set(scope, key.into(), name.into());
    if opens {
        database.open(scope);
    }
    Ok(())
}

fn open(scope: Scope, args: Args, _rv: Return) {
    if let Some(database) = database_of(scope, args.this()) {
        database.open(scope);
    }
}

fn close(scope: Scope, args: Args, _rv: Return) {
    let Some(database) = database_of(scope, args.this()) else {
        return;
    };
    if database.check_idle(scope) {
        let code = database.close();
        if code != ffi::SQLITE_OK {
            error::throw_code(scope, code);
        }
    }
}

/// `[Symbol.dispose]()`: closes the database if it can be closed.
fn dispose(scope: Scope, args: Args, _rv: Return) {
    if let Some(database) = database_of(scope, args.this())
        && database.is_open()
        && !database.is_busy()
    {
        database.close();
    }
}

fn is_open(scope: Scope, args: Args, mut rv: Return) {
    if let Some(database) = database_of(scope, args.this()) {
        rv.set_bool(database.is_open());
    }
}

fn is_transaction(scope: Scope, args: Args, mut rv: Return) {
    let Some(database) = database_of(scope, args.this()) else {
        return;
    };
    if !database.is_open() {
        return error::throw_state(scope, "database is not open");
    }
    // SAFETY: an open connection.
    rv.set_bool(unsafe { ffi::sqlite3_get_autocommit(database.connection()) } == 0);
}

fn prepare<'s>(scope: Scope<'_, 's, '_>, args: Args<'s>, mut rv: Return<'s>) {
    let Some(database) = open_database_of(scope, args.this()) else {
        return;
    };
    let Ok(sql) = option::string_argument(scope, args.get(0), "sql") else {
        return;
    };
    let mut config = database.config.statements;
    if args.length() > 1 && !args.get(1).is_undefined() {
        let Ok(options) = option::object(scope, args.get(1), "options") else {
            return;
        };
        if config.read(scope, options, Order::OfStatement).is_err() {
            return;
        }
        // A getter may have closed it.
        if !database.check_open(scope) {
            return;
        }
    }
    let Some(statement) = Statement::prepare(scope, &database, &sql, config) else {
        return;
    };
    if let Some(object) = statement.to_object(scope, args.this()) {
        rv.set(object.into());
    }
}

fn exec(scope: Scope, args: Args, _rv: Return) {
    let Some(database) = open_database_of(scope, args.this()) else {
        return;
    };
    let Ok(sql) = option::string_argument(scope, args.get(0), "sql") else {
        return;
    };
    let connection = database.connection();
    database.run(scope, || {
        // SAFETY: an open connection and a text with a NUL; rows are not asked for.
        unsafe { ffi::sqlite3_exec(connection, sql.as_ptr(), None, null_mut(), null_mut()) }
    });
}

fn location<'s>(scope: Scope<'_, 's, '_>, args: Args<'s>, mut rv: Return<'s>) {
    let Some(database) = open_database_of(scope, args.this()) else {
        return;
    };
    let Ok(schema) = option::schema_argument(scope, args.get(0)) else {
        return;
    };
    // SAFETY: an open connection and a text with a NUL.
    let path = unsafe { ffi::sqlite3_db_filename(database.connection(), schema.as_ptr()) };
    if path.is_null() {
        return rv.set_null();
    }
    // SAFETY: SQLite's text, which lives as long as the connection.
    let path = unsafe { CStr::from_ptr(path) }.to_bytes();
    if path.is_empty() {
        rv.set_null();
    } else if let Some(path) = js_text(scope, path) {
        rv.set(path.into());
    }
}

const NO_EXTENSIONS: &str =
    "SQLite extensions are not available in this VM: they would be native code of the guest's";

fn enable_load_extension(scope: Scope, args: Args, _rv: Return) {
    let Some(database) = open_database_of(scope, args.this()) else {
        return;
    };
    let Ok(allow) = option::boolean_argument(scope, args.get(0), "allow") else {
        return;
    };
    if allow && !database.config.allows_extensions {
        let message =
            "Cannot enable extension loading because it was disabled at database creation.";
        return error::throw_state(scope, message);
    }
    database.extensions_enabled.set(allow);
    if allow {
        exception::throw_unavailable(scope, NO_EXTENSIONS);
    }
}

fn load_extension(scope: Scope, args: Args, _rv: Return) {
    let Some(database) = open_database_of(scope, args.this()) else {
        return;
    };
    if !database.extensions_enabled.get() {
        return error::throw_state(scope, "extension loading is not allowed");
    }
    if option::string_argument(scope, args.get(0), "path").is_ok() {
        exception::throw_unavailable(scope, NO_EXTENSIONS);
    }
}

fn enable_defensive(scope: Scope, args: Args, _rv: Return) {
    let Some(database) = open_database_of(scope, args.this()) else {
        return;
    };
    let Ok(active) = option::boolean_argument(scope, args.get(0), "active") else {
        return;
    };
    let connection = database.connection();
    database.run(scope, || {
        let setting = ffi::SQLITE_DBCONFIG_DEFENSIVE;
        let nothing = null_mut::<c_int>();
        // SAFETY: an open connection; the arguments are those of this setting.
        unsafe { ffi::sqlite3_db_config(connection, setting, c_int::from(active), nothing) }
    });
}
