//! The files channel: what a VM process asks of the host's files, over a socket of its own.
//!
//! The socket keeps messages apart (`SOCK_SEQPACKET`). The VM process sends one request and waits for the one answer to it;
//! both are numbered, so that an answer that came after the wait for it was given up is not taken for another. A file that may
//! be read without asking comes as a descriptor with the answer.
//!
//! Everything is named by its path below the root of a mount ([`is_path`]). Who serves it keeps no table of names, so that
//! nothing can be left behind in one. `docs/design/mounts.md` has the reasons.

use std::ops::Range;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::VmId;
use crate::frame::FrameError;
use crate::leases::are_leases;

pub use crate::leases::{BrokenLease, LeaseOf, MOST_LEASES, MOST_LEASES_AT_A_TIME};

/// Longest message.
pub const MAX_FILES_MESSAGE: usize = 128 << 10;

/// Most bytes of a file in one message: leaves room for the rest of it.
pub const MAX_FILE_PIECE: usize = 120 << 10;

/// Longest file that is asked for as a whole.
pub const MAX_WHOLE_FILE: u64 = 64 << 10;

/// Most files that are asked for as a whole at a time.
pub const MOST_WHOLE_FILES: usize = 64;

/// What a file takes in a message besides its bytes, at most.
pub const WHOLE_FILE: usize = 120;

/// Which of the results has the bytes of a file.
const DATA: u32 = 6;

/// Longest path (`limits.h`).
const PATH_MAX: usize = 4096;
/// Longest name in a directory.
const NAME_MAX: usize = 255;

/// A request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FilesRequest {
    /// Counts up.
    pub id: u64,
    /// The VM that asks.
    pub vm: VmId,
    /// Which of its mounts, by their order in [`VmConfig::mounts`](crate::VmConfig::mounts).
    pub mount: u32,
    pub operation: FileOperation,
}

