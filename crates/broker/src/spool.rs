//! The filesystem of a condemned VM between its process and the next one.
//!
//! It is kept in a file without a name and not in this process's heap, and all of them together are bounded: when
//! many VMs are condemned at once, those that find no room start from the files given at creation.

use std::fs::File;
use std::io;
use std::os::fd::FromRawFd;
use std::os::unix::fs::FileExt;

/// Bytes of all spools of this host process. One alone may have what its VM's limits allow.
const MOST: u64 = 512 << 20;

/// Counts what is spooled.
#[derive(Debug)]
pub(crate) struct Spools {
    bytes: u64,
    bound: u64,
}

impl Default for Spools {
    fn default() -> Spools {
        Spools {
            bytes: 0,
            bound: MOST,
        }
    }
}

/// One filesystem.
#[derive(Debug)]
pub(crate) struct Spool {
    file: File,
    length: u64,
}

impl Spool {
    /// An empty one.
    ///
    /// # Errors
    /// There is no descriptor to be had.
    pub(crate) fn new() -> io::Result<Spool> {
        // SAFETY: the name is a C string; returns a new descriptor or -1.
        let fd = unsafe { libc::memfd_create(c"secure-exec-files".as_ptr(), libc::MFD_CLOEXEC) };
        if fd < 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: the descriptor is new and nobody else's.
        let file = unsafe { File::from_raw_fd(fd) };
        Ok(Spool { file, length: 0 })
    }

    pub(crate) fn len(&self) -> u64 {
        self.length
    }

    /// A piece from `offset` on.
    ///
    /// # Errors
    /// The system cannot read what it has written.
    pub(crate) fn read(&self, offset: u64, most: usize) -> io::Result<Vec<u8>> {
        let left = self.length.saturating_sub(offset);
        let length = usize::try_from(left).unwrap_or(most).min(most);
        let mut piece = vec![0; length];
        self.file.read_exact_at(&mut piece, offset)?;
        Ok(piece)
    }
}

impl Spools {
    /// Appends a piece.
    ///
    /// # Errors
    /// There is no room for it.
    pub(crate) fn append(&mut self, spool: &mut Spool, piece: &[u8]) -> io::Result<()> {
        let alone = self.bytes == spool.length;
        let bytes = piece.len() as u64;
        if !alone && self.bytes + bytes > self.bound {
            return Err(io::ErrorKind::StorageFull.into());
        }
        spool.file.write_all_at(piece, spool.length)?;
        spool.length += bytes;
        self.bytes += bytes;
        Ok(())
    }

    /// Gives its room back.
    pub(crate) fn free(&mut self, spool: Option<Spool>) {
        self.bytes -= spool.map_or(0, |spool| spool.length);
    }

    #[cfg(any(test, feature = "harness"))]
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_spool_gives_back_what_it_took() {
        let (mut spools, mut spool) = (Spools::default(), Spool::new().unwrap());
        spools.append(&mut spool, b"hello ").unwrap();
        spools.append(&mut spool, b"world").unwrap();
        assert_eq!(spool.read(0, 5).unwrap(), b"hello");
        assert_eq!(spool.read(6, 100).unwrap(), b"world");
        assert_eq!(spool.read(11, 100).unwrap(), b"");
        spools.free(Some(spool));
        assert_eq!(spools.bytes(), 0);
    }

    #[test]
    fn all_of_them_are_bounded_and_one_alone_is_let_in() {
        let mut spools = Spools {
            bytes: 0,
            bound: 10,
        };
        let (mut first, mut second) = (Spool::new().unwrap(), Spool::new().unwrap());
        spools.append(&mut first, &[1; 12]).unwrap();
        assert!(spools.append(&mut second, &[2]).is_err());
        spools.append(&mut first, &[1; 12]).unwrap();
        spools.free(Some(first));
        spools.append(&mut second, &[2]).unwrap();
        assert_eq!(spools.bytes(), 1);
    }
}
