//! Resource limits of a kernel and the record of their breaches.

use core::sync::atomic::{AtomicUsize, Ordering};
use parking_lot::Mutex;
use std::sync::Arc;

/// Bounds of everything a guest can make the kernel hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Processes, zombies included, init not.
    pub max_processes: usize,
    /// Open descriptors per process.
    pub max_open_fds: usize,
    /// Pipes made by guests; each open of a FIFO counts as one.
    pub max_pipes: usize,
    /// Sockets made by guests; the two of a pair count as one.
    pub max_sockets: usize,
    /// Pseudoterminals.
    pub max_ptys: usize,
    /// Bytes all files may hold, in whole 4 KiB blocks.
    pub max_filesystem_bytes: u64,
    /// Inodes.
    pub max_inodes: u64,
    /// Length of one file.
    pub max_file_bytes: u64,
    /// Bytes of all arguments of one process.
    pub max_argv_bytes: usize,
    /// Bytes of the environment of one process.
    pub max_env_bytes: usize,
    /// Inotify instances.
    pub max_inotify_instances: usize,
    /// Watches per inotify instance.
    pub max_inotify_watches: usize,
    /// Queued events per inotify instance.
    pub max_inotify_events: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            max_processes: 64,
            max_open_fds: 256,
            max_pipes: 128,
            max_sockets: 256,
            max_ptys: 16,
            max_filesystem_bytes: 64 << 20,
            max_inodes: 16384,
            max_file_bytes: 32 << 20,
            max_argv_bytes: 1 << 20,
            max_env_bytes: 1 << 20,
            max_inotify_instances: 32,
            max_inotify_watches: 8192,
            max_inotify_events: 4096,
        }
    }
}

/// A limit that a guest ran into.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LimitBreach {
    /// Name of the limit in the public API, such as `maxOpenFds`.
    pub limit: &'static str,
    /// Its value.
    pub bound: u64,
    /// What the refused operation would have used.
    pub used: u64,
}

/// Breaches since the embedder last took them: one entry per limit, with the largest use.
#[derive(Debug, Default)]
pub struct LimitLedger {
    breaches: Mutex<Vec<LimitBreach>>,
}

impl LimitLedger {
    /// Notes a breach.
    pub fn record(&self, limit: &'static str, bound: u64, used: u64) {
        let mut breaches = self.breaches.lock();
        match breaches.iter_mut().find(|breach| breach.limit == limit) {
            Some(breach) => {
                breach.bound = bound;
                breach.used = breach.used.max(used);
            }
            None => breaches.push(LimitBreach { limit, bound, used }),
        }
    }

    /// Takes what was noted.
    pub fn take(&self) -> Vec<LimitBreach> {
        core::mem::take(&mut *self.breaches.lock())
    }
}

/// A place in a bounded count, given back when its last clone is dropped.
#[derive(Clone, Debug)]
pub(crate) struct Slot(#[expect(dead_code, reason = "held for its destructor")] Arc<SlotGuard>);

#[derive(Debug)]
struct SlotGuard(Arc<AtomicUsize>);

impl Slot {
    /// Takes a place below `max`.
    ///
    /// # Errors
    /// The count that the refused thing would have made.
    pub fn take(count: &Arc<AtomicUsize>, max: usize) -> core::result::Result<Slot, usize> {
        count
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |used| {
                (used < max).then_some(used + 1)
            })
            .map(|_| Slot(Arc::new(SlotGuard(count.clone()))))
            .map_err(|used| used + 1)
    }
}

impl Drop for SlotGuard {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}
