//! Contents of small files, for programs that read the same ones again: those of packages, above all.
//!
//! What was read is given again while the file has the number, the length and the times that it had then. A file that was
//! changed a moment ago may be changed again without its times telling: its contents are not kept. What is read is read with
//! others of its directory, the more of them the more of them were wanted.

use super::cache::{Cache, Directory};
use super::files::{HostAttributes, HostEntry, HostFiles};
use super::{below, split};
use crate::abi::stat::{S_IFMT, S_IFREG, Timespec};
use parking_lot::Mutex;
use std::collections::HashMap;
use std::sync::Arc;

/// Longest file that is kept.
const LONGEST: u64 = 64 << 10;

/// Bytes that are kept of all files together.
const MOST_BYTES: usize = 8 << 20;

/// Bytes that are asked for at a time, and what each file takes of them besides its own.
const MOST_AT_A_TIME: u64 = 112 << 10;
const EACH: u64 = 128;

/// Files that are asked for at a time, by how often that was done in their directory.
const FILES_AT_A_TIME: [usize; 4] = [1, 8, 32, 64];

/// Names that are looked at for files to be asked for.
const LOOKED_AT: usize = 256;

/// What tells one state of a file from another.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Version {
    ino: u64,
    size: u64,
    mtime: Timespec,
    ctime: Timespec,
}

impl Version {
    pub fn of(attributes: &HostAttributes) -> Version {
        Version {
            ino: attributes.ino,
            size: attributes.size,
            mtime: attributes.mtime,
            ctime: attributes.ctime,
        }
    }
}

/// A file as it was read.
#[derive(Clone)]
pub(super) struct Whole {
    pub version: Version,
    pub bytes: Arc<[u8]>,
}

impl Whole {
    /// Reads at an offset; 0 at the end of the file.
    pub fn read_at(&self, offset: u64, buf: &mut [u8]) -> usize {
        let start = usize::try_from(offset).unwrap_or(usize::MAX);
        let rest = self.bytes.get(start..).unwrap_or_default();
        let count = rest.len().min(buf.len());
        buf[..count].copy_from_slice(&rest[..count]);
        count
    }
}

#[derive(Default)]
struct Kept {
    files: HashMap<Box<[u8]>, Whole>,
    bytes: usize,
}

impl Kept {
    fn has(&self, path: &[u8], version: Version) -> bool {
        self.files
            .get(path)
            .is_some_and(|whole| whole.version == version)
    }

    fn insert(&mut self, path: &[u8], whole: Whole) {
        if self.bytes + whole.bytes.len() > MOST_BYTES {
            *self = Kept::default();
        }
        self.bytes += whole.bytes.len();
        let replaced = self.files.insert(path.into(), whole);
        self.bytes -= replaced.map_or(0, |whole| whole.bytes.len());
    }
}

/// Contents by path.
#[derive(Default)]
pub(super) struct Contents(Mutex<Kept>);

impl Contents {
    /// The file at a path, if its contents are those that were read before.
    pub fn find(&self, path: &[u8], attributes: &HostAttributes) -> Option<Whole> {
        let kept = self.0.lock();
        let whole = kept.files.get(path)?;
        (whole.version == Version::of(attributes)).then(|| whole.clone())
    }

    /// Reads the file at a path, if it is one that may be kept, and others of its directory, as far as that is known. Gives
    /// it with the attributes that it had.
    pub fn read(
        &self,
        files: &dyn HostFiles,
        path: &[u8],
        attributes: &HostAttributes,
        cache: &Cache,
    ) -> Option<(HostAttributes, Whole)> {
        if !is_kept(files, attributes) {
            return None;
        }
        let (directory, name) = split(path);
        let mut names = vec![name];
        let listed = cache.known(files, directory);
        if let Some(listed) = &listed {
            let reads = cache.reading(directory, listed);
            let count = FILES_AT_A_TIME[reads.min(FILES_AT_A_TIME.len() - 1)] - 1;
            let room = MOST_AT_A_TIME.saturating_sub(attributes.size + EACH);
            let others = self.others(files, (directory, name), (count, room), listed);
            names.extend(others.iter().map(|entry| &entry.name[..]));
        }
        let mut wanted = None;
        let found = files.read_whole(directory, &names).ok()?;
        let mut kept = self.0.lock();
        for file in found {
            let Some(name) = names.get(file.name) else {
                continue;
            };
            // It may have been changed since its name was looked up.
            if !is_kept(files, &file.attributes) || file.attributes.size != file.bytes.len() as u64
            {
                continue;
            }
            let whole = Whole {
                version: Version::of(&file.attributes),
                bytes: file.bytes.into(),
            };
            if file.name == 0 {
                wanted = Some((file.attributes, whole.clone()));
            }
            kept.insert(&below(directory, name), whole);
        }
        wanted
    }

    /// Files that are likely to be wanted with one: those of its kind that follow it.
    fn others<'a>(
        &self,
        files: &dyn HostFiles,
        (directory, name): (&[u8], &[u8]),
        (count, mut room): (usize, u64),
        listed: &'a Directory,
    ) -> Vec<&'a HostEntry> {
        let mut others = Vec::new();
        if count == 0 {
            return others;
        }
        let kept = self.0.lock();
        for entry in listed.following(name).take(LOOKED_AT) {
            let takes = entry.attributes.size + EACH;
            let fits = takes <= room
                && extension(&entry.name) == extension(name)
                && is_kept(files, &entry.attributes)
                && !kept.has(
                    &below(directory, &entry.name),
                    Version::of(&entry.attributes),
                );
            if !fits {
                continue;
            }
            room -= takes;
            others.push(entry);
            if others.len() == count {
                break;
            }
        }
        others
    }
}

/// Whether the contents of such a file are kept.
fn is_kept(files: &dyn HostFiles, attributes: &HostAttributes) -> bool {
    attributes.mode & S_IFMT == S_IFREG
        && attributes.size <= LONGEST
        && files.is_settled(attributes)
}

/// What follows the last dot of a name.
fn extension(name: &[u8]) -> Option<&[u8]> {
    let dot = name.iter().rposition(|byte| *byte == b'.')?;
    name.get(dot + 1..)
}
