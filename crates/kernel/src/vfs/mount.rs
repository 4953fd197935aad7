//! Mounts and positions in the tree they form.

use super::{FileSystem, Inode};
use crate::errno::{Errno, Result};
use bitflags::bitflags;
use core::fmt;
use parking_lot::RwLock;
use std::sync::{Arc, Weak};

bitflags! {
    /// Options of a mount.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct MountFlags: u32 {
        /// Nothing can be changed through this mount.
        const MS_RDONLY = 1;
        /// Set-user-id bits are ignored.
        const MS_NOSUID = 2;
        /// Files cannot be executed.
        const MS_NOEXEC = 8;
    }
}

/// A file system attached to the tree.
pub struct Mount {
    fs: Arc<dyn FileSystem>,
    root: Arc<dyn Inode>,
    flags: MountFlags,
    source: String,
    /// Where this mount covers its parent; `None` for the root mount.
    parent: Option<(Weak<Mount>, Arc<dyn Inode>)>,
    /// Mounts on directories of this one, by the covered inode's number. A handful at most.
    children: RwLock<Vec<(u64, Arc<Mount>)>>,
}

impl Mount {
    /// Makes the root of a tree.
    pub fn new_root(fs: Arc<dyn FileSystem>, source: &str) -> Arc<Mount> {
        let root = fs.root();
        Arc::new(Mount {
            fs,
            root,
            flags: MountFlags::empty(),
            source: source.into(),
            parent: None,
            children: RwLock::default(),
        })
    }

    /// Attaches a file system to a directory.
    ///
    /// # Errors
    /// - `ENOTDIR`: the mount point is not a directory.
    pub fn attach(
        at: &VirtualDentry,
        fs: Arc<dyn FileSystem>,
        source: &str,
        flags: MountFlags,
    ) -> Result<Arc<Mount>> {
        if !at.is_dir() {
            return Err(Errno::ENOTDIR);
        }
        let root = fs.root();
        let mount = Arc::new(Mount {
            fs,
            root,
            flags,
            source: source.into(),
            parent: Some((Arc::downgrade(&at.mount), at.inode.clone())),
            children: RwLock::default(),
        });
        let mut children = at.mount.children.write();
        children.retain(|(ino, _)| *ino != at.inode.ino());
        children.push((at.inode.ino(), mount.clone()));
        Ok(mount)
    }

    /// Detaches the file system whose root is `at`.
    ///
    /// # Errors
    /// - `EINVAL`: not the root of a mount, or the root of everything.
    pub fn detach(at: &VirtualDentry) -> Result<()> {
        let (parent, covered) = at.mount.covered().ok_or(Errno::EINVAL)?;
        if !Arc::ptr_eq(&at.inode, &at.mount.root) {
            return Err(Errno::EINVAL);
        }
        parent
            .children
            .write()
            .retain(|(ino, _)| *ino != covered.ino());
        Ok(())
    }

    /// File system mounted here.
    pub fn fs(&self) -> &Arc<dyn FileSystem> {
        &self.fs
    }

    /// Options.
    pub fn flags(&self) -> MountFlags {
        self.flags
    }

    /// What `/proc/mounts` shows as the device.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// Root directory of the mount as a position.
    pub fn root(self: &Arc<Self>) -> VirtualDentry {
        VirtualDentry {
            mount: self.clone(),
            inode: self.root.clone(),
        }
    }

    /// Mounts directly below this one.
    pub fn children(&self) -> Vec<Arc<Mount>> {
        self.children
            .read()
            .iter()
            .map(|(_, mount)| mount.clone())
            .collect()
    }

    pub(crate) fn detach_children(&self) {
        let detached = core::mem::take(&mut *self.children.write());
        drop(detached);
    }

    pub(crate) fn covered(&self) -> Option<(Arc<Mount>, Arc<dyn Inode>)> {
        let (mount, inode) = self.parent.as_ref()?;
        Some((mount.upgrade()?, inode.clone()))
    }

    pub(crate) fn child_at(&self, ino: u64) -> Option<Arc<Mount>> {
        let children = self.children.read();
        children
            .iter()
            .find(|(covered, _)| *covered == ino)
            .map(|(_, mount)| mount.clone())
    }
}

impl fmt::Debug for Mount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Mount")
            .field("source", &self.source)
            .field("fs", &self.fs.name())
            .finish_non_exhaustive()
    }
}

/// A position in the tree: an inode, and the mount it was reached through.
#[derive(Clone)]
pub struct VirtualDentry {
    /// Mount.
    pub mount: Arc<Mount>,
    /// Inode.
    pub inode: Arc<dyn Inode>,
}

impl VirtualDentry {
    /// Whether the inode is a directory.
    pub fn is_dir(&self) -> bool {
        self.inode.kind() == crate::abi::stat::FileKind::Directory
    }

    /// Whether both name the same object through the same mount.
    pub fn same(&self, other: &VirtualDentry) -> bool {
        Arc::ptr_eq(&self.mount, &other.mount) && self.inode.ino() == other.inode.ino()
    }

    /// Whether the mount refuses changes.
    pub fn read_only(&self) -> bool {
        self.mount.flags().contains(MountFlags::MS_RDONLY)
    }

    /// Steps over mounts that cover this directory.
    pub(crate) fn cross_mounts(mut self) -> VirtualDentry {
        while let Some(mount) = self.mount.child_at(self.inode.ino()) {
            self = mount.root();
        }
        self
    }
}

impl fmt::Debug for VirtualDentry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.mount.source, self.inode.ino())
    }
}
