//! The memory of array buffers (Node's `NodeArrayBufferAllocator` in `src/api/environment.cc`).
//!
//! It is outside V8's heap and bounded by the memory of the VM only. Where that is short a program gets a `RangeError`,
//! which it can handle, and what V8 itself needs is left to it: V8 ends the whole process when it gets none.

mod memory;

use std::ffi::c_void;
use std::ptr::NonNull;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use parking_lot::Mutex;

use crate::callback::contain_bare;
use crate::embedder::events::EngineEvents;
use crate::memory::memory_guard;
use memory::{Memory, Supply};

/// How much may be allocated between two looks at the memory of the VM.
const UNCHECKED_BYTES: usize = 1 << 20;

/// The array buffers of one isolate, and those that it gave to others.
#[derive(Default)]
pub struct ArrayBuffers {
    /// Who knows how much memory the VM has; None where it has all that there is.
    events: Option<Arc<dyn EngineEvents>>,
    /// A program runs. What a snapshot restores is never refused: V8 would end the process.
    guarded: AtomicBool,
    used: AtomicUsize,
    /// The most that was in use since somebody asked.
    peak: AtomicUsize,
    unchecked: AtomicUsize,
    refused: AtomicBool,
    memory: Mutex<Memory>,
}

impl ArrayBuffers {
    pub(crate) fn new(events: Arc<dyn EngineEvents>) -> Arc<ArrayBuffers> {
        Arc::new(ArrayBuffers {
            events: Some(events),
            ..ArrayBuffers::default()
        })
    }

    /// The program starts.
    pub(crate) fn guard(&self) {
        self.guarded.store(true, Ordering::Relaxed);
    }

    /// Bytes in use.
    pub(crate) fn used(&self) -> usize {
        self.used.load(Ordering::Relaxed)
    }

    /// The most bytes that were in use since the last call.
    pub(crate) fn take_peak(&self) -> usize {
        self.peak.swap(0, Ordering::Relaxed).max(self.used())
    }

    /// Whether memory was refused since the last collection.
    pub(crate) fn refused(&self) -> bool {
        self.refused.load(Ordering::Relaxed)
    }

    fn has_room(&self, bytes: usize) -> bool {
        let events = self.events.as_ref();
        events.is_none_or(|events| events.has_room(bytes as u64))
    }

    /// A collection is over.
    pub(crate) fn collected(&self) {
        self.refused.store(false, Ordering::Relaxed);
    }

    /// V8's own allocator of an isolate.
    pub(crate) fn allocator(self: &Arc<Self>) -> v8::UniqueRef<v8::Allocator> {
        // SAFETY: the functions of the table take the handle for what it is, and `release` gives it back.
        unsafe { v8::new_rust_allocator(Arc::into_raw(self.clone()), &VTABLE) }
    }

    /// Zeroed memory for an array buffer that native code makes; None where there is too little, for which V8's own way
    /// would end the process.
    pub(crate) fn backing_store(
        self: &Arc<Self>,
        length: usize,
    ) -> Option<v8::SharedRef<v8::BackingStore>> {
        let data = self.zeroed(length)?;
        // SAFETY: the memory is `length` bytes long and `release_store` frees it as it was allocated.
        let store = unsafe {
            v8::ArrayBuffer::new_backing_store_from_ptr(
                data.as_ptr().cast(),
                length,
                release_store,
                self.owner(),
            )
        };
        Some(store.make_shared())
    }

    /// As [`ArrayBuffers::backing_store`], for a buffer that several isolates share.
    pub(crate) fn shared_backing_store(
        self: &Arc<Self>,
        length: usize,
    ) -> Option<v8::SharedRef<v8::BackingStore>> {
        let data = self.zeroed(length)?;
        let (data, owner) = (data.as_ptr().cast(), self.owner());
        // SAFETY: as in `backing_store`; nothing that it frees belongs to a thread.
        let store = unsafe {
            v8::SharedArrayBuffer::new_backing_store_from_ptr(data, length, release_store, owner)
        };
        Some(store.make_shared())
    }

    fn owner(self: &Arc<Self>) -> *mut c_void {
        Arc::into_raw(self.clone()).cast_mut().cast()
    }

