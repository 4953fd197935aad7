//! What the files of `/proc` are made of: the machine and its processes, as those who have them tell.

use crate::abi::resource::{RLIM_NLIMITS, Rlimit};
use crate::abi::stat::Timespec;
use crate::abi::{Fd, Pid};
use crate::errno::Result;
use crate::vfs::{Credentials, FileDescription, Vfs, VirtualDentry};
use std::sync::Arc;

/// The machine.
pub(crate) trait ProcSource: Send + Sync {
    /// Numbers of all processes, ascending.
    fn pids(&self) -> Vec<Pid>;

    /// A process, zombies included.
    fn process(&self, pid: Pid) -> Option<Arc<dyn ProcEntry>>;

    /// Sockets that processes have open, each once.
    fn sockets(&self) -> Vec<Arc<FileDescription>>;

    /// The tree of files.
    fn vfs(&self) -> &Arc<Vfs>;

    /// Host name.
    fn hostname(&self) -> &str;

    /// Processors.
    fn cpu_count(&self) -> usize;

    /// Memory in bytes: all of it, and what files hold.
    fn memory(&self) -> (u64, u64);

    /// Time since the boot.
    fn uptime(&self) -> Timespec;
}

/// State of a process, as far as `/proc` tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ProcState {
    /// Lives; whether it runs or sleeps is not known.
    Alive,
    /// Stopped by a signal.
    Stopped,
    /// Ended, and nobody has waited for it.
    Zombie,
}

/// Where a process stands among the others.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Standing {
    pub ppid: Pid,
    pub pgid: Pid,
    pub sid: Pid,
    pub state: ProcState,
    /// Device number of its terminal; 0 without one.
    pub tty: u64,
    /// Foreground group of the terminal.
    pub foreground: Option<Pid>,
}

/// Signals as bit masks: pending, ignored, and caught by a handler.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SignalMasks {
    pub pending: u64,
    pub ignored: u64,
    pub caught: u64,
}

/// A process.
pub(crate) trait ProcEntry: Send + Sync {
    /// Number.
    fn pid(&self) -> Pid;

    /// The embedder's process that it descends from.
    fn origin(&self) -> Pid;

    /// Who it is.
    fn credentials(&self) -> &Arc<Credentials>;

    /// Arguments.
    fn argv(&self) -> Vec<Vec<u8>>;

    /// Environment.
    fn envp(&self) -> Vec<(Vec<u8>, Vec<u8>)>;

    /// Path of the executable.
    fn exe(&self) -> Vec<u8>;

    /// Name of the command.
    fn comm(&self) -> Vec<u8>;

    /// Root and working directory.
    fn directories(&self) -> (VirtualDentry, VirtualDentry);

    /// Mask of permissions of new files.
    fn umask(&self) -> u32;

    /// Open descriptors, ascending.
    fn fds(&self) -> Vec<Fd>;

    /// The open file behind a descriptor.
    fn open_file(&self, fd: Fd) -> Option<Arc<FileDescription>>;

    /// Limits.
    fn rlimits(&self) -> [Rlimit; RLIM_NLIMITS];

    /// Signals.
    fn signal_masks(&self) -> SignalMasks;

    /// When it was started, on the monotonic clock.
    fn started(&self) -> Timespec;

    /// Where it stands.
    ///
    /// # Errors
    /// - `ESRCH`: it is gone.
    fn standing(&self) -> Result<Standing>;
}
