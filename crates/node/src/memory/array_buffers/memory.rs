//! Where the memory of array buffers comes from.
//!
//! Not from the process's own heap: what a program leaves there in pieces cannot be given back, and would be missing to
//! the programs after it. Large buffers are mappings of their own, small ones share mappings that go with the isolate.

use std::alloc::{Layout, alloc_zeroed, dealloc};
use std::cell::Cell;
use std::ptr::NonNull;

use dlmalloc::Dlmalloc;

/// Buffers of at least this size are mapped by themselves.
const LARGE_BYTES: usize = 4 << 20;

/// From this total on the small buffers' memory grows by as much at a time.
const STEP_BYTES: usize = 1 << 20;

/// What is kept for the next buffers while the program runs: a collection frees many at once.
const KEPT_BYTES: usize = 32 << 20;

/// What V8 expects of `malloc`.
const ALIGNMENT: usize = 16;

/// What memory may be taken from.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Supply {
    /// No program runs yet.
    Early,
    /// What there is.
    More,
    /// What is mapped already.
    Mapped,
}

/// The memory of one isolate's buffers.
///
/// It must not move once it is in use: the heap points into itself.
pub(super) struct Memory {
    heap: Dlmalloc<Mappings>,
    in_heap: usize,
    /// How much may be free in the heap before some is given back.
    trim_at: usize,
    /// Buffers from before the program started. They are few, and live where the next isolate's will.
    early: Vec<NonNull<u8>>,
}

impl Default for Memory {
    fn default() -> Memory {
        Memory {
            heap: Dlmalloc::new_with_allocator(Mappings::default()),
            in_heap: 0,
            trim_at: KEPT_BYTES,
            early: Vec::new(),
        }
    }
}

// SAFETY: the pointers are to memory that nothing else refers to but its user.
unsafe impl Send for Memory {}

impl Memory {
    /// Zeroed bytes, aligned for any type.
    pub fn allocate(&mut self, length: usize, supply: Supply) -> Option<NonNull<u8>> {
        if length >= LARGE_BYTES {
            return (supply != Supply::Mapped).then(|| map(length)).flatten();
        }
        if supply == Supply::Early {
            // SAFETY: the layout is not empty.
            let data = NonNull::new(unsafe { alloc_zeroed(early_layout(length)) })?;
            self.early.push(data);
            return Some(data);
        }
        self.heap.allocator().grows.set(supply == Supply::More);
        // SAFETY: any size is accepted.
        let data = NonNull::new(unsafe { self.heap.c_malloc(length) })?;
        // SAFETY: the block has that many bytes.
        unsafe { data.write_bytes(0, length) };
        self.in_heap += length;
        Some(data)
    }

    /// Gives memory back.
    ///
    /// # Safety
    /// `data` came from `allocate` with this length and is used no more.
    pub unsafe fn free(&mut self, data: NonNull<u8>, length: usize) {
        if length >= LARGE_BYTES {
            // SAFETY: it is a mapping of that length.
            unsafe { libc::munmap(data.as_ptr().cast(), length) };
            return;
        }
        if let Some(at) = self.early.iter().position(|early| *early == data) {
            self.early.swap_remove(at);
            // SAFETY: it was allocated with this layout.
            unsafe { dealloc(data.as_ptr(), early_layout(length)) };
            return;
        }
        // SAFETY: it is a block of the heap.
        unsafe { self.heap.c_free(data.as_ptr()) };
        self.in_heap -= length;
        if self.free_bytes() > self.trim_at {
            self.trim(KEPT_BYTES / 2);
            // What is in pieces stays; it is not looked for again at each step.
            self.trim_at = self.free_bytes() + KEPT_BYTES / 2;
        }
    }

    /// Gives back what is mapped for small buffers and not in use, but for about `kept` bytes.
    pub fn trim(&mut self, kept: usize) {
        self.heap.allocator().shrinks.set(true);
        // SAFETY: touches free memory only.
        unsafe { self.heap.trim(kept) };
        self.heap.allocator().shrinks.set(false);
    }

    fn free_bytes(&self) -> usize {
        self.heap
            .allocator()
            .mapped
            .get()
            .saturating_sub(self.in_heap)
    }
}

impl Drop for Memory {
    fn drop(&mut self) {
        self.heap.allocator().shrinks.set(true);
        let heap = std::mem::replace(
            &mut self.heap,
            Dlmalloc::new_with_allocator(Mappings::default()),
        );
        // SAFETY: every buffer holds its memory; there is none left.
        unsafe { heap.destroy() };
    }
}

fn early_layout(length: usize) -> Layout {
    Layout::from_size_align(length.max(1), ALIGNMENT).expect("the length is small")
}