    /// What an allocation may take.
    fn supply(&self, length: usize) -> Supply {
        if !self.guarded.load(Ordering::Relaxed) {
            return Supply::Early;
        }
        let unchecked = self.unchecked.fetch_add(length, Ordering::Relaxed);
        if unchecked.saturating_add(length) < UNCHECKED_BYTES {
            return Supply::More;
        }
        let has_room = self.has_room(length) || {
            self.memory.lock().trim(length);
            self.has_room(length) || memory_guard::is_left(length)
        };
        // While there is no room every allocation is looked at.
        let unchecked = if has_room { 0 } else { UNCHECKED_BYTES };
        self.unchecked.store(unchecked, Ordering::Relaxed);
        if has_room {
            Supply::More
        } else {
            Supply::Mapped
        }
    }

    fn zeroed(&self, length: usize) -> Option<NonNull<u8>> {
        let supply = self.supply(length);
        let data = self.memory.lock().allocate(length, supply);
        if data.is_some() {
            let before = self.used.fetch_add(length, Ordering::Relaxed);
            self.peak.fetch_max(before + length, Ordering::Relaxed);
        } else {
            self.refused.store(true, Ordering::Relaxed);
            if let Some(events) = &self.events {
                events.on_refused(length as u64);
            }
        }
        data
    }

    /// # Safety
    /// `data` came from `zeroed` with this length and is used no more.
    unsafe fn free(&self, data: *mut c_void, length: usize) {
        if let Some(data) = NonNull::new(data.cast()) {
            // SAFETY: by the contract of the function.
            unsafe { self.memory.lock().free(data, length) };
            self.used.fetch_sub(length, Ordering::Relaxed);
        }
    }
}

static VTABLE: v8::RustAllocatorVtable<ArrayBuffers> = v8::RustAllocatorVtable {
    allocate,
    // Zeroed all the same: the process's memory is nothing for guests to see.
    allocate_uninitialized: allocate,
    free,
    drop: release,
};

unsafe extern "C" fn allocate(buffers: &ArrayBuffers, length: usize) -> *mut c_void {
    let data = contain_bare(|| buffers.zeroed(length)).flatten();
    data.map_or(std::ptr::null_mut(), |data| data.as_ptr().cast())
}

unsafe extern "C" fn free(buffers: &ArrayBuffers, data: *mut c_void, length: usize) {
    // SAFETY: V8 gives back what it got.
    contain_bare(|| unsafe { buffers.free(data, length) });
}

unsafe extern "C" fn release(buffers: *const ArrayBuffers) {
    // SAFETY: the reference that `allocator` gave to V8.
    let buffers = unsafe { Arc::from_raw(buffers) };
    contain_bare(|| drop(buffers));
}

unsafe extern "C" fn release_store(data: *mut c_void, length: usize, owner: *mut c_void) {
    // SAFETY: the reference that `backing_store` gave to V8.
    let buffers = unsafe { Arc::from_raw(owner.cast::<ArrayBuffers>()) };
    // SAFETY: V8 gives back what it got, once.
    contain_bare(|| unsafe { buffers.free(data, length) });
}

#[cfg(test)]
mod tests {
    use secure_exec_kernel::Pid;

    use super::*;
    use crate::embedder::events::Breach;

    struct Full(AtomicBool);

    impl EngineEvents for Full {
        fn on_breach(&self, _breach: Breach) {}
        fn on_fatal(&self, _message: &str, _limit: Option<Breach>) {}
        fn on_stuck(&self, _pid: Pid) {}
        fn has_room(&self, _bytes: u64) -> bool {
            !self.0.load(Ordering::Relaxed)
        }
    }

    #[test]
    fn memory_is_refused_while_there_is_no_room() {
        let full = Arc::new(Full(AtomicBool::new(true)));
        let buffers = ArrayBuffers::new(full.clone());
        let kept = buffers
            .zeroed(2 * UNCHECKED_BYTES)
            .expect("not guarded yet");
        buffers.guard();
        assert!(buffers.zeroed(UNCHECKED_BYTES).is_none());
        assert!(buffers.refused());
        assert!(buffers.zeroed(1).is_none(), "nor the smallest");
        buffers.collected();
        full.0.store(false, Ordering::Relaxed);
        let small = buffers.zeroed(1).expect("there is room");
        assert!(!buffers.refused());
        assert_eq!(buffers.used(), 2 * UNCHECKED_BYTES + 1);
        // SAFETY: both came from `zeroed`.
        unsafe {
            buffers.free(kept.as_ptr().cast(), 2 * UNCHECKED_BYTES);
            buffers.free(small.as_ptr().cast(), 1);
        }
        assert_eq!(buffers.used(), 0);
        assert!(buffers.zeroed(usize::MAX).is_none());
    }
}
