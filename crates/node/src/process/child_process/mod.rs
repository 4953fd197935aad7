//! Starting a child process from JavaScript options: what `process_wrap` and `spawn_sync` share. Follows libuv's
//! `uv_spawn` (`src/unix/process.c`).

mod arguments;

use std::sync::Arc;

use secure_exec_kernel::{
    Credentials, Errno, FileAction, FileDescription, OpenFlags, Pid, Process, SpawnOptions,
};

pub use arguments::{Malformed, id, property, string_list, text, view_bytes};

/// `UV_PROCESS_DETACHED`, as `process_wrap.constants` gives it to the library.
pub const DETACHED: i32 = 1;

/// The program that a child runs, and as whom.
#[derive(Default)]
pub struct Program {
    /// A path, or a name to look up in the child's `PATH`.
    pub file: Vec<u8>,
    /// Arguments, the name of the program included; empty for just that name.
    pub arguments: Vec<Vec<u8>>,
    /// Working directory; otherwise the parent's.
    pub cwd: Option<Vec<u8>>,
    /// `NAME=value`.
    pub environment: Vec<Vec<u8>>,
    /// Starts a session of its own.
    pub detached: bool,
    /// User.
    pub uid: Option<u32>,
    /// Group.
    pub gid: Option<u32>,
}

/// A descriptor that a child starts with.
pub enum ChildFd {
    /// Nothing; for the standard streams `/dev/null`.
    Nothing,
    /// An open file.
    File(Arc<FileDescription>),
    /// A descriptor of the parent's, possibly not open.
    Inherited(i32),
}

impl Program {
    /// Starts the program with exactly the given descriptors.
    ///
    /// # Errors
    /// As `execvp(3)` and `fork(2)`, and
    /// - `EBADF`: an inherited descriptor is not open.
    /// - `EPERM`: only root takes another identity.
    pub fn start(self, process: &Process, stdio: Vec<ChildFd>) -> Result<Pid, Errno> {
        let mut fds = Vec::new();
        let mut file_actions = Vec::new();
        let mut stdio = stdio;
        while stdio.len() < 3 {
            stdio.push(ChildFd::Nothing);
        }
        for (fd, child_fd) in (0..).zip(stdio) {
            match child_fd {
                ChildFd::File(file) => fds.push((fd, file)),
                ChildFd::Inherited(from) => {
                    let file = process.file(from)?;
                    if fd < 3 {
                        // Programs wait for their standard streams (`uv__process_child_init`).
                        file.set_status_flags(file.status_flags() - OpenFlags::O_NONBLOCK);
                    }
                    fds.push((fd, file));
                }
                ChildFd::Nothing if fd < 3 => file_actions.push(FileAction::Open {
                    fd,
                    path: b"/dev/null".to_vec(),
                    flags: if fd == 0 {
                        OpenFlags::O_RDONLY
                    } else {
                        OpenFlags::O_RDWR
                    },
                    mode: 0,
                }),
                ChildFd::Nothing => {}
            }
        }
        let argv = if self.arguments.is_empty() {
            vec![self.file.clone()]
        } else {
            self.arguments
        };
        process.posix_spawn(SpawnOptions {
            file: self.file,
            search_path: true,
            argv,
            envp: self.environment.into_iter().map(split).collect(),
            cwd: self.cwd,
            fds,
            file_actions,
            setsid: self.detached,
            reset_signals: true,
            credentials: credentials(process, self.uid, self.gid),
            ..SpawnOptions::default()
        })
    }
}

/// The identity of the child, where it is not simply the parent's.
fn credentials(process: &Process, uid: Option<u32>, gid: Option<u32>) -> Option<Credentials> {
    if uid.is_none() && gid.is_none() {
        return None;
    }
    let own = process.credentials();
    let mut wanted = (**own).clone();
    if let Some(uid) = uid {
        (wanted.uid, wanted.euid) = (uid, uid);
    }
    if let Some(gid) = gid {
        (wanted.gid, wanted.egid) = (gid, gid);
    }
    if own.privileged() {
        // setgroups(0, NULL), which fails for everybody else.
        wanted.groups.clear();
    }
    Some(wanted)
}

/// Name and value of `NAME=value`.
#[must_use]
pub fn split(pair: Vec<u8>) -> (Vec<u8>, Vec<u8>) {
    match pair.iter().position(|byte| *byte == b'=') {
        Some(at) => (pair[..at].to_vec(), pair[at + 1..].to_vec()),
        None => (pair, Vec::new()),
    }
}

/// What a child's end looks like to libuv's callers: its status and the signal that ended it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ending {
    /// Exit status; 0 after a signal.
    pub status: u8,
    /// The signal that ended it.
    pub signal: Option<secure_exec_kernel::Signal>,
}

impl From<secure_exec_kernel::ExitStatus> for Ending {
    fn from(status: secure_exec_kernel::ExitStatus) -> Ending {
        match status {
            secure_exec_kernel::ExitStatus::Exited(status) => Ending {
                status,
                signal: None,
            },
            other => Ending {
                status: 0,
                signal: other.signal(),
            },
        }
    }
}
