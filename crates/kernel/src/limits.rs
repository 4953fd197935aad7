//! Resource limits of a kernel and the record of their breaches.

use parking_lot::Mutex;

/// Bounds of everything a guest can make the kernel hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Processes, zombies included, init not.
    pub max_processes: usize,
    /// Open descriptors per process.
    pub max_open_fds: usize,
    /// Pipes made by guests.
    pub max_pipes: usize,
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
            max_filesystem_bytes: 64 << 20,
            max_inodes: 16384,
            max_file_bytes: 32 << 20,
            max_argv_bytes: 1 << 20,
            max_env_bytes: 1 << 20,
            max_inotify_instances: 128,
            max_inotify_watches: 8192,
            max_inotify_events: 16384,
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
