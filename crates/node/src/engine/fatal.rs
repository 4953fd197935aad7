//! The end of V8: what happens when it gives up on the whole process.
//!
//! V8 calls its handlers on the thread that failed and aborts the process if they return. Ours tell the
//! embedder and park that thread for ever: nothing of V8 can be used any more, but threads that hold no state of it,
//! among them the VM's server, live on and can save the filesystem.

use std::cell::RefCell;
use std::ffi::{CStr, c_char};
use std::sync::{Arc, Weak};

use parking_lot::Mutex;

use super::EngineEvents;

thread_local! {
    static EVENTS: RefCell<Option<Arc<dyn EngineEvents>>> = const { RefCell::new(None) };
}

/// Whoever hears of failures on V8's own threads, which belong to no engine.
static ANY: Mutex<Option<Weak<dyn EngineEvents>>> = Mutex::new(None);

/// Makes failures on the calling thread, and on V8's own threads, known to `events`.
pub(crate) fn watch(isolate: &mut v8::OwnedIsolate, events: &Arc<dyn EngineEvents>) {
    EVENTS.with_borrow_mut(|slot| *slot = Some(events.clone()));
    *ANY.lock() = Some(Arc::downgrade(events));
    isolate.set_oom_error_handler(out_of_memory);
}

/// Sets the handler of failed checks, which is one for the whole process.
pub(crate) fn install() {
    v8::V8::set_fatal_error_handler(failed_check);
}

unsafe extern "C" fn out_of_memory(location: *const c_char, details: &v8::OomDetails) {
    // SAFETY: V8 passes null or a C string.
    let location = unsafe { text(location) };
    let what = if details.is_heap_oom {
        "heap limit"
    } else {
        "memory limit"
    };
    give_up(&format!("{what} ({location})"));
}

fn failed_check(_file: &str, _line: i32, message: &str) {
    give_up(&format!("engine failure ({message})"));
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
        events.on_fatal(message);
    }
    events.is_some()
}

fn give_up(message: &str) -> ! {
    let events = own_events().or_else(|| ANY.try_lock()?.as_ref()?.upgrade());
    let Some(events) = events else {
        std::process::abort()
    };
    events.on_fatal(message);
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
