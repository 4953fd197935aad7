//! Opening and closing files, their offsets and their lengths.

use super::Sysno;
use crate::abi::Fd;
use crate::abi::fcntl::{AT_FDCWD, AtFlags, FdFlags, OpenFlags, W_OK};
use crate::abi::inotify::InotifyMask;
use crate::abi::resource::Resource;
use crate::abi::signal::Signal;
use crate::abi::stat::FileKind;
use crate::errno::{Errno, Result};
use crate::process::{PendingFile, Process};
use crate::trace::{self, Quoted};
use crate::vfs::{FileDescription, Inode, LastLink, OpenRequest, check_permission};
use core::fmt;
use core::task::{Context, Poll};
use std::sync::Arc;

/// The arguments of `openat(2)` in a trace; with a mode where it may make a file.
struct OpenArguments<'a>(Fd, &'a [u8], OpenFlags, u32);

impl fmt::Display for OpenArguments<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let OpenArguments(dirfd, path, flags, mode) = *self;
        let (dir, path, open) = (trace::Dir(dirfd), Quoted(path), trace::Open(flags));
        write!(f, "{dir}, {path}, {open}")?;
        if flags.intersects(OpenFlags::O_CREAT | OpenFlags::__O_TMPFILE) {
            write!(f, ", {}", trace::Mode(mode))?;
        }
        Ok(())
    }
}

/// An open that waits, held by whoever polls it. It goes with its process: what a dead process waited for is not open
/// any more, even if the thread that polled has not heard of the end yet.
#[derive(Debug)]
pub struct Opening(Arc<PendingFile>);

impl Process {
    /// Implements `open(2)` without blocking: [`Process::openat`] from the working directory.
    ///
    /// # Errors
    /// As [`Process::openat`].
    pub fn open(&self, path: &[u8], flags: OpenFlags, mode: u32) -> Result<Fd> {
        self.openat(AT_FDCWD, path, flags, mode)
    }

    /// Implements `openat(2)` without blocking.
    ///
    /// # Errors
    /// - `ENOENT`, `ENOTDIR`, `ELOOP`, `ENAMETOOLONG`, `EACCES`: from the path walk.
    /// - `EEXIST`: `O_CREAT | O_EXCL` and the name is taken.
    /// - `EISDIR`: a directory is opened for writing, or created.
    /// - `EMFILE`: no descriptor is left.
    /// - `ENOSPC`: no inode is left.
    /// - `EAGAIN`: it would block, being a FIFO whose other end nobody has opened.
    pub fn openat(&self, dirfd: Fd, path: &[u8], flags: OpenFlags, mode: u32) -> Result<Fd> {
        self.enter(
            Sysno::Openat,
            format_args!("{}", OpenArguments(dirfd, path, flags, mode)),
            || {
                let file = self.begin_open(dirfd, path, flags, mode)?;
                if !file.opened() {
                    return Err(Errno::EAGAIN);
                }
                self.finish_open(file, flags)
            },
        )
    }

