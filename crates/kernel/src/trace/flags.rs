//! Flags and constants by the names that strace gives them, in its order.

use crate::abi::Fd;
use crate::abi::fcntl::{AT_FDCWD, AtFlags, FdFlags, OpenFlags, RenameFlags};
use crate::abi::inotify::InotifyMask;
use crate::abi::poll::PollEvents;
use crate::abi::wait::WaitFlags;
use core::fmt;

/// Bits and their names; those of several bits come before their parts.
pub(super) type Names = &'static [(u64, &'static str)];

/// Writes the names of bits, and what has none in hexadecimal; `none` stands for no bits at all.
pub(super) fn names(
    f: &mut fmt::Formatter<'_>,
    bits: u64,
    known: Names,
    none: &str,
) -> fmt::Result {
    let mut left = bits;
    let mut separator = "";
    for (bit, name) in known {
        if left & bit == *bit {
            write!(f, "{separator}{name}")?;
            separator = "|";
            left &= !bit;
        }
    }
    match left {
        0 if bits == 0 => f.write_str(none),
        0 => Ok(()),
        left => write!(f, "{separator}{left:#x}"),
    }
}

macro_rules! shown {
    ($($(#[$doc:meta])* $name:ident($type:ty) $bits:expr, $known:expr, $none:literal;)*) => {
        $($(#[$doc])*
        pub(crate) struct $name(pub $type);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                names(f, $bits(self.0), $known, $none)
            }
        })*
    };
}

shown! {
    /// Flags of the `*at` family.
    At(AtFlags) |flags: AtFlags| u64::from(flags.bits().cast_unsigned()), AT, "0";
    /// Flags of `linkat(2)`, of `unlinkat(2)` and so on share their names; those of a rename do not.
    Rename(RenameFlags) |flags: RenameFlags| u64::from(flags.bits()), RENAME, "0";
    /// Flags of a descriptor.
    Descriptor(FdFlags) |flags: FdFlags| u64::from(flags.bits().cast_unsigned()), &[(1, "FD_CLOEXEC")], "0";
    /// Flags of `pipe2(2)` and `dup3(2)`.
    Pipe(OpenFlags) |flags: OpenFlags| u64::from(flags.bits().cast_unsigned()), PIPE, "0";
    /// Flags of `inotify_init1(2)`.
    Inotify(OpenFlags) |flags: OpenFlags| u64::from(flags.bits().cast_unsigned()), INOTIFY, "0";
    /// Events of `inotify(7)`.
    Watch(InotifyMask) |mask: InotifyMask| u64::from(mask.bits()), WATCH, "0";
    /// Events of `poll(2)`.
    Events(PollEvents) |events: PollEvents| u64::from(events.bits().cast_unsigned()), POLL, "0";
    /// Options of `wait4(2)`.
    Wait(WaitFlags) |flags: WaitFlags| u64::from(flags.bits().cast_unsigned()), WAIT, "0";
    /// What `access(2)` asks for.
    Access(i32) |mode: i32| u64::from(mode.cast_unsigned()), ACCESS, "F_OK";
}

const OPEN: Names = &[
    (0o100, "O_CREAT"),
    (0o200, "O_EXCL"),
    (0o400, "O_NOCTTY"),
    (0o1000, "O_TRUNC"),
    (0o2000, "O_APPEND"),
    (0o4000, "O_NONBLOCK"),
    (0o4_010_000, "O_SYNC"),
    (0o10000, "O_DSYNC"),
    (0o40000, "O_DIRECT"),
    (0o100_000, "O_LARGEFILE"),
    (0o400_000, "O_NOFOLLOW"),
    (0o1_000_000, "O_NOATIME"),
    (0o2_000_000, "O_CLOEXEC"),
    (0o10_000_000, "O_PATH"),
    (0o20_200_000, "O_TMPFILE"),
    (0o200_000, "O_DIRECTORY"),
    (0o20000, "FASYNC"),
];
const AT: Names = &[
    (0x100, "AT_SYMLINK_NOFOLLOW"),
    (0x200, "AT_REMOVEDIR"),
    (0x400, "AT_SYMLINK_FOLLOW"),
    (0x1000, "AT_EMPTY_PATH"),
];
const RENAME: Names = &[
    (1, "RENAME_NOREPLACE"),
    (2, "RENAME_EXCHANGE"),
    (4, "RENAME_WHITEOUT"),
];
const PIPE: Names = &[(0o4000, "O_NONBLOCK"), (0o2_000_000, "O_CLOEXEC")];
const INOTIFY: Names = &[(0o4000, "IN_NONBLOCK"), (0o2_000_000, "IN_CLOEXEC")];
const WATCH: Names = &[
    (0x1, "IN_ACCESS"),
    (0x2, "IN_MODIFY"),
    (0x4, "IN_ATTRIB"),
    (0x8, "IN_CLOSE_WRITE"),
    (0x10, "IN_CLOSE_NOWRITE"),
    (0x20, "IN_OPEN"),
    (0x40, "IN_MOVED_FROM"),
    (0x80, "IN_MOVED_TO"),
    (0x100, "IN_CREATE"),
    (0x200, "IN_DELETE"),
    (0x400, "IN_DELETE_SELF"),
    (0x800, "IN_MOVE_SELF"),
    (0x2000, "IN_UNMOUNT"),
    (0x4000, "IN_Q_OVERFLOW"),
    (0x8000, "IN_IGNORED"),
    (0x0100_0000, "IN_ONLYDIR"),
    (0x0200_0000, "IN_DONT_FOLLOW"),
    (0x0400_0000, "IN_EXCL_UNLINK"),
    (0x1000_0000, "IN_MASK_CREATE"),
    (0x2000_0000, "IN_MASK_ADD"),
    (0x4000_0000, "IN_ISDIR"),
    (0x8000_0000, "IN_ONESHOT"),
];
const POLL: Names = &[
    (0x1, "POLLIN"),
    (0x2, "POLLPRI"),
    (0x4, "POLLOUT"),
    (0x8, "POLLERR"),
    (0x10, "POLLHUP"),
    (0x20, "POLLNVAL"),
    (0x2000, "POLLRDHUP"),
];
const WAIT: Names = &[(1, "WNOHANG"), (2, "WSTOPPED"), (8, "WCONTINUED")];
const ACCESS: Names = &[(4, "R_OK"), (2, "W_OK"), (1, "X_OK")];

/// Flags of `open(2)`: the access mode and the others.
pub(crate) struct Open(pub OpenFlags);

impl fmt::Display for Open {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bits = u64::from(self.0.bits().cast_unsigned());
        f.write_str(["O_RDONLY", "O_WRONLY", "O_RDWR", "O_ACCMODE"][(bits & 3) as usize])?;
        match bits & !3 {
            0 => Ok(()),
            others => {
                f.write_str("|")?;
                names(f, others, OPEN, "")
            }
        }
    }
}

