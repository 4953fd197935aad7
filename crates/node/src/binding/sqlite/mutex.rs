//! Mutexes of SQLite: many guests use it at the same time, each on threads of its own. Built for no system in particular,
//! it has none itself. All may be entered again by who holds them, which those for static data need not but can.

use std::ffi::c_int;

use libsqlite3_sys as ffi;
use parking_lot::lock_api::RawReentrantMutex;
use parking_lot::{RawMutex, RawThreadId};

type Mutex = RawReentrantMutex<RawMutex, RawThreadId>;

/// Mutexes of static data, `SQLITE_MUTEX_STATIC_MAIN` and those behind it.
const STATIC_MUTEXES: usize = 12;

/// The first of them.
const FIRST_STATIC: c_int = ffi::SQLITE_MUTEX_STATIC_MAIN;

static STATIC: [Mutex; STATIC_MUTEXES] = [const { Mutex::INIT }; STATIC_MUTEXES];

/// The methods, for `SQLITE_CONFIG_MUTEX`.
pub(super) fn methods() -> *const ffi::sqlite3_mutex_methods {
    static METHODS: ffi::sqlite3_mutex_methods = ffi::sqlite3_mutex_methods {
        xMutexInit: Some(succeed),
        xMutexEnd: Some(succeed),
        xMutexAlloc: Some(allocate),
        xMutexFree: Some(release),
        xMutexEnter: Some(enter),
        xMutexTry: Some(try_enter),
        xMutexLeave: Some(leave),
        // For assertions that a release build has none of.
        xMutexHeld: None,
        xMutexNotheld: None,
    };
    &raw const METHODS
}

unsafe extern "C" fn succeed() -> c_int {
    ffi::SQLITE_OK
}

unsafe extern "C" fn allocate(kind: c_int) -> *mut ffi::sqlite3_mutex {
    let mutex: *const Mutex = match kind {
        ffi::SQLITE_MUTEX_FAST | ffi::SQLITE_MUTEX_RECURSIVE => {
            Box::into_raw(Box::new(Mutex::INIT))
        }
        _ => {
            let index = usize::try_from(kind - FIRST_STATIC).ok();
            match index.and_then(|index| STATIC.get(index)) {
                Some(mutex) => mutex,
                None => return std::ptr::null_mut(),
            }
        }
    };
    mutex.cast_mut().cast()
}

unsafe extern "C" fn release(mutex: *mut ffi::sqlite3_mutex) {
    // SAFETY: SQLite frees what it has allocated, never a static one.
    drop(unsafe { Box::from_raw(mutex.cast::<Mutex>()) });
}

/// The mutex that SQLite names.
///
/// # Safety
/// One of [`allocate`]'s that was not freed.
unsafe fn of<'a>(mutex: *mut ffi::sqlite3_mutex) -> &'a Mutex {
    // SAFETY: by the caller.
    unsafe { &*mutex.cast::<Mutex>() }
}

unsafe extern "C" fn enter(mutex: *mut ffi::sqlite3_mutex) {
    // SAFETY: SQLite's own.
    unsafe { of(mutex) }.lock();
}

unsafe extern "C" fn try_enter(mutex: *mut ffi::sqlite3_mutex) -> c_int {
    // SAFETY: SQLite's own.
    if unsafe { of(mutex) }.try_lock() {
        ffi::SQLITE_OK
    } else {
        ffi::SQLITE_BUSY
    }
}

unsafe extern "C" fn leave(mutex: *mut ffi::sqlite3_mutex) {
    // SAFETY: SQLite leaves what it has entered, on the same thread.
    unsafe { of(mutex).unlock() };
}
