//! Memory that one piece of work takes, counted by the allocator.

use core::cell::Cell;
use std::alloc::{GlobalAlloc, Layout, System};

/// The system's allocator, which counts for each thread what is held.
pub struct Counting;

thread_local! {
    /// Bytes that this thread has taken and not given back; negative if it frees what others took.
    static HELD: Cell<isize> = const { Cell::new(0) };
    /// The most of it.
    static PEAK: Cell<isize> = const { Cell::new(0) };
}

/// What a piece of work gave, and the most bytes that it held at a time beyond what was held before it.
pub fn peak_of<T>(work: impl FnOnce() -> T) -> (T, usize) {
    let before = HELD.get();
    PEAK.set(before);
    let done = work();
    let peak = PEAK.get() - before;
    (done, usize::try_from(peak).unwrap_or(0))
}

/// Bytes that this thread has taken and not given back; negative if it has freed what others took.
#[must_use]
pub fn held() -> isize {
    HELD.get()
}

fn count(taken: usize, given: usize) {
    let difference = taken.cast_signed().wrapping_sub(given.cast_signed());
    // A thread that ends frees after its counters are gone.
    let _ = HELD.try_with(|held| {
        held.set(held.get().wrapping_add(difference));
        let _ = PEAK.try_with(|peak| peak.set(peak.get().max(held.get())));
    });
}

// SAFETY: every request goes to the system's allocator as it is; counting takes no memory, because the counters are
// constants without destructors.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size(), 0);
        // SAFETY: by the caller.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        count(layout.size(), 0);
        // SAFETY: by the caller.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        count(0, layout.size());
        // SAFETY: by the caller.
        unsafe { System.dealloc(pointer, layout) };
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count(size, layout.size());
        // SAFETY: by the caller.
        unsafe { System.realloc(pointer, layout, size) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_peak_counts_what_was_given_back() {
        let (left, peak) = peak_of(|| {
            drop(vec![1u8; 1 << 20]);
            vec![1u8; 1 << 10]
        });
        assert_eq!(left.len(), 1 << 10);
        assert!((1 << 20..(1 << 20) + 64).contains(&peak), "{peak}");
    }
}
