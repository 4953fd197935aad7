//! File systems: mounts, and the files of the root as bytes.

use super::Kernel;
use crate::errno::{Errno, Result};
use crate::fs::overlay::Overlay;
use crate::vfs::{
    At, FileSystem, LastLink, Mount, MountFlags, NewInodeKind, SetAttributes, USER_ID,
    VirtualDentry, join,
};
use core::sync::atomic::Ordering;
use std::sync::Arc;

/// Directories and links of `/` that stay the machine's own under a file system that is mounted as the root.
const MACHINE: &[&[u8]] = &[
    b"bin", b"dev", b"etc", b"lib", b"proc", b"run", b"sbin", b"tmp", b"usr", b"var",
];

/// Directories that such a file system is given if it lacks them.
const USER: [&[u8]; 4] = [b"/home", b"/home/user", b"/root", b"/workspace"];

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

    /// Attaches a file system that is not changed to a directory of the root file system: what is written below goes
    /// to that directory, which covers the file system where both have a name.
    ///
    /// # Errors
    /// - `ENOENT`, `ENOTDIR`: there is no such directory.
    /// - `EINVAL`: it is not of the root file system.
    pub fn mount_overlay(
        &self,
        path: &[u8],
        lower: Arc<dyn FileSystem>,
        flags: MountFlags,
    ) -> Result<()> {
        let dir = self.root_at().find(path, LastLink::Follow)?;
        let overlay = Overlay::new(lower, &dir.inode, self.next_dev())?;
        Mount::attach(&dir, overlay, "overlay", flags).map(drop)
    }

    /// Makes a file system the tree of this machine's user: what its root directory has is seen in `/`, and what is made there
    /// is made in it. The machine keeps the directories that it works with: `/bin`, `/dev`, `/etc`, `/lib`, `/proc`, `/run`,
    /// `/sbin`, `/tmp`, `/usr`, `/var`.
    ///
    /// # Errors
    /// - `ENOSPC`: its directories cannot be made there.
    pub fn mount_root(
        &self,
        fs: Arc<dyn FileSystem>,
        source: &str,
        flags: MountFlags,
    ) -> Result<()> {
        let at = self.root_at();
        let agent = self.file_agent();
        for entry in agent.read_dir(b"/")? {
            if !MACHINE.contains(&entry.name.as_slice()) {
                agent.remove_tree(&join(b"/".to_vec(), &entry.name))?;
            }
        }
        Mount::attach_union(&self.vfs.root, fs, source, flags)?;
        for path in USER {
            match self.vfs.make(&at, path, NewInodeKind::Directory, 0o755) {
                Err(Errno::EEXIST | Errno::EROFS | Errno::EACCES) => {}
                made => {
                    made?;
                    let change = SetAttributes {
                        uid: Some(USER_ID),
                        gid: Some(USER_ID),
                        ..SetAttributes::default()
                    };
                    at.find(path, LastLink::NoFollow)?
                        .inode
                        .set_attributes(&change)?;
                }
            }
        }
        Ok(())
    }

    /// A device number that no file system of this kernel has.
    fn next_dev(&self) -> u64 {
        self.next_dev.fetch_add(1, Ordering::Relaxed)
    }

    /// Detaches the file system mounted on a directory (`umount(2)`).
    ///
    /// # Errors
    /// - `EINVAL`: nothing is mounted there.
    /// - `EBUSY`: files of it are open, or it is where a process works.
    pub fn umount(&self, path: &[u8]) -> Result<()> {
        Mount::detach(self.root_at().find(path, LastLink::Follow)?)
    }

    /// Replaces the root file system's files by exported ones. Mounts stay where they are; processes are
    /// expected to be started afterwards.
    ///
    /// # Errors
    /// - `EINVAL`: the bytes are no export.
    /// - `ENOSPC`, `EFBIG`: they do not fit the limits; nothing has changed then.
    pub fn import_filesystem(&self, bytes: &[u8]) -> Result<()> {
        let root = &self.vfs.root;
        let unions: Vec<Arc<Mount>> = root.mount.union().into_iter().collect();
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
            let fs = match mount.fs().over(&dir.inode) {
                Some(laid) => laid?,
                None => mount.fs().clone(),
            };
            if unions.iter().any(|union| Arc::ptr_eq(union, &mount)) {
                Mount::attach_union(&dir, fs, mount.source(), mount.flags())?;
            } else {
                Mount::attach(&dir, fs, mount.source(), mount.flags())?;
            }
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
