//! The kernel: owns the tables, boots and shuts down.

use crate::abi::Pid;
use crate::abi::fcntl::OpenFlags;
use crate::abi::signal::Signal;
use crate::abi::stat::{FileKind, Timespec};
use crate::abi::termios::Winsize;
use crate::clock::{Clock, VirtualClock};
use crate::errno::{Errno, Result};
use crate::fs::anon::{AnonFs, AnonInode};
use crate::fs::rootfs;
use crate::fs::tmpfs::Tmpfs;
use crate::limits::{LimitBreach, LimitLedger, Limits, Slot};
use crate::net::{NetStack, Socket};
use crate::pipe::Pipe;
use crate::process::{Binfmt, FsContext, Process, ProcessInfo, ProcessTable, Row};
use crate::random::{RandomSource, SeededRandom};
use crate::trace::{Trace, Tracer};
use crate::tty::TtyTable;
use crate::vfs::{
    At, Caller, Credentials, File, FileDescription, FileSystem, LastLink, Mount, MountFlags,
    NewInodeKind, OpenPath, OpenRequest, Ownership, Vfs, VirtualDentry,
};
use core::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use parking_lot::{Mutex, RwLock};
use std::sync::{Arc, OnceLock, Weak};

/// What a kernel is made with.
#[derive(Clone)]
pub struct KernelConfig {
    /// Bounds.
    pub limits: Limits,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Randomness.
    pub random: Arc<dyn RandomSource>,
    /// Host name that guests see.
    pub hostname: String,
    /// Number of processors that guests see.
    pub cpu_count: usize,
    /// Memory that guests see.
    pub memory_bytes: u64,
    /// Where breaches of limits are noted, those of the boot included.
    pub ledger: Arc<LimitLedger>,
}

impl Default for KernelConfig {
    /// For tests: a virtual clock and a fixed random sequence.
    fn default() -> Self {
        KernelConfig {
            limits: Limits::default(),
            clock: Arc::new(VirtualClock::new()),
            random: Arc::new(SeededRandom::new(0)),
            hostname: "secure-exec".into(),
            cpu_count: 1,
            memory_bytes: 512 << 20,
            ledger: Arc::default(),
        }
    }
}

