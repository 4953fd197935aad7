//! Inodes of the embedder's files: each knows its path, and what was last seen there.

use super::cache::Stamp;
use super::children::Children;
use super::contents::Version;
use super::files::{HostAccess, HostAttributes, HostChange, HostEntry, HostFile, HostLink};
use super::following::Following;
use super::open_file::{OpenFile, Source};
use super::{Shared, below, split};
use crate::abi::fcntl::{OpenFlags, RenameFlags};
use crate::abi::stat::{
    DirEntry, FileKind, PERMISSIONS, S_IFBLK, S_IFCHR, S_IFDIR, S_IFIFO, S_IFLNK, S_IFMT, S_IFREG,
    S_ISGID, S_ISUID, Stat,
};
use crate::errno::{Errno, Result};
use crate::vfs::{
    Caller, DirCursor, File, Followed, Inode, LinkTarget, NewInode, NewInodeKind, Ownership,
    SetAttributes, USER_ID, Watchers,
};
use core::any::Any;
use parking_lot::Mutex;
use std::sync::{Arc, Weak};

/// Number of the root directory; that of another file is never so low.
const ROOT_INO: u64 = 1;

/// Preferred size of an I/O operation.
const BLOCK: u64 = 4096;

/// A file of the embedder's.
pub(super) struct HostInode {
    pub(super) shared: Arc<Shared>,
    pub(super) this: Weak<HostInode>,
    pub(super) ino: u64,
    kind: FileKind,
    pub(super) state: Mutex<State>,
    pub(super) watchers: Watchers,
    pub(super) following: Mutex<Following>,
}

pub(super) struct State {
    path: Box<[u8]>,
    pub attributes: HostAttributes,
    /// When the attributes were seen; None where they may be others by now.
    pub seen: Option<Stamp>,
    /// A guest has removed its name, or another file has it.
    pub is_gone: bool,
    /// What creation has opened, for the open that follows.
    pub created: Option<Arc<dyn HostFile>>,
    /// Of a directory.
    pub children: Option<Children>,
}

impl State {
    /// These were its attributes then. What is true until a change is told is not made true for a moment only.
    pub fn sees(&mut self, attributes: HostAttributes, stamp: Stamp) {
        let is_same = Version::of(&self.attributes) == Version::of(&attributes);
        let is_leased = is_same && self.seen.as_ref().is_some_and(Stamp::is_leased);
        self.attributes = attributes;
        if !is_leased {
            self.seen = Some(stamp);
        }
    }
}

impl HostInode {
    /// The root, which is not looked at until it is used.
    pub fn root(shared: &Arc<Shared>) -> Arc<HostInode> {
        let attributes = HostAttributes {
            ino: ROOT_INO,
            mode: S_IFDIR | 0o755,
            nlink: 2,
            ..HostAttributes::default()
        };
        HostInode::new(shared, Box::default(), attributes, None)
    }

    fn new(
        shared: &Arc<Shared>,
        path: Box<[u8]>,
        attributes: HostAttributes,
        seen: Option<Stamp>,
    ) -> Arc<HostInode> {
        Arc::new_cyclic(|this| HostInode {
            shared: shared.clone(),
            this: this.clone(),
            ino: attributes.ino,
            kind: kind_of(attributes.mode),
            state: Mutex::new(State {
                path,
                attributes,
                seen,
                is_gone: false,
                created: None,
                children: None,
            }),
            watchers: Watchers::default(),
            following: Mutex::default(),
        })
    }

    /// The inode of what was found at a path, with what says until when its attributes are true: a moment otherwise.
    pub fn at(
        shared: &Arc<Shared>,
        path: Vec<u8>,
        attributes: HostAttributes,
        seen: Option<Stamp>,
    ) -> Arc<HostInode> {
        let stamp = seen.unwrap_or_else(|| Stamp::now(&*shared.files, &path));
        // It outlives the lock, which its end takes.
        let known;
        let mut live = shared.live.lock();
        known = live.get(path.as_slice()).and_then(Weak::upgrade);
        if let Some(known) = &known {
            if known.ino == attributes.ino && known.kind == kind_of(attributes.mode) {
                known.state.lock().sees(attributes, stamp);
                return known.clone();
            }
            known.state.lock().is_gone = true;
        }
        let made = HostInode::new(shared, path.clone().into(), attributes, Some(stamp));
        live.insert(path.into(), Arc::downgrade(&made));
        made
    }

