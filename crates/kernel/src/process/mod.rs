//! Processes.

mod account;
mod cpu_time;
mod exec;
mod exec_guard;
mod exit;
mod fd_table;
mod fork;
mod job_control;
mod proc_source;
mod rlimit;
mod signal;
mod spawn;
mod table;

pub use account::{Account, MemoryUse, Terms};
pub use cpu_time::CpuTime;
pub use exec::{Binfmt, ExecImage};
pub(crate) use exec::{Program, command_file, is_command_file};
pub use exec_guard::{ExecGuard, ExecRequest};
pub(crate) use fd_table::{FdEntry, FdTable, PendingFile};
pub(crate) use job_control::{Access, TerminalUse};
pub use spawn::{FileAction, SpawnOptions};
pub use table::{ProcessInfo, ProcessState};
pub(crate) use table::{ProcessTable, Row};

use crate::abi::Pid;
use crate::abi::resource::{RLIM_NLIMITS, Rlimit};
use crate::abi::signal::Signal;
use crate::abi::wait::ExitStatus;
use crate::errno::{Errno, Result};
use crate::kernel::Kernel;
use crate::trace::Trace;
use crate::vfs::{Caller, Credentials, Vfs, VirtualDentry};
use crate::wait_queue::WaitQueue;
use core::any::Any;
use core::fmt;
use core::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use core::task::{Context, Poll};
use parking_lot::Mutex;
use signal::Signals;
use std::sync::{Arc, Weak};

/// Directories and mask that path operations of a process start from.
#[derive(Clone, Debug)]
pub(crate) struct FsContext {
    pub root: VirtualDentry,
    pub cwd: VirtualDentry,
    pub umask: u32,
}

/// Program of a process and what it was started with.
#[derive(Debug)]
pub(crate) struct Image {
    pub argv: Vec<Vec<u8>>,
    pub envp: Vec<(Vec<u8>, Vec<u8>)>,
    /// Executable that runs; for a script its interpreter.
    pub exe: Vec<u8>,
    /// Name of the command, by the file that was asked for: of a script that of the script.
    pub comm: Vec<u8>,
    /// What the process wrote over its arguments.
    pub title: Option<Vec<u8>>,
}

/// What runs when a fatal signal ends a process.
type KillCallback = Box<dyn Fn(Signal) + Send + Sync>;

/// What runs when a signal has stopped a process.
type StopCallback = Arc<dyn Fn() + Send + Sync>;

/// A guest process. Its methods are the system calls, each on behalf of this process.
pub struct Process {
    pid: Pid,
    /// The embedder's process that this one descends from; 0 for init and the host's file agent.
    origin: Pid,
    this: Weak<Process>,
    kernel: Weak<Kernel>,
    pub(crate) vfs: Arc<Vfs>,
    pub(crate) trace: Arc<Trace>,
    credentials: Arc<Credentials>,
    pub(crate) image: Mutex<Arc<Image>>,
    pub(crate) fs: Mutex<FsContext>,
    pub(crate) fds: Mutex<FdTable>,
    pub(crate) rlimits: Mutex<[Rlimit; RLIM_NLIMITS]>,
    pub(crate) signals: Signals,
    /// Wakes those who wait for a child of this process.
    pub(crate) child_events: WaitQueue,
    alive: AtomicBool,
    /// Set while a signal keeps the process stopped; calls that wait then do not return.
    pub(crate) stopped: AtomicBool,
    pub(crate) resumed: WaitQueue,
    exit_status: Mutex<Option<ExitStatus>>,
    pub(crate) exited: WaitQueue,
    on_kill: Mutex<Option<KillCallback>>,
    pub(crate) on_stop: Mutex<Option<StopCallback>>,
    pub(crate) cpu: cpu_time::CpuClock,
    pub(crate) children_cpu: cpu_time::CpuClock,
    account: Arc<Account>,
    /// Memory in use, bytes: the sum of its shares.
    memory: Arc<AtomicU64>,
    attachment: Option<Arc<dyn Any + Send + Sync>>,
    pub(crate) started: crate::abi::stat::Timespec,
}

/// Parts that a new process is made of.
pub(crate) struct NewProcess {
    pub pid: Pid,
    pub origin: Pid,
    pub credentials: Arc<Credentials>,
    pub image: Image,
    pub fs: FsContext,
    pub fds: FdTable,
    pub rlimits: [Rlimit; RLIM_NLIMITS],
    pub signals: Signals,
    pub account: Arc<Account>,
    pub attachment: Option<Arc<dyn Any + Send + Sync>>,
}

impl Process {
    pub(crate) fn new(kernel: &Arc<Kernel>, new: NewProcess) -> Arc<Process> {
        Process::build(
            Arc::downgrade(kernel),
            kernel.vfs.clone(),
            kernel.trace.clone(),
            new,
        )
    }

