//! Files of a VM at one moment: memory files that nobody can change any more, which VM processes map.
//!
//! The broker makes each of them, of a length that cannot change, and hands it to one VM process, which has no system call to
//! make one, to make it longer or to write to it but through a mapping. When that says that it is full it is sealed,
//! which the kernel refuses as long as anybody could still write. What is in it is a VM process's word all the same.

use std::collections::HashMap;
use std::fmt;
use std::fs::File;
use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::os::unix::fs::FileExt;
use std::sync::{Arc, Weak};

use secure_exec_protocol::ImagePlace;

/// What must hold of one before it is filled, and from then on.
const OF_A_LENGTH: libc::c_int = libc::F_SEAL_SHRINK | libc::F_SEAL_GROW;
const FOR_GOOD: libc::c_int = libc::F_SEAL_WRITE | libc::F_SEAL_SEAL;

/// A memory file.
pub struct Segment {
    number: u64,
    length: u64,
    fd: Arc<OwnedFd>,
    file: File,
}

impl Segment {
    /// Makes one of zeroes.
    ///
    /// # Errors
    /// There is no descriptor to be had, or the system does not seal files.
    pub(crate) fn new(number: u64, length: u64) -> io::Result<Segment> {
        let flags = libc::MFD_CLOEXEC | libc::MFD_ALLOW_SEALING;
        // SAFETY: the name is a C string; returns a new descriptor or -1.
        let fd = unsafe { libc::memfd_create(c"secure-exec-snapshot".as_ptr(), flags) };
        if fd < 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: the descriptor is new and nobody else's.
        let fd = unsafe { OwnedFd::from_raw_fd(fd) };
        let file = File::from(fd.try_clone()?);
        file.set_len(length)?;
        let segment = Segment {
            number,
            length,
            fd: Arc::new(fd),
            file,
        };
        segment.seal(OF_A_LENGTH)?;
        Ok(segment)
    }

    fn seal(&self, seals: libc::c_int) -> io::Result<()> {
        // SAFETY: takes plain numbers.
        if unsafe { libc::fcntl(self.fd.as_raw_fd(), libc::F_ADD_SEALS, seals) } < 0 {
            return Err(io::Error::last_os_error());
        }
        Ok(())
    }

    /// Has nobody write to it any more.
    ///
    /// # Errors
    /// Somebody still can.
    pub(crate) fn finish(&self) -> io::Result<()> {
        self.seal(FOR_GOOD)
    }

    pub(crate) fn fd(&self) -> Arc<OwnedFd> {
        self.fd.clone()
    }

    /// Tells it from all others of this process.
    #[must_use]
    pub fn number(&self) -> u64 {
        self.number
    }

    /// Bytes of it.
    #[must_use]
    pub fn length(&self) -> u64 {
        self.length
    }

    /// Reads a part.
    ///
    /// # Errors
    /// It is shorter, or the system cannot read.
    pub fn read(&self, offset: u64, buffer: &mut [u8]) -> io::Result<()> {
        self.file.read_exact_at(buffer, offset)
    }
}

impl fmt::Debug for Segment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Segment({}: {})", self.number, self.length)
    }
}

/// Files of a VM at one moment.
#[derive(Debug)]
pub struct FileSnapshot {
    /// As the image numbers them; it is in the first.
    pub segments: Vec<Arc<Segment>>,
    /// Where.
    pub image: ImagePlace,
    /// Names that the VM can have had.
    pub most_names: u64,
    /// Bytes of files that it can have stored.
    pub most_bytes: u64,
    /// Length of the longest file that it can have had.
    pub most_file_bytes: u64,
}

impl FileSnapshot {
    /// The image. What it says is the word of a VM process.
    ///
    /// # Errors
    /// The system cannot read.
    pub fn image(&self) -> io::Result<Vec<u8>> {
        let first = self.segments.first().ok_or(io::ErrorKind::NotFound)?;
        let length = usize::try_from(self.image.length).map_err(io::Error::other)?;
        let mut bytes = vec![0; length];
        first.read(self.image.offset, &mut bytes)?;
        Ok(bytes)
    }

    pub(crate) fn numbers(&self) -> Vec<u64> {
        self.segments.iter().map(|one| one.number).collect()
    }
}

/// All segments that somebody has.
#[derive(Debug, Default)]
pub(crate) struct Segments {
    last: u64,
    /// Looked through when it has doubled.
    all: HashMap<u64, Weak<Segment>>,
    bound: usize,
}

impl Segments {
    /// Makes one.
    ///
    /// # Errors
    /// As [`Segment::new`].
    pub(crate) fn make(&mut self, length: u64) -> io::Result<Arc<Segment>> {
        if self.all.len() >= self.bound {
            self.all.retain(|_, segment| segment.strong_count() > 0);
            self.bound = (self.all.len() * 2).max(16);
        }
        self.last += 1;
        let segment = Arc::new(Segment::new(self.last, length)?);
        self.all.insert(self.last, Arc::downgrade(&segment));
        Ok(segment)
    }

    pub(crate) fn find(&self, number: u64) -> Option<Arc<Segment>> {
        self.all.get(&number)?.upgrade()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(segment: &Segment) -> io::Result<()> {
        segment.file.write_all_at(b"x", 0)
    }

    #[test]
    fn a_segment_has_its_length_and_is_finished_once_nobody_writes() {
        let mut segments = Segments::default();
        let segment = segments.make(4096).unwrap();
        assert!(segment.file.set_len(0).is_err() && segment.file.set_len(8192).is_err());
        write(&segment).unwrap();
        let access = libc::PROT_READ | libc::PROT_WRITE;
        // SAFETY: a new mapping.
        let mapped = unsafe {
            libc::mmap(
                std::ptr::null_mut(),
                4096,
                access,
                libc::MAP_SHARED,
                segment.file.as_raw_fd(),
                0,
            )
        };
        assert_ne!(mapped, libc::MAP_FAILED);
        assert!(segment.finish().is_err());
        // SAFETY: the mapping is this test's.
        unsafe { libc::munmap(mapped, 4096) };
        segment.finish().unwrap();
        assert!(write(&segment).is_err());
        assert!(segment.seal(libc::F_SEAL_SHRINK).is_err());
        let mut byte = [0];
        segment.read(0, &mut byte).unwrap();
        assert_eq!(&byte, b"x");
        assert!(segment.read(4096, &mut byte).is_err());
    }

    #[test]
    fn what_nobody_has_is_forgotten() {
        let mut segments = Segments::default();
        for _ in 0..100 {
            let segment = segments.make(1).unwrap();
            assert!(segments.find(segment.number()).is_some());
        }
        assert!(segments.all.len() <= 17);
        assert!(segments.find(1).is_none());
    }
}
