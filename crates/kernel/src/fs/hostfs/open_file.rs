//! Open files of the embedder's.

use super::contents::{Version, Whole};
use super::files::HostFile;
use super::inode::HostInode;
use crate::abi::stat::FileKind;
use crate::errno::{Errno, Result};
use crate::vfs::File;
use std::sync::{Arc, OnceLock};

/// What the bytes of a file are had from.
pub(super) enum Source {
    /// The embedder.
    Host(Arc<dyn HostFile>),
    /// What was read of it before.
    Kept(Whole),
}

impl Source {
    /// The embedder's file: what was read before is for reading only.
    pub fn host(self) -> Result<Arc<dyn HostFile>> {
        match self {
            Source::Host(file) => Ok(file),
            Source::Kept(_) => Err(Errno::EBADF),
        }
    }
}

/// An open regular file.
pub(super) struct OpenFile {
    inode: Arc<HostInode>,
    source: Source,
    /// The embedder's file, once it is another than what was kept of it.
    changed: OnceLock<Arc<dyn HostFile>>,
}

impl OpenFile {
    pub fn new(inode: Arc<HostInode>, source: Source) -> OpenFile {
        OpenFile {
            inode,
            source,
            changed: OnceLock::new(),
        }
    }

    /// Opens a file that is not what it was when it was kept.
    fn changed(&self, whole: &Whole) -> Option<&Arc<dyn HostFile>> {
        if let Some(file) = self.changed.get() {
            return Some(file);
        }
        // Who cannot be asked has not changed it.
        let now = self.inode.attributes().ok()?;
        if Version::of(&now) == whole.version {
            return None;
        }
        let file = self.inode.opened_again()?;
        Some(self.changed.get_or_init(|| file))
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
        match &self.source {
            Source::Host(file) => file.read_at(offset, buf),
            Source::Kept(whole) => match self.changed(whole) {
                Some(file) => file.read_at(offset, buf),
                None => Ok(whole.read_at(offset, buf)),
            },
        }
    }

    fn write_at(&self, offset: u64, buf: &[u8]) -> Result<usize> {
        self.write(Some(offset), buf).map(|(count, _)| count)
    }

    fn append(&self, _offset: u64, buf: &[u8]) -> Result<(usize, u64)> {
        self.write(None, buf)
    }

    fn set_size(&self, size: u64) -> Option<Result<()>> {
        Some(self.cut(size))
    }
}

impl OpenFile {
    /// The embedder's file: what was kept is for reading only.
    fn written(&self) -> Result<&Arc<dyn HostFile>> {
        match &self.source {
            Source::Host(file) => Ok(file),
            Source::Kept(_) => Err(Errno::EBADF),
        }
    }

    fn write(&self, offset: Option<u64>, buf: &[u8]) -> Result<(usize, u64)> {
        let written = self.written()?.write(offset, buf);
        self.inode.written();
        let (count, end) = written?;
        self.inode.reached(end);
        Ok((count, end))
    }

    fn cut(&self, size: u64) -> Result<()> {
        let done = self.written()?.set_size(size);
        self.inode.written();
        done?;
        self.inode.resized(size);
        Ok(())
    }
}
