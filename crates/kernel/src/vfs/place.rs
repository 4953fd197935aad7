//! Names that a mount has beside those of its file system: what other mounts lie on, and directories that a machine needs.
//!
//! A file system of the embedder's is not written to because a machine has something mounted in it, and is not asked for
//! leave. Its mount has the names instead, by their paths, and nobody but the embedder can take them away. A place that
//! covers is seen whatever the file system has; any other is seen where the file system has no such directory, and becomes one
//! of it when something is made in it.

use super::{
    Caller, Credentials, DirCursor, FileSystem, Inode, NewInode, NewInodeKind, Ownership,
    SetAttributes, USER_ID, Watchers, join,
};
use crate::abi::Pid;
use crate::abi::fcntl::RenameFlags;
use crate::abi::stat::{DirEntry, FileKind, S_IFDIR, Stat, Timespec};
use crate::errno::{Errno, Result};
use core::any::Any;
use core::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use parking_lot::RwLock;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Device of all places.
const DEVICE: u64 = 7;

/// Numbers of places, downwards from the largest that a double holds exactly: file systems begin at the other end.
static NUMBERS: AtomicU64 = AtomicU64::new((1 << 53) - 1);

/// Permissions of a directory that is not there yet.
const MODE: u32 = 0o755;

/// Positions of a listing from here on are those of places: below the bit of joined directories, above what file systems use.
const FIRST_POSITION: u64 = (1 << 63) - 1 - (1 << 16);

/// The places of a mount, by their paths below its root.
#[derive(Default)]
pub(super) struct Places {
    by_path: RwLock<BTreeMap<Box<[u8]>, Arc<Place>>>,
    has_any: AtomicBool,
}

impl Places {
    /// Adds a place and those on the way to it.
    pub fn add(&self, fs: &Arc<dyn FileSystem>, path: &[u8], now: Timespec) -> Result<Arc<Place>> {
        let mut places = self.by_path.write();
        let mut above: Option<Arc<Place>> = None;
        for name in path
            .split(|byte| *byte == b'/')
            .filter(|name| !name.is_empty())
        {
            let path = match &above {
                Some(above) => join(above.path.to_vec(), name),
                None => name.to_vec(),
            };
            let place = places.entry(path.clone().into()).or_insert_with(|| {
                Arc::new(Place {
                    fs: fs.clone(),
                    above: above.clone(),
                    path: path.into(),
                    ino: NUMBERS.fetch_sub(1, Ordering::Relaxed),
                    covers: AtomicBool::new(false),
                    is_wanted: AtomicBool::new(false),
                    made: now,
                    watchers: Watchers::default(),
                })
            });
            above = Some(place.clone());
        }
        self.has_any.store(true, Ordering::Release);
        above.ok_or(Errno::EINVAL)
    }

    /// Nothing is mounted on a place any more: it goes, and so do those on the way to it which nobody else needs.
    pub fn uncover(&self, place: &Place) {
        place.cover(false);
        let mut places = self.by_path.write();
        let mut path = &*place.path;
        loop {
            let is_needed = places.values().any(|other| {
                let rest = other.path.strip_prefix(path);
                rest.is_some_and(|rest| match rest.first() {
                    None => other.covers() || other.is_wanted.load(Ordering::Acquire),
                    Some(byte) => *byte == b'/',
                })
            });
            if is_needed || path.is_empty() {
                return;
            }
            places.remove(path);
            path = split(path).0;
        }
    }

    /// Takes over those of a mount that this one is put in the place of.
    pub fn take_over(&self, from: &Places) {
        *self.by_path.write() = from.by_path.read().clone();
        self.has_any
            .store(from.has_any.load(Ordering::Acquire), Ordering::Release);
    }

    /// The place of this name in a directory.
    pub fn at(&self, directory: &dyn Inode, name: &[u8]) -> Option<Arc<Place>> {
        let path = self.path(directory, name)?;
        self.by_path.read().get(path.as_slice()).cloned()
    }

    /// Whether something lies on this name in a directory, or below it.
    pub fn pins(&self, directory: &dyn Inode, name: &[u8]) -> bool {
        let Some(path) = self.path(directory, name) else {
            return false;
        };
        let places = self.by_path.read();
        places.values().any(|place| {
            place.covers()
                && place
                    .path
                    .strip_prefix(path.as_slice())
                    .is_some_and(|rest| rest.is_empty() || rest[0] == b'/')
        })
    }

    /// The places in a directory.
    fn of(&self, directory: &dyn Inode) -> Vec<Arc<Place>> {
        let Some(mut path) = self.path(directory, b"") else {
            return Vec::new();
        };
        if path.last() == Some(&b'/') {
            path.pop();
        }
        let places = self.by_path.read();
        let within = places.values().filter(|place| split(&place.path).0 == path);
        within.cloned().collect()
    }