    pub fn path(&self) -> Vec<u8> {
        self.state.lock().path.to_vec()
    }

    /// The path of a directory whose names are to be used.
    pub fn directory(&self) -> Result<Vec<u8>> {
        if self.kind != FileKind::Directory {
            return Err(Errno::ENOTDIR);
        }
        let state = self.state.lock();
        if state.is_gone {
            return Err(Errno::ENOENT);
        }
        Ok(state.path.to_vec())
    }

    /// What is known, or was just asked for.
    pub fn attributes(&self) -> Result<HostAttributes> {
        self.shared.renew();
        let (path, known) = {
            let state = self.state.lock();
            let seen = state.seen.as_ref();
            let fresh = seen.is_some_and(|seen| self.shared.is_fresh(seen));
            if fresh || state.is_gone {
                return Ok(state.attributes);
            }
            (state.path.clone(), state.attributes)
        };
        let stamp = Stamp::now(&*self.shared.files, &path);
        let found = match self.shared.files.stat(&path) {
            Ok(found) => found,
            // It is open, or somebody's working directory.
            Err(Errno::ENOENT) => HostAttributes { nlink: 0, ..known },
            Err(errno) => return Err(errno),
        };
        let mut state = self.state.lock();
        if self.ino != ROOT_INO && found.ino != self.ino {
            return Ok(HostAttributes { nlink: 0, ..known });
        }
        state.attributes = HostAttributes {
            ino: self.ino,
            ..found
        };
        state.seen = Some(stamp);
        Ok(state.attributes)
    }

    /// A guest has changed the contents.
    pub fn written(&self) {
        let mut state = self.state.lock();
        state.seen = None;
        let path = state.path.clone();
        drop(state);
        self.shared.changed(&path);
    }

    /// Somebody who has it open has written up to there. Without a name nobody can be asked how long it is.
    pub fn reached(&self, end: u64) {
        let mut state = self.state.lock();
        if state.is_gone {
            state.attributes.size = state.attributes.size.max(end);
        }
    }

    /// The same for one who has set its length.
    pub fn resized(&self, size: u64) {
        let mut state = self.state.lock();
        if state.is_gone {
            state.attributes.size = size;
        }
    }

    /// Its name is gone.
    fn unnamed(&self) {
        let mut state = self.state.lock();
        state.is_gone = true;
        state.seen = None;
        state.attributes.nlink = match self.kind {
            FileKind::Directory => 0,
            _ => state.attributes.nlink.saturating_sub(1),
        };
        let path = state.path.clone();
        drop(state);
        self.shared.live.lock().remove(&path);
        self.shared.changed(&path);
    }

    /// A directory of this one's file system, and its path.
    fn same_fs(&self, other: &Arc<dyn Inode>) -> Result<Arc<HostInode>> {
        let any: &dyn Any = &**other;
        let other = any.downcast_ref::<HostInode>().ok_or(Errno::EXDEV)?;
        if !Arc::ptr_eq(&self.shared, &other.shared) {
            return Err(Errno::EXDEV);
        }
        other.this.upgrade().ok_or(Errno::ENOENT)
    }

    fn regular(&self) -> Result<Arc<HostInode>> {
        match self.kind {
            FileKind::Regular => self.this.upgrade().ok_or(Errno::EIO),
            FileKind::Directory => Err(Errno::EISDIR),
            _ => Err(Errno::EINVAL),
        }
    }

    fn make(
        &self,
        name: &[u8],
        make: impl FnOnce(&[u8]) -> Result<Option<(HostAttributes, Arc<dyn HostFile>)>>,
    ) -> Result<Arc<dyn Inode>> {
        let directory = self.directory()?;
        let path = below(&directory, name);
        let made = make(&path);
        self.shared.changed(&path);
        self.state.lock().seen = None;
        let inode = match made? {
            Some((attributes, file)) => {
                let inode = HostInode::at(&self.shared, path, attributes, None);
                inode.state.lock().created = Some(file);
                inode
            }
            None => {
                let attributes = self.shared.files.stat(&path)?;
                HostInode::at(&self.shared, path, attributes, None)
            }
        };
        Ok(inode)
    }

