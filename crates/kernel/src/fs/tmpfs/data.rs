//! Bytes of a regular file.

use super::contents::{Chunk, Extent};
use super::quota::{BLOCK, Quota};
use crate::errno::{Errno, Result};
use std::collections::BTreeMap;

/// Granularity of storage; what was never written is not stored.
pub(crate) const CHUNK: u64 = CHUNK_LEN as u64;

/// The same as a length in memory.
pub(super) const CHUNK_LEN: usize = 64 << 10;

/// Where in its chunk a position is.
const fn in_chunk(at: u64) -> usize {
    (at % CHUNK) as usize
}

/// Sparse contents: chunks by index, each holding a prefix of its 64 KiB. Whatever no chunk holds
/// reads as zeroes.
#[derive(Debug, Default)]
pub(crate) struct FileData {
    size: u64,
    chunks: BTreeMap<u64, Chunk>,
    blocks: u64,
}

fn blocks_of(len: usize) -> u64 {
    (len as u64).div_ceil(BLOCK)
}

impl FileData {
    pub fn size(&self) -> u64 {
        self.size
    }

    pub fn blocks(&self) -> u64 {
        self.blocks
    }

    /// Stored extents, for the export.
    pub fn chunks(&self) -> impl Iterator<Item = (u64, &[u8])> {
        self.chunks
            .iter()
            .map(|(index, chunk)| (index * CHUNK, chunk.bytes()))
    }

    /// The same as they are held.
    pub fn held_chunks(&self) -> impl Iterator<Item = (u64, &Chunk)> {
        self.chunks
            .iter()
            .map(|(index, chunk)| (index * CHUNK, chunk))
    }

    /// Has what a copy was made of, if it is there and nobody has written to it, read from a segment that holds the same.
    pub fn share(&mut self, offset: u64, copy: &Chunk, extent: Extent) {
        if let Some(chunk) = self.chunks.get_mut(&(offset / CHUNK))
            && chunk.is_same(copy)
        {
            *chunk = Chunk::Shared(extent);
        }
    }

    /// Adds a part of a segment as what a chunk holds. The file is empty from `offset` on.
    ///
    /// # Errors
    /// - `EFBIG`: beyond the largest file.
    /// - `ENOSPC`: it does not fit the quota.
    /// - `EINVAL`: it is no chunk.
    pub fn add_shared(&mut self, quota: &Quota, offset: u64, extent: Extent) -> Result<()> {
        let chunk = Chunk::Shared(extent);
        let len = chunk.len();
        let is_chunk = len > 0 && len <= CHUNK_LEN && in_chunk(offset) == 0;
        if !is_chunk || self.size > offset {
            return Err(Errno::EINVAL);
        }
        if quota.within_file_size(offset, len)? < len {
            return Err(Errno::EFBIG);
        }
        let wanted = blocks_of(len);
        let granted = quota.take_blocks(wanted);
        if granted < wanted {
            quota.release_blocks(granted);
            return Err(Errno::ENOSPC);
        }
        self.blocks += granted;
        self.size = offset + len as u64;
        self.chunks.insert(offset / CHUNK, chunk);
        Ok(())
    }

    pub fn read(&self, offset: u64, buf: &mut [u8]) -> usize {
        let Some(left) = self.size.checked_sub(offset) else {
            return 0;
        };
        let count = buf.len().min(usize::try_from(left).unwrap_or(usize::MAX));
        let mut done = 0;
        while done < count {
            let at = offset + done as u64;
            let start = in_chunk(at);
            let piece = (CHUNK_LEN - start).min(count - done);
            let out = &mut buf[done..done + piece];
            let stored = self
                .chunks
                .get(&(at / CHUNK))
                .and_then(|chunk| chunk.bytes().get(start..))
                .unwrap_or(&[]);
            let held = stored.len().min(piece);
            out[..held].copy_from_slice(&stored[..held]);
            out[held..].fill(0);
            done += piece;
        }
        count
    }

    /// Writes as much as the quota allows.
    ///
    /// # Errors
    /// - `EFBIG`: beyond the largest file.
    /// - `ENOSPC`: not a byte fits the quota.
    /// - `ENOMEM`: the machine has no memory left.
    pub fn write(&mut self, quota: &Quota, offset: u64, buf: &[u8]) -> Result<usize> {
        let count = quota.within_file_size(offset, buf.len())?;
        let mut done = 0;
        while done < count {
            let at = offset + done as u64;
            let piece = (CHUNK_LEN - in_chunk(at)).min(count - done);
            match self.write_chunk(quota, at, &buf[done..done + piece]) {
                Ok(written) => {
                    done += written;
                    self.size = self.size.max(offset + done as u64);
                    if written < piece {
                        break;
                    }
                }
                Err(errno) if done == 0 => return Err(errno),
                Err(_) => break,
            }
        }
        Ok(done)
    }

