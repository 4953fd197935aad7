//! Renaming. A directory that is merged stays merged with the same lower one wherever it goes, so nothing in it is
//! copied (`redirect_dir` of overlayfs).

use super::inode::{OverlayInode, Place};
use super::lookup::Namespace;
use crate::abi::fcntl::RenameFlags;
use crate::errno::{Errno, Result};
use crate::fs::tmpfs::{Lower, TmpfsInode};
use crate::vfs::Inode;
use std::sync::Arc;

/// Attempts to rename what is replaced while it is copied.
const RETRIES: usize = 16;

/// The two names of a rename and what they refer to.
struct Ends {
    source: Arc<OverlayInode>,
    target: Option<Arc<OverlayInode>>,
    exchange: bool,
}

impl OverlayInode {
    /// Moves a name; see [`Inode::rename`].
    pub(super) fn rename_entry(
        &self,
        old_name: &[u8],
        new_dir: &OverlayInode,
        new_name: &[u8],
        flags: RenameFlags,
    ) -> Result<Option<Arc<OverlayInode>>> {
        for _ in 0..RETRIES {
            let namespace = self.shared.namespace.lock();
            let ends = self.ends(old_name, new_dir, new_name, flags)?;
            let target = ends.target.as_ref();
            if target.is_some_and(|target| Arc::ptr_eq(target, &ends.source)) {
                return Ok(None);
            }
            let copies = [
                Some(self.this()),
                Some(new_dir.this()),
                Some(ends.source.clone()),
                target.filter(|_| ends.exchange).cloned(),
            ];
            let missing: Vec<_> = copies
                .into_iter()
                .flatten()
                .filter(|inode| inode.upper.get().is_none())
                .collect();
            if missing.is_empty() {
                self.move_entry(old_name, new_dir, new_name, flags, &ends)?;
                return Ok(ends.target);
            }
            drop(namespace);
            for inode in missing {
                inode.copy_up(u64::MAX)?;
            }
        }
        Err(Errno::EAGAIN)
    }

    /// Finds and checks both ends; who asks holds the namespace.
    fn ends(
        &self,
        old_name: &[u8],
        new_dir: &OverlayInode,
        new_name: &[u8],
        flags: RenameFlags,
    ) -> Result<Ends> {
        let source = self.child_in(Namespace::Held, old_name)?;
        if !new_dir.is_directory() {
            return Err(Errno::ENOTDIR);
        }
        if new_dir.is_gone() {
            return Err(Errno::ENOENT);
        }
        let target = match new_dir.child_in(Namespace::Held, new_name) {
            Ok(target) => Some(target),
            Err(Errno::ENOENT) => None,
            Err(errno) => return Err(errno),
        };
        let exchange = flags.contains(RenameFlags::RENAME_EXCHANGE);
        if exchange && target.is_none() {
            return Err(Errno::ENOENT);
        }
        if flags.contains(RenameFlags::RENAME_NOREPLACE) && target.is_some() {
            return Err(Errno::EEXIST);
        }
        if source.is_directory() && new_dir.is_below(&source) {
            return Err(Errno::EINVAL);
        }
        if let Some(target) = &target {
            if target.is_directory() && self.is_below(target) {
                let below = if exchange {
                    Errno::EINVAL
                } else {
                    Errno::ENOTEMPTY
                };
                return Err(below);
            }
            if !exchange && !Arc::ptr_eq(target, &source) {
                match (source.is_directory(), target.is_directory()) {
                    (true, false) => return Err(Errno::ENOTDIR),
                    (false, true) => return Err(Errno::EISDIR),
                    (true, true) if !target.is_empty()? => return Err(Errno::ENOTEMPTY),
                    _ => {}
                }
            }
        }
        Ok(Ends {
            source,
            target,
            exchange,
        })
    }

    /// Moves what has been checked and copied; who asks holds the namespace.
    fn move_entry(
        &self,
        old_name: &[u8],
        new_dir: &OverlayInode,
        new_name: &[u8],
        flags: RenameFlags,
        ends: &Ends,
    ) -> Result<()> {
        let (from, to) = (copied(self)?, copied(new_dir)?);
        ends.source.keep_lower()?;
        if let Some(target) = ends.target.as_ref().filter(|_| ends.exchange) {
            target.keep_lower()?;
        }
        let (_, hidden) = self.entry(old_name)?;
        let hides = !ends.exchange && !hidden && self.lower_child(old_name).is_ok();
        if hides {
            from.white_out(old_name)?;
        }
        let to_inode: Arc<dyn Inode> = to.clone();
        if let Err(errno) = from.rename(old_name, &to_inode, new_name, flags) {
            if hides {
                from.take_back_whiteout(old_name);
            }
            return Err(errno);
        }
        let target = ends.target.as_ref();
        if let Some(target) = target {
            if ends.exchange {
                target.move_to(self, old_name);
            } else {
                target.lose_name();
            }
        }
        ends.source.move_to(new_dir, new_name);
        Ok(())
    }

    /// Ties a directory that has been copied to the lower one that it is merged with, whatever its name will be.
    fn keep_lower(&self) -> Result<()> {
        if !self.is_directory() {
            return Ok(());
        }
        let merged = self.lower.lock().is_some();
        let lower = match &self.lower_path {
            Some(path) if merged => Lower::At(path.clone()),
            _ => Lower::Cut,
        };
        copied(self)?.set_lower(lower)
    }

    fn move_to(&self, dir: &OverlayInode, name: &[u8]) {
        let place = Place {
            parent: dir.this(),
            name: name.into(),
        };
        let former = self.place.lock().replace(place);
        drop(former);
    }

    /// Notes that a file whose last name was removed has one again; who does holds the namespace.
    pub(super) fn revive(&self, dir: &OverlayInode, name: &[u8]) {
        self.move_to(dir, name);
        *self.gone.lock() = None;
    }
}

fn copied(inode: &OverlayInode) -> Result<&Arc<TmpfsInode>> {
    inode.upper().ok_or(Errno::EIO)
}