/// New private memory, zeroed.
fn map(length: usize) -> Option<NonNull<u8>> {
    // SAFETY: a new mapping; what is there already is left alone.
    let address = unsafe {
        libc::mmap(
            std::ptr::null_mut(),
            length,
            libc::PROT_READ | libc::PROT_WRITE,
            libc::MAP_PRIVATE | libc::MAP_ANON,
            -1,
            0,
        )
    };
    (address != libc::MAP_FAILED).then_some(())?;
    NonNull::new(address.cast())
}

/// The mappings of the small buffers.
#[derive(Default)]
struct Mappings {
    mapped: Cell<usize>,
    /// Whether there may be more.
    grows: Cell<bool>,
    /// Whether the heap may give some back. It would keep 2 MiB only.
    shrinks: Cell<bool>,
}

// SAFETY: what it hands out are mappings of their own, of the size it tells.
unsafe impl dlmalloc::Allocator for Mappings {
    fn alloc(&self, size: usize) -> (*mut u8, usize, u32) {
        if !self.grows.get() {
            return (std::ptr::null_mut(), 0, 0);
        }
        let mapped = self.mapped.get();
        let size = if mapped < STEP_BYTES {
            size
        } else {
            size.max(STEP_BYTES)
        };
        let Some(data) = map(size) else {
            return (std::ptr::null_mut(), 0, 0);
        };
        self.mapped.set(mapped + size);
        (data.as_ptr(), size, 0)
    }

    fn remap(&self, _data: *mut u8, _old: usize, _new: usize, _can_move: bool) -> *mut u8 {
        std::ptr::null_mut()
    }

    fn free_part(&self, data: *mut u8, old: usize, new: usize) -> bool {
        self.free(data.wrapping_add(new), old - new)
    }

    fn free(&self, data: *mut u8, size: usize) -> bool {
        // SAFETY: the heap gives back whole pages of what it got.
        let freed = self.shrinks.get() && unsafe { libc::munmap(data.cast(), size) == 0 };
        if freed {
            self.mapped.set(self.mapped.get() - size);
        }
        freed
    }

    fn can_release_part(&self, _flags: u32) -> bool {
        true
    }

    fn allocates_zeros(&self) -> bool {
        true
    }

    fn page_size(&self) -> usize {
        // SAFETY: takes a plain number.
        let size = unsafe { libc::sysconf(libc::_SC_PAGESIZE) };
        usize::try_from(size).unwrap_or(4096)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fill(memory: &mut Memory, length: usize, supply: Supply) -> NonNull<u8> {
        let data = memory.allocate(length, supply).expect("there is memory");
        // SAFETY: the block is that long.
        unsafe {
            for at in 0..length {
                assert_eq!(data.add(at).read(), 0);
            }
            data.write_bytes(1, length);
        }
        data
    }

    #[test]
    fn memory_is_zeroed_and_goes_back() {
        let mut memory = Box::<Memory>::default();
        for supply in [Supply::Early, Supply::More, Supply::More] {
            let blocks: Vec<_> = [0, 1, 100, 5000, LARGE_BYTES - 1, LARGE_BYTES]
                .map(|length| (fill(&mut memory, length, supply), length))
                .into();
            for (data, length) in blocks {
                // SAFETY: both are from above.
                unsafe { memory.free(data, length) };
            }
        }
        assert!(memory.early.is_empty());
    }

    #[test]
    fn what_many_small_blocks_took_is_given_back() {
        let mut memory = Box::<Memory>::default();
        let mut blocks: Vec<_> = (0..10_000)
            .map(|_| fill(&mut memory, 10_000, Supply::More))
            .collect();
        assert!(memory.heap.allocator().mapped.get() >= 100_000_000);
        for data in blocks.drain(..) {
            // SAFETY: all are from above.
            unsafe { memory.free(data, 10_000) };
        }
        // Where the system puts mappings apart, some may be in pieces when it is first looked for.
        let most = KEPT_BYTES + KEPT_BYTES / 2;
        assert!(memory.free_bytes() <= most, "{}", memory.free_bytes());
        memory.trim(0);
        assert!(memory.free_bytes() < 4 << 20, "{}", memory.free_bytes());
    }

    #[test]
    fn what_is_mapped_is_used_when_there_is_no_more() {
        let mut memory = Box::<Memory>::default();
        assert!(memory.allocate(1000, Supply::Mapped).is_none());
        let data = fill(&mut memory, 1000, Supply::More);
        let mapped = memory.heap.allocator().mapped.get();
        let more = std::iter::from_fn(|| memory.allocate(1000, Supply::Mapped)).count();
        assert!(more > 0);
        assert_eq!(memory.heap.allocator().mapped.get(), mapped);
        assert!(memory.allocate(LARGE_BYTES, Supply::Mapped).is_none());
        // SAFETY: it is from above.
        unsafe { memory.free(data, 1000) };
        assert!(memory.allocate(1000, Supply::Mapped).is_some());
    }
}
