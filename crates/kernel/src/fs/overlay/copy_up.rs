//! Copying a lower file to the upper directory before its first change.

use super::inode::{OverlayInode, Place};
use super::table::Key;
use crate::abi::fcntl::OpenFlags;
use crate::abi::stat::{FileKind, Stat};
use crate::errno::{Errno, Result};
use crate::fs::tmpfs::{Attributes, Body, TmpfsInode, TmpfsShared};
use crate::pipe::Pipe;
use crate::vfs::{File, Inode, Ownership, SeekExtent};
use parking_lot::RwLock;
use std::sync::Arc;

/// Bytes that are copied in one go.
const PIECE: usize = 128 << 10;
/// Attempts to give a copy its name while the directories above it are moved.
const RETRIES: usize = 16;

impl OverlayInode {
    /// The copy, made now if there is none, together with the directories above it; of a file the first `bytes` bytes
    /// at most.
    ///
    /// # Errors
    /// - `ENOSPC`, `EFBIG`: it does not fit the machine's limits.
    /// - `EPERM`: a device or a socket of the lower file system.
    /// - Whatever reading it fails with.
    pub(super) fn copy_up(&self, bytes: u64) -> Result<&Arc<TmpfsInode>> {
        for _ in 0..RETRIES {
            if let Some(upper) = self.upper.get() {
                return Ok(upper);
            }
            let mut missing: Vec<Arc<OverlayInode>> = Vec::new();
            let mut above = self.place.lock().clone();
            while let Some(Place { parent, .. }) = above {
                if parent.upper.get().is_some() {
                    break;
                }
                above = parent.place.lock().clone();
                missing.push(parent);
            }
            for directory in missing.into_iter().rev() {
                directory.copy(0)?;
            }
            self.copy(bytes)?;
        }
        Err(Errno::EIO)
    }

    /// Makes the copy, unless a directory above has none: it has been moved meanwhile.
    fn copy(&self, bytes: u64) -> Result<()> {
        let _copying = self.copying.lock();
        if self.upper.get().is_some() {
            return Ok(());
        }
        let lower = self.lower().ok_or(Errno::EIO)?;
        let stat = lower.stat()?;
        let copy = self.copy_of(&self.shared.upper, &*lower, &stat)?;
        if self.kind == FileKind::Regular {
            self.copy_bytes(lower.clone(), &copy, bytes.min(stat.size))?;
        }
        let _namespace = self.shared.namespace.lock();
        if !self.is_gone() {
            let Some(place) = self.place.lock().clone() else {
                return Err(Errno::EIO);
            };
            let Some(directory) = place.parent.upper.get() else {
                return Ok(());
            };
            directory.adopt(&place.name, &copy)?;
        }
        let several = self.kind != FileKind::Directory && stat.nlink > 1;
        self.take_attributes(&copy, &stat, !several);
        let copy = self.upper.get_or_init(|| copy);
        if several {
            // The other names stay with the lower file, as in overlayfs.
            let key = Key::Upper(copy.ino());
            self.shared.table.replace(key.clone(), &self.this());
            let former = core::mem::replace(&mut *self.key.lock(), key);
            self.shared.table.forget(&former, self);
        }
        Ok(())
    }

    /// An inode without a name, bytes and times.
    fn copy_of(
        &self,
        shared: &Arc<TmpfsShared>,
        lower: &dyn Inode,
        stat: &Stat,
    ) -> Result<Arc<TmpfsInode>> {
        let body = match self.kind {
            FileKind::Regular => Body::Regular(RwLock::default()),
            FileKind::Directory => Body::directory(),
            FileKind::Symlink => Body::Symlink(lower.read_link(&self.shared.caller)?.into()),
            FileKind::Pipe => Body::Fifo(Pipe::new()),
            _ => return Err(Errno::EPERM),
        };
        TmpfsInode::new(shared, body, Ownership::new(stat.mode, stat.uid, stat.gid))
    }

    fn copy_bytes(&self, lower: Arc<dyn Inode>, copy: &TmpfsInode, bytes: u64) -> Result<()> {
        let opened = lower
            .clone()
            .open(OpenFlags::O_RDONLY, &self.shared.caller)?;
        let mut data = copy.regular()?.write();
        let quota = &copy.shared.quota;
        let mut piece = Vec::new();
        piece.try_reserve_exact(PIECE).map_err(|_| Errno::ENOMEM)?;
        piece.resize(PIECE, 0);
        let mut offset = 0;
        while offset < bytes {
            // Holes stay holes.
            match lower.seek_extent(offset, SeekExtent::Data) {
                Ok(next) if next >= bytes => break,
                Ok(next) => offset = next.max(offset),
                Err(Errno::ENXIO) => break,
                Err(errno) => return Err(errno),
            }
            let left = usize::try_from(bytes - offset).unwrap_or(PIECE);
            let wanted = &mut piece[..left.min(PIECE)];
            let count = read(&*lower, opened.as_deref(), offset, wanted)?;
            if count == 0 {
                // It has become shorter meanwhile.
                break;
            }
            if data.write(quota, offset, &wanted[..count])? < count {
                return Err(Errno::ENOSPC);
            }
            offset += count as u64;
        }
        if data.size() < bytes {
            data.set_size(quota, bytes)?;
        }
        Ok(())
    }

    /// Gives the copy what `stat(2)` says of the lower file.
    fn take_attributes(&self, copy: &TmpfsInode, stat: &Stat, same_number: bool) {
        let origin = (same_number && !self.is_directory()).then_some(stat.ino);
        let mut attributes = copy.attributes.lock();
        *attributes = Attributes {
            nlink: attributes.nlink,
            ownership: attributes.ownership,
            atime: stat.atime,
            mtime: stat.mtime,
            ctime: stat.ctime,
            btime: stat.btime,
            origin,
        };
    }
}

fn read(
    inode: &dyn Inode,
    opened: Option<&dyn File>,
    offset: u64,
    buf: &mut [u8],
) -> Result<usize> {
    match opened {
        Some(file) => file.read_at(offset, buf),
        None => inode.read_at(offset, buf),
    }
}