    pub(crate) fn build(
        kernel: Weak<Kernel>,
        vfs: Arc<Vfs>,
        trace: Arc<Trace>,
        new: NewProcess,
    ) -> Arc<Process> {
        let started = vfs.clock.monotonic();
        Arc::new_cyclic(|this| Process {
            pid: new.pid,
            origin: new.origin,
            this: this.clone(),
            kernel,
            vfs,
            trace,
            credentials: new.credentials,
            image: Mutex::new(Arc::new(new.image)),
            fs: Mutex::new(new.fs),
            fds: Mutex::new(new.fds),
            rlimits: Mutex::new(new.rlimits),
            signals: new.signals,
            child_events: WaitQueue::new(),
            alive: AtomicBool::new(true),
            stopped: AtomicBool::new(false),
            resumed: WaitQueue::new(),
            exit_status: Mutex::new(None),
            exited: WaitQueue::new(),
            on_kill: Mutex::new(None),
            on_stop: Mutex::new(None),
            cpu: Default::default(),
            children_cpu: Default::default(),
            account: new.account,
            memory: Arc::default(),
            attachment: new.attachment,
            started,
        })
    }

    /// Process id.
    pub fn pid(&self) -> Pid {
        self.pid
    }

    /// The embedder's process that this one descends from, whatever happened to those in between.
    pub fn origin(&self) -> Pid {
        self.origin
    }

    /// The kernel this process lives in.
    ///
    /// # Errors
    /// - `ESRCH`: the kernel has been shut down.
    pub fn kernel(&self) -> Result<Arc<Kernel>> {
        self.kernel.upgrade().ok_or(Errno::ESRCH)
    }

    /// Credentials.
    pub fn credentials(&self) -> &Arc<Credentials> {
        &self.credentials
    }

    /// Real user id.
    pub fn uid(&self) -> u32 {
        self.credentials.uid
    }

    /// Real group id.
    pub fn gid(&self) -> u32 {
        self.credentials.gid
    }

    /// Effective user id.
    pub fn euid(&self) -> u32 {
        self.credentials.euid
    }

    /// Effective group id.
    pub fn egid(&self) -> u32 {
        self.credentials.egid
    }

    /// Supplementary groups.
    pub fn groups(&self) -> &[u32] {
        &self.credentials.groups
    }

    /// Arguments, `argv[0]` included.
    pub fn argv(&self) -> Vec<Vec<u8>> {
        self.image.lock().argv.clone()
    }

    /// Arguments as others see them: what the process wrote over them, if it did.
    pub(crate) fn shown_argv(&self) -> Vec<Vec<u8>> {
        let image = self.image.lock();
        match &image.title {
            Some(title) => vec![title.clone()],
            None => image.argv.clone(),
        }
    }

    /// Writes over the arguments and the name of the command, as `uv_set_process_title` does; what does not fit into their
    /// place is cut.
    pub fn set_title(&self, title: &[u8]) {
        let mut image = self.image.lock();
        let place: usize = image.argv.iter().map(|argument| argument.len() + 1).sum();
        let length = title.len().min(place.saturating_sub(1));
        *image = Arc::new(Image {
            argv: image.argv.clone(),
            envp: image.envp.clone(),
            exe: image.exe.clone(),
            comm: exec::cut_name(title),
            title: Some(title[..length].to_vec()),
        });
    }

    /// Environment.
    pub fn envp(&self) -> Vec<(Vec<u8>, Vec<u8>)> {
        self.image.lock().envp.clone()
    }

    /// Path of the executable.
    pub fn exe(&self) -> Vec<u8> {
        self.image.lock().exe.clone()
    }

    /// Path of the working directory, unless it has been removed.
    pub fn working_directory(&self) -> Option<Vec<u8>> {
        let fs = self.fs.lock().clone();
        self.vfs.path_of_dir(&fs.root, &fs.cwd).ok()
    }

    /// When the process was started, on the monotonic clock.
    pub fn started(&self) -> crate::abi::stat::Timespec {
        self.started
    }

    /// What the embedder gave to the process at its start; guests cannot see it.
    pub fn attachment(&self) -> Option<&Arc<dyn Any + Send + Sync>> {
        self.attachment.as_ref()
    }

    /// Whether the process runs: it has neither ended nor been killed.
    pub fn is_alive(&self) -> bool {
        self.alive.load(Ordering::Acquire)
    }

    /// Waits for the end of the process.
    pub fn poll_exit(&self, cx: &mut Context<'_>) -> Poll<ExitStatus> {
        self.exited.poll_until(cx, || *self.exit_status.lock())
    }

    /// How the process ended, once it has.
    pub fn exit_status(&self) -> Option<ExitStatus> {
        *self.exit_status.lock()
    }

    pub(crate) fn caller(&self) -> Caller {
        Caller {
            pid: self.pid,
            credentials: self.credentials.clone(),
        }
    }

    pub(crate) fn arc(&self) -> Result<Arc<Process>> {
        self.this.upgrade().ok_or(Errno::ESRCH)
    }
}

impl fmt::Debug for Process {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Process")
            .field("pid", &self.pid)
            .finish_non_exhaustive()
    }
}
