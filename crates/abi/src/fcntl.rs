//! `fcntl.h` and `unistd.h`: flags of open files and of path operations.

use bitflags::bitflags;

bitflags! {
    /// Access mode, creation and status flags of `open(2)`.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
    pub struct OpenFlags: i32 {
        /// Opens for writing only.
        const O_WRONLY = 0o1;
        /// Opens for reading and writing.
        const O_RDWR = 0o2;
        /// Creates the file if it does not exist.
        const O_CREAT = 0o100;
        /// With `O_CREAT`: fails if the file exists.
        const O_EXCL = 0o200;
        /// Never makes a terminal the controlling one.
        const O_NOCTTY = 0o400;
        /// Truncates the file to length 0.
        const O_TRUNC = 0o1000;
        /// Every write goes to the end of the file.
        const O_APPEND = 0o2000;
        /// Operations that would block fail with `EAGAIN`.
        const O_NONBLOCK = 0o4000;
        /// Synchronised data writes.
        const O_DSYNC = 0o10000;
        /// Signal-driven I/O.
        const O_ASYNC = 0o20000;
        /// Unbuffered I/O.
        const O_DIRECT = 0o40000;
        /// Large files; without meaning on 64 bits.
        const O_LARGEFILE = 0o100_000;
        /// Fails if the file is not a directory.
        const O_DIRECTORY = 0o200_000;
        /// Fails if the last component is a symbolic link.
        const O_NOFOLLOW = 0o400_000;
        /// Reading does not change the access time.
        const O_NOATIME = 0o1_000_000;
        /// Closes the descriptor on `execve(2)`.
        const O_CLOEXEC = 0o2_000_000;
        /// The bit that `O_SYNC` has beyond `O_DSYNC`.
        const __O_SYNC = 0o4_000_000;
        /// Synchronised writes of data and metadata.
        const O_SYNC = 0o4_010_000;
        /// Descriptor names the file without opening it.
        const O_PATH = 0o10_000_000;
        /// The bit that `O_TMPFILE` has beyond `O_DIRECTORY`.
        const __O_TMPFILE = 0o20_000_000;
        /// Unnamed file in the given directory.
        const O_TMPFILE = 0o20_200_000;
        const _ = !0;
    }
}

impl OpenFlags {
    /// Opens for reading only.
    pub const O_RDONLY: OpenFlags = OpenFlags::empty();
    /// Mask of the access mode.
    pub const O_ACCMODE: OpenFlags = OpenFlags::from_bits_retain(0o3);
    /// Flags that `fcntl(F_SETFL)` may change.
    pub const SETFL_MASK: OpenFlags =
        OpenFlags::from_bits_retain(0o2000 | 0o4000 | 0o20000 | 0o40000 | 0o1_000_000);

    /// Whether the access mode permits reading. The mode 3 checks for both permissions and permits neither.
    pub const fn readable(self) -> bool {
        matches!(self.bits() & 0o3, 0 | 2) && self.bits() & OpenFlags::O_PATH.bits() == 0
    }

    /// Whether the access mode permits writing.
    pub const fn writable(self) -> bool {
        matches!(self.bits() & 0o3, 1 | 2) && self.bits() & OpenFlags::O_PATH.bits() == 0
    }
}

bitflags! {
    /// Flags of the `*at` family.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
    pub struct AtFlags: i32 {
        /// Does not follow a symbolic link in the last component.
        const AT_SYMLINK_NOFOLLOW = 0x100;
        /// `unlinkat(2)`: removes a directory.
        const AT_REMOVEDIR = 0x200;
        /// `linkat(2)`: follows a symbolic link in the last component.
        const AT_SYMLINK_FOLLOW = 0x400;
        /// An empty path names the descriptor itself.
        const AT_EMPTY_PATH = 0x1000;
        const _ = !0;
    }
}

bitflags! {
    /// Flags of `renameat2(2)`.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
    pub struct RenameFlags: u32 {
        /// Fails if the new name exists.
        const RENAME_NOREPLACE = 1;
        /// Exchanges the two names atomically.
        const RENAME_EXCHANGE = 2;
        const _ = !0;
    }
}

bitflags! {
    /// Flags of a descriptor (not of the open file description).
    #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
    pub struct FdFlags: i32 {
        /// The descriptor is closed on `execve(2)`.
        const FD_CLOEXEC = 1;
        const _ = !0;
    }
}

/// `dirfd` that stands for the current directory.
pub const AT_FDCWD: i32 = -100;

/// Tests for existence.
pub const F_OK: i32 = 0;
/// Tests for execute (search) permission.
pub const X_OK: i32 = 1;
/// Tests for write permission.
pub const W_OK: i32 = 2;
/// Tests for read permission.
pub const R_OK: i32 = 4;

/// Offset from the start.
pub const SEEK_SET: i32 = 0;
/// Offset from the current position.
pub const SEEK_CUR: i32 = 1;
/// Offset from the end.
pub const SEEK_END: i32 = 2;
/// Next position that holds data.
pub const SEEK_DATA: i32 = 3;
/// Next position in a hole.
pub const SEEK_HOLE: i32 = 4;

/// Longest path, its terminating NUL included.
pub const PATH_MAX: usize = 4096;
/// Longest name of one component.
pub const NAME_MAX: usize = 255;
/// Most symbolic links one path walk follows.
pub const SYMLOOP_MAX: usize = 40;
