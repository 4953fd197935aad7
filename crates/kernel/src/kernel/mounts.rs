//! File systems: mounts, and the files of the root as bytes.

use super::Kernel;
use crate::errno::{Errno, Result};
use crate::fs::overlay::Overlay;
use crate::fs::tmpfs::Tmpfs;
use crate::vfs::{
    At, FileSystem, Last, LastLink, Mount, MountFlags, NewInodeKind, SetAttributes, USER_ID,
    VirtualDentry, join,
};
use core::sync::atomic::Ordering;
use std::sync::Arc;

/// Directories and links of `/` that stay the machine's own under a file system that is mounted as the root.
const MACHINE: &[&[u8]] = &[
    b"bin", b"dev", b"etc", b"lib", b"proc", b"run", b"sbin", b"tmp", b"usr", b"var",
];

/// Directories that guests find in such a file system, whatever it has.
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
        let dir = self.to_mount_on(path)?;
        Mount::attach(&dir, fs, source, flags).map(drop)
    }

    /// The directory at a path, or the name that the mount it lies in has for it.
    fn to_mount_on(&self, path: &[u8]) -> Result<VirtualDentry> {
        let at = self.root_at();
        let there = at.find(path, LastLink::Follow)?;
        match self.place(path)? {
            Some((directory, name)) => self.add_place(&directory, &name),
            None => Ok(there),
        }
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
        let mount = Mount::attach_union(&self.vfs.root, fs, source, flags)?;
        for path in USER {
            if !mount.keeps_mount_points() {
                self.provide(path)?;
                continue;
            }
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

    /// Has guests find a directory in the file system that is mounted as the root, whatever that has: where it lacks it, it is
    /// made when something is made in it. Elsewhere nothing is done.
    ///
    /// # Errors
    /// - `ENOTDIR`: something on the way is no directory.
    pub fn provide(&self, path: &[u8]) -> Result<()> {
        let Some(union) = self.vfs.root.mount.union() else {
            return Ok(());
        };
        match self.place(path)? {
            Some((directory, name)) if Arc::ptr_eq(&directory.mount, &union) => {
                self.add_place(&directory, &name)?.want();
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// Has a directory to mount something on where it lies in a file system of the embedder's. Nothing is made there: the mount
    /// has a name for it. What is missing elsewhere has to be made.
    ///
    /// # Errors
    /// - `ENOTDIR`: something on the way is no directory.
    pub fn provide_mount_point(&self, path: &[u8]) -> Result<()> {
        if let Some((directory, name)) = self.place(path)? {
            self.add_place(&directory, &name)?;
        }
        Ok(())
    }

    fn add_place(&self, directory: &VirtualDentry, name: &[u8]) -> Result<VirtualDentry> {
        let now = self.vfs.clock.realtime();
        directory.mount.add_place(&*directory.inode, name, now)
    }

    /// Where a path goes on by names that a mount has to have: a directory of a file system that keeps no mount points, and the
    /// names from there on. None for a path whose end lies elsewhere.
    fn place(&self, path: &[u8]) -> Result<Option<(VirtualDentry, Vec<u8>)>> {
        let at = self.root_at();
        let mut reached = self.vfs.root.clone();
        for (start, end) in names(path) {
            let rest = || path[end..].to_vec();
            let walked = match at.walk(&path[..end], LastLink::Follow) {
                Ok(walked) => walked,
                Err(Errno::ENOTDIR) => return Err(Errno::ENOTDIR),
                Err(errno) => {
                    // Whoever refuses to tell what is there does not keep the machine from what it needs.
                    let union = reached.union().map(|union| union.root());
                    let directory = union.unwrap_or(reached);
                    let keeps = directory.mount.keeps_mount_points();
                    return if keeps {
                        Err(errno)
                    } else {
                        Ok(Some((directory, path[start..].to_vec())))
                    };
                }
            };
            let keeps = walked.parent.mount.keeps_mount_points();
            let is_last = rest().iter().all(|byte| *byte == b'/');
            match (walked.last, walked.target) {
                (_, Some(found)) if !found.is_dir() => return Err(Errno::ENOTDIR),
                (Last::Name(name), Some(found))
                    if is_last && !keeps && Arc::ptr_eq(&found.mount, &walked.parent.mount) =>
                {
                    return Ok(Some((walked.parent, name.into_owned())));
                }
                (_, Some(found)) => reached = found,
                (Last::Name(name), None) if !keeps => {
                    return Ok(Some((walked.parent, [&*name, &rest()].concat())));
                }
                (_, None) => return Ok(None),
            }
        }
        Ok(None)
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
        self.replace_files(|tmpfs| crate::fs::tmpfs::import(tmpfs, bytes))
    }

    /// Replaces the root file system's files, while mounts stay where they are.
    pub(super) fn replace_files(&self, replace: impl FnOnce(&Tmpfs) -> Result<()>) -> Result<()> {
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
        replace(&self.tmpfs)?;
        root.mount.detach_children();
        let at = self.root_at();
        for (path, mount) in mounted {
            let dir = self.mount_point(&at, &path)?;
            let fs = match mount.fs().over(&dir.inode) {
                Some(laid) => laid?,
                None => mount.fs().clone(),
            };
            let attached = if unions.iter().any(|union| Arc::ptr_eq(union, &mount)) {
                Mount::attach_union(&dir, fs, mount.source(), mount.flags())?
            } else {
                Mount::attach(&dir, fs, mount.source(), mount.flags())?
            };
            attached.take_over_places(&mount);
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

/// Where the names of a path begin and end.
fn names(path: &[u8]) -> impl Iterator<Item = (usize, usize)> + '_ {
    let mut at = 0;
    core::iter::from_fn(move || {
        at += path[at..].iter().position(|byte| *byte != b'/')?;
        let length = path[at..].iter().position(|byte| *byte == b'/');
        let start = at;
        at = length.map_or(path.len(), |length| at + length);
        Some((start, at))
    })
}
