//! Starting processes (`posix_spawn(3)`).

use super::fd_table::{FdEntry, FdTable};
use super::table::Row;
use super::{
    Account, Binfmt, ExecImage, FsContext, Image, NewProcess, Process, ProcessState, Terms,
};
use crate::abi::fcntl::{FdFlags, OpenFlags, X_OK};
use crate::abi::resource::Resource;
use crate::abi::{Fd, Pid};
use crate::errno::{Errno, Result};
use crate::kernel::Kernel;
use crate::limits::act_for;
use crate::process::exec::Program;
use crate::tty::Pty;
use crate::vfs::{
    At, Caller, Credentials, FileDescription, LastLink, OpenRequest, USER_ID, check_permission,
    join,
};
use core::any::Any;
use std::collections::BTreeSet;
use std::sync::Arc;

/// Where commands are looked for when the environment has no `PATH`.
const DEFAULT_PATH: &[u8] = b"/usr/local/bin:/usr/bin:/bin";

/// How a process is started.
#[derive(Clone, Default)]
pub struct SpawnOptions {
    /// Executable: a path, or with `search_path` possibly a name to look up in `PATH`.
    pub file: Vec<u8>,
    /// Looks `file` up in the `PATH` of `envp` if it holds no slash.
    pub search_path: bool,
    /// Arguments, `argv[0]` included.
    pub argv: Vec<Vec<u8>>,
    /// Environment.
    pub envp: Vec<(Vec<u8>, Vec<u8>)>,
    /// Working directory; otherwise the parent's.
    pub cwd: Option<Vec<u8>>,
    /// Files to put at descriptors, after the file actions.
    pub fds: Vec<(Fd, Arc<FileDescription>)>,
    /// Changes to the descriptors inherited from the parent, in order.
    pub file_actions: Vec<FileAction>,
    /// Starts a new session. As when a session leader opens a terminal, one that a file action opens without
    /// `O_NOCTTY` becomes the session's.
    pub setsid: bool,
    /// Descriptor of the child whose terminal becomes the one of its new session (`login_tty(3)`).
    pub ctty: Option<Fd>,
    /// Process group to join; 0 makes a new one.
    pub pgid: Option<i32>,
    /// Puts its group into the foreground of the parent's terminal before the program runs, if the parent is there
    /// itself: what a shell's child does for itself between `fork(2)` and `execve(2)`.
    pub foreground: bool,
    /// Gives every signal its default action, the ignored ones too.
    pub reset_signals: bool,
    /// Identity; otherwise the parent's, or for the embedder's processes uid 1000. Only root may ask for another.
    pub credentials: Option<Credentials>,
    /// File mode creation mask; otherwise the parent's.
    pub umask: Option<u32>,
    /// Object for the binary format, invisible to guests.
    pub attachment: Option<Arc<dyn Any + Send + Sync>>,
    /// What holds for a process of the embedder's and its descendants; a guest's child has its parent's.
    pub terms: Terms,
}

/// One step on the descriptors of a process that is being started.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FileAction {
    /// Opens a file at a descriptor; `EAGAIN` for a FIFO that would have to wait for its other end.
    Open {
        /// Descriptor.
        fd: Fd,
        /// Path.
        path: Vec<u8>,
        /// Flags of `open(2)`.
        flags: OpenFlags,
        /// Permissions of a created file.
        mode: u32,
    },
    /// Closes a descriptor; one that is not open is no error.
    Close(Fd),
    /// Copies `oldfd` to `newfd`; equal numbers take `FD_CLOEXEC` away.
    Dup2 {
        /// Descriptor to copy.
        oldfd: Fd,
        /// Where to.
        newfd: Fd,
    },
}

/// Gives a new session its terminal.
fn adopt_terminal(process: &Process, ctty: Option<Fd>, actions: &[FileAction]) -> Result<()> {
    for action in actions {
        if let FileAction::Open { fd, flags, .. } = action
            && !flags.contains(OpenFlags::O_NOCTTY)
            && let Ok(file) = process.file(*fd)
        {
            process.adopt_terminal(&file);
        }
    }
    match ctty {
        Some(fd) => process.tiocsctty(fd),
        None => Ok(()),
    }
}

