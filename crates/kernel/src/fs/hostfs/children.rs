//! Inodes of the names in a directory, kept for as long as its listing is taken for true: walks come by the same ones over and
//! over, and need not find out for each what is known of it.

use super::below;
use super::cache::Directory;
use super::files::HostAttributes;
use super::inode::HostInode;
use crate::errno::{Errno, Result};
use core::sync::atomic::{AtomicUsize, Ordering};
use parking_lot::Mutex;
use std::sync::{Arc, Weak};

/// Inodes that are kept, of all directories together: some 8 MB of them.
const MOST_INODES: usize = 1 << 14;

/// Directories that may keep some.
const MOST_DIRECTORIES: usize = 1 << 12;

/// The inodes of a directory.
pub(super) struct Children {
    listing: Arc<Directory>,
    /// By their places in the listing.
    inodes: Vec<Option<Arc<HostInode>>>,
}

/// What is known of a name.
pub(super) enum Child {
    Inode(Arc<HostInode>),
    Missing,
    /// It is there, and was not asked for yet.
    Listed(Arc<Directory>, HostAttributes),
}

impl Children {
    fn new(listing: &Arc<Directory>) -> Children {
        Children {
            listing: listing.clone(),
            inodes: vec![None; listing.entries.len()],
        }
    }

    pub fn listing(&self) -> &Directory {
        &self.listing
    }

    pub fn find(&self, name: &[u8]) -> Child {
        match self.listing.find(name) {
            None => Child::Missing,
            Some(at) => match &self.inodes[at] {
                Some(inode) => Child::Inode(inode.clone()),
                None => Child::Listed(self.listing.clone(), self.listing.entries[at].attributes),
            },
        }
    }

    fn count(&self) -> usize {
        self.inodes.iter().flatten().count()
    }
}

/// Keeps the inode of a name in `children`, if it is that of the listing. Gives what is not kept any more, which must not be
/// dropped under the lock of an inode.
#[must_use]
pub(super) fn keep(
    children: &mut Option<Children>,
    listing: &Arc<Directory>,
    (name, inode): (&[u8], &Arc<HostInode>),
    held: &Held,
) -> Option<Children> {
    let at = listing.find(name)?;
    if listing.entries[at].attributes.ino != inode.ino {
        return None;
    }
    let is_same = |children: &Children| Arc::ptr_eq(&children.listing, listing);
    let mut gone = None;
    if !children.as_ref().is_some_and(is_same) {
        gone = children.replace(Children::new(listing));
        let count = gone.as_ref().map_or(0, Children::count);
        held.count.fetch_sub(count, Ordering::Relaxed);
    }
    if let Some(children) = children
        && children.inodes[at].is_none()
    {
        children.inodes[at] = Some(inode.clone());
        held.count.fetch_add(1, Ordering::Relaxed);
    }
    gone
}

impl HostInode {
    /// The inode of a name in this directory.
    pub fn child(&self, name: &[u8]) -> Result<Arc<HostInode>> {
        let shared = &self.shared;
        shared.renew();
        let known = self.known_child(name);
        let directory = match known {
            Some(Child::Inode(inode)) => return Ok(inode),
            Some(Child::Missing) => return Err(Errno::ENOENT),
            _ => self.directory()?,
        };
        let path = below(&directory, name);
        let (attributes, listing) = match known {
            Some(Child::Listed(listing, attributes)) => (attributes, Some(listing)),
            _ => {
                let attributes = shared.lookup(&directory, name, &path)?;
                let cache = shared.cache.as_ref();
                let listing = cache.and_then(|cache| cache.known(&*shared.files, &directory));
                (attributes, listing)
            }
        };
        let seen = listing
            .as_ref()
            .map(|listing| listing.seen(&*shared.files, &attributes));
        let child = HostInode::at(shared, path, attributes, seen);
        if let Some(listing) = listing {
            self.keep_child(&listing, name, &child);
        }
        Ok(child)
    }

    /// What is kept of a name.
    fn known_child(&self, name: &[u8]) -> Option<Child> {
        let state = self.state.lock();
        let children = state.children.as_ref()?;
        let cache = self.shared.cache.as_ref()?;
        let source = (&*self.shared.files, &*cache.leases);
        let is_true = !state.is_gone && children.listing().is_true(source);
        is_true.then(|| children.find(name))
    }

    /// Keeps the inode of a name.
    fn keep_child(&self, listing: &Arc<Directory>, name: &[u8], child: &Arc<HostInode>) {
        let held = &self.shared.held;
        held.make_room();
        let mut state = self.state.lock();
        let begins = state.children.is_none();
        let gone = keep(&mut state.children, listing, (name, child), held);
        if let Some((own, seen)) = listing.own().filter(|_| gone.is_some() || begins) {
            state.attributes = HostAttributes {
                ino: self.ino,
                ..own
            };
            state.seen = Some(seen);
        }
        let begins = begins && state.children.is_some();
        // The ends of inodes take locks.
        drop(state);
        drop(gone);
        if begins {
            held.begins(self.this.clone());
        }
    }

    /// Gives up what is kept.
    pub fn take_children(&self) -> Option<Children> {
        self.state.lock().children.take()
    }
}

/// How much is kept, and where.
#[derive(Default)]
pub(super) struct Held {
    count: AtomicUsize,
    begun: AtomicUsize,
    directories: Mutex<Vec<Weak<HostInode>>>,
}

impl Held {
    /// A directory keeps inodes that did not before.
    pub fn begins(&self, directory: Weak<HostInode>) {
        let mut directories = self.directories.lock();
        directories.push(directory);
        self.begun.store(directories.len(), Ordering::Relaxed);
    }

    /// Gives up everything where that has become too much.
    pub fn make_room(&self) {
        let is_full = self.count.load(Ordering::Relaxed) >= MOST_INODES
            || self.begun.load(Ordering::Relaxed) >= MOST_DIRECTORIES;
        if !is_full {
            return;
        }
        let directories = {
            let mut directories = self.directories.lock();
            self.begun.store(0, Ordering::Relaxed);
            core::mem::take(&mut *directories)
        };
        for directory in directories.iter().filter_map(Weak::upgrade) {
            if let Some(children) = directory.take_children() {
                drop(self.dropped(children));
            }
        }
    }

    /// A directory keeps these no longer.
    pub fn dropped(&self, children: Children) -> impl Iterator<Item = Arc<HostInode>> + use<> {
        self.count.fetch_sub(children.count(), Ordering::Relaxed);
        children.inodes.into_iter().flatten()
    }
}
