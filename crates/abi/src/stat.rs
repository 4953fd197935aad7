//! `sys/stat.h`: file metadata.

/// Mask of the file type in a mode.
pub const S_IFMT: u32 = 0o170_000;
/// Socket.
pub const S_IFSOCK: u32 = 0o140_000;
/// Symbolic link.
pub const S_IFLNK: u32 = 0o120_000;
/// Regular file.
pub const S_IFREG: u32 = 0o100_000;
/// Block device.
pub const S_IFBLK: u32 = 0o060_000;
/// Directory.
pub const S_IFDIR: u32 = 0o040_000;
/// Character device.
pub const S_IFCHR: u32 = 0o020_000;
/// FIFO.
pub const S_IFIFO: u32 = 0o010_000;
/// Set-user-id.
pub const S_ISUID: u32 = 0o4000;
/// Set-group-id.
pub const S_ISGID: u32 = 0o2000;
/// Sticky: only owners remove names from the directory.
pub const S_ISVTX: u32 = 0o1000;
/// Permission bits that `chmod(2)` sets.
pub const PERMISSIONS: u32 = 0o7777;

/// Point in time as seconds and nanoseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Default, Hash)]
pub struct Timespec {
    /// Seconds; before 1970 negative.
    pub sec: i64,
    /// Nanoseconds, 0 to 999,999,999.
    pub nsec: u32,
}

impl Timespec {
    /// Builds a time; `nsec` must be below one second.
    pub const fn new(sec: i64, nsec: u32) -> Timespec {
        Timespec { sec, nsec }
    }

    /// This time and `ms` milliseconds.
    pub const fn plus_ms(self, ms: u64) -> Timespec {
        let nsec = self.nsec as u64 + ms % 1000 * 1_000_000;
        let carry = nsec / 1_000_000_000;
        Timespec {
            sec: self.sec + (ms / 1000 + carry) as i64,
            nsec: (nsec % 1_000_000_000) as u32,
        }
    }
}

/// One of the two times that `utimensat(2)` sets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SetTime {
    /// `UTIME_NOW`.
    Now,
    /// `UTIME_OMIT`.
    Omit,
    /// The given time.
    At(Timespec),
}

/// Type of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FileKind {
    /// Regular file.
    Regular,
    /// Directory.
    Directory,
    /// Symbolic link.
    Symlink,
    /// Pipe or FIFO.
    Pipe,
    /// Character device other than a terminal.
    CharDevice,
    /// Block device.
    BlockDevice,
    /// Socket.
    Socket,
    /// Terminal.
    Tty,
    /// Anonymous file without a type, such as an inotify instance.
    Anonymous,
}

impl FileKind {
    /// File type bits of a mode.
    pub const fn mode(self) -> u32 {
        match self {
            FileKind::Regular => S_IFREG,
            FileKind::Directory => S_IFDIR,
            FileKind::Symlink => S_IFLNK,
            FileKind::Pipe => S_IFIFO,
            FileKind::CharDevice | FileKind::Tty => S_IFCHR,
            FileKind::BlockDevice => S_IFBLK,
            FileKind::Socket => S_IFSOCK,
            FileKind::Anonymous => 0,
        }
    }

    /// `d_type` of a directory entry (`DT_REG` and the like).
    #[expect(clippy::cast_possible_truncation, reason = "a type is four bits")]
    pub const fn d_type(self) -> u8 {
        (self.mode() >> 12) as u8
    }
}

/// Result of `stat(2)`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Stat {
    /// Device the file lives on.
    pub dev: u64,
    /// Inode number.
    pub ino: u64,
    /// Type and permissions.
    pub mode: u32,
    /// Number of hard links.
    pub nlink: u64,
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
    /// Device number of a device file.
    pub rdev: u64,
    /// Length in bytes.
    pub size: u64,
    /// Preferred size of an I/O operation.
    pub blksize: u64,
    /// Allocated 512-byte blocks.
    pub blocks: u64,
    /// Last access.
    pub atime: Timespec,
    /// Last change of the contents.
    pub mtime: Timespec,
    /// Last change of the metadata.
    pub ctime: Timespec,
    /// Creation.
    pub btime: Timespec,
}

impl Stat {
    /// Whether the file is a directory.
    pub const fn is_dir(&self) -> bool {
        self.mode & S_IFMT == S_IFDIR
    }

    /// Whether the file is a regular file.
    pub const fn is_file(&self) -> bool {
        self.mode & S_IFMT == S_IFREG
    }

    /// Whether the file is a symbolic link.
    pub const fn is_symlink(&self) -> bool {
        self.mode & S_IFMT == S_IFLNK
    }
}

/// Result of `statfs(2)`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct StatFs {
    /// Magic number of the file system.
    pub kind: u64,
    /// Block size.
    pub bsize: u64,
    /// Blocks in all.
    pub blocks: u64,
    /// Free blocks.
    pub bfree: u64,
    /// Free blocks for unprivileged users.
    pub bavail: u64,
    /// Inodes in all.
    pub files: u64,
    /// Free inodes.
    pub ffree: u64,
    /// Longest name.
    pub namelen: u64,
}

/// One entry of a directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DirEntry {
    /// Name.
    pub name: Vec<u8>,
    /// Inode number.
    pub ino: u64,
    /// Type.
    pub kind: FileKind,
}
