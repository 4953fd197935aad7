//! Reading and writing.

use super::Sysno;
use crate::abi::Fd;
use crate::abi::fcntl::OpenFlags;
use crate::abi::poll::PollEvents;
use crate::abi::resource::Resource;
use crate::abi::signal::Signal;
use crate::abi::socket::MsgFlags;
use crate::abi::stat::{FileKind, S_ISGID, S_ISUID};
use crate::errno::{Errno, Result};
use crate::net::Outgoing;
use crate::process::{Access, Process, TerminalUse};
use crate::trace::{self, Args, Data, Revents, Vectors};
use crate::vfs::{FileDescription, Inode, SetAttributes};
use core::sync::atomic::Ordering;
use core::task::{Context, Poll};
use std::sync::Arc;

/// Bytes that `copy_file_range` moves at a time.
const COPY_BUFFER: usize = 64 << 10;

impl Process {
    /// Implements `read(2)` without blocking.
    ///
    /// # Errors
    /// - `EBADF`: not open for reading.
    /// - `EISDIR`: a directory.
    /// - `EAGAIN`: it would block.
    pub fn read(&self, fd: Fd, buf: &mut [u8]) -> Result<usize> {
        let length = buf.len();
        self.enter_into(
            Sysno::Read,
            Args::around(format_args!("{fd}, "), format_args!(", {length}")),
            buf,
            |buf| {
                let file = self.file(fd)?;
                self.use_terminal(&file, TerminalUse::Read)?;
                file.read(buf)
            },
        )
    }

    /// Fails with `EAGAIN` where the process was signalled instead of using its terminal.
    fn use_terminal(&self, file: &FileDescription, purpose: TerminalUse) -> Result<()> {
        match self.check_terminal(file, purpose)? {
            Access::Granted => Ok(()),
            Access::Signalled => Err(Errno::EAGAIN),
        }
    }

    /// Implements `write(2)` without blocking.
    ///
    /// # Errors
    /// - `EBADF`: not open for writing.
    /// - `EAGAIN`: it would block.
    /// - `EPIPE`: nobody reads; the process also gets `SIGPIPE`.
    /// - `EFBIG`: beyond the largest file, or beyond `RLIMIT_FSIZE`, which also brings `SIGXFSZ`.
    /// - `ENOSPC`: the quota is used up.
    pub fn write(&self, fd: Fd, buf: &[u8]) -> Result<usize> {
        let args = format_args!("{fd}, {}, {}", Data(buf), buf.len());
        self.enter(Sysno::Write, args, || {
            let file = self.file(fd)?;
            self.use_terminal(&file, TerminalUse::Write)?;
            self.write_file(&file, buf)
        })
    }

    pub(crate) fn fsize(&self) -> u64 {
        self.rlimits.lock()[Resource::RLIMIT_FSIZE as usize].soft
    }

    fn write_file(&self, file: &FileDescription, buf: &[u8]) -> Result<usize> {
        if keeps_boundaries(file) {
            return self.send(
                file,
                Outgoing {
                    bytes: buf,
                    to: None,
                    rights: Vec::new(),
                    flags: MsgFlags::empty(),
                },
            );
        }
        let result = file.write_within(buf, self.fsize());
        self.after_write(file, &result);
        result
    }

    /// Raises what a failed write raises besides its error, and after a write takes away set-user-id.
    fn after_write(&self, file: &FileDescription, result: &Result<usize>) {
        match result {
            Ok(0) => {}
            Ok(_) if file.kind() == FileKind::Regular => self.strip_set_id(&**file.inode()),
            Ok(_) => {}
            Err(Errno::EPIPE) => self.deliver_from(Signal::SIGPIPE, self.signal_info()),
            Err(Errno::EFBIG) if self.fsize() != u64::MAX => {
                self.deliver_from(Signal::SIGXFSZ, self.signal_info());
            }
            Err(_) => {}
        }
    }

