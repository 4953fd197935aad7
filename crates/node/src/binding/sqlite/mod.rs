//! `internalBinding('sqlite')`: databases in the guest's files. Follows Node's `src/node_sqlite.cc`, whose library has
//! nothing of its own: all of the module is here.
//!
//! SQLite itself ([`start`]) knows no files but the guest's ([`vfs`]). It runs on the thread of the isolate; JavaScript that
//! it calls gets the scope of the native function that is in it ([`scope`]).
//!
//! # Deviations
//! Extensions cannot be loaded. A cache that connections share by name (`cache=shared`) is refused. `backup()` copies its
//! pages on the loop's thread, between turns, and not on the thread pool.

mod aggregate;
mod authorizer;
mod backup;
mod changeset;
mod config;
mod database;
mod database_sync;
mod error;
mod function;
mod iterator;
mod limits;
mod local_time;
mod memory;
mod mutex;
mod option;
mod scope;
mod serialize;
mod session;
mod start;
mod statement;
mod statement_sync;
mod tag_store;
mod undeclared_ffi;
mod value;
mod vfs;

pub use database::close_all as close_databases;

use crate::callback::{Args, Return, Scope};
use crate::js::class::Definition;
use crate::js::exception::{self, ErrorKind, string};

/// The internal field of an object that keeps the one it belongs to.
const OWNER_FIELD: usize = 1;

/// Declares the binding.
pub fn define(definition: &mut Definition) {
    database_sync::define(definition);
    statement_sync::define(definition);
    iterator::define(definition);
    session::define(definition);
    tag_store::define(definition);
    definition.reference(backup::backup).init(initialize);
}

fn initialize(scope: &mut v8::PinScope<'_, '_>, target: v8::Local<'_, v8::Object>) {
    let name = string(scope, "backup");
    let callback = crate::callback::raw_function(backup::backup);
    let template = v8::FunctionTemplate::builder_raw(callback)
        .length(2)
        .build(scope);
    template.set_class_name(name);
    if let Some(function) = template.get_function(scope) {
        function.set_name(name);
        target.set(scope, name.into(), function.into());
    }
}

/// The constructor of a class that only native code makes instances of.
fn illegal_constructor(scope: Scope, _args: Args, _rv: Return) {
    let code = "ERR_ILLEGAL_CONSTRUCTOR";
    exception::throw(scope, ErrorKind::Error, code, "Illegal constructor");
}
