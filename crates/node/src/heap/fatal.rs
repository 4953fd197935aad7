//! The end of V8: what happens when it gives up on the whole process.
//!
//! V8 calls its handlers on the thread that failed and aborts the process if they return. Where a value of a program's is
//! too large, that program alone is ended (`unwinding.rs`). Otherwise ours tell the
//! embedder and park that thread for ever: nothing of V8 can be used any more, but threads that hold no state of it,
//! among them the VM's server, live on and can save the filesystem.

use std::cell::RefCell;
use std::ffi::{CStr, c_char};
use std::rc::Rc;
use std::sync::{Arc, Weak};

use parking_lot::Mutex;

use crate::callback::unwinding::{self, Return};
use crate::embedder::events::{Breach, EngineEvents};
use crate::env::Env;
use crate::heap::heap_limit;
use crate::memory::{memory_guard, native_memory};

thread_local! {
    static EVENTS: RefCell<Option<Arc<dyn EngineEvents>>> = const { RefCell::new(None) };
}

/// Whoever hears of failures on V8's own threads, which belong to no engine.
static ANY: Mutex<Option<Weak<dyn EngineEvents>>> = Mutex::new(None);

/// Where V8 fails for a value that no heap could hold, or that there is no memory for: outside of its collector, and
/// where that may run.
const LEAVABLE: [&str; 4] = [
    "CALL_AND_RETRY_LAST",
    "CodeStubAssembler::AllocateRaw",
    "invalid array length",
    "invalid table size",
];

/// Allocations from this size on are a program's own values; smaller ones V8 makes everywhere.
const LARGE_BYTES: usize = 16 << 20;

/// What the host reads of a heap that has ended the process.
const FULL_HEAP: &str = "JavaScript heap out of memory";

/// What stands in all of V8's failures for values that are too large.
const INVALID_SIZE: &str = "invalid size error";

/// Makes failures on the calling thread, and on V8's own threads, known to `events`.
pub(crate) fn watch(isolate: &mut v8::OwnedIsolate, events: &Arc<dyn EngineEvents>) {
    EVENTS.with_borrow_mut(|slot| *slot = Some(events.clone()));
    *ANY.lock() = Some(Arc::downgrade(events));
    unwinding::attach(isolate);
    isolate.set_oom_error_handler(out_of_memory);
}

/// The isolate of the calling thread is about to go.
pub(crate) fn unwatch() {
    unwinding::detach();
}

/// Sets the handlers of failed checks and of `new` without memory, which are one for the whole process.
pub(crate) fn install() {
    native_memory::on_failure(without_memory);
    v8::V8::set_fatal_error_handler(failed_check);
}

unsafe extern "C" fn out_of_memory(location: *const c_char, details: &v8::OomDetails) {
    // SAFETY: V8 passes null or a C string.
    let location = unsafe { text(location) };
    if LEAVABLE.contains(&&*location) {
        let denied = native_memory::denied();
        // Without a large one the value is too large for V8 itself.
        if location != LEAVABLE[0] || denied >= LARGE_BYTES {
            end_program(denied);
        }
    }
    if details.is_heap_oom {
        give_up(FULL_HEAP, heap_limit());
    }
    give_up(&format!("memory limit ({location})"), None);
}

fn failed_check(_file: &str, _line: i32, message: &str) {
    if message.contains(INVALID_SIZE) {
        invalid_size();
    }
    give_up(&format!("engine failure ({message})"), None);
}

/// As `v8::base::FatalNoSecurityImpact`, which V8 calls for a value that is too large. Ends the program, or else the
/// process.
pub fn invalid_size() -> ! {
    end_program(0);
    give_up(FULL_HEAP, heap_limit())
}

/// There is no memory for what V8 needs outside of its heap. Returns where only the process can end.
fn without_memory() {
    let denied = native_memory::denied();
    if denied >= LARGE_BYTES {
        end_program(denied);
    }
}

/// Ends the program of the calling thread where that is possible, for the memory that it was denied (bytes) or for its
/// heap.
fn end_program(denied: usize) {
    let Some(way) = Return::find() else { return };
    let Some(env) = env() else { return };
    let bound = env.heap.bound.get().unwrap_or_default();
    if denied == 0 || denied > bound || !memory_guard::end(denied) {
        heap_limit::reached(&env);
    }
    // No destructor runs behind this.
    drop(env);
    way.take()
}

/// The environment of the isolate that the calling thread runs.
fn env() -> Option<Rc<Env>> {
    unwinding::with_isolate(|isolate| isolate.get_slot::<Rc<Env>>().cloned())?
}

/// The limit that the heap of the calling thread has passed.
fn heap_limit() -> Option<Breach> {
    let bound = env()?.heap.bound.get()?;
    Some(Breach::of_heap(None, bound, 0))
}

fn own_events() -> Option<Arc<dyn EngineEvents>> {
    EVENTS
        .try_with(|slot| slot.try_borrow().ok().and_then(|slot| slot.clone()))
        .ok()
        .flatten()
}

/// Tells the engine of the calling thread of a panic on it; false where the thread is no guest's. The thread goes on
/// to unwind.
pub fn tell_of_panic(message: &str) -> bool {
    let events = own_events();
    if let Some(events) = &events {
        events.on_fatal(message, None);
    }
    events.is_some()
}

fn give_up(message: &str, limit: Option<Breach>) -> ! {
    let events = own_events().or_else(|| ANY.try_lock()?.as_ref()?.upgrade());
    let Some(events) = events else {
        std::process::abort()
    };
    events.on_fatal(message, limit);
    loop {
        std::thread::park();
    }
}

/// # Safety
/// `pointer` is null or a C string.
unsafe fn text(pointer: *const c_char) -> String {
    if pointer.is_null() {
        return String::new();
    }
    // SAFETY: by the caller.
    unsafe { CStr::from_ptr(pointer) }
        .to_string_lossy()
        .into_owned()
}
