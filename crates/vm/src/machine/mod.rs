//! One VM: its kernel and the programs that the host runs in it.

mod files;
mod filesystem;
mod guest_call;
mod process_list;
mod staged_code;
mod trace_flow;
mod trace_lines;
mod waiting;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use secure_exec_kernel::{
    Errno, Kernel, KernelConfig, Limits, Pid, ResourceCounts, Signal, SpawnOptions, Terminal,
    Winsize,
};
use secure_exec_node::host::Host;
use secure_exec_protocol::{
    CONTROL_IN, CONTROL_OUT, CallId, Cause, Failure, Limit, Program, ResourceSnapshot, STDERR,
    STDIN, STDOUT, Stdin, TerminalSize, VmConfig, VmId, VmMessage,
};

use crate::breaches;
use crate::failure::failure;
use crate::guests::{Guests, Returned};
use crate::host::Tools;
use crate::mailbox::{CallWaker, Mailbox};
use crate::system::{SystemClock, SystemRandom};
use files::Files;
use filesystem::Transfer;
use guest_call::{GuestCall, Parts};
use staged_code::StagedCode;
use trace_lines::TraceLines;
use waiting::WaitingPrograms;

pub(crate) use trace_flow::TraceFlow;
pub(crate) use trace_lines::Traced;

/// Environment that is the VM's own.
const ENVIRONMENT: [(&str, &str); 7] = [
    ("HOME", "/home/user"),
    ("PATH", "/usr/local/bin:/usr/bin:/bin"),
    ("USER", "user"),
    ("SHELL", "/bin/sh"),
    ("TMPDIR", "/tmp"),
    ("TERM", "xterm-256color"),
    ("LANG", "C.UTF-8"),
];

const WORKSPACE: &str = "/workspace";

/// Resolution of clocks unless the host asked for more.
const COARSE_NS: u32 = 1_000_000;

/// A VM.
pub(crate) struct Machine {
    pub(crate) kernel: Arc<Kernel>,
    pub(crate) files: Files,
    pub(crate) tools: Arc<Tools>,
    pub(crate) transfer: Transfer,
    pub(crate) calls: BTreeMap<CallId, GuestCall>,
    pub(crate) waiting: WaitingPrograms,
    pub(crate) config: VmConfig,
    /// Set for [`VmConfig::trace`].
    pub(crate) trace: Option<TraceFlow>,
    /// Code of programs that are about to be started.
    pub(crate) code: StagedCode,
    /// Calls of programs without a live handle that run.
    turns_taken: BTreeSet<CallId>,
    id: VmId,
}

impl Machine {
    /// Boots.
    pub(crate) fn boot(
        id: VmId,
        config: VmConfig,
        guests: &mut dyn Guests,
        mailbox: &Arc<Mailbox>,
    ) -> Result<Machine, Failure> {
        let kernel_config = kernel_config(&config);
        let ledger = kernel_config.ledger.clone();
        let too_small = |failure| too_small(breaches::named(failure, &ledger.take()));
        let kernel =
            Kernel::boot(kernel_config).map_err(|errno| too_small(failure(errno, "boot", b"")))?;
        let tools = Tools::install(id, &kernel, &config.limits, mailbox);
        let host: Arc<dyn Host> = tools.clone();
        guests
            .install(id, &kernel, &config, mailbox, &host)
            .map_err(|message| {
                too_small(Failure {
                    code: "ERR_VM_START".into(),
                    message,
                    ..Failure::default()
                })
            })?;
        let files = Files::new(kernel.file_agent());
        tools.register(&kernel, config.tools.clone())?;
        let trace = config.trace.then(|| {
            let lines = TraceLines::new(id, mailbox);
            kernel.set_tracer(Some(lines.clone()));
            TraceFlow::new(lines)
        });
        Ok(Machine {
            kernel,
            tools,
            files,
            transfer: Transfer::default(),
            calls: BTreeMap::new(),
            waiting: WaitingPrograms::default(),
            config,
            trace,
            code: StagedCode::default(),
            turns_taken: BTreeSet::new(),
            id,
        })
    }

