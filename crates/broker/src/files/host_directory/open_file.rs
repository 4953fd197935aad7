//! Files of the host that are open for a guest and asked for their bytes, so that what they grow by is counted.
//!
//! A guest pays for the length of a file, whether there are bytes on the disk for all of it or a hole. What it has paid for a
//! hole is noted (`paid`): to fill that costs nothing more. To fill one that the host had made does, as the disk has not had
//! those bytes yet.

use std::collections::HashMap;
use std::fs::File;
use std::io;
use std::ops::Range;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::fs::FileExt;
use std::sync::Arc;

use parking_lot::Mutex;

use super::super::backend::BackendFile;
use super::attributes::Metadata;
use super::quota::{NAME, Quota};

/// The usual piece that a disk is given out in.
const BLOCK: u64 = 4 << 10;

type FileId = ((u32, u32), u64);

/// The open files of a mount, by what they are.
pub(super) struct OpenFiles {
    quota: Quota,
    open: Mutex<HashMap<FileId, usize>>,
    /// Bytes of holes that guests have paid for, by file. Each of these files has cost at least as much.
    paid: Mutex<HashMap<FileId, u64>>,
}

impl OpenFiles {
    pub(super) fn new(quota: Quota) -> OpenFiles {
        OpenFiles {
            quota,
            open: Mutex::default(),
            paid: Mutex::default(),
        }
    }

    pub(super) fn quota(&self) -> &Quota {
        &self.quota
    }

    /// Takes in an open file.
    pub(super) fn track(self: &Arc<Self>, file: OwnedFd) -> io::Result<Arc<dyn BackendFile>> {
        let id = Metadata::of(file.as_fd())?.file();
        *self.open.lock().entry(id).or_default() += 1;
        Ok(Arc::new(OpenFile {
            files: self.clone(),
            id,
            file: file.into(),
        }))
    }

    /// A name of a file is gone. While it is open somewhere its bytes stay.
    pub(super) fn unnamed(&self, before: &Metadata) {
        let last = before.names() <= 1;
        if last && !self.open.lock().contains_key(&before.file()) {
            self.gone(before);
        } else if !last {
            self.quota.give(NAME);
        }
    }

    fn closed(&self, file: &OpenFile) {
        let mut open = self.open.lock();
        let Some(count) = open.get_mut(&file.id) else {
            return;
        };
        *count -= 1;
        if *count > 0 {
            return;
        }
        open.remove(&file.id);
        drop(open);
        if let Ok(metadata) = Metadata::of(file.file.as_fd())
            && metadata.names() == 0
        {
            self.gone(&metadata);
        }
    }

    /// A file is gone, with what was paid for its holes. Its length is given back: how much of it a disk has had is not known,
    /// which may compress it.
    fn gone(&self, metadata: &Metadata) {
        self.set_paid(metadata.file(), 0);
        self.quota.give(metadata.size().saturating_add(NAME));
    }

    fn paid(&self, file: &FileId) -> u64 {
        self.paid.lock().get(file).copied().unwrap_or(0)
    }

    fn set_paid(&self, file: FileId, bytes: u64) {
        let mut paid = self.paid.lock();
        if bytes == 0 {
            paid.remove(&file);
        } else {
            paid.insert(file, bytes);
        }
    }
}

struct OpenFile {
    files: Arc<OpenFiles>,
    id: FileId,
    file: File,
}

impl OpenFile {
    fn size(&self) -> io::Result<u64> {
        Ok(self.metadata()?.size())
    }

    fn metadata(&self) -> io::Result<Metadata> {
        Metadata::of(self.file.as_fd())
    }

    /// Whether something is missing there (`SEEK_HOLE`). The offset of the descriptor is nobody's.
    fn has_hole(&self, place: &Range<u64>) -> bool {
        let Some(start) = i64::try_from(place.start)
            .ok()
            .filter(|_| !place.is_empty())
        else {
            return false;
        };
        // SAFETY: takes plain numbers.
        let hole = unsafe { libc::lseek(self.file.as_raw_fd(), start, libc::SEEK_HOLE) };
        u64::try_from(hole).is_ok_and(|hole| hole < place.end)
    }