    /// Writes inside one chunk.
    fn write_chunk(&mut self, quota: &Quota, at: u64, bytes: &[u8]) -> Result<usize> {
        let start = in_chunk(at);
        let mut end = start + bytes.len();
        let chunk = self.chunks.entry(at / CHUNK).or_default();
        if end > chunk.len() {
            let held = blocks_of(chunk.len());
            let wanted = blocks_of(end) - held;
            let granted = quota.take_blocks(wanted);
            if granted < wanted {
                let room = usize::try_from((held + granted) * BLOCK).unwrap_or(usize::MAX);
                end = end.min(room);
            }
            let unused = if end > start {
                held + granted - blocks_of(end.max(chunk.len()))
            } else {
                granted
            };
            quota.release_blocks(unused);
            self.blocks += granted - unused;
            if end <= start {
                self.drop_if_empty(at / CHUNK);
                return Err(Errno::ENOSPC);
            }
            if let Err(errno) = chunk.to_mut().and_then(|own| grow(own, start, end)) {
                quota.release_blocks(granted - unused);
                self.blocks -= granted - unused;
                self.drop_if_empty(at / CHUNK);
                return Err(errno);
            }
        }
        let chunk = chunk.to_mut()?;
        let bytes = &bytes[..end - start];
        let overlap = chunk.len().min(end) - start;
        chunk[start..start + overlap].copy_from_slice(&bytes[..overlap]);
        chunk.extend_from_slice(&bytes[overlap..]);
        Ok(bytes.len())
    }

    fn drop_if_empty(&mut self, index: u64) {
        if self.chunks.get(&index).is_some_and(Chunk::is_empty) {
            self.chunks.remove(&index);
        }
    }

    /// Cuts or extends; an extension is a hole.
    ///
    /// # Errors
    /// - `EFBIG`: beyond the largest file.
    /// - `ENOMEM`: the machine has no memory left.
    pub fn set_size(&mut self, quota: &Quota, size: u64) -> Result<()> {
        if size > self.size {
            let grows = usize::try_from(size - self.size).map_err(|_| Errno::EFBIG)?;
            if quota.within_file_size(self.size, grows)? < grows {
                return Err(Errno::EFBIG);
            }
        } else {
            let mut freed = 0;
            let boundary = size / CHUNK;
            // First, since it can fail: what lies in `boundary` and begins behind the end is cut below.
            let keeps = in_chunk(size);
            if let Some(chunk) = self.chunks.get_mut(&boundary).filter(|_| keeps > 0) {
                let before = blocks_of(chunk.len());
                chunk.truncate(keeps)?;
                freed += before - blocks_of(chunk.len());
            }
            for chunk in self.chunks.split_off(&size.div_ceil(CHUNK)).into_values() {
                freed += blocks_of(chunk.len());
            }
            quota.release_blocks(freed);
            self.blocks -= freed;
        }
        self.size = size;
        Ok(())
    }

    /// First stored byte at or after `offset`.
    pub fn next_data(&self, offset: u64) -> Option<u64> {
        let found = self
            .chunks
            .range(offset / CHUNK..)
            .find_map(|(index, chunk)| {
                let start = (index * CHUNK).max(offset);
                (start < index * CHUNK + chunk.len() as u64).then_some(start)
            });
        found.filter(|start| *start < self.size)
    }

    /// First byte at or after `offset` that is not stored; the end of the file at the latest.
    pub fn next_hole(&self, offset: u64) -> u64 {
        let mut at = offset;
        while let Some(chunk) = self.chunks.get(&(at / CHUNK)) {
            let end = at / CHUNK * CHUNK + chunk.len() as u64;
            if end <= at {
                break;
            }
            at = end;
        }
        at.min(self.size)
    }
}

/// Makes room for `end` bytes and fills the gap before `start` with zeroes.
fn grow(chunk: &mut Vec<u8>, start: usize, end: usize) -> Result<()> {
    if chunk.capacity() < end {
        let target = end.max(chunk.capacity() * 2).min(CHUNK_LEN);
        chunk
            .try_reserve_exact(target - chunk.len())
            .map_err(|_| Errno::ENOMEM)?;
    }
    if chunk.len() < start {
        chunk.resize(start, 0);
    }
    Ok(())
}
