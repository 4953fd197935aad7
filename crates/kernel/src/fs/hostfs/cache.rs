//! What was found of the embedder's files, for a moment.
//!
//! Programs look up the same few directories over and over, and most of what they look for is not there. A directory in which
//! two names were looked up is listed once, with the attributes of everything in it, and answers for both. Directories beside
//! one that was listed are listed at once. Where the embedder tells of changes a listing is true until then (`leases`). Far down
//! what was found is true for longer: each walk passes all directories above, and there must be time to ask for them anew.

use super::files::{HostAttributes, HostEntry, HostFiles, HostLink, HostListing};
use super::leases::{FRESH, LONGEST, Leased, Leases};
use super::split;
use crate::abi::stat::{S_IFDIR, S_IFLNK, S_IFMT, S_IFREG};
use crate::errno::{Errno, Result};
use core::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use core::time::Duration;
use parking_lot::Mutex;
use std::collections::HashMap;
use std::sync::Arc;

/// Names that are kept, of all directories together: some 20 MB of them at most.
const MOST_NAMES: usize = 1 << 16;

/// Lookups in a directory from which on it is listed instead.
const LOOKUPS: u32 = 2;

/// Directories on a path beyond which what was found is taken for true for longer, and by how much for each: by so much that to
/// ask for all of them anew takes a part of that time, also where the embedder has much else to do. It is eight seconds for the
/// longest path.
const SHALLOW: usize = 16;
const LONGER: Duration = Duration::from_millis(4);

/// How long what was found at a path is taken for true.
fn lasting(path: &[u8]) -> Duration {
    let depth = path.iter().filter(|byte| **byte == b'/').count();
    let beyond = u32::try_from(depth.saturating_sub(SHALLOW)).unwrap_or(u32::MAX);
    LONGER.saturating_mul(beyond).saturating_add(FRESH)
}

/// When something was found.
#[derive(Clone)]
pub(super) struct Stamp {
    at: Duration,
    lasts: Duration,
    generation: u64,
    /// Tells of changes since.
    leased: Option<Leased>,
}

impl Stamp {
    /// Of what is at a path now.
    pub fn now(files: &dyn HostFiles, path: &[u8]) -> Stamp {
        Stamp::lasting(files, lasting(path))
    }

    /// Of what is found now, and lasts as long.
    fn anew(&self, files: &dyn HostFiles) -> Stamp {
        Stamp::lasting(files, self.lasts)
    }

    fn lasting(files: &dyn HostFiles, lasts: Duration) -> Stamp {
        Stamp {
            at: files.now(),
            lasts,
            generation: files.generation(),
            leased: None,
        }
    }

    /// Whether it is still taken for true. Does not ask the embedder: that is [`Leases::renew`]'s.
    pub fn is_fresh(&self, (files, leases): Source<'_>) -> bool {
        let age = files.now().saturating_sub(self.at);
        let is_leased = || {
            let leased = self.leased.as_ref();
            age < LONGEST && leased.is_some_and(Leased::holds) && leases.are_renewed(files)
        };
        self.generation == files.generation() && age < self.lasts || is_leased()
    }

    /// Whether a change would be told of, and none was.
    pub fn is_leased(&self) -> bool {
        self.leased.as_ref().is_some_and(Leased::holds)
    }
}

/// Who is asked, and what was said of leases.
pub(super) type Source<'a> = (&'a dyn HostFiles, &'a Leases);

/// A directory whose names are all known.
pub(super) struct Directory {
    pub entries: Vec<HostEntry>,
    by_name: HashMap<Box<[u8]>, usize>,
    /// Its own attributes, where they are leased with its names.
    own: Option<HostAttributes>,
    stamp: Stamp,
    /// How often files of it were read.
    reads: AtomicUsize,
    /// The same of a directory in it, the most of all; none was listed.
    reads_below: AtomicUsize,
    lists_below: AtomicBool,
    /// A guest has changed it, or it was listed anew.
    is_old: AtomicBool,
}

impl Directory {
    fn new(listing: HostListing, own: Option<HostAttributes>, mut stamp: Stamp) -> Directory {
        let names = listing.entries.iter().enumerate();
        // Whoever writes to a file by another name is not told of here.
        if listing.entries.iter().any(has_other_names) {
            stamp.leased = None;
        }
        Directory {
            own: own.filter(|_| stamp.is_leased()),
            by_name: names
                .map(|(index, entry)| (entry.name.clone().into(), index))
                .collect(),
            entries: listing.entries,
            stamp,
            reads: AtomicUsize::new(0),
            reads_below: AtomicUsize::new(0),
            lists_below: AtomicBool::new(false),
            is_old: AtomicBool::new(false),
        }
    }

