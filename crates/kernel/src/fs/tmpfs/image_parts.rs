//! What a record of an image consists of, found before it is decoded: decoded it takes up to twenty times its length.

use super::file_image::ImageBounds;
use super::image::SavedLower;
use super::quota::BLOCK;
use postcard::take_from_bytes as take;

/// What stands before the body of a record ([`Saved`](super::image::Saved)).
type Attributes = (u64, u32, u32, u32, [(i64, u32); 4], Option<u64>);

/// The numbers of the bodies ([`SavedBody`](super::image::SavedBody)) that have parts.
const REGULAR: u32 = 0;
const DIRECTORY: u32 = 1;

/// As many parts as may still come.
pub(super) struct Parts {
    records: u64,
    extents: u64,
    entries: u64,
    whiteouts: u64,
}

impl Parts {
    /// Those of a whole image: an extent takes a block, everything but the root a name, and a whiteout is as an inode.
    pub fn left(bounds: ImageBounds) -> Parts {
        Parts {
            records: bounds.names.saturating_add(1),
            extents: bounds.stored_bytes / BLOCK,
            entries: bounds.names,
            whiteouts: bounds.names,
        }
    }

    /// Takes those of a record off; none if there are too many, or if it is no record.
    pub fn take(&mut self, record: &[u8]) -> Option<()> {
        reduce(&mut self.records, 1)?;
        let (_, rest): (Attributes, _) = take(record).ok()?;
        let (kind, rest): (u32, _) = take(rest).ok()?;
        match kind {
            REGULAR => {
                let ((_, extents), _): ((u64, usize), _) = take(rest).ok()?;
                reduce(&mut self.extents, extents)
            }
            DIRECTORY => {
                let (entries, mut rest): (usize, _) = take(rest).ok()?;
                reduce(&mut self.entries, entries)?;
                for _ in 0..entries {
                    let (_, after): ((&[u8], u64), _) = take(rest).ok()?;
                    rest = after;
                }
                let (_, rest): (SavedLower, _) = take(rest).ok()?;
                let (whiteouts, _): (usize, _) = take(rest).ok()?;
                reduce(&mut self.whiteouts, whiteouts)
            }
            _ => Some(()),
        }
    }
}

fn reduce(left: &mut u64, by: usize) -> Option<()> {
    *left = left.checked_sub(u64::try_from(by).ok()?)?;
    Some(())
}
