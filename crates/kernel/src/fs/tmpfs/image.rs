//! Files of a tmpfs as bytes.
//!
//! # Format
//! The magic number, then one record per inode, the root first: its length as a little-endian `u32`, a postcard-encoded
//! [`Saved`], and for a regular file the bytes of those extents that are in no segment. A record of length 0 ends the
//! image. Whoever reads one believes nothing of it: it may have been forged.

use super::data::CHUNK;
use crate::abi::fcntl::{NAME_MAX, PATH_MAX};
use crate::errno::{Errno, Result};
use serde::{Deserialize, Serialize};
use std::collections::{HashMap, HashSet};

/// Marks the format; changes with it.
pub(super) const MAGIC: [u8; 8] = *b"SEXPFS03";

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Saved {
    pub ino: u64,
    pub mode: u32,
    pub uid: u32,
    pub gid: u32,
    /// Access, modification, change and creation time: seconds and nanoseconds.
    pub times: [(i64, u32); 4],
    /// Number of the lower file that an overlay has copied.
    pub origin: Option<u64>,
    pub body: SavedBody,
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) enum SavedBody {
    /// Length, and what of it is stored.
    Regular {
        size: u64,
        extents: Vec<SavedExtent>,
    },
    /// Names and inode numbers, and what an overlay has noted.
    Directory {
        entries: Vec<(Vec<u8>, u64)>,
        lower: SavedLower,
        whiteouts: Vec<Vec<u8>>,
    },
    Symlink {
        target: Vec<u8>,
    },
    Fifo,
}

/// Stored bytes of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct SavedExtent {
    /// Where they belong in the file.
    pub at: u64,
    pub count: u64,
    /// The segment that they are in, by its index, and where in it; without, they follow the record.
    pub place: Option<(u32, u64)>,
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) enum SavedLower {
    SameName,
    Cut,
    At(Vec<u8>),
}

/// A record and the file contents that follow it.
pub(super) struct Record<'a> {
    pub saved: Saved,
    pub contents: &'a [u8],
}

/// Appends a record, without contents.
pub(super) fn append(saved: &Saved, to: &mut dyn FnMut(&[u8])) {
    let record = postcard::to_stdvec(saved).expect("a record holds only plain data");
    let length =
        u32::try_from(record.len()).expect("the names of a directory are fewer than 4 GiB");
    to(&length.to_le_bytes());
    to(&record);
}

/// Ends an image.
pub(super) fn end(to: &mut dyn FnMut(&[u8])) {
    to(&0u32.to_le_bytes());
}

/// Splits an image, whose segments have these lengths, into its records by inode number; the root's number comes with
/// them.
pub(super) fn parse<'a>(
    bytes: &'a [u8],
    segments: &[u64],
) -> Option<(u64, HashMap<u64, Record<'a>>)> {
    let mut rest = bytes.strip_prefix(&MAGIC)?;
    let mut records = HashMap::new();
    let mut root = None;
    loop {
        let (length, after) = rest.split_first_chunk::<4>()?;
        let length = usize::try_from(u32::from_le_bytes(*length)).ok()?;
        if length == 0 {
            return Some((root?, records)).filter(|_| after.is_empty());
        }
        let (record, after) = after.split_at_checked(length)?;
        let saved: Saved = postcard::from_bytes(record).ok()?;
        if !is_possible(&saved, segments) {
            return None;
        }
        let counted = match &saved.body {
            SavedBody::Regular { extents, .. } => extents
                .iter()
                .filter(|extent| extent.place.is_none())
                .try_fold(0u64, |sum, extent| sum.checked_add(extent.count))?,
            _ => 0,
        };
        let (contents, after) = after.split_at_checked(usize::try_from(counted).ok()?)?;
        root.get_or_insert(saved.ino);
        records.insert(saved.ino, Record { saved, contents });
        rest = after;
    }
}

