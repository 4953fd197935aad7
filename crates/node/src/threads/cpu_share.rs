//! Processor time that a thread spends for a guest, on its way to the account of the guest's program.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::Mutex;
use secure_exec_cpu_clock::CpuClock;
use secure_exec_kernel::{CpuTime, Process};

use crate::callback::contain_bare;

/// The time of one thread for one process, from the share's making on.
pub(crate) struct CpuShare {
    process: Arc<Process>,
    clock: CpuClock,
    /// Reading of the clock before, nanoseconds.
    base: u64,
    /// What the process's account knows of, nanoseconds.
    charged: AtomicU64,
}

impl CpuShare {
    /// Of the calling thread.
    pub fn of_this_thread(process: &Arc<Process>) -> CpuShare {
        let clock = CpuClock::of_this_thread();
        CpuShare {
            process: process.clone(),
            clock,
            base: nanoseconds(clock),
            charged: AtomicU64::new(0),
        }
    }

    /// What the thread has spent, nanoseconds.
    pub fn time(&self) -> u64 {
        nanoseconds(self.clock).saturating_sub(self.base)
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

/// What a clock shows, nanoseconds; zero once its thread is gone.
pub(crate) fn nanoseconds(clock: CpuClock) -> u64 {
    u64::try_from(clock.time().as_nanos()).unwrap_or(u64::MAX)
}
