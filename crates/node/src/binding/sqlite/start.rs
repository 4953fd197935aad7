//! The one start of SQLite in the operating system process: its memory, its mutexes and its only way to files are ours.
//!
//! It is compiled without any system below it (`SQLITE_OS_OTHER`, `.cargo/config.toml`): what it wants of one it asks for
//! here, and there is nothing else in it that could reach the host.

use std::ffi::{c_char, c_int};
use std::sync::OnceLock;

use libsqlite3_sys as ffi;

use super::{local_time, memory, mutex, vfs};
use crate::callback::contain_bare;

/// `xOpen` of a VFS.
type Open = unsafe extern "C" fn(
    *mut ffi::sqlite3_vfs,
    *const c_char,
    *mut ffi::sqlite3_file,
    c_int,
    *mut c_int,
) -> c_int;

/// How the VFS of databases in memory opens one.
static OPEN_IN_MEMORY: OnceLock<Open> = OnceLock::new();

/// Starts SQLite, once; the result code of that.
pub(super) fn start() -> c_int {
    static STARTED: OnceLock<c_int> = OnceLock::new();
    *STARTED.get_or_init(|| {
        // SAFETY: SQLite has not started, so it takes settings; what they point to lives for ever.
        let settings = unsafe {
            [
                ffi::sqlite3_config(ffi::SQLITE_CONFIG_MALLOC, memory::methods()),
                ffi::sqlite3_config(ffi::SQLITE_CONFIG_MUTEX, mutex::methods()),
            ]
        };
        if let Some(refused) = settings.into_iter().find(|code| *code != ffi::SQLITE_OK) {
            return refused;
        }
        // SAFETY: calls `sqlite3_os_init` below, once.
        let code = unsafe { ffi::sqlite3_initialize() };
        if code != ffi::SQLITE_OK {
            return code;
        }
        local_time::install();
        keep_memory_private()
    })
}

/// Databases in memory with a name (`file:/name?vfs=memdb`) would be shared by all connections of the operating system
/// process, whoever's they are. They are refused; those without a name, which `sqlite3_deserialize` needs, are not.
fn keep_memory_private() -> c_int {
    // SAFETY: SQLite has started; the name is text with a NUL.
    let memdb = unsafe { ffi::sqlite3_vfs_find(c"memdb".as_ptr()) };
    // SAFETY: a registered VFS lives for ever, and nobody opens anything yet.
    let Some(memdb) = (unsafe { memdb.as_mut() }) else {
        return ffi::SQLITE_ERROR;
    };
    let Some(open) = memdb.xOpen else {
        return ffi::SQLITE_ERROR;
    };
    OPEN_IN_MEMORY.get_or_init(|| open);
    memdb.xOpen = Some(open_in_memory);
    ffi::SQLITE_OK
}

unsafe extern "C" fn open_in_memory(
    memdb: *mut ffi::sqlite3_vfs,
    name: *const c_char,
    file: *mut ffi::sqlite3_file,
    flags: c_int,
    out_flags: *mut c_int,
) -> c_int {
    // SAFETY: null or a name with a NUL, by SQLite; its second byte may be read where the first is not NUL.
    let is_shared = !name.is_null() && unsafe { matches!(name.cast::<u8>().read(), b'/' | b'\\') };
    match OPEN_IN_MEMORY.get() {
        // SAFETY: the arguments are those that SQLite has for it.
        Some(open) if !is_shared => unsafe { open(memdb, name, file, flags, out_flags) },
        _ => {
            // SAFETY: SQLite has made room for a file, and looks at its methods also where none was opened.
            unsafe { (*file).pMethods = std::ptr::null() };
            ffi::SQLITE_CANTOPEN
        }
    }
}

/// What SQLite calls when it starts, in place of a system's own.
#[unsafe(no_mangle)]
pub extern "C" fn sqlite3_os_init() -> c_int {
    let register = || {
        // SAFETY: the VFS lives for ever.
        unsafe { ffi::sqlite3_vfs_register(vfs::vfs(), 1) }
    };
    contain_bare(register).unwrap_or(ffi::SQLITE_ERROR)
}

/// What SQLite calls when it is shut down, which it never is.
#[unsafe(no_mangle)]
pub extern "C" fn sqlite3_os_end() -> c_int {
    ffi::SQLITE_OK
}

#[cfg(test)]
mod tests {
    use std::ffi::CStr;

    use super::*;

    #[test]
    fn sqlite_is_compiled_as_it_must_be() {
        assert_eq!(start(), ffi::SQLITE_OK);
        let used = |option: &CStr| {
            // SAFETY: a text with a NUL.
            unsafe { ffi::sqlite3_compileoption_used(option.as_ptr()) != 0 }
        };
        for option in [
            c"OMIT_LOAD_EXTENSION",
            c"OMIT_SHARED_CACHE",
            c"ENABLE_SESSION",
            c"ENABLE_PREUPDATE_HOOK",
            c"ENABLE_FTS5",
            c"THREADSAFE=1",
            c"DEFAULT_MEMSTATUS=0",
        ] {
            assert!(used(option), "{option:?}");
        }
        for option in [
            c"ENABLE_MEMORY_MANAGEMENT",
            c"ENABLE_STAT4",
            c"SOUNDEX",
            c"USE_URI",
        ] {
            assert!(!used(option), "{option:?}");
        }
    }

    #[test]
    fn the_guests_files_are_the_only_ones() {
        assert_eq!(start(), ffi::SQLITE_OK);
        // SAFETY: null asks for the default.
        let default = unsafe { ffi::sqlite3_vfs_find(std::ptr::null()) };
        assert_eq!(default, vfs::vfs());
        for system in [c"unix", c"unix-none", c"unix-dotfile", c"unix-excl"] {
            // SAFETY: a name with a NUL.
            assert!(unsafe { ffi::sqlite3_vfs_find(system.as_ptr()) }.is_null());
        }
    }
}
