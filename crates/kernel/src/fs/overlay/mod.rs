//! `overlay`: a file system that cannot be changed, seen with changes that are kept elsewhere (overlayfs of Linux).
//!
//! The *lower* file system is any other one, and is only read. The *upper* directory is one of the machine's own
//! tmpfs, so changes count towards its quota and are part of the export of the root file system. A file is copied
//! up before its first change; a name of the lower directory that must not be seen any more is a *whiteout* of the
//! upper one. Whiteouts, and which lower directory an upper one is merged with, are no entries: a guest can neither
//! see nor make them (`docs/design/overlay.md`).
//!
//! # Numbers
//! An inode is the same object, with the same number, for as long as anybody refers to it, before and after it is
//! copied up: the number of the lower file, doubled, or that of a file that has no lower one, doubled and one more.
//! Only a lower file with several names gets another one, since its copy is a file of its own.
//!
//! # Locking
//! The copying lock of an inode, then the overlay's namespace, then the places of inodes and the table of
//! inodes (leaves), then the locks of tmpfs. The lower file system is called under any of these.

mod copy_up;
mod file;
mod inode;
mod listing;
mod lookup;
mod names;
mod rename;
mod table;

use crate::abi::Pid;
use crate::abi::stat::StatFs;
use crate::errno::{Errno, Result};
use crate::fs::tmpfs::{TmpfsInode, TmpfsShared};
use crate::vfs::{Caller, Credentials, FileSystem, Inode};
use core::any::Any;
use inode::OverlayInode;
use parking_lot::Mutex;
use std::sync::Arc;
use table::Table;

/// Magic number that `statfs(2)` reports for overlayfs.
const OVERLAYFS_MAGIC: u64 = 0x794c_7630;

/// What all inodes of one overlay share.
pub(crate) struct OverlayShared {
    lower: Arc<dyn FileSystem>,
    dev: u64,
    /// Whom the lower file system is read for.
    caller: Caller,
    /// Held by whoever adds, moves or removes names.
    namespace: Mutex<()>,
    table: Table,
    /// What the tmpfs of the upper directory shares.
    upper: Arc<TmpfsShared>,
}

impl OverlayShared {
    /// The lower object with a path from the root, if it is still there.
    fn lower_at(&self, path: &[u8]) -> Option<Arc<dyn Inode>> {
        let names = path
            .split(|byte| *byte == b'/')
            .filter(|name| !name.is_empty());
        let mut found = self.lower.root();
        for name in names {
            found = found.lookup(name, &self.caller).ok()?;
        }
        Some(found)
    }
}

/// A lower file system together with what has been changed of it.
pub struct Overlay {
    shared: Arc<OverlayShared>,
    root: Arc<OverlayInode>,
}

impl Overlay {
    /// Lays `upper`, a directory of a tmpfs, over a file system.
    ///
    /// # Errors
    /// - `EINVAL`: `upper` is not of a tmpfs.
    /// - `ENOTDIR`: it is not a directory.
    pub fn new(
        lower: Arc<dyn FileSystem>,
        upper: &Arc<dyn Inode>,
        dev: u64,
    ) -> Result<Arc<Overlay>> {
        let any: &dyn Any = &**upper;
        let upper = any.downcast_ref::<TmpfsInode>().ok_or(Errno::EINVAL)?;
        upper.directory()?;
        let lower_root = lower.root();
        let shared = Arc::new(OverlayShared {
            lower,
            dev,
            caller: Caller {
                pid: Pid::INIT,
                credentials: Arc::new(Credentials::root()),
            },
            namespace: Mutex::new(()),
            table: Table::default(),
            upper: upper.shared.clone(),
        });
        let root = OverlayInode::root(&shared, upper.this(), lower_root);
        Ok(Arc::new(Overlay { shared, root }))
    }
}

impl FileSystem for Overlay {
    fn name(&self) -> &'static str {
        "overlay"
    }

    fn root(&self) -> Arc<dyn Inode> {
        self.root.clone()
    }

    fn statfs(&self) -> Result<StatFs> {
        Ok(StatFs {
            kind: OVERLAYFS_MAGIC,
            ..self.shared.upper.statfs()
        })
    }

    fn over(&self, covered: &Arc<dyn Inode>) -> Option<Result<Arc<dyn FileSystem>>> {
        let laid = Overlay::new(self.shared.lower.clone(), covered, self.shared.dev);
        Some(laid.map(|overlay| overlay as Arc<dyn FileSystem>))
    }
}