    /// Starts a program.
    pub(crate) fn spawn(
        &mut self,
        call: CallId,
        program: Program,
        guests: &dyn Guests,
        mailbox: &Arc<Mailbox>,
    ) -> Result<VmMessage, Failure> {
        match &program.cwd {
            Some(cwd) => {
                let found = self.kernel.file_agent().stat(cwd.as_bytes());
                found
                    .and_then(|stat| stat.is_dir().then_some(()).ok_or(Errno::ENOTDIR))
                    .map_err(|errno| failure(errno, "chdir", cwd.as_bytes()))?;
            }
            // Should it have been removed, there is an empty one again.
            None => {
                let cwd = self.config.cwd.as_deref().unwrap_or(WORKSPACE);
                self.files.make_working_directory(cwd.as_bytes())?;
            }
        }
        let name = program.argv.first().cloned().unwrap_or_default();
        let (stdin, announce) = (program.stdin.clone(), program.announce);
        let started = self.start(call, program, guests, mailbox);
        let mut guest = started.map_err(|errno| {
            let failed = failure(errno, "spawn", name.as_bytes());
            breaches::named(failed, &self.kernel.take_limit_breaches_of(None))
        })?;
        match stdin {
            Stdin::Whole(data) => guest.feed(STDIN, data, true),
            Stdin::Stream => {}
        }
        let pid = guest.process.pid().raw();
        self.calls.insert(call, guest);
        if !announce {
            self.turns_taken.insert(call);
        }
        Ok(VmMessage::Started { pid })
    }

    /// Completes a program whose code came in pieces.
    ///
    /// # Errors
    /// There was no memory for it.
    pub(crate) fn take_code(&mut self, call: CallId, program: &mut Program) -> Result<(), Failure> {
        let Some(code) = &mut program.code else {
            return Ok(());
        };
        let bound = self.config.limits.max_memory_bytes;
        let staged = self.code.take(call).map_err(|size| Failure {
            code: "ERR_RESOURCE_LIMIT".into(),
            message: "There is no memory for the code of the program".into(),
            limit: Some(Box::new(breaches::no_room(bound, size))),
            ..Failure::default()
        })?;
        if let Some(mut whole) = staged {
            whole.append(code);
            *code = whole;
        }
        Ok(())
    }

    /// Whether a program has to wait until another one ends.
    pub(crate) fn is_crowded(&self) -> bool {
        self.turns_taken.len() >= WaitingPrograms::turns(self.config.limits.max_memory_bytes)
    }

    /// Forgets a program that has ended.
    pub(crate) fn finish(&mut self, call: CallId) {
        self.calls.remove(&call);
        self.turns_taken.remove(&call);
    }

