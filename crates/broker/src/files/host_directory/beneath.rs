//! Opening by a path that stays below a directory (`openat2(2)`).
//!
//! The kernel itself refuses to leave the root and to follow a link, in one step with the opening: nothing that others do to
//! the tree meanwhile leads anywhere else.

use std::ffi::CString;
use std::fs::OpenOptions;
use std::io;
use std::mem;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use super::attributes::{Kind, Metadata};

/// What has a name, without opening it.
pub(super) const PATH_ONLY: i32 = libc::O_PATH | libc::O_NOFOLLOW;

/// A directory whose names are to be used.
const DIRECTORY: i32 = libc::O_PATH | libc::O_NOFOLLOW | libc::O_DIRECTORY;

/// How a path is walked: below the root, and over nothing that leads elsewhere.
const STAY: u64 = libc::RESOLVE_BENEATH | libc::RESOLVE_NO_MAGICLINKS | libc::RESOLVE_NO_SYMLINKS;

/// Attempts of an opening that meets somebody who moves directories.
const ATTEMPTS: usize = 64;

/// File systems whose files are the system's own, and tell of it and of its processes (`linux/magic.h`).
const OF_THE_SYSTEM: [i64; 8] = [
    0x9fa0,      // proc
    0x6265_6572, // sysfs
    0x6462_6720, // debugfs
    0x7472_6163, // tracefs
    0x7363_6673, // securityfs
    0x0027_e0eb, // cgroup
    0x6367_7270, // cgroup2
    0x6265_6570, // configfs
];

/// The root, and everything that is reached from it.
pub(super) struct Beneath {
    root: OwnedFd,
    device: (u32, u32),
}

impl Beneath {
    pub(super) fn open(path: &Path) -> io::Result<Beneath> {
        let mut options = OpenOptions::new();
        options
            .read(true)
            .custom_flags(libc::O_PATH | libc::O_DIRECTORY | libc::O_NOFOLLOW);
        let root = OwnedFd::from(options.open(path)?);
        let metadata = Metadata::of(root.as_fd())?;
        refuse(root.as_fd())?;
        let beneath = Beneath {
            root,
            device: metadata.device(),
        };
        // Whether the system can do it is to be known before a guest runs.
        beneath
            .open_at(b"", PATH_ONLY)
            .map_err(|error| match error.raw_os_error() {
                Some(libc::ENOSYS | libc::EPERM) => io::ErrorKind::Unsupported.into(),
                _ => error,
            })?;
        Ok(beneath)
    }

    /// Opens what has this path below the root.
    pub(super) fn open_at(&self, path: &[u8], flags: i32) -> io::Result<OwnedFd> {
        let path = if path.is_empty() { b"." } else { path };
        let path = CString::new(path)?;
        // SAFETY: zeroes are a valid structure.
        let mut how: libc::open_how = unsafe { mem::zeroed() };
        how.flags = u64::from((flags | libc::O_CLOEXEC).cast_unsigned());
        how.resolve = STAY;
        let mut attempts = 0;
        loop {
            // SAFETY: the path and the structure outlive the call; returns a new descriptor or -1.
            let fd = unsafe {
                libc::syscall(
                    libc::SYS_openat2,
                    self.root.as_raw_fd(),
                    path.as_ptr(),
                    &raw const how,
                    mem::size_of::<libc::open_how>(),
                )
            };
            if let Some(fd) = RawFd::try_from(fd).ok().filter(|fd| *fd >= 0) {
                // SAFETY: the descriptor is new and nobody else's.
                return Ok(unsafe { OwnedFd::from_raw_fd(fd) });
            }
            let error = io::Error::last_os_error();
            let again = matches!(error.raw_os_error(), Some(libc::EAGAIN | libc::EINTR));
            attempts += 1;
            if !again || attempts >= ATTEMPTS {
                return Err(error);
            }
        }
    }

    /// Opens a directory for listing.
    pub(super) fn open_directory(&self, path: &[u8]) -> io::Result<OwnedFd> {
        let flags = libc::O_RDONLY | libc::O_DIRECTORY | libc::O_NOFOLLOW | libc::O_NONBLOCK;
        self.open_at(path, flags)
    }

    /// The directory that holds a name, and the name. The root has none.
    pub(super) fn parent(&self, path: &[u8]) -> io::Result<(OwnedFd, CString)> {
        let slash = path.iter().rposition(|byte| *byte == b'/');
        let (directory, name) = match slash {
            Some(slash) => (
                path.get(..slash).unwrap_or_default(),
                path.get(slash + 1..).unwrap_or_default(),
            ),
            None => (&b""[..], path),
        };
        if name.is_empty() {
            return Err(io::Error::from_raw_os_error(libc::EBUSY));
        }
        Ok((self.open_at(directory, DIRECTORY)?, CString::new(name)?))
    }

    /// Refuses a file of a file system that is the system's own: it may be mounted below the root.
    pub(super) fn refuse_system_files(
        &self,
        file: BorrowedFd<'_>,
        metadata: &Metadata,
    ) -> io::Result<()> {
        if metadata.device() == self.device {
            return Ok(());
        }
        refuse(file)
    }
}

/// Opens what was found, and nothing else that has its name by now.
pub(super) fn reopen(found: BorrowedFd<'_>, flags: i32) -> io::Result<OwnedFd> {
    let path = CString::new(format!("/proc/self/fd/{}", found.as_raw_fd()))?;
    let flags = flags | libc::O_CLOEXEC | libc::O_NOCTTY | libc::O_NONBLOCK;
    // SAFETY: the path outlives the call; returns a new descriptor or -1.
    let fd = unsafe { libc::open(path.as_ptr(), flags) };
    if fd < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the descriptor is new and nobody else's.
    let file = unsafe { OwnedFd::from_raw_fd(fd) };
    if Metadata::of(file.as_fd())?.kind() != Kind::Regular {
        return Err(io::Error::from_raw_os_error(libc::ENXIO));
    }
    Ok(file)
}

fn refuse(file: BorrowedFd<'_>) -> io::Result<()> {
    // SAFETY: zeroes are a valid structure.
    let mut found: libc::statfs = unsafe { mem::zeroed() };
    // SAFETY: the structure is valid for the call.
    if unsafe { libc::fstatfs(file.as_raw_fd(), &raw mut found) } < 0 {
        return Err(io::Error::last_os_error());
    }
    if OF_THE_SYSTEM.contains(&found.f_type) {
        return Err(io::Error::from_raw_os_error(libc::EACCES));
    }
    Ok(())
}