/// What is to be done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum FileOperation {
    /// Metadata; of a link its own. Answer: `Attributes`.
    Stat {
        #[serde(with = "serde_bytes")]
        path: Vec<u8>,
    },
    /// Names of a directory behind a position, 0 for all. Answer: `Entries`.
    ReadDirectory {
        #[serde(with = "serde_bytes")]
        path: Vec<u8>,
        position: u64,
    },
    /// Where a link leads. Answer: `Link`.
    ReadLink {
        #[serde(with = "serde_bytes")]
        path: Vec<u8>,
    },
    /// Reads files of a directory as a whole: those of these names that are regular, readable and no longer than
    /// [`MAX_WHOLE_FILE`], until there is no room for the next one in [`MAX_FILE_PIECE`]. Answer: `Whole`.
    ReadWhole {
        /// The directory.
        #[serde(with = "serde_bytes")]
        path: Vec<u8>,
        /// Names in it, with a slash between two.
        #[serde(with = "serde_bytes")]
        names: Vec<u8>,
    },
    /// Opens a regular file. Answer: `Opened`.
    Open {
        #[serde(with = "serde_bytes")]
        path: Vec<u8>,
        access: FileAccess,
    },
    /// Answer: `Data`, empty at the end of the file.
    Read {
        handle: u64,
        offset: u64,
        count: u32,
    },
    /// Writes, at the end of the file without an offset. Answer: `Written`.
    Write {
        handle: u64,
        offset: Option<u64>,
        #[serde(with = "serde_bytes")]
        data: Vec<u8>,
    },
    /// Answer: `Done`.
    SetSize { handle: u64, size: u64 },
    /// Answer: `Done`.
    Sync { handle: u64 },
    /// Answer: `Done`.
    Close { handle: u64 },
    /// Makes a regular file that must not be there, and opens it. Answer: `Opened`.
    Create {
        #[serde(with = "serde_bytes")]
        path: Vec<u8>,
        mode: u32,
    },
    /// Answer: `Done`.
    MakeDirectory {
        #[serde(with = "serde_bytes")]
        path: Vec<u8>,
        mode: u32,
    },
    /// Answer: `Done`.
    Symlink {
        #[serde(with = "serde_bytes")]
        path: Vec<u8>,
        #[serde(with = "serde_bytes")]
        target: Vec<u8>,
    },
    /// Gives the file `from` another name. Answer: `Done`.
    Link {
        #[serde(with = "serde_bytes")]
        from: Vec<u8>,
        #[serde(with = "serde_bytes")]
        to: Vec<u8>,
    },
    /// Answer: `Done`.
    Unlink {
        #[serde(with = "serde_bytes")]
        path: Vec<u8>,
    },
    /// Answer: `Done`.
    RemoveDirectory {
        #[serde(with = "serde_bytes")]
        path: Vec<u8>,
    },
    /// `renameat2(2)` with its flags. Answer: `Done`.
    Rename {
        #[serde(with = "serde_bytes")]
        from: Vec<u8>,
        #[serde(with = "serde_bytes")]
        to: Vec<u8>,
        flags: u32,
    },
    /// Answer: `Done`.
    SetAttributes {
        #[serde(with = "serde_bytes")]
        path: Vec<u8>,
        attributes: ChangedAttributes,
    },
    /// Answer: `Space`.
    Statfs,
    /// Has what happens to the watched files of the mount told over a socket of its own ([`FileChanges`]), which replaces an
    /// earlier one with all that was watched. Answer: `Changes`, and the socket comes along.
    ListenToChanges,
    /// Watches what has this path, a link itself, under a number that the VM process chooses and has not in use.
    /// Answer: `Done`.
    Watch {
        #[serde(with = "serde_bytes")]
        path: Vec<u8>,
        number: u64,
    },
    /// Watches it no more. What has happened before may still be told. Answer: `Done`.
    Unwatch { number: u64 },
    /// Names of a directory, as [`FileOperation::ReadDirectory`] from the beginning, which the VM process means to take for
    /// true until it hears of a change: what is named in `leases` is watched from before they are read. Answer: `Leased`.
    ReadLeased {
        #[serde(with = "serde_bytes")]
        path: Vec<u8>,
        /// Of the directory and those on the way to it, as far as there is none yet, from above.
        leases: Vec<LeaseOf>,
    },
    /// As many names of a directory behind a position, and no more of what they name than the names are listed with. Answer:
    /// `Names`.
    ReadNames {
        #[serde(with = "serde_bytes")]
        path: Vec<u8>,
        position: u64,
        count: u32,
    },
    /// What was taken for true by a lease and is not any more. Answer: `Broken`.
    HearOfBroken {
        /// The last that was heard of before.
        heard: u64,
        /// Leases that are not wanted any more.
        ended: Vec<u64>,
    },
}

/// What a name costs of a bound on what is written, whatever it names: a disk is filled by empty files as well.
pub const NAME_BYTES: u64 = 4096;

impl FileOperation {
    /// The most by which it makes the files larger.
    #[must_use]
    pub fn growth(&self) -> u64 {
        match self {
            FileOperation::Write { data, .. } => data.len() as u64,
            FileOperation::SetSize { size, .. } => *size,
            FileOperation::Create { .. }
            | FileOperation::MakeDirectory { .. }
            | FileOperation::Symlink { .. }
            | FileOperation::Link { .. } => NAME_BYTES,
            _ => 0,
        }
    }
}

/// What an open file is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum FileAccess {
    Read,
    Write,
    ReadWrite,
}

/// An answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FilesAnswer {
    /// That of the request.
    pub id: u64,
    pub result: FileResult,
}

