//! Names: making, removing, renaming, linking; the working directory.

use super::Sysno;
use crate::abi::Fd;
use crate::abi::fcntl::{AT_FDCWD, AtFlags, PATH_MAX, RenameFlags, X_OK};
use crate::abi::stat::{S_IFIFO, S_IFMT, S_IFREG};
use crate::errno::{Errno, Result};
use crate::process::Process;
use crate::trace::{self, Args, Quoted, Terminated};
use crate::vfs::{Last, LastLink, NewInodeKind, OpenPath, VirtualDentry, check_permission};

impl Process {
    /// Implements `mkdir(2)`.
    ///
    /// # Errors
    /// As [`Process::mkdirat`].
    pub fn mkdir(&self, path: &[u8], mode: u32) -> Result<()> {
        self.mkdirat(AT_FDCWD, path, mode)
    }

    /// Implements `mkdirat(2)`.
    ///
    /// # Errors
    /// - `EEXIST`: the name is taken.
    /// - `EACCES`: no write permission in the parent.
    /// - `ENOSPC`: no inode is left.
    pub fn mkdirat(&self, dirfd: Fd, path: &[u8], mode: u32) -> Result<()> {
        self.enter(
            Sysno::Mkdirat,
            format_args!(
                "{}, {}, {}",
                trace::Dir(dirfd),
                Quoted(path),
                trace::Mode(mode)
            ),
            || {
                let umask = self.fs.lock().umask;
                self.vfs.make(
                    &self.at(dirfd, path)?,
                    path,
                    NewInodeKind::Directory,
                    mode & !umask,
                )
            },
        )
    }

    /// Implements `mknodat(2)` for regular files and FIFOs.
    ///
    /// # Errors
    /// - `EEXIST`: the name is taken.
    /// - `EPERM`: another type.
    pub fn mknodat(&self, dirfd: Fd, path: &[u8], mode: u32) -> Result<()> {
        self.enter(
            Sysno::Mknodat,
            format_args!(
                "{}, {}, {}",
                trace::Dir(dirfd),
                Quoted(path),
                trace::FileMode(mode)
            ),
            || {
                let kind = match mode & S_IFMT {
                    0 | S_IFREG => NewInodeKind::Regular,
                    S_IFIFO => NewInodeKind::Fifo,
                    _ => return Err(Errno::EPERM),
                };
                let umask = self.fs.lock().umask;
                self.vfs
                    .make(&self.at(dirfd, path)?, path, kind, mode & !umask)
            },
        )
    }

    /// Implements `rmdir(2)`.
    ///
    /// # Errors
    /// As [`Process::unlinkat`] with `AT_REMOVEDIR`.
    pub fn rmdir(&self, path: &[u8]) -> Result<()> {
        self.unlinkat(AT_FDCWD, path, AtFlags::AT_REMOVEDIR)
    }

    /// Implements `unlink(2)`.
    ///
    /// # Errors
    /// As [`Process::unlinkat`].
    pub fn unlink(&self, path: &[u8]) -> Result<()> {
        self.unlinkat(AT_FDCWD, path, AtFlags::empty())
    }

    /// Implements `unlinkat(2)`. Open files live on without their name.
    ///
    /// # Errors
    /// - `EISDIR`: a directory, without `AT_REMOVEDIR`.
    /// - `ENOTDIR`: no directory, with it.
    /// - `ENOTEMPTY`: the directory has entries.
    /// - `EBUSY`: something is mounted there.
    /// - `EACCES`, `EPERM`: the parent's permissions, or its sticky bit.
    pub fn unlinkat(&self, dirfd: Fd, path: &[u8], flags: AtFlags) -> Result<()> {
        self.enter(
            Sysno::Unlinkat,
            format_args!(
                "{}, {}, {}",
                trace::Dir(dirfd),
                Quoted(path),
                trace::At(flags)
            ),
            || {
                if flags.intersects(!AtFlags::AT_REMOVEDIR) {
                    return Err(Errno::EINVAL);
                }
                let at = self.at(dirfd, path)?;
                if flags.contains(AtFlags::AT_REMOVEDIR) {
                    self.vfs.rmdir(&at, path)
                } else {
                    self.vfs.unlink(&at, path)
                }
            },
        )
    }

    /// Removes what a path names and everything below it, whatever its depth.
    ///
    /// # Errors
    /// As [`Process::unlinkat`], and:
    /// - `EBUSY`: the root directory, or something is mounted on the way.
    /// - `ENOTEMPTY`: others go on filling it.
    pub fn remove_tree(&self, path: &[u8]) -> Result<()> {
        self.enter(Sysno::Unlinkat, format_args!("{}", Quoted(path)), || {
            self.vfs.remove_tree(&self.at_cwd(), path)
        })
    }

