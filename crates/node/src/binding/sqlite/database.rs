//! A database connection, and what belongs to it. Everything that calls SQLite for a guest goes through [`Database::call`].
//!
//! # What a guest could do to SQLite
//! JavaScript runs in the middle of SQLite: functions, authorizers, filters. SQLite trusts them not to close the connection
//! or to end the statement that they are called from, which in Node.js is a crash. Here such calls throw, and what the
//! collector finds meanwhile is ended when SQLite has been left.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::ffi::{c_int, c_void};
use std::ptr::null_mut;
use std::rc::{Rc, Weak};

use libsqlite3_sys as ffi;

use super::config::Config;

use super::session::Session;
use super::statement::Statement;
use super::undeclared_ffi::{Session as RawSession, sqlite3_close_v2, sqlite3session_delete};
use super::{error, scope};
use crate::env::Env;
use crate::js::{exception, wrap};
use crate::threads::interruption;

/// Between two looks whether the program is being ended, instructions of SQLite's machine.
const INSTRUCTIONS: c_int = 1000;

/// A connection that a guest has, open or not.
pub(super) struct Database {
    pub config: Config,
    connection: Cell<*mut ffi::sqlite3>,
    statements: RefCell<HashMap<usize, Weak<Statement>>>,
    sessions: RefCell<Vec<Weak<Session>>>,
    /// Backups that read it.
    pub backups: Cell<u32>,
    /// Loading of extensions was not disabled since.
    pub extensions_enabled: Cell<bool>,
    /// Calls of SQLite that are under way.
    depth: Cell<u32>,
    /// The authorizer runs.
    pub authorizing: Cell<bool>,
    /// A callback has thrown: what SQLite then says is not of interest.
    thrown: Cell<bool>,
    pub authorizer: RefCell<Option<v8::Weak<v8::Function>>>,
    doomed: RefCell<Vec<Doomed>>,
}

/// What is to be ended when SQLite has been left.
pub(super) enum Doomed {
    Statement(*mut ffi::sqlite3_stmt),
    Session(*mut RawSession),
}

/// The databases of an isolate.
#[derive(Default)]
struct Databases(RefCell<Vec<Weak<Database>>>);

impl Database {
    /// A database that is not open.
    pub fn new(env: &Env, config: Config) -> Rc<Database> {
        let database = Rc::new(Database {
            extensions_enabled: Cell::new(config.allows_extensions),
            config,
            connection: Cell::new(null_mut()),
            statements: RefCell::default(),
            sessions: RefCell::default(),
            backups: Cell::new(0),
            depth: Cell::new(0),
            authorizing: Cell::new(false),
            thrown: Cell::new(false),
            authorizer: RefCell::default(),
            doomed: RefCell::default(),
        });
        let databases = env.state::<Databases>();
        let mut databases = databases.0.borrow_mut();
        databases.retain(|database| database.strong_count() > 0);
        databases.push(Rc::downgrade(&database));
        database
    }

    /// The connection; null while it is not open.
    pub fn connection(&self) -> *mut ffi::sqlite3 {
        self.connection.get()
    }

    /// Whether it is open.
    pub fn is_open(&self) -> bool {
        !self.connection.get().is_null()
    }

    /// Whether SQLite is at work on it.
    pub fn is_busy(&self) -> bool {
        self.depth.get() > 0
    }

    /// Throws unless the database is open and SQLite may be called.
    pub fn check_open(&self, scope: &mut v8::PinScope<'_, '_>) -> bool {
        if !self.is_open() {
            error::throw_state(scope, "database is not open");
            return false;
        }
        self.check_unauthorizing(scope)
    }

    /// Throws while the authorizer runs: SQLite is in the middle of something that cannot be entered again.
    pub fn check_unauthorizing(&self, scope: &mut v8::PinScope<'_, '_>) -> bool {
        if self.authorizing.get() {
            error::throw_state(scope, "database cannot be used by its authorizer");
        }
        !self.authorizing.get()
    }