/// What came of an operation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum FileResult {
    /// Linux's number of the error.
    Failed {
        errno: i32,
    },
    Done,
    Attributes(HostAttributes),
    /// A piece of a directory, without `.` and `..`; `last` with the end of it.
    Entries {
        entries: Vec<HostEntry>,
        last: bool,
    },
    /// Where a link leads: nowhere outside of the mount.
    Link {
        #[serde(with = "serde_bytes")]
        target: Vec<u8>,
        /// It leads out of the mount, and is not followed. The target is empty where it would tell of the host.
        outside: bool,
    },
    /// An open file. What is read goes to the descriptor that comes along, if `descriptor` says so, else to the handle.
    Opened {
        attributes: HostAttributes,
        handle: Option<u64>,
        descriptor: bool,
    },
    Data(#[serde(with = "serde_bytes")] Vec<u8>),
    Whole(Vec<WholeFile>),
    /// How much was written, and where it ended.
    Written {
        count: u32,
        end: u64,
    },
    Space(HostSpace),
    /// The socket that changes are told over comes along.
    Changes,
    /// A piece of a directory, without `.` and `..`; none at its end.
    Names(Vec<HostName>),
    Leased {
        /// The directory's own, of before its names were read.
        attributes: HostAttributes,
        entries: Vec<HostEntry>,
        last: bool,
        /// Whether a change will be told of.
        holds: bool,
    },
    Broken {
        /// Numbers what was told up to now.
        last: u64,
        broken: Vec<BrokenLease>,
    },
}

/// A message about what has happened to watched files.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileChanges {
    /// In the order in which it happened.
    pub changes: Vec<FileChange>,
}

/// Something that has happened to a watched file, in the terms of inotify(7).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileChange {
    /// That of the watch; 0 for all where more has happened than could be told (`IN_Q_OVERFLOW`).
    pub number: u64,
    pub mask: u32,
    /// Ties the two halves of a rename together.
    pub cookie: u32,
    /// In a watched directory; empty if it is about the file itself.
    #[serde(with = "serde_bytes")]
    pub name: Vec<u8>,
}

/// What a change takes in a message besides its name, at most.
pub const FILE_CHANGE: usize = 24;

/// Most changes in a message: with the longest names they fit into it.
pub const MOST_CHANGES: usize = MAX_FILES_MESSAGE / (FILE_CHANGE + NAME_MAX) - 1;

/// Files of a mount that may be watched at a time.
pub const MOST_WATCHES: usize = 8192;

/// Metadata of a file. The owner is not told: everything belongs to the guest's user.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct HostAttributes {
    /// The same for two names of one file, and tells nothing else.
    pub ino: u64,
    /// Type and permissions.
    pub mode: u32,
    pub nlink: u64,
    pub size: u64,
    /// Of 512 bytes.
    pub blocks: u64,
    pub atime: HostTime,
    pub mtime: HostTime,
    pub ctime: HostTime,
    pub btime: HostTime,
}

/// Seconds since 1970, and nanoseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct HostTime {
    pub sec: i64,
    pub nsec: u32,
}

/// A name in a directory.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HostEntry {
    #[serde(with = "serde_bytes")]
    pub name: Vec<u8>,
    pub attributes: HostAttributes,
    /// The position that follows it.
    pub next: u64,
}

/// A name in a directory, without the attributes of what it names.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HostName {
    #[serde(with = "serde_bytes")]
    pub name: Vec<u8>,
    pub ino: u64,
    /// The type, without permissions.
    pub kind: u32,
    /// The position that follows it.
    pub next: u64,
}

/// A file as it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WholeFile {
    /// Which of the names that were asked for, from 0.
    pub name: u32,
    /// Of before its bytes were read, which are as many as they say.
    pub attributes: HostAttributes,
    #[serde(with = "serde_bytes")]
    pub data: Vec<u8>,
}

/// What is to be changed; what is absent stays.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChangedAttributes {
    pub mode: Option<u32>,
    pub atime: Option<HostTime>,
    pub mtime: Option<HostTime>,
}

/// Capacity and use of a file system (`statfs(2)`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct HostSpace {
    pub block_size: u64,
    pub blocks: u64,
    pub free: u64,
    pub files: u64,
    pub files_free: u64,
}

