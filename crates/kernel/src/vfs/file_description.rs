//! Open file descriptions (`open(2)`, "Open file descriptions").

use super::{DirCursor, File, Inode, SeekExtent, Socket, VirtualDentry, WatchCounter};
use crate::abi::fcntl::{OpenFlags, SEEK_CUR, SEEK_DATA, SEEK_END, SEEK_HOLE, SEEK_SET};
use crate::abi::inotify::InotifyMask;
use crate::abi::poll::PollEvents;
use crate::abi::socket::{OptionValue, SO_ERROR, SOL_SOCKET};
use crate::abi::stat::{DirEntry, FileKind, Stat};
use crate::errno::{Errno, Result};
use crate::limits::Slot;
use core::fmt;
use core::sync::atomic::{AtomicBool, AtomicI32, Ordering};
use core::task::{Context, Poll};
use parking_lot::Mutex;
use std::sync::Arc;

use super::Caller;

/// Where an open file was found.
#[derive(Clone)]
pub(crate) struct OpenPath {
    /// The file itself.
    pub dentry: VirtualDentry,
    /// Directory it was found in, unless it is a root.
    pub parent: Option<VirtualDentry>,
    /// Name in that directory.
    pub name: Box<[u8]>,
}

/// An open file: offset, status flags and the object behind them, shared by every descriptor that
/// `dup(2)` or inheritance made of it. Dropping the last reference closes the file.
pub struct FileDescription {
    path: OpenPath,
    /// Object that reads and writes go to; `None`: straight to the inode.
    file: Option<Arc<dyn File>>,
    flags: AtomicI32,
    /// Position of the next read or write; for directories the position in their listing.
    offset: Mutex<u64>,
    watches: Arc<WatchCounter>,
    /// Whether opening is complete and watches have been told.
    opened: AtomicBool,
    /// Place in the count of pipes, for a FIFO.
    _slot: Option<Slot>,
}

/// Largest offset that `off_t` holds.
const OFFSET_MAX: u64 = i64::MAX as u64;

impl FileDescription {
    pub(crate) fn new(
        path: OpenPath,
        file: Option<Arc<dyn File>>,
        flags: OpenFlags,
        watches: Arc<WatchCounter>,
        slot: Option<Slot>,
    ) -> Arc<FileDescription> {
        let kept = flags
            - (OpenFlags::O_CREAT
                | OpenFlags::O_EXCL
                | OpenFlags::O_TRUNC
                | OpenFlags::O_CLOEXEC
                | OpenFlags::O_NOCTTY);
        let description = FileDescription {
            path,
            file,
            flags: AtomicI32::new(kept.bits()),
            offset: Mutex::new(0),
            watches,
            opened: AtomicBool::new(false),
            _slot: slot,
        };
        description.opened();
        Arc::new(description)
    }

    /// Whether opening is complete: that of a FIFO waits for the other end (`fifo(7)`).
    pub(crate) fn opened(&self) -> bool {
        let opened = self.file.as_ref().is_none_or(|file| file.opened());
        if opened && !self.opened.swap(true, Ordering::AcqRel) {
            self.notify(InotifyMask::IN_OPEN);
        }
        opened
    }

    /// For the reading end of a pipe that its reader is about to leave: what is written from then on is taken and
    /// dropped, and the writers never learn that nobody reads. Has no effect on anything but a pipe.
    pub fn discard_input(&self) {
        if let Some(file) = &self.file {
            file.discard();
        }
    }

    /// Waits until opening is complete.
    pub(crate) fn poll_opened(&self, cx: &Context<'_>) -> Poll<()> {
        let polled = self.poll_io(PollEvents::POLLIN | PollEvents::POLLOUT, cx, |this| {
            if this.opened() {
                Ok(())
            } else {
                Err(Errno::EAGAIN)
            }
        });
        polled.map(drop)
    }

    /// Type.
    pub fn kind(&self) -> FileKind {
        self.file
            .as_ref()
            .map_or_else(|| self.inode().kind(), |file| file.kind())
    }