/// Could system calls have made that inode? Other code relies on what they check.
fn is_possible(saved: &Saved, segments: &[u64]) -> bool {
    let is_name = |name: &[u8]| {
        let dots = name == b"." || name == b"..";
        !name.is_empty()
            && name.len() <= NAME_MAX
            && !dots
            && !name.iter().any(|b| b"/\0".contains(b))
    };
    let in_range = saved.times.iter().all(|(_, nsec)| *nsec < 1_000_000_000);
    in_range
        && match &saved.body {
            SavedBody::Regular { size, extents } => are_possible(*size, extents, segments),
            SavedBody::Fifo => true,
            SavedBody::Directory {
                entries,
                lower,
                whiteouts,
            } => {
                let below = match lower {
                    SavedLower::At(path) => path.split(|byte| *byte == b'/').all(is_name),
                    SavedLower::SameName | SavedLower::Cut => true,
                };
                below
                    && whiteouts.iter().all(|name| is_name(name))
                    && entries.iter().all(|(name, _)| is_name(name))
            }
            SavedBody::Symlink { target } => {
                !target.is_empty() && target.len() < PATH_MAX && !target.contains(&0)
            }
        }
}

/// Those in segments are chunks, one after the other, within their file and their segment.
fn are_possible(size: u64, extents: &[SavedExtent], segments: &[u64]) -> bool {
    let mut free = 0;
    extents.iter().all(|extent| {
        let SavedExtent { at, count, place } = *extent;
        let Some((index, offset)) = place else {
            return true;
        };
        let segment = usize::try_from(index)
            .ok()
            .and_then(|index| segments.get(index));
        let is_within = |start: u64, end: u64| start.checked_add(count).is_some_and(|e| e <= end);
        let follows = at % CHUNK == 0 && at >= free && (1..=CHUNK).contains(&count);
        free = at.saturating_add(1);
        follows && is_within(at, size) && segment.is_some_and(|end| is_within(offset, *end))
    })
}

/// Files that were captured, as whoever holds the segments of their bytes sees them.
#[derive(Debug)]
pub struct FileImage {
    root: u64,
    inodes: HashMap<u64, Saved>,
    names: u64,
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
        self.extents.iter().filter_map(|extent| {
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
    /// - `EINVAL`: it is none, or has more than `most_names` names, or no path for one of its files.
    pub fn parse(bytes: &[u8], segments: &[u64], most_names: u64) -> Result<FileImage> {
        let (root, records) = parse(bytes, segments).ok_or(Errno::EINVAL)?;
        if records.values().any(|record| !record.contents.is_empty()) {
            return Err(Errno::EINVAL);
        }
        let inodes: HashMap<u64, Saved> = records
            .into_iter()
            .map(|(ino, record)| (ino, record.saved))
            .collect();
        let mut image = FileImage {
            root,
            inodes,
            names: 0,
        };
        image.names = image.count_names(most_names).ok_or(Errno::EINVAL)?;
        Ok(image)
    }

    /// Counts names, each directory once; none if there are too many, if a path is too long, or if a directory has two.
    fn count_names(&self, most: u64) -> Option<u64> {
        let mut names = 0;
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
                if let SavedBody::Directory { .. } = &self.inodes.get(ino)?.body {
                    if !seen.insert(*ino) {
                        return None;
                    }
                    pending.push((*ino, length));
                }
            }
        }
        Some(names)
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
    pub fn list(&self) -> Vec<(Vec<u8>, ImageFile<'_>)> {
        let mut listed = Vec::new();
        let mut pending = Vec::new();
        self.push_children(self.root, b"", &mut pending);
        while let Some((path, ino)) = pending.pop() {
            let Some(saved) = self.inodes.get(&ino) else {
                continue;
            };
            if let SavedBody::Directory { .. } = &saved.body {
                self.push_children(ino, &path, &mut pending);
            }
            listed.push((path, image_file(saved)));
        }
        listed
    }

    /// The file of a number.
    pub fn file(&self, ino: u64) -> Option<ImageFile<'_>> {
        self.inodes.get(&ino).map(image_file)
    }

    fn push_children(&self, directory: u64, path: &[u8], pending: &mut Vec<(Vec<u8>, u64)>) {
        let body = self.inodes.get(&directory).map(|saved| &saved.body);
        let Some(SavedBody::Directory { entries, .. }) = body else {
            return;
        };
        let mut children: Vec<&(Vec<u8>, u64)> = entries.iter().collect();
        children.sort_unstable_by(|one, other| other.0.cmp(&one.0));
        pending.extend(children.into_iter().map(|(name, ino)| {
            let slash: &[u8] = if path.is_empty() { b"" } else { b"/" };
            ([path, slash, name].concat(), *ino)
        }));
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
