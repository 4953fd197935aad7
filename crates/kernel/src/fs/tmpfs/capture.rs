//! All files of a tmpfs as they are at one moment, whose bytes other machines can have without a copy.
//!
//! What no segment has yet goes to a new one, whose memory the embedder gives; afterwards the files themselves read from
//! it, so that the next capture finds it there.

use super::Tmpfs;
use super::contents::{Chunk, Extent, Segment};
use super::export::{saved, saved_directory};
use super::image::{MAGIC, SavedBody, SavedExtent, append, end};
use super::inode::{Body, TmpfsInode};
use crate::abi::fcntl::PATH_MAX;
use crate::errno::{Errno, Result};
use crate::vfs::Inode;
use core::fmt;
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::Arc;

/// Files at one moment.
pub struct Capture {
    /// What the new segment has to hold, in this order, behind each other.
    fresh: Vec<Fresh>,
    data_bytes: u64,
    image: Vec<u8>,
    kept: Vec<Arc<dyn Segment>>,
}

/// A chunk that no segment has.
struct Fresh {
    inode: Arc<TmpfsInode>,
    at: u64,
    offset: u64,
    chunk: Chunk,
}

/// A segment that is in use, and how many bytes of it.
struct Used {
    segment: Arc<dyn Segment>,
    bytes: u64,
}

/// Whether the bytes that a file of root's begins with are those of a file that stands for a command. Each machine has its
/// own.
pub(crate) type IsCommand = fn(&[u8]) -> bool;

/// Takes everything that has a name, but for sockets and for the files that stand for commands. Segments are used on if they
/// are among `known` and at least half of them is in use; of those the ones most in use, up to `most`.
///
/// # Errors
/// - `ENAMETOOLONG`: something has no path, being too deep.
pub(crate) fn capture(
    fs: &Tmpfs,
    known: &[Arc<dyn Segment>],
    most: usize,
    is_command: IsCommand,
) -> Result<Capture> {
    let _namespace = fs.shared().namespace.lock();
    let inodes = named(fs, is_command)?;
    // Nobody waits for a second lock who holds one of these, so that their order does not count.
    let held: Vec<_> = inodes
        .values()
        .map(|inode| {
            let data = match &inode.body {
                Body::Regular(data) => Some(data.read()),
                _ => None,
            };
            (inode, data)
        })
        .collect();
    let chunks = held
        .iter()
        .filter_map(|(_, data)| data.as_ref())
        .flat_map(|data| data.held_chunks());
    let kept = kept_segments(chunks.map(|(_, chunk)| chunk), known, most);
    let index: HashMap<u64, u32> = kept
        .iter()
        .map(|segment| segment.number())
        .zip(1..)
        .collect();
    let mut capture = Capture {
        fresh: Vec::new(),
        data_bytes: 0,
        image: MAGIC.to_vec(),
        kept,
    };
    let root = fs.root_inode();
    let is_root = |inode: &Arc<TmpfsInode>| Arc::ptr_eq(inode, root);
    let (first, others): (Vec<_>, Vec<_>) = held.iter().partition(|(inode, _)| is_root(inode));
    for (inode, data) in first.into_iter().chain(others) {
        let body = match (&inode.body, data) {
            (Body::Regular(_), Some(data)) => SavedBody::Regular {
                size: data.size(),
                extents: data
                    .held_chunks()
                    .map(|(at, chunk)| capture.place(inode, at, chunk, &index))
                    .collect(),
            },
            (Body::Directory(directory), _) => saved_directory(&directory.read(), &mut |child| {
                inodes.contains_key(&child.ino())
            }),
            (Body::Symlink(target), _) => SavedBody::Symlink {
                target: target.to_vec(),
            },
            (Body::Fifo(_), _) => SavedBody::Fifo,
            _ => continue,
        };
        let attributes = *inode.attributes.lock();
        let record = saved(inode, &attributes, body);
        append(&record, &mut |bytes| capture.image.extend_from_slice(bytes));
    }
    end(&mut |bytes| capture.image.extend_from_slice(bytes));
    Ok(capture)
}