    /// Throws unless the database is open and SQLite is not at work on it.
    pub fn check_idle(&self, scope: &mut v8::PinScope<'_, '_>) -> bool {
        if !self.check_open(scope) {
            return false;
        }
        if self.is_busy() {
            error::throw_state(scope, "database is in use by a running statement");
        }
        !self.is_busy()
    }

    /// Calls SQLite, which may call JavaScript.
    pub fn call<T>(&self, scope: &mut v8::PinScope<'_, '_>, body: impl FnOnce() -> T) -> T {
        if self.depth.get() == 0 {
            self.thrown.set(false);
        }
        self.depth.set(self.depth.get() + 1);
        let result = scope::lend(scope, body);
        self.depth.set(self.depth.get() - 1);
        if self.depth.get() == 0 {
            self.bury();
        }
        result
    }

    /// As [`Database::call`], for a result code that is thrown if it is not `SQLITE_OK`. Whether it is.
    pub fn run(&self, scope: &mut v8::PinScope<'_, '_>, body: impl FnOnce() -> c_int) -> bool {
        let code = self.call(scope, body);
        if code != ffi::SQLITE_OK {
            error::throw_last(scope, self);
        }
        code == ffi::SQLITE_OK
    }

    /// A callback has thrown.
    pub fn set_thrown(&self) {
        self.thrown.set(true);
    }

    /// Whether a callback has thrown in this call, so that no other may be called.
    pub fn has_thrown(&self) -> bool {
        self.thrown.get()
    }

    /// As [`Database::has_thrown`], and it is told once.
    pub fn take_thrown(&self) -> bool {
        self.thrown.take()
    }

    /// Opens the connection. False with an exception pending.
    pub fn open(&self, scope: &mut v8::PinScope<'_, '_>) -> bool {
        if self.is_open() {
            error::throw_state(scope, "database is already open");
            return false;
        }
        if self.config.refuse_shared_cache(scope) {
            return false;
        }
        let mut connection = null_mut();
        let (location, flags) = (self.config.location.as_ptr(), self.config.flags());
        // SAFETY: a text with a NUL, and room for the connection.
        let code =
            unsafe { ffi::sqlite3_open_v2(location, &raw mut connection, flags, std::ptr::null()) };
        self.connection.set(connection);
        let configured = code == ffi::SQLITE_OK && self.configure();
        if !configured {
            let error = error::last(scope, connection);
            self.end_connection();
            scope.throw_exception(error);
        }
        configured
    }

    /// Whether SQLite takes the settings.
    fn configure(&self) -> bool {
        let connection = self.connection.get();
        let config = &self.config;
        let dqs = config.double_quoted_strings;
        let nothing = null_mut::<c_int>();
        for (setting, value) in [
            (ffi::SQLITE_DBCONFIG_DQS_DML, dqs),
            (ffi::SQLITE_DBCONFIG_DQS_DDL, dqs),
            (ffi::SQLITE_DBCONFIG_ENABLE_FKEY, config.foreign_keys),
            (ffi::SQLITE_DBCONFIG_DEFENSIVE, config.defensive),
        ] {
            // SAFETY: an open connection; the arguments are those of these settings.
            let code =
                unsafe { ffi::sqlite3_db_config(connection, setting, c_int::from(value), nothing) };
            if code != ffi::SQLITE_OK {
                return false;
            }
        }
        // SAFETY: an open connection; the callback needs no data.
        unsafe {
            ffi::sqlite3_busy_timeout(connection, config.timeout);
            ffi::sqlite3_progress_handler(connection, INSTRUCTIONS, Some(progress), null_mut());
        }
        for ((_, limit), value) in super::limits::LIMITS.iter().zip(&config.limits) {
            if let Some(value) = value {
                // SAFETY: an open connection.
                unsafe { ffi::sqlite3_limit(connection, *limit, *value) };
            }
        }
        true
    }

