//! The kernel: owns the tables, boots and shuts down.

mod captures;
mod commands;
mod config;
mod file_tree;
mod files;
mod inspect;
mod kill;
mod mounts;
mod network;

pub use config::KernelConfig;
pub use file_tree::{FileTree, Links};
pub use inspect::ResourceCounts;

use crate::abi::Pid;
use crate::abi::stat::Timespec;
use crate::clock::Clock;
use crate::errno::Result;
use crate::fs::anon::AnonFs;
use crate::fs::rootfs;
use crate::fs::tmpfs::Tmpfs;
use crate::limits::Limits;
use crate::net::NetStack;
use crate::process::{Binfmt, ExecGuard, FsContext, Process, ProcessTable};
use crate::random::RandomSource;
use crate::trace::{Trace, Tracer};
use crate::tty::TtyTable;
use crate::vfs::{At, Caller, Credentials, Mount, USER_ID, Vfs};
use core::sync::atomic::{AtomicBool, AtomicU64};
use parking_lot::{Mutex, RwLock};
use std::sync::{Arc, OnceLock, Weak};

/// A small Linux-like machine.
pub struct Kernel {
    pub(crate) vfs: Arc<Vfs>,
    pub(crate) trace: Arc<Trace>,
    pub(crate) net: Arc<NetStack>,
    pub(crate) table: Mutex<ProcessTable>,
    pub(crate) binfmts: RwLock<Vec<Arc<dyn Binfmt>>>,
    pub(crate) config: KernelConfig,
    tmpfs: Arc<Tmpfs>,
    ttys: Arc<TtyTable>,
    anon: Arc<Mount>,
    next_anon_ino: AtomicU64,
    next_dev: AtomicU64,
    booted: Timespec,
    down: AtomicBool,
    init: OnceLock<Arc<Process>>,
    file_agent: OnceLock<Arc<Process>>,
    pub(crate) exec_guard: OnceLock<Arc<dyn ExecGuard>>,
}

impl Kernel {
    /// Builds the root file system and init.
    ///
    /// # Errors
    /// - `ENOSPC`: the limits leave no room for the root file system.
    pub fn boot(config: KernelConfig) -> Result<Arc<Kernel>> {
        let ledger = config.ledger.clone();
        let tmpfs = Tmpfs::new(
            &config.limits,
            ledger.clone(),
            config.clock.clone(),
            crate::fs::dev::ROOT,
        )?;
        let root = Mount::new_root(tmpfs.clone(), "rootfs").root();
        let vfs = Arc::new(Vfs::new(
            root.clone(),
            config.clock.clone(),
            config.limits.clone(),
            ledger.clone(),
        ));
        let net = Arc::new(NetStack::new(
            &config.limits,
            ledger.clone(),
            config.random.clone(),
            (config.network.clone(), &config.outbound_ports),
        ));
        let ttys = TtyTable::new(config.limits.max_ptys, ledger, config.clock.clone());
        let kernel = Arc::new(Kernel {
            vfs,
            net,
            trace: Arc::default(),
            table: Mutex::default(),
            binfmts: RwLock::default(),
            tmpfs,
            ttys,
            anon: Mount::new_root(Arc::new(AnonFs), "pipefs"),
            next_anon_ino: AtomicU64::new(1),
            next_dev: AtomicU64::new(crate::fs::dev::NEXT),
            booted: config.clock.monotonic(),
            down: AtomicBool::new(false),
            init: OnceLock::new(),
            file_agent: OnceLock::new(),
            exec_guard: OnceLock::new(),
            config,
        });
        let fs = FsContext {
            root: root.clone(),
            cwd: root,
            umask: 0o022,
        };
        let agent = kernel.first_process(
            Pid::from_raw(0),
            Credentials::user(USER_ID).with_capabilities(),
            fs.clone(),
        );
        kernel
            .table
            .lock()
            .insert_init(&kernel.first_process(Pid::INIT, Credentials::root(), fs));
        let init = kernel.table.lock().row(Pid::INIT)?.process.clone();
        let set = (kernel.init.set(init), kernel.file_agent.set(agent));
        debug_assert!(set.0.is_ok() && set.1.is_ok(), "boot sets them once");
        let sink: Weak<Kernel> = Arc::downgrade(&kernel);
        kernel.ttys.connect(sink);
        let processes: Weak<Kernel> = Arc::downgrade(&kernel);
        rootfs::populate(rootfs::Ground {
            vfs: &kernel.vfs,
            at: &kernel.root_at(),
            hostname: kernel.hostname(),
            random: kernel.random(),
            ttys: &kernel.ttys,
            processes,
        })?;
        Ok(kernel)
    }

    /// Process 1: root, parent of the embedder's processes, adopts and reaps orphans.
    pub fn init(&self) -> Arc<Process> {
        self.init.get().expect("boot made it").clone()
    }

    /// The identity that the host's file methods act with: no permission stops it, and what it makes belongs to the
    /// guest's user (uid 1000). It is not in the process table.
    pub fn file_agent(&self) -> Arc<Process> {
        self.file_agent.get().expect("boot made it").clone()
    }

    /// Root's view of the tree, for the kernel's own file operations.
    pub(crate) fn root_at(&self) -> At {
        let caller = Caller {
            pid: Pid::INIT,
            credentials: Arc::new(Credentials::root()),
        };
        At {
            root: self.vfs.root.clone(),
            base: self.vfs.root.clone(),
            caller,
        }
    }

    /// The process with this number, zombies included.
    pub fn process(&self, pid: Pid) -> Option<Arc<Process>> {
        self.table
            .lock()
            .row(pid)
            .ok()
            .map(|row| row.process.clone())
    }

    /// Bounds this kernel enforces.
    pub fn limits(&self) -> &Limits {
        &self.vfs.limits
    }

    /// Time source.
    pub fn clock(&self) -> &Arc<dyn Clock> {
        &self.vfs.clock
    }

    /// Random source.
    pub fn random(&self) -> &Arc<dyn RandomSource> {
        &self.config.random
    }

    /// Host name that guests see.
    pub fn hostname(&self) -> &str {
        &self.config.hostname
    }

    /// Configuration the kernel was booted with.
    pub fn config(&self) -> &KernelConfig {
        &self.config
    }

    /// Starts or stops tracing.
    pub fn set_tracer(&self, tracer: Option<Arc<dyn Tracer>>) {
        self.trace.set(tracer);
    }

    /// Time since the boot.
    pub(crate) fn uptime(&self) -> Timespec {
        let now = self.vfs.clock.monotonic();
        let borrows = now.nsec < self.booted.nsec;
        let borrow = i64::from(borrows);
        let above = if borrows { 1_000_000_000 } else { 0 };
        let nsec = now.nsec + above - self.booted.nsec;
        Timespec {
            sec: now.sec - self.booted.sec - borrow,
            nsec,
        }
    }

    /// Number of a session's terminal in `/dev/pts`.
    pub fn terminal_of_session(&self, sid: Pid) -> Option<usize> {
        self.ttys.of_session(sid).map(|pty| pty.index())
    }

    pub(crate) fn ttys(&self) -> &Arc<TtyTable> {
        &self.ttys
    }

    pub(crate) fn tmpfs(&self) -> &Arc<Tmpfs> {
        &self.tmpfs
    }
}
