//! The tree as a whole: finding objects, and finding the path of an object.

use super::path_walk::PathWalk;
use super::{Caller, FileDescription, Inode, LastLink, Mount, VirtualDentry, Walked, WatchCounter};
use crate::abi::inotify::InotifyMask;
use crate::clock::Clock;
use crate::errno::{Errno, Result};
use crate::limits::{LimitLedger, Limits, Slot};
use core::sync::atomic::AtomicUsize;
use std::sync::Arc;

/// State that every file operation of a kernel shares.
pub(crate) struct Vfs {
    /// Root of the tree.
    pub root: VirtualDentry,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Bounds.
    pub limits: Limits,
    /// Breaches.
    pub ledger: Arc<LimitLedger>,
    /// Whether anybody watches.
    pub watches: Arc<WatchCounter>,
    /// Pipes that guests have made.
    pub pipes: Arc<AtomicUsize>,
}

/// Starting points of the paths of one call.
#[derive(Clone)]
pub(crate) struct At {
    /// Root directory of the process.
    pub root: VirtualDentry,
    /// Directory that relative paths start from.
    pub base: VirtualDentry,
    /// Who calls.
    pub caller: Caller,
}

impl At {
    pub fn walk<'p>(&self, path: &'p [u8], last_link: LastLink) -> Result<Walked<'p>> {
        PathWalk {
            root: &self.root,
            base: &self.base,
            caller: &self.caller,
        }
        .walk(path, last_link)
    }

    /// Finds an existing object.
    pub fn find(&self, path: &[u8], last_link: LastLink) -> Result<VirtualDentry> {
        self.walk(path, last_link)?.existing()
    }
}

impl Vfs {
    pub fn new(
        root: VirtualDentry,
        clock: Arc<dyn Clock>,
        limits: Limits,
        ledger: Arc<LimitLedger>,
    ) -> Vfs {
        Vfs {
            root,
            clock,
            limits,
            ledger,
            watches: Arc::default(),
            pipes: Arc::default(),
        }
    }

    /// Takes a place in the count of pipes.
    ///
    /// # Errors
    /// - `ENFILE`: none is left.
    pub fn pipe_slot(&self) -> Result<Slot> {
        let max = self.limits.max_pipes;
        let slot = self.ledger.slot("maxPipes", &self.pipes, max);
        slot.ok_or(Errno::ENFILE)
    }

    /// Absolute path of a directory below `root`.
    ///
    /// # Errors
    /// - `ENOENT`: the directory has been removed.
    pub fn path_of_dir(&self, root: &VirtualDentry, dir: &VirtualDentry) -> Result<Vec<u8>> {
        let mut names: Vec<Vec<u8>> = Vec::new();
        let mut current = dir.clone();
        while !current.same(root) {
            if current.inode.removed() {
                return Err(Errno::ENOENT);
            }
            if let Some((inode, name)) = current.inode.parent() {
                names.push(name);
                current.inode = inode;
            } else if let Some((mount, inode)) = current.mount.covered() {
                current = VirtualDentry { mount, inode };
            } else {
                break;
            }
        }
        if names.is_empty() {
            return Ok(b"/".to_vec());
        }
        let mut path = Vec::new();
        for name in names.iter().rev() {
            path.push(b'/');
            path.extend_from_slice(name);
        }
        Ok(path)
    }

    /// Path that an open file was opened by; what `/proc/self/fd` shows.
    pub fn path_of_file(&self, root: &VirtualDentry, file: &FileDescription) -> Vec<u8> {
        let open = file.open_path();
        let dir_path = match &open.parent {
            _ if open.dentry.is_dir() => self.path_of_dir(root, &open.dentry),
            Some(parent) => self
                .path_of_dir(root, parent)
                .map(|path| join(path, &open.name)),
            None => return open.name.to_vec(),
        };
        let mut path = dir_path.unwrap_or_else(|_| open.name.to_vec());
        if open.dentry.inode.stat().is_ok_and(|stat| stat.nlink == 0) {
            path.extend_from_slice(b" (deleted)");
        }
        path
    }

    /// Canonical path of an existing object (`realpath(3)`).
    pub fn realpath(&self, at: &At, path: &[u8]) -> Result<Vec<u8>> {
        let walked = at.walk(path, LastLink::Follow)?;
        let super::Last::Name(name) = walked.last.clone() else {
            let target = walked.existing()?;
            return if target.is_dir() {
                self.path_of_dir(&at.root, &target)
            } else {
                Err(Errno::ENOENT)
            };
        };
        let parent = walked.parent.clone();
        walked.existing()?;
        Ok(join(self.path_of_dir(&at.root, &parent)?, &name))
    }

    /// Tells watches on a directory about one of its names.
    pub fn notify_name(&self, dir: &dyn Inode, mask: InotifyMask, cookie: u32, name: &[u8]) {
        if self.watches.any()
            && let Some(watchers) = dir.watchers()
        {
            watchers.notify(mask, cookie, name);
        }
    }

    /// Tells watches on an inode, and those on the directory that holds it.
    pub fn notify_object(
        &self,
        walked_parent: Option<(&VirtualDentry, &[u8])>,
        inode: &dyn Inode,
        mask: InotifyMask,
    ) {
        if !self.watches.any() {
            return;
        }
        let dir_bit = if inode.kind() == crate::abi::stat::FileKind::Directory {
            InotifyMask::IN_ISDIR
        } else {
            InotifyMask::empty()
        };
        if let Some(watchers) = inode.watchers() {
            watchers.notify(mask | dir_bit, 0, b"");
        }
        if let Some((parent, name)) = walked_parent {
            self.notify_name(&*parent.inode, mask | dir_bit, 0, name);
        }
    }

    /// All mounts, parents before children.
    pub fn mounts(&self) -> Vec<Arc<Mount>> {
        let mut found = vec![self.root.mount.clone()];
        let mut next = 0;
        while let Some(mount) = found.get(next) {
            let children = mount.children();
            found.extend(children);
            next += 1;
        }
        found
    }
}

/// Appends a name to a directory's path.
pub(crate) fn join(mut dir: Vec<u8>, name: &[u8]) -> Vec<u8> {
    if dir != b"/" {
        dir.push(b'/');
    }
    dir.extend_from_slice(name);
    dir
}