impl FileOperation {
    /// The paths that it names.
    #[must_use]
    pub fn paths(&self) -> [Option<&[u8]>; 2] {
        match self {
            FileOperation::Stat { path }
            | FileOperation::ReadDirectory { path, .. }
            | FileOperation::ReadLeased { path, .. }
            | FileOperation::ReadNames { path, .. }
            | FileOperation::ReadLink { path }
            | FileOperation::ReadWhole { path, .. }
            | FileOperation::Open { path, .. }
            | FileOperation::Create { path, .. }
            | FileOperation::MakeDirectory { path, .. }
            | FileOperation::Symlink { path, .. }
            | FileOperation::Unlink { path }
            | FileOperation::RemoveDirectory { path }
            | FileOperation::SetAttributes { path, .. }
            | FileOperation::Watch { path, .. } => [Some(path), None],
            FileOperation::Link { from, to } | FileOperation::Rename { from, to, .. } => {
                [Some(from), Some(to)]
            }
            FileOperation::Read { .. }
            | FileOperation::Write { .. }
            | FileOperation::SetSize { .. }
            | FileOperation::Sync { .. }
            | FileOperation::Close { .. }
            | FileOperation::Statfs
            | FileOperation::ListenToChanges
            | FileOperation::HearOfBroken { .. }
            | FileOperation::Unwatch { .. } => [None, None],
        }
    }

    /// Whether it changes what is there.
    #[must_use]
    pub fn changes(&self) -> bool {
        match self {
            FileOperation::Open { access, .. } => *access != FileAccess::Read,
            FileOperation::Stat { .. }
            | FileOperation::ReadDirectory { .. }
            | FileOperation::ReadLeased { .. }
            | FileOperation::ReadNames { .. }
            | FileOperation::HearOfBroken { .. }
            | FileOperation::ReadLink { .. }
            | FileOperation::ReadWhole { .. }
            | FileOperation::Read { .. }
            | FileOperation::Sync { .. }
            | FileOperation::Close { .. }
            | FileOperation::Statfs
            | FileOperation::ListenToChanges
            | FileOperation::Watch { .. }
            | FileOperation::Unwatch { .. } => false,
            _ => true,
        }
    }

    /// Whether it is about what is taken for true until it changes.
    #[must_use]
    pub fn is_of_leases(&self) -> bool {
        matches!(
            self,
            FileOperation::ReadLeased { .. } | FileOperation::HearOfBroken { .. }
        )
    }

    /// Whether it is about what is told of changes.
    #[must_use]
    pub fn is_of_watches(&self) -> bool {
        matches!(
            self,
            FileOperation::ListenToChanges
                | FileOperation::Watch { .. }
                | FileOperation::Unwatch { .. }
        )
    }

    /// Whether every path in it is one ([`is_path`]), and its pieces are within their bounds.
    #[must_use]
    pub fn is_well_formed(&self) -> bool {
        let paths = self.paths().into_iter().flatten().all(is_path);
        paths
            && match self {
                FileOperation::Symlink { target, .. } => {
                    !target.is_empty() && target.len() < PATH_MAX && !target.contains(&0)
                }
                FileOperation::Write { data, .. } => data.len() <= MAX_FILE_PIECE,
                FileOperation::Read { count, .. } => *count as usize <= MAX_FILE_PIECE,
                FileOperation::ReadWhole { path, names } => are_names(path, names),
                FileOperation::Watch { number, .. } => *number != 0,
                FileOperation::ReadLeased { path, leases } => are_leases(path, leases),
                FileOperation::HearOfBroken { ended, .. } => ended.len() <= MOST_LEASES,
                _ => true,
            }
    }
}

/// Whether these bytes name something below a root: names apart by single slashes, none of them empty, `.` or `..`, without
/// a slash at either end. The root itself is the empty path.
#[must_use]
pub fn is_path(path: &[u8]) -> bool {
    path.is_empty()
        || !is_too_long(path) && !path.contains(&0) && path.split(|byte| *byte == b'/').all(is_name)
}