/// What a kernel holds right now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ResourceCounts {
    /// Processes, zombies included, init not.
    pub processes: usize,
    /// Processes that have ended and were not waited for.
    pub zombies: usize,
    /// Open descriptors of all processes.
    pub fds: usize,
    /// Pipes made by guests.
    pub pipes: usize,
    /// Sockets made by guests.
    pub sockets: usize,
    /// Pseudoterminals.
    pub ptys: usize,
    /// Inotify instances.
    pub inotify_instances: usize,
    /// Bytes that files hold, in whole 4 KiB blocks.
    pub filesystem_bytes: u64,
    /// Inodes.
    pub inodes: u64,
}

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
    booted: Timespec,
    down: AtomicBool,
    init: OnceLock<Arc<Process>>,
    file_agent: OnceLock<Arc<Process>>,
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
        let net = Arc::new(NetStack::new(&config.limits, ledger.clone()));
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
            booted: config.clock.monotonic(),
            down: AtomicBool::new(false),
            init: OnceLock::new(),
            file_agent: OnceLock::new(),
            config,
        });
        let fs = FsContext {
            root: root.clone(),
            cwd: root,
            umask: 0o022,
        };
        let agent = kernel.first_process(
            Pid::from_raw(0),
            Credentials::user(rootfs::USER_ID).with_capabilities(),
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
        rootfs::populate(&kernel)?;
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

    /// Adds a way to run executables; those added first are asked first.
    pub fn register_binfmt(&self, binfmt: Arc<dyn Binfmt>) {
        self.binfmts.write().push(binfmt);
    }

    /// Makes `/usr/bin/<name>`, a file that the given binary format runs.
    ///
    /// # Errors
    /// - `EINVAL`: the name is no file name, or a name holds white space.
    /// - `ENOSPC`: the quota is used up.
    pub fn register_command(&self, name: &str, binfmt: &str) -> Result<()> {
        self.register_command_in("/usr/bin", name, binfmt, name)
    }

    /// Makes `<dir>/<name>`, a file that the given binary format runs as `command`.
    ///
    /// # Errors
    /// As [`Kernel::register_command`].
    pub fn register_command_in(
        &self,
        dir: &str,
        name: &str,
        binfmt: &str,
        command: &str,
    ) -> Result<()> {
        let plain = |text: &str| {
            !text.is_empty() && !text.contains(|c: char| c.is_whitespace() || c == '/' || c == '\0')
        };
        if ![name, binfmt, command].into_iter().all(plain) || name == "." || name == ".." {
            return Err(Errno::EINVAL);
        }
        let contents = crate::process::command_file(binfmt, command);
        let path = format!("{dir}/{name}");
        rootfs::write_file(self, path.as_bytes(), &contents, 0o755)
    }

    /// Makes a pipe that belongs to the embedder: reading end, writing end.
    ///
    /// # Errors
    /// None at present.
    pub fn pipe(&self) -> Result<(Arc<FileDescription>, Arc<FileDescription>)> {
        Ok(self.make_pipe(Credentials::user(rootfs::USER_ID), OpenFlags::empty(), None))
    }

    /// Makes a pseudoterminal for the embedder: master and slave, open and unlocked.
    ///
    /// # Errors
    /// - `ENOSPC`: there are as many as allowed.
    pub fn open_pty(
        &self,
        winsize: Winsize,
    ) -> Result<(Arc<FileDescription>, Arc<FileDescription>)> {
        let mut at = self.root_at();
        at.caller = self.file_agent().caller();
        let request = OpenRequest {
            flags: OpenFlags::O_RDWR | OpenFlags::O_NOCTTY,
            mode: 0,
        };
        let master = self.vfs.open(&at, b"/dev/ptmx", request)?;
        let pty = master.terminal().ok_or(Errno::ENODEV)?.pty().clone();
        pty.unlock();
        pty.set_winsize(winsize);
        let path = format!("/dev/pts/{}", pty.index());
        let slave = self.vfs.open(&at, path.as_bytes(), request)?;
        Ok((master, slave))
    }

    /// Makes a pipe that counts against the guests' limit.
    pub(crate) fn guest_pipe(
        &self,
        credentials: Credentials,
        flags: OpenFlags,
    ) -> Result<(Arc<FileDescription>, Arc<FileDescription>)> {
        let slot = self.vfs.pipe_slot()?;
        Ok(self.make_pipe(credentials, flags, Some(slot)))
    }

    fn make_pipe(
        &self,
        credentials: Credentials,
        flags: OpenFlags,
        slot: Option<Slot>,
    ) -> (Arc<FileDescription>, Arc<FileDescription>) {
        let pipe = Pipe::new();
        let (read, write) = (flags, flags | OpenFlags::O_WRONLY);
        let reader = pipe.open(read, slot.clone());
        let writer = pipe.open(write, slot.clone());
        let owner = Ownership::new(0o600, credentials.euid, credentials.egid);
        let path = self.anonymous(FileKind::Pipe, owner, Some((pipe, slot)));
        (
            self.describe(path.clone(), Arc::new(reader), read),
            self.describe(path, Arc::new(writer), write),
        )
    }

    /// An open file for a socket.
    pub(crate) fn describe_socket(
        &self,
        credentials: &Credentials,
        socket: Arc<dyn Socket>,
        flags: OpenFlags,
    ) -> Arc<FileDescription> {
        let owner = Ownership::new(0o777, credentials.euid, credentials.egid);
        let path = self.anonymous(FileKind::Socket, owner, None);
        self.describe(path, socket, flags | OpenFlags::O_RDWR)
    }

    /// Makes a nameless inode as something to open.
    pub(crate) fn anonymous(
        &self,
        kind: FileKind,
        owner: Ownership,
        pipe: Option<(Arc<Pipe>, Option<Slot>)>,
    ) -> OpenPath {
        let ino = self.next_anon_ino.fetch_add(1, Ordering::Relaxed);
        let clock = self.vfs.clock.clone();
        let name = match kind {
            FileKind::Pipe => format!("pipe:[{ino}]"),
            FileKind::Socket => format!("socket:[{ino}]"),
            _ => "anon_inode:inotify".into(),
        };
        let inode = Arc::new(AnonInode::new(ino, kind, owner, clock, pipe));
        let dentry = VirtualDentry {
            mount: self.anon.clone(),
            inode,
        };
        OpenPath {
            dentry,
            parent: None,
            name: name.into_bytes().into_boxed_slice(),
        }
    }

    pub(crate) fn describe(
        &self,
        path: OpenPath,
        file: Arc<dyn File>,
        flags: OpenFlags,
    ) -> Arc<FileDescription> {
        FileDescription::new(path, Some(file), flags, self.vfs.watches.clone(), None)
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

    /// All processes, ascending, init included.
    pub fn processes(&self) -> Vec<ProcessInfo> {
        let table = self.table.lock();
        let infos = table.rows().map(|(pid, row)| {
            let image = row.process.image.lock().clone();
            ProcessInfo {
                pid,
                ppid: row.ppid,
                pgid: row.pgid,
                sid: row.sid,
                uid: row.process.uid(),
                state: row.state,
                argv: image.argv.clone(),
                exe: image.exe.clone(),
                fds: row.process.fds.lock().len(),
            }
        });
        infos.collect()
    }

    /// What the kernel holds.
    pub fn resource_counts(&self) -> ResourceCounts {
        let (processes, zombies, fds) = {
            let table = self.table.lock();
            let fds = table
                .rows()
                .map(|(_, row)| row.process.fds.lock().len())
                .sum();
            (table.len(), table.zombies(), fds)
        };
        ResourceCounts {
            processes,
            zombies,
            fds,
            pipes: self.vfs.pipes.load(Ordering::Relaxed),
            sockets: self.net.sockets(),
            ptys: self.ttys.count(),
            inotify_instances: self.vfs.watches.instances.load(Ordering::Relaxed),
            filesystem_bytes: self.tmpfs.used_bytes(),
            inodes: self.tmpfs.used_inodes(),
        }
    }

    /// Takes the breaches of limits noted since the last call.
    pub fn take_limit_breaches(&self) -> Vec<LimitBreach> {
        self.vfs.ledger.take()
    }

    /// Takes those of one process of the embedder's and all that descend from it; with `None` those of the embedder's
    /// own file operations and of programs that did not start.
    pub fn take_limit_breaches_of(&self, origin: Option<Pid>) -> Vec<LimitBreach> {
        self.vfs.ledger.take_of(origin)
    }

    /// Notes a breach of a limit that a runtime keeps: by a process, or by whomever the calling thread works for.
    pub fn note_limit_breach(&self, pid: Option<Pid>, breach: LimitBreach) {
        let process = pid.and_then(|pid| self.process(pid));
        match process {
            Some(process) => self.vfs.ledger.record_for(process.origin(), breach),
            None => self
                .vfs
                .ledger
                .record(breach.limit, breach.bound, breach.used),
        }
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
        let borrow = i64::from(now.nsec < self.booted.nsec);
        let nsec =
            (i64::from(now.nsec) - i64::from(self.booted.nsec) + borrow * 1_000_000_000) as u32;
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

    /// Serialises all files of the root file system.
    pub fn export_filesystem(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        self.export_filesystem_with(&mut |piece| bytes.extend_from_slice(piece));
        bytes
    }

    /// Serialises all files of the root file system piece by piece; `sink` runs without locks.
    ///
    /// No lock is waited for longer than a moment: what a dead thread left locked is left out.
    pub fn export_filesystem_with(&self, sink: &mut dyn FnMut(&[u8])) {
        crate::fs::tmpfs::export(&self.tmpfs, sink);
    }

    /// Attaches a file system to a directory, covering what the directory held.
    ///
    /// # Errors
    /// - `ENOENT`, `ENOTDIR`: there is no such directory.
    pub fn mount(
        &self,
        path: &[u8],
        fs: Arc<dyn FileSystem>,
        source: &str,
        flags: MountFlags,
    ) -> Result<()> {
        let dir = self.root_at().find(path, LastLink::Follow)?;
        Mount::attach(&dir, fs, source, flags).map(drop)
    }

    /// Detaches the file system mounted on a directory; files still open stay usable.
    ///
    /// # Errors
    /// - `EINVAL`: nothing is mounted there.
    pub fn umount(&self, path: &[u8]) -> Result<()> {
        Mount::detach(&self.root_at().find(path, LastLink::Follow)?)
    }

    /// Replaces the root file system's files by exported ones. Mounts stay where they are; processes are
    /// expected to be started afterwards.
    ///
    /// # Errors
    /// - `EINVAL`: the bytes are no export.
    /// - `ENOSPC`, `EFBIG`: they do not fit the limits; nothing has changed then.
    pub fn import_filesystem(&self, bytes: &[u8]) -> Result<()> {
        let root = &self.vfs.root;
        let mut mounted = Vec::new();
        for mount in self.vfs.mounts() {
            if let Some((parent, inode)) = mount.covered() {
                let path = self.vfs.path_of_dir(
                    root,
                    &VirtualDentry {
                        mount: parent,
                        inode,
                    },
                )?;
                mounted.push((path, mount));
            }
        }
        crate::fs::tmpfs::import(&self.tmpfs, bytes)?;
        root.mount.detach_children();
        let at = self.root_at();
        for (path, mount) in mounted {
            let dir = self.mount_point(&at, &path)?;
            Mount::attach(&dir, mount.fs().clone(), mount.source(), mount.flags())?;
        }
        Ok(())
    }

    /// The directory at a path without links. An import may have left it out; one that was forged has anything there.
    fn mount_point(&self, at: &At, path: &[u8]) -> Result<VirtualDentry> {
        let slashes = path.iter().enumerate().skip(1);
        let ends = slashes
            .filter(|(_, byte)| **byte == b'/')
            .map(|(end, _)| end);
        for end in ends.chain([path.len()]) {
            let prefix = &path[..end];
            match at.find(prefix, LastLink::NoFollow) {
                Ok(found) if found.is_dir() => continue,
                Ok(_) => self.file_agent().unlink(prefix)?,
                Err(Errno::ENOENT) => {}
                Err(errno) => return Err(errno),
            }
            self.vfs.make(at, prefix, NewInodeKind::Directory, 0o755)?;
        }
        at.find(path, LastLink::NoFollow)
    }

    /// Kills every process but init; no new one can be started afterwards.
    pub fn shutdown(&self) {
        self.down.store(true, Ordering::Release);
        self.kill_while_any(|_| true);
    }

    /// Kills everything in a session, in whatever group or parentage it is by now. What has made a session of its own
    /// (`setsid(2)`) goes on.
    pub fn kill_session(&self, leader: Pid) {
        self.kill_while_any(|row| row.sid == leader);
    }

    /// Kills a process of the embedder's and all that descends from it, whatever session it is in.
    pub fn kill_program(&self, origin: Pid) {
        self.kill_while_any(|row| row.process.origin() == origin);
    }

    fn kill_while_any(&self, meant: impl Fn(&Row) -> bool) {
        loop {
            let victims: Vec<Arc<Process>> = {
                let table = self.table.lock();
                let running = table
                    .rows()
                    .filter(|(pid, row)| *pid != Pid::INIT && row.process.is_alive() && meant(row));
                running.map(|(_, row)| row.process.clone()).collect()
            };
            if victims.is_empty() {
                return;
            }
            for victim in victims {
                victim.deliver(Signal::SIGKILL);
            }
        }
    }

    /// Whether [`Kernel::shutdown`] has been called.
    pub fn is_down(&self) -> bool {
        self.down.load(Ordering::Acquire)
    }
}
