//! Processor time of V8's own threads: compilation and collection in the background, for whatever guest.
//!
//! V8 starts them all when its platform is made, so their ids lie between those of a thread that was started before and
//! one that was started after. Which of the ids are threads of this process, the system says: the clock of another
//! process's thread cannot be read.

use std::sync::OnceLock;

use secure_exec_cpu_clock::CpuClock;

use crate::threads::cpu_share::nanoseconds;

static CLOCKS: OnceLock<Vec<CpuClock>> = OnceLock::new();

/// More ids than this between two threads were given out to others: the count began anew, or the system is very busy.
const MOST_IDS: i32 = 4096;

/// Runs `start`, which starts V8's threads.
pub(crate) fn find(start: impl FnOnce()) {
    let before = new_thread_id();
    start();
    let after = new_thread_id();
    let (Some(before), Some(after)) = (before, after) else {
        return;
    };
    if after < before || after - before > MOST_IDS {
        return;
    }
    let clocks = (before + 1..after).map(CpuClock::of_thread);
    let _ = CLOCKS.set(clocks.filter(|clock| clock.read().is_some()).collect());
}

/// Sum of the threads' processor time, nanoseconds.
pub(crate) fn time() -> u64 {
    let clocks = CLOCKS.get().map(Vec::as_slice).unwrap_or_default();
    clocks.iter().map(|clock| nanoseconds(*clock)).sum()
}

/// The id of a thread that is started now and ends at once.
fn new_thread_id() -> Option<i32> {
    let thread = std::thread::Builder::new().stack_size(64 << 10);
    // SAFETY: takes nothing.
    let started = thread.spawn(|| unsafe { libc::gettid() });
    started.ok()?.join().ok()
}