    /// Entries of a directory from a position on: those of the file system, then places that it lacks.
    pub fn read_dir(
        &self,
        directory: &Arc<dyn Inode>,
        mut position: u64,
        max: usize,
        caller: &Caller,
    ) -> Result<Vec<DirCursor>> {
        let places = self.of(&**directory);
        if places.is_empty() {
            return directory.read_dir(position, max, caller);
        }
        let is_seen = |cursor: &mut DirCursor| {
            // Some have the largest of all positions behind their last name.
            cursor.next = cursor.next.min(FIRST_POSITION);
            let place = places
                .iter()
                .find(|place| place.name() == cursor.entry.name);
            place.is_none_or(|place| !place.covers() && cursor.entry.kind == FileKind::Directory)
        };
        while position < FIRST_POSITION {
            let mut found = directory.read_dir(position, max, caller)?;
            let next = found.last().map_or(FIRST_POSITION, |last| last.next);
            position = next.min(FIRST_POSITION);
            found.retain_mut(is_seen);
            if !found.is_empty() {
                return Ok(found);
            }
        }
        let skipped = usize::try_from(position - FIRST_POSITION).unwrap_or(usize::MAX);
        let lacking = places.iter().zip(FIRST_POSITION + 1..).skip(skipped);
        let lacking = lacking.filter(|(place, _)| {
            place.covers() || place.directory_in(&**directory, caller).is_none()
        });
        let cursors = lacking.take(max).map(|(place, next)| DirCursor {
            entry: DirEntry {
                name: place.name().to_vec(),
                ino: place.ino,
                kind: FileKind::Directory,
            },
            next,
        });
        Ok(cursors.collect())
    }

    /// The path of a name in a directory, if there are places and the directory's is known.
    fn path(&self, directory: &dyn Inode, name: &[u8]) -> Option<Vec<u8>> {
        if !self.has_any.load(Ordering::Acquire) {
            return None;
        }
        let mut path = directory.path_below_root()?;
        if !path.is_empty() {
            path.push(b'/');
        }
        path.extend_from_slice(name);
        Some(path)
    }
}

/// Directory and name of a path.
fn split(path: &[u8]) -> (&[u8], &[u8]) {
    match path.iter().rposition(|byte| *byte == b'/') {
        Some(slash) => (&path[..slash], &path[slash + 1..]),
        None => (&[], path),
    }
}

/// A directory that the file system may lack.
pub(crate) struct Place {
    fs: Arc<dyn FileSystem>,
    /// The one that this is in, unless that is the root.
    above: Option<Arc<Place>>,
    path: Box<[u8]>,
    ino: u64,
    /// Something is mounted here: what the file system has is not seen.
    covers: AtomicBool,
    /// It is no mere way to another.
    is_wanted: AtomicBool,
    made: Timespec,
    watchers: Watchers,
}

impl Place {
    /// That an inode is, if it is one.
    pub fn of(inode: &Arc<dyn Inode>) -> Option<&Place> {
        let any: &dyn Any = &**inode;
        any.downcast_ref()
    }

    pub fn cover(&self, covers: bool) {
        self.covers.store(covers, Ordering::Release);
    }

    fn covers(&self) -> bool {
        self.covers.load(Ordering::Acquire)
    }

    fn name(&self) -> &[u8] {
        split(&self.path).1
    }

    /// It is there for its own sake.
    pub fn want(&self) {
        self.is_wanted.store(true, Ordering::Release);
    }

    /// What a lookup of it in its directory finds.
    pub fn found(self: Arc<Self>, directory: &dyn Inode, caller: &Caller) -> Arc<dyn Inode> {
        let real = (!self.covers())
            .then(|| self.directory_in(directory, caller))
            .flatten();
        real.unwrap_or(self)
    }

    /// What the file system has of this name, if that is a directory. Whoever refuses to tell has none.
    fn directory_in(&self, directory: &dyn Inode, caller: &Caller) -> Option<Arc<dyn Inode>> {
        let found = directory.lookup(self.name(), caller).ok()?;
        (found.kind() == FileKind::Directory).then_some(found)
    }

    /// The directory of the file system that it stands for.
    ///
    /// # Errors
    /// - `ENOENT`: it has none, or something else of that name.
    pub fn real(&self) -> Result<Arc<dyn Inode>> {
        self.walk(|_, _| Err(Errno::ENOENT))
    }

    /// The same, made where it is missing.
    fn made(&self) -> Result<Arc<dyn Inode>> {
        let ownership = Ownership::new(MODE, USER_ID, USER_ID);
        let new = NewInode {
            kind: NewInodeKind::Directory,
            ownership,
        };
        self.walk(|directory, name| directory.create(name, &new))
    }