impl Kernel {
    /// Starts a child of init: a process of the embedder's.
    ///
    /// # Errors
    /// As `posix_spawn(3)`:
    /// - `E2BIG`: arguments or environment are too large.
    /// - `ENOENT`, `EACCES`, `ENOTDIR`, `ELOOP`: the file or the working directory cannot be used.
    /// - `ENOEXEC`: no binary format runs the file.
    /// - `EAGAIN`: the limit of processes is reached.
    /// - `ESRCH`: the kernel has been shut down.
    pub fn spawn(self: &Arc<Self>, mut options: SpawnOptions) -> Result<Arc<Process>> {
        options
            .credentials
            .get_or_insert_with(|| Credentials::user(USER_ID));
        // What keeps it from starting is nobody else's doing.
        act_for(Pid::from_raw(0), Pid::from_raw(0));
        let init = self.init();
        self.start_child(&init, options)
    }

    pub(crate) fn start_child(
        self: &Arc<Self>,
        parent: &Arc<Process>,
        options: SpawnOptions,
    ) -> Result<Arc<Process>> {
        self.check_argument_size(&options.argv, &options.envp)?;
        let credentials = match &options.credentials {
            None => parent.credentials().clone(),
            Some(wanted)
                if parent.credentials().privileged() || wanted == &**parent.credentials() =>
            {
                Arc::new(wanted.clone())
            }
            Some(_) => return Err(Errno::EPERM),
        };
        let mut fs = parent.fs.lock().clone();
        if let Some(umask) = options.umask {
            fs.umask = umask & 0o777;
        }
        let caller = Caller {
            pid: parent.pid(),
            credentials: credentials.clone(),
        };
        let mut at = At {
            root: fs.root.clone(),
            base: fs.cwd.clone(),
            caller,
        };
        if let Some(cwd) = &options.cwd {
            let dir = at.find(cwd, LastLink::Follow)?;
            if !dir.is_dir() {
                return Err(Errno::ENOTDIR);
            }
            check_permission(&*dir.inode, &credentials, X_OK)?;
            fs.cwd = dir.clone();
            at.base = dir;
        }
        let asked = (options.file.as_slice(), options.argv.as_slice());
        let find = || self.find_executable(&at, &options);
        let (program, binfmt) = self.find_guarded(parent, &fs, asked, find)?;
        let rlimits = *parent.rlimits.lock();
        let fds = self.child_fds(parent, &at, &options, fs.umask)?;
        let signals = if options.reset_signals {
            Default::default()
        } else {
            parent.signals.for_exec()
        };
        let new = NewProcess {
            pid: Pid::from_raw(0),
            origin: Pid::from_raw(0),
            credentials,
            image: Image {
                argv: program.argv,
                envp: options.envp,
                exe: program.image.path.clone(),
                comm: program.comm,
                title: None,
            },
            fs,
            fds,
            rlimits,
            signals,
            account: if parent.pid() == Pid::INIT {
                Arc::new(Account::new(options.terms))
            } else {
                parent.account().clone()
            },
            attachment: options.attachment,
        };
        let process = self.enter_table(parent, new, options.setsid, options.pgid)?;
        if options.setsid
            && let Err(errno) = adopt_terminal(&process, options.ctty, &options.file_actions)
        {
            self.discard(&process);
            return Err(errno);
        }
        let given = options
            .foreground
            .then(|| self.give_terminal(parent, &process))
            .flatten();
        // Before the program makes its first call.
        if self.trace.enabled() {
            let (image, file) = (process.image.lock().clone(), &program.image.path);
            process.emit_exec(file, &image.argv, image.envp.len(), Ok(()));
        }
        if let Err(errno) = binfmt.start(process.clone(), program.image) {
            if let Some((pty, before)) = given {
                pty.set_foreground(before);
            }
            self.discard(&process);
            return Err(errno);
        }
        Ok(process)
    }

    /// Makes a child's group the foreground of its parent's terminal; gives that and the group before. A parent in
    /// the background may not, but then whoever is in the foreground has decided.
    fn give_terminal(&self, parent: &Process, child: &Process) -> Option<(Arc<Pty>, Pid)> {
        let pty = parent.controlling_terminal()?;
        let before = pty.foreground()?;
        let table = self.table.lock();
        let (parent, child) = (table.row(parent.pid()).ok()?, table.row(child.pid()).ok()?);
        if parent.pgid != before || parent.sid != child.sid {
            return None;
        }
        pty.set_foreground(child.pgid);
        drop(table);
        Some((pty, before))
    }