    /// Takes set-user-id, and set-group-id of an executable, from a file that somebody other than root changed.
    pub(crate) fn strip_set_id(&self, inode: &dyn Inode) {
        let mode = inode.ownership().mode;
        let kept = if mode & 0o010 != 0 {
            mode & !(S_ISUID | S_ISGID)
        } else {
            mode & !S_ISUID
        };
        if kept != mode && !self.credentials().privileged() {
            // A file system that cannot change modes has no set-user-id to lose.
            let _ = inode.set_attributes(&SetAttributes {
                mode: Some(kept),
                ..SetAttributes::default()
            });
        }
    }

    /// Implements `pread(2)`.
    ///
    /// # Errors
    /// As [`Process::read`], and `ESPIPE` for a file without offsets.
    pub fn pread(&self, fd: Fd, buf: &mut [u8], offset: u64) -> Result<usize> {
        let length = buf.len();
        self.enter_into(
            Sysno::Pread,
            Args::around(format_args!("{fd}, "), format_args!(", {length}, {offset}")),
            buf,
            |buf| self.file(fd)?.pread(buf, offset),
        )
    }

    /// Implements `pwrite(2)`.
    ///
    /// # Errors
    /// As [`Process::write`], and `ESPIPE` for a file without offsets.
    pub fn pwrite(&self, fd: Fd, buf: &[u8], offset: u64) -> Result<usize> {
        self.enter(
            Sysno::Pwrite,
            format_args!("{fd}, {}, {}, {offset}", Data(buf), buf.len()),
            || {
                let file = self.file(fd)?;
                let result = file.pwrite_within(buf, offset, self.fsize());
                self.after_write(&file, &result);
                result
            },
        )
    }

    /// Implements `readv(2)` without blocking.
    ///
    /// # Errors
    /// As [`Process::read`]; an error after the first bytes ends the call with their count.
    pub fn readv(&self, fd: Fd, bufs: &mut [&mut [u8]]) -> Result<usize> {
        let count = bufs.len();
        self.enter_into(
            Sysno::Readv,
            Args::around(format_args!("{fd}, "), format_args!(", {count}")),
            bufs,
            |bufs| {
                let file = self.file(fd)?;
                self.use_terminal(&file, TerminalUse::Read)?;
                if keeps_boundaries(&file) {
                    let received = self.receive_into(&file, bufs, MsgFlags::empty())?;
                    return Ok(received.count);
                }
                gather(
                    bufs.iter_mut().map(|buf| buf.len()).collect(),
                    |index, _| file.read(bufs[index]),
                )
            },
        )
    }

    /// Implements `writev(2)` without blocking. To a pipe, up to `PIPE_BUF` bytes are written atomically.
    ///
    /// # Errors
    /// As [`Process::write`]; an error after the first bytes ends the call with their count.
    pub fn writev(&self, fd: Fd, bufs: &[&[u8]]) -> Result<usize> {
        let args = format_args!("{fd}, {}, {}", Vectors(bufs), bufs.len());
        self.enter(Sysno::Writev, args, || {
            let file = self.file(fd)?;
            self.use_terminal(&file, TerminalUse::Write)?;
            let total: usize = bufs.iter().map(|buf| buf.len()).sum();
            let one_write = file.kind() == FileKind::Pipe && total <= crate::pipe::PIPE_BUF
                || keeps_boundaries(&file)
                || file.status_flags().contains(OpenFlags::O_APPEND);
            if one_write && bufs.len() > 1 {
                return self.write_file(&file, &bufs.concat());
            }
            gather(bufs.iter().map(|buf| buf.len()).collect(), |index, _| {
                self.write_file(&file, bufs[index])
            })
        })
    }

    /// Implements `preadv(2)`.
    ///
    /// # Errors
    /// As [`Process::pread`].
    pub fn preadv(&self, fd: Fd, bufs: &mut [&mut [u8]], offset: u64) -> Result<usize> {
        let count = bufs.len();
        self.enter_into(
            Sysno::Preadv,
            Args::around(format_args!("{fd}, "), format_args!(", {count}, {offset}")),
            bufs,
            |bufs| {
                let file = self.file(fd)?;
                gather(
                    bufs.iter_mut().map(|buf| buf.len()).collect(),
                    |index, done| file.pread(bufs[index], offset + done as u64),
                )
            },
        )
    }

