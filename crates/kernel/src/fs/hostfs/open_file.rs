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
        let written = self.file.write(Some(offset), buf);
        self.inode.written();
        written.map(|(count, _)| count)
    }

    fn append(&self, _offset: u64, buf: &[u8]) -> Result<(usize, u64)> {
        let written = self.file.write(None, buf);
        self.inode.written();
        written
    }
}
