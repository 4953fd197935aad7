//! What guests change of a directory of the host's.

use std::ffi::CString;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};

use secure_exec_protocol::files::{ChangedAttributes, HostTime};

use super::HostDirectory;
use super::attributes::{Kind, Metadata};
use super::quota::NAME;

/// Permissions that a guest gives. A program of the host's that runs as its owner is none of its business.
const PERMISSIONS: u32 = 0o777;

/// Flags of a renaming that are passed on.
const RENAME_FLAGS: u32 = libc::RENAME_NOREPLACE | libc::RENAME_EXCHANGE;

impl HostDirectory {
    pub(super) fn create_file(&self, path: &[u8], mode: u32) -> io::Result<OwnedFd> {
        let (parent, name) = self.root.parent(path)?;
        let mode = mode & PERMISSIONS;
        let flags =
            libc::O_RDWR | libc::O_CREAT | libc::O_EXCL | libc::O_NOFOLLOW | libc::O_CLOEXEC;
        self.costing(|| {
            // SAFETY: the name outlives the call; returns a new descriptor or -1.
            let fd = unsafe { libc::openat(parent.as_raw_fd(), name.as_ptr(), flags, mode) };
            check(fd)?;
            // SAFETY: the descriptor is new and nobody else's.
            let file = unsafe { OwnedFd::from_raw_fd(fd) };
            if Metadata::of(file.as_fd())?.permissions() != mode {
                // The host's own mask was applied as well. SAFETY: takes plain numbers.
                check(unsafe { libc::fchmod(file.as_raw_fd(), mode) })?;
            }
            Ok(file)
        })
    }

    pub(super) fn make_one_directory(&self, path: &[u8], mode: u32) -> io::Result<()> {
        let (parent, name) = self.root.parent(path)?;
        self.costing(|| {
            // SAFETY: the name outlives the call.
            let done =
                unsafe { libc::mkdirat(parent.as_raw_fd(), name.as_ptr(), mode & PERMISSIONS) };
            check(done)
        })
    }

    pub(super) fn make_symlink(&self, path: &[u8], target: &[u8]) -> io::Result<()> {
        let text = self.links.for_the_host(path, target);
        let text = text.ok_or_else(|| io::Error::from_raw_os_error(libc::EPERM))?;
        let text = CString::new(text)?;
        let (parent, name) = self.root.parent(path)?;
        self.costing(|| {
            // SAFETY: both strings outlive the call.
            check(unsafe { libc::symlinkat(text.as_ptr(), parent.as_raw_fd(), name.as_ptr()) })
        })
    }

    pub(super) fn make_link(&self, from: &[u8], to: &[u8]) -> io::Result<()> {
        let (old_parent, old) = self.root.parent(from)?;
        let (new_parent, new) = self.root.parent(to)?;
        if Metadata::at(old_parent.as_fd(), &old)?.kind() == Kind::Special {
            return Err(io::Error::from_raw_os_error(libc::EPERM));
        }
        self.costing(|| {
            // SAFETY: both names outlive the call. Without flags a link is not followed.
            check(unsafe {
                libc::linkat(
                    old_parent.as_raw_fd(),
                    old.as_ptr(),
                    new_parent.as_raw_fd(),
                    new.as_ptr(),
                    0,
                )
            })
        })
    }

    pub(super) fn remove_name(&self, path: &[u8], flags: i32) -> io::Result<()> {
        let (parent, name) = self.root.parent(path)?;
        let before = Metadata::at(parent.as_fd(), &name)?;
        // SAFETY: the name outlives the call.
        check(unsafe { libc::unlinkat(parent.as_raw_fd(), name.as_ptr(), flags) })?;
        self.gone(&before);
        Ok(())
    }

    pub(super) fn move_name(&self, from: &[u8], to: &[u8], flags: u32) -> io::Result<()> {
        if flags & !RENAME_FLAGS != 0 {
            return Err(io::Error::from_raw_os_error(libc::EINVAL));
        }
        let (old_parent, old) = self.root.parent(from)?;
        let (new_parent, new) = self.root.parent(to)?;
        let moved = Metadata::at(old_parent.as_fd(), &old)?;
        let replaced = Metadata::at(new_parent.as_fd(), &new).ok();
        // SAFETY: both names outlive the call.
        check(unsafe {
            libc::renameat2(
                old_parent.as_raw_fd(),
                old.as_ptr(),
                new_parent.as_raw_fd(),
                new.as_ptr(),
                flags,
            )
        })?;
        if let Some(replaced) = replaced
            && flags & libc::RENAME_EXCHANGE == 0
            && replaced.file() != moved.file()
        {
            self.gone(&replaced);
        }
        Ok(())
    }

    pub(super) fn change_attributes(
        &self,
        path: &[u8],
        change: &ChangedAttributes,
    ) -> io::Result<()> {
        let (found, metadata) = self.find(path)?;
        match metadata.kind() {
            Kind::Regular | Kind::Directory => {}
            Kind::Link if change.mode.is_none() => {}
            Kind::Link => return Err(io::Error::from_raw_os_error(libc::EOPNOTSUPP)),
            Kind::Special => return Err(io::Error::from_raw_os_error(libc::EPERM)),
        }
        if let Some(mode) = change.mode {
            // By the descriptor: its name may be somebody else's by now.
            let path = by_descriptor(found.as_fd())?;
            // SAFETY: the path outlives the call.
            check(unsafe { libc::chmod(path.as_ptr(), mode & PERMISSIONS) })?;
        }
        if change.atime.is_none() && change.mtime.is_none() {
            return Ok(());
        }
        let times = [timespec(change.atime), timespec(change.mtime)];
        // SAFETY: the times outlive the call, and the path is a C string.
        check(unsafe {
            libc::utimensat(
                found.as_raw_fd(),
                c"".as_ptr(),
                times.as_ptr(),
                libc::AT_EMPTY_PATH,
            )
        })
    }

    /// Makes a name, which costs.
    fn costing<T>(&self, make: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
        let quota = self.files.quota();
        quota.take(NAME)?;
        make().inspect_err(|_| quota.give(NAME))
    }

    fn gone(&self, before: &Metadata) {
        if before.kind() == Kind::Regular {
            self.files.unnamed(before);
        } else {
            self.files.quota().give(NAME);
        }
    }
}

fn by_descriptor(found: BorrowedFd<'_>) -> io::Result<CString> {
    let path = format!("/proc/self/fd/{}", found.as_raw_fd());
    CString::new(path).map_err(io::Error::other)
}

fn timespec(time: Option<HostTime>) -> libc::timespec {
    let omitted = HostTime {
        sec: 0,
        nsec: u32::try_from(libc::UTIME_OMIT).unwrap_or(0),
    };
    let time = time.unwrap_or(omitted);
    libc::timespec {
        tv_sec: time.sec,
        tv_nsec: time.nsec.into(),
    }
}

fn check(result: libc::c_int) -> io::Result<()> {
    if result < 0 {
        Err(io::Error::last_os_error())
    } else {
        Ok(())
    }
}
