//! What serves machines as files for the kernel in this process, whose path walk the host's own calls take.

use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use secure_exec_broker::files::{Backend, BackendFile, Opened};
use secure_exec_broker::protocol::files::{self, ChangedAttributes, FileAccess, HostTime};
use secure_exec_kernel::fs::hostfs::{
    HostAccess, HostAttributes, HostChange, HostEntry, HostFile, HostFiles, HostLink, HostListing,
};
use secure_exec_kernel::{Errno, RenameFlags, Result, StatFs, Timespec};

/// Bytes of a piece of a directory.
const ROOM: usize = 120 << 10;
/// Longest name in a directory.
const NAME_MAX: u64 = 255;

/// The files of a backend.
pub struct ServedFiles {
    backend: Arc<dyn Backend>,
    read_only: bool,
    zero: Instant,
}

impl ServedFiles {
    pub fn new(backend: Arc<dyn Backend>, read_only: bool) -> ServedFiles {
        ServedFiles {
            backend,
            read_only,
            zero: Instant::now(),
        }
    }

    /// The backend, for a change.
    fn changed(&self) -> Result<&dyn Backend> {
        if self.read_only {
            Err(Errno::EROFS)
        } else {
            Ok(&*self.backend)
        }
    }
}

impl HostFiles for ServedFiles {
    fn stat(&self, path: &[u8]) -> Result<HostAttributes> {
        self.backend
            .stat(path)
            .map(|found| attributes(&found))
            .map_err(errno)
    }

    fn read_dir(&self, path: &[u8], position: u64) -> Result<HostListing> {
        let listing = self.backend.read_dir(path, position, ROOM).map_err(errno)?;
        let entries = listing.entries.into_iter().map(|entry| HostEntry {
            name: entry.name,
            attributes: attributes(&entry.attributes),
            next: entry.next,
        });
        Ok(HostListing {
            entries: entries.collect(),
            last: listing.last,
        })
    }

    fn read_link(&self, path: &[u8]) -> Result<HostLink> {
        let target = self.backend.read_link(path).map_err(errno)?;
        Ok(if target.outside {
            HostLink::Outside((!target.path.is_empty()).then_some(target.path))
        } else {
            HostLink::Target(target.path)
        })
    }

    fn open(&self, path: &[u8], access: HostAccess) -> Result<(HostAttributes, Arc<dyn HostFile>)> {
        let access = match access {
            HostAccess::Read => FileAccess::Read,
            HostAccess::Write => FileAccess::Write,
            HostAccess::ReadWrite => FileAccess::ReadWrite,
        };
        match access {
            FileAccess::Read => &*self.backend,
            _ => self.changed()?,
        }
        .open(path, access)
        .map(opened)
        .map_err(errno)
    }

    fn create(&self, path: &[u8], mode: u32) -> Result<(HostAttributes, Arc<dyn HostFile>)> {
        self.changed()?
            .create(path, mode)
            .map(opened)
            .map_err(errno)
    }

    fn make_directory(&self, path: &[u8], mode: u32) -> Result<()> {
        self.changed()?.make_directory(path, mode).map_err(errno)
    }

    fn symlink(&self, path: &[u8], target: &[u8]) -> Result<()> {
        self.changed()?.symlink(path, target).map_err(errno)
    }

    fn link(&self, from: &[u8], to: &[u8]) -> Result<()> {
        self.changed()?.link(from, to).map_err(errno)
    }

    fn unlink(&self, path: &[u8]) -> Result<()> {
        self.changed()?.unlink(path).map_err(errno)
    }

    fn remove_directory(&self, path: &[u8]) -> Result<()> {
        self.changed()?.remove_directory(path).map_err(errno)
    }

    fn rename(&self, from: &[u8], to: &[u8], flags: RenameFlags) -> Result<()> {
        self.changed()?
            .rename(from, to, flags.bits())
            .map_err(errno)
    }

    fn set_attributes(&self, path: &[u8], change: &HostChange) -> Result<()> {
        let time = |time: Timespec| HostTime {
            sec: time.sec,
            nsec: time.nsec,
        };
        let change = ChangedAttributes {
            mode: change.mode,
            atime: change.atime.map(time),
            mtime: change.mtime.map(time),
        };
        self.changed()?.set_attributes(path, &change).map_err(errno)
    }

    fn statfs(&self) -> Result<StatFs> {
        let space = self.backend.space().map_err(errno)?;
        Ok(StatFs {
            kind: 0,
            bsize: space.block_size,
            blocks: space.blocks,
            bfree: space.free,
            bavail: space.free,
            files: space.files,
            ffree: space.files_free,
            namelen: NAME_MAX,
        })
    }

    fn now(&self) -> Duration {
        self.zero.elapsed()
    }

    fn generation(&self) -> u64 {
        0
    }
}

/// An open file: a descriptor to read from, or a file that is asked.
struct ServedFile {
    descriptor: Option<std::fs::File>,
    file: Option<Arc<dyn BackendFile>>,
}

impl ServedFile {
    fn file(&self) -> Result<&Arc<dyn BackendFile>> {
        self.file.as_ref().ok_or(Errno::EBADF)
    }
}

impl HostFile for ServedFile {
    fn read_at(&self, offset: u64, buf: &mut [u8]) -> Result<usize> {
        if let Some(descriptor) = &self.descriptor {
            let read = std::os::unix::fs::FileExt::read_at(descriptor, buf, offset);
            return read.map_err(errno);
        }
        self.file()?.read(offset, buf).map_err(errno)
    }

    fn write(&self, offset: Option<u64>, buf: &[u8]) -> Result<(usize, u64)> {
        self.file()?.write(offset, buf).map_err(errno)
    }

    fn set_size(&self, size: u64) -> Result<()> {
        self.file()?.set_size(size).map_err(errno)
    }

    fn sync(&self) -> Result<()> {
        self.file
            .as_ref()
            .map_or(Ok(()), |file| file.sync())
            .map_err(errno)
    }
}

fn opened(opened: Opened) -> (HostAttributes, Arc<dyn HostFile>) {
    let file = ServedFile {
        descriptor: opened.descriptor.map(Into::into),
        file: opened.file,
    };
    (attributes(&opened.attributes), Arc::new(file))
}

fn errno(error: io::Error) -> Errno {
    error.raw_os_error().map_or(Errno::EIO, Errno::from_raw)
}

fn attributes(found: &files::HostAttributes) -> HostAttributes {
    let time = |time: HostTime| Timespec::new(time.sec, time.nsec);
    HostAttributes {
        ino: found.ino,
        mode: found.mode,
        nlink: found.nlink,
        size: found.size,
        blocks: found.blocks,
        atime: time(found.atime),
        mtime: time(found.mtime),
        ctime: time(found.ctime),
        btime: time(found.btime),
    }
}
