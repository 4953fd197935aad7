//! Metadata: reading and changing it.

use super::Sysno;
use crate::abi::Fd;
use crate::abi::fcntl::{AT_FDCWD, AtFlags, F_OK, OpenFlags, R_OK, W_OK, X_OK};
use crate::abi::inotify::InotifyMask;
use crate::abi::stat::{FileKind, PERMISSIONS, S_ISGID, S_ISUID, SetTime, Stat, StatFs};
use crate::errno::{Errno, Result};
use crate::process::Process;
use crate::trace::{self, Args, Octal, Quoted, SetTimes};
use crate::vfs::{LastLink, OpenPath, SetAttributes, check_permission};

/// An id that leaves the owner or group as it is.
const UNCHANGED: u32 = u32::MAX;

fn last_link(flags: AtFlags) -> LastLink {
    if flags.contains(AtFlags::AT_SYMLINK_NOFOLLOW) {
        LastLink::NoFollow
    } else {
        LastLink::Follow
    }
}

fn check_flags(flags: AtFlags) -> Result<()> {
    if flags.intersects(!(AtFlags::AT_SYMLINK_NOFOLLOW | AtFlags::AT_EMPTY_PATH)) {
        Err(Errno::EINVAL)
    } else {
        Ok(())
    }
}

impl Process {
    /// Implements `fstat(2)`.
    ///
    /// # Errors
    /// - `EBADF`: the descriptor is not open.
    pub fn fstat(&self, fd: Fd) -> Result<Stat> {
        self.enter(
            Sysno::Fstat,
            Args::around(format_args!("{fd}, "), format_args!("")),
            || self.file(fd)?.stat(),
        )
    }

    /// Implements `stat(2)`.
    ///
    /// # Errors
    /// As the path walk.
    pub fn stat(&self, path: &[u8]) -> Result<Stat> {
        self.fstatat(AT_FDCWD, path, AtFlags::empty())
    }

    /// Implements `lstat(2)`.
    ///
    /// # Errors
    /// As the path walk.
    pub fn lstat(&self, path: &[u8]) -> Result<Stat> {
        self.fstatat(AT_FDCWD, path, AtFlags::AT_SYMLINK_NOFOLLOW)
    }

    /// Implements `fstatat(2)`.
    ///
    /// # Errors
    /// As the path walk; `EINVAL` for unknown flags.
    pub fn fstatat(&self, dirfd: Fd, path: &[u8], flags: AtFlags) -> Result<Stat> {
        self.enter(
            Sysno::Fstatat,
            Args::around(
                format_args!("{}, {}, ", trace::Dir(dirfd), Quoted(path)),
                format_args!(", {}", trace::At(flags)),
            ),
            || {
                check_flags(flags)?;
                self.find_at(dirfd, path, flags, last_link(flags))?
                    .inode
                    .stat()
            },
        )
    }

    /// Implements `statfs(2)`.
    ///
    /// # Errors
    /// As the path walk.
    pub fn statfs(&self, path: &[u8]) -> Result<StatFs> {
        self.enter(
            Sysno::Statfs,
            Args::around(format_args!("{}, ", Quoted(path)), format_args!("")),
            || {
                self.at_cwd()
                    .find(path, LastLink::Follow)?
                    .mount
                    .fs()
                    .statfs()
            },
        )
    }

    /// Implements `fstatfs(2)`.
    ///
    /// # Errors
    /// - `EBADF`: the descriptor is not open.
    pub fn fstatfs(&self, fd: Fd) -> Result<StatFs> {
        self.enter(
            Sysno::Fstatfs,
            Args::around(format_args!("{fd}, "), format_args!("")),
            || self.file(fd)?.open_path().dentry.mount.fs().statfs(),
        )
    }

    /// Implements `access(2)`.
    ///
    /// # Errors
    /// As [`Process::faccessat`].
    pub fn access(&self, path: &[u8], mode: i32) -> Result<()> {
        self.faccessat(AT_FDCWD, path, mode, AtFlags::empty())
    }

    /// Implements `faccessat2(2)`.
    ///
    /// # Errors
    /// - `EINVAL`: unknown bits in `mode`.
    /// - `EACCES`: a permission is missing.
    /// - `EROFS`: write access on a read-only mount.
    pub fn faccessat(&self, dirfd: Fd, path: &[u8], mode: i32, flags: AtFlags) -> Result<()> {
        self.enter(
            Sysno::Faccessat,
            format_args!(
                "{}, {}, {}, {}",
                trace::Dir(dirfd),
                Quoted(path),
                trace::Access(mode),
                trace::At(flags)
            ),
            || {
                if mode & !(R_OK | W_OK | X_OK) != 0 {
                    return Err(Errno::EINVAL);
                }
                let target = self.find_at(dirfd, path, flags, last_link(flags))?;
                if mode == F_OK {
                    return Ok(());
                }
                check_permission(&*target.inode, self.credentials(), mode)?;
                if mode & W_OK != 0 && target.read_only() {
                    return Err(Errno::EROFS);
                }
                Ok(())
            },
        )
    }