    /// Implements `rename(2)`.
    ///
    /// # Errors
    /// As [`Process::renameat2`].
    pub fn rename(&self, old: &[u8], new: &[u8]) -> Result<()> {
        self.renameat2(AT_FDCWD, old, AT_FDCWD, new, RenameFlags::empty())
    }

    /// Implements `renameat2(2)`.
    ///
    /// # Errors
    /// - `EXDEV`: different mounts.
    /// - `EEXIST`: the new name is taken and `RENAME_NOREPLACE` is set.
    /// - `EINVAL`: a directory would move below itself, or unknown flags.
    /// - `ENOTDIR`, `EISDIR`, `ENOTEMPTY`: what is replaced does not fit.
    /// - `EACCES`, `EPERM`: permissions of either directory.
    pub fn renameat2(
        &self,
        olddirfd: Fd,
        old: &[u8],
        newdirfd: Fd,
        new: &[u8],
        flags: RenameFlags,
    ) -> Result<()> {
        self.enter(
            Sysno::Renameat2,
            format_args!(
                "{}, {}, {}, {}, {}",
                trace::Dir(olddirfd),
                Quoted(old),
                trace::Dir(newdirfd),
                Quoted(new),
                trace::Rename(flags)
            ),
            || {
                self.vfs.rename(
                    &self.at(olddirfd, old)?,
                    old,
                    &self.at(newdirfd, new)?,
                    new,
                    flags,
                )
            },
        )
    }

    /// Implements `link(2)`.
    ///
    /// # Errors
    /// As [`Process::linkat`].
    pub fn link(&self, old: &[u8], new: &[u8]) -> Result<()> {
        self.linkat(AT_FDCWD, old, AT_FDCWD, new, AtFlags::empty())
    }

    /// Implements `linkat(2)`.
    ///
    /// # Errors
    /// - `EEXIST`: the new name is taken.
    /// - `EPERM`: a directory.
    /// - `EXDEV`: different mounts.
    /// - `ENOENT`: the file has no name any more.
    pub fn linkat(
        &self,
        olddirfd: Fd,
        old: &[u8],
        newdirfd: Fd,
        new: &[u8],
        flags: AtFlags,
    ) -> Result<()> {
        self.enter(
            Sysno::Linkat,
            format_args!(
                "{}, {}, {}, {}, {}",
                trace::Dir(olddirfd),
                Quoted(old),
                trace::Dir(newdirfd),
                Quoted(new),
                trace::At(flags)
            ),
            || {
                if flags.intersects(!(AtFlags::AT_SYMLINK_FOLLOW | AtFlags::AT_EMPTY_PATH)) {
                    return Err(Errno::EINVAL);
                }
                let follow = if flags.contains(AtFlags::AT_SYMLINK_FOLLOW) {
                    LastLink::Follow
                } else {
                    LastLink::NoFollow
                };
                let source = self.find_at(olddirfd, old, flags, follow)?;
                self.vfs.link(&source, &self.at(newdirfd, new)?, new)
            },
        )
    }

    /// Implements `symlink(2)`.
    ///
    /// # Errors
    /// As [`Process::symlinkat`].
    pub fn symlink(&self, target: &[u8], path: &[u8]) -> Result<()> {
        self.symlinkat(target, AT_FDCWD, path)
    }

    /// Implements `symlinkat(2)`.
    ///
    /// # Errors
    /// - `ENOENT`: the target is empty.
    /// - `ENAMETOOLONG`: the target is too long.
    /// - `EEXIST`: the name is taken.
    pub fn symlinkat(&self, target: &[u8], dirfd: Fd, path: &[u8]) -> Result<()> {
        self.enter(
            Sysno::Symlinkat,
            format_args!(
                "{}, {}, {}",
                Quoted(target),
                trace::Dir(dirfd),
                Quoted(path)
            ),
            || {
                if target.is_empty() {
                    return Err(Errno::ENOENT);
                }
                if target.len() >= PATH_MAX {
                    return Err(Errno::ENAMETOOLONG);
                }
                if target.contains(&0) {
                    return Err(Errno::EINVAL);
                }
                self.vfs.make(
                    &self.at(dirfd, path)?,
                    path,
                    NewInodeKind::Symlink(target),
                    0o777,
                )
            },
        )
    }

