//! The kernel: Linux semantics over in-memory state, with no ambient OS access.
//!
//! A [`Kernel`] is a small Linux-like machine: a tree of files, a table of processes, pipes, signals and
//! limits. Guests are [`Process`]es; each public method of one is a system call made by it. Nothing here
//! blocks: an operation that would is a `poll_*` function that registers a waker. Time and randomness
//! come from the embedder ([`Clock`], [`RandomSource`]), and so does the code that runs executables
//! ([`Binfmt`]).
//!
//! # Layers
//! Each uses its own and those left of it, which a test holds it to: `abi, errno` ← `wait_queue, clock, random, limits`
//! ← `vfs` ← `fs, pipe, tty, net, trace` ← `kernel, process` ← `syscalls`.
//!
//! Where a lower one needs what a higher one has, it declares a trait: terminals signal through a `SignalSink`, `/proc`
//! reads a `ProcSource`, the name of a socket is opaque to file systems.
//!
//! # Locking
//! From outside in; whoever holds one may take those below it, never one above:
//! 1. process table, table of pseudoterminals
//! 2. per process: descriptors, file system context, image, limits, signals (leaves, one at a time)
//! 3. per open file: offset
//! 4. per file system: namespace (tmpfs), then directory entries, file data, attributes
//! 5. per pipe, per pseudoterminal: state; per socket: state, then the machine's ports, names of connections, a
//!    listener's queue, the halves of a connection
//! 6. inotify: watchers of an inode, then the instance
//! 7. wait queues
//!
//! Wakers, tracers, binary formats and kill callbacks run with no lock held, and so do the destructors
//! of files.
//!
//! # Glossary
//! - *descriptor* (`fd`): number a process uses; *open file description* (`file`): what it refers to
//! - *inode*: a file without its names; *virtual dentry*: an inode and the mount it was reached through
//! - *embedder*: the program that owns a [`Kernel`]; *guest*: code that runs as a [`Process`]
#![forbid(unsafe_code)]
#![warn(missing_docs)]

pub mod clock;
pub mod errno;
pub mod fs;
mod kernel;
pub mod limits;
pub mod net;
pub mod pipe;
pub mod process;
pub mod random;
pub mod syscalls;
pub mod trace;
pub mod tty;
pub mod vfs;
pub mod wait_queue;

pub use secure_exec_abi as abi;

pub use abi::fcntl::{AT_FDCWD, AtFlags, FdFlags, OpenFlags, RenameFlags};
pub use abi::inotify::{InotifyEvent, InotifyMask};
pub use abi::poll::PollEvents;
pub use abi::resource::{Resource, Rlimit};
pub use abi::signal::{Disposition, Signal};
pub use abi::socket::{MsgFlags, OptionValue, SocketAddress, Timeval, Ucred, UnixAddress};
pub use abi::stat::{DirEntry, FileKind, SetTime, Stat, StatFs, Timespec};
pub use abi::termios::{
    ControlFlags, InputFlags, LocalFlags, OutputFlags, TcflowAction, TcflushQueue, TcsetAction,
    Termios, Winsize,
};
pub use abi::wait::{ExitStatus, WaitFlags};
pub use abi::{Fd, Pid};
pub use clock::{Clock, VirtualClock};
pub use errno::{Errno, Result};
pub use fs::procfs::{OS_RELEASE, OS_TYPE, OS_VERSION};
pub use fs::tmpfs::{
    Capture, FileImage, ImageBounds, ImageContents, ImageFile, ImageKind, Segment, Walk,
};
pub use kernel::{FileTree, Kernel, KernelConfig, Links, ResourceCounts};
pub use limits::{LimitBreach, LimitLedger, Limits, UseWatcher};
pub use process::{
    Account, Binfmt, CpuTime, ExecGuard, ExecImage, ExecRequest, FileAction, MemoryUse, Process,
    ProcessInfo, ProcessState, SpawnOptions, Terms,
};
pub use random::{RandomSource, SeededRandom};
pub use syscalls::{Opening, ReceivedMessage, SendMessage, SocketWait};
pub use trace::{ProcessEvent, SignalInfo, SyscallEvent, Tracer};
pub use tty::Terminal;
pub use vfs::{Credentials, FileDescription, FileSystem, Inode, MountFlags, SetAttributes};
pub use wait_queue::WaitQueue;