    /// Implements `pwritev(2)`.
    ///
    /// # Errors
    /// As [`Process::pwrite`].
    pub fn pwritev(&self, fd: Fd, bufs: &[&[u8]], offset: u64) -> Result<usize> {
        self.enter(
            Sysno::Pwritev,
            format_args!("{fd}, {}, {}, {offset}", Vectors(bufs), bufs.len()),
            || {
                let file = self.file(fd)?;
                let fsize = self.fsize();
                let result = gather(bufs.iter().map(|buf| buf.len()).collect(), |index, done| {
                    file.pwrite_within(bufs[index], offset + done as u64, fsize)
                });
                self.after_write(&file, &result);
                result
            },
        )
    }

    /// Implements `read(2)`: waits if the descriptor blocks.
    ///
    /// # Blocking
    /// Pending until there is something to read; with `O_NONBLOCK` `EAGAIN` instead.
    pub fn poll_read(&self, fd: Fd, buf: &mut [u8], cx: &mut Context<'_>) -> Poll<Result<usize>> {
        let length = buf.len();
        self.enter_poll_into(
            Sysno::Read,
            Args::around(format_args!("{fd}, "), format_args!(", {length}")),
            buf,
            cx,
            |buf, cx| {
                let file = match self.terminal_for(fd, TerminalUse::Read, cx) {
                    Poll::Ready(Ok(file)) => file,
                    Poll::Ready(Err(errno)) => return Poll::Ready(Err(errno)),
                    Poll::Pending => return Poll::Pending,
                };
                if file.status_flags().contains(OpenFlags::O_NONBLOCK) {
                    return Poll::Ready(file.read(buf));
                }
                file.poll_read(buf, cx)
            },
        )
    }

    /// Implements `write(2)`: waits if the descriptor blocks. Of more than `PIPE_BUF` bytes to a pipe a part
    /// may be taken; the caller goes on with the rest.
    ///
    /// # Blocking
    /// Pending until something can be written; with `O_NONBLOCK` `EAGAIN` instead.
    pub fn poll_write(&self, fd: Fd, buf: &[u8], cx: &mut Context<'_>) -> Poll<Result<usize>> {
        self.enter_poll(
            Sysno::Write,
            format_args!("{fd}, {}, {}", Data(buf), buf.len()),
            cx,
            |cx| {
                let file = match self.terminal_for(fd, TerminalUse::Write, cx) {
                    Poll::Ready(Ok(file)) => file,
                    Poll::Ready(Err(errno)) => return Poll::Ready(Err(errno)),
                    Poll::Pending => return Poll::Pending,
                };
                let attempt = |file: &FileDescription| self.write_file(file, buf);
                if file.status_flags().contains(OpenFlags::O_NONBLOCK) {
                    return Poll::Ready(attempt(&file));
                }
                file.poll_io(PollEvents::POLLOUT, cx, attempt)
            },
        )
    }

    /// The open file behind a descriptor, when the process may use it: a process that the terminal stops
    /// waits for its continuation and then asks again.
    pub(crate) fn terminal_for(
        &self,
        fd: Fd,
        purpose: TerminalUse,
        cx: &Context<'_>,
    ) -> Poll<Result<Arc<FileDescription>>> {
        let checked = self
            .file(fd)
            .and_then(|file| Ok((self.check_terminal(&file, purpose)?, file)));
        match checked {
            Ok((Access::Granted, file)) => Poll::Ready(Ok(file)),
            Ok((Access::Signalled, _)) if self.stopped.load(Ordering::Acquire) => {
                cx.waker().wake_by_ref();
                Poll::Pending
            }
            // A handler runs first.
            Ok((Access::Signalled, _)) => Poll::Ready(Err(Errno::EINTR)),
            Err(errno) => Poll::Ready(Err(errno)),
        }
    }

    /// Implements `poll(2)` for one descriptor.
    ///
    /// # Errors
    /// - `EBADF`: the descriptor is not open.
    ///
    /// # Blocking
    /// Pending until one of the events, an error or a hang-up holds.
    pub fn poll_ready(
        &self,
        fd: Fd,
        events: PollEvents,
        cx: &mut Context<'_>,
    ) -> Poll<Result<PollEvents>> {
        let args = format_args!("[{{fd={fd}, events={}}}], 1, -1", trace::Events(events));
        let polled = self.enter_poll(Sysno::Poll, args, cx, |cx| match self.file(fd) {
            Ok(file) => file
                .poll_ready(events, cx)
                .map(|ready| Ok(Revents(fd, ready))),
            Err(errno) => Poll::Ready(Err(errno)),
        });
        polled.map_ok(|Revents(_, ready)| ready)
    }