    /// Implements `readlink(2)`.
    ///
    /// # Errors
    /// As [`Process::readlinkat`].
    pub fn readlink(&self, path: &[u8]) -> Result<Vec<u8>> {
        self.readlinkat(AT_FDCWD, path)
    }

    /// Implements `readlinkat(2)`.
    ///
    /// # Errors
    /// - `EINVAL`: not a symbolic link.
    pub fn readlinkat(&self, dirfd: Fd, path: &[u8]) -> Result<Vec<u8>> {
        self.enter(
            Sysno::Readlinkat,
            Args::around(
                format_args!("{}, {}, ", trace::Dir(dirfd), Quoted(path)),
                format_args!(", {PATH_MAX}"),
            ),
            || {
                let at = self.at(dirfd, path)?;
                at.find(path, LastLink::NoFollow)?
                    .inode
                    .read_link(&at.caller)
            },
        )
    }

    /// Canonical path (`realpath(3)`): absolute, without symbolic links, `.` and `..`.
    ///
    /// # Errors
    /// As the path walk; the last component must exist.
    pub fn realpath(&self, path: &[u8]) -> Result<Vec<u8>> {
        self.enter(
            Sysno::Readlinkat,
            Args::around(
                format_args!("AT_FDCWD, {}, ", Quoted(path)),
                format_args!(", {PATH_MAX}"),
            ),
            || self.vfs.realpath(&self.at_cwd(), path),
        )
    }

    /// Implements `chdir(2)`.
    ///
    /// # Errors
    /// - `ENOTDIR`: not a directory.
    /// - `EACCES`: no search permission.
    pub fn chdir(&self, path: &[u8]) -> Result<()> {
        self.enter(Sysno::Chdir, format_args!("{}", Quoted(path)), || {
            self.enter_dir(self.at_cwd().find(path, LastLink::Follow)?)
        })
    }

    /// Implements `fchdir(2)`.
    ///
    /// # Errors
    /// - `EBADF`: the descriptor is not open.
    /// - `ENOTDIR`: not a directory.
    /// - `EACCES`: no search permission.
    pub fn fchdir(&self, fd: Fd) -> Result<()> {
        self.enter(Sysno::Fchdir, format_args!("{fd}"), || {
            self.enter_dir(self.file(fd)?.open_path().dentry.clone())
        })
    }

    fn enter_dir(&self, dir: VirtualDentry) -> Result<()> {
        if !dir.is_dir() {
            return Err(Errno::ENOTDIR);
        }
        check_permission(&*dir.inode, self.credentials(), X_OK)?;
        let left = core::mem::replace(&mut self.fs.lock().cwd, dir);
        drop(left);
        Ok(())
    }

    /// Implements `getcwd(2)`.
    ///
    /// # Errors
    /// - `ENOENT`: the directory has been removed.
    pub fn getcwd(&self) -> Result<Vec<u8>> {
        let found = self.enter(
            Sysno::Getcwd,
            Args::around(format_args!(""), format_args!(", {PATH_MAX}")),
            || {
                let fs = self.fs.lock().clone();
                self.vfs.path_of_dir(&fs.root, &fs.cwd).map(Terminated)
            },
        );
        found.map(|Terminated(path)| path)
    }

    /// Finds an existing object; with `AT_EMPTY_PATH` an empty path names the descriptor itself.
    pub(crate) fn find_at(
        &self,
        dirfd: Fd,
        path: &[u8],
        flags: AtFlags,
        last_link: LastLink,
    ) -> Result<VirtualDentry> {
        if path.is_empty() && flags.contains(AtFlags::AT_EMPTY_PATH) {
            return Ok(self.at(dirfd, path)?.base);
        }
        self.at(dirfd, path)?.find(path, last_link)
    }

    /// As [`Process::find_at`], with the name the object was found by.
    pub(crate) fn find_named(
        &self,
        dirfd: Fd,
        path: &[u8],
        flags: AtFlags,
        last_link: LastLink,
    ) -> Result<OpenPath> {
        if path.is_empty() && flags.contains(AtFlags::AT_EMPTY_PATH) {
            let dentry = self.at(dirfd, path)?.base;
            return Ok(OpenPath {
                dentry,
                parent: None,
                name: Box::default(),
            });
        }
        let walked = self.at(dirfd, path)?.walk(path, last_link)?;
        let parent = walked.parent.clone();
        let name: Option<Box<[u8]>> = match &walked.last {
            Last::Name(name) => Some(name.as_ref().into()),
            _ => None,
        };
        let dentry = walked.existing()?;
        Ok(OpenPath {
            dentry,
            parent: name.is_some().then_some(parent),
            name: name.unwrap_or_default(),
        })
    }
}
