//! Bytes that sockets hold for others to read, and their bound.

use crate::errno::{Errno, Result};
use crate::limits::LimitLedger;
use crate::pipe::ring::Ring;
use core::sync::atomic::{AtomicUsize, Ordering};
use std::sync::Arc;

const LIMIT: &str = "maxSocketBufferedBytes";

/// Bytes in the buffers of all sockets.
#[derive(Debug)]
pub(crate) struct BufferBudget {
    used: AtomicUsize,
    max: usize,
    ledger: Arc<LimitLedger>,
}

impl BufferBudget {
    pub fn new(max: usize, ledger: Arc<LimitLedger>) -> Arc<BufferBudget> {
        Arc::new(BufferBudget {
            used: AtomicUsize::new(0),
            max,
            ledger,
        })
    }

    /// Bytes that are held.
    pub fn used(&self) -> usize {
        self.used.load(Ordering::Relaxed)
    }

    /// # Errors
    /// - `ENOBUFS`: the bound is reached.
    fn take(&self, bytes: usize) -> Result<()> {
        let taken = self
            .used
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |used| {
                used.checked_add(bytes).filter(|used| *used <= self.max)
            });
        let with = |used: usize| used.saturating_add(bytes) as u64;
        match taken {
            Ok(used) => self.ledger.in_use(LIMIT, self.max as u64, with(used)),
            Err(used) => {
                self.ledger.record(LIMIT, self.max as u64, with(used));
                return Err(Errno::ENOBUFS);
            }
        }
        Ok(())
    }

    fn give(&self, bytes: usize) {
        self.used.fetch_sub(bytes, Ordering::Relaxed);
    }
}

/// A part of the budget, given back when it is dropped.
#[derive(Debug)]
pub(super) struct Share {
    budget: Arc<BufferBudget>,
    bytes: usize,
}

impl Share {
    /// # Errors
    /// - `ENOBUFS`: the bound is reached.
    pub fn take(budget: &Arc<BufferBudget>, bytes: usize) -> Result<Share> {
        budget.take(bytes)?;
        Ok(Share {
            budget: budget.clone(),
            bytes,
        })
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.budget.give(self.bytes);
    }
}

/// A ring whose bytes count.
#[derive(Debug)]
pub(super) struct MeteredRing {
    ring: Ring,
    budget: Arc<BufferBudget>,
}

impl MeteredRing {
    pub fn new(budget: &Arc<BufferBudget>) -> MeteredRing {
        MeteredRing {
            ring: Ring::default(),
            budget: budget.clone(),
        }
    }

    pub fn len(&self) -> usize {
        self.ring.len()
    }

    /// Copies bytes from the front.
    pub fn peek(&self, buf: &mut [u8]) -> usize {
        self.ring.peek(buf)
    }

    /// Takes bytes from the front.
    pub fn read(&mut self, buf: &mut [u8]) -> usize {
        let count = self.ring.read(buf);
        self.budget.give(count);
        count
    }

    /// Drops bytes from the front.
    pub fn skip(&mut self, most: usize) -> usize {
        let mut rest = most.min(self.len());
        let skipped = rest;
        let mut scratch = [0; 4096];
        while rest > 0 {
            let part = rest.min(scratch.len());
            rest -= self.read(&mut scratch[..part]);
        }
        skipped
    }

    /// Adds bytes at the back; the caller has checked that they fit `capacity`, a power of two.
    ///
    /// # Errors
    /// - `ENOBUFS`: the bound of all sockets is reached.
    /// - `ENOMEM`: there is no memory for it.
    pub fn write(&mut self, buf: &[u8], capacity: usize) -> Result<()> {
        self.budget.take(buf.len())?;
        let written = self.ring.write(buf, capacity);
        if written.is_err() {
            self.budget.give(buf.len());
        }
        written
    }

    /// Drops everything, and the storage.
    pub fn clear(&mut self) {
        self.budget.give(self.ring.len());
        self.ring = Ring::default();
    }
}

impl Drop for MeteredRing {
    fn drop(&mut self) {
        self.budget.give(self.ring.len());
    }
}
