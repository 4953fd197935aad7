//! Operations on names: making, linking, renaming and removing them.

use super::lookup::At;
use super::{Last, LastLink, NewInodeKind, Vfs, VirtualDentry, Walked, permission, place};
use crate::abi::fcntl::{RenameFlags, W_OK};
use crate::abi::inotify::InotifyMask;
use crate::abi::stat::{FileKind, S_ISVTX};
use crate::errno::{Errno, Result};

impl Vfs {
    /// Creates a name that must not exist: `mkdir(2)`, `symlink(2)`, `mknod(2)`.
    pub fn make(&self, at: &At, path: &[u8], kind: NewInodeKind<'_>, mode: u32) -> Result<()> {
        let walked = at.walk(path, LastLink::Name)?;
        let Last::Name(name) = &walked.last else {
            return Err(Errno::EEXIST);
        };
        if walked.target.is_some() {
            return Err(Errno::EEXIST);
        }
        if walked.trailing_slash && !matches!(kind, NewInodeKind::Directory) {
            return Err(Errno::ENOENT);
        }
        permission::may_create(&walked.parent, &at.caller)?;
        let mode = match kind {
            NewInodeKind::Symlink(_) => 0o777,
            NewInodeKind::Directory => mode & (0o777 | S_ISVTX),
            _ => mode,
        };
        self.create_in(at, &walked.parent, name, kind, mode)
            .map(drop)
    }

    /// Removes a non-directory (`unlink(2)`).
    pub fn unlink(&self, at: &At, path: &[u8]) -> Result<()> {
        let walked = at.walk(path, LastLink::Name)?;
        let Last::Name(name) = &walked.last else {
            return Err(Errno::EISDIR);
        };
        let target = walked.target.as_ref().ok_or(Errno::ENOENT)?;
        if walked.trailing_slash {
            return Err(if target.is_dir() {
                Errno::EISDIR
            } else {
                Errno::ENOTDIR
            });
        }
        permission::may_delete(&walked.parent, &*target.inode, &at.caller)?;
        if target.is_dir() {
            return Err(Errno::EISDIR);
        }
        self.unlink_in(&walked.parent, name)
    }

    /// Removes the name of a non-directory from a directory, without any check of permissions.
    pub fn unlink_in(&self, parent: &VirtualDentry, name: &[u8]) -> Result<()> {
        let removed = parent.inode.unlink(name)?;
        self.notify_object(None, &*removed, InotifyMask::IN_ATTRIB);
        self.notify_name(&*parent.inode, InotifyMask::IN_DELETE, 0, name);
        self.finish_if_gone(&*removed);
        Ok(())
    }

    /// Removes an empty directory (`rmdir(2)`).
    pub fn rmdir(&self, at: &At, path: &[u8]) -> Result<()> {
        let walked = at.walk(path, LastLink::Name)?;
        let (name, target) = removable(&walked)?;
        permission::may_delete(&walked.parent, &*target.inode, &at.caller)?;
        if !target.is_dir() {
            return Err(Errno::ENOTDIR);
        }
        if is_in_use(&walked.parent, name, target) {
            return Err(Errno::EBUSY);
        }
        self.rmdir_in(&walked.parent, name)
    }

    /// Removes an empty directory from another, without any check of permissions.
    pub fn rmdir_in(&self, parent: &VirtualDentry, name: &[u8]) -> Result<()> {
        let removed = parent.inode.rmdir(name)?;
        self.notify_name(
            &*parent.inode,
            InotifyMask::IN_DELETE | InotifyMask::IN_ISDIR,
            0,
            name,
        );
        self.finish_if_gone(&*removed);
        Ok(())
    }

