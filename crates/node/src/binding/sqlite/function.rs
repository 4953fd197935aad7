//! Functions of SQL that are functions of JavaScript: `function(name, options, function)`.

use std::ffi::{CStr, c_int, c_void};
use std::rc::{Rc, Weak};

use libsqlite3_sys as ffi;

use super::database::{Database, open_database_of};
use super::option::{self, Thrown};
use super::scope;
use super::value::{self, Value};
use crate::callback::{Args, Return, Scope, contain_bare};
use crate::js::convert;
use crate::js::exception::throw_invalid_argument;

struct Function {
    function: v8::Global<v8::Function>,
    database: Weak<Database>,
    big_integers: bool,
}

/// `function(name[, options], function)`.
pub(super) fn create(scope: Scope, args: Args, _rv: Return) {
    if let Some(database) = open_database_of(scope, args.this()) {
        let _ = register(scope, &database, &args);
    }
}

/// How a function is called.
struct Settings {
    big_integers: bool,
    varargs: bool,
    /// For SQLite.
    flags: c_int,
}

impl Settings {
    fn read(
        scope: &mut v8::PinScope<'_, '_>,
        options: v8::Local<'_, v8::Object>,
    ) -> Result<Settings, Thrown> {
        let mut flag = |name| Ok(option::boolean(scope, options, name)?.unwrap_or(false));
        let big_integers = flag("useBigIntArguments")?;
        let varargs = flag("varargs")?;
        let mut flags = ffi::SQLITE_UTF8;
        if flag("deterministic")? {
            flags |= ffi::SQLITE_DETERMINISTIC;
        }
        if flag("directOnly")? {
            flags |= ffi::SQLITE_DIRECTONLY;
        }
        Ok(Settings {
            big_integers,
            varargs,
            flags,
        })
    }
}

fn register(scope: Scope, database: &Rc<Database>, args: &Args) -> Result<(), Thrown> {
    let name = option::string_argument(scope, args.get(0), "name")?;
    let has_options = args.length() > 2;
    let mut settings = Settings {
        big_integers: false,
        varargs: false,
        flags: ffi::SQLITE_UTF8,
    };
    if has_options {
        let options = option::object(scope, args.get(1), "options")?;
        settings = Settings::read(scope, options)?;
    }
    let function = args.get(if has_options { 2 } else { 1 });
    let Ok(function) = function.try_cast::<v8::Function>() else {
        throw_invalid_argument(scope, "The \"function\" argument must be a function.");
        return Err(Thrown);
    };
    let count = if settings.varargs {
        -1
    } else {
        length_of(scope, function)?
    };
    // A getter may have closed it.
    if !database.check_open(scope) {
        return Err(Thrown);
    }
    let data = Function {
        function: v8::Global::new(scope, function),
        database: Rc::downgrade(database),
        big_integers: settings.big_integers,
    };
    install(scope, database, &name, count, settings.flags, data);
    Ok(())
}

/// Gives SQLite the function. What fails has thrown.
fn install(
    scope: &mut v8::PinScope<'_, '_>,
    database: &Database,
    name: &CStr,
    count: c_int,
    flags: c_int,
    data: Function,
) {
    let data = Box::into_raw(Box::new(data));
    let connection = database.connection();
    database.run(scope, || {
        // SAFETY: an open connection and a text with a NUL; SQLite owns the data, also where it fails.
        unsafe {
            ffi::sqlite3_create_function_v2(
                connection,
                name.as_ptr(),
                count,
                flags,
                data.cast(),
                Some(call),
                None,
                None,
                Some(destroy),
            )
        }
    });
}

/// How many parameters a function says that it has.
pub(super) fn length_of(
    scope: &mut v8::PinScope<'_, '_>,
    function: v8::Local<'_, v8::Function>,
) -> Result<c_int, Thrown> {
    let length = convert::get(scope, function.into(), "length").ok_or(Thrown)?;
    Ok(length
        .try_cast::<v8::Int32>()
        .map_or(0, |length| length.value()))
}

/// The arguments of a call. None with an exception pending.
///
/// # Safety
/// They are those that SQLite makes a call with now.
pub(super) unsafe fn arguments<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    count: c_int,
    values: *mut *mut ffi::sqlite3_value,
    big_integers: bool,
) -> Option<Vec<v8::Local<'s, v8::Value>>> {
    let count = usize::try_from(count).unwrap_or(0);
    let argument = |index| {
        // SAFETY: by the caller.
        let value = unsafe { Value::of_argument(*values.add(index)) };
        value.to_js(scope, big_integers)
    };
    (0..count).map(argument).collect()
}

unsafe extern "C" fn call(
    context: *mut ffi::sqlite3_context,
    count: c_int,
    values: *mut *mut ffi::sqlite3_value,
) {
    // SAFETY: the data that the function was registered with, which lives as long as it.
    let data = unsafe { &*ffi::sqlite3_user_data(context).cast::<Function>() };
    let Some(database) = data.database.upgrade() else {
        // SAFETY: a call of SQLite's.
        return unsafe { value::set_error(context, "") };
    };
    let returned = scope::borrowed(|scope| {
        if database.has_thrown() {
            return None;
        }
        // SAFETY: a call of SQLite's.
        let arguments = unsafe { arguments(scope, count, values, data.big_integers) }?;
        let function = v8::Local::new(scope, &data.function);
        let receiver = v8::undefined(scope).into();
        let result = function.call(scope, receiver, &arguments)?;
        // SAFETY: a call of SQLite's.
        unsafe { value::set_result(scope, context, result) };
        Some(())
    });
    if returned.flatten().is_none() {
        database.set_thrown();
        // SAFETY: a call of SQLite's.
        unsafe { value::set_error(context, "") };
    }
}

unsafe extern "C" fn destroy(data: *mut c_void) {
    // SAFETY: made in `register`; SQLite calls this once, when the function is gone.
    contain_bare(|| drop(unsafe { Box::from_raw(data.cast::<Function>()) }));
}
