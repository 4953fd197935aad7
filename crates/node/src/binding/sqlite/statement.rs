//! A prepared statement: its parameters, and its rows.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::ffi::{CStr, CString, c_int};
use std::ptr::null_mut;
use std::rc::Rc;

use libsqlite3_sys as ffi;

use super::config::StatementConfig;
use super::database::{Database, Doomed};
use super::value::{self, Value};
use super::{OWNER_FIELD, error, option};
use crate::callback::{Args, Scope};
use crate::js::class::class_template;
use crate::js::{convert, wrap};

/// A statement of a database, running or not, until it is finalized.
pub(super) struct Statement {
    pub database: Rc<Database>,
    statement: Cell<*mut ffi::sqlite3_stmt>,
    /// SQLite is at work on it.
    running: Cell<bool>,
    /// How often it has started anew: an iterator of before is worth nothing.
    pub generation: Cell<u64>,
    pub config: Cell<StatementConfig>,
    /// Names of parameters by what follows their first character, once they were asked for.
    bare_names: RefCell<Option<HashMap<Vec<u8>, CString>>>,
}

impl Statement {
    /// Compiles the first statement of `sql`. None with an exception pending.
    pub fn prepare(
        scope: &mut v8::PinScope<'_, '_>,
        database: &Rc<Database>,
        sql: &CStr,
        config: StatementConfig,
    ) -> Option<Rc<Statement>> {
        let connection = database.connection();
        let mut statement = null_mut();
        let compiled = database.run(scope, || {
            let place = &raw mut statement;
            // SAFETY: an open connection, a text with a NUL, and room for the statement.
            unsafe { ffi::sqlite3_prepare_v2(connection, sql.as_ptr(), -1, place, null_mut()) }
        });
        if !compiled {
            return None;
        }
        if statement.is_null() {
            error::throw_value(scope, "The SQL query contains no statements.");
            return None;
        }
        let statement = Rc::new(Statement {
            database: database.clone(),
            statement: Cell::new(statement),
            running: Cell::new(false),
            generation: Cell::new(0),
            config: Cell::new(config),
            bare_names: RefCell::default(),
        });
        database.add_statement(&statement);
        Some(statement)
    }

