//! A running thread of a guest, as its watchdog knows it (`engine/watchdog.rs`).

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use secure_exec_kernel::{Pid, Process};

use super::cpu_share::CpuShare;
use crate::memory::native_memory::Account;

/// One running thread of a guest.
pub(crate) struct Watched {
    pub(crate) pid: Pid,
    pub(crate) process: Arc<Process>,
    pub(crate) handle: v8::IsolateHandle,
    pub(crate) cpu: CpuShare,
    pub(crate) limit: Option<Duration>,
    /// V8 works for it in the background, and nobody else has V8's threads.
    pub(crate) background: Option<AtomicBool>,
    /// When, and the thread's time then in nanoseconds.
    pub(crate) killed_at: Mutex<Option<(Instant, u64)>>,
    pub(crate) memory: Arc<Account>,
    pub(crate) stopped_at: Mutex<Option<Instant>>,
    pub(crate) reterminated: AtomicBool,
    pub(crate) reported: AtomicBool,
    pub(crate) finished: AtomicBool,
}

impl Watched {
    /// The thread was told to end, and its process goes on.
    pub(crate) fn stopped(&self) {
        self.stopped_at.lock().get_or_insert_with(Instant::now);
    }

    /// Starts the ladder.
    pub(crate) fn killed(&self) {
        let mut killed_at = self.killed_at.lock();
        if killed_at.is_none() {
            *killed_at = Some((Instant::now(), self.cpu.time()));
        }
    }

    /// The thread has left JavaScript for good.
    pub(crate) fn finished(&self) {
        if !self.finished.swap(true, Ordering::AcqRel) {
            self.cpu.charge();
        }
    }

    /// Brings the process's account up to date.
    pub(crate) fn charge(&self) {
        self.cpu.charge();
    }

    /// Notes whether V8 works for the thread's isolate in the background.
    pub(crate) fn set_background(&self, works: bool) {
        if let Some(background) = &self.background {
            background.store(works, Ordering::Relaxed);
        }
    }
}
