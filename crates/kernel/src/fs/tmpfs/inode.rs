//! Inodes of tmpfs.

use super::TmpfsShared;
use super::data::FileData;
use super::directory::Directory;
use super::quota::BLOCK;
use crate::abi::fcntl::{OpenFlags, RenameFlags};
use crate::abi::stat::{FileKind, PERMISSIONS, Stat, Timespec};
use crate::errno::{Errno, Result};
use crate::pipe::Pipe;
use crate::vfs::{
    Caller, DirCursor, File, Inode, NewInode, NewInodeKind, Ownership, SeekExtent, SetAttributes,
    SocketNode, Watchers,
};
use core::any::Any;
use parking_lot::{Mutex, RwLock};
use std::sync::{Arc, Weak};

/// Longest symbolic link that takes no block of the quota.
const SHORT_SYMLINK: usize = 128;

/// Seconds after which a read renews the access time although it is newer than the change times
/// (`mount(8)`, `relatime`).
const RELATIME_SECONDS: i64 = 24 * 60 * 60;

/// Metadata that changes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Attributes {
    pub ownership: Ownership,
    pub nlink: u64,
    pub atime: Timespec,
    pub mtime: Timespec,
    pub ctime: Timespec,
    pub btime: Timespec,
    /// Number of the lower file that an overlay has copied here.
    pub origin: Option<u64>,
}

/// What an inode holds.
pub(crate) enum Body {
    Regular(RwLock<FileData>),
    Directory(RwLock<Directory>),
    Symlink(Box<[u8]>),
    Fifo(Arc<Pipe>),
    Socket(SocketNode),
}

impl Body {
    pub fn directory() -> Body {
        Body::Directory(RwLock::default())
    }
}

/// A file of a tmpfs.
pub(crate) struct TmpfsInode {
    ino: u64,
    this: Weak<TmpfsInode>,
    pub shared: Arc<TmpfsShared>,
    pub attributes: Mutex<Attributes>,
    pub body: Body,
    watchers: Watchers,
}

impl TmpfsInode {
    /// Makes an inode without a name.
    pub fn new(
        shared: &Arc<TmpfsShared>,
        body: Body,
        ownership: Ownership,
    ) -> Result<Arc<TmpfsInode>> {
        shared.quota.take_inode()?;
        if let Body::Symlink(target) = &body
            && target.len() > SHORT_SYMLINK
            && shared.quota.take_blocks(1) == 0
        {
            shared.quota.release_inodes(1);
            return Err(Errno::ENOSPC);
        }
        let now = shared.now();
        let nlink = if matches!(body, Body::Directory(_)) {
            2
        } else {
            0
        };
        let attributes = Attributes {
            ownership,
            nlink,
            atime: now,
            mtime: now,
            ctime: now,
            btime: now,
            origin: None,
        };
        Ok(Arc::new_cyclic(|this| TmpfsInode {
            ino: shared.allocate_ino(),
            this: this.clone(),
            shared: shared.clone(),
            attributes: Mutex::new(attributes),
            body,
            watchers: Watchers::default(),
        }))
    }

    pub fn directory(&self) -> Result<&RwLock<Directory>> {
        match &self.body {
            Body::Directory(directory) => Ok(directory),
            _ => Err(Errno::ENOTDIR),
        }
    }

    pub fn regular(&self) -> Result<&RwLock<FileData>> {
        match &self.body {
            Body::Regular(data) => Ok(data),
            Body::Directory(_) => Err(Errno::EISDIR),
            _ => Err(Errno::EINVAL),
        }
    }

    pub fn this(&self) -> Arc<TmpfsInode> {
        self.this
            .upgrade()
            .expect("a method runs on an inode that is referenced")
    }

    pub fn touch(&self, now: Timespec) {
        let mut attributes = self.attributes.lock();
        attributes.mtime = now;
        attributes.ctime = now;
    }

    /// Renews the access time as `relatime` does.
    fn accessed(&self) {
        let now = self.shared.now();
        let mut attributes = self.attributes.lock();
        let stale = attributes.atime <= attributes.mtime
            || attributes.atime <= attributes.ctime
            || now.sec.saturating_sub(attributes.atime.sec) >= RELATIME_SECONDS;
        if stale {
            attributes.atime = now;
        }
    }

