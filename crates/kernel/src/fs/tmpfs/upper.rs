//! What an overlay does to a directory that holds its changes ([`overlay`](crate::fs::overlay)).

use super::directory::Lower;
use super::inode::{Body, TmpfsInode};
use crate::errno::Result;
use std::sync::Arc;

impl TmpfsInode {
    /// Sets which directory an overlay merges this one with.
    ///
    /// # Errors
    /// - `ENOTDIR`: this is not a directory.
    pub fn set_lower(&self, lower: Lower) -> Result<()> {
        self.directory()?.write().lower = lower;
        Ok(())
    }

    /// Hides a name of the directory below. It counts as an inode.
    ///
    /// # Errors
    /// - `ENOTDIR`: this is not a directory.
    /// - `ENOSPC`: no inode is left.
    pub fn white_out(&self, name: &[u8]) -> Result<()> {
        let mut directory = self.directory()?.write();
        if directory.whiteouts.contains(name) {
            return Ok(());
        }
        if directory.get(name).is_ok() {
            // The entry is about to go: who removes files when no inode is left must succeed.
            self.shared.quota.take_inode_of_another();
        } else {
            self.shared.quota.take_inode()?;
        }
        directory.whiteouts.insert(name.into());
        Ok(())
    }

    /// Shows a name of the directory below again.
    pub fn take_back_whiteout(&self, name: &[u8]) {
        if let Ok(directory) = self.directory()
            && directory.write().whiteouts.remove(name)
        {
            self.shared.quota.release_inodes(1);
        }
    }

    /// Gives a copy of a lower file its name; neither this directory's times nor the copy's change.
    ///
    /// # Errors
    /// - `EEXIST`: the name is taken.
    /// - `ENOENT`: this directory has been removed.
    pub fn adopt(&self, name: &[u8], copy: &Arc<TmpfsInode>) -> Result<()> {
        let _namespace = self.shared.namespace.lock();
        self.directory()?.write().insert(name, copy.clone())?;
        match &copy.body {
            Body::Directory(directory) => {
                let mut directory = directory.write();
                directory.parent = self.weak();
                directory.name = name.into();
                drop(directory);
                self.attributes.lock().nlink += 1;
            }
            _ => copy.attributes.lock().nlink += 1,
        }
        Ok(())
    }
}