    /// Takes what a change that ends here would let the file grow by, and makes it. Bytes are written from `start` on, if any
    /// are.
    fn grow<T>(
        &self,
        start: Option<u64>,
        end: u64,
        change: impl FnOnce() -> io::Result<T>,
    ) -> io::Result<T> {
        let before = self.metadata()?;
        let growth = end.saturating_sub(before.size());
        let paid = self.files.paid(&self.id);
        let holes = before.size().saturating_sub(before.allocated());
        let overwritten = start.map_or(0..0, |start| start..end.min(before.size()));
        let in_holes = if holes > 0 && self.has_hole(&overwritten) {
            in_blocks(overwritten.end - overwritten.start)
        } else {
            0
        };
        let unpaid = in_holes.min(holes).saturating_sub(paid);
        let taken = growth.saturating_add(unpaid);
        self.files.quota.take(taken)?;
        let done = change();
        // It may have grown less, or not at all.
        let Ok(after) = self.metadata() else {
            return done;
        };
        let grown = after.size().saturating_sub(before.size());
        let allocated = after.allocated().saturating_sub(before.allocated());
        let filled = allocated.saturating_sub(grown).min(in_holes).min(holes);
        let cost = grown.saturating_add(filled.saturating_sub(paid).min(unpaid));
        if cost < taken {
            self.files.quota.give(taken - cost);
        }
        let made = grown.saturating_sub(allocated);
        let paid = paid.saturating_sub(filled).saturating_add(made);
        if after.size() < before.size() {
            self.files.quota.give(before.size() - after.size());
            let left = after.size().saturating_sub(after.allocated());
            self.files.set_paid(self.id, paid.min(left));
        } else {
            self.files.set_paid(self.id, paid);
        }
        done
    }
}

/// What so many bytes may take of the disk, wherever they begin: it is given out in larger pieces.
fn in_blocks(bytes: u64) -> u64 {
    bytes.saturating_add(2 * BLOCK)
}

impl BackendFile for OpenFile {
    fn read(&self, offset: u64, buf: &mut [u8]) -> io::Result<usize> {
        self.file.read_at(buf, offset)
    }

    fn write(&self, offset: Option<u64>, data: &[u8]) -> io::Result<(usize, u64)> {
        let length = data.len() as u64;
        let start = match offset {
            Some(offset) => offset,
            None => self.size()?,
        };
        let end = start
            .checked_add(length)
            .filter(|end| i64::try_from(*end).is_ok());
        let end = end.ok_or_else(|| io::Error::from_raw_os_error(libc::EFBIG))?;
        self.grow(Some(start), end, || match offset {
            Some(offset) => {
                let count = self.file.write_at(data, offset)?;
                Ok((count, offset + count as u64))
            }
            None => {
                let count = append(&self.file, data)?;
                Ok((count, self.size()?))
            }
        })
    }

    fn set_size(&self, size: u64) -> io::Result<()> {
        self.grow(None, size, || self.file.set_len(size))
    }

    fn sync(&self) -> io::Result<()> {
        self.file.sync_all()
    }
}

impl Drop for OpenFile {
    fn drop(&mut self) {
        self.files.clone().closed(self);
    }
}

/// Writes at the end, in one step with finding it (`pwritev2(2)`, RWF_APPEND): others may append as well.
fn append(file: &File, data: &[u8]) -> io::Result<usize> {
    let part = libc::iovec {
        iov_base: data.as_ptr().cast_mut().cast(),
        iov_len: data.len(),
    };
    // SAFETY: the part is valid for the call, which only reads it.
    let count =
        unsafe { libc::pwritev2(file.as_raw_fd(), &raw const part, 1, 0, libc::RWF_APPEND) };
    usize::try_from(count).map_err(|_| io::Error::last_os_error())
}