    /// Tells the inodes at and below a path where they are now.
    fn moved(&self, from: &[u8], to: &[u8], exchanged: bool) {
        let mut live = self.shared.live.lock();
        let of = |path: &[u8], root: &[u8]| {
            path == root || path.starts_with(root) && path.get(root.len()) == Some(&b'/')
        };
        let concerned: Vec<Box<[u8]>> = live
            .keys()
            .filter(|path| of(path, from) || of(path, to))
            .cloned()
            .collect();
        let taken: Vec<(Box<[u8]>, Arc<HostInode>)> = concerned
            .into_iter()
            .filter_map(|path| {
                let inode = live.remove(&path)?.upgrade()?;
                Some((path, inode))
            })
            .collect();
        for (path, inode) in &taken {
            let (old, new) = if of(path, from) {
                (from, to)
            } else {
                (to, from)
            };
            let mut state = inode.state.lock();
            state.seen = None;
            if old == to && !exchanged {
                state.is_gone = true;
                state.attributes.nlink = 0;
                continue;
            }
            let mut path_now = new.to_vec();
            path_now.extend_from_slice(&path[old.len()..]);
            state.path = path_now.into();
            live.insert(state.path.clone(), Arc::downgrade(inode));
        }
        // Before the inodes, whose ends take it.
        drop(live);
        if let Some(cache) = &self.shared.cache {
            cache.forget_all();
        }
    }
}

impl Inode for HostInode {
    fn ino(&self) -> u64 {
        self.ino
    }

    fn kind(&self) -> FileKind {
        self.kind
    }

    fn ownership(&self) -> Ownership {
        let known = {
            let state = self.state.lock();
            state.seen.is_some().then_some(state.attributes)
        };
        // Nobody is refused for want of an answer: the embedder refuses for itself.
        let attributes = known.or_else(|| self.attributes().ok());
        let attributes = attributes.unwrap_or_else(|| self.state.lock().attributes);
        Ownership::new(permissions(attributes.mode), USER_ID, USER_ID)
    }

    fn stat(&self) -> Result<Stat> {
        let attributes = self.attributes()?;
        Ok(Stat {
            dev: self.shared.dev,
            ino: self.ino,
            mode: self.kind.mode() | permissions(attributes.mode),
            nlink: attributes.nlink,
            uid: USER_ID,
            gid: USER_ID,
            rdev: 0,
            size: attributes.size,
            blksize: BLOCK,
            blocks: attributes.blocks,
            atime: attributes.atime,
            mtime: attributes.mtime,
            ctime: attributes.ctime,
            btime: attributes.btime,
        })
    }

    fn set_attributes(&self, change: &SetAttributes) -> Result<()> {
        let others = [change.uid, change.gid].into_iter().flatten();
        if others.into_iter().any(|id| id != USER_ID) {
            return Err(Errno::EPERM);
        }
        let change = HostChange {
            mode: change.mode.map(permissions),
            atime: change.atime,
            mtime: change.mtime,
        };
        if change == HostChange::default() {
            return Ok(());
        }
        if self.state.lock().is_gone {
            return Err(Errno::ENOENT);
        }
        let done = self.shared.files.set_attributes(&self.path(), &change);
        self.written();
        done
    }

    fn lookup(&self, name: &[u8], _caller: &Caller) -> Result<Arc<dyn Inode>> {
        Ok(self.child(name)?)
    }

    fn parent(&self) -> Option<(Arc<dyn Inode>, Vec<u8>)> {
        let path = self.path();
        if path.is_empty() {
            return None;
        }
        let (directory, name) = split(&path);
        let name = name.to_vec();
        let known = self
            .shared
            .live
            .lock()
            .get(directory)
            .and_then(Weak::upgrade);
        let parent = known.unwrap_or_else(|| {
            if directory.is_empty() {
                return HostInode::root(&self.shared);
            }
            let found = self.shared.files.stat(directory).unwrap_or_default();
            let attributes = HostAttributes {
                mode: S_IFDIR | permissions(found.mode),
                ..found
            };
            HostInode::at(&self.shared, directory.to_vec(), attributes, None)
        });
        Some((parent, name))
    }

    fn path_below_root(&self) -> Option<Vec<u8>> {
        self.directory().ok()
    }

    fn removed(&self) -> bool {
        self.kind == FileKind::Directory && self.state.lock().is_gone
    }

    fn create(&self, name: &[u8], new: &NewInode<'_>) -> Result<Arc<dyn Inode>> {
        let files = &self.shared.files;
        let mode = permissions(new.ownership.mode);
        match new.kind {
            NewInodeKind::Regular => self.make(name, |path| files.create(path, mode).map(Some)),
            NewInodeKind::Directory => {
                self.make(name, |path| files.make_directory(path, mode).map(|()| None))
            }
            NewInodeKind::Symlink(target) => {
                self.make(name, |path| files.symlink(path, target).map(|()| None))
            }
            // Nobody outside could do anything with one.
            NewInodeKind::Fifo | NewInodeKind::Socket(_) => Err(Errno::EPERM),
        }
    }

