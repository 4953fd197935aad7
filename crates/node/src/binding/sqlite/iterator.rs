//! The class `StatementSyncIterator`: rows one by one.

use std::cell::Cell;
use std::rc::Rc;

use libsqlite3_sys as ffi;

use super::statement::Statement;
use super::{OWNER_FIELD, error, illegal_constructor};
use crate::callback::{Args, Return, Scope};
use crate::js::class::{Definition, class_template};
use crate::js::exception::string;
use crate::js::{convert, exception, wrap};

struct Iterator {
    statement: Rc<Statement>,
    /// The start of the statement that it goes through.
    generation: u64,
    done: Cell<bool>,
}

/// Declares the class.
pub(super) fn define(definition: &mut Definition) {
    definition
        .class("StatementSyncIterator", illegal_constructor)
        .hidden()
        .method("next", next)
        .method("return", finish);
}

/// An iterator over a statement that has just started, which keeps `owner`.
pub(super) fn create<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    statement: &Rc<Statement>,
    owner: v8::Local<'_, v8::Object>,
) -> Option<v8::Local<'s, v8::Object>> {
    let template = class_template(scope, "StatementSyncIterator")?.instance_template(scope);
    let object = template.new_instance(scope)?;
    object.set_internal_field(OWNER_FIELD, owner.into());
    inherit(scope, object)?;
    let iterator = Iterator {
        statement: statement.clone(),
        generation: statement.generation.get(),
        done: Cell::new(false),
    };
    wrap::wrap(scope, object, iterator);
    Some(object)
}

/// Gives the class what all iterators have, `Iterator.prototype` as it is now.
fn inherit(scope: &mut v8::PinScope<'_, '_>, object: v8::Local<'_, v8::Object>) -> Option<()> {
    let global = scope.get_current_context().global(scope);
    let iterator = convert::get(scope, global, "Iterator")?;
    let iterator: v8::Local<v8::Object> = iterator.try_cast().ok()?;
    let all = convert::get(scope, iterator, "prototype")?;
    let own = object.get_prototype(scope)?;
    let own: v8::Local<v8::Object> = own.try_cast().ok()?;
    own.set_prototype(scope, all)?;
    Some(())
}

fn iterator_of(scope: Scope, args: &Args) -> Option<Rc<Iterator>> {
    let Some(iterator) = wrap::unwrap::<Iterator>(scope, args.this().into()) else {
        exception::throw_invalid_argument(scope, "Illegal invocation");
        return None;
    };
    iterator.statement.check(scope).then_some(iterator)
}

/// `{done, value}` without a prototype.
fn result<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    row: Option<v8::Local<'s, v8::Value>>,
) -> v8::Local<'s, v8::Value> {
    let null = v8::null(scope).into();
    let keys = [string(scope, "done").into(), string(scope, "value").into()];
    let done = v8::Boolean::new(scope, row.is_none()).into();
    let values = [done, row.unwrap_or(null)];
    v8::Object::with_prototype_and_properties(scope, null, &keys, &values).into()
}

fn next<'s>(scope: Scope<'_, 's, '_>, args: Args<'s>, mut rv: Return<'s>) {
    let Some(iterator) = iterator_of(scope, &args) else {
        return;
    };
    if iterator.done.get() {
        return rv.set(result(scope, None));
    }
    let statement = &iterator.statement;
    if iterator.generation != statement.generation.get() {
        return error::throw_state(scope, "iterator was invalidated");
    }
    match statement.step(scope) {
        ffi::SQLITE_ROW => {
            let keys = statement.keys(scope);
            let row = keys.and_then(|keys| statement.row(scope, &keys));
            if row.is_some() {
                rv.set(result(scope, row));
            }
        }
        ffi::SQLITE_DONE => {
            statement.reset(scope);
            rv.set(result(scope, None));
        }
        _ => error::throw_last(scope, &statement.database),
    }
}

fn finish<'s>(scope: Scope<'_, 's, '_>, args: Args<'s>, mut rv: Return<'s>) {
    let Some(iterator) = iterator_of(scope, &args) else {
        return;
    };
    iterator.statement.reset(scope);
    iterator.done.set(true);
    rv.set(result(scope, None));
}