    /// Access mode and status flags.
    pub fn status_flags(&self) -> OpenFlags {
        OpenFlags::from_bits_retain(self.flags.load(Ordering::Relaxed))
    }

    /// Changes the status flags that `fcntl(F_SETFL)` may change and ignores the others.
    pub fn set_status_flags(&self, flags: OpenFlags) {
        let kept = self.status_flags() - OpenFlags::SETFL_MASK;
        self.flags.store(
            (kept | flags & OpenFlags::SETFL_MASK).bits(),
            Ordering::Relaxed,
        );
    }

    /// Metadata (`fstat(2)`).
    ///
    /// # Errors
    /// Whatever the file system reports.
    pub fn stat(&self) -> Result<Stat> {
        self.inode().stat()
    }

    pub(crate) fn inode(&self) -> &Arc<dyn Inode> {
        &self.path.dentry.inode
    }

    pub(crate) fn open_path(&self) -> &OpenPath {
        &self.path
    }

    /// Sets the length of a regular file, whatever has become of its name.
    pub(crate) fn set_size(&self, size: u64) -> Result<()> {
        match self.file.as_ref().and_then(|file| file.set_size(size)) {
            Some(done) => done,
            None => self.inode().set_size(size),
        }
    }

    pub(crate) fn file(&self) -> Option<&Arc<dyn File>> {
        self.file.as_ref()
    }

    /// Reads at the current offset and moves it; does not block.
    ///
    /// # Errors
    /// - `EBADF`: not open for reading.
    /// - `EISDIR`: a directory.
    /// - `EAGAIN`: it would block.
    pub fn read(&self, buf: &mut [u8]) -> Result<usize> {
        self.check_readable()?;
        let count = match &self.file {
            Some(file) if !file.seekable() => file.read(buf)?,
            _ => {
                let mut offset = self.offset.lock();
                let count = self.read_object(*offset, buf)?;
                *offset += count as u64;
                count
            }
        };
        self.notify_data(InotifyMask::IN_ACCESS, count);
        Ok(count)
    }

    /// Reads at a given offset and leaves the current one alone.
    ///
    /// # Errors
    /// - `EBADF`: not open for reading.
    /// - `ESPIPE`: the file has no offsets.
    /// - `EINVAL`: the offset does not fit `off_t`.
    pub fn pread(&self, buf: &mut [u8], offset: u64) -> Result<usize> {
        check_offset(offset)?;
        self.check_seekable()?;
        self.check_readable()?;
        let count = self.read_object(offset, buf)?;
        self.notify_data(InotifyMask::IN_ACCESS, count);
        Ok(count)
    }

    /// Writes at the current offset (at the end with `O_APPEND`) and moves it; does not block.
    ///
    /// # Errors
    /// - `EBADF`: not open for writing.
    /// - `EAGAIN`: it would block.
    /// - `EPIPE`: nobody can read what is written.
    pub fn write(&self, buf: &[u8]) -> Result<usize> {
        self.write_within(buf, u64::MAX)
    }

    /// As [`FileDescription::write`], without letting a regular file grow past `fsize` (`RLIMIT_FSIZE`).
    pub(crate) fn write_within(&self, buf: &[u8], fsize: u64) -> Result<usize> {
        self.check_writable()?;
        let count = match &self.file {
            Some(file) if !file.seekable() => file.write(buf)?,
            Some(file) if self.status_flags().contains(OpenFlags::O_APPEND) => {
                let mut offset = self.offset.lock();
                let (count, end) = file.append(*offset, self.within_end(file, buf, fsize)?)?;
                *offset = end;
                count
            }
            Some(file) => {
                let mut offset = self.offset.lock();
                let count = file.write_at(*offset, within_size(file, buf, *offset, fsize)?)?;
                *offset += count as u64;
                count
            }
            None => {
                let mut offset = self.offset.lock();
                if self.status_flags().contains(OpenFlags::O_APPEND) {
                    let (count, end) =
                        self.inode()
                            .append(within(buf, self.inode().size(), fsize)?)?;
                    *offset = end;
                    count
                } else {
                    let count = self
                        .inode()
                        .write_at(*offset, within(buf, *offset, fsize)?)?;
                    *offset += count as u64;
                    count
                }
            }
        };
        self.notify_data(InotifyMask::IN_MODIFY, count);
        Ok(count)
    }

