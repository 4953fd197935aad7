//! Metadata of the host's files, as guests see it.

use std::ffi::CStr;
use std::hash::{BuildHasher, RandomState};
use std::io;
use std::mem;
use std::os::fd::{AsRawFd, BorrowedFd};

use secure_exec_protocol::files::{HostAttributes, HostTime};

/// Bits that a number has which a double holds exactly.
const EXACT: u32 = 52;

/// Numbers that a guest's file system keeps for itself.
const FIRST: u64 = 16;

/// What `stat(2)` counts blocks in, whatever those of the file system are.
const SECTOR: u64 = 512;

/// What is asked for: all that `stat(2)` has, and the creation.
const WANTED: u32 = libc::STATX_BASIC_STATS | libc::STATX_BTIME;

/// Gives files numbers by which two names of one are known, and which tell nothing of the host's disks.
#[derive(Default)]
pub(super) struct Identity(RandomState);

impl Identity {
    pub(super) fn number(&self, device: (u32, u32), ino: u64) -> u64 {
        let hash = self.0.hash_one((device, ino)) >> (u64::BITS - EXACT);
        hash.max(FIRST)
    }
}

/// What a file is, as far as guests can tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Regular,
    Directory,
    Link,
    /// A FIFO, a socket, a device.
    Special,
}

/// What the system says of a file.
pub(super) struct Metadata(libc::statx);

impl Metadata {
    pub(super) fn of(file: BorrowedFd<'_>) -> io::Result<Metadata> {
        Metadata::read(file, c"", libc::AT_EMPTY_PATH)
    }

    /// That of a name in a directory; of a link its own.
    pub(super) fn at(directory: BorrowedFd<'_>, name: &CStr) -> io::Result<Metadata> {
        Metadata::read(directory, name, 0)
    }

    fn read(file: BorrowedFd<'_>, name: &CStr, flags: i32) -> io::Result<Metadata> {
        let flags = flags | libc::AT_SYMLINK_NOFOLLOW | libc::AT_NO_AUTOMOUNT;
        // SAFETY: zeroes are a valid structure.
        let mut found: libc::statx = unsafe { mem::zeroed() };
        // SAFETY: the name and the structure are valid for the call.
        let done = unsafe {
            libc::statx(
                file.as_raw_fd(),
                name.as_ptr(),
                flags,
                WANTED,
                &raw mut found,
            )
        };
        if done < 0 {
            return Err(io::Error::last_os_error());
        }
        Ok(Metadata(found))
    }

    pub(super) fn kind(&self) -> Kind {
        match u32::from(self.0.stx_mode) & libc::S_IFMT {
            libc::S_IFREG => Kind::Regular,
            libc::S_IFDIR => Kind::Directory,
            libc::S_IFLNK => Kind::Link,
            _ => Kind::Special,
        }
    }

    pub(super) fn device(&self) -> (u32, u32) {
        (self.0.stx_dev_major, self.0.stx_dev_minor)
    }

    /// The file itself, whatever its names are.
    pub(super) fn file(&self) -> ((u32, u32), u64) {
        (self.device(), self.0.stx_ino)
    }

    pub(super) fn size(&self) -> u64 {
        self.0.stx_size
    }

    /// Bytes that it takes of the disk: less than its length where it has holes.
    pub(super) fn allocated(&self) -> u64 {
        self.0.stx_blocks.saturating_mul(SECTOR)
    }

    pub(super) fn names(&self) -> u32 {
        self.0.stx_nlink
    }

    pub(super) fn permissions(&self) -> u32 {
        u32::from(self.0.stx_mode) & 0o7777
    }

    pub(super) fn attributes(&self, identity: &Identity) -> HostAttributes {
        let found = &self.0;
        let created = if found.stx_mask & libc::STATX_BTIME != 0 {
            found.stx_btime
        } else {
            found.stx_ctime
        };
        HostAttributes {
            ino: identity.number(self.device(), found.stx_ino),
            mode: u32::from(found.stx_mode),
            nlink: found.stx_nlink.into(),
            size: found.stx_size,
            blocks: found.stx_blocks,
            atime: time(found.stx_atime),
            mtime: time(found.stx_mtime),
            ctime: time(found.stx_ctime),
            btime: time(created),
        }
    }
}

fn time(time: libc::statx_timestamp) -> HostTime {
    HostTime {
        sec: time.tv_sec,
        nsec: time.tv_nsec,
    }
}