    fn link(&self, name: &[u8], target: &Arc<dyn Inode>) -> Result<()> {
        let target = self.same_fs(target)?;
        if target.kind == FileKind::Directory {
            return Err(Errno::EPERM);
        }
        if target.state.lock().is_gone {
            return Err(Errno::ENOENT);
        }
        let path = below(&self.directory()?, name);
        let done = self.shared.files.link(&target.path(), &path);
        self.shared.changed(&path);
        target.written();
        done
    }

    fn unlink(&self, name: &[u8]) -> Result<Arc<dyn Inode>> {
        let child = self.child(name)?;
        if child.kind == FileKind::Directory {
            return Err(Errno::EISDIR);
        }
        self.shared.files.unlink(&child.path())?;
        child.unnamed();
        self.state.lock().seen = None;
        Ok(child)
    }

    fn rmdir(&self, name: &[u8]) -> Result<Arc<dyn Inode>> {
        let child = self.child(name)?;
        if child.kind != FileKind::Directory {
            return Err(Errno::ENOTDIR);
        }
        self.shared.files.remove_directory(&child.path())?;
        child.unnamed();
        self.state.lock().seen = None;
        Ok(child)
    }

    fn rename(
        &self,
        old_name: &[u8],
        new_dir: &Arc<dyn Inode>,
        new_name: &[u8],
        flags: RenameFlags,
    ) -> Result<Option<Arc<dyn Inode>>> {
        let new_dir = self.same_fs(new_dir)?;
        let from = below(&self.directory()?, old_name);
        let to = below(&new_dir.directory()?, new_name);
        let source = self.child(old_name)?;
        let replaced = match new_dir.child(new_name) {
            Ok(replaced) => Some(replaced),
            Err(Errno::ENOENT) => None,
            Err(errno) => return Err(errno),
        };
        self.shared.files.rename(&from, &to, flags)?;
        // Two names of one file: nothing has happened.
        if replaced
            .as_ref()
            .is_some_and(|replaced| replaced.ino == source.ino)
        {
            return Ok(None);
        }
        self.moved(&from, &to, flags.contains(RenameFlags::RENAME_EXCHANGE));
        self.state.lock().seen = None;
        new_dir.state.lock().seen = None;
        Ok(replaced.map(|inode| -> Arc<dyn Inode> { inode }))
    }

    fn read_link(&self, _caller: &Caller) -> Result<Vec<u8>> {
        if self.kind != FileKind::Symlink {
            return Err(Errno::EINVAL);
        }
        match self.shared.read_link(&self.path())? {
            HostLink::Target(target) | HostLink::Outside(Some(target)) => Ok(target),
            HostLink::Outside(None) => Err(Errno::EACCES),
        }
    }

    fn follow_link(&self, _caller: &Caller) -> Result<LinkTarget> {
        if self.kind != FileKind::Symlink {
            return Err(Errno::EINVAL);
        }
        let path = self.path();
        let link = match self.shared.read_link(&path) {
            // Another file has its name by now.
            Err(Errno::EINVAL) => return Err(Errno::ENOENT),
            link => link?,
        };
        match link {
            HostLink::Target(target) => Ok(LinkTarget::Path(target)),
            HostLink::Outside(target) => {
                self.shared.files.refused(&path, target.as_deref());
                Err(Errno::ENOENT)
            }
        }
    }

