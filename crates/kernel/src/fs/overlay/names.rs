//! Making, linking and removing names.

use super::inode::OverlayInode;
use super::lookup::Namespace;
use super::table::Key;
use crate::abi::stat::FileKind;
use crate::errno::{Errno, Result};
use crate::fs::tmpfs::{Lower, TmpfsInode};
use crate::vfs::{Inode, NewInode, NewInodeKind};
use core::any::Any;
use std::sync::Arc;

impl OverlayInode {
    /// Creates a child; see [`Inode::create`].
    pub(super) fn create_entry(
        &self,
        name: &[u8],
        new: &NewInode<'_>,
    ) -> Result<Arc<OverlayInode>> {
        let directory = self.copy_up(u64::MAX)?;
        let _namespace = self.shared.namespace.lock();
        self.check_free(name)?;
        let created = directory.create(name, new)?;
        let any: &dyn Any = &*created;
        let upper = any.downcast_ref::<TmpfsInode>().ok_or(Errno::EIO)?;
        if matches!(new.kind, NewInodeKind::Directory) {
            // It has nothing to do with a directory that may come to be below.
            upper.set_lower(Lower::Cut)?;
        }
        Ok(self.upper_inode(upper.this(), Some(name)))
    }

    /// Checks that a name can be made here; who asks holds the namespace.
    fn check_free(&self, name: &[u8]) -> Result<()> {
        if !self.is_directory() {
            return Err(Errno::ENOTDIR);
        }
        if self.is_gone() {
            return Err(Errno::ENOENT);
        }
        match self.child_in(Namespace::Held, name) {
            Ok(_) => Err(Errno::EEXIST),
            Err(Errno::ENOENT) => Ok(()),
            Err(errno) => Err(errno),
        }
    }

    /// Gives `target` another name; see [`Inode::link`].
    pub(super) fn link_entry(&self, name: &[u8], target: &OverlayInode) -> Result<()> {
        if target.is_directory() {
            return Err(Errno::EPERM);
        }
        let directory = self.copy_up(u64::MAX)?;
        let copy: Arc<dyn Inode> = target.copy_up(u64::MAX)?.clone();
        let _namespace = self.shared.namespace.lock();
        self.check_free(name)?;
        directory.link(name, &copy)?;
        if target.is_gone() {
            // A file without a name has one again.
            target.revive(self, name);
        }
        Ok(())
    }

    /// Removes a name of a directory, or of anything else; see [`Inode::rmdir`] and [`Inode::unlink`].
    pub(super) fn remove_entry(&self, name: &[u8], kind: FileKind) -> Result<Arc<OverlayInode>> {
        self.check_removable(&*self.child(name)?, kind)?;
        let directory = self.copy_up(u64::MAX)?;
        let _namespace = self.shared.namespace.lock();
        let child = self.child_in(Namespace::Held, name)?;
        self.check_removable(&child, kind)?;
        let (entry, hidden) = self.entry(name)?;
        if !hidden && self.lower_child(name).is_ok() {
            directory.white_out(name)?;
        }
        match (entry, kind) {
            (Some(_), FileKind::Directory) => directory.rmdir(name).map(drop)?,
            (Some(_), _) => directory.unlink(name).map(drop)?,
            (None, _) => directory.touch(directory.shared.now()),
        }
        child.lose_name();
        Ok(child)
    }

    fn check_removable(&self, child: &OverlayInode, kind: FileKind) -> Result<()> {
        match (kind, child.is_directory()) {
            (FileKind::Directory, false) => Err(Errno::ENOTDIR),
            (FileKind::Directory, true) if !child.is_empty()? => Err(Errno::ENOTEMPTY),
            (FileKind::Directory, true) | (_, false) => Ok(()),
            (_, true) => Err(Errno::EISDIR),
        }
    }

    /// Notes that a name of this has been removed; who does holds the namespace.
    pub(super) fn lose_name(&self) {
        let left = match self.upper.get() {
            Some(upper) if !self.is_directory() => upper.attributes.lock().nlink > 0,
            _ => false,
        };
        if left {
            return;
        }
        self.set_gone();
        if self.upper.get().is_none() {
            // A new file may get the number of the lower one.
            let key = self.key.lock().clone();
            if matches!(key, Key::LowerName(..)) {
                self.shared.table.forget(&key, self);
            }
        }
    }
}