/// Whether a path has more bytes than one may have.
#[must_use]
pub fn is_too_long(path: &[u8]) -> bool {
    path.len() >= PATH_MAX
}

fn is_name(name: &[u8]) -> bool {
    !name.is_empty() && name.len() <= NAME_MAX && name != b"." && name != b".."
}

/// Whether these are names in a directory, not more than may be asked for at a time, of which each makes a path.
fn are_names(directory: &[u8], names: &[u8]) -> bool {
    let mut count = 0;
    !names.contains(&0)
        && names.split(|byte| *byte == b'/').all(|name| {
            count += 1;
            count <= MOST_WHOLE_FILES
                && is_name(name)
                && directory.len() + 1 + name.len() < PATH_MAX
        })
}

/// A message as it is sent.
///
/// # Errors
/// It is longer than [`MAX_FILES_MESSAGE`].
pub fn to_message<T: Serialize>(value: &T) -> Result<Vec<u8>, FrameError> {
    let bytes = postcard::to_extend(value, Vec::new()).map_err(|_| FrameError::Malformed)?;
    if bytes.len() > MAX_FILES_MESSAGE {
        return Err(FrameError::TooLong(bytes.len(), MAX_FILES_MESSAGE));
    }
    Ok(bytes)
}

/// What comes before the bytes in an answer with `Data`.
#[must_use]
pub fn data_head(id: u64, count: usize) -> Vec<u8> {
    // Counts of variants and of bytes are written as numbers are.
    postcard::to_extend(&(id, DATA, count as u64), Vec::new()).unwrap_or_default()
}

/// The number of an answer with `Data`, and where its bytes are; none for all other messages.
#[must_use]
pub fn data_in(message: &[u8]) -> Option<(u64, Range<usize>)> {
    let ((id, variant, count), data) =
        postcard::take_from_bytes::<(u64, u32, u64)>(message).ok()?;
    let is_data = variant == DATA && usize::try_from(count).ok()? == data.len();
    is_data.then_some((id, message.len() - data.len()..message.len()))
}

