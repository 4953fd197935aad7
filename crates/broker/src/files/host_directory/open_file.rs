//! Files of the host that are open for a guest and asked for their bytes, so that what they grow by is counted.

use std::collections::HashMap;
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::fs::FileExt;
use std::sync::Arc;

use parking_lot::Mutex;

use super::super::backend::BackendFile;
use super::attributes::Metadata;
use super::quota::{NAME, Quota};

type FileId = ((u32, u32), u64);

/// The open files of a mount, by what they are.
pub(super) struct OpenFiles {
    quota: Quota,
    open: Mutex<HashMap<FileId, usize>>,
}

impl OpenFiles {
    pub(super) fn new(quota: Quota) -> OpenFiles {
        OpenFiles {
            quota,
            open: Mutex::default(),
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
            self.quota.give(before.size().saturating_add(NAME));
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
            self.quota.give(metadata.size().saturating_add(NAME));
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
        Ok(Metadata::of(self.file.as_fd())?.size())
    }

    /// Takes what a change that ends here would let the file grow by, and makes it.
    fn grow<T>(&self, end: u64, change: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
        let before = self.size()?;
        let growth = end.saturating_sub(before);
        self.files.quota.take(growth)?;
        let done = change();
        // It may have grown less, or not at all.
        let after = self.size().unwrap_or(end);
        let grown = after.saturating_sub(before);
        if grown < growth {
            self.files.quota.give(growth - grown);
        }
        if after < before {
            self.files.quota.give(before - after);
        }
        done
    }
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
        self.grow(end, || match offset {
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
        self.grow(size, || self.file.set_len(size))
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