    fn read_dir(&self, position: u64, max: usize, _caller: &Caller) -> Result<Vec<DirCursor>> {
        let directory = self.directory()?;
        let files = &*self.shared.files;
        self.shared.renew();
        let whole = match &self.shared.cache {
            Some(cache) => cache.list(files, &directory)?,
            None => None,
        };
        let cursor = |name: &[u8], ino, mode, next| DirCursor {
            entry: DirEntry {
                name: name.to_vec(),
                ino,
                kind: kind_of(mode),
            },
            next,
        };
        let listed = |entry: &HostEntry| {
            let HostAttributes { ino, mode, .. } = entry.attributes;
            cursor(&entry.name, ino, mode, entry.next)
        };
        if let Some(whole) = whole {
            let start = match position {
                0 => Some(0),
                _ => whole
                    .entries
                    .iter()
                    .position(|entry| entry.next == position)
                    .map(|at| at + 1),
            };
            if let Some(start) = start {
                let entries = whole.entries.iter().skip(start).take(max);
                return Ok(entries.map(listed).collect());
            }
        }
        match files.read_names(&directory, position, max) {
            Ok(names) => {
                let names = names.iter().take(max);
                return Ok(names
                    .map(|name| cursor(&name.name, name.ino, name.kind, name.next))
                    .collect());
            }
            Err(Errno::ENOSYS) => {}
            Err(errno) => return Err(errno),
        }
        let listing = files.read_dir(&directory, position)?;
        Ok(listing.entries.iter().take(max).map(listed).collect())
    }

    fn open(self: Arc<Self>, flags: OpenFlags, _caller: &Caller) -> Result<Option<Arc<dyn File>>> {
        match self.kind {
            FileKind::Directory => return Ok(None),
            FileKind::Regular => {}
            // What others have put there for themselves.
            _ => return Err(Errno::ENXIO),
        }
        let access = match (flags.readable(), flags.writable()) {
            (true, true) => HostAccess::ReadWrite,
            (false, true) => HostAccess::Write,
            _ => HostAccess::Read,
        };
        let source = self.opened(access)?;
        Ok(Some(Arc::new(OpenFile::new(self, source))))
    }

    fn read_at(&self, offset: u64, buf: &mut [u8]) -> Result<usize> {
        match self.regular()?.opened(HostAccess::Read)? {
            Source::Host(file) => file.read_at(offset, buf),
            Source::Kept(whole) => Ok(whole.read_at(offset, buf)),
        }
    }

    fn write_at(&self, offset: u64, buf: &[u8]) -> Result<usize> {
        let written = self
            .regular()?
            .opened(HostAccess::Write)?
            .host()?
            .write(Some(offset), buf);
        self.written();
        written.map(|(count, _)| count)
    }

    fn append(&self, buf: &[u8]) -> Result<(usize, u64)> {
        let file = self.regular()?.opened(HostAccess::Write)?.host()?;
        let written = file.write(None, buf);
        self.written();
        written
    }

    fn size(&self) -> u64 {
        self.attributes().map_or(0, |attributes| attributes.size)
    }

    fn set_size(&self, size: u64) -> Result<()> {
        let file = self.regular()?.opened(HostAccess::Write)?.host()?;
        let done = file.set_size(size);
        self.written();
        done
    }

    fn sync(&self) -> Result<()> {
        if self.kind != FileKind::Regular || self.state.lock().is_gone {
            return Ok(());
        }
        match self.regular()?.opened(HostAccess::Read)? {
            Source::Host(file) => file.sync(),
            Source::Kept(_) => Ok(()),
        }
    }

    fn watchers(&self) -> Option<&Watchers> {
        Some(&self.watchers)
    }

    fn follow(&self, heard: Weak<dyn Inode>) -> Result<Option<Followed>> {
        self.followed_by(heard)
    }
}

impl Drop for HostInode {
    fn drop(&mut self) {
        // One by one: thousands of levels must not be torn down by recursion.
        let mut below: Vec<Children> = self.state.get_mut().children.take().into_iter().collect();
        while let Some(children) = below.pop() {
            let kept = self.shared.held.dropped(children);
            let ended = kept.filter_map(Arc::into_inner);
            below.extend(ended.filter_map(|mut inode| inode.state.get_mut().children.take()));
        }
        let path = core::mem::take(&mut self.state.get_mut().path);
        let mut live = self.shared.live.lock();
        if live
            .get(&path)
            .is_some_and(|known| known.strong_count() == 0)
        {
            live.remove(&path);
        }
    }
}

/// The type of a file by its mode.
fn kind_of(mode: u32) -> FileKind {
    match mode & S_IFMT {
        S_IFREG => FileKind::Regular,
        S_IFDIR => FileKind::Directory,
        S_IFLNK => FileKind::Symlink,
        S_IFIFO => FileKind::Pipe,
        S_IFCHR => FileKind::CharDevice,
        S_IFBLK => FileKind::BlockDevice,
        _ => FileKind::Socket,
    }
}

/// Permissions without what is of a user of the embedder's.
fn permissions(mode: u32) -> u32 {
    mode & PERMISSIONS & !(S_ISUID | S_ISGID)
}
