//! Flags of calls.

use secure_exec_kernel::OpenFlags;

use crate::rights;

/// `__wasi_lookupflags_t`: a symbolic link in the last component is followed.
pub const SYMLINK_FOLLOW: u32 = 1;

/// `__wasi_oflags_t`.
pub mod oflags {
    /// Creates the file if it does not exist.
    pub const CREAT: u32 = 1;
    /// Fails if it is no directory.
    pub const DIRECTORY: u32 = 2;
    /// Fails if it exists.
    pub const EXCL: u32 = 4;
    /// Truncates it.
    pub const TRUNC: u32 = 8;
    /// All of them.
    pub const ALL: u32 = 15;
}

/// `__wasi_fdflags_t`.
pub mod fdflags {
    /// Every write goes to the end.
    pub const APPEND: u32 = 1;
    /// Writes of data are synchronised.
    pub const DSYNC: u32 = 2;
    /// What would block fails.
    pub const NONBLOCK: u32 = 4;
    /// Reads are synchronised too.
    pub const RSYNC: u32 = 8;
    /// Writes of data and metadata are synchronised.
    pub const SYNC: u32 = 16;
    /// All of them.
    pub const ALL: u32 = 31;
}

/// `__wasi_fstflags_t`.
pub mod fstflags {
    /// Sets the access time.
    pub const ATIM: u32 = 1;
    /// Sets the access time to the present.
    pub const ATIM_NOW: u32 = 2;
    /// Sets the modification time.
    pub const MTIM: u32 = 4;
    /// Sets the modification time to the present.
    pub const MTIM_NOW: u32 = 8;
    /// All of them.
    pub const ALL: u32 = 15;
}

/// Status flags of `open(2)` for `__wasi_fdflags_t`; unknown ones are left out.
#[must_use]
pub fn status_flags(flags: u32) -> OpenFlags {
    let mut open = OpenFlags::empty();
    open.set(OpenFlags::O_APPEND, flags & fdflags::APPEND != 0);
    open.set(OpenFlags::O_NONBLOCK, flags & fdflags::NONBLOCK != 0);
    open.set(OpenFlags::O_DSYNC, flags & fdflags::DSYNC != 0);
    if flags & (fdflags::SYNC | fdflags::RSYNC) != 0 {
        open |= OpenFlags::O_SYNC;
    }
    open
}

/// The access mode of `open(2)`: preview 1 has none, it is in the rights that are asked for.
#[must_use]
pub fn access_mode(asked: u64) -> OpenFlags {
    let has = |some: u64| asked & some != 0;
    match (has(rights::READING), has(rights::WRITING)) {
        (true, true) => OpenFlags::O_RDWR,
        (false, true) => OpenFlags::O_WRONLY,
        (_, false) => OpenFlags::O_RDONLY,
    }
}

/// Creation flags of `open(2)` for `__wasi_oflags_t`; unknown ones are left out.
#[must_use]
pub fn creation_flags(flags: u32) -> OpenFlags {
    let mut open = OpenFlags::empty();
    open.set(OpenFlags::O_CREAT, flags & oflags::CREAT != 0);
    open.set(OpenFlags::O_EXCL, flags & oflags::EXCL != 0);
    open.set(OpenFlags::O_TRUNC, flags & oflags::TRUNC != 0);
    open.set(OpenFlags::O_DIRECTORY, flags & oflags::DIRECTORY != 0);
    open
}
