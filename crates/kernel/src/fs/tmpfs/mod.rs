//! `tmpfs(5)`: files in memory, with a quota of bytes and inodes.
//!
//! # Locking
//! `TmpfsShared::namespace` serialises everything that changes names. Below it each directory has a
//! lock over its entries and each file one over its bytes; below those, each inode has one over its
//! attributes. Readers take one lock at a time, so no order among inodes is needed.

mod capture;
mod contents;
mod data;
mod directory;
mod export;
mod file_image;
mod image;
mod image_parts;
mod inode;
mod quota;
mod rename;
mod upper;

pub use capture::Capture;
pub use contents::Segment;
pub use file_image::{FileImage, ImageBounds, ImageContents, ImageFile, ImageKind, Walk};

pub(crate) use capture::capture;
pub(crate) use data::FileData;
pub(crate) use directory::{Directory, Lower};
pub(crate) use export::{export, import, restore_captured};
pub(crate) use inode::{Attributes, Body, TmpfsInode};
pub(crate) use quota::{BLOCK, Quota};

use crate::abi::fcntl::NAME_MAX;
use crate::abi::stat::{StatFs, Timespec};
use crate::clock::Clock;
use crate::errno::Result;
use crate::limits::{LimitLedger, Limits};
use crate::vfs::{FileSystem, Inode, Ownership};
use core::sync::atomic::{AtomicU64, Ordering};
use parking_lot::Mutex;
use std::sync::Arc;

/// Magic number that `statfs(2)` reports for tmpfs.
const TMPFS_MAGIC: u64 = 0x0102_1994;

/// What all inodes of one tmpfs share.
pub(crate) struct TmpfsShared {
    pub quota: Quota,
    pub clock: Arc<dyn Clock>,
    pub dev: u64,
    pub next_ino: AtomicU64,
    /// Held by whoever adds, moves or removes names.
    pub namespace: Mutex<()>,
}

impl TmpfsShared {
    pub fn now(&self) -> Timespec {
        self.clock.realtime()
    }

    pub fn allocate_ino(&self) -> u64 {
        self.next_ino.fetch_add(1, Ordering::Relaxed)
    }

    /// Capacity and use.
    pub fn statfs(&self) -> StatFs {
        let quota = &self.quota;
        let free = quota.max_blocks().saturating_sub(quota.used_blocks());
        StatFs {
            kind: TMPFS_MAGIC,
            bsize: BLOCK,
            blocks: quota.max_blocks(),
            bfree: free,
            bavail: free,
            files: quota.max_inodes(),
            ffree: quota.max_inodes().saturating_sub(quota.used_inodes()),
            namelen: NAME_MAX as u64,
        }
    }
}

/// A memory file system.
pub struct Tmpfs {
    shared: Arc<TmpfsShared>,
    root: Arc<TmpfsInode>,
}

impl Tmpfs {
    /// Makes a file system with an empty root directory that belongs to root.
    ///
    /// # Errors
    /// - `ENOSPC`: the limits leave no room for a root directory.
    pub fn new(
        limits: &Limits,
        ledger: Arc<LimitLedger>,
        clock: Arc<dyn Clock>,
        dev: u64,
    ) -> Result<Arc<Tmpfs>> {
        let shared = Arc::new(TmpfsShared {
            quota: Quota::new(limits, ledger),
            clock,
            dev,
            next_ino: AtomicU64::new(1),
            namespace: Mutex::new(()),
        });
        let root = TmpfsInode::new(&shared, Body::directory(), Ownership::new(0o755, 0, 0))?;
        Ok(Arc::new(Tmpfs { shared, root }))
    }

    /// Bytes in use, in whole blocks.
    pub fn used_bytes(&self) -> u64 {
        self.shared.quota.used_blocks() * BLOCK
    }

    /// Inodes in use.
    pub fn used_inodes(&self) -> u64 {
        self.shared.quota.used_inodes()
    }

    pub(crate) fn root_inode(&self) -> &Arc<TmpfsInode> {
        &self.root
    }

    pub(crate) fn shared(&self) -> &Arc<TmpfsShared> {
        &self.shared
    }
}

impl FileSystem for Tmpfs {
    fn name(&self) -> &'static str {
        "tmpfs"
    }

    fn root(&self) -> Arc<dyn Inode> {
        self.root.clone()
    }

    fn statfs(&self) -> Result<StatFs> {
        Ok(self.shared.statfs())
    }
}
