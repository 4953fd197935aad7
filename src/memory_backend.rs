//! Files in memory, served to machines that mount them.

use std::io;
use std::sync::Arc;

use secure_exec_broker::files::{Backend, BackendFile, Listing, Opened, Target};
use secure_exec_broker::protocol::files::{
    ChangedAttributes, FileAccess, HostAttributes, HostEntry, HostSpace, HostTime,
};
use secure_exec_kernel::abi::stat::{S_IFMT, S_IFREG};
use secure_exec_kernel::{
    Errno, FileDescription, FileTree, Links, OpenFlags, RenameFlags, SetAttributes, Stat, Timespec,
};

/// Names that are read in one go.
const BATCH: usize = 64;
/// More than the metadata of a name takes in a message.
const ENTRY: usize = 192;

/// A tree of files. Whoever asks has walked the paths, so there are no links in them, or only such as were made meanwhile:
/// those lead to files of the same tree.
pub struct MemoryBackend(pub Arc<FileTree>);

impl Backend for MemoryBackend {
    fn stat(&self, path: &[u8]) -> io::Result<HostAttributes> {
        let stat = self.0.stat(&absolute(path), Links::Keep).map_err(failed)?;
        Ok(attributes(&stat))
    }

    fn read_dir(&self, path: &[u8], position: u64, room: usize) -> io::Result<Listing> {
        let path = absolute(path);
        let mut listing = Listing::default();
        let (mut position, mut left) = (position, room);
        loop {
            let read = self.0.read_dir_from(&path, position, BATCH);
            let read = read.map_err(failed)?;
            if read.is_empty() {
                listing.last = true;
                return Ok(listing);
            }
            for (entry, next, stat) in read {
                let taken = entry.name.len() + ENTRY;
                if taken > left {
                    return Ok(listing);
                }
                left -= taken;
                position = next;
                listing.entries.push(HostEntry {
                    name: entry.name,
                    attributes: attributes(&stat),
                    next,
                });
            }
        }
    }

    fn read_link(&self, path: &[u8]) -> io::Result<Target> {
        let path = self.0.read_link(&absolute(path)).map_err(failed)?;
        Ok(Target {
            path,
            outside: false,
        })
    }

    fn open(&self, path: &[u8], access: FileAccess) -> io::Result<Opened> {
        let flags = match access {
            FileAccess::Read => OpenFlags::O_RDONLY,
            FileAccess::Write => OpenFlags::O_WRONLY,
            FileAccess::ReadWrite => OpenFlags::O_RDWR,
        };
        self.opened(path, flags, 0)
    }

    fn create(&self, path: &[u8], mode: u32) -> io::Result<Opened> {
        let flags = OpenFlags::O_RDWR | OpenFlags::O_CREAT | OpenFlags::O_EXCL;
        self.opened(path, flags, mode)
    }

    fn make_directory(&self, path: &[u8], mode: u32) -> io::Result<()> {
        self.0.mkdir(&absolute(path), mode).map_err(failed)
    }

    fn symlink(&self, path: &[u8], target: &[u8]) -> io::Result<()> {
        self.0.symlink(target, &absolute(path)).map_err(failed)
    }

    fn link(&self, from: &[u8], to: &[u8]) -> io::Result<()> {
        self.0.link(&absolute(from), &absolute(to)).map_err(failed)
    }

    fn unlink(&self, path: &[u8]) -> io::Result<()> {
        self.0.unlink(&absolute(path)).map_err(failed)
    }

    fn remove_directory(&self, path: &[u8]) -> io::Result<()> {
        self.0.rmdir(&absolute(path)).map_err(failed)
    }

    fn rename(&self, from: &[u8], to: &[u8], flags: u32) -> io::Result<()> {
        let flags = RenameFlags::from_bits(flags).ok_or(failed(Errno::EINVAL))?;
        self.0
            .rename(&absolute(from), &absolute(to), flags)
            .map_err(failed)
    }

    fn set_attributes(&self, path: &[u8], change: &ChangedAttributes) -> io::Result<()> {
        let change = SetAttributes {
            mode: change.mode,
            atime: change.atime.map(timespec).transpose()?,
            mtime: change.mtime.map(timespec).transpose()?,
            ..SetAttributes::default()
        };
        self.0
            .set_attributes(&absolute(path), &change, Links::Keep)
            .map_err(failed)
    }

    fn space(&self) -> io::Result<HostSpace> {
        let space = self.0.statfs().map_err(failed)?;
        Ok(HostSpace {
            block_size: space.bsize,
            blocks: space.blocks,
            free: space.bfree,
            files: space.files,
            files_free: space.ffree,
        })
    }
}

impl MemoryBackend {
    fn opened(&self, path: &[u8], flags: OpenFlags, mode: u32) -> io::Result<Opened> {
        let path = absolute(path);
        if !flags.contains(OpenFlags::O_CREAT) {
            let stat = self.0.stat(&path, Links::Keep).map_err(failed)?;
            if stat.mode & S_IFMT != S_IFREG {
                return Err(failed(Errno::ENXIO));
            }
        }
        let file = self.0.open(&path, flags | OpenFlags::O_NOFOLLOW, mode);
        let file = file.map_err(failed)?;
        Ok(Opened {
            attributes: attributes(&file.stat().map_err(failed)?),
            descriptor: None,
            file: Some(Arc::new(MemoryFile {
                tree: self.0.clone(),
                file,
            })),
        })
    }
}

/// An open file. It lives on without its name.
struct MemoryFile {
    tree: Arc<FileTree>,
    file: Arc<FileDescription>,
}

impl BackendFile for MemoryFile {
    fn read(&self, offset: u64, buf: &mut [u8]) -> io::Result<usize> {
        self.file.pread(buf, offset).map_err(failed)
    }

    fn write(&self, offset: Option<u64>, data: &[u8]) -> io::Result<(usize, u64)> {
        let written = match offset {
            None => self.tree.append(&self.file, data),
            Some(offset) => {
                let count = self.file.pwrite(data, offset);
                count.map(|count| (count, offset.saturating_add(count as u64)))
            }
        };
        written.map_err(failed)
    }

    fn set_size(&self, size: u64) -> io::Result<()> {
        self.tree.set_size(&self.file, size).map_err(failed)
    }

    fn sync(&self) -> io::Result<()> {
        Ok(())
    }
}

fn absolute(path: &[u8]) -> Vec<u8> {
    let mut absolute = Vec::with_capacity(path.len() + 1);
    absolute.push(b'/');
    absolute.extend_from_slice(path);
    absolute
}

fn failed(errno: Errno) -> io::Error {
    io::Error::from_raw_os_error(errno.raw())
}

fn attributes(stat: &Stat) -> HostAttributes {
    let time = |time: Timespec| HostTime {
        sec: time.sec,
        nsec: time.nsec,
    };
    HostAttributes {
        ino: stat.ino,
        mode: stat.mode,
        nlink: stat.nlink,
        size: stat.size,
        blocks: stat.blocks,
        atime: time(stat.atime),
        mtime: time(stat.mtime),
        ctime: time(stat.ctime),
        btime: time(stat.btime),
    }
}

/// A VM process may say anything.
fn timespec(time: HostTime) -> io::Result<Timespec> {
    if time.nsec >= 1_000_000_000 {
        return Err(failed(Errno::EINVAL));
    }
    Ok(Timespec::new(time.sec, time.nsec))
}
