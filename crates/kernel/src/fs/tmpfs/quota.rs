//! Use of space and inodes against their limits.

use crate::errno::{Errno, Result};
use crate::limits::{LimitLedger, Limits};
use core::sync::atomic::{AtomicU64, Ordering};
use std::sync::Arc;

/// Unit in which space is counted.
pub(crate) const BLOCK: u64 = 4096;

pub(crate) struct Quota {
    /// As it was given; blocks are whole.
    max_bytes: u64,
    max_blocks: u64,
    max_inodes: u64,
    max_file_bytes: u64,
    blocks: AtomicU64,
    inodes: AtomicU64,
    ledger: Arc<LimitLedger>,
}

impl Quota {
    pub fn new(limits: &Limits, ledger: Arc<LimitLedger>) -> Quota {
        Quota {
            max_bytes: limits.max_filesystem_bytes,
            max_blocks: limits.max_filesystem_bytes / BLOCK,
            max_inodes: limits.max_inodes,
            // Offsets are signed 64-bit numbers, so no file is longer whatever the limit says.
            max_file_bytes: limits.max_file_bytes.min(i64::MAX as u64),
            blocks: AtomicU64::new(0),
            inodes: AtomicU64::new(0),
            ledger,
        }
    }

    pub fn max_blocks(&self) -> u64 {
        self.max_blocks
    }

    pub fn max_inodes(&self) -> u64 {
        self.max_inodes
    }

    pub fn used_blocks(&self) -> u64 {
        self.blocks.load(Ordering::Relaxed)
    }

    pub fn used_inodes(&self) -> u64 {
        self.inodes.load(Ordering::Relaxed)
    }

    /// Takes `wanted` blocks, or as many as are left.
    pub fn take_blocks(&self, wanted: u64) -> u64 {
        let mut granted = 0;
        let _ = self
            .blocks
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |used| {
                granted = wanted.min(self.max_blocks.saturating_sub(used));
                Some(used + granted)
            });
        if granted < wanted {
            let used = (self.used_blocks() + wanted - granted) * BLOCK;
            self.ledger
                .record("maxFilesystemBytes", self.max_bytes, used);
        }
        let used = self.used_blocks() * BLOCK;
        self.ledger
            .in_use("maxFilesystemBytes", self.max_bytes, used);
        granted
    }

    pub fn release_blocks(&self, blocks: u64) {
        self.blocks.fetch_sub(blocks, Ordering::Relaxed);
    }

    /// Takes one inode.
    ///
    /// # Errors
    /// - `ENOSPC`: none is left.
    pub fn take_inode(&self) -> Result<()> {
        let taken = self
            .inodes
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |used| {
                (used < self.max_inodes).then_some(used + 1)
            });
        match taken {
            Ok(before) => {
                self.ledger
                    .in_use("maxInodeCount", self.max_inodes, before + 1);
                Ok(())
            }
            Err(used) => {
                self.ledger
                    .record("maxInodeCount", self.max_inodes, used + 1);
                Err(Errno::ENOSPC)
            }
        }
    }

    /// Takes one inode even if none is left, for what takes the place of another that is about to be released.
    pub fn take_inode_of_another(&self) {
        self.inodes.fetch_add(1, Ordering::Relaxed);
    }

    pub fn release_inodes(&self, count: u64) {
        self.inodes.fetch_sub(count, Ordering::Relaxed);
    }

    /// Takes use out of the count until the guard is dropped, to make room for a replacement of what is used.
    pub fn set_aside(&self, blocks: u64, inodes: u64) -> SetAside<'_> {
        self.release_blocks(blocks);
        self.release_inodes(inodes);
        SetAside {
            quota: self,
            blocks,
            inodes,
        }
    }

    /// How much of a write of `len` bytes at `offset` lies below the largest file size.
    ///
    /// # Errors
    /// - `EFBIG`: nothing of it.
    pub fn within_file_size(&self, offset: u64, len: usize) -> Result<usize> {
        let end = offset.saturating_add(len as u64);
        if end <= self.max_file_bytes || len == 0 {
            return Ok(len);
        }
        self.ledger.record("maxFileBytes", self.max_file_bytes, end);
        if offset >= self.max_file_bytes {
            return Err(Errno::EFBIG);
        }
        // Less than `len`, which is a length.
        Ok(usize::try_from(self.max_file_bytes - offset).unwrap_or(len))
    }
}

/// Use that is temporarily not counted.
pub(crate) struct SetAside<'a> {
    quota: &'a Quota,
    blocks: u64,
    inodes: u64,
}

impl Drop for SetAside<'_> {
    fn drop(&mut self) {
        self.quota.blocks.fetch_add(self.blocks, Ordering::Relaxed);
        self.quota.inodes.fetch_add(self.inodes, Ordering::Relaxed);
    }
}