    /// Writes at a given offset and leaves the current one alone. As on Linux, `O_APPEND` wins over the offset.
    ///
    /// # Errors
    /// - `EBADF`: not open for writing.
    /// - `ESPIPE`: the file has no offsets.
    /// - `EINVAL`: the offset does not fit `off_t`.
    pub fn pwrite(&self, buf: &[u8], offset: u64) -> Result<usize> {
        self.pwrite_within(buf, offset, u64::MAX)
    }

    pub(crate) fn pwrite_within(&self, buf: &[u8], offset: u64, fsize: u64) -> Result<usize> {
        check_offset(offset)?;
        self.check_seekable()?;
        self.check_writable()?;
        let count = match &self.file {
            Some(file) if self.status_flags().contains(OpenFlags::O_APPEND) => {
                file.append(offset, self.within_end(file, buf, fsize)?)?.0
            }
            Some(file) => file.write_at(offset, within_size(file, buf, offset, fsize)?)?,
            None if self.status_flags().contains(OpenFlags::O_APPEND) => {
                self.inode()
                    .append(within(buf, self.inode().size(), fsize)?)?
                    .0
            }
            None => self.inode().write_at(offset, within(buf, offset, fsize)?)?,
        };
        self.notify_data(InotifyMask::IN_MODIFY, count);
        Ok(count)
    }

    /// Moves the offset (`lseek(2)`).
    ///
    /// # Errors
    /// - `ESPIPE`: the file has no offsets.
    /// - `EINVAL`: unknown `whence`, or the result is negative.
    /// - `EOVERFLOW`: the result does not fit `off_t`.
    /// - `ENXIO`: `SEEK_DATA` or `SEEK_HOLE` beyond the end.
    pub fn seek(&self, distance: i64, whence: i32) -> Result<u64> {
        self.check_seekable()?;
        if self.kind() == FileKind::Directory && !matches!(whence, SEEK_SET | SEEK_CUR) {
            return Err(Errno::EINVAL);
        }
        let mut offset = self.offset.lock();
        let target = match whence {
            SEEK_SET => Some(distance),
            SEEK_CUR => distance.checked_add_unsigned(*offset),
            SEEK_END => distance.checked_add_unsigned(self.inode().size()),
            SEEK_DATA | SEEK_HOLE => {
                let from = u64::try_from(distance).map_err(|_| Errno::ENXIO)?;
                let extent = if whence == SEEK_DATA {
                    SeekExtent::Data
                } else {
                    SeekExtent::Hole
                };
                *offset = self.inode().seek_extent(from, extent)?;
                return Ok(*offset);
            }
            _ => return Err(Errno::EINVAL),
        };
        let target = u64::try_from(target.ok_or(Errno::EOVERFLOW)?).map_err(|_| Errno::EINVAL)?;
        *offset = target;
        Ok(target)
    }

    /// Entries of a directory from a position on, each with the position that follows it; the offset moves along.
    pub(crate) fn read_dir_from(
        &self,
        position: u64,
        max: usize,
        caller: &Caller,
    ) -> Result<Vec<DirCursor>> {
        self.check_readable()?;
        let cursors = self.path.dentry.read_dir(position, max, caller)?;
        *self.offset.lock() = cursors.last().map_or(position, |last| last.next);
        self.notify(InotifyMask::IN_ACCESS);
        Ok(cursors)
    }