    fn start(
        &self,
        call: CallId,
        program: Program,
        guests: &dyn Guests,
        mailbox: &Arc<Mailbox>,
    ) -> Result<GuestCall, Errno> {
        let (mut inputs, mut outputs, mut fds) = (Vec::new(), Vec::new(), Vec::new());
        let mut in_streams = vec![STDIN];
        let mut out_streams = vec![STDOUT, STDERR];
        let mut terminal = None;
        if let Some(size) = program.terminal {
            let (master, slave) = self.kernel.open_pty(winsize(size))?;
            fds.extend((0..3).map(|fd| (fd, slave.clone())));
            inputs.push((STDIN, master.clone()));
            outputs.push((STDOUT, master.clone()));
            terminal = Terminal::of(&master).map(|terminal| terminal.pty().clone());
            in_streams.clear();
            out_streams.clear();
        }
        if program.control {
            in_streams.push(CONTROL_IN);
            out_streams.push(CONTROL_OUT);
        }
        for stream in in_streams {
            let (read, write) = self.kernel.pipe()?;
            fds.push((i32::from(stream), read));
            inputs.push((stream, write));
        }
        for stream in out_streams {
            let (read, write) = self.kernel.pipe()?;
            fds.push((i32::from(stream), write));
            outputs.push((stream, read));
        }
        let returned = program.returns.then(|| Arc::new(Returned::default()));
        let cwd = program.cwd.as_ref().or(self.config.cwd.as_ref());
        let argv: Vec<Vec<u8>> = program.argv.into_iter().map(String::into_bytes).collect();
        let started = Instant::now();
        let process = self.kernel.spawn(SpawnOptions {
            file: argv.first().cloned().unwrap_or_default(),
            search_path: true,
            argv,
            envp: self.environment(&program.env),
            cwd: Some(cwd.map_or(WORKSPACE.as_bytes(), String::as_bytes).to_vec()),
            fds,
            setsid: true,
            ctty: terminal.is_some().then_some(0),
            attachment: guests.attachment(program.code, returned.clone(), program.control),
            ..SpawnOptions::default()
        })?;
        Ok(GuestCall::new(Parts {
            process,
            waker: CallWaker::new(mailbox.clone(), self.id, call),
            outputs,
            inputs,
            terminal,
            streaming: program.streaming,
            returned,
            value_bound: self.config.limits.return_value_bytes,
            deadline: self.deadline(program.timeout_ms),
            started,
            lingers: guests.reports_ends(),
        }))
    }

    /// The sooner one of the call's timeout and the VM's own limit.
    fn deadline(&self, timeout_ms: Option<u64>) -> Option<(Duration, Cause)> {
        match (timeout_ms, self.config.limits.wall_clock_ms) {
            (Some(timeout), limit) if limit.is_none_or(|limit| timeout <= limit) => {
                Some((Duration::from_millis(timeout), Cause::TimedOut))
            }
            (_, Some(bound)) => {
                let limit = Limit {
                    name: "limits.jsRuntime.wallClockLimitMs".into(),
                    bound,
                    used: bound,
                };
                Some((Duration::from_millis(bound), Cause::Limit(limit)))
            }
            _ => None,
        }
    }

    fn environment(&self, own: &[(String, String)]) -> Vec<(Vec<u8>, Vec<u8>)> {
        let mut merged: Vec<(&str, &str)> = ENVIRONMENT.to_vec();
        for (name, value) in self.config.env.iter().chain(own) {
            match merged.iter_mut().find(|(known, _)| known == name) {
                Some(entry) => entry.1 = value,
                None => merged.push((name, value)),
            }
        }
        merged
            .into_iter()
            .map(|(name, value)| (name.into(), value.into()))
            .collect()
    }

    /// Signals a program of the host's. SIGKILL takes along what it started and what is still in its session.
    pub(crate) fn signal(&self, call: CallId, signal: u8) {
        let Some(guest) = self.calls.get(&call) else {
            return;
        };
        let Some(signal) = Signal::from_raw(signal.into()) else {
            return;
        };
        self.kill(guest.process.pid(), signal);
    }

    /// Changes the size of a program's terminal.
    pub(crate) fn resize(&self, call: CallId, size: TerminalSize) {
        if let Some(pty) = self
            .calls
            .get(&call)
            .and_then(|guest| guest.terminal.as_ref())
        {
            pty.set_winsize(winsize(size));
        }
    }

    fn kill(&self, pid: Pid, signal: Signal) {
        if signal == Signal::SIGKILL {
            self.kernel.kill_session(pid);
        } else {
            // ESRCH: it has ended by itself.
            let _ = self.kernel.init().kill(pid.raw(), signal);
        }
    }

    /// Kills programs that are past their time.
    ///
    /// Gives back those that had not even started.
    pub(crate) fn expire(&mut self, now: Instant) -> Vec<CallId> {
        let mut expired = Vec::new();
        for guest in self.calls.values_mut() {
            if guest.deadline.is_some_and(|deadline| deadline <= now) {
                guest.deadline = None;
                guest.cause = Some(guest.deadline_cause.clone());
                expired.push(guest.process.pid());
            }
        }
        for pid in expired {
            self.kill(pid, Signal::SIGKILL);
        }
        self.waiting.expire(now)
    }

