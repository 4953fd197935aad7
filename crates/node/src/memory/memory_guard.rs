//! Large copies that native code makes for a guest: they are outside V8's heap and of no array buffer, and where there
//! is no memory for them an allocator ends the whole operating system process.

use std::cell::RefCell;
use std::sync::Arc;
use std::time::{Duration, Instant};

use secure_exec_kernel::Process;

use crate::embedder::events::EngineEvents;
use crate::memory::gauge::Gauge;
use crate::memory::native_memory::{self, Asker, Entered};
use crate::memory::population::{self, Population};
use crate::memory::shortage;

/// Copies below this size are not looked at: they fit into what is kept for the process itself.
const UNCHECKED_BYTES: usize = 1 << 20;

/// How long a guest waits for the memory of another one, and how often it looks.
const PATIENCE: Duration = Duration::from_secs(8);
const PAUSE: Duration = Duration::from_millis(1);

/// How long a guest waits for what programs that have ended are about to give back.
const RETURNING: Duration = Duration::from_secs(2);

/// Whom a thread runs, and who knows how much memory there is.
struct Guest {
    process: Arc<Process>,
    events: Arc<dyn EngineEvents>,
    /// Whoever else has memory.
    population: Arc<Population>,
    /// Counts what the thread allocates.
    counted: Entered,
}

impl Guest {
    /// Whether there is this much memory more, with what others leave behind: a program that runs in the place of one that has
    /// just ended is not refused what that had.
    fn has_room(&self, bytes: usize) -> bool {
        let bytes = bytes as u64;
        let deadline = Instant::now() + RETURNING;
        loop {
            if self.events.has_room(bytes) {
                return true;
            }
            if !self.population.wait_for_leaving(&self.process, deadline) {
                break;
            }
        }
        population::reclaim_now_and_then(&*self.events);
        self.events.has_room(bytes)
    }

    fn end(&self, bytes: usize) {
        self.counted.account().end();
        shortage::end(&self.process, &*self.events, bytes as u64);
    }
}

thread_local! {
    static GUEST: RefCell<Option<Guest>> = const { RefCell::new(None) };
}

/// The calling thread runs a process from now on.
pub(crate) fn enter(
    process: &Arc<Process>,
    events: &Arc<dyn EngineEvents>,
    population: &Arc<Population>,
    gauge: &Gauge,
) {
    native_memory::on_denial(tell_refused);
    GUEST.with_borrow_mut(|guest| {
        *guest = Some(Guest {
            process: process.clone(),
            events: events.clone(),
            population: population.clone(),
            counted: Entered::new(gauge.native().clone()),
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
        if guest.has_room(bytes) {
            return true;
        }
        guest.end(bytes);
        false
    })
}

/// Ends the guest of the calling thread because there is no memory for a value of this size. Whether there is a guest.
pub(crate) fn end(bytes: usize) -> bool {
    GUEST.with_borrow(|guest| guest.as_ref().map(|guest| guest.end(bytes)).is_some())
}

/// Whether there is memory for a block of this size, for a caller that can do without.
pub fn offer(bytes: usize) -> bool {
    GUEST.with_borrow(|guest| guest.as_ref().is_none_or(|guest| guest.has_room(bytes)))
}

/// Whether what others leave behind makes room for so much more on a thread that runs a guest.
pub(crate) fn is_left(bytes: usize) -> bool {
    GUEST.with_borrow(|guest| guest.as_ref().is_some_and(|guest| guest.has_room(bytes)))
}

/// Tells the host that the guest of the calling thread goes on without a block of this size.
pub fn tell_refused(bytes: usize) {
    GUEST.with_borrow(|guest| {
        if let Some(guest) = guest {
            guest.events.on_refused(bytes as u64);
        }
    });
}

/// Has the guest of the calling thread wait for the memory of another one that is being ended, if one is. Where it may
/// take long: V8 is about to collect garbage, for which it needs memory itself.
pub(crate) fn wait_for_memory() {
    GUEST.with_borrow(|guest| {
        let Some(guest) = guest else { return };
        let deadline = Instant::now() + PATIENCE;
        while guest.events.is_lending()
            && native_memory::asker() == Asker::Guest
            && Instant::now() < deadline
        {
            std::thread::sleep(PAUSE);
        }
    });
}
