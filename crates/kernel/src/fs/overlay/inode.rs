//! Inodes of an overlay.

use super::OverlayShared;
use super::file::OverlayFile;
use super::table::Key;
use crate::abi::fcntl::{OpenFlags, RenameFlags};
use crate::abi::inotify::InotifyMask;
use crate::abi::stat::{FileKind, Stat, Timespec};
use crate::errno::{Errno, Result};
use crate::fs::tmpfs::TmpfsInode;
use crate::vfs::{
    Caller, DirCursor, File, Followed, Inode, LinkTarget, NewInode, Ownership, SeekExtent,
    SetAttributes, SocketNode, Watchers,
};
use core::any::Any;
use parking_lot::Mutex;
use std::sync::{Arc, OnceLock, Weak};

/// A file as the overlay shows it.
pub(crate) struct OverlayInode {
    pub(super) this: Weak<OverlayInode>,
    pub(super) shared: Arc<OverlayShared>,
    pub(super) kind: FileKind,
    /// What it is known by in the table; changes when a lower file with several names is copied.
    pub(super) key: Mutex<Key>,
    /// The lower object as it was found last, if it has one that counts.
    pub(super) lower: Mutex<Option<Arc<dyn Inode>>>,
    /// Path of a lower directory from the root of the lower file system.
    pub(super) lower_path: Option<Arc<[u8]>>,
    /// The copy, or the object itself where there is no lower one.
    pub(super) upper: OnceLock<Arc<TmpfsInode>>,
    /// A directory that has it, and its name there; none for the root.
    pub(super) place: Mutex<Option<Place>>,
    /// When the last name that it was found by was removed.
    pub(super) gone: Mutex<Option<Timespec>>,
    /// Held while its contents are copied.
    pub(super) copying: Mutex<()>,
    watchers: Watchers,
}

/// Where an inode is.
#[derive(Clone)]
pub(super) struct Place {
    pub parent: Arc<OverlayInode>,
    pub name: Arc<[u8]>,
}

/// What an inode is made of.
pub(super) struct Layers {
    pub upper: Option<Arc<TmpfsInode>>,
    pub lower: Option<Arc<dyn Inode>>,
    pub lower_path: Option<Arc<[u8]>>,
}

impl OverlayInode {
    /// The root of an overlay.
    pub fn root(
        shared: &Arc<OverlayShared>,
        upper: Arc<TmpfsInode>,
        lower: Arc<dyn Inode>,
    ) -> Arc<OverlayInode> {
        let key = Key::Lower(lower.ino());
        let layers = Layers {
            upper: Some(upper),
            lower: Some(lower),
            lower_path: Some(Arc::from(&b""[..])),
        };
        let root = OverlayInode::new(shared, key.clone(), FileKind::Directory, layers, None);
        shared.table.replace(key, &root);
        root
    }

    pub(super) fn new(
        shared: &Arc<OverlayShared>,
        key: Key,
        kind: FileKind,
        layers: Layers,
        place: Option<Place>,
    ) -> Arc<OverlayInode> {
        Arc::new_cyclic(|this| OverlayInode {
            this: this.clone(),
            shared: shared.clone(),
            kind,
            key: Mutex::new(key),
            lower: Mutex::new(layers.lower),
            lower_path: layers.lower_path,
            upper: layers.upper.map_or_else(OnceLock::new, OnceLock::from),
            place: Mutex::new(place),
            gone: Mutex::default(),
            copying: Mutex::new(()),
            watchers: Watchers::default(),
        })
    }

    pub(super) fn this(&self) -> Arc<OverlayInode> {
        self.this
            .upgrade()
            .expect("a method runs on an inode that is referenced")
    }

    /// The copy, once there is one.
    pub fn upper(&self) -> Option<&Arc<TmpfsInode>> {
        self.upper.get()
    }

    pub(super) fn lower(&self) -> Option<Arc<dyn Inode>> {
        self.lower.lock().clone()
    }

    /// What is read: the copy, or the lower object.
    ///
    /// # Errors
    /// - `EIO`: never; an inode has one of them.
    pub(super) fn seen(&self) -> Result<Arc<dyn Inode>> {
        match self.upper.get() {
            Some(upper) => Ok(upper.clone()),
            None => self.lower().ok_or(Errno::EIO),
        }
    }

    pub(super) fn is_directory(&self) -> bool {
        self.kind == FileKind::Directory
    }

    pub(super) fn is_gone(&self) -> bool {
        self.gone.lock().is_some()
    }

