//! Removing a directory with all that is in it, as `rm -r` does.

use super::lookup::At;
use super::namespace::{crosses_mount, removable};
use super::path_walk::enter;
use super::{LastLink, Vfs, VirtualDentry, permission};
use crate::errno::{Errno, Result};

/// Entries of a directory that are looked at in one go.
const BATCH: usize = 1024;

/// A directory that is being emptied.
struct Level {
    dir: VirtualDentry,
    /// Its name in the level before, or in the parent of the whole tree.
    name: Box<[u8]>,
    /// Names in it that were read and not removed yet.
    names: Vec<Vec<u8>>,
}

impl Level {
    fn new(dir: VirtualDentry, name: &[u8]) -> Level {
        Level {
            dir,
            name: name.into(),
            names: Vec::new(),
        }
    }
}

impl Vfs {
    /// Removes what a path names, and everything below it. Symbolic links are removed, not followed. Neither stack nor
    /// descriptors bound the depth.
    ///
    /// # Errors
    /// - `EBUSY`: the root, or a mount on the way; what comes before it is gone then.
    /// - `ENOTEMPTY`: others go on filling the directories while they are emptied.
    pub fn remove_tree(&self, at: &At, path: &[u8]) -> Result<()> {
        let walked = at.walk(path, LastLink::Name)?;
        let (name, target) = removable(&walked)?;
        if !target.is_dir() {
            return self.unlink(at, path);
        }
        if crosses_mount(&walked.parent, target) || walked.parent.pins(name) {
            return Err(Errno::EBUSY);
        }
        // Whoever makes files as fast as they are removed must not keep the caller for ever.
        let mut left = self.limits.max_inodes.saturating_mul(2).max(1 << 16);
        let mut levels = vec![Level::new(target.clone(), name)];
        while let Some(level) = levels.last_mut() {
            left = left.checked_sub(1).ok_or(Errno::ENOTEMPTY)?;
            if level.names.is_empty() {
                let read = level.dir.inode.read_dir(0, BATCH, &at.caller)?;
                level.names = read.into_iter().map(|cursor| cursor.entry.name).collect();
            }
            let Some(name) = level.names.pop() else {
                let Some(emptied) = levels.pop() else { break };
                let parent = levels.last().map_or(&walked.parent, |level| &level.dir);
                match self.remove_emptied(at, parent, &emptied) {
                    Err(Errno::ENOTEMPTY) => levels.push(emptied),
                    done => done?,
                }
                continue;
            };
            if let Some(below) = self.remove_entry(at, &level.dir, &name)? {
                levels.push(below);
            }
        }
        Ok(())
    }

    /// Removes a name; for a directory gives the level that must be emptied first.
    fn remove_entry(&self, at: &At, dir: &VirtualDentry, name: &[u8]) -> Result<Option<Level>> {
        let child = match dir.lookup(name, &at.caller) {
            // Somebody else was faster.
            Err(Errno::ENOENT) => return Ok(None),
            child => enter(dir, child?),
        };
        if crosses_mount(dir, &child) || dir.pins(name) {
            return Err(Errno::EBUSY);
        }
        if child.is_dir() {
            return Ok(Some(Level::new(child, name)));
        }
        permission::may_delete(dir, &*child.inode, &at.caller)?;
        match self.unlink_in(dir, name) {
            // It is gone, or a directory by now, which the next reading finds.
            Ok(()) | Err(Errno::ENOENT | Errno::EISDIR) => Ok(None),
            Err(errno) => Err(errno),
        }
    }

    fn remove_emptied(&self, at: &At, parent: &VirtualDentry, level: &Level) -> Result<()> {
        permission::may_delete(parent, &*level.dir.inode, &at.caller)?;
        match self.rmdir_in(parent, &level.name) {
            // Moved away, or replaced, while it was emptied.
            Ok(()) | Err(Errno::ENOENT | Errno::ENOTDIR) => Ok(()),
            Err(errno) => Err(errno),
        }
    }
}