    /// Takes over what is known of its use.
    fn succeed(&self, old: &Directory) {
        old.is_old.store(true, Ordering::Release);
        let copy = |to: &AtomicUsize, from: &AtomicUsize| {
            to.store(from.load(Ordering::Relaxed), Ordering::Relaxed);
        };
        copy(&self.reads, &old.reads);
        copy(&self.reads_below, &old.reads_below);
        let lists_below = old.lists_below.load(Ordering::Relaxed);
        self.lists_below.store(lists_below, Ordering::Relaxed);
    }

    /// All entries but that of a name, from the one behind it on.
    pub fn following(&self, name: &[u8]) -> impl Iterator<Item = &HostEntry> {
        let at = self.find(name);
        let (before, after) = match at {
            Some(at) => (&self.entries[..at], &self.entries[at + 1..]),
            None => (&self.entries[..], &[][..]),
        };
        after.iter().chain(before)
    }

    /// Where a name is in it.
    pub fn find(&self, name: &[u8]) -> Option<usize> {
        self.by_name.get(name).copied()
    }

    /// Whether it still says what is there, as far as may be taken for true.
    pub fn is_true(&self, source: Source<'_>) -> bool {
        !self.is_old.load(Ordering::Acquire) && self.stamp.is_fresh(source)
    }

    /// Its own attributes, and until when they are true.
    pub fn own(&self) -> Option<(HostAttributes, Stamp)> {
        Some((self.own?, self.stamp.clone()))
    }

    /// Until when attributes that it has of a name are true. Those of a directory change with what is in it, which is not
    /// told of here.
    pub fn seen(&self, files: &dyn HostFiles, attributes: &HostAttributes) -> Stamp {
        match attributes.mode & S_IFMT {
            S_IFREG | S_IFLNK if self.stamp.is_leased() => self.stamp.clone(),
            _ => self.stamp.anew(files),
        }
    }

    fn get(&self, name: &[u8]) -> Result<HostAttributes> {
        let index = self.find(name).ok_or(Errno::ENOENT)?;
        Ok(self.entries[index].attributes)
    }
}

fn has_other_names(entry: &HostEntry) -> bool {
    entry.attributes.mode & S_IFMT != S_IFDIR && entry.attributes.nlink > 1
}

/// A directory of which single names are known.
#[derive(Default)]
struct Names {
    found: HashMap<Box<[u8]>, (Stamp, Option<HostAttributes>)>,
    lookups: u32,
    /// It has more names than one piece of a listing.
    is_large: bool,
}

#[derive(Default)]
struct Known {
    directories: HashMap<Box<[u8]>, Arc<Directory>>,
    names: HashMap<Box<[u8]>, Names>,
    /// Where links lead.
    links: HashMap<Box<[u8]>, (Stamp, HostLink)>,
    /// How many names are kept.
    count: usize,
    /// Counts what guests have changed: what was on its way meanwhile may be older than that.
    changes: u64,
}

impl Known {
    fn clear(&mut self) {
        for (_, gone) in self.directories.drain() {
            gone.is_old.store(true, Ordering::Release);
        }
        self.names.clear();
        self.links.clear();
        self.count = 0;
    }

    /// Lets go of what leases that are over say: nobody may come by to find out.
    fn drop_broken(&mut self) {
        self.directories
            .retain(|_, known| !known.stamp.leased.as_ref().is_some_and(Leased::is_over));
        let holds = |leased: &Leased| leased.holds();
        self.links
            .retain(|_, (stamp, _)| stamp.leased.as_ref().is_none_or(holds));
        let listed = self.directories.values();
        let listed: usize = listed.map(|known| known.entries.len()).sum();
        let single: usize = self.names.values().map(|names| names.found.len()).sum();
        self.count = listed + single + self.links.len();
    }

    /// The directory that one is in, if all names of that are known.
    fn parent(&self, directory: &[u8]) -> Option<&Arc<Directory>> {
        let is_root = directory.is_empty();
        let parent = self.directories.get(split(directory).0);
        parent.filter(|_| !is_root)
    }

    fn make_room(&mut self, count: usize) {
        if self.count + count > MOST_NAMES {
            self.clear();
        }
        self.count += count;
    }
}

