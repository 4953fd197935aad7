//! The JavaScript heap of an isolate: its bound, what it uses, and the end of a program whose heap is full.

pub(crate) mod fatal;
pub(crate) mod heap_limit;
pub mod heap_usage;
pub(crate) mod own_heap_limit;