    /// Makes another name for a file (`linkat(2)`).
    pub fn link(&self, source: &VirtualDentry, at: &At, path: &[u8]) -> Result<()> {
        let walked = at.walk(path, LastLink::Name)?;
        let Last::Name(name) = &walked.last else {
            return Err(Errno::EEXIST);
        };
        if walked.target.is_some() {
            return Err(Errno::EEXIST);
        }
        if walked.trailing_slash {
            return Err(Errno::ENOENT);
        }
        if !std::sync::Arc::ptr_eq(&source.mount, &walked.parent.mount) {
            return Err(Errno::EXDEV);
        }
        permission::may_create(&walked.parent, &at.caller)?;
        if source.is_dir() {
            return Err(Errno::EPERM);
        }
        walked.parent.inode.link(name, &source.inode)?;
        self.notify_object(None, &*source.inode, InotifyMask::IN_ATTRIB);
        self.notify_name(&*walked.parent.inode, InotifyMask::IN_CREATE, 0, name);
        Ok(())
    }

    /// Renames (`renameat2(2)`).
    pub fn rename(
        &self,
        old_at: &At,
        old: &[u8],
        new_at: &At,
        new: &[u8],
        flags: RenameFlags,
    ) -> Result<()> {
        let known = RenameFlags::RENAME_NOREPLACE | RenameFlags::RENAME_EXCHANGE;
        if flags.intersects(!known) || flags.contains(known) {
            return Err(Errno::EINVAL);
        }
        let from = old_at.walk(old, LastLink::Name)?;
        let to = new_at.walk(new, LastLink::Name)?;
        if !std::sync::Arc::ptr_eq(&from.parent.mount, &to.parent.mount) {
            return Err(Errno::EXDEV);
        }
        let Last::Name(old_name) = &from.last else {
            return Err(Errno::EBUSY);
        };
        let Last::Name(new_name) = &to.last else {
            return Err(if flags.contains(RenameFlags::RENAME_NOREPLACE) {
                Errno::EEXIST
            } else {
                Errno::EBUSY
            });
        };
        let source = from.target.as_ref().ok_or(Errno::ENOENT)?;
        self.check_rename(old_at, (&from, old_name), (&to, new_name), source, flags)?;
        let new_dir = place::made(&to.parent.inode)?;
        let replaced = from
            .parent
            .inode
            .rename(old_name, &new_dir, new_name, flags)?;
        if to.target.as_ref().is_some_and(|target| target.same(source)) {
            // Two names of one file: nothing has happened.
            return Ok(());
        }
        self.notify_rename(&from, old_name, &to, new_name, source);
        if let Some(target) = to
            .target
            .as_ref()
            .filter(|_| flags.contains(RenameFlags::RENAME_EXCHANGE))
        {
            self.notify_rename(&to, new_name, &from, old_name, target);
        }
        if let Some(replaced) = replaced.filter(|_| !flags.contains(RenameFlags::RENAME_EXCHANGE)) {
            self.notify_object(None, &*replaced, InotifyMask::IN_ATTRIB);
            self.finish_if_gone(&*replaced);
        }
        Ok(())
    }

