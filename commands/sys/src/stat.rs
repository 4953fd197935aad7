//! What is known of a file: `struct stat`, its mode and how `ls` shows it.

pub use secure_exec_abi::stat::{
    S_IFBLK, S_IFCHR, S_IFDIR, S_IFIFO, S_IFLNK, S_IFMT, S_IFREG, S_IFSOCK, S_ISGID, S_ISUID,
    S_ISVTX,
};

/// A moment as seconds and nanoseconds since 1970.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Time {
    pub seconds: i64,
    pub nanoseconds: u32,
}

/// The result of `stat(2)`, in Linux's terms on both backends.
#[derive(Clone, Copy, Debug, Default)]
pub struct Stat {
    pub dev: u64,
    pub ino: u64,
    pub nlink: u64,
    pub mode: u32,
    pub uid: u32,
    pub gid: u32,
    pub rdev: u64,
    pub size: u64,
    pub blksize: u64,
    pub blocks: u64,
    pub atime: Time,
    pub mtime: Time,
    pub ctime: Time,
}

impl Stat {
    /// The bits of the mode that tell the kind of file.
    #[must_use]
    pub fn kind(&self) -> u32 {
        self.mode & S_IFMT
    }

    /// What kind of file it is, in the words of `stat` and `rm`.
    #[must_use]
    pub fn kind_words(&self) -> &'static str {
        match self.kind() {
            S_IFDIR => "directory",
            S_IFLNK => "symbolic link",
            S_IFIFO => "fifo",
            S_IFSOCK => "socket",
            S_IFCHR => "character special file",
            S_IFBLK => "block special file",
            _ if self.size == 0 => "regular empty file",
            _ => "regular file",
        }
    }

    #[must_use]
    pub fn is_dir(&self) -> bool {
        self.kind() == S_IFDIR
    }

    #[must_use]
    pub fn is_file(&self) -> bool {
        self.kind() == S_IFREG
    }

    #[must_use]
    pub fn is_symlink(&self) -> bool {
        self.kind() == S_IFLNK
    }

    /// The permission bits with set-id and sticky.
    #[must_use]
    pub fn permissions(&self) -> u32 {
        self.mode & 0o7777
    }

    /// Whether both describe the same file.
    #[must_use]
    pub fn same_file(&self, other: &Self) -> bool {
        self.dev == other.dev && self.ino == other.ino
    }
}

/// A mode as the first column of `ls -l`: `drwxr-xr-x`.
#[must_use]
pub fn mode_string(mode: u32) -> String {
    let kind = match mode & S_IFMT {
        S_IFDIR => 'd',
        S_IFLNK => 'l',
        S_IFCHR => 'c',
        S_IFBLK => 'b',
        S_IFIFO => 'p',
        S_IFSOCK => 's',
        _ => '-',
    };
    let mut out = String::with_capacity(10);
    out.push(kind);
    for (shift, special, letter) in [(6, S_ISUID, 's'), (3, S_ISGID, 's'), (0, S_ISVTX, 't')] {
        let bits = mode >> shift;
        out.push(if bits & 4 != 0 { 'r' } else { '-' });
        out.push(if bits & 2 != 0 { 'w' } else { '-' });
        out.push(match (bits & 1 != 0, mode & special != 0) {
            (true, true) => letter,
            (false, true) => letter.to_ascii_uppercase(),
            (true, false) => 'x',
            (false, false) => '-',
        });
    }
    out
}

/// `major(3)` of Linux.
#[must_use]
pub fn device_major(rdev: u64) -> u64 {
    ((rdev >> 8) & 0xfff) | ((rdev >> 32) & !0xfff)
}

/// `minor(3)` of Linux.
#[must_use]
pub fn device_minor(rdev: u64) -> u64 {
    (rdev & 0xff) | ((rdev >> 12) & !0xff)
}

#[cfg(test)]
mod tests {
    use super::mode_string;

    #[test]
    fn modes_read_as_in_ls() {
        assert_eq!(mode_string(0o100_644), "-rw-r--r--");
        assert_eq!(mode_string(0o041_777), "drwxrwxrwt");
        assert_eq!(mode_string(0o104_640), "-rwSr-----");
    }
}