    pub(crate) fn check_argument_size(
        &self,
        argv: &[Vec<u8>],
        envp: &[(Vec<u8>, Vec<u8>)],
    ) -> Result<()> {
        let limits = &self.vfs.limits;
        let argv_bytes: usize = argv.iter().map(|argument| argument.len() + 1).sum();
        let env_bytes: usize = envp
            .iter()
            .map(|(name, value)| name.len() + value.len() + 2)
            .sum();
        let checks = [
            ("maxProcessArgvBytes", limits.max_argv_bytes, argv_bytes),
            ("maxProcessEnvBytes", limits.max_env_bytes, env_bytes),
        ];
        for (limit, bound, used) in checks {
            if used > bound {
                self.vfs.ledger.record(limit, bound as u64, used as u64);
                return Err(Errno::E2BIG);
            }
        }
        Ok(())
    }

    /// Finds the program and the format that runs it, through `PATH` if asked to. As `execvp(3)` does, a
    /// search gives an executable in no known format to the shell.
    fn find_executable(
        &self,
        at: &At,
        options: &SpawnOptions,
    ) -> Result<(Program, Arc<dyn Binfmt>)> {
        if options.search_path {
            self.search_program(at, &options.file, &options.argv, &options.envp)
        } else {
            self.match_program(at, &options.file, &options.argv)
        }
    }

    /// Finds a program as `execvp(3)` does.
    pub(crate) fn search_program(
        &self,
        at: &At,
        file: &[u8],
        argv: &[Vec<u8>],
        envp: &[(Vec<u8>, Vec<u8>)],
    ) -> Result<(Program, Arc<dyn Binfmt>)> {
        if file.contains(&b'/') {
            return self.match_or_shell(at, file, argv);
        }
        if file.is_empty() {
            return Err(Errno::ENOENT);
        }
        let variable = envp.iter().find(|(name, _)| name == b"PATH");
        let path = variable.map_or(DEFAULT_PATH, |(_, value)| value);
        let mut denied = false;
        for dir in path.split(|byte| *byte == b':') {
            let dir = if dir.is_empty() { b"." } else { dir };
            match self.match_or_shell(at, &join(dir.to_vec(), file), argv) {
                Err(Errno::ENOENT | Errno::ENOTDIR) => {}
                Err(Errno::EACCES) => denied = true,
                found => return found,
            }
        }
        Err(if denied { Errno::EACCES } else { Errno::ENOENT })
    }

    fn match_or_shell(
        &self,
        at: &At,
        file: &[u8],
        argv: &[Vec<u8>],
    ) -> Result<(Program, Arc<dyn Binfmt>)> {
        let found = self.match_program(at, file, argv);
        if !matches!(found, Err(Errno::ENOEXEC)) {
            return found;
        }
        let mut shell = vec![b"sh".to_vec(), file.to_vec()];
        shell.extend(argv.iter().skip(1).cloned());
        self.match_program(at, b"/bin/sh", &shell)
            .map_err(|_| Errno::ENOEXEC)
    }

    pub(crate) fn match_program(
        &self,
        at: &At,
        file: &[u8],
        argv: &[Vec<u8>],
    ) -> Result<(Program, Arc<dyn Binfmt>)> {
        let program = self.vfs.find_program(at, file, argv)?;
        let binfmt = self.binfmt_for(&program.image).ok_or(Errno::ENOEXEC)?;
        Ok((program, binfmt))
    }

    fn binfmt_for(&self, image: &ExecImage) -> Option<Arc<dyn Binfmt>> {
        self.binfmts
            .read()
            .iter()
            .find(|binfmt| binfmt.matches(image))
            .cloned()
    }

