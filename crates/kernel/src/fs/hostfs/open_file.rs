//! Open files of the embedder's.

use super::files::HostFile;
use super::inode::HostInode;
use crate::abi::stat::FileKind;
use crate::errno::Result;
use crate::vfs::File;
use std::sync::Arc;

/// An open regular file.
pub(super) struct OpenFile {
    inode: Arc<HostInode>,
    file: Arc<dyn HostFile>,
}

impl OpenFile {
    pub fn new(inode: Arc<HostInode>, file: Arc<dyn HostFile>) -> OpenFile {
        OpenFile { inode, file }
    }

    fn wrote<T>(&self, outcome: Result<T>) -> Result<T> {
        self.inode.written();
        outcome
    }
}

impl File for OpenFile {
    fn kind(&self) -> FileKind {
        FileKind::Regular
    }

    fn seekable(&self) -> bool {
        true
    }

    fn read_at(&self, offset: u64, buf: &mut [u8]) -> Result<usize> {
        self.file.read_at(offset, buf)
    }

    fn write_at(&self, offset: u64, buf: &[u8]) -> Result<usize> {
        let (count, end) = self.wrote(self.file.write(Some(offset), buf))?;
        self.inode.reached(end);
        Ok(count)
    }

    fn append(&self, _offset: u64, buf: &[u8]) -> Result<(usize, u64)> {
        let (count, end) = self.wrote(self.file.write(None, buf))?;
        self.inode.reached(end);
        Ok((count, end))
    }

    fn set_size(&self, size: u64) -> Option<Result<()>> {
        let done = self.wrote(self.file.set_size(size));
        if done.is_ok() {
            self.inode.resized(size);
        }
        Some(done)
    }
}