/// Everything that is captured, the root included.
fn named(fs: &Tmpfs, is_command: IsCommand) -> Result<HashMap<u64, Arc<TmpfsInode>>> {
    let root = fs.root_inode();
    let mut inodes = HashMap::from([(root.ino(), root.clone())]);
    let mut pending = vec![(root.clone(), 1)];
    while let Some((directory, length)) = pending.pop() {
        for (name, child) in directory.directory()?.read().iter() {
            if matches!(child.body, Body::Socket(_)) || child.is_command(is_command) {
                continue;
            }
            let length = length + name.len() + 1;
            if length > PATH_MAX {
                return Err(Errno::ENAMETOOLONG);
            }
            if let Entry::Vacant(place) = inodes.entry(child.ino()) {
                place.insert(child.clone());
                if child.is_directory() {
                    pending.push((child.clone(), length));
                }
            }
        }
    }
    Ok(inodes)
}

fn kept_segments<'a>(
    chunks: impl Iterator<Item = &'a Chunk>,
    known: &[Arc<dyn Segment>],
    most: usize,
) -> Vec<Arc<dyn Segment>> {
    let mut used: HashMap<u64, Used> = HashMap::new();
    for chunk in chunks {
        if let Chunk::Shared(extent) = chunk {
            let segment = extent.segment();
            let used = used.entry(segment.number()).or_insert_with(|| Used {
                segment: segment.clone(),
                bytes: 0,
            });
            used.bytes += chunk.len() as u64;
        }
    }
    let is_known = |number| known.iter().any(|segment| segment.number() == number);
    let mut kept: Vec<Used> = used
        .into_values()
        .filter(|used| {
            is_known(used.segment.number()) && used.bytes >= used.segment.bytes().len() as u64 / 2
        })
        .collect();
    kept.sort_by_key(|used| core::cmp::Reverse(used.bytes));
    kept.truncate(most);
    kept.into_iter().map(|used| used.segment).collect()
}

impl Capture {
    fn place(
        &mut self,
        inode: &Arc<TmpfsInode>,
        at: u64,
        chunk: &Chunk,
        index: &HashMap<u64, u32>,
    ) -> SavedExtent {
        let count = chunk.len() as u64;
        if let Chunk::Shared(extent) = chunk
            && let Some(index) = index.get(&extent.segment().number())
        {
            let place = Some((*index, extent.offset()));
            return SavedExtent { at, count, place };
        }
        let offset = self.data_bytes;
        self.fresh.push(Fresh {
            inode: inode.clone(),
            at,
            offset,
            chunk: chunk.clone(),
        });
        self.data_bytes += count;
        SavedExtent {
            at,
            count,
            place: Some((0, offset)),
        }
    }

    /// Bytes of files in the new segment, which begins with them.
    #[must_use]
    pub fn data_bytes(&self) -> u64 {
        self.data_bytes
    }

    /// Bytes of the image, which is behind them. In it the new segment has index 0, and those that are used on follow.
    #[must_use]
    pub fn image_bytes(&self) -> u64 {
        self.image.len() as u64
    }

    /// Segments that are used on.
    #[must_use]
    pub fn kept(&self) -> &[Arc<dyn Segment>] {
        &self.kept
    }

    /// Gives out what the new segment has to hold.
    pub fn fill(&self, sink: &mut dyn FnMut(&[u8])) {
        for fresh in &self.fresh {
            sink(fresh.chunk.bytes());
        }
        sink(&self.image);
    }

    /// The new segment is there: files that have not been written to since read from it, and their own memory is free.
    pub fn settle(self, segment: &Arc<dyn Segment>) {
        for Fresh {
            inode,
            at,
            offset,
            chunk,
        } in self.fresh
        {
            if let Body::Regular(data) = &inode.body
                && let Some(extent) = Extent::new(segment, offset, chunk.len() as u64)
            {
                data.write().share(at, &chunk, extent);
            }
        }
    }
}

impl fmt::Debug for Capture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Capture")
            .field("data_bytes", &self.data_bytes)
            .field("image_bytes", &self.image.len())
            .finish_non_exhaustive()
    }
}

impl TmpfsInode {
    /// Whether the machine made it for a command. What guests make is never root's.
    pub(super) fn is_command(&self, is_command: IsCommand) -> bool {
        let Body::Regular(data) = &self.body else {
            return false;
        };
        if self.attributes.lock().ownership.uid != 0 {
            return false;
        }
        let data = data.read();
        let first = data.chunks().next();
        first.is_some_and(|(at, bytes)| at == 0 && is_command(bytes))
    }
}