/// The descriptor that a path is relative to.
pub(crate) struct Dir(pub Fd);

impl fmt::Display for Dir {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0 == AT_FDCWD {
            f.write_str("AT_FDCWD")
        } else {
            write!(f, "{}", self.0)
        }
    }
}

/// Permissions, with at least three digits.
pub(crate) struct Mode(pub u32);

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0 < 0o100 {
            write!(f, "{:03o}", self.0)
        } else {
            write!(f, "0{:o}", self.0)
        }
    }
}

/// Type and permissions of a file.
pub(crate) struct FileMode(pub u32);

impl fmt::Display for FileMode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match self.0 & 0o170_000 {
            0o140_000 => "S_IFSOCK|",
            0o120_000 => "S_IFLNK|",
            0o100_000 => "S_IFREG|",
            0o060_000 => "S_IFBLK|",
            0o040_000 => "S_IFDIR|",
            0o020_000 => "S_IFCHR|",
            0o010_000 => "S_IFIFO|",
            _ => "",
        };
        f.write_str(kind)?;
        for (bit, name) in [
            (0o4000, "S_ISUID|"),
            (0o2000, "S_ISGID|"),
            (0o1000, "S_ISVTX|"),
        ] {
            f.write_str(if self.0 & bit != 0 { name } else { "" })?;
        }
        Mode(self.0 & 0o777).fmt(f)
    }
}

/// Where `lseek(2)` counts from.
pub(crate) struct Whence(pub i32);

impl fmt::Display for Whence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let known = ["SEEK_SET", "SEEK_CUR", "SEEK_END", "SEEK_DATA", "SEEK_HOLE"];
        match usize::try_from(self.0).ok().and_then(|at| known.get(at)) {
            Some(name) => f.write_str(name),
            None => write!(f, "{:#x} /* SEEK_??? */", self.0),
        }
    }
}

/// An owner or group; the one that changes nothing is -1.
pub(crate) struct Id(pub u32);

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0.cast_signed())
    }
}

/// An offset that is given by pointer.
pub(crate) struct Offset(pub Option<u64>);

impl fmt::Display for Offset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(offset) => write!(f, "[{offset}]"),
            None => f.write_str("NULL"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn open_flags_come_in_straces_order() {
        let all = OpenFlags::from_bits_retain(0o4_777_700 | 0o10_000_000 | 0o1_000_000 | 2);
        assert_eq!(
            Open(all).to_string(),
            "O_RDWR|O_CREAT|O_EXCL|O_NOCTTY|O_TRUNC|O_APPEND|O_NONBLOCK|O_SYNC|O_DIRECT|O_LARGEFILE|O_NOFOLLOW|\
             O_NOATIME|O_PATH|O_DIRECTORY|FASYNC"
        );
        assert_eq!(
            Open(OpenFlags::O_TMPFILE | OpenFlags::O_WRONLY).to_string(),
            "O_WRONLY|O_TMPFILE"
        );
        let odd = OpenFlags::from_bits_retain(3 | 0o4_010_000 | 0x4000_0000);
        assert_eq!(Open(odd).to_string(), "O_ACCMODE|O_SYNC|0x40000000");
        assert_eq!(Open(OpenFlags::O_RDONLY).to_string(), "O_RDONLY");
    }

    #[test]
    fn modes_have_three_digits_at_least() {
        let shown = |mode| Mode(mode).to_string();
        assert_eq!(
            [0, 0o5, 0o22, 0o644, 0o4755].map(shown),
            ["000", "005", "022", "0644", "04755"]
        );
        assert_eq!(FileMode(0o041_777).to_string(), "S_IFDIR|S_ISVTX|0777");
    }

    #[test]
    fn no_flags_are_a_zero_or_have_a_name() {
        assert_eq!(At(AtFlags::empty()).to_string(), "0");
        assert_eq!(Access(0).to_string(), "F_OK");
        assert_eq!(Access(5).to_string(), "R_OK|X_OK");
        assert_eq!(
            [Dir(AT_FDCWD).to_string(), Dir(5).to_string()],
            ["AT_FDCWD", "5"]
        );
    }
}