    /// A `StatementSync` of it, which keeps the object of its database.
    pub fn to_object<'s>(
        self: &Rc<Self>,
        scope: &mut v8::PinScope<'s, '_>,
        database: v8::Local<'_, v8::Object>,
    ) -> Option<v8::Local<'s, v8::Object>> {
        let template = class_template(scope, "StatementSync")?.instance_template(scope);
        let object = template.new_instance(scope)?;
        object.set_internal_field(OWNER_FIELD, database.into());
        wrap::wrap(scope, object, self.clone());
        Some(object)
    }

    /// The statement for SQLite; null once it is finalized.
    pub fn raw(&self) -> *mut ffi::sqlite3_stmt {
        self.statement.get()
    }

    pub fn is_finalized(&self) -> bool {
        self.statement.get().is_null()
    }

    /// Throws unless the statement is there and can be used.
    pub fn check(&self, scope: &mut v8::PinScope<'_, '_>) -> bool {
        if self.is_finalized() {
            error::throw_state(scope, "statement has been finalized");
            return false;
        }
        if self.running.get() {
            error::throw_state(scope, "statement is running");
            return false;
        }
        self.database.check_unauthorizing(scope)
    }

    /// Ends the statement.
    pub fn finalize(&self) {
        let statement = self.statement.replace(null_mut());
        if !statement.is_null() {
            self.database.end(Doomed::Statement(statement));
        }
    }

    fn call<T>(
        &self,
        scope: &mut v8::PinScope<'_, '_>,
        body: impl FnOnce(*mut ffi::sqlite3_stmt) -> T,
    ) -> T {
        self.running.set(true);
        let statement = self.statement.get();
        let result = self.database.call(scope, || body(statement));
        self.running.set(false);
        result
    }

    /// Goes to the next row; the result code.
    pub fn step(&self, scope: &mut v8::PinScope<'_, '_>) -> c_int {
        // SAFETY: callers have checked that it is live and not running; while it runs it is not ended.
        self.call(scope, |statement| unsafe { ffi::sqlite3_step(statement) })
    }

    /// Goes back to before the first row; the code of what went wrong since.
    pub fn reset(&self, scope: &mut v8::PinScope<'_, '_>) -> c_int {
        // SAFETY: as for `step`.
        self.call(scope, |statement| unsafe { ffi::sqlite3_reset(statement) })
    }

    /// Starts anew with the parameters of a call from argument `first` on. None with an exception pending.
    pub fn restart(&self, scope: Scope, args: &Args) -> Option<()> {
        self.begin(scope)?;
        // SAFETY: live and not running.
        if unsafe { ffi::sqlite3_clear_bindings(self.raw()) } != ffi::SQLITE_OK {
            error::throw_last(scope, &self.database);
            return None;
        }
        let mut first = 0;
        let named = args.get(0);
        if named.is_object() && !named.is_array_buffer_view() {
            self.bind_named(scope, named.try_cast().ok()?)?;
            first = 1;
        }
        let mut index = 1;
        for argument in first..args.length() {
            while self.has_name(index) {
                index += 1;
            }
            self.bind(scope, index, args.get(argument))?;
            index += 1;
        }
        Some(())
    }

    /// Starts anew. None with an exception pending.
    pub fn begin(&self, scope: &mut v8::PinScope<'_, '_>) -> Option<()> {
        self.generation.set(self.generation.get() + 1);
        if self.reset(scope) != ffi::SQLITE_OK {
            error::throw_last(scope, &self.database);
            return None;
        }
        Some(())
    }

    /// Binds a parameter. The conversion runs no code of the guest's.
    pub fn bind(
        &self,
        scope: &mut v8::PinScope<'_, '_>,
        index: c_int,
        value: v8::Local<'_, v8::Value>,
    ) -> Option<()> {
        value::bind(scope, &self.database, self.raw(), index, value)
    }

    /// How many parameters there are.
    pub fn parameters(&self) -> c_int {
        // SAFETY: live.
        unsafe { ffi::sqlite3_bind_parameter_count(self.raw()) }
    }

    /// The name of a parameter, with its first character.
    fn name(&self, index: c_int) -> Option<&CStr> {
        // SAFETY: live.
        let name = unsafe { ffi::sqlite3_bind_parameter_name(self.raw(), index) };
        // SAFETY: a text with a NUL that lives as long as the statement.
        (!name.is_null()).then(|| unsafe { CStr::from_ptr(name) })
    }

    /// Whether a parameter has a name that is no number.
    fn has_name(&self, index: c_int) -> bool {
        let name = self.name(index);
        name.is_some_and(|name| !name.to_bytes().starts_with(b"?"))
    }

    fn bind_named(
        &self,
        scope: &mut v8::PinScope<'_, '_>,
        values: v8::Local<'_, v8::Object>,
    ) -> Option<()> {
        let keys = values.get_own_property_names(scope, v8::GetPropertyNamesArgs::default())?;
        if self.config.get().bare_names && self.bare_names.borrow().is_none() {
            let names = self.find_bare_names(scope)?;
            *self.bare_names.borrow_mut() = Some(names);
        }
        for at in 0..keys.length() {
            let key = keys.get_index(scope, at)?;
            let name = option::c_text(scope, key);
            let index = self.index_of(&name);
            if index == 0 {
                if self.config.get().unknown_names {
                    continue;
                }
                let message = format!("Unknown named parameter '{}'", name.to_string_lossy());
                error::throw_state(scope, &message);
                return None;
            }
            let value = values.get(scope, key)?;
            // A getter may have ended the statement, or run it.
            if !self.check(scope) {
                return None;
            }
            self.bind(scope, index, value)?;
        }
        Some(())
    }

    /// The parameter of a name, 0 for none.
    fn index_of(&self, name: &CStr) -> c_int {
        // SAFETY: live, and a text with a NUL.
        let find =
            |name: &CStr| unsafe { ffi::sqlite3_bind_parameter_index(self.raw(), name.as_ptr()) };
        let index = find(name);
        if index != 0 || !self.config.get().bare_names {
            return index;
        }
        let names = self.bare_names.borrow();
        let full = names.as_ref().and_then(|names| names.get(name.to_bytes()));
        full.map_or(0, |full| find(full))
    }

    fn find_bare_names(
        &self,
        scope: &mut v8::PinScope<'_, '_>,
    ) -> Option<HashMap<Vec<u8>, CString>> {
        let mut names: HashMap<Vec<u8>, CString> = HashMap::new();
        for index in 1..=self.parameters() {
            let Some(full) = self.name(index) else {
                continue;
            };
            let bare = full.to_bytes().get(1..).unwrap_or_default();
            if let Some(other) = names.get(bare)
                && other.as_c_str() != full
            {
                let [bare, other, full] = [bare, other.to_bytes(), full.to_bytes()]
                    .map(|name| String::from_utf8_lossy(name).into_owned());
                let message = format!(
                    "Cannot create bare named parameter '{bare}' because of conflicting names '{other}' and '{full}'."
                );
                error::throw_state(scope, &message);
                return None;
            }
            names.insert(bare.to_vec(), full.to_owned());
        }
        Some(names)
    }

    /// How many columns a row has.
    pub fn columns(&self) -> c_int {
        // SAFETY: live.
        unsafe { ffi::sqlite3_column_count(self.raw()) }
    }

    /// The names of the columns, where rows are objects.
    pub fn keys<'s>(
        &self,
        scope: &mut v8::PinScope<'s, '_>,
    ) -> Option<Vec<v8::Local<'s, v8::Name>>> {
        if self.config.get().arrays {
            return Some(Vec::new());
        }
        let mut keys = Vec::new();
        for column in 0..self.columns() {
            // SAFETY: live, and it has the column.
            let name = unsafe { ffi::sqlite3_column_name(self.raw(), column) };
            if name.is_null() {
                let message = format!("Cannot get name of column {column}");
                error::throw_state(scope, &message);
                return None;
            }
            // SAFETY: a text with a NUL that lives until the next call.
            let name = unsafe { CStr::from_ptr(name) };
            keys.push(value::js_text(scope, name.to_bytes())?.into());
        }
        Some(keys)
    }

    /// The row that the statement stands at, as an array, or as an object with these keys. None with an exception pending.
    pub fn row<'s>(
        &self,
        scope: &mut v8::PinScope<'s, '_>,
        keys: &[v8::Local<'_, v8::Name>],
    ) -> Option<v8::Local<'s, v8::Value>> {
        let config = self.config.get();
        let mut values = Vec::new();
        for column in 0..self.columns() {
            // SAFETY: live, and it has the column; nothing runs while the value is used.
            let value = unsafe { Value::of_column(self.raw(), column) };
            values.push(value.to_js(scope, config.big_integers)?);
        }
        Some(if config.arrays {
            v8::Array::new_with_elements(scope, &values).into()
        } else {
            let null = v8::null(scope).into();
            let count = keys.len().min(values.len());
            let (keys, values) = (&keys[..count], &values[..count]);
            v8::Object::with_prototype_and_properties(scope, null, keys, values).into()
        })
    }
}

