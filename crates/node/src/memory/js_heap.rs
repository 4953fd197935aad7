//! What the thread of an isolate keeps of its JavaScript heap.

use std::cell::{Cell, RefCell};
use std::sync::Arc;

use secure_exec_kernel::MemoryUse;

use super::gauge::Gauge;

/// The bound of a heap, and who hears how much of it is used. Callbacks of V8's collector read and write it: no
/// access allocates.
#[derive(Default)]
pub struct JsHeap {
    /// Where the isolate writes down how much memory it uses (`heap_usage.rs`).
    pub(crate) gauge: RefCell<Option<Arc<Gauge>>>,
    /// Where the process's account learns of it.
    pub(crate) memory_use: RefCell<Option<MemoryUse>>,
    /// Its bound, bytes, once it has one (`heap_limit.rs`).
    pub(crate) bound: Cell<Option<usize>>,
    /// Set when the heap reached its limit; the program is being ended.
    pub(crate) limit_reached: Cell<bool>,
    /// A collection of everything has been asked for, because the limit is reached.
    pub(crate) collecting: Cell<bool>,
    /// The isolate, for callbacks that have none at hand.
    pub(crate) isolate: RefCell<Option<v8::IsolateHandle>>,
}
