//! The bytes of one chunk of a file: its own, or those of a segment that several machines read.

use super::data::CHUNK_LEN;
use crate::errno::{Errno, Result};
use core::fmt;
use std::sync::Arc;

/// Bytes that never change and that several machines may have at a time: memory which the embedder has sealed.
pub trait Segment: Send + Sync {
    /// Tells it from others.
    fn number(&self) -> u64;

    /// All of it. What is given is the same for as long as the segment lives.
    fn bytes(&self) -> &[u8];
}

/// A part of a segment.
#[derive(Clone)]
pub(crate) struct Extent {
    segment: Arc<dyn Segment>,
    offset: usize,
    len: usize,
}

impl Extent {
    /// A part of a segment; none where the segment is shorter.
    pub fn new(segment: &Arc<dyn Segment>, offset: u64, len: u64) -> Option<Extent> {
        let offset = usize::try_from(offset).ok()?;
        let len = usize::try_from(len).ok()?;
        let end = offset.checked_add(len)?;
        segment.bytes().get(offset..end)?;
        Some(Extent {
            segment: segment.clone(),
            offset,
            len,
        })
    }

    pub fn segment(&self) -> &Arc<dyn Segment> {
        &self.segment
    }

    pub fn offset(&self) -> u64 {
        self.offset as u64
    }

    fn bytes(&self) -> &[u8] {
        let all = self.segment.bytes();
        all.get(self.offset..self.offset + self.len)
            .unwrap_or_default()
    }
}

/// A prefix of the 64 KiB of a chunk. A copy of it is cheap: whoever writes first to bytes that somebody else has too gets
/// bytes of its own.
#[derive(Clone)]
pub(crate) enum Chunk {
    Own(Arc<Vec<u8>>),
    Shared(Extent),
}

impl Default for Chunk {
    fn default() -> Chunk {
        Chunk::Own(Arc::default())
    }
}

impl Chunk {
    pub fn bytes(&self) -> &[u8] {
        match self {
            Chunk::Own(bytes) => bytes,
            Chunk::Shared(extent) => extent.bytes(),
        }
    }

    pub fn len(&self) -> usize {
        match self {
            Chunk::Own(bytes) => bytes.len(),
            Chunk::Shared(extent) => extent.len,
        }
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether this is what that copy was made of: nobody has written since.
    pub fn is_same(&self, copy: &Chunk) -> bool {
        match (self, copy) {
            (Chunk::Own(one), Chunk::Own(other)) => Arc::ptr_eq(one, other),
            _ => false,
        }
    }

    /// The bytes, to be changed.
    ///
    /// # Errors
    /// - `ENOMEM`: there is no memory for bytes of its own.
    pub fn to_mut(&mut self) -> Result<&mut Vec<u8>> {
        let is_alone = match self {
            Chunk::Own(bytes) => Arc::get_mut(bytes).is_some(),
            Chunk::Shared(_) => false,
        };
        if !is_alone {
            *self = Chunk::Own(Arc::new(copy(self.bytes())?));
        }
        match self {
            Chunk::Own(bytes) => Arc::get_mut(bytes).ok_or(Errno::ENOMEM),
            Chunk::Shared(_) => Err(Errno::ENOMEM),
        }
    }

    /// Cuts it.
    ///
    /// # Errors
    /// As [`Chunk::to_mut`].
    pub fn truncate(&mut self, len: usize) -> Result<()> {
        match self {
            Chunk::Own(bytes) => match Arc::get_mut(bytes) {
                Some(bytes) => {
                    bytes.truncate(len);
                    bytes.shrink_to_fit();
                }
                None => {
                    let kept = bytes.get(..len).unwrap_or(bytes);
                    *bytes = Arc::new(copy(kept)?);
                }
            },
            Chunk::Shared(extent) => extent.len = extent.len.min(len),
        }
        Ok(())
    }
}

impl fmt::Debug for Chunk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match self {
            Chunk::Own(_) => "Own",
            Chunk::Shared(_) => "Shared",
        };
        write!(f, "{kind}({})", self.len())
    }
}

/// A copy with room to grow as a chunk that is written does.
fn copy(bytes: &[u8]) -> Result<Vec<u8>> {
    let mut own = Vec::new();
    own.try_reserve_exact(bytes.len().min(CHUNK_LEN))
        .map_err(|_| Errno::ENOMEM)?;
    own.extend_from_slice(bytes);
    Ok(own)
}