    /// Next entries of a directory; empty at its end.
    pub(crate) fn read_dir(&self, max: usize, caller: &Caller) -> Result<Vec<DirEntry>> {
        self.check_readable()?;
        let mut position = self.offset.lock();
        let cursors: Vec<DirCursor> = match self.file.as_ref().and_then(|file| file.entries()) {
            Some(_) => return Err(Errno::ENOTDIR),
            None => self.path.dentry.read_dir(*position, max, caller)?,
        };
        if let Some(last) = cursors.last() {
            *position = last.next;
        }
        drop(position);
        self.notify(InotifyMask::IN_ACCESS);
        Ok(cursors.into_iter().map(|cursor| cursor.entry).collect())
    }

    /// Current readiness.
    pub fn readiness(&self) -> PollEvents {
        match &self.file {
            Some(file) => file.readiness(),
            None => PollEvents::POLLIN | PollEvents::POLLOUT,
        }
    }

    /// Reads, waiting until there is something to read.
    pub fn poll_read(&self, buf: &mut [u8], cx: &mut Context<'_>) -> Poll<Result<usize>> {
        let waiting = match &self.file {
            Some(file) if !file.seekable() => file,
            _ => return Poll::Ready(self.read(buf)),
        };
        if let Err(errno) = self.check_readable() {
            return Poll::Ready(Err(errno));
        }
        let polled = waiting.poll_read(buf, cx);
        if let Poll::Ready(Ok(count)) = polled {
            self.notify_data(InotifyMask::IN_ACCESS, count);
        }
        polled
    }

    /// The file as a socket.
    ///
    /// # Errors
    /// - `ENOTSOCK`: it is none.
    pub(crate) fn socket(&self) -> Result<&dyn Socket> {
        let file = self.file.as_ref();
        file.and_then(|file| file.socket()).ok_or(Errno::ENOTSOCK)
    }

    /// Waits for the end of a connection that goes on (`EINPROGRESS`).
    ///
    /// # Errors
    /// - `ENOTSOCK`: no socket.
    /// - What it failed with, as `SO_ERROR` tells it.
    pub fn poll_connected(&self, cx: &mut Context<'_>) -> Poll<Result<()>> {
        let socket = match self.socket() {
            Ok(socket) => socket,
            Err(errno) => return Poll::Ready(Err(errno)),
        };
        if self.poll_ready(PollEvents::POLLOUT, cx).is_pending() {
            return Poll::Pending;
        }
        let error = socket.option(SOL_SOCKET, SO_ERROR).map(OptionValue::int);
        Poll::Ready(match error {
            Ok(Some(0)) => Ok(()),
            Ok(number) => Err(number.map_or(Errno::EINVAL, Errno::from_raw)),
            Err(errno) => Err(errno),
        })
    }

    /// Writes, waiting until something can be written. Of a write beyond `PIPE_BUF` bytes a part may be taken.
    pub fn poll_write(&self, buf: &[u8], cx: &mut Context<'_>) -> Poll<Result<usize>> {
        self.poll_io(PollEvents::POLLOUT, cx, |this| this.write(buf))
    }

    pub(crate) fn poll_io<T>(
        &self,
        events: PollEvents,
        cx: &Context<'_>,
        mut attempt: impl FnMut(&Self) -> Result<T>,
    ) -> Poll<Result<T>> {
        match attempt(self) {
            Err(Errno::EAGAIN) => {}
            done => return Poll::Ready(done),
        }
        self.register(events, cx);
        match attempt(self) {
            Err(Errno::EAGAIN) => Poll::Pending,
            done => Poll::Ready(done),
        }
    }

    /// Waits until one of the events holds; errors and hang-ups are always reported.
    pub fn poll_ready(&self, events: PollEvents, cx: &mut Context<'_>) -> Poll<PollEvents> {
        let wanted = events | PollEvents::ALWAYS;
        let ready = self.readiness() & wanted;
        if !ready.is_empty() {
            return Poll::Ready(ready);
        }
        self.register(events, cx);
        let ready = self.readiness() & wanted;
        if ready.is_empty() {
            Poll::Pending
        } else {
            Poll::Ready(ready)
        }
    }

