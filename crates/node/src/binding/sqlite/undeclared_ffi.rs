//! What `libsqlite3-sys` declares only where bindgen runs, or not at all: sessions and changesets (`sqlite3session.h`), and the
//! end of a connection that something still needs.

use std::ffi::{c_char, c_int, c_void};

use libsqlite3_sys as ffi;

/// `sqlite3_session`.
#[repr(C)]
pub(super) struct Session {
    _opaque: [u8; 0],
}

/// Makes a changeset or a patchset of what a session has recorded.
pub(super) type Generate =
    unsafe extern "C" fn(*mut Session, *mut c_int, *mut *mut c_void) -> c_int;

unsafe extern "C" {
    pub(super) fn sqlite3_close_v2(db: *mut ffi::sqlite3) -> c_int;
    pub(super) fn sqlite3session_create(
        db: *mut ffi::sqlite3,
        schema: *const c_char,
        session: *mut *mut Session,
    ) -> c_int;
    pub(super) fn sqlite3session_delete(session: *mut Session);
    pub(super) fn sqlite3session_attach(session: *mut Session, table: *const c_char) -> c_int;
    pub(super) fn sqlite3session_changeset(
        session: *mut Session,
        size: *mut c_int,
        changeset: *mut *mut c_void,
    ) -> c_int;
    pub(super) fn sqlite3session_patchset(
        session: *mut Session,
        size: *mut c_int,
        patchset: *mut *mut c_void,
    ) -> c_int;
    pub(super) fn sqlite3changeset_apply(
        db: *mut ffi::sqlite3,
        size: c_int,
        changeset: *mut c_void,
        filter: Option<unsafe extern "C" fn(*mut c_void, *const c_char) -> c_int>,
        conflict: Option<unsafe extern "C" fn(*mut c_void, c_int, *mut c_void) -> c_int>,
        context: *mut c_void,
    ) -> c_int;
}
