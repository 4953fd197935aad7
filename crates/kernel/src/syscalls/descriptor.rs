//! Descriptors: copying them, their flags, pipes.

use super::Sysno;
use crate::abi::Fd;
use crate::abi::fcntl::{FdFlags, OpenFlags};
use crate::errno::{Errno, Result};
use crate::process::{FdEntry, Process};
use crate::trace::{self, Args};

impl Process {
    /// Implements `dup(2)`.
    ///
    /// # Errors
    /// - `EBADF`: the descriptor is not open.
    /// - `EMFILE`: none is left.
    pub fn dup(&self, oldfd: Fd) -> Result<Fd> {
        self.enter(Sysno::Dup, format_args!("{oldfd}"), || {
            let file = self.file(oldfd)?;
            self.install(file, false)
        })
    }

    /// Implements `dup2(2)`.
    ///
    /// # Errors
    /// - `EBADF`: `oldfd` is not open, or `newfd` is out of range.
    pub fn dup2(&self, oldfd: Fd, newfd: Fd) -> Result<Fd> {
        self.enter(Sysno::Dup2, format_args!("{oldfd}, {newfd}"), || {
            if oldfd == newfd {
                return self.file(oldfd).map(|_| newfd);
            }
            self.duplicate_to(oldfd, newfd, FdFlags::empty())
        })
    }

    /// Implements `dup3(2)`.
    ///
    /// # Errors
    /// - `EINVAL`: both descriptors are the same, or a flag other than `O_CLOEXEC`.
    /// - `EBADF`: `oldfd` is not open, or `newfd` is out of range.
    pub fn dup3(&self, oldfd: Fd, newfd: Fd, flags: OpenFlags) -> Result<Fd> {
        self.enter(
            Sysno::Dup3,
            format_args!("{oldfd}, {newfd}, {}", trace::Pipe(flags)),
            || {
                if oldfd == newfd || flags.intersects(!OpenFlags::O_CLOEXEC) {
                    return Err(Errno::EINVAL);
                }
                let cloexec = flags.contains(OpenFlags::O_CLOEXEC);
                self.duplicate_to(
                    oldfd,
                    newfd,
                    if cloexec {
                        FdFlags::FD_CLOEXEC
                    } else {
                        FdFlags::empty()
                    },
                )
            },
        )
    }

    fn duplicate_to(&self, oldfd: Fd, newfd: Fd, flags: FdFlags) -> Result<Fd> {
        let limit = self.nofile();
        let mut fds = self.fds.lock();
        let file = fds.entry(oldfd)?.file.clone();
        let displaced = fds.install_at(newfd, FdEntry { file, flags }, limit)?;
        drop(fds);
        drop(displaced);
        Ok(newfd)
    }

    /// Implements `fcntl(F_DUPFD)` and `fcntl(F_DUPFD_CLOEXEC)`: the lowest free descriptor not below `min`.
    ///
    /// # Errors
    /// - `EBADF`: the descriptor is not open.
    /// - `EINVAL`: `min` is negative or not below the limit.
    /// - `EMFILE`: none is left.
    pub fn dup_from(&self, fd: Fd, min: Fd, cloexec: bool) -> Result<Fd> {
        let command = if cloexec {
            "F_DUPFD_CLOEXEC"
        } else {
            "F_DUPFD"
        };
        self.enter(Sysno::Fcntl, format_args!("{fd}, {command}, {min}"), || {
            let file = self.file(fd)?;
            if usize::try_from(min).map_or(true, |min| min >= self.nofile()) {
                return Err(Errno::EINVAL);
            }
            self.install_from(min, [file], cloexec).map(|[fd]| fd)
        })
    }

    /// Implements `fcntl(F_GETFD)`.
    ///
    /// # Errors
    /// - `EBADF`: the descriptor is not open.
    pub fn fd_flags(&self, fd: Fd) -> Result<FdFlags> {
        self.enter(Sysno::Fcntl, format_args!("{fd}, F_GETFD"), || {
            self.fds.lock().entry(fd).map(|entry| entry.flags)
        })
    }

    /// Implements `fcntl(F_SETFD)`.
    ///
    /// # Errors
    /// - `EBADF`: the descriptor is not open.
    pub fn set_fd_flags(&self, fd: Fd, flags: FdFlags) -> Result<()> {
        self.enter(
            Sysno::Fcntl,
            format_args!("{fd}, F_SETFD, {}", trace::Descriptor(flags)),
            || {
                self.fds.lock().entry_mut(fd)?.flags = flags & FdFlags::FD_CLOEXEC;
                Ok(())
            },
        )
    }

    /// Implements `fcntl(F_GETFL)`.
    ///
    /// # Errors
    /// - `EBADF`: the descriptor is not open.
    pub fn status_flags(&self, fd: Fd) -> Result<OpenFlags> {
        self.enter(Sysno::Fcntl, format_args!("{fd}, F_GETFL"), || {
            self.file(fd).map(|file| file.status_flags())
        })
    }

    /// Implements `fcntl(F_SETFL)`: changes `O_APPEND`, `O_NONBLOCK`, `O_ASYNC`, `O_DIRECT` and `O_NOATIME`.
    ///
    /// # Errors
    /// - `EBADF`: the descriptor is not open, or was opened with `O_PATH`.
    pub fn set_status_flags(&self, fd: Fd, flags: OpenFlags) -> Result<()> {
        self.enter(
            Sysno::Fcntl,
            format_args!("{fd}, F_SETFL, {}", trace::Open(flags)),
            || {
                let file = self.file(fd)?;
                if file.status_flags().contains(OpenFlags::O_PATH) {
                    return Err(Errno::EBADF);
                }
                file.set_status_flags(flags);
                Ok(())
            },
        )
    }

    /// Implements `pipe2(2)`: reading end, writing end.
    ///
    /// # Errors
    /// - `EINVAL`: a flag other than `O_CLOEXEC`, `O_NONBLOCK` and `O_DIRECT`.
    /// - `EMFILE`: no two descriptors are left.
    /// - `ENFILE`: the limit of pipes is reached.
    ///
    /// # Deviations
    /// `O_DIRECT` (packet mode) is refused with `EINVAL`.
    pub fn pipe2(&self, flags: OpenFlags) -> Result<(Fd, Fd)> {
        self.enter(
            Sysno::Pipe2,
            Args::around(format_args!(""), format_args!(", {}", trace::Pipe(flags))),
            || {
                let status = flags & OpenFlags::O_NONBLOCK;
                if flags.intersects(!(OpenFlags::O_CLOEXEC | OpenFlags::O_NONBLOCK)) {
                    return Err(Errno::EINVAL);
                }
                let (read, write) = self
                    .kernel()?
                    .guest_pipe((**self.credentials()).clone(), status)?;
                let [read, write] =
                    self.install_from(0, [read, write], flags.contains(OpenFlags::O_CLOEXEC))?;
                Ok((read, write))
            },
        )
    }
}
