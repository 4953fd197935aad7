//! Memory of SQLite: the C library's, counted for the guest as all of it is (`memory::native_memory`), and refused before
//! there is none left: a statement that needs more fails with `SQLITE_NOMEM`, and the program goes on.

use std::cell::Cell;
use std::ffi::{c_int, c_void};

use libsqlite3_sys as ffi;

use crate::memory::memory_guard;

/// After so many bytes is asked whether there is room for as many more.
const STEP: usize = 1 << 20;

thread_local! {
    /// What was taken since it was asked.
    static TAKEN: Cell<usize> = const { Cell::new(0) };
}

/// The methods, for `SQLITE_CONFIG_MALLOC`.
pub(super) fn methods() -> *const ffi::sqlite3_mem_methods {
    struct Methods(ffi::sqlite3_mem_methods);
    // SAFETY: functions without state.
    unsafe impl Sync for Methods {}
    static METHODS: Methods = Methods(ffi::sqlite3_mem_methods {
        xMalloc: Some(allocate),
        xFree: Some(release),
        xRealloc: Some(reallocate),
        xSize: Some(size),
        xRoundup: Some(round_up),
        xInit: Some(initialize),
        xShutdown: Some(shut_down),
        pAppData: std::ptr::null_mut(),
    });
    &raw const METHODS.0
}

/// Whether there is room for a block of this size.
fn admits(bytes: usize) -> bool {
    let taken = TAKEN.get().saturating_add(bytes);
    if taken < STEP {
        TAKEN.set(taken);
        return true;
    }
    TAKEN.set(0);
    let has_room = memory_guard::offer(bytes.max(STEP));
    if !has_room {
        memory_guard::tell_refused(bytes);
    }
    has_room
}

/// SQLite asks for no negative sizes.
fn bytes(size: c_int) -> usize {
    usize::try_from(size).unwrap_or(0)
}

unsafe extern "C" fn allocate(size: c_int) -> *mut c_void {
    if !admits(bytes(size)) {
        return std::ptr::null_mut();
    }
    // SAFETY: takes any size.
    unsafe { libc::malloc(bytes(size)) }
}

unsafe extern "C" fn reallocate(block: *mut c_void, size: c_int) -> *mut c_void {
    // SAFETY: a block of this allocator, by SQLite.
    let grown = bytes(size).saturating_sub(unsafe { libc::malloc_usable_size(block) });
    if grown > 0 && !admits(grown) {
        return std::ptr::null_mut();
    }
    // SAFETY: as above.
    unsafe { libc::realloc(block, bytes(size)) }
}

unsafe extern "C" fn release(block: *mut c_void) {
    // SAFETY: a block of this allocator that SQLite uses no more.
    unsafe { libc::free(block) };
}

unsafe extern "C" fn size(block: *mut c_void) -> c_int {
    // SAFETY: a block of this allocator, or null.
    let usable = unsafe { libc::malloc_usable_size(block) };
    c_int::try_from(usable).unwrap_or(c_int::MAX)
}

unsafe extern "C" fn round_up(size: c_int) -> c_int {
    size.saturating_add(7) & !7
}

unsafe extern "C" fn initialize(_data: *mut c_void) -> c_int {
    ffi::SQLITE_OK
}

unsafe extern "C" fn shut_down(_data: *mut c_void) {}
