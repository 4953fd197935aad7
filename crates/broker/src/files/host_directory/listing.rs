//! Names of a directory (`getdents64(2)`), with the attributes of what they name.
//!
//! A position is what the file system of the host calls one (`d_off`), so that a listing goes on where it stopped without
//! anybody having kept it open.

use std::ffi::CStr;
use std::io;
use std::mem;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};

use secure_exec_protocol::files::HostEntry;

use super::super::backend::Listing;
use super::attributes::{Identity, Metadata};

/// What is asked of the system at once.
const BUFFER: usize = 32 << 10;

/// What an entry takes in a message besides its name, at most.
const ENTRY: usize = 112;

/// Where an entry's fields are (`struct linux_dirent64`).
const NEXT: usize = 8;
const LENGTH: usize = 16;
const NAME: usize = 19;

/// Lists from a position on.
pub(super) fn read(
    directory: &OwnedFd,
    identity: &Identity,
    position: u64,
    room: usize,
) -> io::Result<Listing> {
    let offset = i64::try_from(position).map_err(|_| io::Error::from_raw_os_error(libc::EINVAL))?;
    // SAFETY: takes plain numbers.
    if position > 0 && unsafe { libc::lseek(directory.as_raw_fd(), offset, libc::SEEK_SET) } < 0 {
        return Err(io::Error::last_os_error());
    }
    let mut listing = Listing::default();
    let mut buffer = vec![0u8; BUFFER];
    let mut left = room;
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
            listing.last = true;
            return Ok(listing);
        }
        let mut rest = buffer.get(..count).unwrap_or_default();
        while let Some((name, next, length)) = entry(rest) {
            rest = rest.get(length..).unwrap_or_default();
            if matches!(name.to_bytes(), b"." | b"..") {
                continue;
            }
            // It may have gone since.
            let Ok(found) = Metadata::at(directory.as_fd(), name) else {
                continue;
            };
            let taken = name.to_bytes().len() + ENTRY;
            if taken > left {
                return Ok(listing);
            }
            left -= taken;
            listing.entries.push(HostEntry {
                name: name.to_bytes().to_vec(),
                attributes: found.attributes(identity),
                next,
            });
        }
    }
}

/// The first entry of what the system gave: its name, the position behind it, and its length.
fn entry(bytes: &[u8]) -> Option<(&CStr, u64, usize)> {
    let next = bytes.get(NEXT..NEXT + mem::size_of::<u64>())?;
    let length = bytes.get(LENGTH..LENGTH + mem::size_of::<u16>())?;
    let length = usize::from(u16::from_ne_bytes(length.try_into().ok()?));
    let name = bytes.get(NAME..length)?;
    let name = CStr::from_bytes_until_nul(name).ok()?;
    Some((name, u64::from_ne_bytes(next.try_into().ok()?), length))
}
