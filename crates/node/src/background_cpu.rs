//! Processor time of V8's own threads: compilation and collection in the background, for whatever guest.
//!
//! V8 starts them all when its platform is made, so their ids lie between those of a thread that was started before and
//! one that was started after. Which of the ids are threads of this process, the system says: the clock of another
//! process's thread cannot be read.

use std::sync::OnceLock;

use crate::cpu_share::clock_time;

static CLOCKS: OnceLock<Vec<libc::clockid_t>> = OnceLock::new();

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
    let clocks = (before + 1..after).map(clock_of);
    let _ = CLOCKS.set(clocks.filter(|clock| is_readable(*clock)).collect());
}

/// Sum of the threads' processor time, nanoseconds.
pub(crate) fn time() -> u64 {
    let clocks = CLOCKS.get().map(Vec::as_slice).unwrap_or_default();
    clocks.iter().map(|clock| clock_time(*clock)).sum()
}

/// The id of a thread that is started now and ends at once.
fn new_thread_id() -> Option<i32> {
    let thread = std::thread::Builder::new().stack_size(64 << 10);
    // SAFETY: takes nothing.
    let started = thread.spawn(|| unsafe { libc::gettid() });
    started.ok()?.join().ok()
}

/// The clock of a thread's processor time (`MAKE_THREAD_CPUCLOCK` of Linux).
fn clock_of(thread: i32) -> libc::clockid_t {
    const PER_THREAD: i32 = 4;
    const SCHEDULER: i32 = 2;
    (!thread << 3) | PER_THREAD | SCHEDULER
}

fn is_readable(clock: libc::clockid_t) -> bool {
    let mut time = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: `time` is a valid place for the result.
    unsafe { libc::clock_gettime(clock, &raw mut time) == 0 }
}
