//! Names of a directory (`getdents64(2)`), with the attributes of what they name.
//!
//! A position is what the file system of the host calls one (`d_off`), so that a listing goes on where it stopped without
//! anybody having kept it open.

use std::ffi::CStr;
use std::io;
use std::mem;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

use secure_exec_protocol::files::{HostEntry, HostName, MAX_FILE_PIECE};

use super::super::backend::Listing;
use super::attributes::{Identity, Metadata};

/// What is asked of the system at once.
const BUFFER: usize = 32 << 10;

/// What an entry takes in a message besides its name, at most.
const ENTRY: usize = 112;

/// The same for one without attributes.
const BARE_ENTRY: usize = 40;

/// Where an entry's fields are (`struct linux_dirent64`).
const NEXT: usize = 8;
const LENGTH: usize = 16;
const KIND: usize = 18;
const NAME: usize = 19;

/// `linux/magic.h`.
const OVERLAYFS: i64 = 0x794c_7630;

/// Lists from a position on.
pub(super) fn read(
    directory: &OwnedFd,
    identity: &Identity,
    position: u64,
    room: usize,
) -> io::Result<Listing> {
    let mut listing = Listing::default();
    let mut left = room;
    listing.last = each(directory, position, |entry| {
        // It may have gone since.
        let Ok(found) = Metadata::at(directory.as_fd(), entry.name) else {
            return true;
        };
        let name = entry.name.to_bytes();
        let taken = name.len() + ENTRY;
        if taken > left {
            return false;
        }
        left -= taken;
        listing.entries.push(HostEntry {
            name: name.to_vec(),
            attributes: found.attributes(identity),
            next: entry.next,
        });
        true
    })?;
    Ok(listing)
}

/// Lists names from a position on, without a look at what they name where the system tells of it with the name.
pub(super) fn read_names(
    directory: &OwnedFd,
    identity: &Identity,
    position: u64,
    most: usize,
) -> io::Result<Vec<HostName>> {
    let device = Metadata::of(directory.as_fd())?.device();
    let tells = tells_numbers(directory.as_fd())?;
    let mut names = Vec::new();
    let mut left = MAX_FILE_PIECE;
    each(directory, position, |entry| {
        let name = entry.name.to_bytes();
        let taken = name.len() + BARE_ENTRY;
        if taken > left || names.len() == most {
            return false;
        }
        let (ino, kind) = match entry.kind.filter(|_| tells) {
            Some(kind) => (identity.number(device, entry.ino), kind),
            None => match Metadata::at(directory.as_fd(), entry.name) {
                Ok(found) => {
                    let found = found.attributes(identity);
                    (found.ino, found.mode & libc::S_IFMT)
                }
                // It may have gone since.
                Err(_) => return true,
            },
        };
        left -= taken;
        names.push(HostName {
            name: name.to_vec(),
            ino,
            kind,
            next: entry.next,
        });
        true
    })?;
    Ok(names)
}

/// Whether names are listed with the numbers that `stat(2)` has: overlayfs may list those of the files below.
fn tells_numbers(directory: BorrowedFd<'_>) -> io::Result<bool> {
    // SAFETY: zeroes are a valid structure.
    let mut found: libc::statfs = unsafe { mem::zeroed() };
    // SAFETY: the structure is valid for the call.
    if unsafe { libc::fstatfs(directory.as_raw_fd(), &raw mut found) } < 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(found.f_type != OVERLAYFS)
}

/// Gives each entry behind a position but `.` and `..`, until one is not taken. True at the end of the directory.
fn each(
    directory: &OwnedFd,
    position: u64,
    mut take: impl FnMut(Entry<'_>) -> bool,
) -> io::Result<bool> {
    let offset = i64::try_from(position).map_err(|_| io::Error::from_raw_os_error(libc::EINVAL))?;
    // SAFETY: takes plain numbers.
    if position > 0 && unsafe { libc::lseek(directory.as_raw_fd(), offset, libc::SEEK_SET) } < 0 {
        return Err(io::Error::last_os_error());
    }
    let mut buffer = vec![0u8; BUFFER];
    loop {
        // SAFETY: the buffer is valid for its length.
        let count = unsafe {
            libc::syscall(
                libc::SYS_getdents64,
                directory.as_raw_fd(),
                buffer.as_mut_ptr(),
                buffer.len(),
            )
        };
        let count = usize::try_from(count).map_err(|_| io::Error::last_os_error())?;
        if count == 0 {
            return Ok(true);
        }
        let mut rest = buffer.get(..count).unwrap_or_default();
        while let Some((found, length)) = entry(rest) {
            rest = rest.get(length..).unwrap_or_default();
            if !matches!(found.name.to_bytes(), b"." | b"..") && !take(found) {
                return Ok(false);
            }
        }
    }
}

/// What the system lists.
struct Entry<'a> {
    name: &'a CStr,
    ino: u64,
    /// None where it does not say, and for directories: another file system may be mounted there.
    kind: Option<u32>,
    /// The position behind it.
    next: u64,
}

/// The first entry of what the system gave, and its length.
fn entry(bytes: &[u8]) -> Option<(Entry<'_>, usize)> {
    let number = |at: usize| -> Option<u64> {
        let bytes = bytes.get(at..at + mem::size_of::<u64>())?;
        Some(u64::from_ne_bytes(bytes.try_into().ok()?))
    };
    let length = bytes.get(LENGTH..LENGTH + mem::size_of::<u16>())?;
    let length = usize::from(u16::from_ne_bytes(length.try_into().ok()?));
    let name = bytes.get(NAME..length)?;
    let entry = Entry {
        name: CStr::from_bytes_until_nul(name).ok()?,
        ino: number(0)?,
        kind: match *bytes.get(KIND)? {
            libc::DT_REG => Some(libc::S_IFREG),
            libc::DT_LNK => Some(libc::S_IFLNK),
            libc::DT_FIFO => Some(libc::S_IFIFO),
            libc::DT_SOCK => Some(libc::S_IFSOCK),
            libc::DT_CHR => Some(libc::S_IFCHR),
            libc::DT_BLK => Some(libc::S_IFBLK),
            _ => None,
        },
        next: number(NEXT)?,
    };
    Some((entry, length))
}
