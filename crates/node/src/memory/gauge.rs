//! How much memory the running guests use, for threads that must not touch their isolates.
//!
//! An isolate answers on its own thread only, so each guest writes its numbers down (`heap_usage.rs`). What native code
//! holds for it is counted as it comes and goes.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Weak};

use parking_lot::Mutex;
use secure_exec_kernel::Process;

use super::native_memory::Account;

/// What the operating system process itself and an idle isolate take.
const UNCOUNTED_BYTES: u64 = 32 << 20;

/// The numbers of one isolate.
#[derive(Debug)]
pub struct Gauge {
    process: Arc<Process>,
    /// Bytes of objects.
    used: AtomicU64,
    /// Bytes of the heap and of all buffers.
    held: AtomicU64,
    native: Arc<Account>,
}

impl Gauge {
    /// Bytes of objects in the heap.
    pub(crate) fn used(&self) -> u64 {
        self.used.load(Ordering::Relaxed)
    }

    /// Writes down the bytes of objects, and those of the heap with all buffers.
    pub(crate) fn note(&self, used: u64, held: u64) {
        self.held.store(held, Ordering::Relaxed);
        self.used.store(used, Ordering::Relaxed);
    }

    /// What native code holds.
    pub(crate) fn native(&self) -> &Arc<Account> {
        &self.native
    }

    /// All of it, bytes.
    fn bytes(&self) -> u64 {
        let native = u64::try_from(self.native.bytes()).unwrap_or(0);
        self.held.load(Ordering::Relaxed).saturating_add(native)
    }
}

/// The numbers of all guests of one engine.
#[derive(Default)]
pub struct HeapUsage {
    guests: Mutex<Vec<Weak<Gauge>>>,
}

impl HeapUsage {
    /// The numbers of a new isolate of `process`; they count until they are dropped.
    pub(crate) fn enter(&self, process: &Arc<Process>) -> Arc<Gauge> {
        let gauge = Arc::new(Gauge {
            process: process.clone(),
            used: AtomicU64::default(),
            held: AtomicU64::default(),
            native: Arc::default(),
        });
        let mut guests = self.guests.lock();
        guests.retain(|guest| guest.strong_count() > 0);
        guests.push(Arc::downgrade(&gauge));
        gauge
    }

    /// Bytes of objects that all guests used when they last wrote it down.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.running().iter().map(|gauge| gauge.used()).sum()
    }

    /// The process that holds the most among those that are alive, where all use `total` bytes. What nobody has written
    /// down is reckoned to those that have mapped as much.
    pub(crate) fn largest(&self, total: u64) -> Option<Arc<Process>> {
        let running = self.running();
        let known: u64 = running.iter().map(|gauge| gauge.bytes()).sum();
        let unknown = total.saturating_sub(known.saturating_add(UNCOUNTED_BYTES));
        let of = |process: &Arc<Process>| -> u64 {
            let same = |gauge: &&Arc<Gauge>| Arc::ptr_eq(&gauge.process, process);
            let bytes = |gauge: &Arc<Gauge>| gauge.bytes() + gauge.native.mapped().min(unknown);
            running.iter().filter(same).map(bytes).sum()
        };
        let processes = running.iter().map(|gauge| &gauge.process);
        let alive = processes.filter(|process| process.is_alive());
        alive.max_by_key(|process| of(process)).cloned()
    }

    /// The processes that cannot go on without memory that there is not, each once.
    pub(crate) fn overdrawn(&self) -> Vec<Arc<Process>> {
        let of = |gauge: Arc<Gauge>| {
            let cannot_go_on = gauge.native.take_overdrawn() && gauge.process.is_alive();
            cannot_go_on.then(|| gauge.process.clone())
        };
        self.running().into_iter().filter_map(of).collect()
    }

    /// Whether a process still holds memory that it will soon give back: it is being ended, or has been.
    pub(crate) fn has_leaving(&self) -> bool {
        let mut running = self.running().into_iter();
        running.any(|gauge| gauge.native.is_ending() || !gauge.process.is_alive())
    }

    /// A process is being ended: what it needs for that is there.
    pub(crate) fn end(&self, process: &Arc<Process>) {
        for gauge in self.running() {
            if Arc::ptr_eq(&gauge.process, process) {
                gauge.native.end();
            }
        }
    }

    fn running(&self) -> Vec<Arc<Gauge>> {
        self.guests
            .lock()
            .iter()
            .filter_map(Weak::upgrade)
            .collect()
    }
}
