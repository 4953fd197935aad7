//! Aggregates and window functions of SQL in JavaScript: `aggregate(name, options)`.

use std::ffi::{c_int, c_void};
use std::rc::{Rc, Weak};

use libsqlite3_sys as ffi;

use super::database::{Database, open_database_of};
use super::function::{arguments, length_of};
use super::option::{self, Thrown};
use super::{scope, value};
use crate::callback::{Args, Return, Scope, contain_bare};
use crate::js::exception::throw_invalid_argument;

struct Aggregate {
    database: Weak<Database>,
    big_integers: bool,
    start: v8::Global<v8::Value>,
    step: v8::Global<v8::Function>,
    inverse: Option<v8::Global<v8::Function>>,
    result: Option<v8::Global<v8::Function>>,
}

/// One aggregation that is under way.
struct State {
    value: v8::Global<v8::Value>,
    /// Its value was asked for in between.
    is_window: bool,
}

/// `aggregate(name, {start, step, result, inverse, …})`.
pub(super) fn create(scope: Scope, args: Args, _rv: Return) {
    if let Some(database) = open_database_of(scope, args.this()) {
        let _ = register(scope, &database, &args);
    }
}

fn register(scope: Scope, database: &Rc<Database>, args: &Args) -> Result<(), Thrown> {
    let name = args.get(0).to_string(scope).ok_or(Thrown)?;
    let name = option::c_text(scope, name.into());
    let options = options_of(scope, args.get(1)).ok_or(Thrown)?;
    let (aggregate, count, flags) = read_options(scope, database, options)?;
    // A getter may have closed it.
    if !database.check_open(scope) {
        return Err(Thrown);
    }
    let is_window = aggregate.inverse.is_some();
    let data = Box::into_raw(Box::new(aggregate));
    let connection = database.connection();
    database.run(scope, || {
        // SAFETY: an open connection and a text with a NUL; SQLite owns the data, also where it fails.
        unsafe {
            ffi::sqlite3_create_window_function(
                connection,
                name.as_ptr(),
                count,
                flags,
                data.cast(),
                Some(step_forward),
                Some(end),
                if is_window { Some(current) } else { None },
                if is_window { Some(step_back) } else { None },
                Some(destroy),
            )
        }
    });
    Ok(())
}

/// The aggregate, how many arguments it takes, and how SQLite may use it.
fn read_options(
    scope: &mut v8::PinScope<'_, '_>,
    database: &Rc<Database>,
    options: v8::Local<'_, v8::Object>,
) -> Result<(Aggregate, c_int, c_int), Thrown> {
    let Some(start) = option::property(scope, options, "start")? else {
        let message = "The \"options.start\" argument must be a function or a primitive value.";
        throw_invalid_argument(scope, message);
        return Err(Thrown);
    };
    let Some(step) = option::function(scope, options, "step")? else {
        return Err(option::refuse(scope, "step", "a function"));
    };
    let result = option::property(scope, options, "result")?;
    let result = result.and_then(|result| result.try_cast::<v8::Function>().ok());
    let mut flag = |name| Ok(option::boolean(scope, options, name)?.unwrap_or(false));
    let big_integers = flag("useBigIntArguments")?;
    let varargs = flag("varargs")?;
    let direct_only = flag("directOnly")?;
    let inverse = option::function(scope, options, "inverse")?;
    let mut count = -1;
    if !varargs {
        // The first parameter of each is the value so far.
        count = (length_of(scope, step)? - 1).max(0);
        if let Some(inverse) = inverse {
            count = count.max(length_of(scope, inverse)? - 1);
        }
    }
    let mut flags = ffi::SQLITE_UTF8;
    if direct_only {
        flags |= ffi::SQLITE_DIRECTONLY;
    }
    let aggregate = Aggregate {
        database: Rc::downgrade(database),
        big_integers,
        start: v8::Global::new(scope, start),
        step: v8::Global::new(scope, step),
        inverse: inverse.map(|inverse| v8::Global::new(scope, inverse)),
        result: result.map(|result| v8::Global::new(scope, result)),
    };
    Ok((aggregate, count, flags))
}

/// The options; what is no object is made one, and throws what JavaScript throws for a property of `undefined`.
fn options_of<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    value: v8::Local<'_, v8::Value>,
) -> Option<v8::Local<'s, v8::Object>> {
    if value.is_null_or_undefined() {
        let what = if value.is_null() { "null" } else { "undefined" };
        let message = format!("Cannot read properties of {what} (reading 'start')");
        let kind = crate::js::exception::ErrorKind::TypeError;
        crate::js::exception::throw(scope, kind, "", &message);
        return None;
    }
    value.to_object(scope)
}

/// The aggregate of a call.
///
/// # Safety
/// The context is that of a call that SQLite makes now.
unsafe fn aggregate_of<'a>(context: *mut ffi::sqlite3_context) -> &'a Aggregate {
    // SAFETY: the data that the function was registered with, which lives as long as it.
    unsafe { &*ffi::sqlite3_user_data(context).cast::<Aggregate>() }
}

/// Where SQLite keeps the state of the aggregation: null at first. None without memory.
///
/// # Safety
/// As [`aggregate_of`].
unsafe fn place<'a>(context: *mut ffi::sqlite3_context) -> Option<&'a mut *mut State> {
    let size = c_int::try_from(size_of::<*mut State>()).unwrap_or(c_int::MAX);
    // SAFETY: SQLite has so many bytes for the aggregation, aligned for anything, zeroes at first.
    unsafe {
        ffi::sqlite3_aggregate_context(context, size)
            .cast::<*mut State>()
            .as_mut()
    }
}