/// A message as it came.
///
/// # Errors
/// It does not decode, or is followed by something.
pub fn from_message<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, FrameError> {
    match postcard::take_from_bytes(bytes) {
        Ok((value, [])) => Ok(value),
        _ => Err(FrameError::Malformed),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_below_the_root_and_nowhere_else() {
        for path in ["", "a", "a/b", "...", ".a", "a b/ c"] {
            assert!(is_path(path.as_bytes()), "{path:?}");
        }
        for path in [
            "/", "/a", "a/", "a//b", ".", "..", "a/..", "../a", "a/./b", "a\0b",
        ] {
            assert!(!is_path(path.as_bytes()), "{path:?}");
        }
        assert!(!is_path(&[b'a'; 256]));
        assert!(!is_path(&b"a/".repeat(2049)[..4097]));
    }

    #[test]
    fn names_of_files_are_names_and_not_too_many() {
        let asks = |path: &[u8], names: &[u8]| {
            let (path, names) = (path.to_vec(), names.to_vec());
            FileOperation::ReadWhole { path, names }.is_well_formed()
        };
        assert!(asks(b"", b"a") && asks(b"a/b", b"a/.b/c d"));
        for names in ["", "/", "a/", "/a", "a//b", ".", "a/..", "a\0b"] {
            assert!(!asks(b"d", names.as_bytes()), "{names:?}");
        }
        assert!(!asks(b"../d", b"a") && !asks(b"/d", b"a"));
        assert!(!asks(b"d", &[b'a'; 256]));
        let many = |count: usize| vec![&b"a"[..]; count].join(&b'/');
        assert!(asks(b"d", &many(MOST_WHOLE_FILES)));
        assert!(!asks(b"d", &many(MOST_WHOLE_FILES + 1)));
        let deep = vec![&[b'd'; 200][..]; 20].join(&b'/');
        assert!(asks(&deep, &[b'a'; 70]) && !asks(&deep, &[b'a'; 90]));
    }

    #[test]
    fn the_most_files_and_bytes_that_are_asked_for_at_a_time_fit_into_a_message() {
        let time = HostTime {
            sec: i64::MIN,
            nsec: u32::MAX,
        };
        let attributes = HostAttributes {
            ino: u64::MAX,
            mode: u32::MAX,
            nlink: u64::MAX,
            size: u64::MAX,
            blocks: u64::MAX,
            atime: time,
            mtime: time,
            ctime: time,
            btime: time,
        };
        let file = |length| WholeFile {
            name: u32::MAX,
            attributes,
            data: vec![0xff; length],
        };
        let length = MAX_FILE_PIECE / MOST_WHOLE_FILES - WHOLE_FILE;
        let result = FileResult::Whole(vec![file(length); MOST_WHOLE_FILES]);
        let id = u64::MAX;
        assert!(to_message(&FilesAnswer { id, result }).unwrap().len() <= MAX_FILE_PIECE + 16);
        let empty = to_message(&file(0)).unwrap();
        assert!(empty.len() <= WHOLE_FILE, "{}", empty.len());
    }

    #[test]
    fn the_most_changes_that_are_told_at_a_time_fit_into_a_message() {
        let change = |length| FileChange {
            number: u64::MAX,
            mask: u32::MAX,
            cookie: u32::MAX,
            name: vec![0xff; length],
        };
        let empty = to_message(&change(0)).unwrap();
        assert!(empty.len() <= FILE_CHANGE, "{}", empty.len());
        let changes = vec![change(NAME_MAX); MOST_CHANGES];
        assert!(to_message(&FileChanges { changes }).is_ok());
    }

    #[test]
    fn a_message_has_nothing_behind_it() {
        let answer = FilesAnswer {
            id: 7,
            result: FileResult::Failed { errno: 2 },
        };
        let mut bytes = to_message(&answer).unwrap();
        assert_eq!(from_message(&bytes), Ok(answer));
        bytes.push(0);
        assert_eq!(
            from_message::<FilesAnswer>(&bytes),
            Err(FrameError::Malformed)
        );
    }

    #[test]
    fn bytes_are_found_in_a_message_where_they_are() {
        for (id, length) in [
            (0, 0),
            (1, 1),
            (300, 127),
            (u64::MAX, 128),
            (7, MAX_FILE_PIECE),
        ] {
            let data: Vec<u8> = (0..=255).cycle().take(length).collect();
            let mut message = data_head(id, length);
            message.extend_from_slice(&data);
            let result = FileResult::Data(data.clone());
            assert_eq!(to_message(&FilesAnswer { id, result }).unwrap(), message);
            let (found, place) = data_in(&message).unwrap();
            assert!(found == id && message[place] == data);
            message.push(0);
            assert_eq!(data_in(&message), None);
            assert_eq!(data_in(&message[..message.len() - 2]), None);
        }
        for result in [
            FileResult::Done,
            FileResult::Failed { errno: 2 },
            FileResult::Written { count: 0, end: 0 },
            FileResult::Whole(Vec::new()),
        ] {
            let message = to_message(&FilesAnswer { id: 1, result }).unwrap();
            assert_eq!(data_in(&message), None);
        }
        for message in [
            &[][..],
            &[0x80],
            &[0xff; 40],
            &[1, 6, 0xff, 0xff, 0xff, 0xff],
        ] {
            assert_eq!(data_in(message), None);
        }
    }

    #[test]
    fn a_message_that_is_too_long_is_not_made() {
        let data = FileResult::Data(vec![0; MAX_FILES_MESSAGE]);
        let answer = FilesAnswer {
            id: 1,
            result: data,
        };
        assert!(to_message(&answer).is_err());
        let data = FileResult::Data(vec![0; MAX_FILE_PIECE]);
        let answer = FilesAnswer {
            id: u64::MAX,
            result: data,
        };
        assert!(to_message(&answer).is_ok());
    }
}