    /// Implements `copy_file_range(2)`: copies up to `len` bytes between regular files, from and to the
    /// given offsets or the current ones.
    ///
    /// # Errors
    /// - `EBADF`: not open for reading, not open for writing, or open with `O_APPEND`.
    /// - `EINVAL`: not regular files, or overlapping ranges of one file.
    /// - `EISDIR`: a directory.
    pub fn copy_file_range(
        &self,
        fd_in: Fd,
        off_in: Option<u64>,
        fd_out: Fd,
        off_out: Option<u64>,
        len: usize,
    ) -> Result<usize> {
        self.enter(
            Sysno::CopyFileRange,
            format_args!(
                "{fd_in}, {}, {fd_out}, {}, {len}, 0",
                trace::Offset(off_in),
                trace::Offset(off_out)
            ),
            || {
                let (source, sink) = (self.file(fd_in)?, self.file(fd_out)?);
                if source.kind() == FileKind::Directory || sink.kind() == FileKind::Directory {
                    return Err(Errno::EISDIR);
                }
                if source.kind() != FileKind::Regular || sink.kind() != FileKind::Regular {
                    return Err(Errno::EINVAL);
                }
                let appends = sink.status_flags().contains(OpenFlags::O_APPEND);
                if !source.status_flags().readable() || !sink.status_flags().writable() || appends {
                    return Err(Errno::EBADF);
                }
                let from = off_in.map_or_else(|| source.seek(0, 1), Ok)?;
                let to = off_out.map_or_else(|| sink.seek(0, 1), Ok)?;
                let overlap =
                    from < to.saturating_add(len as u64) && to < from.saturating_add(len as u64);
                if source.inode().ino() == sink.inode().ino()
                    && source.stat()?.dev == sink.stat()?.dev
                    && overlap
                {
                    return Err(Errno::EINVAL);
                }
                let copied = self.copy_bytes(&source, from, &sink, to, len)?;
                for (file, offset, start) in [(&source, off_in, from), (&sink, off_out, to)] {
                    if offset.is_none() {
                        file.seek((start + copied as u64) as i64, 0)?;
                    }
                }
                Ok(copied)
            },
        )
    }

    fn copy_bytes(
        &self,
        source: &FileDescription,
        from: u64,
        sink: &FileDescription,
        to: u64,
        len: usize,
    ) -> Result<usize> {
        let mut buf = vec![0; COPY_BUFFER.min(len)];
        let mut copied = 0;
        while copied < len {
            let wanted = buf.len().min(len - copied);
            let count = source.pread(&mut buf[..wanted], from + copied as u64)?;
            if count == 0 {
                break;
            }
            match sink.pwrite_within(&buf[..count], to + copied as u64, self.fsize()) {
                Ok(written) => copied += written,
                Err(errno) if copied == 0 => return Err(errno),
                Err(_) => break,
            }
        }
        Ok(copied)
    }
}

/// Whether each write to a file is a message, which only a whole read receives.
fn keeps_boundaries(file: &FileDescription) -> bool {
    file.socket().is_ok_and(|socket| socket.keeps_boundaries())
}

/// Runs I/O buffer by buffer until one is not filled; an error counts only if nothing was done before.
fn gather(
    lengths: Vec<usize>,
    mut step: impl FnMut(usize, usize) -> Result<usize>,
) -> Result<usize> {
    let mut done = 0;
    if lengths.is_empty() {
        return Ok(0);
    }
    for (index, length) in lengths.iter().enumerate() {
        if *length == 0 && lengths.len() > 1 {
            continue;
        }
        match step(index, done) {
            Ok(count) => {
                done += count;
                if count < *length {
                    break;
                }
            }
            Err(errno) if done == 0 => return Err(errno),
            Err(_) => break,
        }
    }
    Ok(done)
}