    pub(super) fn set_gone(&self) {
        *self.gone.lock() = Some(self.shared.upper.now());
    }

    /// Another inode of the same overlay.
    ///
    /// # Errors
    /// - `EXDEV`: it is none.
    pub(super) fn same_fs<'a>(&self, other: &'a Arc<dyn Inode>) -> Result<&'a OverlayInode> {
        let any: &dyn Any = &**other;
        let other = any.downcast_ref::<OverlayInode>().ok_or(Errno::EXDEV)?;
        if Arc::ptr_eq(&self.shared, &other.shared) {
            Ok(other)
        } else {
            Err(Errno::EXDEV)
        }
    }

    /// Whether this is, or lies below, `dir`; who asks holds the namespace.
    pub(super) fn is_below(&self, dir: &OverlayInode) -> bool {
        let mut current = self.this();
        loop {
            if core::ptr::eq(&raw const *current, &raw const *dir) {
                return true;
            }
            let Some(place) = current.place.lock().clone() else {
                return false;
            };
            current = place.parent;
        }
    }

    /// How many names a file has that only the lower file system knows.
    fn lower_links(&self, links: u64) -> u64 {
        if self.is_gone() {
            links.saturating_sub(1)
        } else {
            links
        }
    }
}

/// Number of what a lower object is.
pub(super) const fn lower_ino(ino: u64) -> u64 {
    ino << 1
}

/// Number of what only the upper directory has.
pub(super) const fn upper_ino(ino: u64) -> u64 {
    ino << 1 | 1
}

/// Number of what the entry of an upper directory names, unless it is a directory that is merged.
pub(super) fn ino_of_upper(upper: &TmpfsInode) -> u64 {
    match upper.attributes.lock().origin {
        Some(lower) => lower_ino(lower),
        None => upper_ino(upper.ino()),
    }
}

impl Inode for OverlayInode {
    fn ino(&self) -> u64 {
        match &*self.key.lock() {
            Key::Lower(ino) => lower_ino(*ino),
            Key::Upper(ino) => upper_ino(*ino),
            Key::LowerName(..) => self.lower().map_or(0, |lower| lower_ino(lower.ino())),
        }
    }

    fn kind(&self) -> FileKind {
        self.kind
    }

    fn ownership(&self) -> Ownership {
        match self.seen() {
            Ok(seen) => seen.ownership(),
            Err(_) => Ownership::new(0, 0, 0),
        }
    }

    fn stat(&self) -> Result<Stat> {
        let mut stat = self.seen()?.stat()?;
        stat.dev = self.shared.dev;
        stat.ino = self.ino();
        if self.upper.get().is_none()
            && let Some(removed) = *self.gone.lock()
        {
            stat.ctime = removed;
        }
        if self.is_directory() {
            // Nobody counts the directories of two layers; 1 says so (`find(1)` knows it).
            if self.is_gone() {
                stat.nlink = 0;
            } else if self.lower.lock().is_some() {
                stat.nlink = 1;
            }
        } else if self.upper.get().is_none() {
            stat.nlink = self.lower_links(stat.nlink);
        }
        Ok(stat)
    }

    fn set_attributes(&self, attributes: &SetAttributes) -> Result<()> {
        self.copy_up(u64::MAX)?.set_attributes(attributes)
    }

    fn lookup(&self, name: &[u8], _caller: &Caller) -> Result<Arc<dyn Inode>> {
        Ok(self.child(name)?)
    }

    fn parent(&self) -> Option<(Arc<dyn Inode>, Vec<u8>)> {
        let place = self.place.lock().clone()?;
        Some((place.parent, place.name.to_vec()))
    }

    fn socket_node(&self) -> Option<SocketNode> {
        self.upper.get()?.socket_node()
    }

    fn removed(&self) -> bool {
        self.is_directory() && self.is_gone()
    }

    fn create(&self, name: &[u8], new: &NewInode<'_>) -> Result<Arc<dyn Inode>> {
        Ok(self.create_entry(name, new)?)
    }

    fn create_unnamed(&self, ownership: Ownership) -> Result<Arc<dyn Inode>> {
        let unnamed = self.copy_up(u64::MAX)?.create_unnamed(ownership)?;
        let any: &dyn Any = &*unnamed;
        let upper = any.downcast_ref::<TmpfsInode>().ok_or(Errno::EIO)?;
        Ok(self.upper_inode(upper.this(), None))
    }

