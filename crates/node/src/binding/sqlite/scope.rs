//! The way back into JavaScript from the middle of SQLite, which carries no scope through: a native function lends its own
//! to the callbacks for as long as it is in SQLite.

use std::cell::Cell;
use std::ffi::c_void;

use crate::callback::contain;

thread_local! {
    /// The scope of the innermost native function that is in SQLite; null where there is none, or where no JavaScript may
    /// run.
    static LENT: Cell<*mut c_void> = const { Cell::new(std::ptr::null_mut()) };
}

/// Puts back what was lent before.
struct Restore(*mut c_void);

impl Drop for Restore {
    fn drop(&mut self) {
        LENT.set(self.0);
    }
}

/// Runs `body`, which calls SQLite, with the scope lent to its callbacks.
pub(super) fn lend<T>(scope: &mut v8::PinScope<'_, '_>, body: impl FnOnce() -> T) -> T {
    let _restore = Restore(LENT.replace(std::ptr::from_mut(scope).cast()));
    body()
}

/// Runs `body`, which calls SQLite, where no JavaScript may run: in the middle of a collection.
pub(super) fn without<T>(body: impl FnOnce() -> T) -> T {
    let _restore = Restore(LENT.replace(std::ptr::null_mut()));
    body()
}

/// Runs `body` in the scope that was lent to a callback of SQLite's. None where none was, or after a panic.
pub(super) fn borrowed<T>(
    body: impl for<'s, 'i> FnOnce(&mut v8::PinScope<'s, 'i>) -> T,
) -> Option<T> {
    let lent = LENT.get();
    if lent.is_null() {
        return None;
    }
    // SAFETY: the scope is that of a function further up on this stack, which uses it no more until SQLite returns; `body`
    // cannot keep it, being for any lifetime.
    let scope = unsafe { &mut *lent.cast::<v8::PinScope<'_, '_>>() };
    // Handles of a callback are gone with it: a statement may make millions of calls.
    v8::scope!(let scope, scope);
    contain(scope, body)
}