/// What was found, by the paths of directories.
pub(super) struct Cache {
    known: Mutex<Known>,
    pub leases: Arc<Leases>,
}

/// What is to be done for a lookup.
enum Plan {
    Answer(Result<HostAttributes>),
    List,
    Stat,
}

impl Cache {
    pub fn new() -> Cache {
        Cache {
            known: Mutex::default(),
            leases: Leases::new(),
        }
    }

    /// Asks what has changed by leases, where something is to be taken for true.
    pub fn renew(&self, files: &dyn HostFiles) {
        if self.leases.renew(files) {
            self.known.lock().drop_broken();
        }
    }

    fn source<'a>(&'a self, files: &'a dyn HostFiles) -> Source<'a> {
        (files, &self.leases)
    }

    /// A directory's names from the beginning, with a lease of them where the embedder gives some; None if they are too many
    /// for one piece.
    fn read(&self, files: &dyn HostFiles, path: &[u8]) -> Result<Option<Directory>> {
        let mut stamp = Stamp::now(files, path);
        if let Some((leased, wanted)) = self.leases.begin(path) {
            match files.read_leased(path, &wanted) {
                Ok(found) => {
                    if found.holds {
                        stamp.leased = Some(leased);
                    } else {
                        self.leases.refuse(&wanted);
                    }
                    let listing = found.listing;
                    let is_whole = listing.last;
                    let own = Some(found.attributes);
                    return Ok(is_whole.then(|| Directory::new(listing, own, stamp)));
                }
                Err(errno) => {
                    self.leases.refuse(&wanted);
                    if errno != Errno::ENOSYS {
                        return Err(errno);
                    }
                    self.leases.give_up();
                }
            }
        }
        let listing = files.read_dir(path, 0)?;
        Ok(listing.last.then(|| Directory::new(listing, None, stamp)))
    }

    /// Attributes of a name in a directory, whose path with the name is `path`.
    pub fn lookup(
        &self,
        files: &dyn HostFiles,
        directory: &[u8],
        name: &[u8],
        path: &[u8],
    ) -> Result<HostAttributes> {
        let (plan, changes) = self.plan(files, directory, name);
        match plan {
            Plan::Answer(answer) => answer,
            Plan::Stat => self.stat(files, (directory, name), path, changes),
            Plan::List => match self.read(files, directory) {
                Ok(Some(found)) => {
                    let answer = found.get(name);
                    self.keep(directory, found, changes);
                    answer
                }
                // What may not be listed may hold what may be looked up.
                _ => {
                    self.is_large(directory);
                    self.stat(files, (directory, name), path, changes)
                }
            },
        }
    }

    /// The whole of a directory, if it is known or can be had at once; None where it was found to be too large for that.
    pub fn list(&self, files: &dyn HostFiles, directory: &[u8]) -> Result<Option<Arc<Directory>>> {
        if let Some(known) = self.known(files, directory) {
            return Ok(Some(known));
        }
        let changes = {
            let known = self.known.lock();
            // Each piece of it would be asked for with the first one.
            if known
                .names
                .get(directory)
                .is_some_and(|names| names.is_large)
            {
                return Ok(None);
            }
            known.changes
        };
        let Some(found) = self.read(files, directory)? else {
            self.is_large(directory);
            return Ok(None);
        };
        Ok(Some(self.keep(directory, found, changes)))
    }

    /// A directory has more names than a piece of a listing, or may not be listed.
    fn is_large(&self, directory: &[u8]) {
        let mut known = self.known.lock();
        known.names.entry(directory.into()).or_default().is_large = true;
    }

    /// A directory, if all its names are known.
    pub fn known(&self, files: &dyn HostFiles, directory: &[u8]) -> Option<Arc<Directory>> {
        let known = self.known.lock().directories.get(directory).cloned();
        known.filter(|known| known.stamp.is_fresh(self.source(files)))
    }

    /// Counts that a file of a directory is read; gives how often that was done before, or how often it was enough to in one
    /// beside it.
    pub fn reading(&self, path: &[u8], directory: &Directory) -> usize {
        let known = self.known.lock();
        let parent = known.parent(path);
        let before = directory.reads.fetch_add(1, Ordering::Relaxed);
        let Some(parent) = parent else {
            return before;
        };
        let beside = parent.reads_below.fetch_max(before, Ordering::Relaxed);
        if before == 0 {
            directory.reads.store(beside + 1, Ordering::Relaxed);
        }
        before.max(beside)
    }

