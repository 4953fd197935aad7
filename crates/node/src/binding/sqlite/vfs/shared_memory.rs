//! The memory beside a database with a write-ahead log that its connections share (`xShm*`): memory of the operating system
//! process, in which all programs of a machine run, and not a file of the guest's (`-shm` on Linux), which it could write.

use std::ffi::{c_int, c_void};
use std::sync::atomic::{Ordering, fence};

use libsqlite3_sys as ffi;

use super::file::with_file;

/// A piece of shared memory, which stays where it is.
struct Region {
    words: *mut u64,
    length: usize,
}

// SAFETY: memory without an owner; what is in it is SQLite's to order, by locks and barriers.
unsafe impl Send for Region {}

impl Region {
    fn new(bytes: usize) -> Region {
        let words = vec![0_u64; bytes.div_ceil(size_of::<u64>())].into_boxed_slice();
        let length = words.len();
        let words = Box::into_raw(words).cast::<u64>();
        Region { words, length }
    }
}

impl Drop for Region {
    fn drop(&mut self) {
        let words = std::ptr::slice_from_raw_parts_mut(self.words, self.length);
        // SAFETY: made from a box in `new`; connections that used it have given it up.
        drop(unsafe { Box::from_raw(words) });
    }
}

/// The shared memory of one file.
#[derive(Default)]
pub(super) struct Regions {
    regions: Vec<Region>,
    /// Connections that have it.
    users: usize,
}

impl Regions {
    fn map(&mut self, index: usize, bytes: usize, extend: bool) -> *mut c_void {
        if index >= self.regions.len() && !extend {
            return std::ptr::null_mut();
        }
        while index >= self.regions.len() {
            self.regions.push(Region::new(bytes));
        }
        self.regions[index].words.cast()
    }

    fn leave(&mut self) {
        self.users = self.users.saturating_sub(1);
        if self.users == 0 {
            self.regions.clear();
        }
    }
}

/// More pieces than this are of no log that SQLite could write.
const MOST_REGIONS: usize = 1 << 16;

pub(super) unsafe extern "C" fn map(
    file: *mut ffi::sqlite3_file,
    index: c_int,
    size: c_int,
    extend: c_int,
    result: *mut *mut c_void,
) -> c_int {
    // SAFETY: a file of ours, by SQLite.
    let mapped = unsafe {
        with_file(file, |file| {
            let index = usize::try_from(index).ok()?;
            let size = usize::try_from(size).ok()?;
            let is_new = !std::mem::replace(&mut file.has_shared_memory, true);
            let claim = file.claim.as_ref()?;
            if index >= MOST_REGIONS {
                return None;
            }
            Some(claim.with_regions(|regions| {
                regions.users += usize::from(is_new);
                regions.map(index, size, extend != 0)
            }))
        })
    };
    // SAFETY: by SQLite.
    unsafe { result.write(mapped.flatten().unwrap_or(std::ptr::null_mut())) };
    match mapped {
        Some(Some(_)) => ffi::SQLITE_OK,
        _ => ffi::SQLITE_IOERR_SHMMAP,
    }
}

pub(super) unsafe extern "C" fn lock(
    file: *mut ffi::sqlite3_file,
    first: c_int,
    count: c_int,
    flags: c_int,
) -> c_int {
    let mask = ((1_u32 << count) - 1) << first;
    // SAFETY: a file of ours, by SQLite.
    let code = unsafe {
        with_file(file, |file| {
            let claim = file.claim.as_ref()?;
            if flags & ffi::SQLITE_SHM_UNLOCK != 0 {
                claim.unlock_log(mask);
                return Some(ffi::SQLITE_OK);
            }
            Some(claim.lock_log(mask, flags & ffi::SQLITE_SHM_EXCLUSIVE != 0))
        })
    };
    code.flatten().unwrap_or(ffi::SQLITE_IOERR_SHMLOCK)
}

pub(super) unsafe extern "C" fn barrier(_file: *mut ffi::sqlite3_file) {
    fence(Ordering::SeqCst);
}

pub(super) unsafe extern "C" fn unmap(file: *mut ffi::sqlite3_file, _delete: c_int) -> c_int {
    // SAFETY: a file of ours, by SQLite.
    unsafe {
        with_file(file, |file| file.leave_shared_memory());
    }
    ffi::SQLITE_OK
}

impl super::file::OpenFile {
    /// Gives the shared memory up, if it was used.
    pub fn leave_shared_memory(&mut self) {
        if !std::mem::take(&mut self.has_shared_memory) {
            return;
        }
        if let Some(claim) = &self.claim {
            claim.unlock_log(u32::MAX);
            claim.with_regions(Regions::leave);
        }
    }
}