    fn link(&self, name: &[u8], target: &Arc<dyn Inode>) -> Result<()> {
        self.link_entry(name, self.same_fs(target)?)
    }

    fn unlink(&self, name: &[u8]) -> Result<Arc<dyn Inode>> {
        Ok(self.remove_entry(name, FileKind::Regular)?)
    }

    fn rmdir(&self, name: &[u8]) -> Result<Arc<dyn Inode>> {
        Ok(self.remove_entry(name, FileKind::Directory)?)
    }

    fn rename(
        &self,
        old_name: &[u8],
        new_dir: &Arc<dyn Inode>,
        new_name: &[u8],
        flags: RenameFlags,
    ) -> Result<Option<Arc<dyn Inode>>> {
        let new_dir = self.same_fs(new_dir)?;
        let replaced = self.rename_entry(old_name, new_dir, new_name, flags)?;
        Ok(replaced.map(|replaced| replaced as Arc<dyn Inode>))
    }

    fn read_link(&self, caller: &Caller) -> Result<Vec<u8>> {
        self.seen()?.read_link(caller)
    }

    /// Where a link leads is for the file system that has it: the embedder's tells why one that leads out is not followed.
    fn follow_link(&self, caller: &Caller) -> Result<LinkTarget> {
        self.seen()?.follow_link(caller)
    }

    fn read_dir(&self, position: u64, max: usize, caller: &Caller) -> Result<Vec<DirCursor>> {
        self.list(position, max, caller)
    }

    fn open(self: Arc<Self>, flags: OpenFlags, caller: &Caller) -> Result<Option<Arc<dyn File>>> {
        if let Some(upper) = self.upper.get() {
            return upper.clone().open(flags, caller);
        }
        let lower = self.lower().ok_or(Errno::EIO)?;
        if self.kind != FileKind::Regular {
            return lower.open(flags, caller);
        }
        if flags.writable() {
            self.copy_up(u64::MAX)?;
            return Ok(None);
        }
        let opened = lower.open(flags, caller)?;
        Ok(opened.map(|lower| Arc::new(OverlayFile::new(self, lower)) as Arc<dyn File>))
    }

    fn read_at(&self, offset: u64, buf: &mut [u8]) -> Result<usize> {
        self.seen()?.read_at(offset, buf)
    }

    fn write_at(&self, offset: u64, buf: &[u8]) -> Result<usize> {
        self.copy_up(u64::MAX)?.write_at(offset, buf)
    }

    fn append(&self, buf: &[u8]) -> Result<(usize, u64)> {
        self.copy_up(u64::MAX)?.append(buf)
    }

    fn size(&self) -> u64 {
        self.seen().map_or(0, |seen| seen.size())
    }

    fn set_size(&self, size: u64) -> Result<()> {
        self.copy_up(size)?.set_size(size)
    }

    fn seek_extent(&self, offset: u64, extent: SeekExtent) -> Result<u64> {
        self.seen()?.seek_extent(offset, extent)
    }

    fn sync(&self) -> Result<()> {
        match self.upper.get() {
            Some(upper) => upper.sync(),
            // What is below has not been changed.
            None => Ok(()),
        }
    }

    fn watchers(&self) -> Option<&Watchers> {
        Some(&self.watchers)
    }

    /// What is below is still seen where it was not copied, and in directories.
    fn follow(&self, heard: Weak<dyn Inode>) -> Result<Option<Followed>> {
        match self.lower() {
            Some(lower) if self.is_directory() || self.upper.get().is_none() => lower.follow(heard),
            _ => Ok(None),
        }
    }

    fn hear(&self, mask: InotifyMask, cookie: u32, name: &[u8]) {
        let is_seen = if name.is_empty() {
            self.is_directory() || self.upper.get().is_none()
        } else {
            // A copy is in the way, or a whiteout.
            matches!(self.entry(name), Ok((None, false)))
        };
        if is_seen {
            self.watchers.tell(mask, cookie, name);
        }
    }
}

impl Drop for OverlayInode {
    fn drop(&mut self) {
        let this: *const OverlayInode = self;
        self.shared.table.forget(self.key.get_mut(), this);
        // Directories above that nobody else refers to go one by one: ten thousand levels must not be torn down by
        // recursion.
        let mut above = self.place.get_mut().take();
        while let Some(mut inode) = above.and_then(|place| Arc::into_inner(place.parent)) {
            above = inode.place.get_mut().take();
        }
    }
}
