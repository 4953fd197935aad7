//! Captured files, as whoever holds the segments of their bytes sees them: the host, which believes nothing of them.

use super::image::{Record, Saved, SavedBody, SavedExtent, split};
use super::image_parts::Parts;
use super::quota::BLOCK;
use crate::abi::fcntl::PATH_MAX;
use crate::errno::{Errno, Result};
use std::collections::{HashMap, HashSet};

/// What the files of a machine can be, by its limits. What an image takes to be read grows with these and with its length.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ImageBounds {
    /// Names, and so files.
    pub names: u64,
    /// Bytes that are stored, in whole blocks.
    pub stored_bytes: u64,
    /// Length of a file.
    pub file_bytes: u64,
}

/// Files that were captured.
#[derive(Debug)]
pub struct FileImage {
    root: u64,
    inodes: HashMap<u64, Saved>,
    names: u64,
    /// Those with several names.
    linked: HashSet<u64>,
}

/// Something with a name.
#[derive(Clone, Copy, Debug)]
pub struct ImageFile<'a> {
    /// The same for all names of a file.
    pub ino: u64,
    /// Permission bits.
    pub mode: u32,
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
    /// When its bytes were changed last: seconds and nanoseconds.
    pub mtime: (i64, u32),
    /// What it is.
    pub kind: ImageKind<'a>,
}

/// What a file is.
#[derive(Clone, Copy, Debug)]
pub enum ImageKind<'a> {
    /// A directory.
    Directory,
    /// A symbolic link, and its target.
    Symlink(&'a [u8]),
    /// A named pipe.
    Fifo,
    /// A regular file.
    Regular(ImageContents<'a>),
}

/// Where the bytes of a regular file are.
#[derive(Clone, Copy, Debug)]
pub struct ImageContents<'a> {
    /// Length of the file.
    pub size: u64,
    extents: &'a [SavedExtent],
}

impl ImageContents<'_> {
    /// What is stored: where it belongs, how much, the index of its segment and where in that. The rest is zeroes.
    pub fn extents(&self) -> impl Iterator<Item = (u64, u64, usize, u64)> {
        self.extents_from(0)
    }

    /// What is stored from a place on.
    pub fn extents_from(&self, at: u64) -> impl Iterator<Item = (u64, u64, usize, u64)> {
        let before = self
            .extents
            .partition_point(|extent| extent.at + extent.count <= at);
        let rest = self.extents.get(before..).unwrap_or_default();
        rest.iter().filter_map(|extent| {
            let (index, offset) = extent.place?;
            Some((
                extent.at,
                extent.count,
                usize::try_from(index).ok()?,
                offset,
            ))
        })
    }
}

impl FileImage {
    /// Reads an image whose bytes are all in segments of these lengths.
    ///
    /// # Errors
    /// - `EINVAL`: it is none, passes a bound, or has a file that no path leads to.
    pub fn parse(bytes: &[u8], segments: &[u64], bounds: ImageBounds) -> Result<FileImage> {
        let mut inodes = HashMap::new();
        let mut stored = 0;
        let mut parts = Parts::left(bounds);
        let mut admits = |record: &[u8]| parts.take(record).is_some();
        let root = split(bytes, segments, &mut admits, &mut |record| {
            let Record { saved, contents } = record;
            let is_within = contents.is_empty() && add_stored(&saved.body, bounds, &mut stored);
            is_within && inodes.insert(saved.ino, saved).is_none()
        });
        let mut image = FileImage {
            root: root.ok_or(Errno::EINVAL)?,
            inodes,
            names: 0,
            linked: HashSet::new(),
        };
        image.count_names(bounds.names).ok_or(Errno::EINVAL)?;
        Ok(image)
    }

    /// Counts names, each directory once; none if there are too many, if a path is too long, if a directory has two, or if
    /// something has none.
    fn count_names(&mut self, most: u64) -> Option<()> {
        let mut names = 0;
        let mut linked = HashSet::new();
        let mut seen = HashSet::from([self.root]);
        let mut pending = vec![(self.root, 1)];
        while let Some((ino, length)) = pending.pop() {
            let SavedBody::Directory { entries, .. } = &self.inodes.get(&ino)?.body else {
                return None;
            };
            names += entries.len() as u64;
            if names > most {
                return None;
            }
            for (name, ino) in entries {
                let length = length + name.len() + 1;
                if length > PATH_MAX {
                    return None;
                }
                let is_new = seen.insert(*ino);
                if let SavedBody::Directory { .. } = &self.inodes.get(ino)?.body {
                    if !is_new {
                        return None;
                    }
                    pending.push((*ino, length));
                } else if !is_new {
                    linked.insert(*ino);
                }
            }
        }
        self.names = names;
        self.linked = linked;
        (seen.len() == self.inodes.len()).then_some(())
    }

    /// Whether a file has several names.
    pub fn is_linked(&self, ino: u64) -> bool {
        self.linked.contains(&ino)
    }