    pub fn adjust_nlink(&self, change: i64, now: Timespec) {
        let mut attributes = self.attributes.lock();
        attributes.nlink = attributes.nlink.saturating_add_signed(change);
        attributes.ctime = now;
    }

    pub fn is_directory(&self) -> bool {
        matches!(self.body, Body::Directory(_))
    }

    pub fn is_empty_directory(&self) -> bool {
        match &self.body {
            Body::Directory(directory) => directory.read().len() == 0,
            _ => true,
        }
    }

    /// Drops a tree level by level: ten thousand levels must not be torn down by recursion.
    pub fn drop_children(mut pending: Vec<Arc<TmpfsInode>>) {
        while let Some(child) = pending.pop() {
            if let Some(mut child) = Arc::into_inner(child)
                && let Body::Directory(directory) = &mut child.body
            {
                pending.extend(directory.get_mut().take_children());
            }
        }
    }

    /// The inode itself, for directories that are its parent.
    pub fn weak(&self) -> Weak<TmpfsInode> {
        self.this.clone()
    }

    /// Takes an inode out of use as a name; directories lose their own `.` too.
    pub fn unnamed(&self, now: Timespec) {
        if let Body::Directory(directory) = &self.body {
            directory.write().removed = true;
            self.attributes.lock().nlink = 0;
            self.attributes.lock().ctime = now;
        } else {
            self.adjust_nlink(-1, now);
            if self.attributes.lock().nlink > 0 {
                // Every name beyond the first was charged as an inode.
                self.shared.quota.release_inodes(1);
            }
        }
    }

    /// Attaches `inode` under `name`; the caller holds the namespace lock.
    pub fn attach(&self, name: &[u8], inode: &Arc<TmpfsInode>, now: Timespec) -> Result<()> {
        self.directory()?.write().insert(name, inode.clone())?;
        match &inode.body {
            Body::Directory(child) => {
                let mut child = child.write();
                child.parent = self.this.clone();
                child.name = name.into();
                drop(child);
                self.adjust_nlink(1, now);
            }
            _ => inode.adjust_nlink(1, now),
        }
        self.touch(now);
        Ok(())
    }
}

fn same_fs<'a>(this: &TmpfsInode, other: &'a Arc<dyn Inode>) -> Result<&'a TmpfsInode> {
    let any: &dyn Any = &**other;
    let other = any.downcast_ref::<TmpfsInode>().ok_or(Errno::EXDEV)?;
    if Arc::ptr_eq(&this.shared, &other.shared) {
        Ok(other)
    } else {
        Err(Errno::EXDEV)
    }
}

impl Inode for TmpfsInode {
    fn ino(&self) -> u64 {
        self.ino
    }

    fn kind(&self) -> FileKind {
        match self.body {
            Body::Regular(_) => FileKind::Regular,
            Body::Directory(_) => FileKind::Directory,
            Body::Symlink(_) => FileKind::Symlink,
            Body::Fifo(_) => FileKind::Pipe,
            Body::Socket(_) => FileKind::Socket,
        }
    }

    fn ownership(&self) -> Ownership {
        self.attributes.lock().ownership
    }

    fn stat(&self) -> Result<Stat> {
        let (size, blocks) = match &self.body {
            Body::Regular(data) => {
                let data = data.read();
                (data.size(), data.blocks())
            }
            Body::Directory(directory) => ((directory.read().len() as u64 + 2) * 20, 0),
            Body::Symlink(target) => (target.len() as u64, 0),
            Body::Fifo(_) | Body::Socket(_) => (0, 0),
        };
        let attributes = *self.attributes.lock();
        Ok(Stat {
            dev: self.shared.dev,
            ino: self.ino,
            mode: self.kind().mode() | attributes.ownership.mode,
            nlink: attributes.nlink,
            uid: attributes.ownership.uid,
            gid: attributes.ownership.gid,
            rdev: 0,
            size,
            blksize: BLOCK,
            blocks: blocks * (BLOCK / 512),
            atime: attributes.atime,
            mtime: attributes.mtime,
            ctime: attributes.ctime,
            btime: attributes.btime,
        })
    }

