//! Resource limits of a kernel and the record of their breaches.

use crate::abi::Pid;
use core::cell::Cell;
use core::fmt;
use core::sync::atomic::{AtomicUsize, Ordering};
use parking_lot::Mutex;
use std::sync::{Arc, OnceLock};

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
    /// Connections of TCP, those included that nobody has accepted.
    pub max_connections: usize,
    /// Bytes that wait in sockets for somebody to read them.
    pub max_socket_buffered_bytes: usize,
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
            max_connections: 256,
            max_socket_buffered_bytes: 32 << 20,
            max_ptys: 16,
            max_filesystem_bytes: 64 << 20,
            max_inodes: 16384,
            max_file_bytes: 32 << 20,
            max_argv_bytes: 2 << 20,
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

thread_local! {
    /// The embedder's process that the last system call on this thread was made for.
    static ORIGIN: Cell<Pid> = const { Cell::new(HOST) };
    /// The process that made it.
    static CALLER: Cell<Pid> = const { Cell::new(HOST) };
}

/// Stands for the host among the origins: its file methods, and programs that did not start.
const HOST: Pid = Pid::from_raw(0);

/// Notes on whose behalf the calling thread works from now on: the embedder's process that the caller of a system call
/// descends from, and the caller itself. A runtime that refuses something between two system calls does it for the same one.
pub(crate) fn act_for(origin: Pid, caller: Pid) {
    ORIGIN.set(origin);
    CALLER.set(caller);
}

/// The process that made the last system call on this thread: what the embedder is asked for meanwhile is for it.
#[must_use]
pub fn calling_process() -> Pid {
    CALLER.get()
}

/// Entries that are kept at most. A program that was left behind may breach limits that nobody asks about.
const MOST_ENTRIES: usize = 512;

/// Is told that most of a limit is in use, and which of the embedder's processes has done that, if one has. It is called
/// from inside of system calls, with locks held: it must neither wait nor ask anything of the kernel.
pub type UseWatcher = dyn Fn(Option<Pid>, LimitBreach) + Send + Sync;

/// From this part of a limit on its use is told: four fifths.
const MOST: (u64, u64) = (4, 5);

/// Breaches since the embedder last took them: one entry per limit and origin, with the largest use.
#[derive(Default)]
pub struct LimitLedger {
    breaches: Mutex<Vec<(Pid, LimitBreach)>>,
    watcher: OnceLock<Box<UseWatcher>>,
    /// Whose use of what has been told.
    told: Mutex<Vec<(Pid, &'static str)>>,
}

impl fmt::Debug for LimitLedger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LimitLedger")
            .field("breaches", &self.breaches)
            .field("told", &self.told)
            .finish_non_exhaustive()
    }
}

impl LimitLedger {
    /// Has `watcher` told when use reaches four fifths of a limit: once for each limit and each of the embedder's
    /// processes with all that descend from it, and once for the embedder's own doings. The first watcher counts.
    pub fn watch(&self, watcher: Box<UseWatcher>) {
        let _ = self.watcher.set(watcher);
    }

    /// So much of a limit is in use, some of it since a moment ago.
    pub(crate) fn in_use(&self, limit: &'static str, bound: u64, used: u64) {
        self.in_use_for(ORIGIN.get(), LimitBreach { limit, bound, used });
    }

    /// So much of a limit is in use by a process of the embedder's with all that descend from it.
    pub(crate) fn in_use_for(&self, origin: Pid, usage: LimitBreach) {
        let LimitBreach { limit, bound, used } = usage;
        let (part, whole) = MOST;
        if used.saturating_mul(whole) < bound.saturating_mul(part) {
            return;
        }
        let Some(watcher) = self.watcher.get() else {
            return;
        };
        {
            let mut told = self.told.lock();
            if told.len() >= MOST_ENTRIES || told.contains(&(origin, limit)) {
                return;
            }
            told.push((origin, limit));
        }
        let origin = (origin != HOST).then_some(origin);
        // What is beyond the bound is a breach, and told as one.
        let used = used.min(bound);
        watcher(origin, LimitBreach { limit, bound, used });
    }

    /// Takes a place in a bounded count; none if there is no more, which is noted.
    pub(crate) fn slot(
        &self,
        limit: &'static str,
        count: &Arc<AtomicUsize>,
        max: usize,
    ) -> Option<Slot> {
        match Slot::take(count, max) {
            Ok(slot) => {
                self.in_use(limit, max as u64, count.load(Ordering::Relaxed) as u64);
                Some(slot)
            }
            Err(used) => {
                self.record(limit, max as u64, used as u64);
                None
            }
        }
    }

    /// Notes a breach by whomever the calling thread works for.
    pub fn record(&self, limit: &'static str, bound: u64, used: u64) {
        self.record_for(ORIGIN.get(), LimitBreach { limit, bound, used });
    }

    /// Notes a breach.
    pub(crate) fn record_for(&self, origin: Pid, breach: LimitBreach) {
        let mut breaches = self.breaches.lock();
        let same =
            |known: &&mut (Pid, LimitBreach)| known.0 == origin && known.1.limit == breach.limit;
        match breaches.iter_mut().find(same) {
            Some((_, known)) => {
                known.bound = breach.bound;
                known.used = known.used.max(breach.used);
            }
            None => {
                if breaches.len() >= MOST_ENTRIES {
                    breaches.remove(0);
                }
                breaches.push((origin, breach));
            }
        }
    }

    /// Takes what was noted, whoever it was.
    pub fn take(&self) -> Vec<LimitBreach> {
        let taken = core::mem::take(&mut *self.breaches.lock());
        taken.into_iter().map(|(_, breach)| breach).collect()
    }

    /// Takes what was noted of an embedder's process and its descendants; of the host's own doings with `None`.
    pub fn take_of(&self, origin: Option<Pid>) -> Vec<LimitBreach> {
        let origin = origin.unwrap_or(HOST);
        if origin != HOST {
            self.told.lock().retain(|(whose, _)| *whose != origin);
        }
        let mut breaches = self.breaches.lock();
        let taken = breaches.extract_if(.., |(whose, _)| *whose == origin);
        taken.map(|(_, breach)| breach).collect()
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
