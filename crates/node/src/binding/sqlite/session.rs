//! The class `Session`: what changes in a database from its creation on.

use std::cell::Cell;
use std::ffi::c_int;
use std::ptr::null_mut;
use std::rc::{Rc, Weak};

use libsqlite3_sys as ffi;

use super::database::{Database, Doomed, database_of};
use super::option::{self, Thrown};
use super::undeclared_ffi::{
    Generate, Session as RawSession, sqlite3session_attach, sqlite3session_changeset,
    sqlite3session_create, sqlite3session_patchset,
};
use super::{error, illegal_constructor, value};
use crate::callback::{Args, Return, Scope};
use crate::js::class::{Definition, class_template};
use crate::js::exception::{string, throw_invalid_argument};
use crate::js::wrap;

/// A session, until it is closed.
pub(super) struct Session {
    database: Weak<Database>,
    session: Cell<*mut RawSession>,
}

/// Declares the class.
pub(super) fn define(definition: &mut Definition) {
    definition
        .class("Session", illegal_constructor)
        .method("changeset", changeset)
        .method("patchset", patchset)
        .method("close", close)
        .disposed_by(dispose);
}

impl Session {
    /// What is to be ended of the session, which is closed from now on.
    pub fn take(&self) -> Option<Doomed> {
        let session = self.session.replace(null_mut());
        (!session.is_null()).then_some(Doomed::Session(session))
    }

    fn delete(&self) {
        if let Some(session) = self.take()
            && let Some(database) = self.database.upgrade()
        {
            database.end(session);
        }
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        self.delete();
    }
}

/// An own property of the options that is a string.
fn own_text(
    scope: &mut v8::PinScope<'_, '_>,
    options: v8::Local<'_, v8::Object>,
    name: &str,
) -> Result<Option<std::ffi::CString>, Thrown> {
    let key = string(scope, name);
    if !options.has_own_property(scope, key.into()).ok_or(Thrown)? {
        return Ok(None);
    }
    match option::text(scope, options, name)? {
        Some(text) => Ok(Some(text)),
        None => Err(option::refuse(scope, name, "a string")),
    }
}

/// `createSession({table, db})`.
pub(super) fn create<'s>(scope: Scope<'_, 's, '_>, args: Args<'s>, mut rv: Return<'s>) {
    if let Ok(Some(session)) = begin(scope, &args) {
        rv.set(session.into());
    }
}

fn begin<'s>(
    scope: Scope<'_, 's, '_>,
    args: &Args,
) -> Result<Option<v8::Local<'s, v8::Object>>, Thrown> {
    let (mut table, mut schema) = (None, c"main".to_owned());
    if args.length() > 0 {
        let options = option::object(scope, args.get(0), "options")?;
        table = own_text(scope, options, "table")?;
        schema = own_text(scope, options, "db")?.unwrap_or(schema);
    }
    let database = database_of(scope, args.this()).ok_or(Thrown)?;
    if !database.check_idle(scope) {
        return Err(Thrown);
    }
    let connection = database.connection();
    let mut session = null_mut();
    let created = database.run(scope, || {
        // SAFETY: an open connection, a text with a NUL, and room for the session.
        unsafe { sqlite3session_create(connection, schema.as_ptr(), &raw mut session) }
    });
    if !created {
        return Err(Thrown);
    }
    let own = Rc::new(Session {
        database: Rc::downgrade(&database),
        session: Cell::new(session),
    });
    database.add_session(&own);
    let table = table.filter(|table| !table.is_empty());
    let attached = database.run(scope, || {
        let table = table
            .as_ref()
            .map_or(std::ptr::null(), |table| table.as_ptr());
        // SAFETY: a live session, and a text with a NUL or null for all tables.
        unsafe { sqlite3session_attach(session, table) }
    });
    if !attached {
        return Err(Thrown);
    }
    let template = class_template(scope, "Session").ok_or(Thrown)?;
    let object = template.instance_template(scope).new_instance(scope);
    if let Some(object) = object {
        wrap::wrap(scope, object, own);
    }
    Ok(object)
}

/// The session behind `this`, and its database, which is open. None with an exception pending.
fn session_of(scope: Scope, args: &Args) -> Option<(Rc<Session>, Rc<Database>)> {
    let Some(session) = wrap::unwrap::<Rc<Session>>(scope, args.this().into()) else {
        throw_invalid_argument(scope, "Illegal invocation");
        return None;
    };
    let Some(database) = session.database.upgrade() else {
        error::throw_state(scope, "database is not open");
        return None;
    };
    if !database.check_idle(scope) {
        return None;
    }
    if session.session.get().is_null() {
        error::throw_state(scope, "session is not open");
        return None;
    }
    Some(((*session).clone(), database))
}

fn generate<'s>(
    scope: Scope<'_, 's, '_>,
    args: &Args,
    generate: Generate,
) -> Option<v8::Local<'s, v8::Value>> {
    let (session, database) = session_of(scope, args)?;
    let session = session.session.get();
    let (mut size, mut changes) = (0 as c_int, null_mut());
    let generated = database.run(scope, || {
        // SAFETY: a live session, and room for the result.
        unsafe { generate(session, &raw mut size, &raw mut changes) }
    });
    if !generated {
        return None;
    }
    let length = usize::try_from(size).unwrap_or(0);
    let bytes: &[u8] = if changes.is_null() {
        &[]
    } else {
        // SAFETY: SQLite has made so many bytes.
        unsafe { std::slice::from_raw_parts(changes.cast::<u8>(), length) }
    };
    let array = value::js_bytes(scope, bytes);
    // SAFETY: the bytes are ours, and used no more.
    unsafe { ffi::sqlite3_free(changes) };
    Some(array?.into())
}

fn changeset<'s>(scope: Scope<'_, 's, '_>, args: Args<'s>, mut rv: Return<'s>) {
    if let Some(changes) = generate(scope, &args, sqlite3session_changeset) {
        rv.set(changes);
    }
}

fn patchset<'s>(scope: Scope<'_, 's, '_>, args: Args<'s>, mut rv: Return<'s>) {
    if let Some(changes) = generate(scope, &args, sqlite3session_patchset) {
        rv.set(changes);
    }
}

fn close(scope: Scope, args: Args, _rv: Return) {
    if let Some((session, _)) = session_of(scope, &args) {
        session.delete();
    }
}

/// `[Symbol.dispose]()`: closes the session if it is open.
fn dispose(scope: Scope, args: Args, _rv: Return) {
    if let Some(session) = wrap::unwrap::<Rc<Session>>(scope, args.this().into()) {
        session.delete();
    }
}
