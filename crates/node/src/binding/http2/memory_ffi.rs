//! Memory of one session: what nghttp2 allocates for it, and what it holds besides (`maxSessionMemory`).
//!
//! Blocks are the C library's, which counts them for the guest as all of them (`memory::native_memory`); they are refused
//! before there are none left, and the session ends with `NGHTTP2_ERR_NOMEM`.

use std::cell::Cell;
use std::ffi::c_void;
use std::rc::Rc;

use libnghttp2_sys as ng;

use crate::memory::memory_guard;

/// After so many bytes is asked whether there is room for as many more.
const STEP: usize = 1 << 20;

/// How much a session may hold, and does.
#[derive(Debug)]
pub struct SessionMemory {
    limit: u64,
    /// What nghttp2 has allocated.
    library: Cell<u64>,
    /// Headers, streams, and data on its way.
    own: Cell<u64>,
    /// What nghttp2 took since it was asked whether there is room.
    taken: Cell<usize>,
}

/// No size of a block is as large as that.
fn wide(bytes: usize) -> u64 {
    bytes as u64
}

impl SessionMemory {
    /// Nothing of `limit` bytes.
    #[must_use]
    pub fn new(limit: u64) -> Rc<SessionMemory> {
        Rc::new(SessionMemory {
            limit,
            library: Cell::new(0),
            own: Cell::new(0),
            taken: Cell::new(0),
        })
    }

    /// Whether `bytes` more are within the limit.
    #[must_use]
    pub fn has_room(&self, bytes: usize) -> bool {
        let held = self.own.get().saturating_add(self.library.get());
        held.saturating_add(wide(bytes)) <= self.limit
    }

    /// Counts `bytes` that the session holds from now on.
    pub fn take(&self, bytes: usize) {
        self.own.set(self.own.get().saturating_add(wide(bytes)));
    }

    /// Counts `bytes` that it no longer holds.
    pub fn give_back(&self, bytes: usize) {
        self.own.set(self.own.get().saturating_sub(wide(bytes)));
    }

    /// What nghttp2 holds.
    #[cfg(test)]
    pub fn of_library(&self) -> u64 {
        self.library.get()
    }

    /// nghttp2's allocator for the session, which keeps `self` as long as it has blocks.
    pub fn allocator(self: &Rc<Self>) -> ng::nghttp2_mem {
        ng::nghttp2_mem {
            mem_user_data: Rc::as_ptr(self).cast_mut().cast(),
            malloc: Some(allocate),
            free: Some(release),
            calloc: Some(allocate_zeroed),
            realloc: Some(reallocate),
        }
    }

    /// Whether there is memory for `bytes` more.
    fn admits(&self, bytes: usize) -> bool {
        let taken = self.taken.get().saturating_add(bytes);
        if taken < STEP {
            self.taken.set(taken);
            return true;
        }
        self.taken.set(0);
        let has_room = memory_guard::offer(bytes.max(STEP));
        if !has_room {
            memory_guard::tell_refused(bytes);
        }
        has_room
    }

    fn count(&self, block: *mut c_void) -> *mut c_void {
        self.library.set(self.library.get() + usable(block));
        block
    }
}

/// Bytes of a block.
fn usable(block: *mut c_void) -> u64 {
    // SAFETY: a block of the C library's, or null.
    wide(unsafe { libc::malloc_usable_size(block) })
}

/// Whose block it is.
///
/// # Safety
/// `data` is what [`SessionMemory::allocator`] gave to nghttp2, which calls it as long as the session holds it.
unsafe fn owner<'a>(data: *mut c_void) -> &'a SessionMemory {
    // SAFETY: by the contract.
    unsafe { &*data.cast::<SessionMemory>() }
}

unsafe extern "C" fn allocate(size: usize, data: *mut c_void) -> *mut c_void {
    // SAFETY: called by nghttp2.
    let memory = unsafe { owner(data) };
    if !memory.admits(size) {
        return std::ptr::null_mut();
    }
    // SAFETY: takes any size.
    memory.count(unsafe { libc::malloc(size) })
}

unsafe extern "C" fn allocate_zeroed(
    elements: usize,
    size: usize,
    data: *mut c_void,
) -> *mut c_void {
    // SAFETY: called by nghttp2.
    let memory = unsafe { owner(data) };
    if !memory.admits(elements.saturating_mul(size)) {
        return std::ptr::null_mut();
    }
    // SAFETY: takes any sizes.
    memory.count(unsafe { libc::calloc(elements, size) })
}

unsafe extern "C" fn reallocate(block: *mut c_void, size: usize, data: *mut c_void) -> *mut c_void {
    // SAFETY: called by nghttp2.
    let memory = unsafe { owner(data) };
    let before = usable(block);
    let grown = wide(size).saturating_sub(before);
    if grown > 0 && !memory.admits(usize::try_from(grown).unwrap_or(usize::MAX)) {
        return std::ptr::null_mut();
    }
    // SAFETY: a block of this allocator, by nghttp2, or null.
    let changed = unsafe { libc::realloc(block, size) };
    if !changed.is_null() {
        let library = memory.library.get().saturating_sub(before);
        memory.library.set(library + usable(changed));
    }
    changed
}

unsafe extern "C" fn release(block: *mut c_void, data: *mut c_void) {
    // SAFETY: called by nghttp2.
    let memory = unsafe { owner(data) };
    let library = memory.library.get().saturating_sub(usable(block));
    memory.library.set(library);
    // SAFETY: a block of this allocator that nghttp2 uses no more.
    unsafe { libc::free(block) };
}