    fn walk(
        &self,
        missing: impl Fn(&dyn Inode, &[u8]) -> Result<Arc<dyn Inode>>,
    ) -> Result<Arc<dyn Inode>> {
        if self.covers() {
            return Err(Errno::ENOENT);
        }
        let machine = Caller {
            pid: Pid::from_raw(0),
            credentials: Arc::new(Credentials::user(USER_ID)),
        };
        let mut inode = self.fs.root();
        for name in self.path.split(|byte| *byte == b'/') {
            inode = match inode.lookup(name, &machine) {
                Ok(found) if found.kind() == FileKind::Directory => found,
                Ok(_) => return Err(Errno::ENOENT),
                Err(Errno::ENOENT) => missing(&*inode, name)?,
                Err(errno) => return Err(errno),
            };
        }
        Ok(inode)
    }
}

/// Whether an inode is a place.
pub(super) fn is_one(inode: &Arc<dyn Inode>) -> bool {
    Place::of(inode).is_some()
}

/// A directory as the file system has it: a place is made there.
pub(super) fn made(inode: &Arc<dyn Inode>) -> Result<Arc<dyn Inode>> {
    match Place::of(inode) {
        Some(place) => place.made(),
        None => Ok(inode.clone()),
    }
}

impl Inode for Place {
    fn ino(&self) -> u64 {
        self.ino
    }

    fn kind(&self) -> FileKind {
        FileKind::Directory
    }

    fn ownership(&self) -> Ownership {
        Ownership::new(MODE, USER_ID, USER_ID)
    }

    fn stat(&self) -> Result<Stat> {
        Ok(Stat {
            dev: DEVICE,
            ino: self.ino,
            mode: S_IFDIR | MODE,
            nlink: 2,
            uid: USER_ID,
            gid: USER_ID,
            atime: self.made,
            mtime: self.made,
            ctime: self.made,
            btime: self.made,
            ..Stat::default()
        })
    }

    fn set_attributes(&self, attributes: &SetAttributes) -> Result<()> {
        let of_user = |id: Option<u32>| id.is_none_or(|id| id == USER_ID);
        let SetAttributes { uid, gid, .. } = *attributes;
        let owner_alone = SetAttributes {
            uid,
            gid,
            ..SetAttributes::default()
        };
        match self.real() {
            // It is the user's, and is made for nothing less than a change.
            Err(Errno::ENOENT) if *attributes == owner_alone => {
                let is_same = of_user(uid) && of_user(gid);
                is_same.then_some(()).ok_or(Errno::EPERM)
            }
            Err(Errno::ENOENT) => self.made()?.set_attributes(attributes),
            real => real?.set_attributes(attributes),
        }
    }

    fn lookup(&self, name: &[u8], caller: &Caller) -> Result<Arc<dyn Inode>> {
        self.real()?.lookup(name, caller)
    }

    fn path_below_root(&self) -> Option<Vec<u8>> {
        Some(self.path.to_vec())
    }

    fn parent(&self) -> Option<(Arc<dyn Inode>, Vec<u8>)> {
        let parent: Arc<dyn Inode> = match &self.above {
            Some(above) => above.clone(),
            None => self.fs.root(),
        };
        Some((parent, self.name().to_vec()))
    }

    fn create(&self, name: &[u8], new: &NewInode<'_>) -> Result<Arc<dyn Inode>> {
        self.made()?.create(name, new)
    }

    fn link(&self, name: &[u8], target: &Arc<dyn Inode>) -> Result<()> {
        self.made()?.link(name, target)
    }

    fn unlink(&self, name: &[u8]) -> Result<Arc<dyn Inode>> {
        self.real()?.unlink(name)
    }

    fn rmdir(&self, name: &[u8]) -> Result<Arc<dyn Inode>> {
        self.real()?.rmdir(name)
    }

    fn rename(
        &self,
        old_name: &[u8],
        new_dir: &Arc<dyn Inode>,
        new_name: &[u8],
        flags: RenameFlags,
    ) -> Result<Option<Arc<dyn Inode>>> {
        self.real()?.rename(old_name, new_dir, new_name, flags)
    }

    fn read_dir(&self, position: u64, max: usize, caller: &Caller) -> Result<Vec<DirCursor>> {
        match self.real() {
            Ok(real) => real.read_dir(position, max, caller),
            Err(Errno::ENOENT) => Ok(Vec::new()),
            Err(errno) => Err(errno),
        }
    }

    fn watchers(&self) -> Option<&Watchers> {
        Some(&self.watchers)
    }
}