    /// Implements `chmod(2)`.
    ///
    /// # Errors
    /// - `EPERM`: neither the owner nor root.
    pub fn chmod(&self, path: &[u8], mode: u32) -> Result<()> {
        self.fchmodat(AT_FDCWD, path, mode)
    }

    /// Implements `fchmodat(2)`.
    ///
    /// # Errors
    /// - `EPERM`: neither the owner nor root.
    pub fn fchmodat(&self, dirfd: Fd, path: &[u8], mode: u32) -> Result<()> {
        self.enter(
            Sysno::Fchmodat,
            format_args!(
                "{}, {}, {}",
                trace::Dir(dirfd),
                Quoted(path),
                trace::Mode(mode)
            ),
            || {
                let target = self.find_named(dirfd, path, AtFlags::empty(), LastLink::Follow)?;
                self.change_mode(&target, mode)
            },
        )
    }

    /// Implements `fchmod(2)`.
    ///
    /// # Errors
    /// - `EBADF`: the descriptor is not open, or was opened with `O_PATH`.
    /// - `EPERM`: neither the owner nor root.
    pub fn fchmod(&self, fd: Fd, mode: u32) -> Result<()> {
        self.enter(
            Sysno::Fchmod,
            format_args!("{fd}, {}", trace::Mode(mode)),
            || {
                let target = self.changeable(fd)?;
                self.change_mode(&target, mode)
            },
        )
    }

    fn changeable(&self, fd: Fd) -> Result<OpenPath> {
        let file = self.file(fd)?;
        if file.status_flags().contains(OpenFlags::O_PATH) {
            return Err(Errno::EBADF);
        }
        Ok(file.open_path().clone())
    }

    fn change_mode(&self, target: &OpenPath, mode: u32) -> Result<()> {
        self.check_changeable(target)?;
        let owner = target.dentry.inode.ownership();
        let credentials = self.credentials();
        let mut mode = mode & PERMISSIONS;
        if !credentials.privileged() {
            if credentials.euid != owner.uid {
                return Err(Errno::EPERM);
            }
            if !credentials.in_group(owner.gid) {
                mode &= !S_ISGID;
            }
        }
        self.apply(
            target,
            &SetAttributes {
                mode: Some(mode),
                ..SetAttributes::default()
            },
        )
    }

    fn check_changeable(&self, target: &OpenPath) -> Result<()> {
        if target.dentry.read_only() {
            Err(Errno::EROFS)
        } else {
            Ok(())
        }
    }

    fn apply(&self, target: &OpenPath, change: &SetAttributes) -> Result<()> {
        target.dentry.inode.set_attributes(change)?;
        let named = target.parent.as_ref().map(|parent| (parent, &*target.name));
        self.vfs
            .notify_object(named, &*target.dentry.inode, InotifyMask::IN_ATTRIB);
        Ok(())
    }

    /// Implements `chown(2)`; `u32::MAX` leaves an id as it is.
    ///
    /// # Errors
    /// As [`Process::fchownat`].
    pub fn chown(&self, path: &[u8], uid: u32, gid: u32) -> Result<()> {
        self.fchownat(AT_FDCWD, path, uid, gid, AtFlags::empty())
    }

    /// Implements `lchown(2)`.
    ///
    /// # Errors
    /// As [`Process::fchownat`].
    pub fn lchown(&self, path: &[u8], uid: u32, gid: u32) -> Result<()> {
        self.fchownat(AT_FDCWD, path, uid, gid, AtFlags::AT_SYMLINK_NOFOLLOW)
    }

    /// Implements `fchownat(2)`.
    ///
    /// # Errors
    /// - `EPERM`: only root gives files away; an owner may choose among their own groups.
    pub fn fchownat(
        &self,
        dirfd: Fd,
        path: &[u8],
        uid: u32,
        gid: u32,
        flags: AtFlags,
    ) -> Result<()> {
        self.enter(
            Sysno::Fchownat,
            format_args!(
                "{}, {}, {}, {}, {}",
                trace::Dir(dirfd),
                Quoted(path),
                trace::Id(uid),
                trace::Id(gid),
                trace::At(flags)
            ),
            || {
                check_flags(flags)?;
                let target = self.find_named(dirfd, path, flags, last_link(flags))?;
                self.change_owner(&target, uid, gid)
            },
        )
    }

