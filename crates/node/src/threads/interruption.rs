//! Whether the program that a thread works for is being ended. Native code that may take long asks now and then: V8 can
//! stop JavaScript only.

use std::cell::RefCell;

use crate::event_loop::LoopHandle;

thread_local! {
    static WORKS_FOR: RefCell<Option<LoopHandle>> = const { RefCell::new(None) };
}

/// The calling thread works for the program of this loop until what is returned is dropped.
pub(crate) fn enter(handle: LoopHandle) -> Entered {
    Entered(WORKS_FOR.replace(Some(handle)))
}

/// The loop that the calling thread works for.
pub(crate) fn current() -> Option<LoopHandle> {
    WORKS_FOR.with_borrow(Clone::clone)
}

/// Whether what the calling thread does is of no use any more. What it returns then nobody sees.
pub(crate) fn is_requested() -> bool {
    WORKS_FOR.with_borrow(|handle| handle.as_ref().is_some_and(LoopHandle::aborted))
}

/// Ends with its drop.
pub(crate) struct Entered(Option<LoopHandle>);

impl Drop for Entered {
    fn drop(&mut self) {
        WORKS_FOR.replace(self.0.take());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event_loop::EventLoop;

    #[test]
    fn the_innermost_program_counts() {
        assert!(!is_requested());
        let (outer, inner) = (EventLoop::default(), EventLoop::default());
        let _outer = enter(outer.handle());
        let entered = enter(inner.handle());
        inner.handle().abort();
        assert!(is_requested());
        drop(entered);
        assert!(!is_requested());
        outer.handle().abort();
        assert!(is_requested());
    }
}
