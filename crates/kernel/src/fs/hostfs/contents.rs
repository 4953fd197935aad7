//! Contents of small files, for programs that read the same ones again: those of packages, above all.
//!
//! What was read is given again while the file has the number, the length and the times that it had then. A file that was
//! changed a moment ago may be changed again without its times telling: its contents are not kept.

use super::files::{HostAttributes, HostFile, HostFiles};
use crate::abi::stat::Timespec;
use crate::errno::{Errno, Result};
use parking_lot::Mutex;
use std::collections::HashMap;
use std::sync::Arc;

/// Longest file that is kept.
const LONGEST: u64 = 64 << 10;

/// Bytes that are kept of all files together.
const MOST_BYTES: usize = 8 << 20;

/// What tells one state of a file from another.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Version {
    ino: u64,
    size: u64,
    mtime: Timespec,
    ctime: Timespec,
}

impl Version {
    fn of(attributes: &HostAttributes) -> Version {
        Version {
            ino: attributes.ino,
            size: attributes.size,
            mtime: attributes.mtime,
            ctime: attributes.ctime,
        }
    }
}

/// A file as it was read.
struct Whole {
    version: Version,
    bytes: Arc<[u8]>,
}

#[derive(Default)]
struct Kept {
    files: HashMap<Box<[u8]>, Whole>,
    bytes: usize,
}

/// Contents by path.
#[derive(Default)]
pub(super) struct Contents(Mutex<Kept>);

impl Contents {
    /// The file at a path, if its contents are those that were read before.
    pub fn find(&self, path: &[u8], attributes: &HostAttributes) -> Option<Arc<dyn HostFile>> {
        let kept = self.0.lock();
        let whole = kept.files.get(path)?;
        if whole.version != Version::of(attributes) {
            return None;
        }
        Some(Arc::new(KeptFile(whole.bytes.clone())))
    }

    /// Reads a small file that was just opened, and keeps what it holds.
    pub fn keep(
        &self,
        files: &dyn HostFiles,
        path: &[u8],
        attributes: &HostAttributes,
        file: &dyn HostFile,
    ) {
        if attributes.size > LONGEST || !files.is_settled(attributes) {
            return;
        }
        let Some(bytes) = whole(file, attributes.size) else {
            return;
        };
        let mut kept = self.0.lock();
        if kept.bytes + bytes.len() > MOST_BYTES {
            *kept = Kept::default();
        }
        kept.bytes += bytes.len();
        let version = Version::of(attributes);
        let replaced = kept.files.insert(path.into(), Whole { version, bytes });
        kept.bytes -= replaced.map_or(0, |whole| whole.bytes.len());
    }
}

/// All bytes of a file, if it has as many as it should.
fn whole(file: &dyn HostFile, size: u64) -> Option<Arc<[u8]>> {
    let size = usize::try_from(size).ok()?;
    // One more, which a file that has grown fills.
    let mut bytes = vec![0; size + 1];
    let mut filled = 0;
    while filled < bytes.len() {
        match file.read_at(filled as u64, &mut bytes[filled..]).ok()? {
            0 => break,
            count => filled += count,
        }
    }
    bytes.truncate(size);
    (filled == size).then(|| bytes.into())
}

/// A file whose contents are known.
struct KeptFile(Arc<[u8]>);

impl HostFile for KeptFile {
    fn read_at(&self, offset: u64, buf: &mut [u8]) -> Result<usize> {
        let start = usize::try_from(offset).unwrap_or(usize::MAX);
        let rest = self.0.get(start..).unwrap_or_default();
        let count = rest.len().min(buf.len());
        buf[..count].copy_from_slice(&rest[..count]);
        Ok(count)
    }

    fn write(&self, _offset: Option<u64>, _buf: &[u8]) -> Result<(usize, u64)> {
        Err(Errno::EBADF)
    }

    fn set_size(&self, _size: u64) -> Result<()> {
        Err(Errno::EBADF)
    }

    fn sync(&self) -> Result<()> {
        Ok(())
    }
}
