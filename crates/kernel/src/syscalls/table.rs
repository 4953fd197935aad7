//! The table of system calls.

/// How far a system call is implemented.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Support {
    /// As the man page says.
    Full,
    /// With the stated deviation.
    Partial(&'static str),
    /// Fails with `ENOSYS`.
    Stub,
}

/// A row of the table.
#[derive(Clone, Copy, Debug)]
pub struct Row {
    /// Name as in the man page.
    pub name: &'static str,
    /// Family it is documented with.
    pub family: &'static str,
    /// How far it goes.
    pub support: Support,
}

macro_rules! syscalls {
    ($($family:literal { $($id:ident $name:literal $support:expr;)* })*) => {
        /// Identifies a system call inside the kernel.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(crate) enum Sysno {
            $($($id,)*)*
        }

        /// All system calls, by family.
        pub const TABLE: &[Row] = &[
            $($(Row { name: $name, family: $family, support: $support },)*)*
        ];
    };
}

use Support::{Full, Partial};

syscalls! {
    "files" {
        Openat "openat" Partial("O_DIRECT and O_ASYNC have no effect");
        Close "close" Full;
        Read "read" Full;
        Write "write" Full;
        Pread "pread64" Full;
        Pwrite "pwrite64" Full;
        Readv "readv" Full;
        Writev "writev" Full;
        Preadv "preadv" Full;
        Pwritev "pwritev" Full;
        Lseek "lseek" Partial("holes are found in units of 64 KiB");
        CopyFileRange "copy_file_range" Full;
        Ftruncate "ftruncate" Full;
        Truncate "truncate" Full;
        Fsync "fsync" Partial("memory has nothing to synchronise; the descriptor is checked");
        Fdatasync "fdatasync" Partial("memory has nothing to synchronise; the descriptor is checked");
        Getdents "getdents64" Partial("`.` and `..` are not listed");
    }
    "descriptors" {
        Dup "dup" Full;
        Dup2 "dup2" Full;
        Dup3 "dup3" Full;
        Fcntl "fcntl" Partial("F_DUPFD, F_DUPFD_CLOEXEC, F_GETFD, F_SETFD, F_GETFL, F_SETFL; no locks, leases or seals");
        Pipe2 "pipe2" Partial("O_NONBLOCK and O_CLOEXEC; the capacity is always 64 KiB");
        Poll "poll" Full;
    }
    "sockets" {
        Socket "socket" Partial("AF_UNIX, AF_INET and AF_INET6 with SOCK_STREAM and SOCK_DGRAM");
        Bind "bind" Full;
        Listen "listen" Full;
        Accept4 "accept4" Partial("the peer's name comes from getpeername");
        Connect "connect" Partial("never blocks: EINPROGRESS, for local sockets EAGAIN, where a listener has no room; EACCES beyond the loopback");
        Socketpair "socketpair" Partial("AF_UNIX with SOCK_STREAM and SOCK_DGRAM");
        Shutdown "shutdown" Full;
        Getsockname "getsockname" Full;
        Getpeername "getpeername" Full;
        Getsockopt "getsockopt" Partial("no TCP_INFO or TCP_CONGESTION; the buffer of a stream is 128 KiB, of TCP 256 KiB, whatever is set");
        Setsockopt "setsockopt" Partial("time limits hold for calls on sockets, not for read and write; no low-water marks or IP_RECVERR; SO_PASSCRED for local datagrams");
        Sendto "sendto" Partial("no urgent data");
        Recvfrom "recvfrom" Partial("no urgent data; MSG_WAITALL takes what there is");
        Sendmsg "sendmsg" Partial("SCM_RIGHTS without local sockets of datagrams and those that carried local sockets themselves; the credentials are always the sender's own");
        Recvmsg "recvmsg" Partial("no urgent data; MSG_WAITALL takes what there is");
    }
    "paths" {
        Mkdirat "mkdirat" Full;
        Mknodat "mknodat" Partial("regular files and FIFOs");
        Unlinkat "unlinkat" Full;
        Renameat2 "renameat2" Partial("no RENAME_WHITEOUT");
        Linkat "linkat" Full;
        Symlinkat "symlinkat" Full;
        Readlinkat "readlinkat" Full;
        Chdir "chdir" Full;
        Fchdir "fchdir" Full;
        Getcwd "getcwd" Full;
    }
    "metadata" {
        Fstat "fstat" Full;
        Fstatat "newfstatat" Full;
        Statfs "statfs" Full;
        Fstatfs "fstatfs" Full;
        Faccessat "faccessat2" Full;
        Fchmodat "fchmodat" Full;
        Fchmod "fchmod" Full;
        Fchownat "fchownat" Full;
        Fchown "fchown" Full;
        Utimensat "utimensat" Full;
        Umask "umask" Full;
    }
    "events" {
        InotifyInit1 "inotify_init1" Full;
        InotifyAddWatch "inotify_add_watch" Partial("files of tmpfs and of mounts; IN_UNMOUNT never occurs");
        InotifyRmWatch "inotify_rm_watch" Full;
    }
    "processes" {
        PosixSpawn "posix_spawn" Full;
        Fork "fork" Partial("by runtimes that can copy a program");
        Execve "execve" Partial("the runtime that calls it must end the old program itself");
        Exit "exit_group" Full;
        Wait4 "wait4" Partial("no resource usage");
        Getpid "getpid" Full;
        Getppid "getppid" Full;
        Getpgid "getpgid" Full;
        Setpgid "setpgid" Full;
        Getsid "getsid" Full;
        Setsid "setsid" Full;
        Getrlimit "getrlimit" Full;
        Setrlimit "setrlimit" Partial("RLIMIT_NOFILE, RLIMIT_FSIZE and RLIMIT_NPROC are enforced");
        Uname "uname" Full;
        Getrandom "getrandom" Full;
        ClockGettime "clock_gettime" Partial("CLOCK_REALTIME and CLOCK_MONOTONIC");
    }
    "terminals" {
        Tcgetattr "tcgetattr" Partial("no speeds beyond those in `c_cflag`");
        Tcsetattr "tcsetattr" Partial("no EXTPROC, FLUSHO or PENDIN");
        Tcflush "tcflush" Full;
        Tcflow "tcflow" Full;
        Tcdrain "tcdrain" Full;
        Tcsendbreak "tcsendbreak" Partial("a pseudoterminal has no break to send");
        Tcgetpgrp "tcgetpgrp" Full;
        Tcsetpgrp "tcsetpgrp" Full;
        Tcgetsid "tcgetsid" Full;
        Isatty "isatty" Full;
        Ttyname "ttyname" Full;
        Ptsname "ptsname" Full;
        Unlockpt "unlockpt" Full;
        Tiocgwinsz "TIOCGWINSZ" Full;
        Tiocswinsz "TIOCSWINSZ" Full;
        Tiocsctty "TIOCSCTTY" Partial("stealing the terminal of another session is refused to root too");
        Tiocnotty "TIOCNOTTY" Partial("for session leaders");
    }
    "signals" {
        Kill "kill" Partial("a stopped process goes on until it makes a call that may wait");
        Sigaction "rt_sigaction" Partial("dispositions without masks and flags");
        Sigtimedwait "rt_sigtimedwait" Partial("waits for any signal with a handler");
    }
}

impl Sysno {
    /// Name as in the man page.
    pub const fn name(self) -> &'static str {
        TABLE[self as usize].name
    }

    /// Name of the call of Linux that does it: what `strace(1)` shows.
    pub(super) const fn shown(self) -> &'static str {
        use Sysno::*;
        match self {
            Tcgetattr | Tcsetattr | Tcflush | Tcflow | Tcdrain | Tcsendbreak | Tcgetpgrp
            | Tcsetpgrp | Tcgetsid | Isatty | Ptsname | Unlockpt | Tiocgwinsz | Tiocswinsz
            | Tiocsctty | Tiocnotty => "ioctl",
            Ttyname => "readlinkat",
            Getrlimit | Setrlimit => "prlimit64",
            other => other.name(),
        }
    }
}
