//! Entries of a directory.

use super::inode::TmpfsInode;
use crate::abi::stat::DirEntry;
use crate::errno::{Errno, Result};
use crate::vfs::{DirCursor, Inode};
use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::{Arc, Weak};

/// Names of a directory, in the order they were made.
#[derive(Default)]
pub(crate) struct Directory {
    entries: HashMap<Arc<[u8]>, Slot>,
    /// Names by position; a position is never reused, so listing survives removals.
    order: BTreeMap<u64, Arc<[u8]>>,
    last_position: u64,
    /// Directory that holds this one; dangling for the root.
    pub parent: Weak<TmpfsInode>,
    /// Name in the parent.
    pub name: Box<[u8]>,
    /// Whether `rmdir(2)` has removed it.
    pub removed: bool,
    /// Which directory an overlay merges it with.
    pub lower: Lower,
    /// Names that an overlay does not show of the directory below. Nothing but an overlay makes or sees them.
    pub whiteouts: HashSet<Arc<[u8]>>,
}

/// The directory of a lower file system that lies below one, for an overlay that has it as an upper directory.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) enum Lower {
    /// That of the same name below its parent.
    #[default]
    SameName,
    /// None.
    Cut,
    /// That with this path from the root.
    At(Arc<[u8]>),
}

struct Slot {
    position: u64,
    inode: Arc<TmpfsInode>,
}

impl Directory {
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    pub fn get(&self, name: &[u8]) -> Result<&Arc<TmpfsInode>> {
        self.entries
            .get(name)
            .map(|slot| &slot.inode)
            .ok_or(Errno::ENOENT)
    }

    /// Adds a name that must be free.
    pub fn insert(&mut self, name: &[u8], inode: Arc<TmpfsInode>) -> Result<()> {
        if self.removed {
            return Err(Errno::ENOENT);
        }
        if self.entries.contains_key(name) {
            return Err(Errno::EEXIST);
        }
        self.last_position += 1;
        let name: Arc<[u8]> = name.into();
        self.order.insert(self.last_position, name.clone());
        self.entries.insert(
            name,
            Slot {
                position: self.last_position,
                inode,
            },
        );
        Ok(())
    }

    /// Makes an existing name refer to something else.
    pub fn replace(&mut self, name: &[u8], inode: Arc<TmpfsInode>) -> Option<Arc<TmpfsInode>> {
        let slot = self.entries.get_mut(name)?;
        Some(core::mem::replace(&mut slot.inode, inode))
    }

    pub fn remove(&mut self, name: &[u8]) -> Option<Arc<TmpfsInode>> {
        let slot = self.entries.remove(name)?;
        self.order.remove(&slot.position);
        Some(slot.inode)
    }

    pub fn list(&self, position: u64, max: usize) -> Vec<DirCursor> {
        // A position is whatever the guest says (`lseek(2)`).
        let Some(next) = position.checked_add(1) else {
            return Vec::new();
        };
        let following = self.order.range(next..).take(max);
        following
            .filter_map(|(position, name)| {
                let inode = &self.entries.get(name)?.inode;
                let entry = DirEntry {
                    name: name.to_vec(),
                    ino: inode.ino(),
                    kind: inode.kind(),
                };
                Some(DirCursor {
                    entry,
                    next: *position,
                })
            })
            .collect()
    }

    /// Entries with their positions, from behind a position on.
    pub fn following(&self, position: u64) -> impl Iterator<Item = (u64, &[u8], &Arc<TmpfsInode>)> {
        let beyond = position.checked_add(1).map(|next| self.order.range(next..));
        beyond.into_iter().flatten().filter_map(|(position, name)| {
            Some((*position, name.as_ref(), &self.entries.get(name)?.inode))
        })
    }

    /// Names and inodes, for the export.
    pub fn iter(&self) -> impl Iterator<Item = (&[u8], &Arc<TmpfsInode>)> {
        self.order
            .values()
            .filter_map(|name| Some((name.as_ref(), &self.entries.get(name)?.inode)))
    }

    /// Removes everything; teardown without recursion depends on it.
    pub fn take_children(&mut self) -> Vec<Arc<TmpfsInode>> {
        self.order.clear();
        self.entries.drain().map(|(_, slot)| slot.inode).collect()
    }
}