    /// Names of everything below the root.
    pub fn names(&self) -> u64 {
        self.names
    }

    /// Bytes of its regular files, each counted once, holes included.
    pub fn bytes(&self) -> u64 {
        let sizes = self.inodes.values().map(|saved| match &saved.body {
            SavedBody::Regular { size, .. } => *size,
            _ => 0,
        });
        sizes.fold(0, u64::saturating_add)
    }

    /// Regular files, links and pipes, by their names.
    pub fn files(&self) -> u64 {
        let directories = self
            .inodes
            .values()
            .filter(|saved| matches!(saved.body, SavedBody::Directory { .. }));
        // The root has no name.
        self.names
            .saturating_sub((directories.count() as u64).saturating_sub(1))
    }

    /// Everything below the root, a directory before what it holds, by names in the order of their bytes. Paths have no
    /// slash before them.
    pub fn list(&self) -> impl Iterator<Item = (Vec<u8>, ImageFile<'_>)> {
        let mut walk = Walk::new(self);
        core::iter::from_fn(move || {
            let (path, ino) = walk.step(self)?;
            Some((path, self.file(ino)?))
        })
    }

    /// The file of a number.
    pub fn file(&self, ino: u64) -> Option<ImageFile<'_>> {
        self.inodes.get(&ino).map(image_file)
    }

    fn entries(&self, directory: u64) -> Option<&[(Vec<u8>, u64)]> {
        match &self.inodes.get(&directory)?.body {
            SavedBody::Directory { entries, .. } => Some(entries),
            _ => None,
        }
    }
}

/// Adds what is stored of a file; whether that is within bounds.
fn add_stored(body: &SavedBody, bounds: ImageBounds, stored: &mut u64) -> bool {
    let SavedBody::Regular { size, extents } = body else {
        return true;
    };
    for extent in extents {
        let taken = extent.count.div_ceil(BLOCK).saturating_mul(BLOCK);
        *stored = stored.saturating_add(taken);
    }
    *size <= bounds.file_bytes
        && *stored <= bounds.stored_bytes
        && extents.iter().all(|extent| extent.place.is_some())
}

/// A place in the list of the files of an image. Its memory is that of the names of directories on the way to it, not of paths.
#[derive(Debug)]
pub struct Walk {
    path: Vec<u8>,
    /// Directories on the way, the deepest last.
    way: Vec<Level>,
}

#[derive(Debug)]
struct Level {
    directory: u64,
    /// Its entries that are still to come, the next at the end.
    rest: Vec<u32>,
    /// Of its own path.
    length: usize,
}

impl Walk {
    /// The beginning.
    #[must_use]
    pub fn new(image: &FileImage) -> Walk {
        let mut walk = Walk {
            path: Vec::new(),
            way: Vec::new(),
        };
        walk.enter(image, image.root);
        walk
    }

    /// The next path, and the number of what it leads to; none at the end.
    pub fn step(&mut self, image: &FileImage) -> Option<(Vec<u8>, u64)> {
        loop {
            let level = self.way.last_mut()?;
            let Some(index) = level.rest.pop() else {
                self.way.pop();
                continue;
            };
            let entries = image.entries(level.directory)?;
            let (name, ino) = entries.get(usize::try_from(index).ok()?)?;
            self.path.truncate(level.length);
            if !self.path.is_empty() {
                self.path.push(b'/');
            }
            self.path.extend_from_slice(name);
            let found = (self.path.clone(), *ino);
            self.enter(image, *ino);
            return Some(found);
        }
    }

    fn enter(&mut self, image: &FileImage, ino: u64) {
        let Some(entries) = image.entries(ino) else {
            return;
        };
        let mut rest: Vec<u32> = (0..).take(entries.len()).collect();
        let name = |index: &u32| {
            let entry = usize::try_from(*index)
                .ok()
                .and_then(|index| entries.get(index));
            entry.map(|(name, _)| &name[..])
        };
        rest.sort_unstable_by(|one, other| name(other).cmp(&name(one)));
        self.way.push(Level {
            directory: ino,
            rest,
            length: self.path.len(),
        });
    }
}

fn image_file(saved: &Saved) -> ImageFile<'_> {
    let kind = match &saved.body {
        SavedBody::Directory { .. } => ImageKind::Directory,
        SavedBody::Symlink { target } => ImageKind::Symlink(target),
        SavedBody::Fifo => ImageKind::Fifo,
        SavedBody::Regular { size, extents } => ImageKind::Regular(ImageContents {
            size: *size,
            extents,
        }),
    };
    ImageFile {
        ino: saved.ino,
        mode: saved.mode & 0o7777,
        uid: saved.uid,
        gid: saved.gid,
        mtime: saved.times[1],
        kind,
    }
}

#[cfg(test)]
#[path = "file_image_tests.rs"]
mod tests;
