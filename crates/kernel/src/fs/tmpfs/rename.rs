//! Renaming.

use super::directory::Directory;
use super::inode::{Body, TmpfsInode};
use crate::abi::fcntl::RenameFlags;
use crate::abi::stat::Timespec;
use crate::errno::{Errno, Result};
use crate::vfs::Inode;
use std::sync::Arc;

impl TmpfsInode {
    /// Moves a name; see [`Inode::rename`].
    pub fn rename_entry(
        &self,
        old_name: &[u8],
        new_dir: &TmpfsInode,
        new_name: &[u8],
        flags: RenameFlags,
    ) -> Result<Option<Arc<dyn Inode>>> {
        let _namespace = self.shared.namespace.lock();
        let source = self.directory()?.read().get(old_name)?.clone();
        let target = match new_dir.directory()?.read().get(new_name) {
            Ok(target) => Some(target.clone()),
            Err(_) => None,
        };
        let exchange = flags.contains(RenameFlags::RENAME_EXCHANGE);
        check_rename(self, &source, new_dir, target.as_ref(), flags)?;
        let now = self.shared.now();
        if let Some(target) = &target
            && Arc::ptr_eq(target, &source)
        {
            return Ok(None);
        }
        if exchange {
            let target = target.ok_or(Errno::ENOENT)?;
            self.directory()?.write().replace(old_name, target.clone());
            new_dir
                .directory()?
                .write()
                .replace(new_name, source.clone());
            source.moved(self, new_dir, new_name, now);
            target.moved(new_dir, self, old_name, now);
            self.touch(now);
            new_dir.touch(now);
            return Ok(Some(target));
        }
        if self.ino() == new_dir.ino() {
            let mut directory = self.directory()?.write();
            directory.remove(old_name);
            place(&mut directory, new_name, &source, target.is_some())?;
        } else {
            // The new name appears before the old one goes, so that a concurrent walk finds one of them.
            place(
                &mut new_dir.directory()?.write(),
                new_name,
                &source,
                target.is_some(),
            )?;
            self.directory()?.write().remove(old_name);
        }
        if let Some(target) = &target {
            target.unnamed(now);
            if target.is_directory() {
                new_dir.adjust_nlink(-1, now);
            }
        }
        source.moved(self, new_dir, new_name, now);
        self.touch(now);
        new_dir.touch(now);
        Ok(target.map(|target| target as Arc<dyn Inode>))
    }

    /// Notes that the inode went from `from` to `to`.
    fn moved(&self, from: &TmpfsInode, to: &TmpfsInode, name: &[u8], now: Timespec) {
        if let Body::Directory(directory) = &self.body {
            let mut directory = directory.write();
            directory.parent = to.weak();
            directory.name = name.into();
            drop(directory);
            from.adjust_nlink(-1, now);
            to.adjust_nlink(1, now);
        }
        self.attributes.lock().ctime = now;
    }
}

fn place(
    directory: &mut Directory,
    name: &[u8],
    inode: &Arc<TmpfsInode>,
    replaces: bool,
) -> Result<()> {
    if replaces {
        directory.replace(name, inode.clone());
        return Ok(());
    }
    directory.insert(name, inode.clone())
}

fn check_rename(
    old_dir: &TmpfsInode,
    source: &Arc<TmpfsInode>,
    new_dir: &TmpfsInode,
    target: Option<&Arc<TmpfsInode>>,
    flags: RenameFlags,
) -> Result<()> {
    if new_dir.directory()?.read().removed {
        return Err(Errno::ENOENT);
    }
    let exchange = flags.contains(RenameFlags::RENAME_EXCHANGE);
    if flags.contains(RenameFlags::RENAME_NOREPLACE) && target.is_some() {
        return Err(Errno::EEXIST);
    }
    if source.is_directory() && is_below(new_dir, source.ino()) {
        return Err(Errno::EINVAL);
    }
    let Some(target) = target else { return Ok(()) };
    if target.is_directory() && is_below(old_dir, target.ino()) {
        return Err(if exchange {
            Errno::EINVAL
        } else {
            Errno::ENOTEMPTY
        });
    }
    if exchange || Arc::ptr_eq(source, target) {
        return Ok(());
    }
    match (source.is_directory(), target.is_directory()) {
        (true, false) => Err(Errno::ENOTDIR),
        (false, true) => Err(Errno::EISDIR),
        _ if !target.is_empty_directory() => Err(Errno::ENOTEMPTY),
        _ => Ok(()),
    }
}

/// Whether `dir` is, or lies below, the directory with number `ino`.
fn is_below(dir: &TmpfsInode, ino: u64) -> bool {
    if dir.ino() == ino {
        return true;
    }
    let mut parent = dir
        .directory()
        .ok()
        .and_then(|directory| directory.read().parent.upgrade());
    while let Some(dir) = parent {
        if dir.ino() == ino {
            return true;
        }
        parent = dir
            .directory()
            .ok()
            .and_then(|directory| directory.read().parent.upgrade());
    }
    false
}
