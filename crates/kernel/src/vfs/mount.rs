//! Mounts and positions in the tree they form.

use super::place::{Place, Places};
use super::{Caller, DirCursor, FileSystem, Inode};
use crate::abi::stat::Timespec;
use crate::errno::{Errno, Result};
use bitflags::bitflags;
use core::fmt;
use parking_lot::RwLock;
use std::sync::{Arc, Weak};

/// Positions of a listing from here on are those of a directory that is joined to another.
const JOINED: u64 = 1 << 63;

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
    /// What has the names that the root directory lacks.
    union: RwLock<Option<Arc<Mount>>>,
    /// Names that the file system lacks, or is to lack.
    places: Places,
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
            union: RwLock::default(),
            places: Places::default(),
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
            union: RwLock::default(),
            places: Places::default(),
        });
        if let Some(place) = Place::of(&at.inode) {
            place.cover(true);
        }
        let mut children = at.mount.children.write();
        children.retain(|(ino, _)| *ino != at.inode.ino());
        children.push((at.inode.ino(), mount.clone()));
        Ok(mount)
    }

    /// Joins the root directory of a file system to that of the root mount: names that the latter lacks are those of
    /// the former, and new ones are made there.
    ///
    /// # Errors
    /// - `EINVAL`: `at` is not the root of everything.
    pub fn attach_union(
        at: &VirtualDentry,
        fs: Arc<dyn FileSystem>,
        source: &str,
        flags: MountFlags,
    ) -> Result<Arc<Mount>> {
        if at.mount.parent.is_some() || !at.is_mount_root() {
            return Err(Errno::EINVAL);
        }
        let root = fs.root();
        let mount = Arc::new(Mount {
            fs,
            root,
            flags,
            source: source.into(),
            parent: Some((Arc::downgrade(&at.mount), at.inode.clone())),
            children: RwLock::default(),
            union: RwLock::default(),
            places: Places::default(),
        });
        *at.mount.union.write() = Some(mount.clone());
        Ok(mount)
    }

    /// What is joined to the root directory.
    pub(crate) fn union(&self) -> Option<Arc<Mount>> {
        self.union.read().clone()
    }

    /// Detaches the file system whose root is `at`. As on Linux, what counts as its use are the references to the mount:
    /// open files, working directories, path walks that are under way, and mounts on directories of it.
    ///
    /// # Errors
    /// - `EINVAL`: not the root of a mount, or the root of everything.
    /// - `EBUSY`: it is in use.
    pub fn detach(at: VirtualDentry) -> Result<()> {
        let VirtualDentry { mount, inode } = at;
        let (parent, covered) = mount.covered().ok_or(Errno::EINVAL)?;
        let is_joined = parent
            .union()
            .is_some_and(|union| Arc::ptr_eq(&union, &mount));
        if is_joined || !Arc::ptr_eq(&inode, &mount.root) {
            return Err(Errno::EINVAL);
        }
        // Held: nobody comes to the mount meanwhile.
        let mut children = parent.children.write();
        let is_empty = mount.children.read().is_empty();
        // This one, and that of the parent.
        if !is_empty || Arc::strong_count(&mount) > 2 {
            return Err(Errno::EBUSY);
        }
        children.retain(|(ino, _)| *ino != covered.ino());
        drop(children);
        if let Some(place) = Place::of(&covered) {
            parent.places.uncover(place);
        }
        Ok(())
    }

    /// Whether directories that something is to be mounted on are made in its file system. Else it has a name for them.
    pub(crate) fn keeps_mount_points(&self) -> bool {
        self.fs.keeps_mount_points()
    }

    /// Has a name for a directory that its file system may lack.
    ///
    /// # Errors
    /// - `ENOENT`: the directory that it is in is gone.
    pub(crate) fn add_place(
        self: &Arc<Self>,
        directory: &dyn Inode,
        name: &[u8],
        now: Timespec,
    ) -> Result<VirtualDentry> {
        let mut path = directory.path_below_root().ok_or(Errno::ENOENT)?;
        if !path.is_empty() {
            path.push(b'/');
        }
        path.extend_from_slice(name);
        Ok(VirtualDentry {
            mount: self.clone(),
            inode: self.places.add(&self.fs, &path, now)?,
        })
    }

    /// Has the names that another mount of its file system has, which it takes the place of.
    pub(crate) fn take_over_places(&self, from: &Mount) {
        self.places.take_over(&from.places);
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
        let children = self.children.read();
        let covering = children.iter().map(|(_, mount)| mount.clone());
        covering.chain(self.union()).collect()
    }

    pub(crate) fn detach_children(&self) {
        let detached = core::mem::take(&mut *self.children.write());
        drop(detached);
        let joined = self.union.write().take();
        drop(joined);
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

    /// Whether this is the root directory of its mount.
    pub(crate) fn is_mount_root(&self) -> bool {
        Arc::ptr_eq(&self.inode, &self.mount.root)
    }

    /// Finds a child, in the file system or among the names that its mount has for it.
    ///
    /// # Errors
    /// As [`Inode::lookup`].
    pub(crate) fn lookup(&self, name: &[u8], caller: &Caller) -> Result<Arc<dyn Inode>> {
        match self.mount.places.at(&*self.inode, name) {
            Some(place) => Ok(place.found(&*self.inode, caller)),
            None => self.inode.lookup(name, caller),
        }
    }

    /// Whether something is mounted on a name in this directory, or below it, that the mount itself has.
    pub(crate) fn pins(&self, name: &[u8]) -> bool {
        self.mount.places.pins(&*self.inode, name)
    }

    /// Has a name of the mount's stay when nothing is mounted there or below any more.
    pub(crate) fn want(&self) {
        if let Some(place) = Place::of(&self.inode) {
            place.want();
        }
    }

    /// The directory of the file system that a name of the mount's stands for, if it has come to be there.
    pub(crate) fn settled(mut self) -> VirtualDentry {
        if let Some(real) = Place::of(&self.inode).and_then(|place| place.real().ok()) {
            self.inode = real;
        }
        self
    }

    /// The mount that has the names which this directory lacks.
    pub(crate) fn union(&self) -> Option<Arc<Mount>> {
        self.is_mount_root().then(|| self.mount.union()).flatten()
    }

    /// The directory that this one is joined to, for the root directory of such a mount; else itself.
    pub(crate) fn joined(self) -> VirtualDentry {
        if self.is_mount_root()
            && let Some((mount, inode)) = self.mount.covered()
            && mount
                .union()
                .is_some_and(|union| Arc::ptr_eq(&union, &self.mount))
        {
            return VirtualDentry { mount, inode };
        }
        self
    }

    /// Entries of a directory from a position on, with those of what is joined to it.
    ///
    /// # Errors
    /// As [`Inode::read_dir`].
    pub(crate) fn read_dir(
        &self,
        position: u64,
        max: usize,
        caller: &Caller,
    ) -> Result<Vec<DirCursor>> {
        let entries =
            |mount: &Mount, inode, position| mount.places.read_dir(inode, position, max, caller);
        let Some(union) = self.union() else {
            return entries(&self.mount, &self.inode, position);
        };
        if position < JOINED {
            let own = entries(&self.mount, &self.inode, position)?;
            if !own.is_empty() {
                return Ok(own);
            }
        }
        let mut position = position.saturating_sub(JOINED);
        loop {
            let mut joined = entries(&union, &union.root, position)?;
            let Some(last) = joined.last() else {
                return Ok(joined);
            };
            position = last.next;
            joined.retain_mut(|cursor| {
                cursor.next |= JOINED;
                self.inode.lookup(&cursor.entry.name, caller).is_err()
            });
            if !joined.is_empty() {
                return Ok(joined);
            }
        }
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
