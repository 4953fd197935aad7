//! Processor time that a thread spends for a guest, on its way to the account of the guest's program.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::Mutex;
use secure_exec_kernel::{CpuTime, Process};

use crate::callback::contain_bare;

/// The time of one thread for one process, from the share's making on.
pub(crate) struct CpuShare {
    process: Arc<Process>,
    clock: libc::clockid_t,
    /// Reading of the clock before, nanoseconds.
    base: u64,
    /// What the process's account knows of, nanoseconds.
    charged: AtomicU64,
}

impl CpuShare {
    /// Of the calling thread.
    pub fn of_this_thread(process: &Arc<Process>) -> CpuShare {
        let clock = thread_clock();
        CpuShare {
            process: process.clone(),
            clock,
            base: clock_time(clock),
            charged: AtomicU64::new(0),
        }
    }

    /// What the thread has spent, nanoseconds.
    pub fn time(&self) -> u64 {
        clock_time(self.clock).saturating_sub(self.base)
    }

    /// Brings the account up to date, from any thread. Returns what was added, nanoseconds.
    pub fn charge(&self) -> u64 {
        let now = self.time();
        let before = self.charged.fetch_max(now, Ordering::AcqRel);
        let added = now.saturating_sub(before);
        if added > 0 {
            charge(&self.process, added);
        }
        added
    }
}

/// Adds nanoseconds to the account of a process.
pub(crate) fn charge(process: &Process, user_ns: u64) {
    process.charge_cpu(CpuTime {
        user_ns,
        system_ns: 0,
    });
}

/// Threads that work for guests and run none.
static HELPERS: Mutex<Vec<Arc<CpuShare>>> = Mutex::new(Vec::new());

/// Runs `work` on the calling thread for `process`.
pub(crate) fn help(process: &Arc<Process>, work: impl FnOnce()) {
    let share = Arc::new(CpuShare::of_this_thread(process));
    HELPERS.lock().push(share.clone());
    contain_bare(work);
    HELPERS.lock().retain(|other| !Arc::ptr_eq(other, &share));
    share.charge();
}

/// Brings the accounts of all whom others work for up to date.
pub(crate) fn charge_helpers() {
    let helpers = HELPERS.lock().clone();
    for share in helpers {
        share.charge();
    }
}

/// The clock of the calling thread's processor time, readable from other threads.
fn thread_clock() -> libc::clockid_t {
    let mut clock: libc::clockid_t = libc::CLOCK_THREAD_CPUTIME_ID;
    // SAFETY: the calling thread is alive and `clock` is a valid place for the result.
    let failed = unsafe { libc::pthread_getcpuclockid(libc::pthread_self(), &raw mut clock) };
    debug_assert_eq!(failed, 0);
    clock
}

/// Nanoseconds of `clock`; zero once its thread is gone.
pub(crate) fn clock_time(clock: libc::clockid_t) -> u64 {
    let mut time = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: `time` is a valid place for the result; a stale clock id yields an error, not memory access.
    if unsafe { libc::clock_gettime(clock, &raw mut time) } != 0 {
        return 0;
    }
    u64::try_from(time.tv_sec).unwrap_or(0) * 1_000_000_000
        + u64::try_from(time.tv_nsec).unwrap_or(0)
}
