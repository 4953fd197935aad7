//! Large copies that native code makes for a guest: they are outside V8's heap and of no array buffer, and where there
//! is no memory for them an allocator ends the whole operating system process.

use std::cell::RefCell;
use std::sync::Arc;

use secure_exec_kernel::{Process, Signal};

use crate::engine::EngineEvents;

/// Copies below this size are not looked at: they fit into what is kept for the process itself.
const UNCHECKED_BYTES: usize = 1 << 20;

/// Whom a thread runs, and who knows how much memory there is.
struct Guest {
    process: Arc<Process>,
    events: Arc<dyn EngineEvents>,
}

thread_local! {
    static GUEST: RefCell<Option<Guest>> = const { RefCell::new(None) };
}

/// The calling thread runs `process` from now on.
pub(crate) fn enter(process: &Arc<Process>, events: &Arc<dyn EngineEvents>) {
    GUEST.with_borrow_mut(|guest| {
        *guest = Some(Guest {
            process: process.clone(),
            events: events.clone(),
        });
    });
}

/// It runs none any more.
pub(crate) fn leave() {
    let left = GUEST.with_borrow_mut(Option::take);
    drop(left);
}

/// Whom the calling thread runs.
pub(crate) fn guest() -> Option<Arc<Process>> {
    GUEST.with_borrow(|guest| Some(guest.as_ref()?.process.clone()))
}

/// Whether there is memory for a copy of this size. Where there is not, the guest of the calling thread is ended, as for
/// a heap that is full, and whatever the caller does in place of the copy is never seen.
pub(crate) fn admit(bytes: usize) -> bool {
    if bytes < UNCHECKED_BYTES {
        return true;
    }
    GUEST.with_borrow(|guest| {
        let Some(guest) = guest else { return true };
        if guest.events.has_room(bytes as u64) {
            return true;
        }
        let pid = guest.process.pid();
        guest.events.on_overdrawn(pid, bytes as u64);
        // It has ended by itself otherwise.
        let _ = guest.process.kill(pid.raw(), Signal::SIGABRT);
        let _ = guest.process.kill(pid.raw(), Signal::SIGKILL);
        false
    })
}
