//! Files of a tmpfs as bytes.
//!
//! # Format
//! The magic number, then one record per inode, the root first: its length as a little-endian `u32`, a postcard-encoded
//! [`Saved`], and for a regular file the bytes of those extents that are in no segment. A record of length 0 ends the
//! image. Whoever reads one believes nothing of it: it may have been forged.

use super::data::CHUNK;
use crate::abi::fcntl::{NAME_MAX, PATH_MAX};
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
    let mut records = HashMap::new();
    let root = split(bytes, segments, &mut |_| true, &mut |record| {
        let former = records.insert(record.saved.ino, record);
        former.is_none()
    })?;
    Some((root, records))
}

/// Hands out the records of an image one by one, as long as they are taken and, before they are decoded, admitted; what is given
/// back is the root's number.
pub(super) fn split<'a>(
    bytes: &'a [u8],
    segments: &[u64],
    admits: &mut dyn FnMut(&[u8]) -> bool,
    takes: &mut dyn FnMut(Record<'a>) -> bool,
) -> Option<u64> {
    let mut rest = bytes.strip_prefix(&MAGIC)?;
    let mut root = None;
    loop {
        let (length, after) = rest.split_first_chunk::<4>()?;
        let length = usize::try_from(u32::from_le_bytes(*length)).ok()?;
        if length == 0 {
            return root.filter(|_| after.is_empty());
        }
        let (record, after) = after.split_at_checked(length)?;
        if !admits(record) {
            return None;
        }
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
        if !takes(Record { saved, contents }) {
            return None;
        }
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
                    && are_different(entries)
            }
            SavedBody::Symlink { target } => {
                !target.is_empty() && target.len() < PATH_MAX && !target.contains(&0)
            }
        }
}

/// A directory has each name once.
fn are_different(entries: &[(Vec<u8>, u64)]) -> bool {
    let names: HashSet<&[u8]> = entries.iter().map(|(name, _)| &name[..]).collect();
    names.len() == entries.len()
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