    fn child_fds(
        &self,
        parent: &Arc<Process>,
        at: &At,
        options: &SpawnOptions,
        umask: u32,
    ) -> Result<FdTable> {
        let limit = parent.rlimits.lock()[Resource::RLIMIT_NOFILE as usize].soft;
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let mut fds = FdTable::default();
        let inherited: Vec<(Fd, FdEntry)> = parent
            .fds
            .lock()
            .iter()
            .map(|(fd, entry)| (fd, entry.clone()))
            .collect();
        for (fd, entry) in inherited {
            fds.install_at(fd, entry, usize::MAX)?;
        }
        for action in &options.file_actions {
            match action {
                FileAction::Open {
                    fd,
                    path,
                    flags,
                    mode,
                } => {
                    let request = OpenRequest {
                        flags: *flags,
                        mode: mode & !umask,
                    };
                    let file = self.vfs.open(at, path, request)?;
                    // Waiting for the other end of a FIFO is left to the program itself.
                    if !file.opened() {
                        return Err(Errno::EAGAIN);
                    }
                    fds.install_at(
                        *fd,
                        FdEntry {
                            file,
                            flags: FdFlags::empty(),
                        },
                        limit,
                    )?;
                }
                FileAction::Close(fd) => drop(fds.remove(*fd)),
                FileAction::Dup2 { oldfd, newfd } => {
                    let file = fds.entry(*oldfd)?.file.clone();
                    fds.install_at(
                        *newfd,
                        FdEntry {
                            file,
                            flags: FdFlags::empty(),
                        },
                        limit,
                    )?;
                }
            }
        }
        drop(fds.take_cloexec());
        for (fd, file) in &options.fds {
            fds.install_at(
                *fd,
                FdEntry {
                    file: file.clone(),
                    flags: FdFlags::empty(),
                },
                limit,
            )?;
        }
        Ok(fds)
    }

    /// Makes the process and its row in the table.
    pub(super) fn enter_table(
        self: &Arc<Self>,
        parent: &Arc<Process>,
        mut new: NewProcess,
        setsid: bool,
        pgid: Option<i32>,
    ) -> Result<Arc<Process>> {
        let mut table = self.table.lock();
        if self.is_down() {
            return Err(Errno::ESRCH);
        }
        if let Some(most) = new.account.terms().most_processes {
            let own = table.rows().filter(|(_, row)| {
                let account = row.process.account();
                Arc::ptr_eq(account, &new.account)
            });
            if own.count() >= most {
                return Err(Errno::EAGAIN);
            }
        }
        let limit = self.vfs.limits.max_processes;
        if table.len() >= limit {
            self.vfs
                .ledger
                .record("maxProcesses", limit as u64, table.len() as u64 + 1);
            return Err(Errno::EAGAIN);
        }
        let used = table.len() as u64 + 1;
        self.vfs.ledger.in_use("maxProcesses", limit as u64, used);
        let of_user = table
            .rows()
            .filter(|(_, row)| row.process.uid() == new.credentials.uid)
            .count() as u64;
        if !new.credentials.privileged()
            && of_user >= new.rlimits[Resource::RLIMIT_NPROC as usize].soft
        {
            return Err(Errno::EAGAIN);
        }
        let parent_row = table.row(parent.pid())?;
        if !parent.is_alive() {
            return Err(Errno::ESRCH);
        }
        let (parent_pgid, parent_sid) = (parent_row.pgid, parent_row.sid);
        let pid = table.allocate_pid();
        let sid = if setsid { pid } else { parent_sid };
        let pgid = match pgid {
            _ if setsid => pid,
            None => parent_pgid,
            Some(0) => pid,
            Some(group) => {
                let group = Pid::from_raw(group);
                if !table.group_in_session(group, sid) {
                    return Err(Errno::EPERM);
                }
                group
            }
        };
        new.pid = pid;
        new.origin = if parent.pid() == Pid::INIT {
            pid
        } else {
            parent.origin()
        };
        let process = Process::new(self, new);
        table.insert(
            pid,
            Row {
                process: process.clone(),
                ppid: parent.pid(),
                pgid,
                sid,
                state: ProcessState::Running,
                children: BTreeSet::new(),
                execed: false,
                unreported: None,
            },
        );
        Ok(process)
    }

    /// Takes back a process whose program did not start.
    pub(super) fn discard(&self, process: &Arc<Process>) {
        let row = self.table.lock().remove(process.pid());
        drop(row);
        process.terminate(crate::abi::wait::ExitStatus::Exited(127));
    }

    /// Makes init and the host's file agent.
    pub(crate) fn first_process(
        self: &Arc<Self>,
        pid: Pid,
        credentials: Credentials,
        fs: FsContext,
    ) -> Arc<Process> {
        Process::new(
            self,
            NewProcess {
                pid,
                origin: Pid::from_raw(0),
                credentials: Arc::new(credentials),
                image: Image {
                    argv: vec![b"init".to_vec()],
                    envp: Vec::new(),
                    exe: b"/sbin/init".to_vec(),
                    comm: b"init".to_vec(),
                    title: None,
                },
                fs,
                fds: FdTable::default(),
                rlimits: super::rlimit::initial(&self.vfs.limits),
                signals: Default::default(),
                account: Arc::default(),
                attachment: None,
            },
        )
    }
}
