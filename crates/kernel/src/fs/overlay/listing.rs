//! Listings of two directories as one.
//!
//! First what the lower directory has, as far as it is not hidden, with what has been copied of it; then what only the
//! upper one has. So a name stays where it is when its file is copied, and is listed once.

use super::inode::{OverlayInode, ino_of_upper, lower_ino};
use crate::abi::stat::{DirEntry, FileKind};
use crate::errno::{Errno, Result};
use crate::fs::tmpfs::{Lower, TmpfsInode};
use crate::vfs::{Caller, DirCursor, Inode};
use std::sync::Arc;

/// Positions from here on are those of the upper directory: what a lower one has are numbers of `off_t`.
const UPPER: u64 = 1 << 63;

impl OverlayInode {
    /// Entries from a position on; see [`Inode::read_dir`].
    pub(super) fn list(
        &self,
        position: u64,
        max: usize,
        caller: &Caller,
    ) -> Result<Vec<DirCursor>> {
        if !self.is_directory() {
            return Err(Errno::ENOTDIR);
        }
        if position < UPPER {
            let listed = self.list_lower(position, max, caller)?;
            if !listed.is_empty() {
                return Ok(listed);
            }
        }
        self.list_upper(position.saturating_sub(UPPER), max)
    }

    /// Whether there is no entry.
    pub(super) fn is_empty(&self) -> Result<bool> {
        Ok(self.list(0, 1, &self.shared.caller)?.is_empty())
    }

    fn list_lower(&self, mut position: u64, max: usize, caller: &Caller) -> Result<Vec<DirCursor>> {
        let Some(lower) = self.lower() else {
            return Ok(Vec::new());
        };
        loop {
            let read = match lower.read_dir(position, max, caller) {
                // Whoever removes it below leaves what is above.
                Err(Errno::ENOENT | Errno::ENOTDIR) => return Ok(Vec::new()),
                read => read?,
            };
            let Some(last) = read.last() else {
                return Ok(Vec::new());
            };
            if last.next >= UPPER {
                return Err(Errno::EOVERFLOW);
            }
            position = last.next;
            let mut shown = Vec::with_capacity(read.len());
            for mut cursor in read {
                if self.show(&mut cursor.entry)? {
                    shown.push(cursor);
                }
            }
            if !shown.is_empty() {
                return Ok(shown);
            }
        }
    }

    /// Makes an entry of the lower directory what the overlay shows; false if it shows nothing.
    fn show(&self, entry: &mut DirEntry) -> Result<bool> {
        let (upper, hidden) = self.entry(&entry.name)?;
        if hidden {
            return Ok(false);
        }
        entry.ino = match upper {
            None => lower_ino(entry.ino),
            Some(upper) => {
                let both = upper.is_directory() && entry.kind == FileKind::Directory;
                entry.kind = upper.kind();
                let merged = both
                    && upper
                        .directory()
                        .is_ok_and(|directory| directory.read().lower == Lower::SameName);
                if merged {
                    lower_ino(entry.ino)
                } else {
                    self.ino_of(&entry.name, &upper)
                }
            }
        };
        Ok(true)
    }

    fn list_upper(&self, position: u64, max: usize) -> Result<Vec<DirCursor>> {
        let Some(upper) = self.upper() else {
            return Ok(Vec::new());
        };
        let directory = upper.directory()?;
        let mut position = position;
        let mut shown = Vec::new();
        while shown.len() < max {
            let read: Vec<(u64, Vec<u8>, Arc<TmpfsInode>, bool)> = {
                let directory = directory.read();
                let following = directory.following(position).take(max - shown.len());
                following
                    .map(|(position, name, inode)| {
                        let hides = directory.whiteouts.contains(name);
                        (position, name.to_vec(), inode.clone(), hides)
                    })
                    .collect()
            };
            if read.is_empty() {
                break;
            }
            for (at, name, inode, hides) in read {
                position = at;
                if !hides && self.lower_child(&name).is_ok() {
                    // It was listed with the lower directory.
                    continue;
                }
                let ino = self.ino_of(&name, &inode);
                let kind = inode.kind();
                shown.push(DirCursor {
                    entry: DirEntry { name, ino, kind },
                    next: UPPER | at,
                });
            }
        }
        Ok(shown)
    }

    /// Number of what an entry of the upper directory names.
    fn ino_of(&self, name: &[u8], upper: &TmpfsInode) -> u64 {
        let moved = upper
            .directory()
            .is_ok_and(|directory| matches!(directory.read().lower, Lower::At(_)));
        if moved && let Ok(child) = self.child(name) {
            return child.ino();
        }
        ino_of_upper(upper)
    }
}
