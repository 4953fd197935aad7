//! What a process of the embedder's has used, together with all that descend from it.

use super::{CpuTime, Process};
use core::sync::atomic::{AtomicU64, Ordering};
use core::time::Duration;
use std::sync::Arc;

/// What holds for one of the embedder's processes and its descendants in place of what its machine has for all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Terms {
    /// Processor time that all of them may use together.
    pub cpu_limit: Option<Duration>,
    /// Whether their clocks stand still within a turn of the event loop.
    pub frozen_clocks: Option<bool>,
    /// How many of them there may be at a time, zombies included.
    pub most_processes: Option<usize>,
}

/// Sums over one of the embedder's processes and its descendants, those that nobody waited for included.
#[derive(Debug, Default)]
pub struct Account {
    terms: Terms,
    cpu_ns: AtomicU64,
    /// The part of it that does not count against a limit any more.
    forgiven_ns: AtomicU64,
    memory: AtomicU64,
    peak: AtomicU64,
}

impl Account {
    pub(super) fn new(terms: Terms) -> Account {
        Account {
            terms,
            ..Account::default()
        }
    }

    /// What holds for these processes in place of what their machine has for all.
    pub fn terms(&self) -> Terms {
        self.terms
    }

    /// Processor time, nanoseconds.
    pub fn cpu_ns(&self) -> u64 {
        self.cpu_ns.load(Ordering::Relaxed)
    }

    /// Processor time that counts against a limit, nanoseconds.
    pub fn limited_cpu_ns(&self) -> u64 {
        let forgiven = self.forgiven_ns.load(Ordering::Relaxed);
        self.cpu_ns().saturating_sub(forgiven)
    }

    /// Has a limit of processor time count from now on.
    pub fn renew_cpu(&self) {
        self.forgiven_ns.store(self.cpu_ns(), Ordering::Relaxed);
    }

    /// The most memory that was in use at a time, bytes.
    pub fn peak_memory(&self) -> u64 {
        self.peak.load(Ordering::Relaxed)
    }

    pub(super) fn charge_cpu(&self, time: CpuTime) {
        let ns = time.user_ns.saturating_add(time.system_ns);
        self.cpu_ns.fetch_add(ns, Ordering::Relaxed);
    }

    /// Replaces a share of the memory in use by another one.
    fn change_memory(&self, old: u64, new: u64) {
        // Two wrapping steps in one: shares never add up to more than there is memory.
        let change = new.wrapping_sub(old);
        let before = self.memory.fetch_add(change, Ordering::Relaxed);
        self.peak
            .fetch_max(before.wrapping_add(change), Ordering::Relaxed);
    }
}

/// The memory that one thread or instance of a process uses, as its runtime tells; none once this is dropped.
#[derive(Debug)]
pub struct MemoryUse {
    account: Arc<Account>,
    /// The sum of one process.
    own: Arc<AtomicU64>,
    bytes: AtomicU64,
}

impl MemoryUse {
    /// Tells how much is in use now.
    pub fn set(&self, bytes: u64) {
        let old = self.bytes.swap(bytes, Ordering::Relaxed);
        self.account.change_memory(old, bytes);
        // Two wrapping steps in one, as above.
        self.own
            .fetch_add(bytes.wrapping_sub(old), Ordering::Relaxed);
    }

    /// Tells that as much was in use for a moment.
    pub fn touch(&self, bytes: u64) {
        let now = self.bytes.load(Ordering::Relaxed);
        if bytes > now {
            self.account.change_memory(now, bytes);
            self.account.change_memory(bytes, now);
        }
    }
}

impl Drop for MemoryUse {
    fn drop(&mut self) {
        self.set(0);
    }
}

impl Process {
    /// What the embedder's process that this one descends from has used, with all its descendants.
    pub fn account(&self) -> &Arc<Account> {
        &self.account
    }

    /// The memory that this process uses, bytes, as its runtime tells.
    pub fn memory_in_use(&self) -> u64 {
        self.memory.load(Ordering::Relaxed)
    }

    /// A share of the memory in use, at first none.
    pub fn memory_use(&self) -> MemoryUse {
        MemoryUse {
            account: self.account.clone(),
            own: self.memory.clone(),
            bytes: AtomicU64::new(0),
        }
    }
}
