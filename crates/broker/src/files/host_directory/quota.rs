//! How much of the host's disk a guest's writes may take.

use std::io;
use std::sync::atomic::{AtomicU64, Ordering};

use secure_exec_protocol::files::HostSpace;

pub(super) use secure_exec_protocol::files::NAME_BYTES as NAME;

/// Block of the numbers that guests see.
const BLOCK: u64 = 4096;

/// Bytes by which a directory may grow. What was there before is not in it, and removing that gives nothing.
pub(super) struct Quota {
    bytes: u64,
    used: AtomicU64,
}

impl Quota {
    pub(super) fn new(bytes: u64) -> Quota {
        Quota {
            bytes,
            used: AtomicU64::new(0),
        }
    }

    /// Takes some.
    ///
    /// # Errors
    /// - `ENOSPC`: it is not there.
    pub(super) fn take(&self, bytes: u64) -> io::Result<()> {
        let taken = |used: u64| used.checked_add(bytes).filter(|used| *used <= self.bytes);
        let done = self
            .used
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, taken);
        match done {
            Ok(_) => Ok(()),
            Err(_) => Err(io::Error::from_raw_os_error(libc::ENOSPC)),
        }
    }

    /// Gives some back.
    pub(super) fn give(&self, bytes: u64) {
        let given = |used: u64| Some(used.saturating_sub(bytes));
        let _ = self
            .used
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, given);
    }

    /// What guests are told: nothing of the host's disk.
    pub(super) fn space(&self, writable: bool) -> HostSpace {
        let bytes = if writable { self.bytes } else { 0 };
        let free = bytes.saturating_sub(self.used.load(Ordering::Relaxed));
        HostSpace {
            block_size: BLOCK,
            blocks: bytes / BLOCK,
            free: free / BLOCK,
            files: bytes / NAME,
            files_free: free / NAME,
        }
    }
}
