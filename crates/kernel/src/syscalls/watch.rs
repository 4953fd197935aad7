//! Inotify.

use super::Sysno;
use crate::abi::Fd;
use crate::abi::fcntl::{OpenFlags, R_OK};
use crate::abi::inotify::{InotifyEvent, InotifyMask};
use crate::abi::stat::FileKind;
use crate::errno::{Errno, Result};
use crate::process::Process;
use crate::trace::{self, Args, Quoted};
use crate::vfs::{InotifyFile, InotifyInstance, LastLink, Ownership, check_permission};
use core::any::Any;
use core::sync::atomic::Ordering;
use core::task::{Context, Poll};
use std::sync::Arc;

/// Buffer that libuv reads events into.
const BUFFER: usize = 4096;

impl Process {
    /// Implements `inotify_init1(2)`.
    ///
    /// # Errors
    /// - `EINVAL`: a flag other than `O_CLOEXEC` and `O_NONBLOCK`.
    /// - `EMFILE`: no descriptor or no instance is left.
    pub fn inotify_init1(&self, flags: OpenFlags) -> Result<Fd> {
        self.enter(
            Sysno::InotifyInit1,
            format_args!("{}", trace::Inotify(flags)),
            || {
                if flags.intersects(!(OpenFlags::O_CLOEXEC | OpenFlags::O_NONBLOCK)) {
                    return Err(Errno::EINVAL);
                }
                let limits = &self.vfs.limits;
                let instances = self.vfs.watches.instances.load(Ordering::Relaxed);
                if instances >= limits.max_inotify_instances {
                    let (bound, used) = (limits.max_inotify_instances as u64, instances as u64 + 1);
                    self.vfs.ledger.record("maxInotifyInstances", bound, used);
                    return Err(Errno::EMFILE);
                }
                let instance =
                    InotifyInstance::new(self.vfs.watches.clone(), self.vfs.ledger.clone(), limits);
                let kernel = self.kernel()?;
                let path = kernel.anonymous(
                    FileKind::Anonymous,
                    Ownership::new(0o600, self.euid(), self.egid()),
                    None,
                );
                let status = flags & OpenFlags::O_NONBLOCK;
                let file = kernel.describe(path, Arc::new(InotifyFile(instance)), status);
                self.install(file, flags.contains(OpenFlags::O_CLOEXEC))
            },
        )
    }

    fn inotify(&self, fd: Fd) -> Result<Arc<InotifyInstance>> {
        let file = self.file(fd)?;
        let object: &dyn Any = &**file.file().ok_or(Errno::EINVAL)?;
        object
            .downcast_ref::<InotifyFile>()
            .map(|file| file.0.clone())
            .ok_or(Errno::EINVAL)
    }

    /// Implements `inotify_add_watch(2)`; returns the watch descriptor.
    ///
    /// # Errors
    /// - `EINVAL`: no event is asked for, or the descriptor is not an inotify instance.
    /// - `EACCES`: no read permission.
    /// - `ENOTDIR`: `IN_ONLYDIR` and not a directory.
    /// - `ENOSPC`: the limit of watches is reached, or the file system has no events.
    /// - `EMFILE`, `EIO`: whoever keeps the file has no means to tell of changes, or does not answer.
    pub fn inotify_add_watch(&self, fd: Fd, path: &[u8], mask: InotifyMask) -> Result<i32> {
        self.enter(
            Sysno::InotifyAddWatch,
            format_args!("{fd}, {}, {}", Quoted(path), trace::Watch(mask)),
            || {
                if !mask.intersects(InotifyMask::IN_ALL_EVENTS) {
                    return Err(Errno::EINVAL);
                }
                let instance = self.inotify(fd)?;
                let dont_follow = mask.contains(InotifyMask::IN_DONT_FOLLOW);
                let last_link = if dont_follow {
                    LastLink::NoFollow
                } else {
                    LastLink::Follow
                };
                let target = self.at_cwd().find(path, last_link)?;
                if mask.contains(InotifyMask::IN_ONLYDIR) && !target.is_dir() {
                    return Err(Errno::ENOTDIR);
                }
                check_permission(&*target.inode, self.credentials(), R_OK)?;
                // Before the watch is there: it may have to wait for whoever keeps the file.
                let followed = target.inode.follow(Arc::downgrade(&target.inode))?;
                instance.add_watch(&target.inode, mask, followed)
            },
        )
    }

    /// Implements `inotify_rm_watch(2)`.
    ///
    /// # Errors
    /// - `EINVAL`: no such watch, or the descriptor is not an inotify instance.
    pub fn inotify_rm_watch(&self, fd: Fd, wd: i32) -> Result<()> {
        self.enter(Sysno::InotifyRmWatch, format_args!("{fd}, {wd}"), || {
            self.inotify(fd)?.remove_watch(wd)
        })
    }

    /// Reads all queued events of an inotify instance without blocking.
    ///
    /// # Errors
    /// - `EAGAIN`: there is none.
    /// - `EINVAL`: the descriptor is not an inotify instance.
    pub fn read_inotify(&self, fd: Fd) -> Result<Vec<InotifyEvent>> {
        self.enter(
            Sysno::Read,
            Args::around(format_args!("{fd}, "), format_args!(", {BUFFER}")),
            || {
                let events = self.inotify(fd)?.take_events();
                if events.is_empty() {
                    Err(Errno::EAGAIN)
                } else {
                    Ok(events)
                }
            },
        )
    }

    /// Reads all queued events of an inotify instance.
    ///
    /// # Blocking
    /// Pending until there is one.
    pub fn poll_inotify(&self, fd: Fd, cx: &mut Context<'_>) -> Poll<Result<Vec<InotifyEvent>>> {
        self.enter_poll(
            Sysno::Read,
            Args::around(format_args!("{fd}, "), format_args!(", {BUFFER}")),
            cx,
            |cx| match self.inotify(fd) {
                Ok(instance) => instance.poll_events(cx).map(Ok),
                Err(errno) => Poll::Ready(Err(errno)),
            },
        )
    }
}
