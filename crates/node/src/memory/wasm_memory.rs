//! Memories of WebAssembly: V8 makes them of mappings of its own, not of what the allocator of array buffers gives.
//!
//! Where there is no room for one the program gets its `RangeError`, as for an array buffer. Were V8 to ask the operating
//! system first, what is refused to it there would be lent, and the program ended (`shortage.rs`).

use std::ffi::c_void;

use crate::memory::memory_guard;

/// Bytes of a page of WebAssembly.
const PAGE: usize = 1 << 16;

/// Whether a memory may get so many pages. `collect` frees those that nothing refers to any more.
pub fn admits_pages(pages: usize, collect: Option<Collect>) -> bool {
    let bytes = pages.saturating_mul(PAGE);
    let has_room = memory_guard::offer(bytes)
        || collect.is_some_and(|collect| {
            collect.run();
            memory_guard::offer(bytes)
        });
    if !has_room {
        memory_guard::tell_refused(bytes);
    }
    has_room
}

/// A garbage collection, where one may be.
#[derive(Debug)]
pub struct Collect(*mut c_void);

impl Collect {
    /// One of this isolate.
    ///
    /// # Safety
    /// It is the isolate that the calling thread runs, in a place where V8 may collect.
    #[must_use]
    pub unsafe fn of(isolate: *mut c_void) -> Collect {
        Collect(isolate)
    }

    fn run(self) {
        let mut isolate = self.0;
        if isolate.is_null() {
            return;
        }
        // SAFETY: by the contract of `of`; the type is a transparent pointer.
        let isolate = unsafe { &mut *(&raw mut isolate).cast::<v8::Isolate>() };
        isolate.low_memory_notification();
    }
}
