//! Lower files that are open.

use super::inode::OverlayInode;
use crate::abi::stat::FileKind;
use crate::errno::Result;
use crate::vfs::{File, Inode};
use std::sync::Arc;

/// A lower file that is open for reading and has an object of its own behind it. Once the file has been copied, its
/// reader sees the copy.
pub(super) struct OverlayFile {
    inode: Arc<OverlayInode>,
    lower: Arc<dyn File>,
}

impl OverlayFile {
    pub fn new(inode: Arc<OverlayInode>, lower: Arc<dyn File>) -> OverlayFile {
        OverlayFile { inode, lower }
    }
}

impl File for OverlayFile {
    fn kind(&self) -> FileKind {
        self.inode.kind()
    }

    fn seekable(&self) -> bool {
        true
    }

    fn read_at(&self, offset: u64, buf: &mut [u8]) -> Result<usize> {
        match self.inode.upper() {
            Some(upper) => upper.read_at(offset, buf),
            None => self.lower.read_at(offset, buf),
        }
    }
}