    /// Implements `fchown(2)`.
    ///
    /// # Errors
    /// - `EBADF`: the descriptor is not open, or was opened with `O_PATH`.
    /// - `EPERM`: as [`Process::fchownat`].
    pub fn fchown(&self, fd: Fd, uid: u32, gid: u32) -> Result<()> {
        let args = format_args!("{fd}, {}, {}", trace::Id(uid), trace::Id(gid));
        self.enter(Sysno::Fchown, args, || {
            let target = self.changeable(fd)?;
            self.change_owner(&target, uid, gid)
        })
    }

    fn change_owner(&self, target: &OpenPath, uid: u32, gid: u32) -> Result<()> {
        self.check_changeable(target)?;
        let owner = target.dentry.inode.ownership();
        let credentials = self.credentials();
        if !credentials.privileged() {
            let is_owner = credentials.euid == owner.uid;
            let uid_allowed = uid == UNCHANGED || is_owner && uid == owner.uid;
            let gid_allowed =
                gid == UNCHANGED || is_owner && (gid == owner.gid || credentials.in_group(gid));
            if !uid_allowed || !gid_allowed {
                return Err(Errno::EPERM);
            }
        }
        // Changing the owner of an executable takes its set-user-id and set-group-id away.
        let stripped = match target.dentry.inode.kind() {
            FileKind::Directory | FileKind::Symlink => owner.mode,
            _ if owner.mode & 0o010 != 0 => owner.mode & !(S_ISUID | S_ISGID),
            _ => owner.mode & !S_ISUID,
        };
        let chosen = |id: u32| (id != UNCHANGED).then_some(id);
        let mode = (stripped != owner.mode).then_some(stripped);
        self.apply(
            target,
            &SetAttributes {
                uid: chosen(uid),
                gid: chosen(gid),
                mode,
                ..SetAttributes::default()
            },
        )
    }

    /// Implements `utimensat(2)`.
    ///
    /// # Errors
    /// - `EACCES`: both times are to be now, and the caller may neither write nor owns the file.
    /// - `EPERM`: other times, and the caller does not own the file.
    /// - `EINVAL`: nanoseconds out of range.
    pub fn utimensat(
        &self,
        dirfd: Fd,
        path: &[u8],
        atime: SetTime,
        mtime: SetTime,
        flags: AtFlags,
    ) -> Result<()> {
        self.enter(
            Sysno::Utimensat,
            format_args!(
                "{}, {}, {}, {}",
                trace::Dir(dirfd),
                Quoted(path),
                SetTimes([atime, mtime]),
                trace::At(flags)
            ),
            || {
                check_flags(flags)?;
                let target = self.find_named(dirfd, path, flags, last_link(flags))?;
                self.change_times(&target, atime, mtime)
            },
        )
    }

    /// Implements `futimens(3)`.
    ///
    /// # Errors
    /// As [`Process::utimensat`], and `EBADF`.
    pub fn futimens(&self, fd: Fd, atime: SetTime, mtime: SetTime) -> Result<()> {
        self.enter(
            Sysno::Utimensat,
            format_args!("{fd}, NULL, {}, 0", SetTimes([atime, mtime])),
            || {
                let target = self.changeable(fd)?;
                self.change_times(&target, atime, mtime)
            },
        )
    }

    fn change_times(&self, target: &OpenPath, atime: SetTime, mtime: SetTime) -> Result<()> {
        for time in [atime, mtime] {
            if matches!(time, SetTime::At(time) if time.nsec >= 1_000_000_000) {
                return Err(Errno::EINVAL);
            }
        }
        if atime == SetTime::Omit && mtime == SetTime::Omit {
            return Ok(());
        }
        self.check_changeable(target)?;
        let credentials = self.credentials();
        if !credentials.privileged() && credentials.euid != target.dentry.inode.ownership().uid {
            if atime != SetTime::Now || mtime != SetTime::Now {
                return Err(Errno::EPERM);
            }
            check_permission(&*target.dentry.inode, credentials, W_OK)?;
        }
        let now = self.vfs.clock.realtime();
        let chosen = |time: SetTime| match time {
            SetTime::Now => Some(now),
            SetTime::Omit => None,
            SetTime::At(time) => Some(time),
        };
        let change = SetAttributes {
            atime: chosen(atime),
            mtime: chosen(mtime),
            ..SetAttributes::default()
        };
        self.apply(target, &change)
    }

    /// Implements `umask(2)`: sets the mask and returns the former one.
    pub fn umask(&self, mask: u32) -> u32 {
        let replaced = self.enter(Sysno::Umask, format_args!("{}", trace::Mode(mask)), || {
            let umask = &mut self.fs.lock().umask;
            Ok(Octal(core::mem::replace(umask, mask & 0o777)))
        });
        // Only a process that has ended gets an error, and its mask no longer matters.
        replaced.map_or(mask & 0o777, |Octal(replaced)| replaced)
    }
}