    fn register(&self, events: PollEvents, cx: &Context<'_>) {
        if let Some(file) = &self.file {
            file.register(events, cx);
        }
    }

    pub(crate) fn check_writable(&self) -> Result<()> {
        if self.status_flags().writable() {
            Ok(())
        } else {
            Err(Errno::EBADF)
        }
    }

    fn check_readable(&self) -> Result<()> {
        if self.status_flags().readable() {
            Ok(())
        } else {
            Err(Errno::EBADF)
        }
    }

    fn check_seekable(&self) -> Result<()> {
        if self.status_flags().contains(OpenFlags::O_PATH) {
            return Err(Errno::EBADF);
        }
        match &self.file {
            Some(file) if !file.seekable() => Err(Errno::ESPIPE),
            _ => Ok(()),
        }
    }

    /// Part of `buf` that fits below `fsize` at the end of a file with an object.
    fn within_end<'b>(&self, file: &Arc<dyn File>, buf: &'b [u8], fsize: u64) -> Result<&'b [u8]> {
        if fsize == u64::MAX {
            return Ok(buf);
        }
        within_size(file, buf, self.inode().size(), fsize)
    }

    fn read_object(&self, offset: u64, buf: &mut [u8]) -> Result<usize> {
        match &self.file {
            Some(file) => file.read_at(offset, buf),
            None if self.inode().kind() == FileKind::Directory => Err(Errno::EISDIR),
            None => self.inode().read_at(offset, buf),
        }
    }

    fn notify_data(&self, mask: InotifyMask, count: usize) {
        if count > 0 && self.watches.any() {
            self.notify(mask);
        }
    }

    /// Tells watches on the file and on the directory it was found in.
    pub(crate) fn notify(&self, mask: InotifyMask) {
        if !self.watches.any() || self.status_flags().contains(OpenFlags::O_PATH) {
            return;
        }
        let dir_bit = if self.path.dentry.is_dir() {
            InotifyMask::IN_ISDIR
        } else {
            InotifyMask::empty()
        };
        if let Some(watchers) = self.inode().watchers() {
            watchers.notify(mask | dir_bit, 0, b"");
        }
        if let Some(watchers) = self
            .path
            .parent
            .as_ref()
            .and_then(|parent| parent.inode.watchers())
        {
            watchers.notify(mask | dir_bit, 0, &self.path.name);
        }
    }
}

impl Drop for FileDescription {
    fn drop(&mut self) {
        if !*self.opened.get_mut() {
            return;
        }
        let written = self.status_flags().writable();
        self.notify(if written {
            InotifyMask::IN_CLOSE_WRITE
        } else {
            InotifyMask::IN_CLOSE_NOWRITE
        });
    }
}

impl fmt::Debug for FileDescription {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FileDescription")
            .field("path", &self.path.dentry)
            .field("flags", &self.status_flags())
            .finish_non_exhaustive()
    }
}

fn check_offset(offset: u64) -> Result<()> {
    if offset > OFFSET_MAX {
        Err(Errno::EINVAL)
    } else {
        Ok(())
    }
}

/// As [`within`], for a file with an object: a device has no size.
fn within_size<'b>(
    file: &Arc<dyn File>,
    buf: &'b [u8],
    offset: u64,
    fsize: u64,
) -> Result<&'b [u8]> {
    match file.kind() {
        FileKind::Regular => within(buf, offset, fsize),
        _ => Ok(buf),
    }
}

/// Part of `buf` that fits below `fsize` when written at `offset`.
fn within(buf: &[u8], offset: u64, fsize: u64) -> Result<&[u8]> {
    if fsize == u64::MAX || buf.is_empty() {
        return Ok(buf);
    }
    match fsize.checked_sub(offset) {
        None | Some(0) => Err(Errno::EFBIG),
        Some(room) => Ok(&buf[..buf.len().min(usize::try_from(room).unwrap_or(usize::MAX))]),
    }
}