    /// Ends everything that belongs to the connection, and it. For a database that is idle, or is dropped.
    pub fn close(&self) -> c_int {
        scope::without(|| {
            self.finalize_statements();
            let sessions = self.sessions.take();
            let sessions = sessions.iter().filter_map(Weak::upgrade);
            let ended: Vec<Doomed> = sessions.filter_map(|session| session.take()).collect();
            self.doomed.borrow_mut().extend(ended);
            self.bury();
            self.end_connection()
        })
    }

    /// Finalizes all statements.
    pub fn finalize_statements(&self) {
        let statements = self.statements.take();
        for statement in statements.values().filter_map(Weak::upgrade) {
            statement.finalize();
        }
    }

    fn end_connection(&self) -> c_int {
        let connection = self.connection.replace(null_mut());
        // SAFETY: open, or null, which is ignored. Backups that read it keep it alive, without an authorizer.
        unsafe {
            if !connection.is_null() {
                ffi::sqlite3_set_authorizer(connection, None, null_mut());
            }
            sqlite3_close_v2(connection)
        }
    }

    /// Remembers a statement, to end it with the connection.
    pub fn add_statement(&self, statement: &Rc<Statement>) {
        let key = Rc::as_ptr(statement).addr();
        let statement = Rc::downgrade(statement);
        self.statements.borrow_mut().insert(key, statement);
    }

    /// Forgets a statement.
    pub fn remove_statement(&self, statement: &Statement) {
        let key = std::ptr::from_ref(statement).addr();
        self.statements.borrow_mut().remove(&key);
    }

    /// Remembers a session, to end it with the connection.
    pub fn add_session(&self, session: &Rc<Session>) {
        let mut sessions = self.sessions.borrow_mut();
        sessions.retain(|session| session.strong_count() > 0);
        sessions.push(Rc::downgrade(session));
    }

    /// Ends something now, or when SQLite has been left.
    pub fn end(&self, doomed: Doomed) {
        self.doomed.borrow_mut().push(doomed);
        if !self.is_busy() {
            self.bury();
        }
    }

    fn bury(&self) {
        let doomed = self.doomed.take();
        scope::without(|| {
            for doomed in doomed {
                // SAFETY: each was taken out of its owner, so nothing uses it any more; the connection is open, as all of
                // them end before it.
                unsafe {
                    match doomed {
                        Doomed::Statement(statement) => {
                            ffi::sqlite3_finalize(statement);
                        }
                        Doomed::Session(session) => sqlite3session_delete(session),
                    }
                }
            }
        });
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        self.close();
    }
}

/// Closes the databases of a program that ends, as Node does where the program has not: a write-ahead log goes into its
/// database, and a transaction is rolled back.
pub fn close_all(env: &Env) {
    let databases = env.state::<Databases>();
    let databases = databases.0.take();
    for database in databases.iter().filter_map(Weak::upgrade) {
        if database.is_open() && !database.is_busy() {
            database.close();
        }
    }
}

/// Ends a statement whose program is being ended.
unsafe extern "C" fn progress(_data: *mut c_void) -> c_int {
    c_int::from(interruption::is_requested())
}

/// The database behind `this`, which V8 has checked. Throws for an object whose constructor has thrown.
pub(super) fn database_of(
    scope: &mut v8::PinScope<'_, '_>,
    object: v8::Local<'_, v8::Object>,
) -> Option<Rc<Database>> {
    let database = wrap::unwrap::<Rc<Database>>(scope, object.into());
    if database.is_none() {
        exception::throw(
            scope,
            exception::ErrorKind::TypeError,
            "",
            "Illegal invocation",
        );
    }
    database.map(|database| (*database).clone())
}

/// As [`database_of`], of a database that is open.
pub(super) fn open_database_of(
    scope: &mut v8::PinScope<'_, '_>,
    object: v8::Local<'_, v8::Object>,
) -> Option<Rc<Database>> {
    let database = database_of(scope, object)?;
    database.check_open(scope).then_some(database)
}
