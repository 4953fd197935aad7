//! Inodes that somebody refers to, so that each is one object.

use super::inode::OverlayInode;
use parking_lot::Mutex;
use std::collections::HashMap;
use std::sync::{Arc, Weak};

/// What an inode is known by.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Key {
    /// Number of the lower file or directory that it is, or was copied from.
    Lower(u64),
    /// Number of the directory, and the name in it: a lower file that has several names, of which each is copied by
    /// itself.
    LowerName(u64, Arc<[u8]>),
    /// Number of the upper inode that has no lower one.
    Upper(u64),
}

#[derive(Default)]
pub(super) struct Table(Mutex<HashMap<Key, Weak<OverlayInode>>>);

impl Table {
    pub fn get(&self, key: &Key) -> Option<Arc<OverlayInode>> {
        self.0.lock().get(key)?.upgrade()
    }

    /// Adds an inode unless another one is known by the key, which is given instead.
    pub fn insert(&self, key: Key, inode: &Arc<OverlayInode>) -> Arc<OverlayInode> {
        let mut table = self.0.lock();
        if let Some(known) = table.get(&key).and_then(Weak::upgrade) {
            // Its last reference may be this one by now, and its destructor needs the table.
            drop(table);
            return known;
        }
        table.insert(key, Arc::downgrade(inode));
        inode.clone()
    }

    /// Lets a key stand for an inode, whatever it stood for.
    pub fn replace(&self, key: Key, inode: &Arc<OverlayInode>) {
        self.0.lock().insert(key, Arc::downgrade(inode));
    }

    /// Forgets a key that stands for `inode` or for none that is left.
    pub fn forget(&self, key: &Key, inode: *const OverlayInode) {
        let mut table = self.0.lock();
        if table
            .get(key)
            .is_some_and(|known| core::ptr::eq(known.as_ptr(), inode) || known.strong_count() == 0)
        {
            table.remove(key);
        }
    }
}