    fn set_attributes(&self, change: &SetAttributes) -> Result<()> {
        let now = self.shared.now();
        let mut attributes = self.attributes.lock();
        if let Some(mode) = change.mode {
            attributes.ownership.mode = mode & PERMISSIONS;
        }
        attributes.ownership.uid = change.uid.unwrap_or(attributes.ownership.uid);
        attributes.ownership.gid = change.gid.unwrap_or(attributes.ownership.gid);
        attributes.atime = change.atime.unwrap_or(attributes.atime);
        attributes.mtime = change.mtime.unwrap_or(attributes.mtime);
        attributes.ctime = now;
        Ok(())
    }

    fn lookup(&self, name: &[u8], _caller: &Caller) -> Result<Arc<dyn Inode>> {
        let inode = self.directory()?.read().get(name)?.clone();
        Ok(inode)
    }

    fn parent(&self) -> Option<(Arc<dyn Inode>, Vec<u8>)> {
        let directory = self.directory().ok()?.read();
        let parent = directory.parent.upgrade()?;
        Some((parent, directory.name.to_vec()))
    }

    fn socket_node(&self) -> Option<SocketNode> {
        match &self.body {
            Body::Socket(node) => Some(node.clone()),
            _ => None,
        }
    }

    fn removed(&self) -> bool {
        self.directory()
            .is_ok_and(|directory| directory.read().removed)
    }

    fn create(&self, name: &[u8], new: &NewInode<'_>) -> Result<Arc<dyn Inode>> {
        let _namespace = self.shared.namespace.lock();
        let directory = self.directory()?;
        if directory.read().removed {
            return Err(Errno::ENOENT);
        }
        if directory.read().get(name).is_ok() {
            return Err(Errno::EEXIST);
        }
        let body = match new.kind {
            NewInodeKind::Regular => Body::Regular(RwLock::default()),
            NewInodeKind::Directory => Body::directory(),
            NewInodeKind::Symlink(target) => Body::Symlink(target.into()),
            NewInodeKind::Fifo => Body::Fifo(Pipe::new()),
            NewInodeKind::Socket(node) => Body::Socket(node.clone()),
        };
        let inode = TmpfsInode::new(&self.shared, body, new.ownership)?;
        self.attach(name, &inode, self.shared.now())?;
        Ok(inode)
    }

    fn create_unnamed(&self, ownership: Ownership) -> Result<Arc<dyn Inode>> {
        self.directory()?;
        Ok(TmpfsInode::new(
            &self.shared,
            Body::Regular(RwLock::default()),
            ownership,
        )?)
    }

    fn link(&self, name: &[u8], target: &Arc<dyn Inode>) -> Result<()> {
        let target = same_fs(self, target)?;
        if target.is_directory() {
            return Err(Errno::EPERM);
        }
        let _namespace = self.shared.namespace.lock();
        let named = target.attributes.lock().nlink > 0;
        if named {
            self.shared.quota.take_inode()?;
        }
        let attached = self.attach(name, &target.this(), self.shared.now());
        if attached.is_err() && named {
            self.shared.quota.release_inodes(1);
        }
        attached
    }

    fn unlink(&self, name: &[u8]) -> Result<Arc<dyn Inode>> {
        let _namespace = self.shared.namespace.lock();
        let mut directory = self.directory()?.write();
        if directory.get(name)?.is_directory() {
            return Err(Errno::EISDIR);
        }
        let inode = directory.remove(name).ok_or(Errno::ENOENT)?;
        drop(directory);
        let now = self.shared.now();
        inode.unnamed(now);
        self.touch(now);
        Ok(inode)
    }

