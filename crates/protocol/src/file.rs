//! The host's file methods.

use serde::{Deserialize, Serialize};

use crate::bounds::{self, MAX_ENTRIES};

/// Names beyond the number of inodes: the VM's own commands and devices.
const NAMES_OF_THE_VM: u64 = 4096;

/// Names of one directory that the host takes of a VM with so many inodes.
#[must_use]
pub fn most_names(max_inodes: u64) -> u64 {
    max_inodes.saturating_add(NAMES_OF_THE_VM)
}

/// What a file has besides its content.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileAttributes {
    /// Permission bits; those of a new file are 0644 without.
    pub mode: Option<u32>,
    /// Owner.
    pub uid: Option<u32>,
    /// Group.
    pub gid: Option<u32>,
}

/// An operation on the VM's filesystem, done with the host's rights: no permission stops it, and what it makes belongs
/// to the guest's user.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum FileRequest {
    /// Answered by `Data`. What does not end is refused.
    Read {
        #[serde(with = "serde_bytes")]
        path: Vec<u8>,
    },
    /// The next piece of a file or directory too large for one frame.
    ReadMore { handle: u32 },
    /// Creates or truncates. The host picks a free number as `handle` if it is going to send more.
    Write {
        #[serde(with = "serde_bytes")]
        path: Vec<u8>,
        #[serde(with = "serde_bytes")]
        data: Vec<u8>,
        handle: Option<u32>,
        /// Missing directories on the way are made.
        parents: bool,
        attributes: FileAttributes,
    },
    /// The next piece; fails with `EBADF` behind a `Write` that failed.
    WriteMore {
        handle: u32,
        #[serde(with = "serde_bytes")]
        data: Vec<u8>,
        last: bool,
    },
    /// Answered by `Entries`, without `.` and `..`.
    ReadDirectory {
        #[serde(with = "serde_bytes")]
        path: Vec<u8>,
    },
    MakeDirectory {
        #[serde(with = "serde_bytes")]
        path: Vec<u8>,
        recursive: bool,
    },
    /// Makes the directory that programs start in if it is missing.
    MakeWorkingDirectory {
        #[serde(with = "serde_bytes")]
        path: Vec<u8>,
    },
    /// Answered by `Stat`; follows symbolic links.
    Stat {
        #[serde(with = "serde_bytes")]
        path: Vec<u8>,
    },
    /// As `Stat`, of a link its own.
    LinkStat {
        #[serde(with = "serde_bytes")]
        path: Vec<u8>,
    },
    /// Where a link leads. Answered by `Data`.
    ReadLink {
        #[serde(with = "serde_bytes")]
        path: Vec<u8>,
    },
    /// Adds a piece to the end of a file, which is made if it is missing.
    Append {
        #[serde(with = "serde_bytes")]
        path: Vec<u8>,
        #[serde(with = "serde_bytes")]
        data: Vec<u8>,
    },
    /// Changes permission bits and owners; follows symbolic links.
    SetAttributes {
        #[serde(with = "serde_bytes")]
        path: Vec<u8>,
        attributes: FileAttributes,
    },
    /// Sets the time of the last change, of a link its own; nanoseconds since 1970.
    SetTime {
        #[serde(with = "serde_bytes")]
        path: Vec<u8>,
        mtime_ns: i64,
    },
    Symlink {
        #[serde(with = "serde_bytes")]
        target: Vec<u8>,
        #[serde(with = "serde_bytes")]
        path: Vec<u8>,
    },
    /// Copies a file, a link as a link, or with `recursive` a directory into one that may be there.
    Copy {
        #[serde(with = "serde_bytes")]
        from: Vec<u8>,
        #[serde(with = "serde_bytes")]
        to: Vec<u8>,
        recursive: bool,
    },
    /// Answered by `Exists`.
    Exists {
        #[serde(with = "serde_bytes")]
        path: Vec<u8>,
    },
    Remove {
        #[serde(with = "serde_bytes")]
        path: Vec<u8>,
        recursive: bool,
        /// That it is not there is no failure.
        force: bool,
    },
    Rename {
        #[serde(with = "serde_bytes")]
        from: Vec<u8>,
        #[serde(with = "serde_bytes")]
        to: Vec<u8>,
    },
}

/// What a file request gives.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum FileReply {
    /// Nothing but success.
    Done,
    /// A piece of the file, and a handle if there is more.
    Data {
        #[serde(with = "serde_bytes")]
        data: Vec<u8>,
        more: Option<u32>,
    },
    /// Names in a directory, sorted, and a handle if there are more.
    Entries {
        #[serde(deserialize_with = "bounds::list::<_, _, MAX_ENTRIES>")]
        entries: Vec<DirectoryEntry>,
        more: Option<u32>,
    },
    Stat(FileStat),
    Exists(bool),
}

/// A name in a directory.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DirectoryEntry {
    #[serde(with = "serde_bytes")]
    pub name: Vec<u8>,
    /// The type bits of `st_mode` (`S_IFMT`).
    pub kind: u32,
}

/// What `stat(2)` tells; times in nanoseconds since 1970.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileStat {
    pub dev: u64,
    pub ino: u64,
    pub mode: u32,
    pub nlink: u64,
    pub uid: u32,
    pub gid: u32,
    pub size: u64,
    pub blocks: u64,
    pub atime_ns: i64,
    pub mtime_ns: i64,
    pub ctime_ns: i64,
    pub birthtime_ns: i64,
}
