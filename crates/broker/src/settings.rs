//! What the broker is told when it starts.

use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

/// Where the pieces of a VM process are.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The executable.
    pub launcher: PathBuf,
    /// The addon it loads.
    pub addon: PathBuf,
    /// The startup snapshot, with its sum beside it; None boots without.
    pub snapshot: Option<PathBuf>,
    /// Who VM processes are where this one is root; 0 to stay root, without capabilities.
    pub uid: u32,
    /// The directory of the package's commands, for VMs that are given none.
    pub commands: Option<PathBuf>,
    /// Serves a socket and a files channel on the calling thread, for `Isolation::InProcess`.
    pub in_process: Option<fn(OwnedFd, OwnedFd, Option<&Path>)>,
}
