//! Files of the embedder's as a file system (`docs/design/mounts.md`).
//!
//! - [`files`]: what the embedder gives. `inode`: the files of the file system, by their paths. `opening`, `open_file`: those
//!   that are open. `cache`: what was found a moment ago. `leases`: what is true until a change is told. `children`: inodes of
//!   that, for the next walk. `contents`: small files that were read before. `following`: what others change.

mod cache;
mod children;
mod contents;
mod files;
mod following;
mod inode;
mod leases;
mod open_file;
mod opening;
#[cfg(test)]
mod tests;

pub use files::{
    HostAccess, HostAttributes, HostBroken, HostBrokenLease, HostChange, HostEntry, HostEvent,
    HostFile, HostFiles, HostHearer, HostLease, HostLeased, HostLink, HostListing, HostName,
    HostWatch, HostWhole,
};

use crate::abi::stat::StatFs;
use crate::errno::Result;
use crate::vfs::{FileSystem, Inode};
use cache::{Cache, Stamp};
use children::Held;
use contents::Contents;
use core::sync::atomic::{AtomicU64, Ordering};
use inode::HostInode;
use parking_lot::Mutex;
use std::collections::HashMap;
use std::sync::{Arc, Weak};

/// Device number of the first one.
const FIRST_DEVICE: u64 = 0x100;

/// Numbers of devices that were given.
static DEVICES: AtomicU64 = AtomicU64::new(FIRST_DEVICE);

/// A file system of the embedder's.
pub struct HostFs {
    shared: Arc<Shared>,
    root: Arc<HostInode>,
}

/// What its inodes share.
struct Shared {
    files: Arc<dyn HostFiles>,
    /// None where nothing may be taken for true that was found before.
    cache: Option<Cache>,
    contents: Contents,
    dev: u64,
    /// Inodes that are in use, so that one file is one inode: its watches are there, and it knows where it was moved to.
    live: Mutex<HashMap<Box<[u8]>, Weak<HostInode>>>,
    /// Inodes that are kept for the next walk.
    held: Held,
}

impl HostFs {
    /// Makes one. `cached`: what was found is taken for true for a tenth of a second, or until the embedder says that it may
    /// have changed something.
    pub fn new(files: Arc<dyn HostFiles>, cached: bool) -> Arc<HostFs> {
        let shared = Arc::new(Shared {
            files,
            cache: cached.then(Cache::new),
            contents: Contents::default(),
            dev: DEVICES.fetch_add(1, Ordering::Relaxed),
            live: Mutex::default(),
            held: Held::default(),
        });
        let root = HostInode::root(&shared);
        // One for all who look for it, from wherever they come.
        let known = Arc::downgrade(&root);
        shared.live.lock().insert(Box::default(), known);
        Arc::new(HostFs { shared, root })
    }
}

impl FileSystem for HostFs {
    fn name(&self) -> &'static str {
        "hostfs"
    }

    fn root(&self) -> Arc<dyn Inode> {
        self.root.clone()
    }

    fn statfs(&self) -> Result<StatFs> {
        self.shared.files.statfs()
    }

    fn keeps_mount_points(&self) -> bool {
        false
    }
}

impl Shared {
    /// Asks what has changed by leases, where something is to be taken for true.
    fn renew(&self) {
        if let Some(cache) = &self.cache {
            cache.renew(&*self.files);
        }
    }

    /// Whether what was found then is still taken for true.
    fn is_fresh(&self, stamp: &Stamp) -> bool {
        let cache = self.cache.as_ref();
        cache.is_some_and(|cache| stamp.is_fresh((&*self.files, &cache.leases)))
    }

    /// Attributes of a name in a directory, whose path with the name is `path`.
    fn lookup(&self, directory: &[u8], name: &[u8], path: &[u8]) -> Result<HostAttributes> {
        match &self.cache {
            Some(cache) => cache.lookup(&*self.files, directory, name, path),
            None => self.files.stat(path),
        }
    }

    /// Where a link leads.
    fn read_link(&self, path: &[u8]) -> Result<HostLink> {
        self.renew();
        match &self.cache {
            Some(cache) => cache.read_link(&*self.files, path),
            None => self.files.read_link(path),
        }
    }

    /// A guest, or somebody who was heard of, has changed something at a path.
    fn changed(&self, path: &[u8]) {
        if let Some(cache) = &self.cache {
            cache.forget(split(path).0);
        }
    }
}

/// The path of a name in a directory.
fn below(directory: &[u8], name: &[u8]) -> Vec<u8> {
    let mut path = Vec::with_capacity(directory.len() + 1 + name.len());
    path.extend_from_slice(directory);
    if !directory.is_empty() {
        path.push(b'/');
    }
    path.extend_from_slice(name);
    path
}

/// Directory and name of a path; both are empty for the root's.
fn split(path: &[u8]) -> (&[u8], &[u8]) {
    match path.iter().rposition(|byte| *byte == b'/') {
        Some(slash) => (&path[..slash], &path[slash + 1..]),
        None => (&[], path),
    }
}