    /// The next time at which `expire` has something to do.
    pub(crate) fn next_deadline(&self) -> Option<Instant> {
        let running = self.calls.values().filter_map(|guest| guest.deadline);
        running.chain(self.waiting.next_deadline()).min()
    }

    pub(crate) fn call_of(&mut self, pid: Pid) -> Option<(CallId, &mut GuestCall)> {
        let mut calls = self.calls.iter_mut();
        calls
            .find(|(_, guest)| guest.process.pid() == pid)
            .map(|(call, guest)| (*call, guest))
    }

    /// The call whose program a process descends from, if that still runs.
    pub(crate) fn call_of_descendant(&self, pid: Pid) -> Option<CallId> {
        let origin = self.kernel.process(pid)?.origin();
        let mut calls = self.calls.iter();
        calls.find_map(|(call, guest)| (guest.process.pid() == origin).then_some(*call))
    }

    /// Counts without what is only in the hands of the dead. Whoever kills a process ends it at once; its thread,
    /// which may be inside a system call with a file, notices when it comes to run.
    fn settled_counts(&self) -> ResourceCounts {
        let deadline = Instant::now() + LETTING_GO;
        loop {
            let counts = self.kernel.resource_counts();
            let held = counts.ptys + counts.pipes + counts.sockets > 0;
            let abandoned = held && counts.processes == 0 && self.calls.is_empty();
            if !abandoned || Instant::now() >= deadline {
                return counts;
            }
            std::thread::sleep(Duration::from_micros(100));
        }
    }

    pub(crate) fn resources(&self, heap_bytes: u64) -> ResourceSnapshot {
        let counts = self.settled_counts();
        ResourceSnapshot {
            processes: counts.processes as u64,
            zombies: counts.zombies as u64,
            fds: counts.fds as u64,
            pipes: counts.pipes as u64,
            sockets: counts.sockets as u64,
            ptys: counts.ptys as u64,
            filesystem_bytes: counts.filesystem_bytes,
            inodes: counts.inodes,
            heap_bytes,
            ..ResourceSnapshot::default()
        }
    }
}

/// Longest wait for threads that have nothing more to do than to let go.
const LETTING_GO: Duration = Duration::from_millis(100);

/// Has a failure that a limit caused say so: what failed first for want of it is by chance.
fn too_small(failure: Failure) -> Failure {
    let Some(limit) = &failure.limit else {
        return failure;
    };
    let message = format!(
        "{} is {}, and the machine itself needs more",
        limit.name, limit.bound
    );
    Failure {
        code: "ERR_RESOURCE_LIMIT".into(),
        message,
        ..failure
    }
}

fn winsize(size: TerminalSize) -> Winsize {
    Winsize {
        rows: size.rows,
        cols: size.cols,
        ..Winsize::default()
    }
}

fn kernel_config(config: &VmConfig) -> KernelConfig {
    let limits = &config.limits;
    let count = |value: u64| usize::try_from(value).unwrap_or(usize::MAX);
    let resolution = if config.high_resolution_time {
        1
    } else {
        COARSE_NS
    };
    KernelConfig {
        limits: Limits {
            max_processes: count(limits.max_processes),
            max_open_fds: count(limits.max_open_fds),
            max_pipes: count(limits.max_pipes),
            max_ptys: count(limits.max_ptys),
            max_sockets: count(limits.max_sockets),
            max_filesystem_bytes: limits.max_filesystem_bytes,
            max_inodes: limits.max_inodes,
            max_file_bytes: limits.max_file_bytes,
            max_argv_bytes: count(limits.max_argv_bytes),
            max_env_bytes: count(limits.max_env_bytes),
            ..Limits::default()
        },
        clock: Arc::new(SystemClock::new(resolution)),
        random: Arc::new(SystemRandom),
        cpu_count: limits.cpu_count as usize,
        memory_bytes: limits.max_memory_bytes,
        ..KernelConfig::default()
    }
}
