//! A database as bytes: `serialize(dbName)` and `deserialize(buffer, {dbName})`.

use std::ffi::c_uint;

use libsqlite3_sys as ffi;

use super::database::open_database_of;
use super::option;
use super::{error, value};
use crate::callback::{Args, Return, Scope};
use crate::js::convert;
use crate::js::exception::throw_invalid_argument;

/// `serialize(dbName)`: a `Uint8Array`.
pub(super) fn serialize<'s>(scope: Scope<'_, 's, '_>, args: Args<'s>, mut rv: Return<'s>) {
    let Some(database) = open_database_of(scope, args.this()) else {
        return;
    };
    let Ok(schema) = option::schema_argument(scope, args.get(0)) else {
        return;
    };
    let connection = database.connection();
    let mut size = 0;
    let bytes = database.call(scope, || {
        // SAFETY: an open connection, a text with a NUL, and room for the size.
        unsafe { ffi::sqlite3_serialize(connection, schema.as_ptr(), &raw mut size, 0) }
    });
    if bytes.is_null() && size != 0 {
        return error::throw_last(scope, &database);
    }
    let copied: &[u8] = if bytes.is_null() {
        &[]
    } else {
        // SAFETY: SQLite has made so many bytes.
        unsafe { std::slice::from_raw_parts(bytes, usize::try_from(size).unwrap_or(0)) }
    };
    let array = value::js_bytes(scope, copied);
    // SAFETY: the bytes are ours, and used no more.
    unsafe { ffi::sqlite3_free(bytes.cast()) };
    if let Some(array) = array {
        rv.set(array.into());
    }
}

/// `deserialize(buffer, {dbName})`: the database is these bytes from now on, in memory.
pub(super) fn deserialize(scope: Scope, args: Args, _rv: Return) {
    let Some(database) = open_database_of(scope, args.this()) else {
        return;
    };
    if !args.get(0).is_uint8_array() {
        return throw_invalid_argument(scope, "The \"buffer\" argument must be a Uint8Array.");
    }
    let mut schema = c"main".to_owned();
    if args.length() > 1 {
        let Ok(options) = option::object(scope, args.get(1), "options") else {
            return;
        };
        match option::text(scope, options, "dbName") {
            Ok(Some(name)) => schema = name,
            Ok(None) => {}
            Err(_) => return,
        }
    }
    // SQLite would go on reading what it has closed.
    if !database.check_idle(scope) {
        return;
    }
    if database.backups.get() > 0 {
        return error::throw_state(scope, "database is in use by a backup");
    }
    let copied = convert::with_bytes(args.get(0), |bytes| {
        // SAFETY: SQLite's memory, of a size of ours.
        let copy = unsafe { ffi::sqlite3_malloc64(bytes.len() as u64) }.cast::<u8>();
        if !copy.is_null() {
            // SAFETY: two blocks of that size.
            unsafe { std::ptr::copy_nonoverlapping(bytes.as_ptr(), copy, bytes.len()) };
        }
        (copy, bytes.len())
    });
    let Some((copy, length)) = copied else {
        return;
    };
    if length == 0 {
        return error::throw_value(scope, "The \"buffer\" argument must not be empty.");
    }
    if copy.is_null() {
        return error::throw_code(scope, ffi::SQLITE_NOMEM);
    }
    database.finalize_statements();
    let connection = database.connection();
    let size = i64::try_from(length).unwrap_or(i64::MAX);
    let flags = ffi::SQLITE_DESERIALIZE_FREEONCLOSE | ffi::SQLITE_DESERIALIZE_RESIZEABLE;
    let flags = c_uint::try_from(flags).unwrap_or(0);
    database.run(scope, || {
        // SAFETY: an open connection, a text with a NUL, and memory of SQLite's that it owns from now on, also where it fails.
        unsafe { ffi::sqlite3_deserialize(connection, schema.as_ptr(), copy, size, size, flags) }
    });
}
