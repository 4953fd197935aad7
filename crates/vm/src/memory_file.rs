//! Memory files of the host's, as this process maps them.
//!
//! The host has made them, of a length that nobody can change, so that what is mapped stays there. It seals one that has been
//! filled before anybody else gets it.

use std::fs::File;
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};

use secure_exec_kernel::Segment;

/// A mapping, until it is dropped.
struct Mapping {
    address: *mut libc::c_void,
    length: usize,
}

// SAFETY: plain memory, which the owner hands out as its own rules say.
unsafe impl Send for Mapping {}
// SAFETY: as above.
unsafe impl Sync for Mapping {}

impl Mapping {
    fn new(fd: &OwnedFd, length: usize, access: i32, kind: i32) -> io::Result<Mapping> {
        // SAFETY: a new mapping, wherever there is room.
        let address = unsafe {
            libc::mmap(
                std::ptr::null_mut(),
                length,
                access,
                kind,
                fd.as_raw_fd(),
                0,
            )
        };
        if address == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        Ok(Mapping { address, length })
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        // SAFETY: the mapping is this one's, and whoever had its bytes had borrowed it.
        unsafe { libc::munmap(self.address, self.length) };
    }
}

/// Fills a file of exactly this length with what comes piece by piece.
///
/// # Errors
/// It has another length, or cannot be mapped.
pub(crate) fn fill(
    fd: &OwnedFd,
    length: u64,
    pieces: impl FnOnce(&mut dyn FnMut(&[u8])),
) -> io::Result<()> {
    let length = checked(fd, length)?;
    let access = libc::PROT_READ | libc::PROT_WRITE;
    let mapping = Mapping::new(fd, length, access, libc::MAP_SHARED)?;
    // SAFETY: the mapping is as long, nobody else in this process knows of it, and the file is the host's, which does not
    // write to it.
    let room =
        unsafe { std::slice::from_raw_parts_mut(mapping.address.cast::<u8>(), mapping.length) };
    let (mut filled, mut is_full) = (0_usize, false);
    pieces(&mut |piece| {
        let place = room.get_mut(filled..filled.saturating_add(piece.len()));
        filled += piece.len();
        match place {
            Some(place) => place.copy_from_slice(piece),
            None => is_full = true,
        }
    });
    if is_full {
        return Err(io::ErrorKind::StorageFull.into());
    }
    Ok(())
}

/// A file that nobody writes to any more.
pub(crate) struct SealedFile {
    number: u64,
    mapping: Mapping,
}

impl SealedFile {
    /// Maps it.
    ///
    /// # Errors
    /// It has another length, or cannot be mapped.
    pub(crate) fn map(number: u64, fd: &OwnedFd, length: u64) -> io::Result<SealedFile> {
        let length = checked(fd, length)?;
        let mapping = Mapping::new(fd, length, libc::PROT_READ, libc::MAP_PRIVATE)?;
        Ok(SealedFile { number, mapping })
    }
}

impl Segment for SealedFile {
    fn number(&self) -> u64 {
        self.number
    }

    fn bytes(&self) -> &[u8] {
        // SAFETY: the mapping is as long and lives as long as this; the file neither shrinks nor changes.
        unsafe { std::slice::from_raw_parts(self.mapping.address.cast(), self.mapping.length) }
    }
}

/// The length, if that is the file's: behind the end of one that is shorter there is nothing to read.
fn checked(fd: &OwnedFd, length: u64) -> io::Result<usize> {
    let file = File::from(fd.try_clone()?);
    if file.metadata()?.len() != length {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    usize::try_from(length).map_err(io::Error::other)
}