/// The state of the aggregation, which begins now if it has not. None with an exception pending.
///
/// # Safety
/// As [`aggregate_of`].
unsafe fn state<'a>(
    scope: &mut v8::PinScope<'_, '_>,
    context: *mut ffi::sqlite3_context,
) -> Option<&'a mut State> {
    // SAFETY: by the caller; the state lives until the aggregation ends.
    unsafe {
        if let Some(state) = place(context)?.as_mut() {
            return Some(state);
        }
        let mut start = v8::Local::new(scope, &aggregate_of(context).start);
        if let Ok(function) = start.try_cast::<v8::Function>() {
            let receiver = v8::null(scope).into();
            start = function.call(scope, receiver, &[])?;
        }
        let state = State {
            value: v8::Global::new(scope, start),
            is_window: false,
        };
        let place = place(context)?;
        *place = Box::into_raw(Box::new(state));
        place.as_mut()
    }
}

/// Runs `body` in the middle of SQLite. What fails has thrown.
///
/// # Safety
/// As [`aggregate_of`].
unsafe fn enter(
    context: *mut ffi::sqlite3_context,
    body: impl FnOnce(&mut v8::PinScope<'_, '_>, &Aggregate) -> Option<()>,
) {
    // SAFETY: by the caller.
    let aggregate = unsafe { aggregate_of(context) };
    let Some(database) = aggregate.database.upgrade() else {
        return;
    };
    let done = scope::borrowed(|scope| {
        if database.has_thrown() {
            return None;
        }
        body(scope, aggregate)
    });
    if done.flatten().is_none() {
        database.set_thrown();
        // SAFETY: by the caller.
        unsafe { value::set_error(context, "") };
    }
}

unsafe extern "C" fn step_forward(
    context: *mut ffi::sqlite3_context,
    count: c_int,
    values: *mut *mut ffi::sqlite3_value,
) {
    // SAFETY: a call of SQLite's.
    unsafe { step(context, count, values, |aggregate| Some(&aggregate.step)) }
}

unsafe extern "C" fn step_back(
    context: *mut ffi::sqlite3_context,
    count: c_int,
    values: *mut *mut ffi::sqlite3_value,
) {
    // SAFETY: a call of SQLite's.
    unsafe {
        step(context, count, values, |aggregate| {
            aggregate.inverse.as_ref()
        })
    }
}

unsafe fn step(
    context: *mut ffi::sqlite3_context,
    count: c_int,
    values: *mut *mut ffi::sqlite3_value,
    function: fn(&Aggregate) -> Option<&v8::Global<v8::Function>>,
) {
    // SAFETY: a call of SQLite's, by the caller.
    unsafe {
        enter(context, |scope, aggregate| {
            let state = state(scope, context)?;
            let mut all = vec![v8::Local::new(scope, &state.value)];
            all.extend(arguments(scope, count, values, aggregate.big_integers)?);
            let function = v8::Local::new(scope, function(aggregate)?);
            let receiver = v8::undefined(scope).into();
            let value = function.call(scope, receiver, &all)?;
            state.value = v8::Global::new(scope, value);
            Some(())
        });
    }
}

/// Makes the value so far the result of a call.
///
/// # Safety
/// As [`aggregate_of`].
unsafe fn tell(
    scope: &mut v8::PinScope<'_, '_>,
    context: *mut ffi::sqlite3_context,
    aggregate: &Aggregate,
) -> Option<()> {
    // SAFETY: by the caller.
    let state = unsafe { state(scope, context) }?;
    let mut value = v8::Local::new(scope, &state.value);
    if let Some(result) = &aggregate.result {
        let result = v8::Local::new(scope, result);
        let receiver = v8::null(scope).into();
        value = result.call(scope, receiver, &[value])?;
    }
    // SAFETY: by the caller.
    unsafe { value::set_result(scope, context, value) };
    Some(())
}

unsafe extern "C" fn current(context: *mut ffi::sqlite3_context) {
    // SAFETY: a call of SQLite's.
    unsafe {
        enter(context, |scope, aggregate| {
            state(scope, context)?.is_window = true;
            tell(scope, context, aggregate)
        });
    }
}

unsafe extern "C" fn end(context: *mut ffi::sqlite3_context) {
    // SAFETY: a call of SQLite's; the state is taken out of its place, so nothing finds it any more.
    unsafe {
        // The values of a window were told row by row. After an exception nobody asks.
        let begun = place(context).and_then(|place| place.as_ref());
        if !begun.is_some_and(|state| state.is_window) {
            enter(context, |scope, aggregate| tell(scope, context, aggregate));
        }
        if let Some(place) = place(context)
            && !place.is_null()
        {
            let state = std::mem::replace(place, std::ptr::null_mut());
            contain_bare(|| drop(Box::from_raw(state)));
        }
    }
}

unsafe extern "C" fn destroy(data: *mut c_void) {
    // SAFETY: made in `register`; SQLite calls this once, when the function is gone.
    contain_bare(|| drop(unsafe { Box::from_raw(data.cast::<Aggregate>()) }));
}