    /// Where a link leads.
    pub fn read_link(&self, files: &dyn HostFiles, path: &[u8]) -> Result<HostLink> {
        let (changes, stamp) = {
            let known = self.known.lock();
            if let Some((stamp, link)) = known.links.get(path)
                && stamp.is_fresh(self.source(files))
            {
                return Ok(link.clone());
            }
            // Where a link leads never changes, and a lease of its directory's names tells of another in its place.
            let directory = known.directories.get(split(path).0);
            let stamp = directory.filter(|directory| directory.stamp.is_fresh(self.source(files)));
            let stamp = stamp.map(|directory| directory.stamp.clone());
            (known.changes, stamp)
        };
        let stamp = stamp.unwrap_or_else(|| Stamp::now(files, path));
        let link = files.read_link(path)?;
        let mut known = self.known.lock();
        if known.changes == changes {
            known.make_room(1);
            let replaced = known.links.insert(path.into(), (stamp, link.clone()));
            known.count -= usize::from(replaced.is_some());
        }
        Ok(link)
    }

    /// A guest has changed what a directory holds, or something in it.
    pub fn forget(&self, directory: &[u8]) {
        let mut known = self.known.lock();
        known.changes += 1;
        known.count = known.count.saturating_sub(known.links.len());
        known.links.clear();
        if let Some(gone) = known.directories.remove(directory) {
            gone.is_old.store(true, Ordering::Release);
            known.count = known.count.saturating_sub(gone.entries.len());
        }
        if let Some(gone) = known.names.remove(directory) {
            known.count = known.count.saturating_sub(gone.found.len());
        }
    }

    /// A guest has moved directories.
    pub fn forget_all(&self) {
        let mut known = self.known.lock();
        known.changes += 1;
        known.clear();
    }

    fn plan(&self, files: &dyn HostFiles, directory: &[u8], name: &[u8]) -> (Plan, u64) {
        let mut known = self.known.lock();
        let changes = known.changes;
        if let Some(found) = known.directories.get(directory) {
            if found.stamp.is_fresh(self.source(files)) {
                return (Plan::Answer(found.get(name)), changes);
            }
            // Where it was of use, it is again.
            return (Plan::List, changes);
        }
        let Some(names) = known.names.get_mut(directory) else {
            let lists = known
                .parent(directory)
                .is_some_and(|parent| parent.lists_below.load(Ordering::Relaxed));
            known.names.insert(directory.into(), Names::default());
            return (if lists { Plan::List } else { Plan::Stat }, changes);
        };
        if let Some((stamp, found)) = names.found.get(name)
            && stamp.is_fresh(self.source(files))
        {
            return (Plan::Answer(found.ok_or(Errno::ENOENT)), changes);
        }
        names.lookups += 1;
        let lists = names.lookups >= LOOKUPS && !names.is_large;
        (if lists { Plan::List } else { Plan::Stat }, changes)
    }

    fn stat(
        &self,
        files: &dyn HostFiles,
        (directory, name): (&[u8], &[u8]),
        path: &[u8],
        changes: u64,
    ) -> Result<HostAttributes> {
        let stamp = Stamp::now(files, path);
        let found = match files.stat(path) {
            Ok(attributes) => Some(attributes),
            Err(Errno::ENOENT) => None,
            Err(errno) => return Err(errno),
        };
        let mut known = self.known.lock();
        if known.changes == changes {
            known.make_room(1);
            let names = known.names.entry(directory.into()).or_default();
            let replaced = names.found.insert(name.into(), (stamp, found));
            known.count -= usize::from(replaced.is_some());
        }
        found.ok_or(Errno::ENOENT)
    }

    fn keep(&self, directory: &[u8], found: Directory, changes: u64) -> Arc<Directory> {
        let found = Arc::new(found);
        let mut known = self.known.lock();
        if known.changes == changes {
            known.make_room(found.entries.len());
            if let Some(names) = known.names.remove(directory) {
                known.count = known.count.saturating_sub(names.found.len());
            }
            if let Some(parent) = known.parent(directory) {
                parent.lists_below.store(true, Ordering::Relaxed);
            }
            if let Some(old) = known.directories.insert(directory.into(), found.clone()) {
                found.succeed(&old);
                known.count = known.count.saturating_sub(old.entries.len());
            }
        }
        found
    }
}
