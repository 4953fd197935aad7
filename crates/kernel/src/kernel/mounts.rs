//! File systems: mounts, and the files of the root as bytes.

use super::Kernel;
use crate::errno::{Errno, Result};
use crate::vfs::{At, FileSystem, LastLink, Mount, MountFlags, NewInodeKind, VirtualDentry};
use std::sync::Arc;

impl Kernel {
    /// Serialises all files of the root file system.
    pub fn export_filesystem(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        self.export_filesystem_with(&mut |piece| bytes.extend_from_slice(piece));
        bytes
    }

    /// Serialises all files of the root file system piece by piece; `sink` runs without locks.
    ///
    /// No lock is waited for longer than a moment: what a dead thread left locked is left out.
    pub fn export_filesystem_with(&self, sink: &mut dyn FnMut(&[u8])) {
        crate::fs::tmpfs::export(&self.tmpfs, sink);
    }

    /// Attaches a file system to a directory, covering what the directory held.
    ///
    /// # Errors
    /// - `ENOENT`, `ENOTDIR`: there is no such directory.
    pub fn mount(
        &self,
        path: &[u8],
        fs: Arc<dyn FileSystem>,
        source: &str,
        flags: MountFlags,
    ) -> Result<()> {
        let dir = self.root_at().find(path, LastLink::Follow)?;
        Mount::attach(&dir, fs, source, flags).map(drop)
    }

    /// Detaches the file system mounted on a directory; files still open stay usable.
    ///
    /// # Errors
    /// - `EINVAL`: nothing is mounted there.
    pub fn umount(&self, path: &[u8]) -> Result<()> {
        Mount::detach(&self.root_at().find(path, LastLink::Follow)?)
    }

    /// Replaces the root file system's files by exported ones. Mounts stay where they are; processes are
    /// expected to be started afterwards.
    ///
    /// # Errors
    /// - `EINVAL`: the bytes are no export.
    /// - `ENOSPC`, `EFBIG`: they do not fit the limits; nothing has changed then.
    pub fn import_filesystem(&self, bytes: &[u8]) -> Result<()> {
        let root = &self.vfs.root;
        let mut mounted = Vec::new();
        for mount in self.vfs.mounts() {
            if let Some((parent, inode)) = mount.covered() {
                let path = self.vfs.path_of_dir(
                    root,
                    &VirtualDentry {
                        mount: parent,
                        inode,
                    },
                )?;
                mounted.push((path, mount));
            }
        }
        crate::fs::tmpfs::import(&self.tmpfs, bytes)?;
        root.mount.detach_children();
        let at = self.root_at();
        for (path, mount) in mounted {
            let dir = self.mount_point(&at, &path)?;
            Mount::attach(&dir, mount.fs().clone(), mount.source(), mount.flags())?;
        }
        Ok(())
    }

    /// The directory at a path without links. An import may have left it out; one that was forged has anything there.
    fn mount_point(&self, at: &At, path: &[u8]) -> Result<VirtualDentry> {
        let slashes = path.iter().enumerate().skip(1);
        let ends = slashes
            .filter(|(_, byte)| **byte == b'/')
            .map(|(end, _)| end);
        for end in ends.chain([path.len()]) {
            let prefix = &path[..end];
            match at.find(prefix, LastLink::NoFollow) {
                Ok(found) if found.is_dir() => continue,
                Ok(_) => self.file_agent().unlink(prefix)?,
                Err(Errno::ENOENT) => {}
                Err(errno) => return Err(errno),
            }
            self.vfs.make(at, prefix, NewInodeKind::Directory, 0o755)?;
        }
        at.find(path, LastLink::NoFollow)
    }
}