    /// Checks in the order of Linux's `do_renameat2` and `vfs_rename`.
    fn check_rename(
        &self,
        at: &At,
        (from, old_name): (&Walked<'_>, &[u8]),
        (to, new_name): (&Walked<'_>, &[u8]),
        source: &VirtualDentry,
        flags: RenameFlags,
    ) -> Result<()> {
        let exchange = flags.contains(RenameFlags::RENAME_EXCHANGE);
        if to.target.is_some() && flags.contains(RenameFlags::RENAME_NOREPLACE) {
            return Err(Errno::EEXIST);
        }
        if exchange && to.target.is_none() {
            return Err(Errno::ENOENT);
        }
        let source_is_dir = source.is_dir();
        if !source_is_dir && (from.trailing_slash || !exchange && to.trailing_slash) {
            return Err(Errno::ENOTDIR);
        }
        if exchange
            && to.trailing_slash
            && to.target.as_ref().is_some_and(|target| !target.is_dir())
        {
            return Err(Errno::ENOTDIR);
        }
        if is_in_use(&from.parent, old_name, source) {
            return Err(Errno::EBUSY);
        }
        let moves = from.parent.inode.ino() != to.parent.inode.ino();
        if source_is_dir && is_ancestor(source, &to.parent) {
            return Err(Errno::EINVAL);
        }
        if let Some(target) = &to.target
            && target.is_dir()
            && is_ancestor(target, &from.parent)
        {
            return Err(if exchange {
                Errno::EINVAL
            } else {
                Errno::ENOTEMPTY
            });
        }
        if to.target.as_ref().is_some_and(|target| target.same(source)) {
            return Ok(());
        }
        permission::may_delete(&from.parent, &*source.inode, &at.caller)?;
        match &to.target {
            None => permission::may_create(&to.parent, &at.caller)?,
            Some(target) => {
                permission::may_delete(&to.parent, &*target.inode, &at.caller)?;
                if !exchange {
                    match (source_is_dir, target.is_dir()) {
                        (true, false) => return Err(Errno::ENOTDIR),
                        (false, true) => return Err(Errno::EISDIR),
                        _ => {}
                    }
                }
                if is_in_use(&to.parent, new_name, target) {
                    return Err(Errno::EBUSY);
                }
            }
        }
        // A directory's `..` changes with its parent, which is a write to the directory itself.
        if moves && source_is_dir {
            permission::check(&*source.inode, &at.caller.credentials, W_OK)?;
        }
        if moves
            && exchange
            && let Some(target) = to.target.as_ref().filter(|target| target.is_dir())
        {
            permission::check(&*target.inode, &at.caller.credentials, W_OK)?;
        }
        Ok(())
    }

    fn notify_rename(
        &self,
        from: &Walked<'_>,
        old_name: &[u8],
        to: &Walked<'_>,
        new_name: &[u8],
        source: &VirtualDentry,
    ) {
        if !self.watches.any() {
            return;
        }
        let cookie = self.watches.next_cookie();
        let dir_bit = if source.is_dir() {
            InotifyMask::IN_ISDIR
        } else {
            InotifyMask::empty()
        };
        self.notify_name(
            &*from.parent.inode,
            InotifyMask::IN_MOVED_FROM | dir_bit,
            cookie,
            old_name,
        );
        self.notify_name(
            &*to.parent.inode,
            InotifyMask::IN_MOVED_TO | dir_bit,
            cookie,
            new_name,
        );
        if let Some(watchers) = source.inode.watchers() {
            watchers.notify(InotifyMask::IN_MOVE_SELF, 0, b"");
        }
    }

    /// Ends the watches of an inode that has lost its last name.
    fn finish_if_gone(&self, inode: &dyn super::Inode) {
        if self.watches.any()
            && inode.stat().is_ok_and(|stat| stat.nlink == 0)
            && let Some(watchers) = inode.watchers()
        {
            watchers.finish();
        }
    }
}

/// The name and the object of a walk to what is to be removed as a directory.
pub(super) fn removable<'w>(walked: &'w Walked<'_>) -> Result<(&'w [u8], &'w VirtualDentry)> {
    let name = match &walked.last {
        Last::Name(name) => name,
        Last::DotDot => return Err(Errno::ENOTEMPTY),
        Last::Dot => return Err(Errno::EINVAL),
        Last::Root | Last::Jump => return Err(Errno::EBUSY),
    };
    let target = walked.target.as_ref().ok_or(Errno::ENOENT)?;
    Ok((name, target))
}

/// Whether `target` is the root of a mount that covers a directory of `parent`.
pub(super) fn crosses_mount(parent: &VirtualDentry, target: &VirtualDentry) -> bool {
    !std::sync::Arc::ptr_eq(&parent.mount, &target.mount)
}

/// Whether a name cannot be taken from `parent`: something is mounted on `target`, or its mount has it for something else.
fn is_in_use(parent: &VirtualDentry, name: &[u8], target: &VirtualDentry) -> bool {
    crosses_mount(parent, target) || parent.pins(name) || place::is_one(&target.inode)
}

/// Whether `dir` is `below` or one of the directories above it, within one file system.
fn is_ancestor(dir: &VirtualDentry, below: &VirtualDentry) -> bool {
    if dir.inode.kind() != FileKind::Directory {
        return false;
    }
    let mut current = below.inode.clone();
    loop {
        if current.ino() == dir.inode.ino() {
            return true;
        }
        match current.parent() {
            Some((parent, _)) => current = parent,
            None => return false,
        }
    }
}
