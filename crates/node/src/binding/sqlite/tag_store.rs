//! The class `SQLTagStore`: statements by the template literals that they are written as, the latest used of them.

use std::cell::RefCell;
use std::rc::Rc;

use indexmap::IndexMap;

use super::database::{Database, open_database_of};
use super::statement::Statement;
use super::{OWNER_FIELD, error, illegal_constructor, iterator, option, statement_sync};
use crate::callback::{Args, Return, Scope};
use crate::js::class::{Definition, class_template};
use crate::js::{convert, exception, wrap};
use crate::memory::gathered::Gathered;

/// As many statements as Node keeps where nobody says how many.
const DEFAULT_CAPACITY: i32 = 1000;

struct TagStore {
    database: Rc<Database>,
    capacity: usize,
    /// The latest used last.
    statements: RefCell<IndexMap<Vec<u8>, Rc<Statement>>>,
}

/// Declares the class.
pub(super) fn define(definition: &mut Definition) {
    definition
        .class("SQLTagStore", illegal_constructor)
        .hidden()
        .method("get", get)
        .method("all", all)
        .method("iterate", iterate)
        .method("run", run)
        .method("clear", clear)
        .instance_getter("capacity", capacity)
        .instance_getter("db", database)
        .instance_getter("size", size);
}

/// `createTagStore(maxSize)`.
pub(super) fn create<'s>(scope: Scope<'_, 's, '_>, args: Args<'s>, mut rv: Return<'s>) {
    let Some(database) = open_database_of(scope, args.this()) else {
        return;
    };
    let Some(capacity) = capacity_argument(scope, args.get(0)) else {
        return;
    };
    let Some(template) = class_template(scope, "SQLTagStore") else {
        return;
    };
    let Some(object) = template.instance_template(scope).new_instance(scope) else {
        return;
    };
    object.set_internal_field(OWNER_FIELD, args.this().into());
    let store = TagStore {
        database,
        capacity,
        statements: RefCell::default(),
    };
    wrap::wrap(scope, object, store);
    rv.set(object.into());
}

fn capacity_argument(
    scope: &mut v8::PinScope<'_, '_>,
    value: v8::Local<'_, v8::Value>,
) -> Option<usize> {
    let message = "The \"maxSize\" argument must be a positive integer.";
    if value.is_undefined() {
        return usize::try_from(DEFAULT_CAPACITY).ok();
    }
    if !value.is_number() {
        exception::throw_invalid_argument(scope, message);
        return None;
    }
    let number = value.is_int32().then(|| value.int32_value(scope)).flatten();
    match number.and_then(|number| usize::try_from(number).ok()) {
        Some(number) if number > 0 => Some(number),
        _ => {
            error::throw_range(scope, message);
            None
        }
    }
}

fn store_of(scope: Scope, args: &Args) -> Option<Rc<TagStore>> {
    let store = wrap::unwrap::<TagStore>(scope, args.this().into());
    if store.is_none() {
        let message = "This method can only be called on SQLTagStore instances.";
        exception::throw_invalid_argument(scope, message);
    }
    store
}

/// The statement of the template literal that the method was called with, its values bound. None with an exception pending.
fn start(scope: Scope, args: &Args) -> Option<Rc<Statement>> {
    let store = store_of(scope, args)?;
    if !store.database.check_open(scope) {
        return None;
    }
    let sql = text_of(scope, args)?;
    // A getter of the parts may have closed it.
    if !store.database.check_open(scope) {
        return None;
    }
    let statement = store.statement(scope, sql)?;
    if !statement.check(scope) {
        return None;
    }
    statement.begin(scope)?;
    let values = (args.length() - 1).min(statement.parameters());
    for index in 1..=values {
        statement.bind(scope, index, args.get(index))?;
    }
    Some(statement)
}

/// The SQL of a template literal, with a parameter for each of its values.
fn text_of(scope: Scope, args: &Args) -> Option<Vec<u8>> {
    let Ok(parts) = args.get(0).try_cast::<v8::Array>() else {
        let message = "First argument must be an array of strings (template literal).";
        exception::throw_invalid_argument(scope, message);
        return None;
    };
    let values = u32::try_from(args.length() - 1).unwrap_or(0);
    let mut sql = Gathered::default();
    for index in 0..parts.length() {
        let part = parts.get_index(scope, index)?;
        if !part.is_string() {
            exception::throw_invalid_argument(scope, "Template literal parts must be strings.");
            return None;
        }
        let value: &[u8] = if index < values { b"?" } else { b"" };
        if !(sql.push(convert::text(scope, part).as_bytes()) && sql.push(value)) {
            return None;
        }
    }
    Some(sql.into_vec())
}

impl TagStore {
    fn statement(&self, scope: &mut v8::PinScope<'_, '_>, sql: Vec<u8>) -> Option<Rc<Statement>> {
        let found = self.statements.borrow_mut().shift_remove(&sql);
        let statement = match found.filter(|found| !found.is_finalized()) {
            Some(found) => found,
            None => {
                let text = option::c_bytes(sql.clone());
                let config = self.database.config.statements;
                Statement::prepare(scope, &self.database, &text, config)?
            }
        };
        let mut statements = self.statements.borrow_mut();
        statements.insert(sql, statement.clone());
        let oldest = (statements.len() > self.capacity).then(|| statements.shift_remove_index(0));
        drop(statements);
        drop(oldest);
        Some(statement)
    }
}

fn get<'s>(scope: Scope<'_, 's, '_>, args: Args<'s>, mut rv: Return<'s>) {
    if let Some(statement) = start(scope, &args)
        && let Some(row) = statement_sync::read_first(scope, &statement)
    {
        rv.set(row);
    }
}

fn all<'s>(scope: Scope<'_, 's, '_>, args: Args<'s>, mut rv: Return<'s>) {
    if let Some(statement) = start(scope, &args)
        && let Some(rows) = statement_sync::read_all(scope, &statement)
    {
        rv.set(rows);
    }
}

fn run<'s>(scope: Scope<'_, 's, '_>, args: Args<'s>, mut rv: Return<'s>) {
    if let Some(statement) = start(scope, &args)
        && let Some(result) = statement_sync::execute(scope, &statement)
    {
        rv.set(result);
    }
}

fn iterate<'s>(scope: Scope<'_, 's, '_>, args: Args<'s>, mut rv: Return<'s>) {
    if let Some(statement) = start(scope, &args)
        && let Some(iterator) = iterator::create(scope, &statement, args.this())
    {
        rv.set(iterator.into());
    }
}

fn clear(scope: Scope, args: Args, _rv: Return) {
    if let Some(store) = store_of(scope, &args) {
        let statements = store.statements.take();
        drop(statements);
    }
}

fn capacity(scope: Scope, args: Args, mut rv: Return) {
    if let Some(store) = store_of(scope, &args) {
        rv.set_double(store.capacity as f64);
    }
}

fn size(scope: Scope, args: Args, mut rv: Return) {
    if let Some(store) = store_of(scope, &args) {
        rv.set_double(store.statements.borrow().len() as f64);
    }
}

fn database<'s>(scope: Scope<'_, 's, '_>, args: Args<'s>, mut rv: Return<'s>) {
    let field = args.this().get_internal_field(scope, OWNER_FIELD);
    if let Some(database) = field.and_then(|field| field.try_cast::<v8::Value>().ok()) {
        rv.set(database);
    }
}
