//! Open files that are more than bytes at offsets: pipes, devices, inotify instances.

use super::Socket;
use crate::abi::poll::PollEvents;
use crate::abi::stat::{DirEntry, FileKind};
use crate::errno::{Errno, Result};
use core::any::Any;
use core::task::{Context, Poll};

/// Behaviour of one open file description. Dropping it closes the file.
pub trait File: Any + Send + Sync {
    /// Type.
    fn kind(&self) -> FileKind;

    /// Whether opening is complete. That of a FIFO waits for the other end; [`File::register`] for reading and
    /// writing tells when to look again.
    fn opened(&self) -> bool {
        true
    }

    /// Reads without blocking; 0 is the end of the file.
    ///
    /// # Errors
    /// - `EAGAIN`: it would block.
    fn read(&self, _buf: &mut [u8]) -> Result<usize> {
        Err(Errno::EINVAL)
    }

    /// Reads, waiting until there is something to read.
    fn poll_read(&self, buf: &mut [u8], cx: &mut Context<'_>) -> Poll<Result<usize>> {
        match self.read(buf) {
            Err(Errno::EAGAIN) => {}
            done => return Poll::Ready(done),
        }
        self.register(PollEvents::POLLIN, cx);
        match self.read(buf) {
            Err(Errno::EAGAIN) => Poll::Pending,
            done => Poll::Ready(done),
        }
    }

    /// Writes without blocking.
    ///
    /// # Errors
    /// - `EAGAIN`: it would block.
    fn write(&self, _buf: &[u8]) -> Result<usize> {
        Err(Errno::EINVAL)
    }

    /// Reads at an offset; only for files that are [`File::seekable`].
    ///
    /// # Errors
    /// - `ESPIPE`: the file has no offsets.
    fn read_at(&self, _offset: u64, _buf: &mut [u8]) -> Result<usize> {
        Err(Errno::ESPIPE)
    }

    /// Writes at an offset; only for files that are [`File::seekable`].
    ///
    /// # Errors
    /// - `ESPIPE`: the file has no offsets.
    fn write_at(&self, _offset: u64, _buf: &[u8]) -> Result<usize> {
        Err(Errno::ESPIPE)
    }

    /// Writes at the end, atomically where the file has an end that others move; gives the count and the offset after it.
    /// Without one it is a write at `offset`.
    ///
    /// # Errors
    /// As [`File::write_at`].
    fn append(&self, offset: u64, buf: &[u8]) -> Result<(usize, u64)> {
        let count = self.write_at(offset, buf)?;
        Ok((count, offset + count as u64))
    }

    /// Sets the length, for files that know better than their inode where their bytes are: that finds them by their name.
    fn set_size(&self, _size: u64) -> Option<Result<()>> {
        None
    }

    /// Whether the file has offsets.
    fn seekable(&self) -> bool {
        false
    }

    /// Entries of a directory that is produced at open time.
    fn entries(&self) -> Option<&[DirEntry]> {
        None
    }

    /// Current readiness.
    fn readiness(&self) -> PollEvents {
        PollEvents::POLLIN | PollEvents::POLLOUT
    }

    /// Registers for a change of the given events.
    fn register(&self, _events: PollEvents, _cx: &Context<'_>) {}

    /// From now on takes and drops what is written while nobody reads. Only pipes can.
    fn discard(&self) {}

    /// Which buffer it has, if it has one that nobody counts, and how many bytes wait in that. Several files may share one.
    fn buffered(&self) -> Option<(usize, usize)> {
        None
    }

    /// The file as a socket, if it is one.
    fn socket(&self) -> Option<&dyn Socket> {
        None
    }
}