    fn rmdir(&self, name: &[u8]) -> Result<Arc<dyn Inode>> {
        let _namespace = self.shared.namespace.lock();
        let mut directory = self.directory()?.write();
        let victim = directory.get(name)?;
        if !victim.is_directory() {
            return Err(Errno::ENOTDIR);
        }
        if !victim.is_empty_directory() {
            return Err(Errno::ENOTEMPTY);
        }
        let inode = directory.remove(name).ok_or(Errno::ENOENT)?;
        drop(directory);
        let now = self.shared.now();
        inode.unnamed(now);
        self.adjust_nlink(-1, now);
        self.touch(now);
        Ok(inode)
    }

    fn rename(
        &self,
        old_name: &[u8],
        new_dir: &Arc<dyn Inode>,
        new_name: &[u8],
        flags: RenameFlags,
    ) -> Result<Option<Arc<dyn Inode>>> {
        self.rename_entry(old_name, same_fs(self, new_dir)?, new_name, flags)
    }

    fn read_link(&self, _caller: &Caller) -> Result<Vec<u8>> {
        match &self.body {
            Body::Symlink(target) => Ok(target.to_vec()),
            _ => Err(Errno::EINVAL),
        }
    }

    fn read_dir(&self, position: u64, max: usize, _caller: &Caller) -> Result<Vec<DirCursor>> {
        let listed = self.directory()?.read().list(position, max);
        self.accessed();
        Ok(listed)
    }

    fn open(self: Arc<Self>, flags: OpenFlags, _caller: &Caller) -> Result<Option<Arc<dyn File>>> {
        match &self.body {
            Body::Fifo(pipe) => pipe.open_fifo(flags).map(Some),
            // Only connect(2) reaches it.
            Body::Socket(_) => Err(Errno::ENXIO),
            _ => Ok(None),
        }
    }

    fn read_at(&self, offset: u64, buf: &mut [u8]) -> Result<usize> {
        let count = self.regular()?.read().read(offset, buf);
        if !buf.is_empty() {
            self.accessed();
        }
        Ok(count)
    }

    fn write_at(&self, offset: u64, buf: &[u8]) -> Result<usize> {
        let count = self
            .regular()?
            .write()
            .write(&self.shared.quota, offset, buf)?;
        if !buf.is_empty() {
            self.touch(self.shared.now());
        }
        Ok(count)
    }

    fn append(&self, buf: &[u8]) -> Result<(usize, u64)> {
        let mut data = self.regular()?.write();
        let offset = data.size();
        let count = data.write(&self.shared.quota, offset, buf)?;
        drop(data);
        if !buf.is_empty() {
            self.touch(self.shared.now());
        }
        Ok((count, offset + count as u64))
    }

    fn size(&self) -> u64 {
        match &self.body {
            Body::Regular(data) => data.read().size(),
            _ => 0,
        }
    }

    fn set_size(&self, size: u64) -> Result<()> {
        self.regular()?.write().set_size(&self.shared.quota, size)?;
        self.touch(self.shared.now());
        Ok(())
    }

    fn seek_extent(&self, offset: u64, extent: SeekExtent) -> Result<u64> {
        let data = self.regular()?.read();
        if offset >= data.size() {
            return Err(Errno::ENXIO);
        }
        match extent {
            SeekExtent::Data => data.next_data(offset).ok_or(Errno::ENXIO),
            SeekExtent::Hole => Ok(data.next_hole(offset)),
        }
    }

    fn watchers(&self) -> Option<&Watchers> {
        Some(&self.watchers)
    }
}

impl Drop for TmpfsInode {
    fn drop(&mut self) {
        let quota = &self.shared.quota;
        // Unnamed inodes hold their own unit, further names one each.
        let names = self.attributes.get_mut().nlink;
        match &mut self.body {
            Body::Regular(data) => {
                quota.release_blocks(data.get_mut().blocks());
                quota.release_inodes(names.max(1));
            }
            Body::Symlink(target) => {
                quota.release_blocks(u64::from(target.len() > SHORT_SYMLINK));
                quota.release_inodes(names.max(1));
            }
            Body::Fifo(_) | Body::Socket(_) => quota.release_inodes(names.max(1)),
            Body::Directory(directory) => {
                let directory = directory.get_mut();
                quota.release_inodes(1 + directory.whiteouts.len() as u64);
                TmpfsInode::drop_children(directory.take_children());
            }
        }
    }
}