    /// Implements `openat(2)`: waits if the file is a FIFO whose other end nobody has opened. `opening`, empty at
    /// first, holds the open between the polls; dropping it gives the open up.
    ///
    /// # Errors
    /// As [`Process::openat`].
    ///
    /// # Blocking
    /// Pending until the other end of the FIFO is opened; not with `O_NONBLOCK` or `O_RDWR` (`fifo(7)`).
    pub fn poll_openat(
        &self,
        opening: &mut Option<Opening>,
        dirfd: Fd,
        path: &[u8],
        flags: OpenFlags,
        mode: u32,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Fd>> {
        self.enter_poll(
            Sysno::Openat,
            format_args!("{}", OpenArguments(dirfd, path, flags, mode)),
            cx,
            |cx| {
                let Opening(pending) = match opening.take() {
                    Some(opening) => opening,
                    None => match self.begin_waiting_open(dirfd, path, flags, mode) {
                        Ok(opening) => opening,
                        Err(errno) => return Poll::Ready(Err(errno)),
                    },
                };
                // Locked for as long as the file is used: the end of the process waits for it.
                let mut file = pending.lock();
                let polled = file.as_ref().map(|file| file.poll_opened(cx));
                match polled {
                    Some(Poll::Pending) => {
                        drop(file);
                        *opening = Some(Opening(pending));
                        Poll::Pending
                    }
                    _ => Poll::Ready(match file.take() {
                        Some(file) => self.finish_open(file, flags),
                        None => Err(Errno::ESRCH),
                    }),
                }
            },
        )
    }

    fn begin_waiting_open(
        &self,
        dirfd: Fd,
        path: &[u8],
        flags: OpenFlags,
        mode: u32,
    ) -> Result<Opening> {
        let file = self.begin_open(dirfd, path, flags, mode)?;
        let pending = Arc::new(PendingFile::new(Some(file)));
        self.fds.lock().wait_for(&pending)?;
        Ok(Opening(pending))
    }

    fn begin_open(
        &self,
        dirfd: Fd,
        path: &[u8],
        flags: OpenFlags,
        mode: u32,
    ) -> Result<Arc<FileDescription>> {
        let at = self.at(dirfd, path)?;
        let umask = self.fs.lock().umask;
        // A full table is found out before a file is created or truncated for nothing.
        self.check_descriptor_left()?;
        let request = OpenRequest {
            flags,
            mode: mode & !umask,
        };
        self.vfs.open(&at, path, request)
    }

    fn finish_open(&self, file: Arc<FileDescription>, flags: OpenFlags) -> Result<Fd> {
        if !flags.contains(OpenFlags::O_NOCTTY) {
            self.adopt_terminal(&file);
        }
        self.install(file, flags.contains(OpenFlags::O_CLOEXEC))
    }

    /// Puts an open file at the lowest free descriptor.
    ///
    /// # Errors
    /// - `EMFILE`: none is left.
    pub fn install(&self, file: Arc<FileDescription>, cloexec: bool) -> Result<Fd> {
        self.install_from(0, [file], cloexec).map(|[fd]| fd)
    }

    pub(crate) fn install_from<const N: usize>(
        &self,
        min: Fd,
        files: [Arc<FileDescription>; N],
        cloexec: bool,
    ) -> Result<[Fd; N]> {
        let limit = self.nofile();
        let flags = if cloexec {
            FdFlags::FD_CLOEXEC
        } else {
            FdFlags::empty()
        };
        // On failure the files are closed by this copy, after the table's lock is released.
        let held = files.clone();
        let installed = self.fds.lock().install(min, files, flags, limit);
        drop(held);
        if installed == Err(Errno::EMFILE) {
            self.note_descriptors(limit);
        }
        installed
    }

    pub(crate) fn nofile(&self) -> usize {
        usize::try_from(self.rlimits.lock()[Resource::RLIMIT_NOFILE as usize].soft)
            .unwrap_or(usize::MAX)
    }

    fn check_descriptor_left(&self) -> Result<()> {
        let (limit, used) = (self.nofile(), self.fds.lock().len());
        if used >= limit {
            self.note_descriptors(limit);
            return Err(Errno::EMFILE);
        }
        if limit >= self.vfs.limits.max_open_fds {
            let (bound, used) = (limit as u64, used as u64 + 1);
            self.vfs.ledger.in_use("maxOpenFds", bound, used);
        }
        Ok(())
    }

    fn note_descriptors(&self, limit: usize) {
        // A bound that the process has set itself is its own affair.
        if limit >= self.vfs.limits.max_open_fds {
            self.vfs
                .ledger
                .record("maxOpenFds", limit as u64, limit as u64 + 1);
        }
    }

    /// Implements `close(2)`.
    ///
    /// # Errors
    /// - `EBADF`: the descriptor is not open.
    pub fn close(&self, fd: Fd) -> Result<()> {
        self.enter(Sysno::Close, format_args!("{fd}"), || {
            let entry = self.fds.lock().remove(fd)?;
            drop(entry);
            Ok(())
        })
    }

    /// Implements `lseek(2)`.
    ///
    /// # Errors
    /// - `ESPIPE`: the file has no offsets.
    /// - `EINVAL`: unknown `whence`, or the result is negative.
    /// - `ENXIO`: `SEEK_DATA` or `SEEK_HOLE` beyond the end.
    pub fn lseek(&self, fd: Fd, offset: i64, whence: i32) -> Result<u64> {
        self.enter(
            Sysno::Lseek,
            format_args!("{fd}, {offset}, {}", trace::Whence(whence)),
            || self.file(fd)?.seek(offset, whence),
        )
    }

    /// Implements `ftruncate(2)`.
    ///
    /// # Errors
    /// - `EBADF`: the descriptor is not open.
    /// - `EINVAL`: not a regular file, or not open for writing.
    /// - `EFBIG`: beyond the largest file.
    pub fn ftruncate(&self, fd: Fd, length: u64) -> Result<()> {
        self.enter(Sysno::Ftruncate, format_args!("{fd}, {length}"), || {
            let file = self.file(fd)?;
            if file.status_flags().contains(OpenFlags::O_PATH) {
                return Err(Errno::EBADF);
            }
            if i64::try_from(length).is_err() || file.kind() != FileKind::Regular {
                return Err(Errno::EINVAL);
            }
            file.check_writable().map_err(|_| Errno::EINVAL)?;
            self.resize(&**file.inode(), length, || file.set_size(length))?;
            file.notify(InotifyMask::IN_MODIFY);
            Ok(())
        })
    }

    /// Implements `truncate(2)`.
    ///
    /// # Errors
    /// - `EISDIR`: a directory.
    /// - `EINVAL`: neither a directory nor a regular file.
    /// - `EACCES`: no write permission.
    /// - `EFBIG`: beyond the largest file.
    pub fn truncate(&self, path: &[u8], length: u64) -> Result<()> {
        self.enter(
            Sysno::Truncate,
            format_args!("{}, {length}", Quoted(path)),
            || {
                if i64::try_from(length).is_err() {
                    return Err(Errno::EINVAL);
                }
                let found = self.find_named(AT_FDCWD, path, AtFlags::empty(), LastLink::Follow)?;
                let target = &found.dentry;
                match target.inode.kind() {
                    FileKind::Regular => {}
                    FileKind::Directory => return Err(Errno::EISDIR),
                    _ => return Err(Errno::EINVAL),
                }
                check_permission(&*target.inode, self.credentials(), W_OK)?;
                if target.read_only() {
                    return Err(Errno::EROFS);
                }
                self.resize(&*target.inode, length, || target.inode.set_size(length))?;
                let named = found.parent.as_ref().map(|parent| (parent, &*found.name));
                self.vfs
                    .notify_object(named, &*target.inode, InotifyMask::IN_MODIFY);
                Ok(())
            },
        )
    }

    fn resize(
        &self,
        inode: &dyn Inode,
        length: u64,
        set_size: impl FnOnce() -> Result<()>,
    ) -> Result<()> {
        if length > self.fsize() && length > inode.size() {
            self.deliver_from(Signal::SIGXFSZ, self.signal_info());
            return Err(Errno::EFBIG);
        }
        set_size()?;
        self.strip_set_id(inode);
        Ok(())
    }

    /// Implements `fsync(2)`.
    ///
    /// # Errors
    /// - `EBADF`: the descriptor is not open.
    /// - `EINVAL`: the file cannot be synchronised.
    pub fn fsync(&self, fd: Fd) -> Result<()> {
        self.enter(Sysno::Fsync, format_args!("{fd}"), || self.sync(fd))
    }

    /// Implements `fdatasync(2)`.
    ///
    /// # Errors
    /// As [`Process::fsync`].
    pub fn fdatasync(&self, fd: Fd) -> Result<()> {
        self.enter(Sysno::Fdatasync, format_args!("{fd}"), || self.sync(fd))
    }

    fn sync(&self, fd: Fd) -> Result<()> {
        let file = self.file(fd)?;
        if file.status_flags().contains(OpenFlags::O_PATH) {
            return Err(Errno::EBADF);
        }
        match file.kind() {
            FileKind::Regular | FileKind::Directory => file.inode().sync(),
            _ => Err(Errno::EINVAL),
        }
    }
}