impl Drop for Statement {
    fn drop(&mut self) {
        self.database.remove_statement(self);
        self.finalize();
    }
}

/// A text of SQLite's or `null`.
///
/// # Safety
/// Null, or a text with a NUL that lives during the call.
pub(super) unsafe fn nullable<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    text: *const std::ffi::c_char,
) -> Option<v8::Local<'s, v8::Value>> {
    if text.is_null() {
        return Some(v8::null(scope).into());
    }
    // SAFETY: by the caller.
    let text = unsafe { CStr::from_ptr(text) };
    Some(value::js_text(scope, text.to_bytes())?.into())
}

/// `{changes, lastInsertRowid}` of a connection.
pub(super) fn changes<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    statement: &Statement,
) -> v8::Local<'s, v8::Value> {
    let connection = statement.database.connection();
    // SAFETY: the connection of a live statement is open.
    let (changes, rowid) = unsafe {
        (
            ffi::sqlite3_changes64(connection),
            ffi::sqlite3_last_insert_rowid(connection),
        )
    };
    let result = v8::Object::new(scope);
    for (name, number) in [("changes", changes), ("lastInsertRowid", rowid)] {
        let value: v8::Local<v8::Value> = if statement.config.get().big_integers {
            v8::BigInt::new_from_i64(scope, number).into()
        } else {
            v8::Number::new(scope, number as f64).into()
        };
        convert::set(scope, result, name, value);
    }
    result.into()
}
