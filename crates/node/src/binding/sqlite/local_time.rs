//! Local time for SQL's date functions: that of the guest's own `Date`, not of the host.

use std::ffi::{c_int, c_void};

use libsqlite3_sys as ffi;

use super::scope;
use crate::env::{Env, Slot};
use crate::js::exception::string;

/// Has SQLite ask here. Once, when it has started.
pub(super) fn install() {
    // The number that stands for «ask this function» instead of «fail».
    let ask: c_int = 2;
    let local: unsafe extern "C" fn(*const c_void, *mut c_void) -> c_int = local_time;
    // SAFETY: the arguments are those of this control.
    unsafe { ffi::sqlite3_test_control(ffi::SQLITE_TESTCTRL_LOCALTIME_FAULT, ask, local) };
}

/// `localtime_r`: 0, or 1 where there is no such time.
unsafe extern "C" fn local_time(time: *const c_void, broken_down: *mut c_void) -> c_int {
    // SAFETY: SQLite gives a time.
    let time: libc::time_t = unsafe { time.cast::<libc::time_t>().read() };
    let minutes = scope::borrowed(|scope| minutes_behind(scope, time)).flatten();
    let Some(local) = time.checked_sub(minutes.unwrap_or(0) * 60) else {
        return 1;
    };
    // SAFETY: SQLite gives room for the result; the time is on the stack.
    let result = unsafe { libc::gmtime_r(&raw const local, broken_down.cast::<libc::tm>()) };
    c_int::from(result.is_null())
}

/// `Date.prototype.getTimezoneOffset` at a time, as it was before the guest's code ran.
fn minutes_behind(scope: &mut v8::PinScope<'_, '_>, time: libc::time_t) -> Option<i64> {
    let primordials = Env::of(scope).object(scope, Slot::Primordials)?;
    let key = string(scope, "DatePrototypeGetTimezoneOffset");
    let offset: v8::Local<v8::Function> = primordials.get(scope, key.into())?.try_cast().ok()?;
    let date = v8::Date::new(scope, time as f64 * 1000.0)?;
    let receiver = v8::undefined(scope).into();
    let minutes = offset.call(scope, receiver, &[date.into()])?;
    // Less than a day; a time that is none has none.
    minutes.int32_value(scope).map(i64::from)
}
